/* A second look at the rings of an AF_XDP socket that net_af_xdp works with. The driver of DPDK
 * 22.11 forgets the packets in them when it closes: some thousand a queue, and none would be left
 * after an interface came and went a few times. So what is in them is given back to the pool.
 * Control thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <rte_mempool.h>

enum { XDP_RING_FILL, XDP_RING_COMPLETION, XDP_RING_RX, XDP_RING_TX, XDP_RINGS };

struct xdp_rings {
	struct {
		void *map; /* owned; NULL: not mapped */
		size_t bytes;
		uint32_t entries;                         /* a power of two */
		uint64_t producer, consumer, descriptors; /* offsets */
	} rings[XDP_RINGS];
};

/* Frames for this socket that found no buffer or no room, ever; 0 if it does not say. */
uint64_t xdp_rings_lost(int fd);

/* Maps the rings of the socket once more, into a zeroed `rings`. Negative errno; then there is
 * nothing to give back. */
int xdp_rings_map(int fd, struct xdp_rings *rings);

/* After the socket was closed: frees the packets that are in the rings, which are all that the
 * kernel had when it received by copying (a driver without copies loses those in its hardware), and
 * unmaps them. Returns how many packets that were. */
unsigned int xdp_rings_reclaim(struct xdp_rings *rings, const struct rte_mempool *pool);
