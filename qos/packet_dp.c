/* Taking a packet from the pool and giving it back. Between the two, the pool's ring (a library of
 * its own) may carry it to another thread. */
#include "qos/packet.h"
#include "qos/ordering.h"
#include "qos/traffic_class.h"

struct rte_mbuf *packet_alloc(struct rte_mempool *pool)
{
	struct rte_mbuf *packet = rte_mbuf_raw_alloc(pool);
	if (!packet)
		return NULL;
	ordering_acquire(packet);
	rte_pktmbuf_reset(packet);
	*packet_tx(packet) = (struct packet_tx){.color = COLOR_GREEN};
	return packet;
}

void packet_free(struct rte_mbuf *packet)
{
	if (!packet)
		return;
	ordering_release(packet);
	struct rte_mbuf *last = rte_pktmbuf_prefree_seg(packet);
	if (!last)
		return;
	ordering_release(last);
	rte_mbuf_raw_free(last);
}
