/* What the kernel says of one of its network interfaces. No state; control thread, as it makes
 * system calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "qos/address.h"

struct interface_state {
	unsigned int index; /* another one: another interface of the same name */
	bool is_up;         /* administratively, and there is a carrier */
	uint16_t mtu;       /* of IP packets */
	uint8_t mac[6];
};

/* Whether the name can be passed on to DPDK, whose arguments have no quoting. */
bool interface_is_name(const char *name);

/* -ENODEV: there is no such interface. Negative errno. */
int interface_read(const char *name, struct interface_state *out);

/* The addresses of one family on the interface and on VLANs upon it, each with `port`. Returns how
 * many, `max` at most, or a negative errno. */
int interface_addresses(const char *name, bool ipv4, uint16_t port, struct address *out,
			unsigned int max);

/* Receive queues in use: combined ones and those for receiving alone; 1 when the driver has no
 * such notion. */
unsigned int interface_rx_queues(const char *name);
/* Those of them that net_af_xdp can open: the combined ones, or the only one. */
unsigned int interface_xdp_queues(const char *name);
