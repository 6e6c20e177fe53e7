#include "media/rewrite.h"

#include <string.h>

#include "tests/cunit.h"

#define HZ 90000u
#define MS 1000000ull

/* One packet in, what must come out. */
struct row {
	uint32_t epoch;
	int64_t index_in;
	uint32_t timestamp_in;
	uint64_t now_ns;
	bool passes;
	uint16_t sequence_out;
	uint32_t timestamp_out;
};

static void play(struct rewrite *rewrite, const struct row *rows, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rewrite_place in = {rows[i].epoch, rows[i].timestamp_in, rows[i].index_in};
		struct rewrite_place out = {0};
		bool passes = rewrite_map(rewrite, &in, HZ, rows[i].now_ns, &out);
		CU_ASSERT_EQUAL(passes, rows[i].passes);
		if (!passes)
			continue;
		CU_ASSERT_EQUAL((uint16_t)out.index, rows[i].sequence_out);
		CU_ASSERT_EQUAL(out.timestamp, rows[i].timestamp_out);
	}
}

static void gaps_and_reordering_are_kept(void)
{
	static const struct row rows[] = {
		{1, 5000, 100, 10 * MS, true, 101, 7001},
		{1, 5001, 100, 10 * MS, true, 102, 7001},
		{1, 5004, 3100, 43 * MS, true, 105, 10001},
		{1, 5003, 3100, 44 * MS, true, 104, 10001},
		{1, 4999, 90, 45 * MS, false, 0, 0},
	};
	struct rewrite rewrite;
	rewrite_init(&rewrite, 100, 7000);
	play(&rewrite, rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_new_source_goes_on_without_a_gap(void)
{
	static const struct row rows[] = {
		{1, 5000, 100, 1000 * MS, true, 101, 7001},
		{1, 5002, 9100, 1100 * MS, true, 103, 16001},
		/* 200 ms later another publisher: next number, 18,000 ticks on. */
		{65537, 90000, 4000000000u, 1300 * MS, true, 104, 34001},
		{65537, 90001, 4000003000u, 1333 * MS, true, 105, 37001},
		/* What the old one still had under way must not come through, nor what was before
		   the new one's first. */
		{1, 5003, 9100, 1334 * MS, false, 0, 0},
		{65537, 89999, 3999997000u, 1335 * MS, false, 0, 0},
	};
	struct rewrite rewrite;
	rewrite_init(&rewrite, 100, 7000);
	play(&rewrite, rows, sizeof(rows) / sizeof(rows[0]));
}

static void numbers_wrap(void)
{
	static const struct row rows[] = {
		{1, 70000, 0xffffffffu, 1 * MS, true, 0xffff, 11},
		{1, 70001, 0, 2 * MS, true, 0, 12},
	};
	struct rewrite rewrite;
	rewrite_init(&rewrite, 0xfffe, 10);
	play(&rewrite, rows, 2);
	int64_t source;
	CU_ASSERT_TRUE(rewrite_source(&rewrite, 0xffff, &source));
	CU_ASSERT_EQUAL(source, 70000);
	CU_ASSERT_TRUE(rewrite_source(&rewrite, 0, &source));
	CU_ASSERT_EQUAL(source, 70001);
}

static void only_what_was_sent_has_a_source(void)
{
	struct rewrite rewrite;
	struct rewrite_place out;
	int64_t source;
	rewrite_init(&rewrite, 100, 0);
	CU_ASSERT_FALSE(rewrite_source(&rewrite, 100, &source));
	rewrite_map(&rewrite, &(struct rewrite_place){1, 0, 1000}, HZ, MS, &out);
	rewrite_map(&rewrite, &(struct rewrite_place){1, 0, 1001}, HZ, MS, &out);
	CU_ASSERT_TRUE(rewrite_source(&rewrite, 102, &source));
	CU_ASSERT_EQUAL(source, 1001);
	CU_ASSERT_FALSE(rewrite_source(&rewrite, 103, &source));
	CU_ASSERT_FALSE(rewrite_source(&rewrite, 100, &source));
	/* After a change of source the old numbers have none any more. */
	rewrite_map(&rewrite, &(struct rewrite_place){2, 0, 77}, HZ, 2 * MS, &out);
	CU_ASSERT_FALSE(rewrite_source(&rewrite, 102, &source));
	CU_ASSERT_TRUE(rewrite_source(&rewrite, 103, &source));
	CU_ASSERT_EQUAL(source, 77);
}

static void after_a_stop_numbers_go_on_and_time_stays_the_sources(void)
{
	static const struct row before[] = {
		{1, 5000, 100, 1000 * MS, true, 101, 7001},
		{1, 5002, 9100, 1100 * MS, true, 103, 16001},
	};
	static const struct row after[] = {
		/* Of before the stop: the highest that was sent, one that never came. */
		{1, 5002, 9100, 6000 * MS, false, 0, 0},
		{1, 5001, 4600, 6000 * MS, false, 0, 0},
		/* 400 packets and 450,000 ticks of the source later: the next number. */
		{1, 5402, 459100, 6100 * MS, true, 104, 466001},
		{1, 5401, 459000, 6101 * MS, false, 0, 0},
		{1, 5404, 461000, 6120 * MS, true, 106, 467901},
		{1, 5403, 460000, 6121 * MS, true, 105, 466901},
	};
	struct rewrite rewrite;
	int64_t source;
	rewrite_init(&rewrite, 100, 7000);
	rewrite_resume(&rewrite); /* before anything was sent: nothing to go on from */
	play(&rewrite, before, 2);
	rewrite_resume(&rewrite);
	CU_ASSERT_TRUE(rewrite_source(&rewrite, 103, &source));
	play(&rewrite, after, sizeof(after) / sizeof(after[0]));
	/* What was lost before the stop is not to be had any more. */
	CU_ASSERT_FALSE(rewrite_source(&rewrite, 103, &source));
	CU_ASSERT_TRUE(rewrite_source(&rewrite, 104, &source));
	CU_ASSERT_EQUAL(source, 5402);
	/* Another source begins as it always does. */
	static const struct row other[] = {{2, 10, 0, 6220 * MS, true, 107, 476901}};
	rewrite_resume(&rewrite);
	play(&rewrite, other, 1);
}

static void asking_whether_a_packet_passes_changes_nothing(void)
{
	struct rewrite rewrite, copy;
	rewrite_init(&rewrite, 100, 7000);
	play(&rewrite, &(struct row){1, 5000, 100, 1000 * MS, true, 101, 7001}, 1);
	rewrite_resume(&rewrite);
	copy = rewrite;
	CU_ASSERT_FALSE(rewrite_passes(&rewrite, &(struct rewrite_place){1, 100, 5000}));
	CU_ASSERT_TRUE(rewrite_passes(&rewrite, &(struct rewrite_place){1, 200, 5001}));
	CU_ASSERT_TRUE(rewrite_passes(&rewrite, &(struct rewrite_place){2, 200, 7}));
	CU_ASSERT_EQUAL(memcmp(&rewrite, &copy, sizeof(copy)), 0);
}

static CU_TestInfo tests[] = {
	{"gaps_and_reordering_are_kept", gaps_and_reordering_are_kept},
	{"a_new_source_goes_on_without_a_gap", a_new_source_goes_on_without_a_gap},
	{"numbers_wrap", numbers_wrap},
	{"after_a_stop_numbers_go_on_and_time_stays_the_sources",
	 after_a_stop_numbers_go_on_and_time_stays_the_sources},
	{"asking_whether_a_packet_passes_changes_nothing",
	 asking_whether_a_packet_passes_changes_nothing},
	{"only_what_was_sent_has_a_source", only_what_was_sent_has_a_source},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("rewrite", tests)
