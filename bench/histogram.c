#include "bench/histogram.h"

static unsigned int bucket_of(uint64_t value)
{
	if (value < (1u << HISTOGRAM_SUB_BITS))
		return (unsigned int)value;
	unsigned int shift = 63u - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return ((shift + 1) << HISTOGRAM_SUB_BITS) +
	       (unsigned int)((value >> shift) & ((1u << HISTOGRAM_SUB_BITS) - 1));
}

static uint64_t highest_in(unsigned int bucket)
{
	if (bucket < (1u << HISTOGRAM_SUB_BITS))
		return bucket;
	unsigned int shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t base = (bucket & ((1u << HISTOGRAM_SUB_BITS) - 1)) + (1ull << HISTOGRAM_SUB_BITS);
	return ((base + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->buckets[bucket_of(value)]++;
	histogram->n++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
	uint64_t wanted = (uint64_t)(fraction * (double)histogram->n), seen = 0;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen > wanted)
			return highest_in(i) < histogram->max ? highest_in(i) : histogram->max;
	}
	return histogram->max;
}
