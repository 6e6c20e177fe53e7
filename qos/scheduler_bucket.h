/* A token bucket of the arbiter, exact to the bit and nanosecond. Tokens are nanobits: a rate in
 * bits per second times nanoseconds, so nothing is ever rounded. Who has tokens may send a whole
 * grant and owe the difference. A value of its owner's thread; time is an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_BYTE 8000000000ll /* nanobits in a byte */

struct scheduler_bucket {
	int64_t rate_bps;
	int64_t tokens; /* <= depth; negative: owed */
	int64_t depth;
	uint64_t filled_ns;
};

/* A new rate: what was saved is kept as far as it fits. `depth_ns` of the rate is what an idle
 * owner saves, and never less than `bytes_min`. */
static inline void bucket_set(struct scheduler_bucket *bucket, int64_t rate_bps, int64_t depth_ns,
			      int64_t bytes_min)
{
	__int128 depth = (__int128)rate_bps * depth_ns;
	int64_t least = bytes_min * BUCKET_BYTE;
	bucket->rate_bps = rate_bps;
	bucket->depth = depth > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)depth;
	if (bucket->depth < least)
		bucket->depth = least;
	if (bucket->tokens > bucket->depth)
		bucket->tokens = bucket->depth;
}

static inline void bucket_fill(struct scheduler_bucket *bucket, uint64_t now_ns)
{
	if (now_ns <= bucket->filled_ns)
		return;
	__int128 tokens =
		bucket->tokens + (__int128)bucket->rate_bps * (int64_t)(now_ns - bucket->filled_ns);
	bucket->tokens = tokens > bucket->depth ? bucket->depth : (int64_t)tokens;
	bucket->filled_ns = now_ns;
}

static inline void bucket_charge(struct scheduler_bucket *bucket, uint32_t bytes)
{
	bucket->tokens -= (int64_t)bytes * BUCKET_BYTE;
}

/* When it will have tokens, if nothing is charged meanwhile. The rate is not 0. */
static inline uint64_t bucket_ready_ns(const struct scheduler_bucket *bucket)
{
	if (bucket->tokens > 0)
		return bucket->filled_ns;
	return bucket->filled_ns + (uint64_t)(-bucket->tokens / bucket->rate_bps) + 1;
}
