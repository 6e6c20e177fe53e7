/* What a tenant has beside its row, on both databases: keys, secrets, top-ups. */
#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/jwt.h"
#include "conf/store.h"

static struct store *store_make(enum sql_kind kind)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
	json_t *tenant = json_pack("{s:s}", "id", "a");
	CU_ASSERT_EQUAL_FATAL(store_tenant_create(store, tenant, NULL), 0);
	json_decref(tenant);
	return store;
}

static int64_t revision_found;

static void revision_take(void *context, const char *kind, const char *id, int64_t revision)
{
	if (strcmp(kind, "tenant") == 0 && strcmp(id, context) == 0)
		revision_found = revision;
}

static int64_t revision_of(struct store *store, char *tenant)
{
	revision_found = -1;
	CU_ASSERT_EQUAL(store_revisions(store, revision_take, tenant), 0);
	return revision_found;
}

static void keys_come_and_go(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	struct jwt_key *key;
	char tenant[] = "a";
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("", JWT_ES256, &key), 0);
	char *pem = jwt_key_export(key, false), *private_pem = jwt_key_export(key, true);
	json_t *list, *row = json_pack("{s:s, s:s, s:s}", "id", "k", "algorithm", "ES256",
				       "public_key", pem);
	int64_t before = revision_of(store, tenant);
	CU_ASSERT_EQUAL(store_key_add(store, "a", row, NULL), 0);
	CU_ASSERT(revision_of(store, tenant) > before);
	CU_ASSERT_EQUAL(store_key_add(store, "nobody", row, NULL), -ENOENT);
	json_object_set_new(row, "public_key", json_string(private_pem));
	CU_ASSERT_EQUAL(store_key_add(store, "a", row, NULL), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(store_key_list(store, "a", &list), 0);
	CU_ASSERT_EQUAL(json_array_size(list), 1);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(list, 0), "public_key")), pem);
	json_decref(list);
	CU_ASSERT_EQUAL(store_key_remove(store, "a", "k"), 0);
	CU_ASSERT_EQUAL(store_key_remove(store, "a", "k"), -ENOENT);
	json_decref(row);
	free(pem);
	free(private_pem);
	jwt_key_destroy(key);
	store_close(store);
}
ON_BOTH(keys_come_and_go)

static void secrets_come_and_go(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *list;
	uint8_t *sealed;
	size_t size;
	CU_ASSERT_EQUAL(store_secret_put(store, "a", "openai", "\0\1\2", 3), 0);
	CU_ASSERT_EQUAL(store_secret_put(store, "a", "openai", "\0\1\2\3", 4), 0);
	CU_ASSERT_EQUAL(store_secret_put(store, "nobody", "openai", "x", 1), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(store_secret_get(store, "a", "openai", &sealed, &size), 0);
	CU_ASSERT(size == 4 && memcmp(sealed, "\0\1\2\3", 4) == 0);
	free(sealed);
	CU_ASSERT_EQUAL_FATAL(store_secret_list(store, "a", &list), 0);
	CU_ASSERT_EQUAL(json_array_size(list), 1);
	json_decref(list);
	CU_ASSERT_EQUAL(store_secret_remove(store, "a", "openai"), 0);
	CU_ASSERT_EQUAL(store_secret_get(store, "a", "openai", &sealed, &size), -ENOENT);
	store_close(store);
}
ON_BOTH(secrets_come_and_go)

static void top_ups_are_added_once(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	char tenant[] = "a";
	int64_t before = revision_of(store, tenant);
	CU_ASSERT_EQUAL(store_top_up(store, "a", ACCOUNT_CREDIT, 5, "k1", 1764000000000), 0);
	CU_ASSERT(revision_of(store, tenant) > before);
	CU_ASSERT_EQUAL(store_top_up(store, "a", ACCOUNT_CREDIT, 5, "k1", 1764000000000),
			-EALREADY);
	CU_ASSERT_EQUAL(store_top_up(store, "a", ACCOUNT_VIDEO, 5, NULL, 1764000000000), 0);
	CU_ASSERT_EQUAL(store_top_up(store, "a", ACCOUNT_VIDEO, 5, NULL, 1764000000000), 0);
	CU_ASSERT_EQUAL(store_top_up(store, "a", ACCOUNT_VIDEO, 0, NULL, 0), -ERANGE);
	CU_ASSERT_EQUAL(store_top_up(store, "nobody", ACCOUNT_VIDEO, 1, NULL, 0), -ENOENT);
	store_close(store);
}
ON_BOTH(top_ups_are_added_once)

static CU_TestInfo tests[] = {
	ROWS_OF(keys_come_and_go),
	ROWS_OF(secrets_come_and_go),
	ROWS_OF(top_ups_are_added_once),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_account", tests, store_fixture_start, store_fixture_stop)
