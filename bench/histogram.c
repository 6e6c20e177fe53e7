#include "bench/histogram.h"

static unsigned int bucket_of(uint64_t value)
{
	if (value < (1u << HISTOGRAM_SUB_BITS))
		return (unsigned int)value;
	unsigned int shift = 63u - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return ((shift + 1) << HISTOGRAM_SUB_BITS) +
	       (unsigned int)((value >> shift) & ((1u << HISTOGRAM_SUB_BITS) - 1));
}

uint64_t histogram_highest_in(unsigned int index)
{
	if (index < (1u << HISTOGRAM_SUB_BITS))
		return index;
	unsigned int shift = (index >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t base = (index & ((1u << HISTOGRAM_SUB_BITS) - 1)) + (1ull << HISTOGRAM_SUB_BITS);
	return ((base + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->buckets[bucket_of(value)]++;
	histogram->n++;
	if (value > histogram->max)
		histogram->max = value;
}

void histogram_merge(struct histogram *histogram, const struct histogram *more)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram->buckets[i] += more->buckets[i];
	histogram->n += more->n;
	if (more->max > histogram->max)
		histogram->max = more->max;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
	uint64_t wanted = (uint64_t)(fraction * (double)histogram->n), seen = 0;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen > wanted)
			return histogram_highest_in(i) < histogram->max ? histogram_highest_in(i)
									: histogram->max;
	}
	return histogram->max;
}
