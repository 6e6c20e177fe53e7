/* One port among several kinds: each verb goes to the kind that was opened. */
#include "qos/port.h"
#include "qos/port_ops.h"

#include <assert.h>

uint16_t port_datagram_max(const struct port *port, bool ipv4)
{
	return port->ops->datagram_max(port, ipv4);
}

bool port_fd_arm(struct port *port, unsigned int queue)
{
	assert(queue < port->n_queues);
	return port->ops->fd_arm(port, queue);
}

int port_fd(const struct port *port, unsigned int queue)
{
	assert(queue < port->n_queues);
	return port->ops->fd(port, queue);
}

uint16_t port_rx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets, uint16_t n,
		       uint64_t now_ns)
{
	assert(queue < port->n_queues);
	return port->ops->rx_burst(port, queue, packets, n, now_ns);
}

uint16_t port_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets, uint16_t n)
{
	assert(queue < port->n_queues);
	return port->ops->tx_burst(port, queue, packets, n);
}

const struct port_counters *port_counters(const struct port *port, unsigned int queue)
{
	assert(queue < port->n_queues);
	return port->ops->counters(port, queue);
}
