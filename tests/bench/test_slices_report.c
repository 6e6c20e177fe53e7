#include "bench/slices_report.h"

#include <stdlib.h>

#include "tests/cunit.h"

static struct report *make(void)
{
	struct report *report = calloc(1, sizeof(*report));
	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	report->part = "test";
	return report;
}

static void add(struct report *report, double value)
{
	struct figure figure = {"value_ms", 1, value};
	report_add(report, "case", &figure, 1);
}

static void median_is_the_middle(void)
{
	static const struct {
		unsigned int n;
		double values[5], median;
	} rows[] = {
		{0, {0}, 0},
		{1, {7}, 7},
		{2, {9, 1}, 5},
		{3, {9, 1, 2}, 2},
		{5, {5, 4, 1000, -3, 2}, 4},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double values[5];
		for (unsigned int j = 0; j < 5; j++)
			values[j] = rows[i].values[j];
		CU_ASSERT_DOUBLE_EQUAL(median_of(values, rows[i].n), rows[i].median, 0);
	}
}

/* One round that was disturbed moves the worst, not the median. */
static void rounds_are_kept_apart(void)
{
	struct report *report = make();
	add(report, 1);
	add(report, 100);
	add(report, 2);
	CU_ASSERT_DOUBLE_EQUAL(report_median(report, "case", "value_ms"), 2, 0);
	CU_ASSERT_DOUBLE_EQUAL(report_worst(report, "case", "value_ms"), 100, 0);
	free(report);
}

static void missed_bound_is_remembered(void)
{
	struct report *report = make();
	CU_ASSERT(report_at_most(report, "kept", 1, 1));
	CU_ASSERT(report_at_least(report, "kept", 1, 1));
	CU_ASSERT_FALSE(report->has_missed);
	CU_ASSERT_FALSE(report_at_most(report, "missed", 1.1, 1));
	CU_ASSERT(report->has_missed);
	CU_ASSERT(report_at_most(report, "kept again", 0, 1));
	CU_ASSERT(report->has_missed);
	report->has_missed = false;
	CU_ASSERT_FALSE(report_at_least(report, "missed", 0.9, 1));
	CU_ASSERT(report->has_missed);
	free(report);
}

static CU_TestInfo tests[] = {
	{"median_is_the_middle", median_is_the_middle},
	{"rounds_are_kept_apart", rounds_are_kept_apart},
	{"missed_bound_is_remembered", missed_bound_is_remembered},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("slices_report", tests)
