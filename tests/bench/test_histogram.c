#include "bench/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "tests/cunit.h"

static struct histogram *make(void)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	CU_ASSERT_PTR_NOT_NULL_FATAL(histogram);
	return histogram;
}

static void empty_one_says_zero(void)
{
	struct histogram *histogram = make();
	CU_ASSERT_EQUAL(histogram_quantile(histogram, 0.5), 0);
	CU_ASSERT_EQUAL(histogram_quantile(histogram, 1), 0);
	free(histogram);
}

static void one_value_is_every_quantile(void)
{
	static const uint64_t values[] = {0,    1,         63,         64,        65,
					  1000, 123456789, UINT32_MAX, UINT64_MAX};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct histogram *histogram = make();
		histogram_add(histogram, values[i]);
		CU_ASSERT_EQUAL(histogram_quantile(histogram, 0), values[i]);
		CU_ASSERT_EQUAL(histogram_quantile(histogram, 0.999), values[i]);
		CU_ASSERT_EQUAL(histogram_quantile(histogram, 1), values[i]);
		free(histogram);
	}
}

/* 1 to 100,000 once each: the quantiles are known. */
static void quantiles_are_within_a_bucket(void)
{
	static const double fractions[] = {0.1, 0.5, 0.9, 0.99, 0.999};
	struct histogram *histogram = make();
	for (uint64_t value = 1; value <= 100000; value++)
		histogram_add(histogram, value);
	CU_ASSERT_EQUAL(histogram->n, 100000);
	CU_ASSERT_EQUAL(histogram->max, 100000);
	for (size_t i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
		double exact = fractions[i] * 100000;
		double told = (double)histogram_quantile(histogram, fractions[i]);
		CU_ASSERT_TRUE(told >= exact && told <= exact * (1 + 1.0 / 64) + 1);
	}
	free(histogram);
}

static void a_lone_outlier_is_in_the_tail_only(void)
{
	struct histogram *histogram = make();
	for (int i = 0; i < 999; i++)
		histogram_add(histogram, 10);
	histogram_add(histogram, 1000000);
	CU_ASSERT_EQUAL(histogram_quantile(histogram, 0.99), 10);
	CU_ASSERT_EQUAL(histogram_quantile(histogram, 0.998), 10);
	CU_ASSERT_EQUAL(histogram_quantile(histogram, 0.999), 1000000);
	free(histogram);
}

static void merged_one_is_as_if_all_were_added_to_it(void)
{
	struct histogram *one = make(), *two = make(), *both = make();
	for (uint64_t value = 1; value < 1000; value += 3) {
		histogram_add(one, value);
		histogram_add(two, value * value);
		histogram_add(both, value);
		histogram_add(both, value * value);
	}
	histogram_merge(one, two);
	CU_ASSERT_EQUAL(memcmp(one, both, sizeof(*one)), 0);
	free(one);
	free(two);
	free(both);
}

static CU_TestInfo tests[] = {
	{"merged_one_is_as_if_all_were_added_to_it", merged_one_is_as_if_all_were_added_to_it},
	{"empty_one_says_zero", empty_one_says_zero},
	{"one_value_is_every_quantile", one_value_is_every_quantile},
	{"quantiles_are_within_a_bucket", quantiles_are_within_a_bucket},
	{"a_lone_outlier_is_in_the_tail_only", a_lone_outlier_is_in_the_tail_only},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("histogram", tests)
