#include "bench/noise.h"

#include <errno.h>

#include "tests/cunit.h"

#define TICK_NS 10000000ull

static void proc_stat_is_told_apart(void)
{
	struct noise_clock clock = {0};
	CU_ASSERT_EQUAL(
		noise_clock_parse("cpu  10 200 30 4000 50 6 7 8 0 0\ncpu0 1 2", TICK_NS, &clock),
		0);
	CU_ASSERT_EQUAL(clock.machine_ns, (10 + 30 + 6 + 7 + 8) * TICK_NS);
	CU_ASSERT_EQUAL(clock.background_ns, 200 * TICK_NS);
}

static void other_files_are_refused(void)
{
	static const char *const texts[] = {"", "cpu", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8"};
	struct noise_clock clock = {.machine_ns = 1, .background_ns = 2};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(noise_clock_parse(texts[i], TICK_NS, &clock), -EBADMSG);
	CU_ASSERT_EQUAL(clock.machine_ns, 1);
	CU_ASSERT_EQUAL(clock.background_ns, 2);
}

static void clocks_of_this_machine_are_read(void)
{
	struct noise_clock clock = {0};
	CU_ASSERT_EQUAL(noise_clock_read(&clock), 0);
	CU_ASSERT(clock.cpus >= 1 && clock.at_ns > 0 && clock.own_ns > 0);
}

/* Two CPUs for 4 s: 8 s, of which 3 were used, 1 by us and 1.2 by the subject. */
static void what_is_left_is_others(void)
{
	struct noise_clock begin = {.at_ns = 1000, .machine_ns = 50, .own_ns = 7, .cpus = 2};
	struct noise_clock end = {.at_ns = 4000001000,
				  .machine_ns = 3000000050,
				  .background_ns = 2000000000,
				  .own_ns = 1000000007,
				  .cpus = 2};
	struct noise_figures figures = {0};
	noise_compare(&begin, &end, 1200000000, &figures);
	CU_ASSERT_DOUBLE_EQUAL(figures.other_cpu_percent, 10, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(figures.background_cpu_percent, 25, 1e-9);
}

static void ticks_off_are_no_negative_noise(void)
{
	struct noise_clock begin = {.cpus = 1};
	struct noise_clock end = {.at_ns = 100, .machine_ns = 10, .own_ns = 9, .cpus = 1};
	struct noise_figures figures = {.other_cpu_percent = 5};
	noise_compare(&begin, &end, 5, &figures);
	CU_ASSERT_EQUAL(figures.other_cpu_percent, 0);
	noise_compare(&begin, &begin, 0, &figures);
	CU_ASSERT_EQUAL(figures.other_cpu_percent, 0);
}

static void each_limit_rejects_alone(void)
{
	static const struct noise_limits limits = {25, 5, 1};
	static const struct {
		struct noise_figures figures;
		bool is_rejected;
	} rows[] = {
		{{.other_cpu_percent = 25, .lag_ms = 5, .spoilt_packets = 10}, false},
		{{.other_cpu_percent = 25.1}, true},
		{{.lag_ms = 5.1}, true},
		{{.spoilt_packets = 11}, true},
		{{.background_cpu_percent = 100}, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct noise_figures figures = rows[i].figures;
		noise_judge(&limits, 1000, &figures);
		CU_ASSERT_EQUAL(figures.is_rejected, rows[i].is_rejected);
	}
}

static void without_limits_nothing_is_rejected(void)
{
	static const struct noise_limits none = {0};
	struct noise_figures figures = {
		.other_cpu_percent = 100, .lag_ms = 1000, .spoilt_packets = 9};
	noise_judge(&none, 9, &figures);
	CU_ASSERT_FALSE(figures.is_rejected);
}

static CU_TestInfo tests[] = {
	{"proc_stat_is_told_apart", proc_stat_is_told_apart},
	{"other_files_are_refused", other_files_are_refused},
	{"clocks_of_this_machine_are_read", clocks_of_this_machine_are_read},
	{"what_is_left_is_others", what_is_left_is_others},
	{"ticks_off_are_no_negative_noise", ticks_off_are_no_negative_noise},
	{"each_limit_rejects_alone", each_limit_rejects_alone},
	{"without_limits_nothing_is_rejected", without_limits_nothing_is_rejected},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("noise", tests)
