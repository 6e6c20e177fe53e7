/* A NIC that is ours alone. The kernel's share of its traffic goes through a tap of ours, which has
 * the NIC's MAC address and the host's IP addresses. */
#include "qos/device_private.h"

#include <errno.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "conf/log.h"
#include "qos/exception.h"

/* Found when EAL started, or now. */
static int nic_find(const struct device_config *config, uint16_t *ethdev)
{
	if (rte_eth_dev_get_port_by_name(config->pci_address, ethdev) == 0)
		return 0;
	int rc = rte_dev_probe(config->pci_address);
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(config->pci_address, ethdev);
	return rc ? device_fault(config, "no driver of ours has this NIC (bind it to vfio-pci)", rc)
		  : 0;
}

static int queues_check(const struct device_config *config, const struct device_setup *setup)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(setup->ethdev, &info);
	if (rc != 0)
		return device_fault(config, "cannot ask the NIC", rc);
	if (info.max_rx_queues >= setup->n_rx && info.max_tx_queues >= setup->n_tx)
		return 0;
	log_error(LOG_PORT, "the NIC has too few queues: lower node.workers",
		  "\"pci\":\"%s\",\"rx_queues\":%u,\"rx_needed\":%u,\"tx_queues\":%u,"
		  "\"tx_needed\":%u",
		  config->pci_address, info.max_rx_queues, setup->n_rx, info.max_tx_queues,
		  setup->n_tx);
	return -ERANGE;
}

/* With interrupts if the driver has them for single queues, else without: then it is polled. */
static int nic_configure(struct device *device, struct device_setup *setup)
{
	setup->has_interrupts = true;
	int rc = device_configure(device, setup);
	if (rc != 0) {
		setup->has_interrupts = false;
		rc = device_configure(device, setup);
	}
	for (uint16_t q = 0; q < setup->n_rx && rc == 0; q++)
		rc = device_rx_setup(setup, q);
	return rc ? rc : device_start(setup);
}

static void queues_fill(struct device *device, const struct device_config *config,
			const struct device_setup *setup)
{
	device->has_interrupts = setup->has_interrupts;
	device->n_rx = setup->n_rx;
	for (uint16_t q = 0; q < setup->n_rx; q++) {
		device->rx[q].at = (struct device_queue){setup->ethdev, q};
		if (setup->has_interrupts)
			device->rx[q].fd = rte_eth_dev_rx_intr_ctl_q_get_fd(setup->ethdev, q);
		if (device->rx[q].fd < 0)
			device->has_interrupts = false;
	}
	for (unsigned int w = 0; w < config->n_workers + config->has_send_queue; w++)
		device->tx[w] = (struct device_queue){setup->ethdev, (uint16_t)w};
}

int device_pci_open(struct device *device, const struct device_config *config)
{
	struct rte_ether_addr mac;
	struct device_setup setup = {
		.n_rx = (uint16_t)config->n_workers,
		.n_tx = (uint16_t)(config->n_workers + config->has_send_queue),
		.pool = config->pool,
	};
	int rc = nic_find(config, &setup.ethdev);
	if (rc != 0)
		return rc;
	device->ethdevs[device->n_ethdevs++] = setup.ethdev;
	rc = queues_check(config, &setup);
	if (rc != 0)
		return rc;
	rc = nic_configure(device, &setup);
	if (rc == 0)
		rc = rte_eth_macaddr_get(setup.ethdev, &mac);
	if (rc != 0)
		return device_fault(config, "cannot set up the NIC", rc);
	queues_fill(device, config, &setup);
	/* Neighbour discovery asks groups; a NIC that cannot filter them hears them anyway. */
	rte_eth_allmulticast_enable(setup.ethdev);
	device->frame_bytes_max = (uint16_t)(device_mtu(device) + RTE_ETHER_HDR_LEN + 4);
	struct exception_config exception = {
		.interface = config->interface, .mtu = device_mtu(device), .pool = config->pool};
	memcpy(exception.mac, &mac, sizeof(exception.mac));
	return exception_open(&exception, &device->exception);
}
