/* What travels with every rte_mbuf, in its private area. A packet's bytes are one segment. The
 * function that is given a packet forwards, stores or drops it. */
#pragma once

#include <rte_mbuf.h>

#include "qos/address.h"

struct scheduler_pipe;

#define PACKET_BYTES_MAX 2048 /* largest datagram we take or make; larger ones are dropped */

/* Room `owner_area` offers to the layer above (media/rtp.h says what is in it). */
#define PACKET_OWNER_BYTES 96

/* Framing of Ethernet that no buffer holds: FCS, preamble and inter-frame gap. */
#define PACKET_FRAMING_BYTES 24

/* How to reach the peer on a port without a kernel: the Ethernet header that its last authenticated
 * packet came with, turned round. A kernel port leaves it zero and ignores it. */
struct link_route {
	uint8_t to[6], from[6];
	uint16_t vlan_tci; /* host order; 0: untagged */
	uint16_t is_known;
};

/* On its way out. */
struct packet_tx {
	struct scheduler_pipe *pipe; /* borrowed; NULL: the node's own packets */
	uint64_t viewer;             /* media's: whose it is, for when it is dropped; 0: nobody's */
	uint64_t queued_ns;          /* the scheduler's */
	uint32_t served_bytes;       /* the scheduler's */
	uint8_t traffic_class;       /* enum traffic_class */
	uint8_t color;               /* enum packet_color */
	uint8_t dscp;                /* filled by the scheduler */
};

struct packet_meta {
	struct flow flow;        /* rx: where it came in; tx: where it goes out */
	uint64_t rx_ns;          /* CLOCK_MONOTONIC of the burst it came with */
	struct link_route route; /* rx: back to where it came from; tx: where it goes */
	struct packet_tx tx;
	uint8_t owner_area[PACKET_OWNER_BYTES] __attribute__((aligned(8)));
};

static inline struct packet_meta *packet_meta(struct rte_mbuf *packet)
{
	return (struct packet_meta *)rte_mbuf_to_priv(packet);
}

static inline struct packet_tx *packet_tx(struct rte_mbuf *packet)
{
	return &packet_meta(packet)->tx;
}

/* What a datagram of `bytes` takes of a link, as configured rates count: UDP, IP and Ethernet
 * headers, framing. */
static inline uint32_t packet_wire_bytes(const struct flow *flow, uint32_t bytes)
{
	return bytes + 8 + (address_is_ipv4(&flow->remote) ? 20 : 40) + 14 + PACKET_FRAMING_BYTES;
}

static inline uint8_t *packet_bytes(struct rte_mbuf *packet)
{
	return rte_pktmbuf_mtod(packet, uint8_t *);
}

/* The pool all packets of the process come from. `count` is rounded up to 2^n - 1; a pool large
 * enough for it keeps some at hand per lcore. Control thread. -ENOMEM. */
int packet_pool_create(const char *name, unsigned int count, struct rte_mempool **out);
void packet_pool_destroy(struct rte_mempool *pool);

/* A fresh packet with room for PACKET_BYTES_MAX bytes plus the SRTP trailer, green and of no pipe,
 * or NULL (the caller counts). Any registered EAL thread. */
struct rte_mbuf *packet_alloc(struct rte_mempool *pool);
/* Drops one reference; the last one returns it to its pool. NULL is taken. */
void packet_free(struct rte_mbuf *packet);
