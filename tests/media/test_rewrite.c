#include "media/rewrite.h"

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

static CU_TestInfo tests[] = {
	{"gaps_and_reordering_are_kept", gaps_and_reordering_are_kept},
	{"a_new_source_goes_on_without_a_gap", a_new_source_goes_on_without_a_gap},
	{"numbers_wrap", numbers_wrap},
	{"only_what_was_sent_has_a_source", only_what_was_sent_has_a_source},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("rewrite", tests)
