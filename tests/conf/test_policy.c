/* Policies and slices as JSON: defaults, what is refused and how it is said, and the way back. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/policy.h"
#include "conf/slice_config.h"
#include "conf/tenants.h"
#include "tests/conf/signers.h"

/* Texts are written with ' for ". */
static json_t *document(const char *text)
{
	char *copy = strdup(text);
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *made = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	return made;
}

static int read_policy(const char *text, char **told, struct policy *policy)
{
	size_t n;
	FILE *errors = open_memstream(told, &n);
	json_t *object = document(text);
	int rc = policy_read(object, "p", errors, policy);
	json_decref(object);
	fclose(errors);
	return rc;
}

static void a_policy_that_says_nothing_limits_nothing(void)
{
	struct policy policy;
	const char *subject;
	CU_ASSERT_EQUAL_FATAL(policy_init(&policy), 0);
	CU_ASSERT_EQUAL(policy.prices.video_micros, 0);
	CU_ASSERT_EQUAL(policy.prices.session_interactions, 0);
	CU_ASSERT_FALSE(policy.budget.prepaid);
	CU_ASSERT_EQUAL(policy.budget.monthly_micros, POLICY_UNLIMITED);
	CU_ASSERT_EQUAL(policy.budget.video_minutes, POLICY_UNLIMITED);
	CU_ASSERT_EQUAL(policy.budget.voice_minutes, POLICY_UNLIMITED);
	CU_ASSERT_STRING_EQUAL(policy.budget.timezone, "UTC");
	CU_ASSERT_EQUAL(policy_outage(&policy), OUTAGE_DENY);
	CU_ASSERT_EQUAL(policy.rate.requests, 0);
	CU_ASSERT_EQUAL(policy_rung(&policy, ACCOUNT_VIDEO), RUNG_VOICE);
	CU_ASSERT_EQUAL(policy_rung(&policy, ACCOUNT_VOICE), RUNG_TEXT);
	CU_ASSERT_EQUAL(policy_rung(&policy, ACCOUNT_CREDIT), RUNG_DENY);
	CU_ASSERT_EQUAL(policy.access.n_domains, 0);
	CU_ASSERT_EQUAL(policy_route_find(&policy, "any", &subject), ACCESS_PUBLIC);
	CU_ASSERT_PTR_NULL(subject);
	CU_ASSERT_EQUAL(policy_consent(&policy), CONSENT_GRANTED);
	CU_ASSERT_EQUAL(policy_billed(&policy), BILLED_PLAY);
	CU_ASSERT_EQUAL(policy_split(policy.split), SPLIT_PLATFORM);
	CU_ASSERT(policy.sessions_max == 0 && policy.session_seconds_max == 0);
	CU_ASSERT_EQUAL(policy.session_bps, 0);
	CU_ASSERT(policy.bandwidth.ingress_bps == 0 && policy.bandwidth.ingress_peak_bps == 0);
	CU_ASSERT(policy.bandwidth.session_ingress_bps == 0 && policy.bandwidth.egress_bps == 0);
	CU_ASSERT_EQUAL(policy.bandwidth.burst_ms, 100);
	policy_free(&policy);
}

static const char everything[] =
	"{'prices': {'video_micros': 20000, 'voice_micros': 5000, 'token_micros': 1,"
	" 'interaction_micros': 10000, 'session_interactions': 3},"
	" 'budget': {'prepaid': true, 'monthly_micros': 1000000000000000, 'video_minutes': 0,"
	" 'voice_minutes': 7, 'timezone': 'America/New_York', 'outage': 'continue_bounded',"
	" 'outage_micros': 500000},"
	" 'rate': {'requests': 50, 'period_ms': 60000, 'burst': 0, 'queue': 5, 'delay_ms': 0},"
	" 'ladder': {'video_out': 'deny', 'voice_out': 'deny', 'credit_out': 'text'},"
	" 'access': {'domains': ['example.org', '.example.com', '[::1]'], 'routes': ["
	"{'stream': 'vip-*', 'access': 'restricted', 'subject': 'alice \\u00e9'},"
	"{'stream': 'own', 'access': 'private'}, {'stream': '*', 'access': 'public'}],"
	" 'consent': 'pending'},"
	" 'bandwidth': {'ingress_bps': 8000, 'ingress_peak_bps': 8000,"
	" 'session_ingress_bps': 2500000, 'session_ingress_peak_bps': 0, 'burst_ms': 40,"
	" 'egress_bps': 100000000000},"
	" 'billed': 'both', 'split': 'mini_platform', 'sessions_max': 9,"
	" 'session_seconds_max': 3600, 'session_bps': 4000000000}";

