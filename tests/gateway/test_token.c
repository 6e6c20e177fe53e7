/* Tokens at the door: whose key, which times, and once only. */
#include "gateway/token.h"

#include <errno.h>
#include <stdio.h>

#include "tests/slices/tenants_fixture.h"

#define NOW 1000000

static struct jwt_claims claims_of(const char *tenant)
{
	struct jwt_claims claims = {.audience = "nn5g", .expires_at = NOW + 60};
	snprintf(claims.tenant, sizeof(claims.tenant), "%s", tenant);
	return claims;
}

static void bearer_is_read_in_any_case(void)
{
	static const struct {
		const char *value, *token;
	} rows[] = {
		{"Bearer abc", "abc"},
		{"bearer   abc", "abc"},
		{"BEARER abc", "abc"},
		{"Bearer ", NULL},
		{"Bearer", NULL},
		{"Basic abc", NULL},
		{"", NULL},
		{"Bearerabc", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *token = token_of_bearer(rows[i].value);
		CU_ASSERT_EQUAL(!token, !rows[i].token);
		if (token && rows[i].token)
			CU_ASSERT_STRING_EQUAL(token, rows[i].token);
	}
}

static void verifies_under_the_named_tenants_key(void)
{
	static const char *const ids[] = {"demo", "other"};
	struct tenant_table *table = tenant_table_create();
	struct tenants_config config = fixture_tenants(2, ids);
	const struct jwt_key *demo_key = config.tenants[0].keys[0];
	struct jwt_claims claims = claims_of("demo");
	struct token_verdict verdict = {0};
	CU_ASSERT_EQUAL_FATAL(tenant_table_replace(table, &config), 0);

	char *token = jwt_sign(demo_key, &claims);
	CU_ASSERT_EQUAL(token_verify(table, token, 4096, "nn5g", &verdict), 0);
	CU_ASSERT_PTR_EQUAL(verdict.owner, tenant_find(table, "demo", 4));
	CU_ASSERT_EQUAL(token_verify(table, token, strlen(token) - 1, "nn5g", &verdict), -EBADMSG);
	token[strlen(token) - 10] ^= 1;
	CU_ASSERT_NOT_EQUAL(token_verify(table, token, 4096, "nn5g", &verdict), 0);
	CU_ASSERT_PTR_NOT_NULL(verdict.why);
	free(token);

	/* Signed by one tenant, in the name of another; and in nobody's. */
	claims = claims_of("other");
	token = jwt_sign(demo_key, &claims);
	CU_ASSERT_EQUAL(token_verify(table, token, 4096, "nn5g", &verdict), -EKEYREJECTED);
	free(token);
	claims = claims_of("");
	token = jwt_sign(demo_key, &claims);
	CU_ASSERT_NOT_EQUAL(token_verify(table, token, 4096, "nn5g", &verdict), 0);
	free(token);
	CU_ASSERT_EQUAL(token_verify(table, "", 4096, "nn5g", &verdict), -EBADMSG);
	tenant_table_destroy(table);
}

static void times_are_judged_with_little_leeway(void)
{
	static const struct {
		int64_t expires_at, not_before, issued_at;
		bool fresh;
	} rows[] = {
		{NOW + 1, 0, 0, true},
		{NOW, 0, 0, false},
		{0, 0, 0, false},
		{-1, 0, 0, false},
		{NOW + 60, NOW + TOKEN_LEEWAY_S, NOW + TOKEN_LEEWAY_S, true},
		{NOW + 60, NOW + TOKEN_LEEWAY_S + 1, 0, false},
		{NOW + 60, 0, NOW + TOKEN_LEEWAY_S + 1, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jwt_claims claims = {.expires_at = rows[i].expires_at,
					    .not_before = rows[i].not_before,
					    .issued_at = rows[i].issued_at};
		CU_ASSERT_EQUAL(token_freshness(&claims, NOW) == NULL, rows[i].fresh);
	}
}

static void a_single_use_token_is_spent_until_it_expires(void)
{
	struct token_replays *replays = token_replays_create();
	struct jwt_claims claims = claims_of("demo");
	/* Without jti: good any number of times. */
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW), 0);
	CU_ASSERT_FALSE(token_is_spent(replays, "demo", &claims));
	strcpy(claims.id, "one");
	CU_ASSERT_FALSE(token_is_spent(replays, "demo", &claims));
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW), 0);
	CU_ASSERT_TRUE(token_is_spent(replays, "demo", &claims));
	CU_ASSERT_FALSE(token_is_spent(replays, "other", &claims));
	struct jwt_claims next = claims;
	strcpy(next.id, "two");
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &next, claims.expires_at), 0);
	CU_ASSERT_FALSE(token_is_spent(replays, "demo", &claims));
	token_replays_destroy(replays);
}

static void what_is_remembered_is_bounded(void)
{
	struct token_replays *replays = token_replays_create();
	struct jwt_claims claims = claims_of("demo");
	for (unsigned int i = 0; i < TOKEN_REPLAYS_MAX; i++) {
		snprintf(claims.id, sizeof(claims.id), "%u", i);
		if (token_spend(replays, "demo", &claims, NOW))
			CU_FAIL("refused below the cap");
	}
	strcpy(claims.id, "one more");
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW), -ENOSPC);
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW + 60), 0);
	token_replays_destroy(replays);
}

static CU_TestInfo tests[] = {
	{"bearer_is_read_in_any_case", bearer_is_read_in_any_case},
	{"verifies_under_the_named_tenants_key", verifies_under_the_named_tenants_key},
	{"times_are_judged_with_little_leeway", times_are_judged_with_little_leeway},
	{"a_single_use_token_is_spent_until_it_expires",
	 a_single_use_token_is_spent_until_it_expires},
	{"what_is_remembered_is_bounded", what_is_remembered_is_bounded},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("token", tests)
