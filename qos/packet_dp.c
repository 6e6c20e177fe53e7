/* Taking a packet from the pool and giving it back. */
#include "qos/packet.h"

struct rte_mbuf *packet_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

void packet_free(struct rte_mbuf *packet)
{
	rte_pktmbuf_free(packet);
}
