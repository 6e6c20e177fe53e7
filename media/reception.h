/* Reception of one SSRC: 64-bit indices, duplicates, statistics for reports (RFC 3550 A.1, A.3,
 * A.8), and which packets to ask for again (RFC 4585 NACK). Single thread (the session's worker).
 * Time comes in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/rtcp.h"

#define RECEPTION_WINDOW    1024 /* packets behind the highest that are tracked */
#define RECEPTION_NACKS_MAX 64   /* sequence numbers asked for in one round */
#define RECEPTION_TRIES_MAX 10   /* requests for one packet */

struct reception {
	uint32_t ssrc, clock_hz;
	bool started, transit_seen, sr_seen;
	int64_t first, highest;         /* indices */
	uint64_t received;              /* unique packets */
	uint64_t duplicates, recovered; /* recovered: arrived after being asked for */
	uint64_t expected_prior, received_prior;
	uint64_t jitter_q4;    /* RFC 3550 A.8, clock units scaled by 16 */
	uint32_t transit_last; /* clock units modulo 2^32 */
	uint32_t sr_rtp_timestamp;
	uint64_t sr_ntp, sr_arrival_ns; /* last SR */
	uint32_t holes;                 /* bits set in hole_bits */
	/* By index modulo the window, for the window that ends at `highest`: */
	uint64_t received_bits[RECEPTION_WINDOW / 64];
	uint64_t hole_bits[RECEPTION_WINDOW / 64]; /* missing, and may still be asked for */
	uint16_t asked_ms[RECEPTION_WINDOW];       /* of the last request, modulo 2^16 */
	uint8_t tries[RECEPTION_WINDOW];
};

void reception_init(struct reception *r, uint32_t ssrc, uint32_t clock_hz);

enum reception_verdict { RECEPTION_NEW, RECEPTION_DUPLICATE, RECEPTION_STALE };

/* Takes note of a packet; *index is its 64-bit index, whatever the verdict. The first packet's
 * index is its sequence number; one from before the first (reordered at the start) is new and may
 * be negative. `repaired`: it came by retransmission, so it does not count for jitter. Stale:
 * further behind than the window. A jump ahead by more than the window restarts the window (no NACK
 * for the hole). */
enum reception_verdict reception_on_packet(struct reception *r, uint16_t sequence,
					   uint32_t timestamp, uint64_t now_ns, bool repaired,
					   int64_t *index);
/* A packet that came but is dropped for its publisher's rate: it is not received, reports say that
 * it is lost, and it is never asked for. What is asked for again comes on top of a rate that is too
 * high already. True: it had not come before. */
bool reception_on_policed(struct reception *r, uint16_t sequence);
void reception_on_sr(struct reception *r, const struct rtcp_sender_info *sr, uint64_t now_ns);

/* Missing packets to ask for now, oldest first: those not yet asked for, and those whose last
 * request is at least `retry_ns` old (to the millisecond; 30 s at most). At most
 * RECEPTION_NACKS_MAX in a call and RECEPTION_TRIES_MAX for one packet. */
unsigned int reception_nacks(struct reception *r, uint64_t now_ns, uint64_t retry_ns,
			     uint16_t sequences[RECEPTION_NACKS_MAX]);
/* What is missing now is never asked for. */
void reception_forgive(struct reception *r);
/* Whether reception_nacks could ever return something for the holes there are now. O(1). */
bool reception_has_holes(const struct reception *r);
/* A report block for the time since the last call. All zero but the SSRC before the first packet.
 */
void reception_report(struct reception *r, uint64_t now_ns, struct rtcp_report *out);
