#include "media/profile.h"

#include <rte_cycles.h>

#include "tests/cunit.h"

#define ROUNDS 64000

static struct profile profile;

static uint64_t all_ticks(void)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < PROFILE_STAGES; i++)
		sum += profile.sums[i].ticks;
	return sum;
}

static void spend(uint64_t ticks)
{
	uint64_t begin = rte_rdtsc();
	while (rte_rdtsc() - begin < ticks)
		;
}

static void begin(bool is_always)
{
	profile = (struct profile){0};
	profile_start(&profile, is_always);
}

static void stages_add_up_to_the_whole(void)
{
	begin(true);
	uint64_t before = rte_rdtsc();
	profile_round(&profile);
	uint64_t begin = rte_rdtsc();
	profile_enter(&profile, PROFILE_COPY, 1);
	spend(10000);
	profile_enter(&profile, PROFILE_PROTECT, 1);
	spend(20000);
	profile_enter(&profile, PROFILE_SEND, 1);
	uint64_t end = rte_rdtsc();
	profile_round(&profile);
	uint64_t after = rte_rdtsc();
	CU_ASSERT_TRUE(all_ticks() >= end - begin);
	CU_ASSERT_TRUE(all_ticks() <= after - before);
	CU_ASSERT_TRUE(profile.sums[PROFILE_COPY].ticks >= 10000);
	CU_ASSERT_TRUE(profile.sums[PROFILE_PROTECT].ticks >= 20000);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_TRACK].ticks, 0);
	profile_stop(&profile);
}

static void a_stage_goes_back_to_the_one_before(void)
{
	begin(true);
	profile_round(&profile);
	profile_enter(&profile, PROFILE_COPY, 3);
	enum profile_stage before = profile_enter(&profile, PROFILE_PROTECT, 5);
	CU_ASSERT_EQUAL(before, PROFILE_COPY);
	CU_ASSERT_EQUAL(profile.stage, PROFILE_PROTECT);
	profile_leave(&profile, before);
	CU_ASSERT_EQUAL(profile.stage, PROFILE_COPY);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_COPY].packets, 3);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_PROTECT].packets, 5);
	profile_stop(&profile);
}

/* One in 64 on average, so the estimate of a long run is near the truth. */
static void a_sample_stands_for_all_rounds(void)
{
	unsigned int measured = 0;
	begin(false);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		profile_round(&profile);
		measured += profile.is_on;
		profile_enter(&profile, PROFILE_COPY, 10);
	}
	CU_ASSERT_TRUE(measured > ROUNDS / PROFILE_EVERY / 10 * 9);
	CU_ASSERT_TRUE(measured < ROUNDS / PROFILE_EVERY / 10 * 11);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_COPY].packets, measured * PROFILE_EVERY * 10ull);
	profile_stop(&profile);
}

/* A pattern of two kinds of rounds, as a timer makes one: both are seen as often as they are. */
static void a_sample_does_not_follow_a_pattern(void)
{
	begin(false);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		profile_round(&profile);
		profile_enter(&profile, i % 2 ? PROFILE_COPY : PROFILE_TIMERS, 1);
	}
	CU_ASSERT_TRUE(profile.sums[PROFILE_COPY].packets > ROUNDS / 2 / 10 * 8);
	CU_ASSERT_TRUE(profile.sums[PROFILE_TIMERS].packets > ROUNDS / 2 / 10 * 8);
	profile_stop(&profile);
}

static void a_round_that_is_not_measured_leaves_nothing(void)
{
	begin(false);
	do {
		profile_round(&profile);
	} while (profile.is_on);
	uint64_t ticks = all_ticks();
	profile_enter(&profile, PROFILE_COPY, 7);
	profile_leave(&profile, PROFILE_TRACK);
	profile_count(&profile, PROFILE_RECEIVE, 7);
	CU_ASSERT_EQUAL(all_ticks(), ticks);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_COPY].packets, 0);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_RECEIVE].packets, 0);
	profile_stop(&profile);
}

/* A sample of sleeps would be no good: one may be longer than all the others together. */
static void sleep_is_always_measured_and_counts_once(void)
{
	uint64_t inside = 0, outside = 0;
	begin(false);
	for (unsigned int i = 0; i < 1000; i++) {
		profile_round(&profile);
		uint64_t before = rte_rdtsc();
		profile_sleep(&profile);
		uint64_t begin = rte_rdtsc();
		spend(1000);
		inside += rte_rdtsc() - begin;
		profile_wake(&profile);
		outside += rte_rdtsc() - before;
		profile.is_on = false;
	}
	CU_ASSERT_TRUE(profile.sums[PROFILE_SLEEP].ticks >= inside);
	CU_ASSERT_TRUE(profile.sums[PROFILE_SLEEP].ticks <= outside);
	profile_stop(&profile);
}

static void instructions_are_counted_where_there_is_a_counter(void)
{
	begin(true);
	bool has_counter = profile.page != NULL;
	profile_round(&profile);
	spend(1000000);
	profile_round(&profile);
	CU_ASSERT_EQUAL(profile.sums[PROFILE_RECEIVE].instructions > 0, has_counter);
	profile_stop(&profile);
	CU_ASSERT_PTR_NULL(profile.page);
}

static CU_TestInfo tests[] = {
	{"stages_add_up_to_the_whole", stages_add_up_to_the_whole},
	{"a_stage_goes_back_to_the_one_before", a_stage_goes_back_to_the_one_before},
	{"a_sample_stands_for_all_rounds", a_sample_stands_for_all_rounds},
	{"a_sample_does_not_follow_a_pattern", a_sample_does_not_follow_a_pattern},
	{"a_round_that_is_not_measured_leaves_nothing",
	 a_round_that_is_not_measured_leaves_nothing},
	{"sleep_is_always_measured_and_counts_once", sleep_is_always_measured_and_counts_once},
	{"instructions_are_counted_where_there_is_a_counter",
	 instructions_are_counted_where_there_is_a_counter},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("profile", tests)
