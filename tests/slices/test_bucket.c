/* The leaky bucket: bursts are exact, what passes in the long run is the limit, and nobody waits
 * longer than the bounds say. */
#include "tests/cunit.h"

#include <stdbool.h>

#include "slices/bucket.h"

#define MS     1000000ull
#define SECOND 1000000000ull
#define START  (5 * SECOND)

static struct bucket bucket_of(unsigned int requests, uint64_t period_ns, unsigned int burst,
			       unsigned int queue, uint64_t delay_ns)
{
	struct bucket bucket = {0};
	struct bucket limits = bucket_limits(requests, period_ns, burst, queue, delay_ns);
	bucket_set(&bucket, &limits, START);
	return bucket;
}

/* A generator of its own: runs are the same everywhere. */
static uint64_t state = 88172645463325252ull;
static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void no_limit_lets_all_pass(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(0, SECOND, 0, 0, 0);
	for (unsigned int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
}

static void a_burst_is_exact(void)
{
	for (unsigned int burst = 0; burst < 50; burst += 7) {
		uint64_t delay;
		struct bucket bucket = bucket_of(50, SECOND, burst, 0, 0);
		unsigned int n = 0;
		while (bucket_take(&bucket, START, &delay) == BUCKET_PASS)
			n++;
		CU_ASSERT_EQUAL(n, burst + 1);
		CU_ASSERT_EQUAL(delay, 20 * MS);
		CU_ASSERT_EQUAL(bucket_take(&bucket, START + 20 * MS - 1, &delay), BUCKET_FULL);
		CU_ASSERT_EQUAL(bucket_take(&bucket, START + 20 * MS, &delay), BUCKET_PASS);
	}
}

static void a_steady_stream_at_the_limit_passes(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(50, SECOND, 0, 0, 0);
	for (unsigned int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(bucket_take(&bucket, START + i * 20 * MS, &delay), BUCKET_PASS);
}

static void a_refusal_takes_nothing(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(1, SECOND, 0, 0, 0);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
	for (unsigned int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(bucket_take(&bucket, START + SECOND / 2, &delay), BUCKET_FULL);
		CU_ASSERT_EQUAL(delay, SECOND / 2);
	}
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + SECOND, &delay), BUCKET_PASS);
}

static void the_queue_is_bounded_and_first_come_first_served(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(10, SECOND, 0, 3, 10 * SECOND);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
	for (unsigned int i = 1; i <= 3; i++) {
		CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_WAIT);
		CU_ASSERT_EQUAL(delay, i * 100 * MS);
	}
	CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_FULL);
	CU_ASSERT_EQUAL(delay, 400 * MS);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + 100 * MS, &delay), BUCKET_FULL);
	bucket_leave(&bucket);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + 100 * MS, &delay), BUCKET_WAIT);
	CU_ASSERT_EQUAL(delay, 300 * MS);
}

static void the_wait_is_bounded(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(10, SECOND, 0, 100, 250 * MS);
	unsigned int n = 0;
	CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
	while (bucket_take(&bucket, START, &delay) == BUCKET_WAIT) {
		CU_ASSERT(delay <= 250 * MS);
		n++;
	}
	CU_ASSERT_EQUAL(n, 2);
}

static void what_is_given_back_can_be_taken_again(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(1, 3600 * SECOND, 4, 0, 0);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < 5; i++)
			CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
		CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_FULL);
		for (unsigned int i = 0; i < 5; i++)
			bucket_give_back(&bucket);
	}
	struct bucket unlimited = bucket_of(0, SECOND, 0, 0, 0);
	bucket_give_back(&unlimited);
	CU_ASSERT_EQUAL(unlimited.due_ns, 0);
}

static void new_limits_count_what_was_taken_in_requests(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(1, 86400 * SECOND, 9, 0, 0);
	for (unsigned int i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
	struct bucket limits = bucket_limits(100, SECOND, 9, 0, 0);
	bucket_set(&bucket, &limits, START);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_FULL);
	CU_ASSERT_EQUAL(delay, 10 * MS);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + 10 * MS, &delay), BUCKET_PASS);
	bucket_set(&bucket, &limits, START + 10 * MS);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + 10 * MS, &delay), BUCKET_FULL);
	limits = bucket_limits(0, SECOND, 0, 0, 0);
	bucket_set(&bucket, &limits, START + 10 * MS);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + 10 * MS, &delay), BUCKET_PASS);
}

static void the_ends_of_the_ranges_do_not_overflow(void)
{
	uint64_t delay;
	struct bucket bucket = bucket_of(1, 86400 * SECOND, 1000000, 4096, 10 * SECOND);
	struct bucket limits = bucket_limits(1000000, MS, 0, 0, 0);
	for (unsigned int i = 0; i < 2000; i++)
		CU_ASSERT_EQUAL(bucket_take(&bucket, START, &delay), BUCKET_PASS);
	bucket_set(&bucket, &limits, START);
	CU_ASSERT_EQUAL(bucket_take(&bucket, START + 2000, &delay), BUCKET_PASS);
}

/* Random limits under random arrivals that ask for more than the limit: what passes from one
 * moment to a later one is the limit, within one percent, and nothing drifts. */
static void the_long_run_rate_is_the_limit(void)
{
	for (unsigned int round = 0; round < 40; round++) {
		unsigned int requests = 1 + (unsigned int)draw(200);
		uint64_t period_ns = (1 + draw(2000)) * MS, now_ns = START, first_ns = 0;
		unsigned int queue = (unsigned int)draw(20), n_waiting = 0;
		uint64_t delay_max_ns = draw(2 * SECOND);
		struct bucket bucket =
			bucket_of(requests, period_ns, (unsigned int)draw(30), queue, delay_max_ns);
		uint64_t interval_ns = period_ns / requests, passes[64] = {0}, last_ns = 0;
		unsigned int head = 0, tail = 0, n = 0;
		while (n < 4000) {
			uint64_t delay_ns;
			now_ns += draw(interval_ns);
			while (head < tail && passes[head % 64] <= now_ns) {
				head++;
				n_waiting--;
				bucket_leave(&bucket);
			}
			enum bucket_verdict verdict = bucket_take(&bucket, now_ns, &delay_ns);
			if (verdict == BUCKET_FULL)
				continue;
			if (verdict == BUCKET_WAIT) {
				CU_ASSERT(delay_ns <= delay_max_ns);
				passes[tail++ % 64] = now_ns + delay_ns;
				n_waiting++;
				CU_ASSERT(n_waiting <= queue);
			}
			/* In order of arrival. */
			CU_ASSERT(now_ns + delay_ns >= last_ns);
			last_ns = now_ns + delay_ns;
			n++;
			if (n == 100)
				first_ns = last_ns;
		}
		double rate = 3900.0 * (double)interval_ns / (double)(last_ns - first_ns);
		CU_ASSERT(rate > 0.99 && rate < 1.01);
	}
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(no_limit_lets_all_pass),
	ROW(a_burst_is_exact),
	ROW(a_steady_stream_at_the_limit_passes),
	ROW(a_refusal_takes_nothing),
	ROW(the_queue_is_bounded_and_first_come_first_served),
	ROW(the_wait_is_bounded),
	ROW(what_is_given_back_can_be_taken_again),
	ROW(new_limits_count_what_was_taken_in_requests),
	ROW(the_ends_of_the_ranges_do_not_overflow),
	ROW(the_long_run_rate_is_the_limit),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("bucket", tests)
