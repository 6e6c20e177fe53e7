/* The port over DPDK's drivers: opening and closing, on the control thread. The parts: the device
 * (device.h) moves frames, frame.h reads and writes them, path_mtu.h knows what a path takes,
 * reservation.h holds the kernel off our UDP port. ARP, neighbour discovery, ICMP and TCP stay the
 * kernel's in every mode; where a peer is on the link, the frames tell that come from it.
 *
 * With a send queue all leaves by that one, and the workers' queues only receive: so a driver that
 * has as many queues to send as to receive needs none to spare. */
#include "qos/port_ethdev.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "conf/log.h"

static void port_ethdev_close(struct port *base)
{
	struct port_ethdev *port = port_ethdev(base);
	ethdev_device_close(port);
	ethdev_listen_close(port);
	for (unsigned int q = 0; q < port->port.n_queues; q++)
		if (port->queues[q].epoll_fd >= 0)
			close(port->queues[q].epoll_fd);
	free((char *)(uintptr_t)port->config.interface);
	free((char *)(uintptr_t)port->config.pci_address);
	free(port);
}

static int port_ethdev_fd(const struct port *base, unsigned int queue)
{
	const struct port_ethdev *port = port_ethdev(base);
	return port->can_wait ? port->queues[queue].epoll_fd : -1;
}

/* A NIC's queue: its interrupt is switched on, and what it told before is taken off. False when
 * frames came in before that. */
static bool rx_arm(const struct device_rx *rx)
{
	uint64_t events;
	if (read(rx->fd, &events, sizeof(events)) < 0 && errno != EAGAIN)
		return false;
	rte_eth_dev_rx_intr_enable(rx->at.ethdev, rx->at.queue);
	return rte_eth_rx_queue_count(rx->at.ethdev, rx->at.queue) <= 0;
}

/* A packet socket whose interface goes down says so as an error, which would wake the worker until
 * somebody asks for it. */
static void error_take(int fd)
{
	int error;
	socklen_t size = sizeof(error);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

static bool port_ethdev_fd_arm(struct port *base, unsigned int index)
{
	struct port_ethdev *port = port_ethdev(base);
	struct device *device = ethdev_enter(port, &port->queues[index]);
	bool may_wait = true;
	for (unsigned int i = index; device && index < port->n_workers && i < device->n_rx;
	     i += port->n_workers) {
		if (device->has_interrupts)
			may_wait = rx_arm(&device->rx[i]) && may_wait;
		else if (device->rx[i].fd >= 0)
			error_take(device->rx[i].fd);
	}
	ethdev_leave(&port->queues[index]);
	return may_wait;
}

static const struct port_counters *port_ethdev_counters(const struct port *port, unsigned int queue)
{
	return &port_ethdev(port)->queues[queue].counters;
}

static const struct port_ops port_ethdev_ops = {
	.close = port_ethdev_close,
	.check_link = ethdev_check_link,
	.datagram_max = port_ethdev_datagram_max,
	.fd_arm = port_ethdev_fd_arm,
	.fd = port_ethdev_fd,
	.rx_burst = port_ethdev_rx_burst,
	.tx_burst = port_ethdev_tx_burst,
	.counters = port_ethdev_counters,
};

static int config_check(const struct port_config *config)
{
	bool is_pci = config->kind == PORT_PCI;
	if (config->n_queues == 0 || config->n_queues + config->has_send_queue > PORT_QUEUES_MAX ||
	    config->n_listen == 0 || config->n_listen > PORT_ADDRESSES_MAX)
		return -EINVAL;
	if (config->interface && interface_is_name(config->interface) &&
	    (!is_pci || config->pci_address))
		return 0;
	log_error(LOG_PORT, "the port wants a network interface",
		  "\"mode\":\"%s\",\"interface\":\"%s\",\"pci\":\"%s\"",
		  port_kind_names[config->kind], config->interface ? config->interface : "",
		  config->pci_address ? config->pci_address : "");
	return -EINVAL;
}

static struct port_ethdev *port_ethdev_alloc(const struct port_config *config)
{
	unsigned int n_queues = config->n_queues + config->has_send_queue;
	size_t bytes = sizeof(struct port_ethdev) + n_queues * sizeof(struct ethdev_queue);
	struct port_ethdev *port = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	uint64_t seed = 0;
	if (!port)
		return NULL;
	memset(port, 0, bytes);
	port->port.ops = &port_ethdev_ops;
	port->port.n_queues = n_queues;
	port->n_workers = config->n_queues;
	port->config = (struct device_config){
		.kind = config->kind,
		.interface = strdup(config->interface),
		.pci_address = config->pci_address ? strdup(config->pci_address) : NULL,
		.n_workers = config->n_queues,
		.has_send_queue = config->has_send_queue,
		.pool = config->pool,
	};
	if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = (uint64_t)(uintptr_t)port;
	path_mtu_init(&port->paths, seed);
	for (unsigned int q = 0; q < n_queues; q++)
		port->queues[q].epoll_fd = -1;
	return port;
}

static int queues_open(struct port_ethdev *port)
{
	if (!port->config.interface)
		return -ENOMEM;
	for (unsigned int q = 0; q < port->port.n_queues; q++) {
		port->queues[q].epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		if (port->queues[q].epoll_fd < 0)
			return -errno;
	}
	return 0;
}

/* A PCI NIC's interface is the tap, which comes with the device. */
static int parts_open(struct port_ethdev *port, const struct port_config *config)
{
	int rc = queues_open(port);
	if (rc == 0 && config->kind == PORT_PCI)
		rc = ethdev_device_open(port); /* says itself what it lacks */
	if (rc != 0)
		return rc;
	rc = interface_read(config->interface, &port->interface);
	if (rc != 0) {
		log_error(LOG_PORT, "no such network interface",
			  "\"interface\":\"%s\",\"error\":\"%s\"", config->interface,
			  strerror(-rc));
		return rc;
	}
	rc = ethdev_listen_open(port, config);
	port->config.udp_port = port->port.udp_port;
	if (rc == 0 && config->kind != PORT_PCI)
		rc = ethdev_device_open(port);
	return rc;
}

int port_ethdev_open(const struct port_config *config, struct port **out)
{
	static_assert(sizeof(struct port_ethdev) % RTE_CACHE_LINE_SIZE == 0,
		      "aligned_alloc's rule");
	int rc = config_check(config);
	if (rc != 0)
		return rc;
	struct port_ethdev *port = port_ethdev_alloc(config);
	if (!port)
		return -ENOMEM;
	rc = parts_open(port, config);
	if (rc != 0) {
		port_ethdev_close(&port->port);
		return rc;
	}
	if (!port->can_wait)
		log_warn(LOG_PORT, "the driver gives nothing to wait for: idle workers nap",
			 "\"mode\":\"%s\"", port_kind_names[config->kind]);
	*out = &port->port;
	return 0;
}
