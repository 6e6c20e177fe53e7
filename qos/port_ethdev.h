/* The insides of a port over DPDK's drivers. Private to port_ethdev*.c; the words of the field's
 * comments say who writes: control, or the thread of a queue. */
#pragma once

#include <stdatomic.h>

#include "qos/device.h"
#include "qos/interface.h"
#include "qos/path_mtu.h"
#include "qos/port_ops.h"

/* What we listen on changes seldom, and a reader holds it for a burst: the oldest of these is
 * written anew when everybody has long gone on to the next. */
#define LISTENS 8

struct ethdev_queue {
	struct port_counters counters __rte_cache_aligned; /* by the queue's thread */
	/* Whether the queue's thread is using the device: control waits for it before it closes
	 * one. */
	_Atomic bool is_busy;
	unsigned int next_rx;             /* the receive queue of the device whose turn it is */
	uint64_t lost_seen;               /* of port_ethdev.lost */
	int epoll_fd __rte_cache_aligned; /* constant */
};

struct port_ethdev {
	struct port port; /* first: the ops cast back */
	/* Written by control, read by all: */
	_Atomic(struct device *) device; /* owned; NULL: gone for now */
	_Atomic(const struct frame_listen *) listen;
	_Atomic bool is_up;
	_Atomic uint16_t mtu;
	_Atomic uint64_t lost; /* device_lost of this and earlier devices */
	struct path_mtu paths;
	/* Constant: */
	unsigned int n_workers;
	bool can_wait; /* every queue has descriptors to wait for */
	/* Control's own: */
	struct device_config config; /* its texts are owned */
	bool wants_ipv4, wants_ipv6; /* all addresses of the interface */
	struct address fixed[PORT_ADDRESSES_MAX];
	unsigned int n_fixed;
	struct address wanted[FRAME_LISTEN_MAX]; /* as last seen; what could not be had is in it */
	unsigned int n_wanted;
	int reservations[FRAME_LISTEN_MAX]; /* of *listen, by index */
	struct frame_listen listens[LISTENS];
	unsigned int next_listen;
	struct interface_state interface;
	uint64_t lost_before; /* by earlier devices */
	uint64_t reopen_ns, reopen_wait_ns;
	struct ethdev_queue queues[] __rte_cache_aligned;
};

static inline struct port_ethdev *port_ethdev(const struct port *port)
{
	return (struct port_ethdev *)(uintptr_t)port;
}

/* Between the two the device stays open. NULL: there is none. */
static inline struct device *ethdev_enter(struct port_ethdev *port, struct ethdev_queue *queue)
{
	atomic_store(&queue->is_busy, true);
	return atomic_load(&port->device);
}

static inline void ethdev_leave(struct ethdev_queue *queue)
{
	atomic_store_explicit(&queue->is_busy, false, memory_order_release);
}

/* port_ethdev_listen.c: the addresses and their reservations. Control thread. */

/* Reserves the addresses that are asked for, picks the port when it is 0, and publishes them. */
int ethdev_listen_open(struct port_ethdev *port, const struct port_config *config);
void ethdev_listen_close(struct port_ethdev *port);
/* Follows the addresses of the interface. Whether anything changed. */
bool ethdev_listen_update(struct port_ethdev *port);
/* Takes in what ICMP told of paths. */
void ethdev_listen_read_errors(struct port_ethdev *port, uint64_t now_ns);

/* port_ethdev_link.c: the interface comes and goes. Control thread. */

/* Opens the device and publishes it. Negative errno, logged. */
int ethdev_device_open(struct port_ethdev *port);
/* Takes the device from all queues, waits until none uses it, and closes it. */
void ethdev_device_close(struct port_ethdev *port);
bool ethdev_check_link(struct port *port);

uint16_t port_ethdev_rx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n, uint64_t now_ns);
uint16_t port_ethdev_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n);
uint16_t port_ethdev_datagram_max(const struct port *port, bool ipv4);
