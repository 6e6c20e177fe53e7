/* The pool of packets. One per process: a packet is received, fanned out, kept for retransmission
 * and sent by different threads, and goes back there when the last of them lets go. */
#include "qos/packet.h"

#include <errno.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#define PACKET_CACHE         256 /* per lcore: eight bursts before the shared ring is touched */
#define PACKET_TRAILER_BYTES 64  /* SRTP tag and index, behind the largest datagram */

static_assert(sizeof(struct flow) == 48, "no padding: flows compare and hash as bytes");
static_assert(PACKET_CACHE <= RTE_MEMPOOL_CACHE_MAX_SIZE, "mempool cache");

int packet_pool_create(const char *name, unsigned int count, struct rte_mempool **out)
{
	unsigned int n = rte_align32pow2(count + 1) - 1;
	/* Caches hold up to 1.5 times their size each. A pool that they could drain has none, or
	 * an idle thread would starve the others. */
	unsigned int cached = PACKET_CACHE * 3 / 2 * (rte_lcore_count() + 1);
	unsigned int cache = n >= 2 * cached ? PACKET_CACHE : 0;
	uint16_t private_bytes = RTE_ALIGN(sizeof(struct packet_meta), RTE_MBUF_PRIV_ALIGN);
	uint16_t room = RTE_PKTMBUF_HEADROOM + PACKET_BYTES_MAX + PACKET_TRAILER_BYTES;
	struct rte_pktmbuf_pool_private shape = {.mbuf_data_room_size = room,
						 .mbuf_priv_size = private_bytes};
	/* Nothing here does DMA by physical address, so buffers may cross pages: without the flag a
	 * 4 KiB page would hold one buffer. */
	struct rte_mempool *pool = rte_mempool_create(
		name, n, (unsigned int)sizeof(struct rte_mbuf) + private_bytes + room, cache,
		sizeof(shape), rte_pktmbuf_pool_init, &shape, rte_pktmbuf_init, NULL, SOCKET_ID_ANY,
		RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (!pool)
		return -rte_errno;
	*out = pool;
	return 0;
}

void packet_pool_destroy(struct rte_mempool *pool)
{
	rte_mempool_free(pool);
}
