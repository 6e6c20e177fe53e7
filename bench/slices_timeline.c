#include "bench/slices_timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int timeline_init(struct timeline *timeline, uint64_t span_ns)
{
	uint64_t n_bins = span_ns / TIMELINE_BIN_NS + 1;
	*timeline = (struct timeline){.n_bins = n_bins, .bins = calloc(n_bins, sizeof(uint32_t))};
	return timeline->bins ? 0 : -ENOMEM;
}

void timeline_fini(struct timeline *timeline)
{
	free(timeline->bins);
	*timeline = (struct timeline){0};
}

void timeline_begin(struct timeline *timeline, uint64_t begin_ns)
{
	timeline->begin_ns = begin_ns;
	memset(timeline->bins, 0, timeline->n_bins * sizeof(*timeline->bins));
}

static uint64_t bytes_between(const struct timeline *timeline, uint64_t first, uint64_t end)
{
	uint64_t bytes = 0;
	for (uint64_t bin = first; bin < end && bin < timeline->n_bins; bin++)
		bytes += timeline->bins[bin];
	return bytes;
}

double timeline_bps(const struct timeline *timeline, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t first = from_ns / TIMELINE_BIN_NS, end = to_ns / TIMELINE_BIN_NS;
	if (end <= first)
		return 0;
	return (double)bytes_between(timeline, first, end) * 8e9 /
	       (double)((end - first) * TIMELINE_BIN_NS);
}

uint64_t timeline_reached_ns(const struct timeline *timeline, uint64_t from_ns, uint64_t until_ns,
			     uint64_t window_ns, const double bounds_bps[2])
{
	for (uint64_t end_ns = from_ns + window_ns; end_ns <= until_ns; end_ns += TIMELINE_BIN_NS) {
		double bps = timeline_bps(timeline, end_ns - window_ns, end_ns);
		if (bps >= bounds_bps[0] && bps <= bounds_bps[1])
			return end_ns - from_ns;
	}
	return UINT64_MAX;
}
