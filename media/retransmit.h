/* The last packets of a feed, held by reference for viewers that ask again. One per feed and
 * worker, not per viewer. The worker's thread only. */
#pragma once

#include <stdint.h>

#include "qos/packet.h"

#define RETRANSMIT_SLOTS 512 /* packets; at 5 Mbps and 1200 B about one second */

struct retransmit {
	struct rte_mbuf
		*packets[RETRANSMIT_SLOTS]; /* owned references, by index modulo the slots */
};

void retransmit_init(struct retransmit *retransmit);
/* Takes one reference more of `packet`, whose rtp_packet (media/feed.h) is filled in. */
void retransmit_put(struct retransmit *retransmit, struct rte_mbuf *packet);
/* Borrowed; NULL when no longer (or never) held. */
struct rte_mbuf *retransmit_get(const struct retransmit *retransmit, uint32_t epoch, int64_t index);
/* Gives back what arrived before `before_ns`. */
void retransmit_expire(struct retransmit *retransmit, uint64_t before_ns);
void retransmit_clear(struct retransmit *retransmit);
