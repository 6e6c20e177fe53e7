/* An address that Janus takes: it gathers candidates from every interface but loopback, and a
 * namespace of our own has nothing else. Packets between local addresses go over loopback all the
 * same, whoever's the address is. */
#pragma once

#include <stdbool.h>

#define JANUS_ADDRESS_MAX 16

struct janus_network {
	char address[JANUS_ADDRESS_MAX]; /* IPv4 */
	bool is_made;                    /* the interface is ours, and goes when we go */
};

/* Finds one, else makes a pair of virtual interfaces with an address of RFC 2544's. Negative errno
 * with a line on stderr. */
int janus_network_open(struct janus_network *network);
void janus_network_close(struct janus_network *network);
