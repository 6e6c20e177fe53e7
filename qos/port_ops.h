/* What a kind of port implements. Private to the ports and to port_dp.c, which dispatches. The
 * contract of each verb is that of its namesake in port.h. */
#pragma once

#include "qos/port.h"

struct port_ops {
	void (*close)(struct port *port);
	int (*fd)(const struct port *port, unsigned int queue);
	uint16_t (*rx_burst)(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			     uint16_t n, uint64_t now_ns);
	uint16_t (*tx_burst)(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			     uint16_t n);
	const struct port_counters *(*counters)(const struct port *port, unsigned int queue);
};

/* First member of every kind of port. */
struct port {
	const struct port_ops *ops;
	unsigned int n_queues;
	uint16_t udp_port; /* host order */
};

/* Adds to a counter that only the calling thread writes and others may read at any time. */
static inline void port_counter_add(uint64_t *counter, uint64_t n)
{
	uint64_t before = __atomic_load_n(counter, __ATOMIC_RELAXED);
	__atomic_store_n(counter, before + n, __ATOMIC_RELAXED);
}
