/* The arithmetic of set-up: what a crew's figures and a held session come to. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "bench/bound.h"
#include "bench/crew.h"
#include "bench/hold.h"
#include "tests/cunit.h"

static double value_of(const struct result_sample *sample, const char *name)
{
	for (unsigned int i = 0; i < sample->n_values; i++) {
		if (strcmp(sample->values[i].name, name) == 0)
			return sample->values[i].value;
	}
	return NAN;
}

static void resident_memory_is_the_kernels_line(void)
{
	CU_ASSERT_EQUAL(hold_resident_in("5555-7fff ---p 00000000 00:00 0 [rollup]\n"
					 "Rss:               12345 kB\nPss:                1 kB\n"),
			12345 * 1024);
	CU_ASSERT_EQUAL(hold_resident_in("Pss: 1 kB\n"), 0);
	CU_ASSERT_EQUAL(hold_resident_in(""), 0);
}

static void the_bound_is_one_of_each_operation(void)
{
	struct bound bound;
	CU_ASSERT_EQUAL_FATAL(bound_measure(&bound), 0);
	double sum_us = bound.sign_us + bound.verify_us + bound.keygen_us + bound.derive_us;
	CU_ASSERT_TRUE(bound.sign_us > 0 && bound.verify_us > 0);
	CU_ASSERT_TRUE(bound.keygen_us > 0 && bound.derive_us > 0);
	CU_ASSERT_DOUBLE_EQUAL(bound.per_second * sum_us, 1e6, 1);
}

static void a_crew_is_told_as_sessions_a_second_and_steps(void)
{
	static struct crew_figures figures;
	struct result_sample sample = {.round = 1};
	figures.seconds = 2;
	figures.done = 100;
	figures.failed = 3;
	for (int i = 0; i < 100; i++) {
		histogram_add(&figures.setup_ns, 4000000);
		histogram_add(&figures.step_ns[ATTEMPT_ANSWERED], 1000000);
	}
	crew_fill(&figures, &sample);
	CU_ASSERT_EQUAL(value_of(&sample, "sessions"), 100);
	CU_ASSERT_EQUAL(value_of(&sample, "failed"), 3);
	CU_ASSERT_EQUAL(value_of(&sample, "sessions_per_second"), 50);
	CU_ASSERT_DOUBLE_EQUAL(value_of(&sample, "setup_ms.p50"), 4, 0.1);
	CU_ASSERT_DOUBLE_EQUAL(value_of(&sample, "answered_ms.p99"), 1, 0.05);
	CU_ASSERT_TRUE(isnan(value_of(&sample, "media_ms.p50")));
}

static void failures_are_named(void)
{
	char text[32];
	CU_ASSERT_STRING_EQUAL(crew_error(503, text), "HTTP status 503");
	CU_ASSERT_STRING_EQUAL(crew_error(-ETIMEDOUT, text), "Connection timed out");
	CU_ASSERT_STRING_EQUAL(crew_error(-EPROTO, text), "refused, or no handshake");
}

static CU_TestInfo tests[] = {
	{"resident_memory_is_the_kernels_line", resident_memory_is_the_kernels_line},
	{"the_bound_is_one_of_each_operation", the_bound_is_one_of_each_operation},
	{"a_crew_is_told_as_sessions_a_second_and_steps",
	 a_crew_is_told_as_sessions_a_second_and_steps},
	{"failures_are_named", failures_are_named},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("setup", tests)
