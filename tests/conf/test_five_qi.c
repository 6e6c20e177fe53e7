/* The standardized 5QI values: all are there, in order, and say what 3GPP's table says. */
#include "conf/five_qi.h"
#include "tests/cunit.h"

static void rows_ascend_and_are_found(void)
{
	unsigned int n, found = 0;
	const struct five_qi *rows = five_qi_rows(&n);
	CU_ASSERT_EQUAL_FATAL(n, 32);
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT(i == 0 || rows[i - 1].value < rows[i].value);
		CU_ASSERT(rows[i].priority >= 1 && rows[i].priority <= 127);
		CU_ASSERT(rows[i].delay_ms >= 5);
		CU_ASSERT(rows[i].loss_exponent >= 2 && rows[i].loss_exponent <= 8);
		CU_ASSERT_PTR_NOT_NULL(rows[i].services);
	}
	for (unsigned int value = 0; value < 1000; value++) {
		const struct five_qi *row = five_qi_find(value);
		CU_ASSERT(!row || row->value == value);
		found += row != NULL;
	}
	CU_ASSERT_EQUAL(found, n);
}

static void unassigned_values_are_unknown(void)
{
	static const unsigned int unassigned[] = {0,  11, 64,  68,  77,  78,
						  81, 91, 127, 128, 255, -1u};
	for (unsigned int i = 0; i < sizeof(unassigned) / sizeof(unassigned[0]); i++)
		CU_ASSERT_PTR_NULL(five_qi_find(unassigned[i]));
}

/* One of each group, as printed in TS 23.501. */
static void rows_say_what_the_standard_says(void)
{
	static const struct five_qi expected[] = {
		{1, RESOURCE_GBR, 20, 100, 2, true, NULL},
		{4, RESOURCE_GBR, 50, 300, 6, false, NULL},
		{7, RESOURCE_NON_GBR, 70, 100, 3, true, NULL},
		{9, RESOURCE_NON_GBR, 90, 300, 6, false, NULL},
		{69, RESOURCE_NON_GBR, 5, 60, 6, true, NULL},
		{74, RESOURCE_GBR, 56, 500, 8, false, NULL},
		{80, RESOURCE_NON_GBR, 68, 10, 6, true, NULL},
		{84, RESOURCE_DELAY_CRITICAL_GBR, 24, 30, 5, true, NULL},
		{90, RESOURCE_DELAY_CRITICAL_GBR, 25, 20, 4, true, NULL},
	};
	for (unsigned int i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct five_qi *row = five_qi_find(expected[i].value), *e = &expected[i];
		CU_ASSERT_PTR_NOT_NULL_FATAL(row);
		CU_ASSERT_EQUAL(row->resource, e->resource);
		CU_ASSERT_EQUAL(row->priority, e->priority);
		CU_ASSERT_EQUAL(row->delay_ms, e->delay_ms);
		CU_ASSERT_EQUAL(row->loss_exponent, e->loss_exponent);
		CU_ASSERT_EQUAL(row->is_interactive, e->is_interactive);
	}
}

static CU_TestInfo tests[] = {
	{"rows_ascend_and_are_found", rows_ascend_and_are_found},
	{"unassigned_values_are_unknown", unassigned_values_are_unknown},
	{"rows_say_what_the_standard_says", rows_say_what_the_standard_says},
	CU_TEST_INFO_NULL,
};
TEST_MAIN("five_qi", tests)
