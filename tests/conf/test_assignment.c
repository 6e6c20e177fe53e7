/* PATH=VALUE as operators type it, and money. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/assignment.h"
#include "conf/money.h"
#include "conf/policy.h"

static void money_is_exact(void)
{
	static const struct {
		const char *text;
		int rc;
		int64_t micros;
		const char *written; /* NULL: the text itself */
	} rows[] = {
		{"1.00", 0, 1000000, NULL},
		{"1", 0, 1000000, "1.00"},
		{"0", 0, 0, "0.00"},
		{"0.01", 0, 10000, NULL},
		{"0.1", 0, 100000, "0.10"},
		{"0.000001", 0, 1, NULL},
		{"0.29", 0, 290000, NULL},
		{"1234567.654321", 0, 1234567654321, NULL},
		{"007.50", 0, 7500000, "7.50"},
		{"9223372036854.775807", 0, INT64_MAX, NULL},
		{"9223372036854.775808", -ERANGE, 0, NULL},
		{"9223372036855", -ERANGE, 0, NULL},
		{"99999999999999999999", -ERANGE, 0, NULL},
		{"0.0000001", -EINVAL, 0, NULL},
		{"1.0000000", -EINVAL, 0, NULL},
		{"", -EINVAL, 0, NULL},
		{".5", -EINVAL, 0, NULL},
		{"5.", -EINVAL, 0, NULL},
		{"-1", -EINVAL, 0, NULL},
		{"+1", -EINVAL, 0, NULL},
		{"1,00", -EINVAL, 0, NULL},
		{"1e3", -EINVAL, 0, NULL},
		{" 1", -EINVAL, 0, NULL},
		{"1 ", -EINVAL, 0, NULL},
	};
	char written[MONEY_TEXT_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t micros = -7;
		CU_ASSERT_EQUAL(money_parse(rows[i].text, &micros), rows[i].rc);
		CU_ASSERT_EQUAL(micros, rows[i].rc ? -7 : rows[i].micros);
		if (rows[i].rc == 0)
			CU_ASSERT_STRING_EQUAL(money_write(micros, written),
					       rows[i].written ? rows[i].written : rows[i].text);
	}
	CU_ASSERT_STRING_EQUAL(money_write(-1500000, written), "-1.50");
	CU_ASSERT_STRING_EQUAL(money_write(INT64_MIN, written), "-9223372036854.775808");
}

