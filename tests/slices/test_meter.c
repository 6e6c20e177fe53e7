/* The meter against rows written by hand, and against an oracle on traces drawn at random. */
#include "slices/meter.h"

#include <string.h>

#include "tests/cunit.h"
#include "tests/slices/meter_oracle.h"

#define TRACES  1000
#define VIDEO   METER_VIDEO
#define VOICE   METER_VOICE
#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

static struct meter meter;
static struct meter_clock clocks[METER_KINDS];

static void set_up(uint64_t video_ms, uint64_t voice_ms)
{
	meter_init(&meter);
	memset(clocks, 0, sizeof(clocks));
	meter_set_credit(&meter, VIDEO, video_ms * MS);
	meter_set_credit(&meter, VOICE, voice_ms * MS);
}

/* A packet at `at_ms`, its verdict, and what is used and timed of its kind after it. */
struct row {
	uint64_t at_ms;
	enum meter_kind kind;
	enum meter_verdict verdict;
	uint64_t used_ms, time_ms;
};

static void play(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];
		CU_ASSERT_EQUAL(
			meter_packet(&meter, &clocks[row->kind], row->kind, row->at_ms * MS),
			row->verdict);
		CU_ASSERT_EQUAL(meter_used_ns(&meter, row->kind), row->used_ms * MS);
		CU_ASSERT_EQUAL(meter_time_ns(&meter, row->kind), row->time_ms * MS);
	}
}

static void gaps_add_up_and_stalls_are_capped(void)
{
	static const struct row rows[] = {
		{5000, VIDEO, METER_PASS, 0, 0},        {5033, VIDEO, METER_PASS, 33, 33},
		{5033, VIDEO, METER_PASS, 33, 33},      {6033, VIDEO, METER_PASS, 1033, 1033},
		{7034, VIDEO, METER_PASS, 2033, 2033},  {99000, VIDEO, METER_PASS, 3033, 3033},
		{99001, VIDEO, METER_PASS, 3034, 3034},
	};
	set_up(100000, 0);
	play(rows, ROWS(rows));
}

static void the_crossing_packet_does_not_pass(void)
{
	static const struct row rows[] = {
		{1000, VIDEO, METER_PASS_LOW, 0, 0}, /* 100 ms are little */
		{1060, VIDEO, METER_PASS, 60, 60},      {1100, VIDEO, METER_PASS, 100, 100},
		{1100, VIDEO, METER_PASS, 100, 100}, /* costs nothing */
		{1101, VIDEO, METER_OUT, 100, 100},     {1101, VIDEO, METER_STOPPED, 100, 100},
		{9000, VIDEO, METER_STOPPED, 100, 100},
	};
	set_up(100, 0);
	play(rows, ROWS(rows));
	CU_ASSERT_EQUAL(meter_stopped(&meter, VIDEO), 3);
}

static void what_is_left_of_the_credit_is_used_up(void)
{
	static const struct row rows[] = {
		{1000, VIDEO, METER_PASS_LOW, 0, 0},
		{1060, VIDEO, METER_PASS, 60, 60},
		{1120, VIDEO, METER_OUT, 100, 100},
	};
	set_up(100, 0);
	play(rows, ROWS(rows));
}

static void without_credit_not_even_the_first_packet_passes(void)
{
	static const struct row rows[] = {
		{1000, VIDEO, METER_OUT, 0, 0},
		{1000, VOICE, METER_OUT, 0, 0},
		{1020, VOICE, METER_STOPPED, 0, 0},
	};
	set_up(0, 0);
	play(rows, ROWS(rows));
}

static void voice_beside_video_is_timed_but_free(void)
{
	static const struct row rows[] = {
		{1000, VOICE, METER_PASS, 0, 0},     {1020, VOICE, METER_PASS, 20, 20},
		{1030, VIDEO, METER_PASS, 0, 0},     {1040, VOICE, METER_PASS, 20, 40},
		{2030, VOICE, METER_PASS, 20, 1030}, /* the last moment of video's reach */
		{2031, VOICE, METER_PASS, 21, 1031}, {2100, VIDEO, METER_PASS, 1000, 1000},
		{2101, VOICE, METER_PASS, 21, 1101},
	};
	set_up(100000, 100000);
	play(rows, ROWS(rows));
}

