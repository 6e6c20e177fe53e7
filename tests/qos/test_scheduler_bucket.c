/* The arbiter's token bucket: exact at both ends of what a rate may be. */
#include "qos/scheduler_bucket.h"
#include "tests/cunit.h"

static struct scheduler_bucket bucket(int64_t rate_bps, int64_t tokens)
{
	struct scheduler_bucket b = {.filled_ns = 1000};
	bucket_set(&b, rate_bps, 10000000, 2304);
	b.tokens = tokens;
	return b;
}

static void depth_is_time_or_bytes(void)
{
	CU_ASSERT_EQUAL(bucket(8000, 0).depth, 2304 * BUCKET_BYTE);
	CU_ASSERT_EQUAL(bucket(800000000, 0).depth, 1000000 * BUCKET_BYTE);
	CU_ASSERT_EQUAL(bucket(400000000000, 0).depth, 500000000 * BUCKET_BYTE);
}

static void tokens_are_exact(void)
{
	/* 3 bit/s more than a round rate, a nanosecond at a time and at once. */
	struct scheduler_bucket a = bucket(1000003, -BUCKET_BYTE), b = a;
	for (uint64_t ns = 1001; ns <= 7000; ns++)
		bucket_fill(&a, ns);
	bucket_fill(&b, 7000);
	CU_ASSERT_EQUAL(a.tokens, -BUCKET_BYTE + 6000 * 1000003ll);
	CU_ASSERT_EQUAL(a.tokens, b.tokens);
}

static void time_that_stands_or_jumps_does_no_harm(void)
{
	struct scheduler_bucket b = bucket(400000000000, 5);
	bucket_fill(&b, 1000);
	bucket_fill(&b, 10);
	CU_ASSERT_EQUAL(b.tokens, 5);
	bucket_fill(&b, UINT64_MAX / 4);
	CU_ASSERT_EQUAL(b.tokens, b.depth);
}

static void ready_is_when_tokens_are_there(void)
{
	static const int64_t rates[] = {8000, 1000003, 400000000000};
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct scheduler_bucket b = bucket(rates[i], 0);
		bucket_charge(&b, 2198);
		uint64_t ready_ns = bucket_ready_ns(&b);
		bucket_fill(&b, ready_ns - 1);
		CU_ASSERT(b.tokens <= 0);
		bucket_fill(&b, ready_ns);
		CU_ASSERT(b.tokens > 0);
		CU_ASSERT(bucket_ready_ns(&b) <= ready_ns);
	}
}

static void new_rate_keeps_what_fits(void)
{
	struct scheduler_bucket b = bucket(800000000, 900000 * BUCKET_BYTE);
	bucket_set(&b, 80000000, 10000000, 2304);
	CU_ASSERT_EQUAL(b.tokens, 100000 * BUCKET_BYTE);
	b.tokens = -7;
	bucket_set(&b, 800000000, 10000000, 2304);
	CU_ASSERT_EQUAL(b.tokens, -7);
}

static CU_TestInfo tests[] = {
	{"depth_is_time_or_bytes", depth_is_time_or_bytes},
	{"tokens_are_exact", tokens_are_exact},
	{"time_that_stands_or_jumps_does_no_harm", time_that_stands_or_jumps_does_no_harm},
	{"ready_is_when_tokens_are_there", ready_is_when_tokens_are_there},
	{"new_rate_keeps_what_fits", new_rate_keeps_what_fits},
	CU_TEST_INFO_NULL,
};
TEST_MAIN("scheduler_bucket", tests)
