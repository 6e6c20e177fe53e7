/* What the XDP program and its loader share: the keys of its maps. */
#pragma once

#include <linux/types.h>

#define STEER_SOCKETS_MAX 64
#define STEER_LISTEN_MAX  64

/* A UDP address to steer; the key of nn5g_listen. As struct address holds it: network order, IPv4
 * as an IPv4-mapped IPv6 address. */
struct steer_listen {
	__be32 ip[4];
	__be16 port_be16;
	__u16 reserved; /* 0: the kernel compares keys as bytes */
};

enum steer_counter { STEER_STEERED, STEER_PASSED, STEER_COUNTERS };
