/* What all kinds of devices have in common: configuration by what the driver offers, start, stop,
 * counting what was lost, and finding the drivers' file descriptors.
 *
 * Of the last: net_af_xdp and net_af_packet of DPDK 22.11 keep their sockets to themselves, yet an
 * idle worker must be able to sleep until frames come. So the descriptors that come to be while a
 * driver sets up one queue are looked for, by socket family. Only the control thread opens such
 * sockets. Where none is found the port is polled, which costs naps of a millisecond. */
#include "qos/device_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "conf/log.h"
#include "qos/exception.h"
#include "qos/xdp.h"
#include "qos/xdp_rings.h"

#define RX_RING 2048
#define TX_RING 1024

int device_fault(const struct device_config *config, const char *what, int rc)
{
	log_error(LOG_PORT, what,
		  "\"mode\":\"%s\",\"interface\":\"%s\",\"pci\":\"%s\",\"error\":\"%s\"",
		  port_kind_names[config->kind], config->interface ? config->interface : "",
		  config->pci_address ? config->pci_address : "", strerror(-rc));
	return rc;
}

static bool is_of_bpf(int fd)
{
	char path[32], name[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return false;
	name[n] = '\0';
	return strncmp(name, "anon_inode:b", 12) == 0 &&
	       (strstr(name, "bpf") || strstr(name, "btf"));
}

static bool is_of_family(int fd, int family)
{
	int domain = -2;
	if (family == DEVICE_FDS_BPF)
		return is_of_bpf(fd);
	socklen_t size = sizeof(domain);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == family;
}

static int fds_end(const struct device_fds *fds)
{
	struct rlimit limit;
	int end = (int)(sizeof(fds->bits) * 8);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)end)
		end = (int)limit.rlim_cur;
	return end;
}

void device_fds_before(struct device_fds *fds, int family)
{
	*fds = (struct device_fds){.family = family};
	for (int fd = 0, end = fds_end(fds); fd < end; fd++)
		if (is_of_family(fd, family))
			fds->bits[fd / 64] |= UINT64_C(1) << fd % 64;
}

int device_fds_new(const struct device_fds *fds, ino_t *inode)
{
	struct stat status;
	int found = -1;
	for (int fd = 0, end = fds_end(fds); fd < end; fd++) {
		if ((fds->bits[fd / 64] >> fd % 64 & 1) || !is_of_family(fd, fds->family))
			continue;
		if (found >= 0)
			return -1;
		found = fd;
	}
	if (found < 0 || fstat(found, &status) != 0)
		return -1;
	*inode = status.st_ino;
	return found;
}

void device_fds_keep_new(struct device_fds *fds)
{
	struct device_fds now;
	device_fds_before(&now, fds->family);
	for (size_t i = 0; i < RTE_DIM(now.bits); i++)
		fds->bits[i] = now.bits[i] & ~fds->bits[i];
}

void device_fds_close(const struct device_fds *fds)
{
	for (int fd = 0, end = fds_end(fds); fd < end; fd++)
		if (fds->bits[fd / 64] >> fd % 64 & 1)
			close(fd);
}

/* Of what is offered: checksums and tags, both ways; RSS over UDP flows when there are several
 * queues. */
static void offloads_choose(struct device *device, const struct rte_eth_dev_info *info,
			    const struct device_setup *setup, struct rte_eth_conf *conf)
{
	const uint64_t tx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	const uint64_t rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
			    RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	const uint64_t hash = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP |
			      RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
	device->has_tx_checksums = (info->tx_offload_capa & tx) == tx;
	conf->txmode.offloads = device->has_tx_checksums ? tx : 0;
	conf->rxmode.offloads = info->rx_offload_capa & rx;
	if (setup->n_rx > 1 && (info->flow_type_rss_offloads & hash)) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & hash;
	}
	if (setup->has_interrupts)
		conf->intr_conf.rxq = 1;
	if (*info->dev_flags & RTE_ETH_DEV_INTR_RMV)
		conf->intr_conf.rmv = 1;
}

int device_configure(struct device *device, const struct device_setup *setup)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = {0};
	uint16_t n_rx_slots = RX_RING, n_tx_slots = TX_RING;
	int rc = rte_eth_dev_info_get(setup->ethdev, &info);
	if (rc != 0)
		return rc;
	offloads_choose(device, &info, setup, &conf);
	rc = rte_eth_dev_configure(setup->ethdev, setup->n_rx, setup->n_tx, &conf);
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(setup->ethdev, &n_rx_slots, &n_tx_slots);
	for (uint16_t q = 0; q < setup->n_tx && rc == 0; q++)
		rc = rte_eth_tx_queue_setup(setup->ethdev, q, n_tx_slots,
					    (unsigned int)SOCKET_ID_ANY, NULL);
	return rc;
}