static void a_full_policy_comes_back_as_it_was(void)
{
	char *told;
	struct policy policy, again;
	CU_ASSERT_EQUAL_FATAL(read_policy(everything, &told, &policy), 0);
	CU_ASSERT_STRING_EQUAL(told, "");
	free(told);
	CU_ASSERT_EQUAL(policy.budget.monthly_micros, 1000000000000000);
	CU_ASSERT_EQUAL(policy.session_bps, 4000000000);
	CU_ASSERT_EQUAL(policy.bandwidth.egress_bps, 100000000000);
	CU_ASSERT_EQUAL(policy_outage(&policy), OUTAGE_CONTINUE_BOUNDED);
	CU_ASSERT_EQUAL(policy_rung(&policy, ACCOUNT_VIDEO), RUNG_DENY);
	CU_ASSERT_EQUAL(policy_rung(&policy, ACCOUNT_VOICE), RUNG_DENY);
	CU_ASSERT_EQUAL(policy_rung(&policy, ACCOUNT_CREDIT), RUNG_TEXT);
	CU_ASSERT_EQUAL(policy_billed(&policy), BILLED_BOTH);
	CU_ASSERT_EQUAL(policy_split(policy.split), SPLIT_MINI_PLATFORM);
	CU_ASSERT_STRING_EQUAL(policy.access.routes[0].subject, "alice \xc3\xa9");
	json_t *given = document(everything), *written = policy_write(&policy);
	CU_ASSERT(json_equal(given, written));
	CU_ASSERT_EQUAL(policy_read(written, "p", stderr, &again), 0);
	json_decref(written);
	written = policy_write(&again);
	CU_ASSERT(json_equal(given, written));
	json_decref(given);
	json_decref(written);
	policy_free(&policy);
	policy_free(&again);
}

static void what_is_unlimited_is_left_out(void)
{
	struct policy policy, again;
	CU_ASSERT_EQUAL_FATAL(policy_init(&policy), 0);
	json_t *written = policy_write(&policy);
	const json_t *budget = json_object_get(written, "budget");
	CU_ASSERT_PTR_NULL(json_object_get(budget, "monthly_micros"));
	CU_ASSERT_PTR_NULL(json_object_get(budget, "video_minutes"));
	CU_ASSERT_PTR_NOT_NULL(json_object_get(budget, "timezone"));
	CU_ASSERT_EQUAL(policy_read(written, "p", stderr, &again), 0);
	CU_ASSERT_EQUAL(again.budget.monthly_micros, POLICY_UNLIMITED);
	json_decref(written);
	policy_free(&policy);
	policy_free(&again);
}

