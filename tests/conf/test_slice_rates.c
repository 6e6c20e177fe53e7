/* Two answers of stats.slices become rates: what grew, by whom, how long it waited. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/slice_rates.h"

/* An answer, written with ' for ". */
static json_t *answer(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *document = json_loads(copy, 0, &error);
	if (!document)
		printf("\n%s", error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(document);
	free(copy);
	return document;
}

#define HEAD(at) "{'at_ns': " #at ", 'delay_bounds_ns': [1000000, 2000000, 4000000], 'slices': ["
#define VOICE(packets, bytes, late, bins)                                                          \
	"{'class': 'voice', 'sent_packets': " #packets ", 'sent_bytes': " #bytes                   \
	", 'dropped': {'full': 0, 'late': " #late "}, 'queued_packets': 2, 'queued_bytes': 300,"   \
	" 'delay_bins': [" bins "]}"
#define POLICER(green, red)                                                                        \
	"'policer': {'green': {'packets': " #green "}, 'red': {'packets': " #red "}}"

/* clang-format off */
static const char before_text[] =
	HEAD(5000000000)
	"{'id': 'gold', 'classes': [" VOICE(100, 10000, 1, "90,10,0,0") "], 'tenants': ["
	"  {'id': 'acme', " POLICER(10, 1) ","
	"   'classes': [" VOICE(100, 10000, 1, "90,10,0,0") "]}]},"
	"{'id': '', 'classes': [], 'tenants': []}]}";

/* Two seconds later: acme has moved to the default slice, and someone new is there. */
static const char now_text[] =
	HEAD(7000000000)
	"{'id': 'gold', 'classes': [" VOICE(150, 15000, 4, "90,50,0,10") "], 'tenants': []},"
	"{'id': '', 'classes': [" VOICE(10, 1000, 0, "10,0,0,0") "], 'tenants': ["
	"  {'id': 'acme', " POLICER(30, 6) ","
	"   'classes': [" VOICE(150, 15000, 4, "90,50,0,10") "]},"
	"  {'id': 'new', 'classes': [" VOICE(10, 1000, 0, "10,0,0,0") "]}]}]}";
/* clang-format on */

static const json_t *find(const json_t *rows, const char *id)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		const json_t *name = json_object_get(row, "id");
		if (strcmp(json_string_value(name), id) == 0)
			return row;
	}
	CU_FAIL_FATAL("no such row");
	return NULL;
}

static json_int_t of(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

static void totals_become_rates(void)
{
	json_t *before = answer(before_text), *now = answer(now_text);
	CU_ASSERT_EQUAL_FATAL(slice_rates_add(now, before), 0);
	const json_t *slices = json_object_get(now, "slices");
	const json_t *gold = find(slices, "gold"), *rest = find(slices, "");
	CU_ASSERT_EQUAL(of(gold, "rate_bps"), 20000);
	CU_ASSERT_EQUAL(of(gold, "packets_per_s"), 25);
	CU_ASSERT(of(gold, "queued_packets") == 2 && of(gold, "queued_bytes") == 300);
	CU_ASSERT_EQUAL(of(json_object_get(gold, "drops"), "late"), 3);
	CU_ASSERT_EQUAL(of(json_object_get(gold, "drops"), "full"), 0);
	/* 40 packets within 1 to 2 ms, 10 past 4 ms: the 25th is at 25/40 of the one bin, the last
	 * has no end to be told. */
	CU_ASSERT_EQUAL(of(gold, "p50_us"), 1625);
	CU_ASSERT_EQUAL(of(gold, "p99_us"), 4000);
	const json_t *class = json_array_get(json_object_get(gold, "classes"), 0);
	CU_ASSERT(of(class, "rate_bps") == 20000 && of(class, "p50_us") == 1625);
	CU_ASSERT_EQUAL(of(rest, "rate_bps"), 4000);
	CU_ASSERT_EQUAL(of(now, "rate_bps"), 24000);
	json_decref(before);
	json_decref(now);
}

static void tenants_are_found_in_whichever_slice(void)
{
	json_t *before = answer(before_text), *now = answer(now_text);
	CU_ASSERT_EQUAL_FATAL(slice_rates_add(now, before), 0);
	const json_t *tenants =
		json_object_get(find(json_object_get(now, "slices"), ""), "tenants");
	CU_ASSERT_EQUAL(of(find(tenants, "acme"), "rate_bps"), 20000);
	CU_ASSERT_EQUAL(of(find(tenants, "new"), "rate_bps"), 4000);
	const json_t *policed = json_object_get(find(tenants, "acme"), "policed");
	CU_ASSERT(of(policed, "green") == 20 && of(policed, "red") == 5);
	CU_ASSERT_PTR_NULL(json_object_get(find(tenants, "new"), "policed"));
	json_decref(now);
	/* Who was left out may have sent all that long ago. */
	json_object_set_new(before, "tenants_left_out", json_integer(1));
	now = answer(now_text);
	CU_ASSERT_EQUAL_FATAL(slice_rates_add(now, before), 0);
	tenants = json_object_get(find(json_object_get(now, "slices"), ""), "tenants");
	CU_ASSERT_EQUAL(of(find(tenants, "acme"), "rate_bps"), 20000);
	CU_ASSERT_EQUAL(of(find(tenants, "new"), "rate_bps"), 0);
	json_decref(before);
	json_decref(now);
}

static void totals_that_fell_began_anew(void)
{
	json_t *now = answer(before_text), *before = answer(now_text);
	json_object_set_new(before, "at_ns", json_integer(4000000000));
	CU_ASSERT_EQUAL_FATAL(slice_rates_add(now, before), 0);
	CU_ASSERT_EQUAL(of(find(json_object_get(now, "slices"), "gold"), "rate_bps"), 80000);
	const json_t *rest = find(json_object_get(now, "slices"), "");
	CU_ASSERT_EQUAL(of(rest, "rate_bps"), 0);
	CU_ASSERT_TRUE(json_is_null(json_object_get(rest, "p99_us")));
	json_decref(before);
	json_decref(now);
}

static void what_is_no_answer_is_refused(void)
{
	static const char *const texts[] = {"{}", "{'slices': 1}", HEAD(5000000000) "]}",
					    "{'slices': [{'id': 1, 'classes': 5}], 'at_ns': 'x'}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *before = answer(before_text), *now = answer(texts[i]);
		CU_ASSERT_EQUAL(slice_rates_add(now, before), -EINVAL);
		json_decref(before);
		json_decref(now);
	}
	/* Odd rows in a sound answer harm nobody. */
	json_t *before = answer(before_text);
	json_t *now = answer("{'at_ns': 6000000000, 'slices': [{'id': 7, 'classes': [{'class': [],"
			     " 'delay_bins': {}, 'dropped': 3}], 'tenants': [{}, 5]}, null]}");
	CU_ASSERT_EQUAL(slice_rates_add(now, before), -EINVAL);
	json_decref(before);
	json_decref(now);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(totals_become_rates),
	ROW(tenants_are_found_in_whichever_slice),
	ROW(totals_that_fell_began_anew),
	ROW(what_is_no_answer_is_refused),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("slice_rates", tests)