static void voice_is_charged_a_second_after_video_is_out(void)
{
	static const struct row rows[] = {
		{1000, VIDEO, METER_PASS_LOW, 0, 0}, {1001, VOICE, METER_PASS, 0, 0},
		{1050, VIDEO, METER_PASS, 50, 50},   {1051, VOICE, METER_PASS, 0, 50},
		{1060, VIDEO, METER_OUT, 55, 55},    {1071, VOICE, METER_PASS, 0, 70},
		{2050, VOICE, METER_PASS, 0, 1049},  {2070, VOICE, METER_PASS, 20, 1069},
	};
	set_up(55, 100000);
	play(rows, ROWS(rows));
}

static void voice_without_credit_lasts_as_long_as_video(void)
{
	static const struct row rows[] = {
		{1000, VIDEO, METER_PASS, 0, 0},  {1010, VOICE, METER_PASS, 0, 0},
		{1030, VOICE, METER_PASS, 0, 20}, {2000, VOICE, METER_PASS, 0, 990},
		{2001, VOICE, METER_OUT, 0, 990},
	};
	set_up(100000, 0);
	play(rows, ROWS(rows));
}

static void voice_ahead_of_expected_video_is_free(void)
{
	static const struct row rows[] = {
		{1020, VOICE, METER_PASS, 0, 0},    {1040, VOICE, METER_PASS, 0, 20},
		{4000, VOICE, METER_PASS, 0, 1020}, /* it may take 3 s */
		{4001, VOICE, METER_PASS, 1, 1021}, {4002, VIDEO, METER_PASS, 0, 0},
		{5002, VOICE, METER_PASS, 1, 2021}, /* and then is like any video */
		{5003, VOICE, METER_PASS, 2, 2022},
	};
	set_up(100000, 100000);
	meter_expect_video(&meter, 1000 * MS);
	play(rows, ROWS(rows));
	/* What has no credit, or is held, is not waited for. */
	set_up(0, 100000);
	meter_expect_video(&meter, 1000 * MS);
	CU_ASSERT_EQUAL(meter.video_until_ns, 0);
	set_up(100, 100000);
	meter_set_held(&meter, 1u << VIDEO);
	meter_expect_video(&meter, 1000 * MS);
	CU_ASSERT_EQUAL(meter.video_until_ns, 0);
}

static void new_credit_lets_it_flow_again(void)
{
	static const struct row before[] = {
		{1000, VIDEO, METER_PASS_LOW, 0, 0},
		{1200, VIDEO, METER_OUT, 100, 100},
	};
	static const struct row after[] = {
		{9000, VIDEO, METER_PASS, 100, 100},
		{9500, VIDEO, METER_PASS, 600, 600},
	};
	set_up(100, 0);
	play(before, ROWS(before));
	CU_ASSERT_FALSE(meter_set_credit(&meter, VIDEO, 100 * MS)); /* nothing new */
	CU_ASSERT_FALSE(meter_set_credit(&meter, VIDEO, 10 * MS));  /* less than is used */
	CU_ASSERT_EQUAL(meter.credit_ns[VIDEO], 100 * MS);
	CU_ASSERT_TRUE(meter_set_credit(&meter, VIDEO, 10000 * MS));
	meter_clock_reset(&clocks[VIDEO]);
	play(after, ROWS(after));
	/* More before it is out changes nothing about the flow. */
	CU_ASSERT_FALSE(meter_set_credit(&meter, VIDEO, 20000 * MS));
}

static void little_credit_is_told_once_each_time(void)
{
	static const struct row first[] = {
		{1000, VIDEO, METER_PASS, 0, 0},
		{2000, VIDEO, METER_PASS, 1000, 1000},
		{2001, VIDEO, METER_PASS_LOW, 1001, 1001},
		{2002, VIDEO, METER_PASS, 1002, 1002},
	};
	static const struct row second[] = {
		{2003, VIDEO, METER_PASS, 1003, 1003},
		{2004, VIDEO, METER_PASS, 1004, 1004},
		{2005, VIDEO, METER_PASS_LOW, 1005, 1005},
	};
	set_up(5000, 0);
	play(first, ROWS(first));
	meter_set_credit(&meter, VIDEO, 5004 * MS);
	play(second, ROWS(second));
}

