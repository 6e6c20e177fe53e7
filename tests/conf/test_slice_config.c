/* A slice as JSON: it comes back as it was, and what no link and no standard knows is told. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/five_qi.h"
#include "conf/slice_config.h"

static int read_slice(const char *text, char **told, struct slice_config *slice)
{
	size_t n;
	json_t *object = json_loads(text, 0, NULL);
	FILE *errors = open_memstream(told, &n);
	int rc = slice_config_read(object, errors, slice);
	fclose(errors);
	json_decref(object);
	return rc;
}

static void a_full_slice_comes_back_as_it_was(void)
{
	static const char text[] = "{\"id\": \"gold\", \"sst\": 2, \"sd\": \"00abcd\","
				   " \"guaranteed_bps\": 8000, \"max_bps\": 100000000000,"
				   " \"latency_ms\": 20, \"five_qi\": 80}";
	char *told;
	struct slice_config slice;
	CU_ASSERT_EQUAL_FATAL(read_slice(text, &told, &slice), 0);
	CU_ASSERT_STRING_EQUAL(told, "");
	free(told);
	CU_ASSERT(slice.sst == 2 && slice.sd == 0xabcd && slice.five_qi == 80);
	CU_ASSERT(slice.guaranteed_bps == 8000 && slice.max_bps == 100000000000);
	CU_ASSERT_EQUAL(slice.latency_ms, 20);
	json_t *given = json_loads(text, 0, NULL), *written = slice_config_write(&slice);
	CU_ASSERT(json_equal(given, written));
	json_decref(given);
	json_decref(written);
}

static void every_five_qi_of_the_table_is_taken(void)
{
	unsigned int n;
	const struct five_qi *rows = five_qi_rows(&n);
	CU_ASSERT(n > 20);
	for (unsigned int i = 0; i < n; i++) {
		char text[64], *told;
		struct slice_config slice;
		snprintf(text, sizeof(text), "{\"id\": \"s\", \"five_qi\": %u}", rows[i].value);
		CU_ASSERT_EQUAL(read_slice(text, &told, &slice), 0);
		CU_ASSERT_EQUAL(slice.five_qi, rows[i].value);
		free(told);
	}
}

/* What is wrong with the slice, and a part of what must be told of it. */
static const struct {
	const char *text, *told;
} faults[] = {
	{"{}", "slice:1: id: found nothing"},
	{"{\"id\": \"a b\"}", "slice:1: id: found \"a b\", expected"},
	{"{\"id\": \"s\", \"guaranteed_bps\": 7999}",
	 "slice s: guaranteed_bps: found 7999, expected 0 or at least 8000 bit/s"},
	{"{\"id\": \"s\", \"max_bps\": 1}", "slice s: max_bps: found 1, expected 0 or at least"},
	{"{\"id\": \"s\", \"guaranteed_bps\": 100000000001}",
	 "guaranteed_bps: found \"100000000001\", expected a number from 0 to 100000000000"},
	{"{\"id\": \"s\", \"guaranteed_bps\": -1}", "guaranteed_bps: found \"-1\", expected"},
	{"{\"id\": \"s\", \"guaranteed_bps\": 20000, \"max_bps\": 10000}",
	 "slice s: guaranteed_bps: found 20000, expected at most max_bps, which is 10000"},
	{"{\"id\": \"s\", \"latency_ms\": 0}", "latency_ms: found \"0\", expected a number from 1"},
	{"{\"id\": \"s\", \"latency_ms\": 10001}", "latency_ms: found \"10001\", expected"},
	{"{\"id\": \"s\", \"five_qi\": 0}",
	 "five_qi: found \"0\", expected a number from 1 to 255"},
	{"{\"id\": \"s\", \"five_qi\": 68}",
	 "slice s: five_qi: found 68, expected a standardized value: 1 2 3 4 5 6 7 8 9 10 65 66"},
	{"{\"id\": \"s\", \"five_qi\": 255, \"max_bps\": 2}", "five_qi: found 255, expected a st"},
	{"{\"id\": \"s\", \"five_qi\": 255, \"max_bps\": 2}", "max_bps: found 2, expected 0 or"},
	{"{\"id\": \"s\", \"sst\": 256}", "sst: found \"256\", expected a number from 1 to 255"},
	{"{\"id\": \"s\", \"rate\": 1}", "found unknown key \"rate\", expected one of id sst"},
};

static void faults_are_told_with_what_was_expected(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *told;
		struct slice_config slice;
		CU_ASSERT_EQUAL(read_slice(faults[i].text, &told, &slice), -EINVAL);
		if (!strstr(told, faults[i].told)) {
			printf("\n%s-> %s", faults[i].text, told);
			CU_FAIL("not told");
		}
		free(told);
	}
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(a_full_slice_comes_back_as_it_was),
	ROW(every_five_qi_of_the_table_is_taken),
	ROW(faults_are_told_with_what_was_expected),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("slice_config", tests)
