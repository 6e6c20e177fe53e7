#include "media/retransmit.h"

#include "media/feed.h"

static struct rte_mbuf **slot_of(const struct retransmit *retransmit, int64_t index)
{
	return (struct rte_mbuf **)(uintptr_t)&retransmit
		->packets[(uint64_t)index % RETRANSMIT_SLOTS];
}

void retransmit_init(struct retransmit *retransmit)
{
	*retransmit = (struct retransmit){0};
}

void retransmit_put(struct retransmit *retransmit, struct rte_mbuf *packet)
{
	struct rte_mbuf **slot = slot_of(retransmit, rtp_packet(packet)->index);
	packet_free(*slot);
	rte_mbuf_refcnt_update(packet, 1);
	*slot = packet;
}

struct rte_mbuf *retransmit_get(const struct retransmit *retransmit, uint32_t epoch, int64_t index)
{
	struct rte_mbuf *packet = *slot_of(retransmit, index);
	if (!packet || rtp_packet(packet)->index != index || rtp_packet(packet)->epoch != epoch)
		return NULL;
	return packet;
}

void retransmit_expire(struct retransmit *retransmit, uint64_t before_ns)
{
	for (unsigned int i = 0; i < RETRANSMIT_SLOTS; i++) {
		struct rte_mbuf **slot = &retransmit->packets[i];
		if (*slot && packet_meta(*slot)->rx_ns < before_ns) {
			packet_free(*slot);
			*slot = NULL;
		}
	}
}

void retransmit_clear(struct retransmit *retransmit)
{
	retransmit_expire(retransmit, UINT64_MAX);
}
