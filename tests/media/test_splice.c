#include "media/splice.h"

#include <stddef.h>

#include "tests/cunit.h"

/* In order: a packet of the source, or a cut behind an index. */
struct row {
	bool is_cut;
	int64_t index;
	bool passes;
	int64_t out;
};

#define CUT(index)                                                                                 \
	{                                                                                          \
		true, index, false, 0                                                              \
	}
#define PASSES(index, index_out)                                                                   \
	{                                                                                          \
		false, index, true, index_out                                                      \
	}
#define REFUSED(index)                                                                             \
	{                                                                                          \
		false, index, false, 0                                                             \
	}

static void play(const struct row *rows, size_t n)
{
	struct splice splice = {0};
	for (size_t i = 0; i < n; i++) {
		if (rows[i].is_cut) {
			splice_cut(&splice, rows[i].index);
			continue;
		}
		CU_ASSERT_EQUAL(splice_passes(&splice, rows[i].index), rows[i].passes);
		if (rows[i].passes)
			CU_ASSERT_EQUAL(splice_map(&splice, rows[i].index), rows[i].out);
	}
}

static void without_a_cut_nothing_changes(void)
{
	static const struct row rows[] = {PASSES(5, 5), PASSES(8, 8), PASSES(7, 7), PASSES(-3, -3)};
	play(rows, 4);
}

static void a_cut_closes_up(void)
{
	static const struct row rows[] = {
		PASSES(5, 5), PASSES(7, 7),    CUT(100),       REFUSED(6),
		REFUSED(100), PASSES(103, 8), /* 101 and 102 are late: too late, 8 is taken */
		REFUSED(101), PASSES(105, 10), PASSES(104, 9), /* loss and reordering stay */
		CUT(105),     PASSES(106, 11), CUT(200),       CUT(300),
		REFUSED(250), PASSES(301, 12),
	};
	play(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_cut_before_the_first_packet_skips_nothing(void)
{
	static const struct row rows[] = {CUT(40), REFUSED(40), PASSES(50, 50), REFUSED(45),
					  PASSES(51, 51)};
	play(rows, 5);
}

static CU_TestInfo tests[] = {
	{"without_a_cut_nothing_changes", without_a_cut_nothing_changes},
	{"a_cut_closes_up", a_cut_closes_up},
	{"a_cut_before_the_first_packet_skips_nothing",
	 a_cut_before_the_first_packet_skips_nothing},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("splice", tests)
