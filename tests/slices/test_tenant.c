/* The table of tenants: replaced as a whole or one by one, while sessions hold on to their own. */
#include <errno.h>

#include "tests/slices/tenants_fixture.h"

static struct tenant *find(struct tenant_table *table, const char *id)
{
	return tenant_find(table, id, strlen(id));
}

static void replace(struct tenant_table *table, unsigned int n, const char *const *ids)
{
	struct tenants_config config = fixture_tenants(n, ids);
	CU_ASSERT_EQUAL(tenant_table_replace(table, &config), 0);
	CU_ASSERT_PTR_NULL(config.tenants);
	CU_ASSERT_EQUAL(config.n_tenants, 0);
}

static void finds_whole_ids_only(void)
{
	static const char *const ids[] = {"demo", "other"};
	struct tenant_table *table = tenant_table_create();
	char longest[TENANT_ID_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	replace(table, 2, ids);
	CU_ASSERT_STRING_EQUAL(find(table, "demo")->id, "demo");
	CU_ASSERT_PTR_NULL(find(table, "dem"));
	CU_ASSERT_PTR_NULL(find(table, ""));
	CU_ASSERT_PTR_NULL(tenant_find(table, longest, TENANT_ID_MAX + 1));
	CU_ASSERT_PTR_NULL(tenant_find(table, longest, TENANT_ID_MAX));
	CU_ASSERT_STRING_EQUAL(tenant_find(table, "other-than", 5)->id, "other");
	tenant_table_destroy(table);
}

static void a_tenant_that_is_gone_lives_while_it_has_sessions(void)
{
	static const char *const before[] = {"busy", "idle"}, *const after[] = {"fresh"};
	struct tenant_table *table = tenant_table_create();
	replace(table, 2, before);
	struct tenant *busy = find(table, "busy");
	busy->n_sessions = 2;
	replace(table, 1, after);
	CU_ASSERT_PTR_EQUAL(find(table, "busy"), busy);
	CU_ASSERT_PTR_NULL(busy->config);
	CU_ASSERT_PTR_NULL(find(table, "idle"));
	CU_ASSERT_PTR_NOT_NULL(find(table, "fresh")->config);
	/* It comes back as what it was, sessions counted. */
	replace(table, 2, before);
	CU_ASSERT_PTR_EQUAL(find(table, "busy"), busy);
	CU_ASSERT_PTR_NOT_NULL(busy->config);
	CU_ASSERT_EQUAL(busy->n_sessions, 2);
	busy->n_sessions = 0;
	replace(table, 1, after);
	CU_ASSERT_PTR_NULL(find(table, "busy"));
	tenant_table_destroy(table);
}

static void a_key_is_its_tenants_alone(void)
{
	static const char *const ids[] = {"demo", "other"};
	struct tenant_table *table = tenant_table_create();
	struct tenant *owner = NULL;
	replace(table, 2, ids);
	const struct jwt_key *key = tenant_key_find(table, "demo", "dev", JWT_EDDSA, &owner);
	CU_ASSERT_PTR_NOT_NULL(key);
	CU_ASSERT_PTR_EQUAL(owner, find(table, "demo"));
	CU_ASSERT_PTR_EQUAL(tenant_key_find(table, "demo", "", JWT_EDDSA, &owner), key);
	CU_ASSERT_PTR_NOT_EQUAL(tenant_key_find(table, "other", "dev", JWT_EDDSA, &owner), key);
	owner = NULL;
	CU_ASSERT_PTR_NULL(tenant_key_find(table, "demo", "prod", JWT_EDDSA, &owner));
	CU_ASSERT_PTR_NULL(tenant_key_find(table, "demo", "dev", JWT_RS256, &owner));
	CU_ASSERT_PTR_NULL(tenant_key_find(table, "", "dev", JWT_EDDSA, &owner));
	find(table, "demo")->n_sessions = 1;
	replace(table, 1, &ids[1]);
	CU_ASSERT_PTR_NULL(tenant_key_find(table, "demo", "dev", JWT_EDDSA, &owner));
	CU_ASSERT_PTR_NULL(owner);
	tenant_table_destroy(table);
}

static struct tenant *put(struct tenant_table *table, const char *id)
{
	struct tenants_config config = fixture_tenants(1, &id);
	struct tenant *tenant = NULL;
	CU_ASSERT_EQUAL(tenant_put(table, &config.tenants[0], &tenant), 0);
	CU_ASSERT_PTR_NULL(config.tenants[0].id);
	tenants_free(&config);
	return tenant;
}

static void tenants_come_and_go_one_by_one(void)
{
	struct tenant_table *table = tenant_table_create();
	struct tenant *demo = put(table, "demo");
	put(table, "other");
	CU_ASSERT_PTR_EQUAL(find(table, "demo"), demo);
	CU_ASSERT_EQUAL(tenant_count(table), 2);
	const struct tenant_config *before = demo->config;
	CU_ASSERT_PTR_EQUAL(put(table, "demo"), demo);
	CU_ASSERT_PTR_NOT_EQUAL(demo->config, before);
	CU_ASSERT_EQUAL(tenant_count(table), 2);
	demo->n_sessions = 1;
	CU_ASSERT_EQUAL(tenant_remove(table, "demo"), 0);
	CU_ASSERT_EQUAL(tenant_remove(table, "demo"), -ENOENT);
	CU_ASSERT_PTR_EQUAL(find(table, "demo"), demo);
	CU_ASSERT_PTR_NULL(demo->config);
	CU_ASSERT_EQUAL(tenant_remove(table, "other"), 0);
	CU_ASSERT_PTR_NULL(find(table, "other"));
	CU_ASSERT_EQUAL(tenant_count(table), 0);
	tenant_table_destroy(table);
}

static void count_all(void *context, struct tenant *tenant)
{
	(void)tenant;
	++*(unsigned int *)context;
}

/* The control plane knows what was granted since the node started: so must the node. */
static void totals_outlive_the_tenant(void)
{
	struct tenant_table *table = tenant_table_create();
	unsigned int n = 0;
	put(table, "demo")->quotas[ACCOUNT_VIDEO].granted_total = 5;
	CU_ASSERT_EQUAL(tenant_remove(table, "demo"), 0);
	replace(table, 0, NULL);
	tenant_each(table, count_all, &n);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(put(table, "demo")->quotas[ACCOUNT_VIDEO].granted_total, 5);
	tenant_table_destroy(table);
}

static void an_entry_in_the_book_outlives_the_tenant(void)
{
	struct tenant_table *table = tenant_table_create();
	struct tenant *demo = put(table, "demo");
	demo->book_entry = table;
	CU_ASSERT_EQUAL(tenant_remove(table, "demo"), 0);
	CU_ASSERT_PTR_EQUAL(find(table, "demo"), demo);
	demo->book_entry = NULL;
	replace(table, 0, NULL);
	CU_ASSERT_PTR_NULL(find(table, "demo"));
	tenant_table_destroy(table);
}

static void tenants_are_bounded(void)
{
	struct tenant_table *table = tenant_table_create();
	struct tenant *tenant = NULL;
	for (unsigned int i = 0; i <= TENANTS_MAX; i++) {
		struct tenant_config config = {.id = malloc(16)};
		snprintf(config.id, 16, "t%u", i);
		CU_ASSERT_EQUAL(tenant_put(table, &config, &tenant), i < TENANTS_MAX ? 0 : -ENOSPC);
		CU_ASSERT_PTR_NULL(config.id);
	}
	CU_ASSERT_EQUAL(tenant_count(table), TENANTS_MAX);
	CU_ASSERT_PTR_NULL(find(table, "t4096"));
	tenant_table_destroy(table);
}

static CU_TestInfo tests[] = {
	{"finds_whole_ids_only", finds_whole_ids_only},
	{"a_tenant_that_is_gone_lives_while_it_has_sessions",
	 a_tenant_that_is_gone_lives_while_it_has_sessions},
	{"a_key_is_its_tenants_alone", a_key_is_its_tenants_alone},
	{"tenants_come_and_go_one_by_one", tenants_come_and_go_one_by_one},
	{"totals_outlive_the_tenant", totals_outlive_the_tenant},
	{"an_entry_in_the_book_outlives_the_tenant", an_entry_in_the_book_outlives_the_tenant},
	{"tenants_are_bounded", tenants_are_bounded},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("tenant", tests)
