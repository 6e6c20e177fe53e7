/* Transport-wide congestion control feedback, receiver side (draft-holmer-rmcat-transport-wide-cc-extensions-01): remembers when
 * packets arrived, writes the RTCP feedback. Single thread (the session's worker). Time comes in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TWCC_WINDOW 1024 /* sequence numbers remembered; older ones are forgotten unreported */

struct twcc {
	int64_t next;    /* first index not yet reported; -1 before the first packet */
	int64_t highest; /* highest index seen */
	uint8_t feedback_count;
	uint64_t arrival_us[TWCC_WINDOW]; /* by index modulo TWCC_WINDOW; 0 = not received */
};

void twcc_init(struct twcc *twcc);
/* A packet with transport-wide `sequence` arrived. Duplicates and stale ones are ignored. */
void twcc_on_packet(struct twcc *twcc, uint16_t sequence, uint64_t now_ns);
/* Whether there is anything to report. */
bool twcc_pending(const struct twcc *twcc);
/* Writes one feedback packet for as much of the pending range as fits, and forgets that part. Call until !twcc_pending().
 * Bytes written (a multiple of 4), 0 when nothing is pending, -ENOSPC when not even one status fits. */
int twcc_write(struct twcc *twcc, uint8_t *out, size_t room, uint32_t sender_ssrc,
	       uint32_t media_ssrc);
