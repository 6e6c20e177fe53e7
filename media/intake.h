/* What a worker has taken in and not dealt with yet, session by session: however the packets of
 * many publishers alternate, those of one stay one vector, which makes one run to each of its
 * viewers, and a run leaves as one message. Within a session's RTP, and within its RTCP, packets
 * keep their order; the sessions come in that of their first packets.
 *
 * Nothing here outlives a round. The worker's thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "qos/port.h"

#define INTAKE_PACKETS    256 /* of a round; it has room for as many */
#define INTAKE_RUN_WANTED 8   /* packets: as many share the cost of a message well enough */

struct transport;

struct intake_run {
	struct transport *transport; /* borrowed */
	bool is_rtcp;
	uint16_t first, last, n; /* a chain of packets */
};

/* Zeroed: empty. */
struct intake {
	unsigned int n_packets, n_runs;
	struct rte_mbuf *packets[INTAKE_PACKETS]; /* owned */
	uint16_t next[INTAKE_PACKETS];
	struct intake_run runs[INTAKE_PACKETS];
};

/* More packets would make the vectors longer, and that is worth to take them in first. */
static inline bool intake_is_ragged(const struct intake *intake)
{
	return intake->n_packets < INTAKE_RUN_WANTED * intake->n_runs;
}

/* Takes ownership. */
void intake_add(struct intake *intake, struct transport *transport, bool is_rtcp,
		struct rte_mbuf *packet);
/* The next vector, of `run`, which it shortens by as much: at most PORT_BURST packets, now the
 * caller's. 0: there is no more. */
unsigned int intake_take(const struct intake *intake, struct intake_run *run,
			 struct rte_mbuf *packets[PORT_BURST]);