int device_rx_setup(const struct device_setup *setup, uint16_t queue)
{
	uint16_t n_slots = RX_RING;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(setup->ethdev, &n_slots, NULL);
	return rc ? rc
		  : rte_eth_rx_queue_setup(setup->ethdev, queue, n_slots,
					   (unsigned int)SOCKET_ID_ANY, NULL, setup->pool);
}

int device_start(const struct device_setup *setup)
{
	return rte_eth_dev_start(setup->ethdev);
}

static int kind_open(struct device *device, const struct device_config *config)
{
	switch (config->kind) {
	case PORT_AF_XDP:
		return device_af_xdp_open(device, config);
	case PORT_AF_PACKET:
		return device_af_packet_open(device, config);
	case PORT_PCI:
		return device_pci_open(device, config);
	default:
		return -ENOTSUP;
	}
}

int device_open(const struct device_config *config, struct device **out)
{
	struct device *device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->kind = config->kind;
	device->pool = config->pool;
	for (unsigned int i = 0; i < DEVICE_RX_MAX; i++)
		device->rx[i].fd = -1;
	int rc = kind_open(device, config);
	if (rc != 0) {
		device_close(device);
		return rc;
	}
	*out = device;
	return 0;
}

/* net_af_xdp of DPDK 22.11 closes the socket of its first queue alone: the others would keep their
 * queues of the interface for as long as the process lives. */
static void close_left_behind(struct device *device)
{
	for (unsigned int i = 0; i < device->n_rx; i++) {
		struct device_rx *rx = &device->rx[i];
		struct stat status;
		if (rx->fd >= 0 && device->kind == PORT_AF_XDP && is_of_family(rx->fd, AF_XDP) &&
		    fstat(rx->fd, &status) == 0 && status.st_ino == rx->inode)
			close(rx->fd);
		if (rx->rings)
			xdp_rings_reclaim(rx->rings, device->pool);
		free(rx->rings);
		*rx = (struct device_rx){.fd = -1};
	}
}

static void ethdev_close(const struct device *device, uint16_t ethdev)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	if (rte_eth_dev_get_name_by_port(ethdev, name) != 0)
		return;
	rte_eth_dev_stop(ethdev);
	if (device->kind == PORT_PCI)
		rte_eth_dev_close(ethdev);
	else
		rte_eal_hotplug_remove("vdev", name);
}

void device_ethdevs_close(struct device *device)
{
	for (unsigned int i = 0; i < device->n_ethdevs; i++)
		ethdev_close(device, device->ethdevs[i]);
	close_left_behind(device);
	device->n_ethdevs = 0;
	device->n_rx = 0;
}

void device_close(struct device *device)
{
	if (!device)
		return;
	xdp_steer_destroy(device->steer);
	exception_close(device->exception);
	device_ethdevs_close(device);
	free(device);
}

/* The kernel's count of an AF_PACKET socket starts anew whenever it is read. */
static uint64_t packet_lost(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);
	if (fd < 0 || getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0)
		return 0;
	return stats.tp_drops;
}

static uint64_t pci_lost(const struct device *device)
{
	struct rte_eth_stats stats;
	if (rte_eth_stats_get(device->ethdevs[0], &stats) != 0)
		return device->n_lost;
	return stats.imissed + stats.rx_nombuf;
}

uint64_t device_lost(struct device *device)
{
	uint64_t lost = 0;
	for (unsigned int i = 0; i < device->n_rx; i++) {
		if (device->kind == PORT_AF_PACKET)
			device->n_lost += packet_lost(device->rx[i].fd);
		else if (device->kind == PORT_AF_XDP && device->rx[i].fd >= 0)
			lost += xdp_rings_lost(device->rx[i].fd);
	}
	if (device->kind == PORT_AF_XDP)
		device->n_lost = lost;
	else if (device->kind == PORT_PCI)
		device->n_lost = pci_lost(device);
	return device->n_lost;
}

bool device_is_there(const struct device *device)
{
	return rte_eth_dev_is_removed(device->ethdevs[0]) == 0;
}

bool device_is_up(const struct device *device)
{
	struct rte_eth_link link = {0};
	return rte_eth_link_get_nowait(device->ethdevs[0], &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

uint16_t device_mtu(const struct device *device)
{
	uint16_t mtu = 0;
	return rte_eth_dev_get_mtu(device->ethdevs[0], &mtu) == 0 ? mtu : RTE_ETHER_MTU;
}
