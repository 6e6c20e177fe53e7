/* net_af_xdp: frames of our port come straight from the NIC's receive queues into our packets; all
 * others stay the kernel's. Every receive queue of the interface has a socket, since a flow's queue
 * is the NIC's choice, and a worker serves one or several. The driver wants as many queues to send
 * as to receive. */
#include "qos/device_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "conf/log.h"
#include "qos/interface.h"
#include "qos/xdp.h"
#include "qos/xdp_probe.h"
#include "qos/xdp_rings.h"

#define FILL_PACKETS 2048 /* per queue, lent to the kernel to receive into */

/* A queue whose socket was just closed is free a moment later: the kernel tidies up in a work
 * queue. The driver must not find it taken: it would lose what it meant to fill it with. */
#define OPEN_ATTEMPTS 50
#define OPEN_WAIT_US  20000

/* The driver hands the pool to the kernel as one piece, from its first byte on, in chunks that fit
 * a page; a pool in several pieces would be read beside its packets. */
static int pool_check(const struct device_config *config, unsigned int n_queues)
{
	const struct rte_mempool *pool = config->pool;
	if (pool->nb_mem_chunks != 1) {
		log_error(LOG_PORT, "the packet pool is not one piece of memory: raise memory_mb",
			  "\"pieces\":%u", pool->nb_mem_chunks);
		return -ENOMEM;
	}
	if (rte_mempool_avail_count(pool) < 2 * n_queues * FILL_PACKETS) {
		log_error(LOG_PORT, "too few packets: half of them go to the NIC's receive queues",
			  "\"packets\":%u,\"needed\":%u,\"queues\":%u",
			  rte_mempool_avail_count(pool), 2 * n_queues * FILL_PACKETS, n_queues);
		return -ENOBUFS;
	}
	return 0;
}

static int queues_check(const struct device_config *config, unsigned int n_queues)
{
	unsigned int n_possible = interface_xdp_queues(config->interface);
	if (n_queues > n_possible) {
		log_error(
			LOG_PORT,
			"net_af_xdp opens combined queues alone, and what the others receive would "
			"be lost",
			"\"interface\":\"%s\",\"queues\":%u,\"possible\":%u,"
			"\"command\":\"ethtool -L %s rx 1\"",
			config->interface, n_queues, n_possible, config->interface);
		return -ERANGE;
	}
	if (n_queues >= config->n_workers && n_queues <= DEVICE_RX_MAX)
		return pool_check(config, n_queues);
	log_error(LOG_PORT, "each worker needs a receive queue of the NIC",
		  "\"interface\":\"%s\",\"queues\":%u,\"workers\":%u,\"most\":%u,"
		  "\"command\":\"ethtool -L %s combined %u\"",
		  config->interface, n_queues, config->n_workers, DEVICE_RX_MAX, config->interface,
		  config->n_workers);
	return -ERANGE;
}

/* Without its socket a queue is polled, and its packets are lost when it closes. */
static int queue_look_into(struct device_rx *rx, const struct device_fds *fds)
{
	rx->fd = device_fds_new(fds, &rx->inode);
	rx->rings = calloc(1, sizeof(*rx->rings));
	if (!rx->rings)
		return -ENOMEM;
	int rc = rx->fd < 0 ? -ENOENT : xdp_rings_map(rx->fd, rx->rings);
	if (rc != 0)
		log_warn(LOG_PORT, "an AF_XDP socket's rings are not to be seen",
			 "\"error\":\"%s\"", strerror(-rc));
	return 0;
}

static int queues_setup(struct device *device, const struct device_config *config,
			const struct device_setup *setup)
{
	int rc = device_configure(device, setup);
	for (uint16_t q = 0; q < setup->n_rx && rc == 0; q++) {
		struct device_rx *rx = &device->rx[q];
		struct device_fds fds;
		device_fds_before(&fds, AF_XDP);
		rc = device_rx_setup(setup, q);
		rx->at = (struct device_queue){setup->ethdev, q};
		device->n_rx++;
		if (rc == 0)
			rc = queue_look_into(rx, &fds);
	}
	for (unsigned int w = 0; w < config->n_workers; w++)
		device->tx[w] = device->rx[w].at;
	if (config->has_send_queue)
		device->tx[config->n_workers] = device->rx[0].at;
	return rc ? rc : device_start(setup);
}

/* The driver loads the program with its first queue. */
static int driver_open(struct device *device, const struct device_config *config,
		       unsigned int n_queues, const char *program)
{
	char name[RTE_ETH_NAME_MAX_LEN], arguments[192];
	struct device_setup setup = {
		.n_rx = (uint16_t)n_queues, .n_tx = (uint16_t)n_queues, .pool = config->pool};
	snprintf(name, sizeof(name), "net_af_xdp_%s", config->interface);
	snprintf(arguments, sizeof(arguments), "iface=%s,start_queue=0,queue_count=%u,xdp_prog=%s",
		 config->interface, n_queues, program);
	int rc = rte_eal_hotplug_add("vdev", name, arguments);
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(name, &setup.ethdev);
	if (rc != 0)
		return rc;
	device->ethdevs[device->n_ethdevs++] = setup.ethdev;
	return queues_setup(device, config, &setup);
}

static void queues_wait(const struct device_config *config, unsigned int n_queues)
{
	int rc = -EBUSY;
	for (unsigned int q = 0; q < n_queues; q++) {
		for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
			rc = xdp_queue_ask(config->interface, q);
			if (rc == -EBUSY || rc == -EAGAIN)
				usleep(OPEN_WAIT_US);
			if (rc != -EBUSY)
				break;
		}
	}
}

/* The driver calls everything an invalid argument. What the kernel has against a socket like the
 * driver's is asked anew; the queues themselves may still be held by what has just failed. */
static int open_fault(const struct device_config *config, unsigned int n_queues, int rc)
{
	static const char *const causes[] = {
		[XDP_STEP_SOCKET] = "cannot open AF_XDP sockets: CAP_NET_RAW is missing (see "
				    "--port-check)",
		[XDP_STEP_MEMORY] = "cannot open AF_XDP sockets: no more memory may be locked "
				    "(LimitMEMLOCK=, ulimit -l; see --port-check)",
	};
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&config->pool->mem_list);
	struct xdp_probe at;
	int cause = xdp_probe(config->interface, n_queues, memory->len, &at);
	if (cause == 0 || at.step > XDP_STEP_MEMORY)
		return device_fault(config, "cannot open AF_XDP sockets (see --port-check)", rc);
	return device_fault(config, causes[at.step], cause);
}

int device_af_xdp_open(struct device *device, const struct device_config *config)
{
	char program[XDP_PATH_BYTES];
	struct device_fds fds;
	unsigned int n_queues = interface_rx_queues(config->interface);
	int rc = queues_check(config, n_queues);
	if (rc == 0)
		rc = xdp_steer_prepare(config->interface);
	if (rc != 0)
		return rc;
	int object = xdp_steer_open_object(program, sizeof(program));
	if (object < 0)
		return object;
	device->frame_bytes_max =
		(uint16_t)(rte_pktmbuf_data_room_size(config->pool) - RTE_PKTMBUF_HEADROOM);
	queues_wait(config, n_queues);
	device_fds_before(&fds, DEVICE_FDS_BPF);
	rc = driver_open(device, config, n_queues, program);
	device_fds_keep_new(&fds);
	close(object);
	if (rc == 0)
		rc = xdp_steer_attach(config->interface, &device->steer);
	else
		rc = open_fault(config, n_queues, rc);
	/* Whoever took charge has his own hold on program and maps. */
	device_fds_close(&fds);
	return rc;
}
