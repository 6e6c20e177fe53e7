#include "media/gather.h"

#include <stdbool.h>

#include "tests/cunit.h"

#define US 1000ull

/* Packets `gap_ns` apart, each taken as it comes. */
static uint64_t take_steadily(struct gather *gather, uint64_t now_ns, uint64_t gap_ns,
			      uint64_t span_ns)
{
	for (uint64_t end_ns = now_ns + span_ns; now_ns < end_ns; now_ns += gap_ns)
		gather_take(gather, 1, now_ns);
	return now_ns - gap_ns;
}

static const struct {
	uint64_t wait_us, gap_us;
	bool gathers;
} rates[] = {
	{200, 4000, false},  {200, 250, false},    {200, 101, false},   {200, 99, true},
	{200, 10, true},     {1000, 499, true},    {1000, 501, false},  {0, 10, false},
	{10000, 4000, true}, {10000, 5100, false}, {20000, 9000, true},
};

static void packets_gather_when_they_come_fast(void)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct gather gather = {.wait_ns = rates[i].wait_us * US};
		uint64_t now_ns =
			take_steadily(&gather, 1000000 * US, rates[i].gap_us * US, 500000 * US);
		CU_ASSERT_EQUAL(gather_until_ns(&gather),
				rates[i].gathers ? now_ns + rates[i].wait_us * US : 0);
	}
}

static void the_wait_is_bounded(void)
{
	struct gather gather = {.wait_ns = 200 * US};
	uint64_t now_ns = take_steadily(&gather, 1000000 * US, 10 * US, 50000 * US);
	gather_take(&gather, 0, now_ns + 150 * US);
	CU_ASSERT_EQUAL(gather_until_ns(&gather), now_ns + 200 * US);
}

static void a_pause_ends_it(void)
{
	struct gather gather = {.wait_ns = 200 * US};
	uint64_t now_ns = take_steadily(&gather, 1000000 * US, 10 * US, 50000 * US);
	gather_take(&gather, 1, now_ns + 1000000 * US);
	CU_ASSERT_EQUAL(gather_until_ns(&gather), 0);
}

/* One burst is no rate: the next packet after it is taken at once, as soon as a window is over. */
static void a_burst_of_the_past_is_forgotten(void)
{
	struct gather gather = {.wait_ns = 200 * US};
	uint64_t now_ns = 1000000 * US;
	gather_take(&gather, 0, now_ns);
	gather_take(&gather, 32, now_ns + 1);
	for (unsigned int i = 0; i < 3; i++)
		gather_take(&gather, 0, now_ns += GATHER_WINDOW_NS);
	CU_ASSERT_EQUAL(gather_until_ns(&gather), 0);
}

static CU_TestInfo tests[] = {
	{"packets_gather_when_they_come_fast", packets_gather_when_they_come_fast},
	{"the_wait_is_bounded", the_wait_is_bounded},
	{"a_pause_ends_it", a_pause_ends_it},
	{"a_burst_of_the_past_is_forgotten", a_burst_of_the_past_is_forgotten},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("gather", tests)
