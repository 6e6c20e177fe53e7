/* What travels with every rte_mbuf, in its private area. A packet's bytes are one segment. The
 * function that is given a packet forwards, stores or drops it. */
#pragma once

#include <rte_mbuf.h>

#include "qos/address.h"

#define PACKET_BYTES_MAX 2048 /* largest datagram we take or make; larger ones are dropped */

/* Room `owner_area` offers to the layer above (media/rtp.h says what is in it). */
#define PACKET_OWNER_BYTES 96

struct packet_meta {
	struct flow flow; /* rx: where it came in; tx: where it goes out */
	uint64_t rx_ns;   /* CLOCK_MONOTONIC of the burst it came with */
	uint8_t owner_area[PACKET_OWNER_BYTES] __attribute__((aligned(8)));
};

static inline struct packet_meta *packet_meta(struct rte_mbuf *packet)
{
	return (struct packet_meta *)rte_mbuf_to_priv(packet);
}

static inline uint8_t *packet_bytes(struct rte_mbuf *packet)
{
	return rte_pktmbuf_mtod(packet, uint8_t *);
}

/* The pool all packets of the process come from. `count` is rounded up to 2^n - 1; a pool large
 * enough for it keeps some at hand per lcore. Control thread. -ENOMEM. */
int packet_pool_create(const char *name, unsigned int count, struct rte_mempool **out);
void packet_pool_destroy(struct rte_mempool *pool);

/* A fresh packet with room for PACKET_BYTES_MAX bytes plus the SRTP trailer, or NULL (the caller
 * counts). Any registered EAL thread. */
struct rte_mbuf *packet_alloc(struct rte_mempool *pool);
/* Drops one reference; the last one returns it to its pool. NULL is taken. */
void packet_free(struct rte_mbuf *packet);
