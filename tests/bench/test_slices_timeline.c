#include "bench/slices_timeline.h"

#include "tests/cunit.h"

#define MS          1000000ull
#define BYTES_OF_MS 1250 /* 10 Mbit/s */

static const double near_bps[2] = {9.8e6, 10.2e6};

/* 10 Mbit/s from `from_ms` to `to_ms`, a hundred milliseconds in all. */
static struct timeline make(uint64_t begin_ns, uint64_t from_ms, uint64_t to_ms)
{
	struct timeline timeline;
	CU_ASSERT_EQUAL_FATAL(timeline_init(&timeline, 100 * MS), 0);
	timeline_begin(&timeline, begin_ns);
	for (uint64_t ms = from_ms; ms < to_ms; ms++)
		timeline_add(&timeline, begin_ns + ms * MS + MS / 2, BYTES_OF_MS);
	return timeline;
}

static void rate_is_that_of_its_bins(void)
{
	struct timeline timeline = make(7, 0, 50);
	CU_ASSERT_DOUBLE_EQUAL(timeline_bps(&timeline, 0, 50 * MS), 10e6, 1);
	CU_ASSERT_DOUBLE_EQUAL(timeline_bps(&timeline, 0, 100 * MS), 5e6, 1);
	CU_ASSERT_DOUBLE_EQUAL(timeline_bps(&timeline, 50 * MS, 100 * MS), 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(timeline_bps(&timeline, 10 * MS, 10 * MS), 0, 0);
	timeline_fini(&timeline);
}

static void rate_is_reached_at_the_end_of_its_window(void)
{
	struct timeline timeline = make(1000, 20, 100);
	CU_ASSERT_EQUAL(timeline_reached_ns(&timeline, 20 * MS, 100 * MS, 10 * MS, near_bps),
			10 * MS);
	CU_ASSERT_EQUAL(timeline_reached_ns(&timeline, 5 * MS, 100 * MS, 10 * MS, near_bps),
			25 * MS);
	timeline_fini(&timeline);
}

static void rate_that_never_comes_is_told(void)
{
	struct timeline timeline = make(0, 0, 5);
	CU_ASSERT_EQUAL(timeline_reached_ns(&timeline, 0, 100 * MS, 10 * MS, near_bps), UINT64_MAX);
	timeline_fini(&timeline);
}

static void what_is_outside_does_not_count(void)
{
	struct timeline timeline = make(50 * MS, 0, 0);
	timeline_add(&timeline, 49 * MS, 1000);
	timeline_add(&timeline, 200 * MS, 1000);
	CU_ASSERT_DOUBLE_EQUAL(timeline_bps(&timeline, 0, 100 * MS), 0, 0);
	timeline_fini(&timeline);
}

static void beginning_again_forgets(void)
{
	struct timeline timeline = make(0, 0, 50);
	timeline_begin(&timeline, 500 * MS);
	CU_ASSERT_DOUBLE_EQUAL(timeline_bps(&timeline, 0, 100 * MS), 0, 0);
	timeline_fini(&timeline);
}

static CU_TestInfo tests[] = {
	{"rate_is_that_of_its_bins", rate_is_that_of_its_bins},
	{"rate_is_reached_at_the_end_of_its_window", rate_is_reached_at_the_end_of_its_window},
	{"rate_that_never_comes_is_told", rate_that_never_comes_is_told},
	{"what_is_outside_does_not_count", what_is_outside_does_not_count},
	{"beginning_again_forgets", beginning_again_forgets},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("slices_timeline", tests)
