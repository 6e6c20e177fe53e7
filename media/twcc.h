/* Transport-wide congestion control feedback, receiver side
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01): remembers when packets arrived, writes the
 * RTCP feedback. Single thread (the session's worker). Time comes in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TWCC_WINDOW 1024 /* sequence numbers remembered; older ones are forgotten unreported */

struct twcc {
	bool started;
	uint8_t feedback_count;
	int64_t next;    /* first index not yet reported */
	int64_t highest; /* highest index seen */
	/* By index modulo TWCC_WINDOW, for the window that ends at `highest`: */
	uint64_t received_bits[TWCC_WINDOW / 64];
	uint32_t arrival_ticks[TWCC_WINDOW]; /* of 250 us, modulo 2^32 as the feedback's own time */
};

void twcc_init(struct twcc *twcc);
/* A packet with transport-wide `sequence` arrived. Duplicates and stale ones (behind the window)
 * are ignored. One that was already reported lost is reported again, with all that came after it;
 * the draft allows that and senders take the better news. A jump ahead by more than the window
 * begins anew. */
void twcc_on_packet(struct twcc *twcc, uint16_t sequence, uint64_t now_ns);
/* Whether there is anything to report. */
bool twcc_pending(const struct twcc *twcc);
/* Writes one feedback packet for as much of the pending range as fits, and counts that part as
 * reported. Call until !twcc_pending(). Bytes written (a multiple of 4), 0 when nothing is pending,
 * -ENOSPC when not even one status fits: 24 bytes are always enough, a whole window with small
 * deltas takes about 1200. */
int twcc_write(struct twcc *twcc, uint8_t *out, size_t room, uint32_t sender_ssrc,
	       uint32_t media_ssrc);
