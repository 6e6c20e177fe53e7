#include "media/wheel.h"

#include <stddef.h>

#include "tests/cunit.h"

#define MS 1000000ull

static void pops_in_order_of_due_time(void)
{
	struct wheel wheel;
	struct wheel_entry late = {0}, early = {0};
	wheel_init(&wheel, WHEEL_TICK_NS, 1000 * MS);
	wheel_add(&wheel, &late, 1100 * MS);
	wheel_add(&wheel, &early, 1020 * MS);
	CU_ASSERT_PTR_NULL(wheel_pop(&wheel, 1010 * MS));
	CU_ASSERT_PTR_EQUAL(wheel_pop(&wheel, 1040 * MS), &early);
	CU_ASSERT_PTR_NULL(wheel_pop(&wheel, 1040 * MS));
	CU_ASSERT_PTR_EQUAL(wheel_pop(&wheel, 1200 * MS), &late);
	CU_ASSERT_EQUAL(wheel.n, 0);
}

static void past_due_time_is_due_at_once(void)
{
	struct wheel wheel;
	struct wheel_entry entry = {0};
	wheel_init(&wheel, WHEEL_TICK_NS, 1000 * MS);
	CU_ASSERT_PTR_NULL(wheel_pop(&wheel, 5000 * MS));
	wheel_add(&wheel, &entry, 1 * MS);
	CU_ASSERT_PTR_EQUAL(wheel_pop(&wheel, 5000 * MS), &entry);
}

static void beyond_the_horizon_is_not_early(void)
{
	struct wheel wheel;
	struct wheel_entry entry = {0};
	uint64_t now_ns = 1000 * MS, due_ns = now_ns + 10000 * MS;
	wheel_init(&wheel, WHEEL_TICK_NS, now_ns);
	wheel_add(&wheel, &entry, due_ns);
	for (; now_ns < due_ns; now_ns += 3 * MS)
		CU_ASSERT_PTR_NULL(wheel_pop(&wheel, now_ns));
	CU_ASSERT_PTR_EQUAL(wheel_pop(&wheel, due_ns + WHEEL_TICK_NS), &entry);
}

static void a_long_pause_loses_nothing(void)
{
	struct wheel wheel;
	struct wheel_entry entries[600] = {0};
	wheel_init(&wheel, WHEEL_TICK_NS, 0);
	for (unsigned int i = 0; i < 600; i++)
		wheel_add(&wheel, &entries[i], i * 7 * MS);
	unsigned int n = 0;
	while (wheel_pop(&wheel, 100000 * MS))
		n++;
	CU_ASSERT_EQUAL(n, 600);
}

static void moving_an_entry_keeps_one(void)
{
	struct wheel wheel;
	struct wheel_entry entry = {0};
	wheel_init(&wheel, WHEEL_TICK_NS, 0);
	wheel_add(&wheel, &entry, 100 * MS);
	wheel_add(&wheel, &entry, 50 * MS);
	CU_ASSERT_EQUAL(wheel.n, 1);
	CU_ASSERT_PTR_EQUAL(wheel_pop(&wheel, 60 * MS), &entry);
	CU_ASSERT_PTR_NULL(wheel_pop(&wheel, 200 * MS));
	wheel_add(&wheel, &entry, 300 * MS);
	wheel_remove(&wheel, &entry);
	wheel_remove(&wheel, &entry);
	CU_ASSERT_EQUAL(wheel_next_ns(&wheel), UINT64_MAX);
}

static void next_is_never_late(void)
{
	struct wheel wheel;
	struct wheel_entry entry = {0};
	wheel_init(&wheel, WHEEL_TICK_NS, 0);
	wheel_add(&wheel, &entry, 123 * MS);
	uint64_t next_ns = wheel_next_ns(&wheel);
	CU_ASSERT_TRUE(next_ns >= 123 * MS && next_ns < 123 * MS + WHEEL_TICK_NS);
	CU_ASSERT_PTR_EQUAL(wheel_pop(&wheel, next_ns), &entry);
}

static CU_TestInfo tests[] = {
	{"pops_in_order_of_due_time", pops_in_order_of_due_time},
	{"past_due_time_is_due_at_once", past_due_time_is_due_at_once},
	{"beyond_the_horizon_is_not_early", beyond_the_horizon_is_not_early},
	{"a_long_pause_loses_nothing", a_long_pause_loses_nothing},
	{"moving_an_entry_keeps_one", moving_an_entry_keeps_one},
	{"next_is_never_late", next_is_never_late},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("wheel", tests)
