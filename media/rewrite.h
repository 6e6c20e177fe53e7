/* One viewer's numbering of a feed: sequence numbers and timestamps that go on without a gap when
 * the publisher changes (a new epoch). Pure over a small struct; the viewer's worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rewrite {
	bool started;
	bool resumes; /* nothing was sent since rewrite_resume */
	uint32_t epoch;
	int64_t first_in;     /* lowest source index that may pass in this epoch */
	int64_t index_offset; /* out = in + offset */
	int64_t highest_out;
	uint64_t last_ns;
	uint32_t timestamp_offset, last_timestamp_out;
};

/* Starts at random numbers (RFC 3550 5.1), given by the caller. */
void rewrite_init(struct rewrite *rewrite, uint16_t sequence, uint32_t timestamp);

/* A packet's place in its source, or in what a viewer is sent. */
struct rewrite_place {
	uint32_t epoch;
	uint32_t timestamp;
	int64_t index;
};

/* Packets of this epoch were kept from the viewer, and it shall not see a gap: the next one takes
 * the next number, and no older one passes any more. Timestamps stay the source's: the time that
 * passed did pass. */
void rewrite_resume(struct rewrite *rewrite);
/* Whether rewrite_map would map a packet; changes nothing. */
bool rewrite_passes(const struct rewrite *rewrite, const struct rewrite_place *in);
/* Maps a packet. False: it must not be sent (an older epoch, or before the first packet
 * of this one: its number would be one that is already used). On an epoch's first packet the
 * timestamp goes on by the time that passed, in `clock_hz` units. */
bool rewrite_map(struct rewrite *rewrite, const struct rewrite_place *in, uint32_t clock_hz,
		 uint64_t now_ns, struct rewrite_place *out);

/* The source index of a sequence number the viewer received in the present epoch. False: of an
 * earlier epoch, or never sent. */
bool rewrite_source(const struct rewrite *rewrite, uint16_t sequence_out, int64_t *index_in);
