/* Tokens at the door: whose key, which times, and once only. */
#include "gateway/token.h"
#include "gateway/token_cache.h"

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
	CU_ASSERT_EQUAL(token_verify(NULL, table, token, 4096, "nn5g", &verdict), 0);
	CU_ASSERT_PTR_EQUAL(verdict.owner, tenant_find(table, "demo", 4));
	CU_ASSERT_EQUAL(token_verify(NULL, table, token, strlen(token) - 1, "nn5g", &verdict),
			-EBADMSG);
	token[strlen(token) - 10] ^= 1;
	CU_ASSERT_NOT_EQUAL(token_verify(NULL, table, token, 4096, "nn5g", &verdict), 0);
	CU_ASSERT_PTR_NOT_NULL(verdict.why);
	free(token);

	/* Signed by one tenant, in the name of another; and in nobody's. */
	claims = claims_of("other");
	token = jwt_sign(demo_key, &claims);
	CU_ASSERT_EQUAL(token_verify(NULL, table, token, 4096, "nn5g", &verdict), -EKEYREJECTED);
	free(token);
	claims = claims_of("");
	token = jwt_sign(demo_key, &claims);
	CU_ASSERT_NOT_EQUAL(token_verify(NULL, table, token, 4096, "nn5g", &verdict), 0);
	free(token);
	CU_ASSERT_EQUAL(token_verify(NULL, table, "", 4096, "nn5g", &verdict), -EBADMSG);
	tenant_table_destroy(table);
}

/* Tenant "demo" with a key read from this PEM. */
static struct tenants_config demo_with(const char *pem)
{
	static const char *const ids[] = {"demo"};
	struct tenants_config config = fixture_tenants(1, ids);
	jwt_key_destroy(config.tenants[0].keys[0]);
	CU_ASSERT_EQUAL_FATAL(
		jwt_key_import("dev", JWT_EDDSA, pem, strlen(pem), &config.tenants[0].keys[0]), 0);
	return config;
}

static void a_known_token_is_good_for_its_key_only(void)
{
	struct tenant_table *table = tenant_table_create();
	struct token_cache *cache = token_cache_create();
	struct token_verdict verdict = {0};
	struct jwt_claims claims = claims_of("demo");
	struct jwt_key *key, *next;
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("dev", JWT_EDDSA, &key), 0);
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("dev", JWT_EDDSA, &next), 0);
	char *pem = jwt_key_export(key, false), *next_pem = jwt_key_export(next, false);
	struct tenants_config config = demo_with(pem);
	strcpy(claims.scope, "play");
	char *token = jwt_sign(key, &claims);
	tenant_table_replace(table, &config);
	for (unsigned int i = 0; i < 3; i++) {
		memset(&verdict, 0, sizeof(verdict));
		CU_ASSERT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
		CU_ASSERT_PTR_EQUAL(verdict.owner, tenant_find(table, "demo", 4));
		CU_ASSERT_STRING_EQUAL(verdict.claims.scope, "play");
		CU_ASSERT_EQUAL(verdict.claims.expires_at, NOW + 60);
	}
	/* It is in the cache: nothing but that can know it under a limit it is longer than. */
	uint8_t digest[TOKEN_DIGEST_BYTES];
	token_digest(token, "nn5g", digest);
	CU_ASSERT_PTR_NOT_NULL(token_cache_find(cache, digest));
	CU_ASSERT_NOT_EQUAL(token_verify(cache, table, token, strlen(token) - 1, "nn5g", &verdict),
			    0);
	/* Another token, if only by one bit, is no friend of it. */
	token[strlen(token) - 10] ^= 1;
	CU_ASSERT_NOT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
	token[strlen(token) - 10] ^= 1;
	/* The same key, read anew. */
	config = demo_with(pem);
	tenant_table_replace(table, &config);
	CU_ASSERT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
	/* Another key of the same name. */
	config = demo_with(next_pem);
	tenant_table_replace(table, &config);
	CU_ASSERT_NOT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
	/* No tenant at all, and the tenant again. */
	tenant_table_replace(table, &config);
	CU_ASSERT_NOT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
	config = demo_with(pem);
	tenant_table_replace(table, &config);
	CU_ASSERT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
	free(token);
	free(pem);
	free(next_pem);
	jwt_key_destroy(key);
	jwt_key_destroy(next);
	token_cache_destroy(cache);
	tenant_table_destroy(table);
}

