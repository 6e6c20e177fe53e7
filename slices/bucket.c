/* GCRA in its virtual-scheduling form: one number, the time at which the next request is due, says
 * how full the bucket is. A request that may wait takes its place at once, so that whoever comes
 * later waits longer: the queue is first come, first served without being a list. */
#include "slices/bucket.h"

#include <assert.h>

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct bucket bucket_limits(unsigned int requests, uint64_t period_ns, unsigned int burst,
			    unsigned int queue_max, uint64_t delay_max_ns)
{
	struct bucket limits = {.delay_max_ns = delay_max_ns, .queue_max = queue_max};
	if (requests == 0)
		return limits;
	limits.interval_ns = period_ns / requests > 0 ? period_ns / requests : 1;
	/* At the ends of the ranges a product may not fit; that far ahead all is the same. */
	limits.tolerance_ns = min(burst, INT64_MAX / limits.interval_ns) * limits.interval_ns;
	return limits;
}

/* What is taken but not yet due, as so many requests, at another interval. */
static uint64_t backlog_scaled(uint64_t backlog_ns, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t whole = min(backlog_ns / from_ns, (INT64_MAX / 2) / to_ns);
	double rest = (double)(backlog_ns % from_ns) / (double)from_ns;
	return whole * to_ns + (uint64_t)(rest * (double)to_ns);
}

void bucket_set(struct bucket *bucket, const struct bucket *limits, uint64_t now_ns)
{
	uint64_t from_ns = bucket->interval_ns, to_ns = limits->interval_ns;
	if (to_ns == 0 || from_ns == 0)
		bucket->due_ns = 0;
	else if (to_ns != from_ns && bucket->due_ns > now_ns)
		bucket->due_ns = now_ns + backlog_scaled(bucket->due_ns - now_ns, from_ns, to_ns);
	bucket->interval_ns = to_ns;
	bucket->tolerance_ns = limits->tolerance_ns;
	bucket->delay_max_ns = limits->delay_max_ns;
	bucket->queue_max = limits->queue_max;
}

enum bucket_verdict bucket_take(struct bucket *bucket, uint64_t now_ns, uint64_t *delay_ns)
{
	*delay_ns = 0;
	if (bucket->interval_ns == 0)
		return BUCKET_PASS;
	if (bucket->due_ns <= now_ns) {
		bucket->due_ns = now_ns + bucket->interval_ns;
		return BUCKET_PASS;
	}
	uint64_t early_ns = bucket->due_ns - now_ns;
	if (early_ns > bucket->tolerance_ns)
		*delay_ns = early_ns - bucket->tolerance_ns;
	if (*delay_ns &&
	    (bucket->n_queued >= bucket->queue_max || *delay_ns > bucket->delay_max_ns))
		return BUCKET_FULL;
	bucket->due_ns += bucket->interval_ns;
	if (*delay_ns == 0)
		return BUCKET_PASS;
	bucket->n_queued++;
	return BUCKET_WAIT;
}

void bucket_leave(struct bucket *bucket)
{
	assert(bucket->n_queued > 0);
	bucket->n_queued--;
}

void bucket_give_back(struct bucket *bucket)
{
	bucket->due_ns -= min(bucket->due_ns, bucket->interval_ns);
}