static void revoked_credit_ends_at_the_next_gap(void)
{
	static const struct row before[] = {
		{1000, VIDEO, METER_PASS, 0, 0},
		{1300, VIDEO, METER_PASS, 300, 300},
	};
	static const struct row after[] = {{1301, VIDEO, METER_OUT, 300, 300}};
	set_up(50000, 0);
	play(before, ROWS(before));
	CU_ASSERT_FALSE(meter_set_credit(&meter, VIDEO, 0));
	CU_ASSERT_EQUAL(meter.credit_ns[VIDEO], 300 * MS);
	play(after, ROWS(after));
}

static void what_is_held_does_not_pass(void)
{
	static const uint8_t video = 1u << VIDEO, voice = 1u << VOICE;
	static const struct row rows[] = {
		{1000, VIDEO, METER_STOPPED, 0, 0},
		{1000, VOICE, METER_PASS, 0, 0},
		{1100, VOICE, METER_PASS, 100, 100},
	};
	set_up(100000, 100000);
	CU_ASSERT_EQUAL(meter_set_held(&meter, video), 0);
	play(rows, ROWS(rows));
	CU_ASSERT_EQUAL(meter_set_held(&meter, video | voice), 0);
	CU_ASSERT_TRUE(meter_is_stopped(&meter, VOICE));
	CU_ASSERT_EQUAL(meter_set_held(&meter, voice), video);
	CU_ASSERT_EQUAL(meter_set_held(&meter, 0), voice);
	/* Out and held: it takes both to flow again. */
	set_up(0, 0);
	meter_packet(&meter, &clocks[VIDEO], VIDEO, 2000 * MS);
	meter_set_held(&meter, video);
	CU_ASSERT_EQUAL(meter_set_held(&meter, 0), 0);
	meter_set_held(&meter, video);
	CU_ASSERT_FALSE(meter_set_credit(&meter, VIDEO, 5));
	CU_ASSERT_EQUAL(meter_set_held(&meter, 0), video);
}

static void unlimited_credit_never_runs_out(void)
{
	meter_init(&meter);
	memset(clocks, 0, sizeof(clocks));
	for (uint64_t at = 1; at < 100000; at++)
		CU_ASSERT_EQUAL_FATAL(
			meter_packet(&meter, &clocks[VIDEO], VIDEO, at * METER_GAP_MAX_NS),
			METER_PASS);
	CU_ASSERT_EQUAL(meter_used_ns(&meter, VIDEO), 99998 * METER_GAP_MAX_NS);
}

static void metered_time_equals_the_oracles(void)
{
	uint64_t verdicts[METER_STOPPED + 1] = {0};
	for (unsigned int seed = 0; seed < TRACES; seed++) {
		int differs_at = trace_play(seed, verdicts);
		if (differs_at >= 0)
			printf("\ntrace %u differs at event %d\n", seed, differs_at);
		CU_ASSERT_EQUAL_FATAL(differs_at, -1);
	}
	/* The traces are worth something: each verdict came often. */
	CU_ASSERT_TRUE(verdicts[METER_PASS] > 10000 && verdicts[METER_PASS_LOW] > 1000);
	CU_ASSERT_TRUE(verdicts[METER_OUT] > 1000 && verdicts[METER_STOPPED] > 10000);
}

static CU_TestInfo tests[] = {
	{"gaps_add_up_and_stalls_are_capped", gaps_add_up_and_stalls_are_capped},
	{"the_crossing_packet_does_not_pass", the_crossing_packet_does_not_pass},
	{"what_is_left_of_the_credit_is_used_up", what_is_left_of_the_credit_is_used_up},
	{"without_credit_not_even_the_first_packet_passes",
	 without_credit_not_even_the_first_packet_passes},
	{"voice_beside_video_is_timed_but_free", voice_beside_video_is_timed_but_free},
	{"voice_is_charged_a_second_after_video_is_out",
	 voice_is_charged_a_second_after_video_is_out},
	{"voice_without_credit_lasts_as_long_as_video",
	 voice_without_credit_lasts_as_long_as_video},
	{"voice_ahead_of_expected_video_is_free", voice_ahead_of_expected_video_is_free},
	{"new_credit_lets_it_flow_again", new_credit_lets_it_flow_again},
	{"little_credit_is_told_once_each_time", little_credit_is_told_once_each_time},
	{"revoked_credit_ends_at_the_next_gap", revoked_credit_ends_at_the_next_gap},
	{"what_is_held_does_not_pass", what_is_held_does_not_pass},
	{"unlimited_credit_never_runs_out", unlimited_credit_never_runs_out},
	{"metered_time_equals_the_oracles", metered_time_equals_the_oracles},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("meter", tests)