static const struct {
	const char *text, *told;
} faults[] = {
	{"[]", "p:1: found a list, expected keys"},
	{"{'price': {}}", "p:1: found unknown key \"price\", expected one of prices budget rate"},
	{"{'prices': {'video': 1}}", "p:1: prices: found unknown key \"video\", expected one of"},
	{"{'prices': {'video_micros': -1}}",
	 "p:1: prices.video_micros: found \"-1\", expected a number from 0 to 1000000000000"},
	{"{'prices': {'video_micros': 1000000000001}}",
	 "prices.video_micros: found \"1000000000001"},
	{"{'prices': {'video_micros': 1.5}}", "prices.video_micros: found \"1.5\""},
	{"{'prices': {'video_micros': '1'}}", "prices.video_micros: found \"1\""},
	{"{'prices': {'video_micros': null}}", "prices.video_micros: found nothing"},
	{"{'budget': {'monthly_micros': 9223372036854775807}}",
	 "budget.monthly_micros: found \"9223372036854775807\", expected a number from 0 to 1000"},
	{"{'bandwidth': {'ingress_bps': 7999}}",
	 "p: bandwidth.ingress_bps: found 7999, expected 0 or at least 8000 bit/s"},
	{"{'bandwidth': {'session_ingress_bps': 1}}",
	 "p: bandwidth.session_ingress_bps: found 1, "},
	{"{'bandwidth': {'egress_bps': 5}}", "p: bandwidth.egress_bps: found 5, expected 0 or at"},
	{"{'bandwidth': {'egress_bps': 100000000001}}",
	 "p:1: bandwidth.egress_bps: found \"100000000001\", expected a number from 0 to "
	 "1000000000"},
	{"{'bandwidth': {'ingress_bps': 9000, 'ingress_peak_bps': 8999}}",
	 "p: bandwidth.ingress_peak_bps: found 8999, expected 0 or at least the committed rate, "
	 "which is 9000"},
	{"{'bandwidth': {'session_ingress_peak_bps': 9000}}",
	 "p: bandwidth.session_ingress_peak_bps: found 9000, expected 0, as there is no committed"},
	{"{'bandwidth': {'burst_ms': 39}}",
	 "p:1: bandwidth.burst_ms: found \"39\", expected a number from 40 to 1000"},
	{"{'budget': {'prepaid': 1}}", "budget.prepaid: found \"1\", expected true or false"},
	{"{'budget': {'timezone': 'Mars/Olympus'}}", "expected the name of a time zone"},
	{"{'budget': {'timezone': '../../../etc/localtime'}}", "expected the name of a time zone"},
	{"{'budget': {'timezone': '/etc/localtime'}}", "expected the name of a time zone"},
	{"{'budget': {'outage': 'hope'}}", "expected one of deny continue_bounded"},
	{"{'rate': {'period_ms': 0}}", "rate.period_ms: found \"0\", expected a number from 1"},
	{"{'ladder': {'video_out': 'text'}}", "ladder.video_out: found \"text\", expected one of "
					      "voice deny"},
	{"{'ladder': {'credit_out': 'voice'}}", "expected one of deny text"},
	{"{'access': {'domains': ['https://example.org']}}",
	 "access.domains[0]: found \"https://example.org\", expected a host"},
	{"{'access': {'domains': ['example.org:8443']}}", "access.domains[0]: found"},
	{"{'access': {'domains': ['.']}}", "access.domains[0]: found"},
	{"{'access': {'routes': [{'stream': 'a*b', 'access': 'public'}]}}",
	 "access.routes[0].stream: found \"a*b\", expected the name of a stream"},
	{"{'access': {'routes': [{'stream': 'a'}]}}",
	 "access.routes[0].access: found nothing, expected one of public private restricted"},
	{"{'access': {'routes': [{'stream': 'a', 'access': 'restricted'}]}}",
	 "p: access.routes[0].subject: found nothing, expected the `sub`"},
	{"{'access': {'routes': [{'stream': 'a', 'access': 'public', 'subject': 'x'}]}}",
	 "p: access.routes[0].subject: found one, expected none"},
	{"{'split': 'half'}", "expected one of platform imvu mini_platform"},
	{"{'sessions_max': 65537}", "sessions_max: found \"65537\""},
};

static void faults_are_told_by_name(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *told;
		struct policy policy = {0};
		CU_ASSERT_EQUAL(read_policy(faults[i].text, &told, &policy), -EINVAL);
		CU_ASSERT_PTR_NULL(policy.billed);
		if (!strstr(told, faults[i].told)) {
			printf("\n%s -> %s", faults[i].text, told);
			CU_FAIL("not told");
		}
		free(told);
	}
}

