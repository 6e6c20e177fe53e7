/* Bytes by the time they passed: what was sent in each millisecond of a run, so that afterwards one
 * can tell when a rate was there. Written by one thread; read when that one is through. */
#pragma once

#include <stdint.h>

#define TIMELINE_BIN_NS 1000000ull

struct timeline {
	uint64_t begin_ns;
	uint64_t n_bins;
	uint32_t *bins; /* owned */
};

/* Room for `span_ns`. -ENOMEM. */
int timeline_init(struct timeline *timeline, uint64_t span_ns);
void timeline_fini(struct timeline *timeline);
/* Empty again; its time begins at `begin_ns`. */
void timeline_begin(struct timeline *timeline, uint64_t begin_ns);

/* What is outside of the span is not counted. */
static inline void timeline_add(struct timeline *timeline, uint64_t now_ns, uint32_t bytes)
{
	uint64_t bin = (now_ns - timeline->begin_ns) / TIMELINE_BIN_NS;
	if (bin < timeline->n_bins)
		timeline->bins[bin] += bytes;
}

/* Bits per second from `from_ns` to `to_ns` after the beginning (whole bins). */
double timeline_bps(const struct timeline *timeline, uint64_t from_ns, uint64_t to_ns);
/* How long after `from_ns` the first window of `window_ns` ends in which the rate was between
 * `low_bps` and `high_bps`: at least window_ns. UINT64_MAX: there was none before `until_ns`. */
uint64_t timeline_reached_ns(const struct timeline *timeline, uint64_t from_ns, uint64_t until_ns,
			     uint64_t window_ns, const double bounds_bps[2]);
