/* What senders send: flows of a fixed rate, and sessions as browsers make them. */
#pragma once

#include "bench/slices_rig.h"

#define LOAD_SOURCES_MAX 256

#define LOAD_VOICE_BYTES   160         /* Opus at 64 kbit/s, 20 ms a packet */
#define LOAD_VOICE_NS      20000000ull /* 50 a second */
#define LOAD_VIDEO_NS      33333333ull /* 30 frames a second, */
#define LOAD_VIDEO_BYTES   1158        /* each of so many packets back to back: 2.5 Mbit/s */
#define LOAD_VIDEO_PACKETS 9

struct load {
	unsigned int n;
	struct source sources[LOAD_SOURCES_MAX];
};

/* `n` flows that have `wire_bps` together, one packet at a time, to the peers from like->peer on,
 * their packets evenly spread. */
void load_add_flows(struct load *load, const struct source *like, int64_t wire_bps, unsigned int n);
/* Voice, and video when it is wanted, of session `i` of `n`: their moments are evenly spread, as
 * those of people who do not know each other. */
void load_add_session(struct load *load, const struct source *like, unsigned int i, unsigned int n,
		      bool has_video);
