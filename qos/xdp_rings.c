/* Between a ring's consumer and its producer lie the addresses of packets that are in it, relative
 * to the pool's first page: the driver registers the pool as a whole, each object a chunk. */
#include "qos/xdp_rings.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_xdp.h>

#include "qos/packet.h"

#define ENTRIES_MAX (1u << 16)
#define ENTRIES_MIN (1u << 6)

static const struct {
	uint64_t page_offset;
	size_t entry_bytes;
} shapes[XDP_RINGS] = {
	[XDP_RING_FILL] = {XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t)},
	[XDP_RING_COMPLETION] = {XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)},
	[XDP_RING_RX] = {XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)},
	[XDP_RING_TX] = {XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)},
};

uint64_t xdp_rings_lost(int fd)
{
	struct xdp_statistics statistics = {0};
	socklen_t size = sizeof(statistics);
	if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &size) != 0)
		return 0;
	return statistics.rx_dropped + statistics.rx_ring_full;
}

/* A ring's size is not to be asked for; but a mapping larger than it is refused. */
static int ring_map(int fd, struct xdp_rings *rings, int which,
		    const struct xdp_ring_offset *offset)
{
	for (uint32_t entries = ENTRIES_MAX; entries >= ENTRIES_MIN; entries /= 2) {
		size_t bytes = offset->desc + entries * shapes[which].entry_bytes;
		void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd,
				 (off_t)shapes[which].page_offset);
		if (map == MAP_FAILED)
			continue;
		rings->rings[which].map = map;
		rings->rings[which].bytes = bytes;
		rings->rings[which].entries = entries;
		rings->rings[which].producer = offset->producer;
		rings->rings[which].consumer = offset->consumer;
		rings->rings[which].descriptors = offset->desc;
		return 0;
	}
	return -errno;
}

static void rings_unmap(struct xdp_rings *rings)
{
	for (int i = 0; i < XDP_RINGS; i++)
		if (rings->rings[i].map)
			munmap(rings->rings[i].map, rings->rings[i].bytes);
	*rings = (struct xdp_rings){0};
}

int xdp_rings_map(int fd, struct xdp_rings *rings)
{
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0)
		return -errno;
	const struct xdp_ring_offset *of[XDP_RINGS] = {
		[XDP_RING_FILL] = &offsets.fr,
		[XDP_RING_COMPLETION] = &offsets.cr,
		[XDP_RING_RX] = &offsets.rx,
		[XDP_RING_TX] = &offsets.tx,
	};
	int rc = 0;
	for (int i = 0; i < XDP_RINGS && rc == 0; i++)
		rc = ring_map(fd, rings, i, of[i]);
	if (rc != 0)
		rings_unmap(rings);
	return rc;
}

static struct rte_mbuf *packet_at(const struct rte_mempool *pool, uint64_t address)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t base = (uintptr_t)STAILQ_FIRST(&pool->mem_list)->addr & ~(page - 1);
	/* Where in its chunk a frame begins stands in the upper bits. */
	return (struct rte_mbuf *)(base + (address & XSK_UNALIGNED_BUF_ADDR_MASK) +
				   pool->header_size);
}

unsigned int xdp_rings_reclaim(struct xdp_rings *rings, const struct rte_mempool *pool)
{
	unsigned int n = 0;
	for (int i = 0; i < XDP_RINGS && rings->rings[i].map; i++) {
		const uint8_t *map = rings->rings[i].map;
		uint32_t at, end;
		memcpy(&at, map + rings->rings[i].consumer, sizeof(at));
		memcpy(&end, map + rings->rings[i].producer, sizeof(end));
		for (; at != end; at++, n++) {
			uint32_t entry = at & (rings->rings[i].entries - 1);
			uint64_t address;
			memcpy(&address,
			       map + rings->rings[i].descriptors + entry * shapes[i].entry_bytes,
			       sizeof(address));
			packet_free(packet_at(pool, address));
		}
	}
	rings_unmap(rings);
	return n;
}
