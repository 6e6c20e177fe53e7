/* Latencies in logarithmic buckets: 64 per power of two, so that a value is known to 1.6 %. Plain
 * value, one thread. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS  ((64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
	uint64_t n, max;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* Adds all that is in `more`. */
void histogram_merge(struct histogram *histogram, const struct histogram *more);
/* The largest value that bucket `index` takes. */
uint64_t histogram_highest_in(unsigned int index);
/* The value that `fraction` (0..1) of all are not above; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);
