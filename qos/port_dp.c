/* One port among several kinds: each verb goes to the kind that was opened. */
#include "qos/port.h"
#include "qos/port_ops.h"

#include <assert.h>

void port_close(struct port *port)
{
	if (port)
		port->ops->close(port);
}

uint16_t port_udp_port(const struct port *port)
{
	return port->udp_port;
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
