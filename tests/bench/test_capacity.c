#include "bench/capacity.h"

#include "tests/cunit.h"

#define STEPS_MAX 100

/* What a search finds where everything up to `limit` holds; how many steps it took. */
static double search(double first, double precision, double limit, unsigned int *steps)
{
	struct capacity capacity;
	bool goes_on = true;
	capacity_begin(&capacity, first, precision);
	for (*steps = 0; goes_on && *steps < STEPS_MAX; ++*steps)
		goes_on = capacity_tell(&capacity, capacity.next <= limit);
	CU_ASSERT_FALSE(goes_on);
	return capacity.low;
}

static void finds_the_limit_from_both_sides(void)
{
	static const double limits[] = {30, 99, 100, 101, 350, 12345};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		unsigned int steps;
		double found = search(100, 0.05, limits[i], &steps);
		CU_ASSERT(found <= limits[i] && found * 1.05 >= limits[i]);
		CU_ASSERT(steps < 30);
	}
}

static void one_failure_is_no_limit(void)
{
	struct capacity capacity;
	capacity_begin(&capacity, 100, 0.05);
	CU_ASSERT_TRUE(capacity_tell(&capacity, false));
	CU_ASSERT_EQUAL(capacity.next, 100);
	CU_ASSERT_TRUE(capacity_tell(&capacity, true));
	CU_ASSERT_EQUAL(capacity.low, 100);
	CU_ASSERT_EQUAL(capacity.next, 200);
	CU_ASSERT_TRUE(capacity_tell(&capacity, false));
	CU_ASSERT_EQUAL(capacity.high, 0);
}

static void gives_up_where_nothing_holds(void)
{
	unsigned int steps;
	CU_ASSERT_EQUAL(search(100, 0.05, 0, &steps), 0);
	CU_ASSERT(steps < 20);
}

static CU_TestInfo tests[] = {
	{"finds_the_limit_from_both_sides", finds_the_limit_from_both_sides},
	{"one_failure_is_no_limit", one_failure_is_no_limit},
	{"gives_up_where_nothing_holds", gives_up_where_nothing_holds},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("capacity", tests)
