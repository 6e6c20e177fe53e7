/* Where a stop cut packets out of a publisher's track: the feed's indices go on without a gap, so
 * that viewers neither see a loss nor ask for it. Of one epoch: starts anew, zeroed, with the next.
 * Pure over a small struct; the publisher's worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct splice {
	bool started; /* a packet has passed */
	bool was_cut;
	bool is_due;     /* the next packet to pass is the first after a cut */
	int64_t lowest;  /* was_cut: source indices below are of before */
	int64_t skipped; /* a packet's index in its source, less that in the feed */
	int64_t highest; /* index in the feed, once started */
};

/* Packets up to the source's index `highest` pass no more, whenever they come. */
void splice_cut(struct splice *splice, int64_t highest);
/* Whether a packet may pass. */
bool splice_passes(const struct splice *splice, int64_t index);
/* The feed's index of a packet that may, and does. Never the same for two. */
int64_t splice_map(struct splice *splice, int64_t index);
