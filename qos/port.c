/* Which kind of port is opened. */
#include "qos/port.h"

#include <errno.h>

#include "conf/log.h"
#include "qos/port_ops.h"

const char *const port_kind_names[PORT_KINDS] = {
	[PORT_SOCKET] = "socket",
	[PORT_AF_XDP] = "af_xdp",
	[PORT_AF_PACKET] = "af_packet",
	[PORT_PCI] = "pci",
};

int port_open(const struct port_config *config, struct port **out)
{
	switch (config->kind) {
	case PORT_SOCKET:
		return port_socket_open(config, out);
	case PORT_AF_XDP:
	case PORT_AF_PACKET:
	case PORT_PCI:
		return port_ethdev_open(config, out);
	default:
		log_error(LOG_PORT, "no such kind of port", "\"kind\":%d", (int)config->kind);
		return -ENOTSUP;
	}
}

void port_close(struct port *port)
{
	if (port)
		port->ops->close(port);
}

bool port_check_link(struct port *port)
{
	return port->ops->check_link(port);
}

uint16_t port_udp_port(const struct port *port)
{
	return port->udp_port;
}
