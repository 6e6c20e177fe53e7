/* The head of a viewer's packet. Private to the files of subscription. */
#pragma once

#include "media/rtp.h"
#include "qos/packet.h"

struct subscription;
struct worker;

/* A fresh packet with `header`, the extensions that the viewer wants of `packet`, and its colour.
 * NULL: no buffer, or no room for `payload` bytes more (counted). Home worker. */
struct rte_mbuf *subscription_head(struct worker *worker, struct subscription *subscription,
				   struct rte_mbuf *packet, const struct rtp_header *header,
				   unsigned int payload);