static void what_is_not_genuine_is_not_kept(void)
{
	static const char *const ids[] = {"demo"};
	struct tenant_table *table = tenant_table_create();
	struct token_cache *cache = token_cache_create();
	struct token_verdict verdict = {0};
	struct jwt_claims claims = claims_of("demo");
	struct jwt_key *stranger;
	uint8_t digest[TOKEN_DIGEST_BYTES];
	struct tenants_config config = fixture_tenants(1, ids);
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("dev", JWT_EDDSA, &stranger), 0);
	tenant_table_replace(table, &config);
	char *token = jwt_sign(stranger, &claims);
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_NOT_EQUAL(token_verify(cache, table, token, 4096, "nn5g", &verdict), 0);
		token_digest(token, "nn5g", digest);
		CU_ASSERT_PTR_NULL(token_cache_find(cache, digest));
	}
	free(token);
	jwt_key_destroy(stranger);
	token_cache_destroy(cache);
	tenant_table_destroy(table);
}

/* More than fit: the latest is always there, and what is found is what was put. */
static void the_cache_is_bounded(void)
{
	struct token_cache *cache = token_cache_create();
	for (unsigned int i = 0; i < 3 * TOKEN_CACHE_SETS * TOKEN_CACHE_WAYS; i++) {
		char text[16];
		struct token_verified verified = {.key_serial = i + 1};
		snprintf(text, sizeof(text), "%u", i);
		token_digest(text, "", verified.digest);
		strcpy(verified.claims.id, text);
		token_cache_put(cache, &verified);
		const struct token_verified *found = token_cache_find(cache, verified.digest);
		if (!found || strcmp(found->claims.id, text) != 0)
			CU_FAIL("not there");
	}
	token_cache_destroy(cache);
}

static void audience_and_token_are_told_apart(void)
{
	uint8_t a[TOKEN_DIGEST_BYTES], b[TOKEN_DIGEST_BYTES];
	token_digest("bc", "a", a);
	token_digest("c", "ab", b);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
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
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW), -EALREADY);
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
	const unsigned int tenants = TOKEN_REPLAYS_MAX / TOKEN_REPLAYS_TENANT_MAX;
	for (unsigned int i = 0; i < TOKEN_REPLAYS_MAX; i++) {
		char tenant[16];
		snprintf(tenant, sizeof(tenant), "t%u", i % tenants);
		snprintf(claims.id, sizeof(claims.id), "%u", i);
		if (token_spend(replays, tenant, &claims, NOW))
			CU_FAIL("refused below the cap");
	}
	strcpy(claims.id, "one more");
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW), -ENOSPC);
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW + 60), 0);
	token_replays_destroy(replays);
}

/* Whatever one tenant does, there is room for the single-use tokens of another. */
static void a_tenant_fills_no_more_than_its_share(void)
{
	struct token_replays *replays = token_replays_create();
	struct jwt_claims claims = claims_of("demo");
	for (unsigned int i = 0; i < TOKEN_REPLAYS_TENANT_MAX; i++) {
		snprintf(claims.id, sizeof(claims.id), "%u", i);
		CU_ASSERT_EQUAL_FATAL(token_spend(replays, "demo", &claims, NOW), 0);
	}
	strcpy(claims.id, "one more");
	CU_ASSERT_EQUAL(token_spend(replays, "demo", &claims, NOW), -ENOSPC);
	CU_ASSERT_EQUAL(token_spend(replays, "other", &claims, NOW), 0);
	/* Once they have expired there is room again, as often as that comes. */
	for (unsigned int i = 0; i < TOKEN_REPLAYS_TENANT_MAX; i++) {
		snprintf(claims.id, sizeof(claims.id), "later %u", i);
		claims.expires_at = NOW + 120;
		CU_ASSERT_EQUAL_FATAL(token_spend(replays, "demo", &claims, NOW + 60), 0);
	}
	token_replays_destroy(replays);
}

static CU_TestInfo tests[] = {
	{"bearer_is_read_in_any_case", bearer_is_read_in_any_case},
	{"verifies_under_the_named_tenants_key", verifies_under_the_named_tenants_key},
	{"a_known_token_is_good_for_its_key_only", a_known_token_is_good_for_its_key_only},
	{"what_is_not_genuine_is_not_kept", what_is_not_genuine_is_not_kept},
	{"the_cache_is_bounded", the_cache_is_bounded},
	{"audience_and_token_are_told_apart", audience_and_token_are_told_apart},
	{"times_are_judged_with_little_leeway", times_are_judged_with_little_leeway},
	{"a_single_use_token_is_spent_until_it_expires",
	 a_single_use_token_is_spent_until_it_expires},
	{"what_is_remembered_is_bounded", what_is_remembered_is_bounded},
	{"a_tenant_fills_no_more_than_its_share", a_tenant_fills_no_more_than_its_share},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("token", tests)
