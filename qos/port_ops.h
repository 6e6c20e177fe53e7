/* What a kind of port implements. Private to the ports and to port_dp.c, which dispatches. The
 * contract of each verb is that of its namesake in port.h. */
#pragma once

#include "qos/port.h"

struct port_ops {
	void (*close)(struct port *port);
	bool (*check_link)(struct port *port);
	uint16_t (*datagram_max)(const struct port *port, bool ipv4);
	bool (*fd_arm)(struct port *port, unsigned int queue);
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
	unsigned int n_queues; /* the send queue among them */
	uint16_t udp_port;     /* host order */
};

/* The kinds, each as port_open. */
int port_socket_open(const struct port_config *config, struct port **out);
int port_ethdev_open(const struct port_config *config, struct port **out);

/* Adds to a counter that only the calling thread writes and others may read at any time. */
static inline void port_counter_add(uint64_t *counter, uint64_t n)
{
	uint64_t before = __atomic_load_n(counter, __ATOMIC_RELAXED);
	__atomic_store_n(counter, before + n, __ATOMIC_RELAXED);
}
