/* What a worker's sessions send, gathered until it is protected, scheduled and sent as one vector:
 * packets of any sessions, RTP, retransmissions and RTCP, in the order in which they were added. A
 * packet that is a source's payload behind a header of its own is written by the transform straight
 * from the source.
 *
 * Nothing here outlives a round: worker_flush empties it, and so does a session that closes. The
 * worker's thread only. */
#pragma once

#include <stdint.h>

#include "media/srtp_burst.h"
#include "qos/traffic_class.h"

#define SEND_BATCH_SOURCES 64

struct transport;
struct worker;

struct send_batch {
	struct srtp_queue *queue; /* owned by the worker; protects */
	unsigned int n, n_sources;
	struct srtp_job jobs[SRTP_BURST_MAX];
	struct transport *transports[SRTP_BURST_MAX]; /* borrowed */
	uint8_t classes[SRTP_BURST_MAX];              /* enum traffic_class */
	struct rte_mbuf *sources[SEND_BATCH_SOURCES]; /* owned references */
};

/* The place of the next packet, which `transport` sends in this class; the caller fills in the job
 * but for its sender. The packet becomes the batch's; the source stays the caller's, who hands its
 * reference to send_batch_keep when it adds no more of it. */
struct srtp_job *send_batch_add(struct worker *worker, struct transport *transport,
				enum traffic_class traffic_class);
/* Takes one reference of a packet, and lets go of it when no job needs it. */
void send_batch_keep(struct worker *worker, struct rte_mbuf *source);
/* Protects what there is and passes it on (worker_send). What cannot be protected is counted. */
void send_batch_flush(struct worker *worker);