static void the_first_route_that_fits_counts(void)
{
	static const struct {
		const char *stream;
		enum policy_access access;
		const char *subject;
	} rows[] = {
		{"vip-1", ACCESS_RESTRICTED, "alice"}, {"vip-", ACCESS_RESTRICTED, "alice"},
		{"vip", ACCESS_PRIVATE, NULL},         {"own", ACCESS_PUBLIC, NULL},
		{"owner", ACCESS_PRIVATE, NULL},
	};
	char *told;
	struct policy policy;
	CU_ASSERT_EQUAL_FATAL(
		read_policy("{'access': {'routes': ["
			    "{'stream': 'vip-*', 'access': 'restricted', 'subject': 'alice'},"
			    "{'stream': 'own', 'access': 'public'},"
			    "{'stream': '*', 'access': 'private'}]}}",
			    &told, &policy),
		0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *subject;
		CU_ASSERT_EQUAL(policy_route_find(&policy, rows[i].stream, &subject),
				rows[i].access);
		CU_ASSERT(rows[i].subject ? strcmp(subject, rows[i].subject) == 0 : !subject);
	}
	policy_free(&policy);
	free(told);
}

static int read_slice(const char *text, char **told, struct slice_config *slice)
{
	size_t n;
	FILE *errors = open_memstream(told, &n);
	json_t *object = document(text);
	int rc = slice_config_read(object, errors, slice);
	json_decref(object);
	fclose(errors);
	return rc;
}

static void slices_come_back_as_they_were(void)
{
	char *told;
	struct slice_config slice;
	CU_ASSERT_EQUAL_FATAL(read_slice("{'id': 'gold', 'sst': 2, 'sd': '00aBcD',"
					 "'guaranteed_bps': 5000000000, 'max_bps': 10000000000,"
					 "'latency_ms': 20, 'five_qi': 2}",
					 &told, &slice),
			      0);
	free(told);
	CU_ASSERT_STRING_EQUAL(slice.id, "gold");
	CU_ASSERT(slice.sst == 2 && slice.sd == 0xabcd && slice.five_qi == 2);
	CU_ASSERT(slice.guaranteed_bps == 5000000000 && slice.max_bps == 10000000000);
	json_t *written = slice_config_write(&slice);
	struct slice_config again;
	memset(&again, 0, sizeof(again));
	CU_ASSERT_EQUAL(slice_config_read(written, stderr, &again), 0);
	CU_ASSERT_EQUAL(memcmp(&slice, &again, sizeof(slice)), 0);
	json_decref(written);
	CU_ASSERT_EQUAL_FATAL(read_slice("{'id': 's'}", &told, &slice), 0);
	CU_ASSERT(slice.sst == 1 && slice.sd == SLICE_SD_NONE && slice.guaranteed_bps == 0);
	free(told);
}

static const struct {
	const char *text, *told;
} slice_faults[] = {
	{"{}", "slice:1: id: found nothing"},
	{"{'id': 'a/b'}", "id: found \"a/b\", expected letters"},
	{"{'id': 'a', 'sd': '12345'}", "sd: found \"12345\", expected six hexadecimal digits"},
	{"{'id': 'a', 'sst': 0}", "sst: found \"0\", expected a number from 1 to 255"},
	{"{'id': 'a', 'guaranteed_bps': 2, 'max_bps': 1}",
	 "slice a: guaranteed_bps: found 2, expected at most max_bps, which is 1"},
	{"{'id': 'a', 'weight': 1}", "unknown key \"weight\""},
};

static void bad_slices_are_refused(void)
{
	for (size_t i = 0; i < sizeof(slice_faults) / sizeof(slice_faults[0]); i++) {
		char *told;
		struct slice_config slice;
		CU_ASSERT_EQUAL(read_slice(slice_faults[i].text, &told, &slice), -EINVAL);
		if (!strstr(told, slice_faults[i].told)) {
			printf("\n%s -> %s", slice_faults[i].text, told);
			CU_FAIL("not told");
		}
		free(told);
	}
}