static void assignments_become_patches(void)
{
	static const struct {
		enum assignment_row row;
		const char *text, *patch;
	} rows[] = {
		{ASSIGNMENT_TENANT, "budget.monthly=1.00",
		 "{\"policy\":{\"budget\":{\"monthly_micros\":1000000}}}"},
		{ASSIGNMENT_TENANT, "budget.monthly_micros=7",
		 "{\"policy\":{\"budget\":{\"monthly_micros\":7}}}"},
		{ASSIGNMENT_TENANT, "prices.video=0.02",
		 "{\"policy\":{\"prices\":{\"video_micros\":20000}}}"},
		{ASSIGNMENT_TENANT, "rate.requests=50",
		 "{\"policy\":{\"rate\":{\"requests\":50}}}"},
		{ASSIGNMENT_TENANT, "rate.delay=250", "{\"policy\":{\"rate\":{\"delay_ms\":250}}}"},
		{ASSIGNMENT_TENANT, "budget.video=unlimited",
		 "{\"policy\":{\"budget\":{\"video_minutes\":\"unlimited\"}}}"},
		{ASSIGNMENT_TENANT, "budget.outage=deny",
		 "{\"policy\":{\"budget\":{\"outage\":\"deny\"}}}"},
		{ASSIGNMENT_TENANT, "budget.prepaid=true",
		 "{\"policy\":{\"budget\":{\"prepaid\":true}}}"},
		{ASSIGNMENT_TENANT, "sessions_max=", "{\"policy\":{\"sessions_max\":null}}"},
		{ASSIGNMENT_TENANT, "access.domains=a.org,.b.org",
		 "{\"policy\":{\"access\":{\"domains\":[\"a.org\",\".b.org\"]}}}"},
		{ASSIGNMENT_TENANT, "access.routes=[{\"stream\":\"a\"}]",
		 "{\"policy\":{\"access\":{\"routes\":[{\"stream\":\"a\"}]}}}"},
		{ASSIGNMENT_TENANT, "name=a=b", "{\"name\":\"a=b\"}"},
		{ASSIGNMENT_TENANT, "slice_bps=2M", "{\"slice_bps\":2000000}"},
		{ASSIGNMENT_TENANT, "slice=gold", "{\"slice\":\"gold\"}"},
		{ASSIGNMENT_TENANT, "plan=", "{\"plan\":null}"},
		{ASSIGNMENT_PLAN, "session=500k", "{\"policy\":{\"session_bps\":500000}}"},
		{ASSIGNMENT_SLICE, "guaranteed=1G", "{\"guaranteed_bps\":1000000000}"},
		{ASSIGNMENT_SLICE, "sd=0000a1", "{\"sd\":\"0000a1\"}"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *patch = json_object();
		CU_ASSERT_EQUAL(assignment_parse(rows[i].row, rows[i].text, stderr, patch), 0);
		char *text = json_dumps(patch, JSON_COMPACT);
		CU_ASSERT_STRING_EQUAL(text, rows[i].patch);
		free(text);
		json_decref(patch);
	}
}

static void wrong_assignments_are_told(void)
{
	static const struct {
		enum assignment_row row;
		const char *text, *told;
	} rows[] = {
		{ASSIGNMENT_TENANT, "", "expected PATH=VALUE"},
		{ASSIGNMENT_TENANT, "=1", "expected PATH=VALUE"},
		{ASSIGNMENT_TENANT, "budget.monthly", "expected PATH=VALUE"},
		{ASSIGNMENT_TENANT, "budjet.monthly=1", "budjet.monthly: no such path"},
		{ASSIGNMENT_TENANT, "budget=1", "budget: no such path"},
		{ASSIGNMENT_TENANT, "id=x", "id: no such path"},
		{ASSIGNMENT_TENANT, "standing=exited", "standing: no such path"},
		{ASSIGNMENT_TENANT, "sst=1", "sst: no such path"},
		{ASSIGNMENT_PLAN, "plan=gold", "plan: no such path"},
		{ASSIGNMENT_SLICE, "id=x", "id: no such path"},
		{ASSIGNMENT_SLICE, "sessions_max=1", "sessions_max: no such path"},
		{ASSIGNMENT_TENANT, "budget.monthly=1,00",
		 "budget.monthly: found \"1,00\", expected money like 1.00, up to 6 places, or "
		 "unlimited"},
		{ASSIGNMENT_TENANT, "prices.video=unlimited", "expected money like 1.00"},
		{ASSIGNMENT_TENANT, "budget.monthly_micros=1.5", "expected a whole number"},
		{ASSIGNMENT_TENANT, "rate.requests=-1", "found \"-1\", expected a whole number"},
		{ASSIGNMENT_TENANT, "rate.requests=2k", "expected a whole number"},
		{ASSIGNMENT_TENANT, "rate.requests=99999999999999999999", "expected a whole"},
		{ASSIGNMENT_TENANT, "slice_bps=9223372036854775807k", "expected a number of bit/s"},
		{ASSIGNMENT_TENANT, "slice_bps=2m", "expected a number of bit/s, like 2500000"},
		{ASSIGNMENT_TENANT, "budget.prepaid=yes", "expected true or false"},
		{ASSIGNMENT_TENANT, "access.routes=[", "expected a JSON list"},
		{ASSIGNMENT_TENANT, "name=\xff", "expected UTF-8"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char told[512] = "";
		FILE *errors = fmemopen(told, sizeof(told) - 1, "w");
		json_t *patch = json_object();
		CU_ASSERT_EQUAL(assignment_parse(rows[i].row, rows[i].text, errors, patch),
				-EINVAL);
		fclose(errors);
		CU_ASSERT_EQUAL(json_object_size(patch), 0);
		if (!strstr(told, rows[i].told)) {
			printf("\n%s: told %s", rows[i].text, told);
			CU_FAIL("other words");
		}
		json_decref(patch);
	}
}

/* What is shown can be typed: every row of a policy, written and read again, is the policy. */
static void policy_as_it_is_typed_is_the_policy(void)
{
	static const char text[] =
		"{\"prices\": {\"video_micros\": 20001, \"token_micros\": 1},"
		" \"budget\": {\"monthly_micros\": 1500000, \"video_minutes\": 7, \"prepaid\":"
		" true, \"outage\": \"continue_bounded\", \"outage_micros\": 5}, \"access\":"
		" {\"domains\": [\"a.org\", \".b.org\"], \"routes\": [{\"stream\": \"x*\","
		" \"access\": \"private\"}]}, \"session_bps\": 2500000}";
	struct policy policy, again;
	json_t *own = json_loads(text, 0, NULL), *patch = json_object(), *row;
	size_t i;
	CU_ASSERT_EQUAL_FATAL(policy_read(own, "policy", stderr, &policy), 0);
	json_t *effective = policy_write(&policy), *rows = assignment_write(effective, own);
	json_array_foreach(rows, i, row)
	{
		char line[512];
		const char *value = json_string_value(json_object_get(row, "value"));
		snprintf(line, sizeof(line), "%s=%s",
			 json_string_value(json_object_get(row, "path")), value);
		/* Empty is "the plan's", which for an empty list is the same. */
		if (*value && strcmp(value, "unlimited") != 0)
			CU_ASSERT_EQUAL(assignment_parse(ASSIGNMENT_TENANT, line, stderr, patch),
					0);
	}
	CU_ASSERT_EQUAL_FATAL(
		policy_read(json_object_get(patch, "policy"), "again", stderr, &again), 0);
	json_t *read_again = policy_write(&again);
	CU_ASSERT(json_equal(effective, read_again));
	json_decref(own);
	json_decref(patch);
	json_decref(rows);
	json_decref(effective);
	json_decref(read_again);
	policy_free(&policy);
	policy_free(&again);
}

static CU_TestInfo tests[] = {
	{"money_is_exact", money_is_exact},
	{"assignments_become_patches", assignments_become_patches},
	{"wrong_assignments_are_told", wrong_assignments_are_told},
	{"policy_as_it_is_typed_is_the_policy", policy_as_it_is_typed_is_the_policy},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("assignment", tests)