static void a_fed_tenant_comes_back_as_it_was(void)
{
	json_t *given = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s}], s:o}", "id", "a",
				  "name", "Acme", "standing", "paused", "issuer", "i", "slice",
				  "gold", "keys", "id", "k", "algorithm", "EdDSA", "public_key",
				  signers[JWT_EDDSA].public_pem, "policy", document(everything));
	struct tenant_config tenant;
	CU_ASSERT_EQUAL_FATAL(tenant_config_read(given, stderr, &tenant), 0);
	CU_ASSERT_EQUAL(tenant.standing, TENANT_PAUSED);
	CU_ASSERT_STRING_EQUAL(tenant.slice, "gold");
	CU_ASSERT_EQUAL(tenant.n_keys, 1);
	CU_ASSERT_EQUAL(tenant.policy.sessions_max, 9);
	CU_ASSERT_PTR_NULL(tenant.plan);
	json_t *written = tenant_config_write(&tenant);
	CU_ASSERT(json_equal(given, written));
	json_decref(given);
	json_decref(written);
	tenant_config_free(&tenant);
}

/* What the store writes of a tenant that has nothing. */
static void a_fed_tenant_may_have_nothing(void)
{
	json_t *given = document("{'id': 'a', 'name': null, 'issuer': '', 'slice': null,"
				 " 'keys': [], 'policy': {}}");
	struct tenant_config tenant;
	CU_ASSERT_EQUAL_FATAL(tenant_config_read(given, stderr, &tenant), 0);
	CU_ASSERT_STRING_EQUAL(tenant.name, "a");
	CU_ASSERT_STRING_EQUAL(tenant.issuer, "a");
	CU_ASSERT_STRING_EQUAL(tenant.slice, "");
	json_decref(given);
	tenant_config_free(&tenant);
}

static const struct {
	const char *text, *told;
} tenant_faults[] = {
	{"{'id': 'a', 'policy': {'prices': {'video_micros': -1}}}",
	 "tenant:1: policy.prices.video_micros: found \"-1\""},
	{"{'id': 'a', 'prices': {}}", "found unknown key \"prices\""},
	{"{'id': 'a', 'keys': [{'id': 'k', 'public_key_file': '/etc/passwd'}]}",
	 "keys[0]: found unknown key \"public_key_file\""},
	{"{'id': 'a', 'keys': [{'id': 'k', 'public_key': 'x'}]}",
	 "tenant a, key k: found a text that is no such key"},
	{"{'id': 'a', 'policy': {'access': {'routes': [{'stream': 'x', 'access': 'restricted'}]}}}",
	 "tenant:1: tenant a: access.routes[0].subject: found nothing"},
	{"{'id': '../a'}", "id: found \"../a\", expected letters"},
	{"{}", "id: found nothing"},
};

static void bad_fed_tenants_are_refused(void)
{
	for (size_t i = 0; i < sizeof(tenant_faults) / sizeof(tenant_faults[0]); i++) {
		char *told;
		size_t n;
		struct tenant_config tenant = {0};
		json_t *object = document(tenant_faults[i].text);
		FILE *errors = open_memstream(&told, &n);
		CU_ASSERT_EQUAL(tenant_config_read(object, errors, &tenant), -EINVAL);
		fclose(errors);
		json_decref(object);
		CU_ASSERT_PTR_NULL(tenant.id);
		if (!strstr(told, tenant_faults[i].told)) {
			printf("\n%s -> %s", tenant_faults[i].text, told);
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
	ROW(a_policy_that_says_nothing_limits_nothing),
	ROW(a_full_policy_comes_back_as_it_was),
	ROW(what_is_unlimited_is_left_out),
	ROW(faults_are_told_by_name),
	ROW(the_first_route_that_fits_counts),
	ROW(slices_come_back_as_they_were),
	ROW(bad_slices_are_refused),
	ROW(a_fed_tenant_comes_back_as_it_was),
	ROW(a_fed_tenant_may_have_nothing),
	ROW(bad_fed_tenants_are_refused),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("policy", tests, signers_make, signers_free)
