/* The catalogue on both databases: what operators write, what they are refused, what nodes then
 * get. */
#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/jwt.h"
#include "conf/store.h"

static struct store *store_make(enum sql_kind kind)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
	return store;
}

static json_t *json(const char *text)
{
	json_error_t error;
	json_t *object = json_loads(text, 0, &error);
	if (!object)
		printf("\n%s: %s\n", text, error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	return object;
}

static struct store_refusal refusal;

static int tenant_create(struct store *store, const char *text)
{
	json_t *document = json(text);
	int rc = store_tenant_create(store, document, &refusal);
	json_decref(document);
	return rc;
}

static int tenant_change(struct store *store, const char *id, const char *text)
{
	json_t *changes = json(text);
	int rc = store_tenant_change(store, id, changes, &refusal);
	json_decref(changes);
	return rc;
}

static int plan_put(struct store *store, const char *text)
{
	json_t *plan = json(text);
	int rc = store_plan_put(store, plan, &refusal);
	json_decref(plan);
	return rc;
}

static int slice_put(struct store *store, const char *text)
{
	json_t *slice = json(text);
	int rc = store_slice_put(store, slice, &refusal);
	json_decref(slice);
	return rc;
}

static void expect_why(const char *part)
{
	if (!strstr(refusal.why, part)) {
		printf("\nwhy: \"%s\", expected \"%s\"\n", refusal.why, part);
		CU_FAIL("other words");
	}
}

/* The value at "a.b" of an object as JSON text, to compare. */
static void expect_member(const json_t *object, const char *path, const char *expected)
{
	char name[64];
	while (*path && object) {
		size_t len = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		object = json_object_get(object, name);
		path += len + (path[len] == '.');
	}
	char *text = object ? json_dumps(object, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS)
			    : strdup("nothing");
	if (strcmp(text, expected) != 0)
		printf("\n%s: found %s, expected %s\n", name, text, expected);
	CU_ASSERT_STRING_EQUAL(text, expected);
	free(text);
}

static const json_t *row_of(const json_t *list, const char *id)
{
	size_t i;
	const json_t *row;
	json_array_foreach(list, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0)
			return row;
	}
	CU_FAIL_FATAL("no such row");
	return NULL;
}

static void tenant_of_a_plan_has_all_it_needs(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	struct jwt_key *key;
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("k1", JWT_EDDSA, &key), 0);
	char *pem = jwt_key_export(key, false);
	json_t *tenant =
		json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}], s:{s:{s:I}}}", "id", "acme", "plan",
			  "gold", "keys", "id", "k1", "algorithm", "EdDSA", "public_key", pem,
			  "policy", "budget", "monthly_micros", (json_int_t)1000000);
	CU_ASSERT_EQUAL_FATAL(store_tenant_create(store, tenant, &refusal), 0);
	CU_ASSERT_EQUAL(store_tenant_create(store, tenant, &refusal), -EEXIST);
	expect_why("tenant acme: there is one already");

	json_t *document;
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, "acme", &document), 0);
	expect_member(document, "slice", "\"gold\"");
	expect_member(document, "policy.budget.monthly_micros", "1000000");
	expect_member(document, "policy.prices.video_micros", "15000");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(document, "keys")), 1);
	json_decref(document);

	CU_ASSERT_EQUAL_FATAL(store_tenant_get(store, "acme", &document), 0);
	expect_member(document, "slice_bps", "20000000");
	expect_member(document, "slice", "nothing");
	expect_member(document, "effective_slice", "\"gold\"");
	expect_member(document, "policy", "{\"budget\":{\"monthly_micros\":1000000}}");
	expect_member(document, "effective.budget.timezone", "\"UTC\"");
	expect_member(document, "sessions", "0");
	json_decref(document);
	CU_ASSERT_EQUAL(store_tenant_get(store, "emca", &document), -ENOENT);
	json_decref(tenant);
	free(pem);
	jwt_key_destroy(key);
	store_close(store);
}
ON_BOTH(tenant_of_a_plan_has_all_it_needs)

static void share_beyond_the_slice_is_refused(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	CU_ASSERT_EQUAL_FATAL(
		slice_put(store, "{\"id\": \"s\", \"guaranteed_bps\": 1000000, \"five_qi\": 7}"),
		0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\":\"a\",\"slice\":\"s\",\"slice_bps\":600000}"),
			0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\":\"b\",\"slice\":\"s\",\"slice_bps\":600000}"),
			-ENOSPC);
	CU_ASSERT_EQUAL(refusal.left_bps, 400000);
	expect_why("slice s: found a share of 600000 bit/s, expected at most the 400000 bit/s");
	json_t *tenant;
	CU_ASSERT_EQUAL(store_tenant_get(store, "b", &tenant), -ENOENT);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\":\"b\",\"slice\":\"s\",\"slice_bps\":400000}"),
			0);
	CU_ASSERT_EQUAL(tenant_change(store, "b", "{\"slice_bps\":401000}"), -ENOSPC);
	CU_ASSERT_EQUAL(refusal.left_bps, 400000);
	CU_ASSERT_EQUAL(slice_put(store, "{\"id\": \"s\", \"guaranteed_bps\": 999000}"), -ENOSPC);
	expect_why("slice s would promise 1000 bit/s more than it has");
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\":\"c\",\"slice_bps\":1}"), -EINVAL);
	expect_why("a share needs a slice");

	json_t *slices;
	CU_ASSERT_EQUAL_FATAL(store_slice_list(store, &slices), 0);
	expect_member(row_of(slices, "s"), "promised_bps", "1000000");
	expect_member(row_of(slices, "s"), "tenants", "2");
	expect_member(row_of(slices, "s"), "five_qi", "7");
	json_decref(slices);

	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"standing\":\"exited\"}"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "b", "{\"slice_bps\":401000}"), -ENOSPC);
	CU_ASSERT_EQUAL(store_tenant_release(store, "b"), -ENOENT);
	CU_ASSERT_EQUAL(store_tenant_release(store, "a"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "b", "{\"slice_bps\":1000000}"), 0);
	CU_ASSERT_EQUAL(store_slice_remove(store, "s", &refusal), -EBUSY);
	store_close(store);
}
ON_BOTH(share_beyond_the_slice_is_refused)

static void plans_share_is_taken_of_the_plans_slice(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	CU_ASSERT_EQUAL(slice_put(store, "{\"id\": \"s\", \"guaranteed_bps\": 1000000}"), 0);
	CU_ASSERT_EQUAL(slice_put(store, "{\"id\": \"t\", \"guaranteed_bps\": 700000}"), 0);
	CU_ASSERT_EQUAL(plan_put(store, "{\"id\": \"p\", \"slice\": \"s\", \"slice_bps\": 400000}"),
			0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"a\", \"plan\": \"p\"}"), 0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"b\", \"plan\": \"p\"}"), 0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"c\", \"plan\": \"p\"}"), -ENOSPC);
	CU_ASSERT_EQUAL(refusal.left_bps, 200000);
	CU_ASSERT_EQUAL(plan_put(store, "{\"id\": \"p\", \"slice\": \"t\"}"), -ENOSPC);
	expect_why("slice t would promise 100000 bit/s more");
	CU_ASSERT_EQUAL(store_plan_remove(store, "p", &refusal), -EBUSY);
	expect_why("plan p: 2 tenants have it");
	CU_ASSERT_EQUAL(store_slice_remove(store, "s", &refusal), -EBUSY);
	CU_ASSERT_EQUAL(store_slice_remove(store, "t", &refusal), 0);
	CU_ASSERT_EQUAL(store_slice_remove(store, "t", &refusal), -ENOENT);
	store_close(store);
}
ON_BOTH(plans_share_is_taken_of_the_plans_slice)

static void share_follows_the_plan_unless_it_was_named(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *tenant;
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"a\", \"plan\": \"gold\"}"), 0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"b\", \"plan\": \"gold\","
					     " \"slice_bps\": 7000000}"),
			0);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"plan\": \"silver\"}"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "b", "{\"plan\": \"silver\"}"), 0);
	CU_ASSERT_EQUAL_FATAL(store_tenant_get(store, "a", &tenant), 0);
	expect_member(tenant, "slice_bps", "5000000");
	json_decref(tenant);
	CU_ASSERT_EQUAL_FATAL(store_tenant_get(store, "b", &tenant), 0);
	expect_member(tenant, "slice_bps", "7000000");
	json_decref(tenant);
	store_close(store);
}
ON_BOTH(share_follows_the_plan_unless_it_was_named)

#define ASKERS 4
#define ASKED  10
#define SHARES 15

/* How many of its tenants one process gets into the slice. */
static int shares_ask(const char *url, int asker)
{
	struct store *store;
	int n = 0;
	if (store_open(url, &store))
		return 255;
	for (int i = 0; i < ASKED; i++) {
		json_t *tenant =
			json_pack("{s:o, s:s, s:i}", "id", json_sprintf("t%d-%d", asker, i),
				  "slice", "s", "slice_bps", 100000);
		n += store_tenant_create(store, tenant, NULL) == 0;
		json_decref(tenant);
	}
	store_close(store);
	return n;
}

static void shares_hold_when_many_ask_at_once(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *store;
	pid_t pids[ASKERS];
	int n = 0;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	CU_ASSERT_EQUAL(slice_put(store, "{\"id\": \"s\", \"guaranteed_bps\": 1500000}"), 0);
	store_close(store);
	for (int i = 0; i < ASKERS; i++) {
		pids[i] = fork();
		CU_ASSERT_FATAL(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(shares_ask(url, i));
	}
	for (int i = 0; i < ASKERS; i++) {
		int status;
		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) <= ASKED);
		n += WEXITSTATUS(status);
	}
	CU_ASSERT_EQUAL(n, SHARES);
}
ON_BOTH(shares_hold_when_many_ask_at_once)

static void nonsense_is_refused_in_words(enum sql_kind kind)
{
	static const struct {
		const char *tenant, *why;
		int rc;
	} rows[] = {
		{"{}", "tenant: found \"\", expected 1 to 63 letters", -EINVAL},
		{"{\"id\": \"a/b\"}", "tenant: found \"a/b\"", -EINVAL},
		{"{\"id\": \"x\", \"plan\": \"platinum\"}", "plan: there is no platinum", -ENOENT},
		{"{\"id\": \"x\", \"slice\": \"none\"}", "slice: there is no none", -ENOENT},
		{"{\"id\": \"x\", \"colour\": 1}", "colour: unknown key", -EINVAL},
		{"{\"id\": \"x\", \"slice_bps\": -1}", "slice_bps: expected a whole number",
		 -EINVAL},
		{"{\"id\": \"x\", \"name\": 1}", "name: expected a text", -EINVAL},
		{"{\"id\": \"x\", \"standing\": \"asleep\"}", "standing: found \"asleep\"",
		 -EINVAL},
		{"{\"id\": \"x\", \"policy\": {\"budget\": {\"monthly_micros\": \"much\"}}}",
		 "monthly_micros: found \"much\", expected a number", -EINVAL},
		{"{\"id\": \"x\", \"policy\": {\"budjet\": {}}}", "budjet", -EINVAL},
		{"{\"id\": \"x\", \"keys\": [{\"id\": \"k\"}]}", "key: algorithm: must be given",
		 -EINVAL},
		{"{\"id\": \"x\", \"keys\": [{\"id\": \"k\", \"algorithm\": \"none\","
		 " \"public_key\": \"x\"}]}",
		 "algorithm: found \"none\"", -EINVAL},
		{"{\"id\": \"x\", \"keys\": [{\"id\": \"k\", \"algorithm\": \"EdDSA\","
		 " \"public_key\": \"x\"}]}",
		 "key k: found a text that is no such key", -EINVAL},
	};
	struct store *store = store_make(kind);
	json_t *list;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(tenant_create(store, rows[i].tenant), rows[i].rc);
		expect_why(rows[i].why);
	}
	CU_ASSERT_EQUAL_FATAL(store_tenant_list(store, &list), 0);
	CU_ASSERT_EQUAL(json_array_size(list), 0);
	json_decref(list);
	CU_ASSERT_EQUAL(slice_put(store, "{\"id\": \"s\", \"sst\": 300}"), -EINVAL);
	expect_why("slice: sst: found \"300\", expected a number from 1 to 255");
	CU_ASSERT_EQUAL(plan_put(store, "{\"id\": \"p\", \"policy\": {\"rate\": {\"queue\": -1}}}"),
			-EINVAL);
	expect_why("policy: rate.queue: found \"-1\"");
	CU_ASSERT_EQUAL(tenant_change(store, "nobody", "{}"), -ENOENT);
	expect_why("tenant: there is no nobody");
	store_close(store);
}
ON_BOTH(nonsense_is_refused_in_words)

static void changes_are_patches_over_the_plan(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *document;
	CU_ASSERT_EQUAL(plan_put(store, "{\"id\": \"p\", \"policy\": {\"budget\":"
					" {\"monthly_micros\": 5, \"video_minutes\": 6},"
					" \"sessions_max\": 3}}"),
			0);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"a\", \"plan\": \"p\"}"), 0);
	CU_ASSERT_EQUAL(
		tenant_change(store, "a",
			      "{\"name\": \"A\", \"policy\": {\"budget\":"
			      " {\"monthly_micros\": \"unlimited\"}, \"sessions_max\": 9}}"),
		0);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"policy\": {\"sessions_max\": null}}"), 0);
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, "a", &document), 0);
	expect_member(document, "name", "\"A\"");
	expect_member(document, "policy", "{\"budget\":{\"video_minutes\":6},\"sessions_max\":3}");
	json_decref(document);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"policy\": null}"), 0);
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, "a", &document), 0);
	expect_member(document, "policy.budget.monthly_micros", "5");
	json_decref(document);

	/* A plan's change reaches its tenants; one that does not go with them is refused. */
	CU_ASSERT_EQUAL(plan_put(store, "{\"id\": \"p\", \"policy\": {\"sessions_max\": 4,"
					" \"budget\": {\"video_minutes\": \"unlimited\"}}}"),
			0);
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, "a", &document), 0);
	expect_member(document, "policy", "{\"budget\":{\"monthly_micros\":5},\"sessions_max\":4}");
	json_decref(document);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"id\": \"b\"}"), -EINVAL);
	store_close(store);
}
ON_BOTH(changes_are_patches_over_the_plan)

static void exit_is_final(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	CU_ASSERT_EQUAL(tenant_create(store, "{\"id\": \"a\", \"plan\": \"free\"}"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"standing\": \"paused\"}"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"standing\": \"active\"}"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"standing\": null}"), -EINVAL);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"standing\": \"exited\"}"), 0);
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"standing\": \"active\"}"), -EBUSY);
	expect_why("tenant a has exited");
	CU_ASSERT_EQUAL(tenant_change(store, "a", "{\"name\": \"B\"}"), -EBUSY);
	CU_ASSERT_EQUAL(store_top_up(store, "a", ACCOUNT_CREDIT, 1, NULL, 0), -ENOENT);
	store_close(store);
}
ON_BOTH(exit_is_final)

static char killed[64];

static void kill_take(void *context, const char *session, const char *reason)
{
	(void)context;
	snprintf(killed, sizeof(killed), "%s %s", session, reason);
}

static void sessions_put(struct store *store, const char *node, const char *text)
{
	json_t *claims = json(text);
	CU_ASSERT_EQUAL(store_sessions_put(store, node, claims), 0);
	json_decref(claims);
}

static void sessions_are_where_their_epoch_says(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *list;
	int64_t n;
	sessions_put(store, "n1",
		     "[{\"session\": \"s1\", \"tenant\": \"a\", \"stream\": \"live\", \"role\":"
		     " \"play\", \"epoch\": 0, \"state\": \"active\", \"at_ms\": 1000},"
		     " {\"session\": \"s2\", \"tenant\": \"b\", \"epoch\": 0, \"state\":"
		     " \"active\", \"at_ms\": 1001}]");
	sessions_put(store, "n2",
		     "[{\"session\": \"s1\", \"tenant\": \"a\", \"epoch\": 1, \"state\":"
		     " \"active\", \"at_ms\": 2000}]");
	sessions_put(store, "n1",
		     "[{\"session\": \"s1\", \"tenant\": \"a\", \"epoch\": 0, \"state\":"
		     " \"terminated\", \"at_ms\": 3000}]");
	CU_ASSERT_EQUAL_FATAL(store_session_list(store, "a", &list), 0);
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 1);
	expect_member(json_array_get(list, 0), "node", "\"n2\"");
	expect_member(json_array_get(list, 0), "state", "\"active\"");
	expect_member(json_array_get(list, 0), "stream", "\"live\"");
	expect_member(json_array_get(list, 0), "ended_at", "nothing");
	json_decref(list);

	CU_ASSERT_EQUAL(store_session_kill(store, "s1", "OPERATOR"), 0);
	CU_ASSERT_EQUAL(store_session_kill(store, "s9", "OPERATOR"), -ENOENT);
	killed[0] = '\0';
	CU_ASSERT_EQUAL(store_session_kills(store, "n1", kill_take, NULL), 0);
	CU_ASSERT_STRING_EQUAL(killed, "");
	CU_ASSERT_EQUAL(store_session_kills(store, "n2", kill_take, NULL), 0);
	CU_ASSERT_STRING_EQUAL(killed, "s1 OPERATOR");
	sessions_put(store, "n2",
		     "[{\"session\": \"s1\", \"tenant\": \"a\", \"epoch\": 1, \"state\":"
		     " \"terminated\", \"reason\": \"OPERATOR\", \"at_ms\": 4000}]");
	CU_ASSERT_EQUAL(store_session_kill(store, "s1", "OPERATOR"), -ENOENT);
	CU_ASSERT_EQUAL(store_session_kill_all(store, "b", "USER_EXIT", &n), 0);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(store_session_end(store, "s2", "USER_EXIT", 4000), 0);
	CU_ASSERT_EQUAL(store_session_end(store, "s2", "USER_EXIT", 4000), -ENOENT);
	/* One that came and went between two batches. */
	sessions_put(store, "n2",
		     "[{\"session\": \"s4\", \"tenant\": \"c\", \"epoch\": 0, \"state\":"
		     " \"terminated\", \"since_ms\": 3900, \"at_ms\": 4000}]");
	CU_ASSERT_EQUAL_FATAL(store_session_list(store, "c", &list), 0);
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 1);
	expect_member(json_array_get(list, 0), "created_at", "3900");
	expect_member(json_array_get(list, 0), "changed_at", "4000");
	expect_member(json_array_get(list, 0), "ended_at", "4000");
	json_decref(list);
	CU_ASSERT_EQUAL(store_session_kill_all(store, "b", "USER_EXIT", &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	/* A day later they are forgotten; what runs is listed first. */
	sessions_put(store, "n2",
		     "[{\"session\": \"s3\", \"tenant\": \"b\", \"epoch\": 0, \"state\":"
		     " \"active\", \"at_ms\": 86404001}]");
	sessions_put(store, "n2",
		     "[{\"session\": \"s0\", \"tenant\": \"b\", \"epoch\": 0, \"state\":"
		     " \"terminated\", \"at_ms\": 86404002}]");
	CU_ASSERT_EQUAL_FATAL(store_session_list(store, NULL, &list), 0);
	CU_ASSERT_EQUAL(json_array_size(list), 2);
	expect_member(json_array_get(list, 0), "session", "\"s3\"");
	json_decref(list);
	store_close(store);
}
ON_BOTH(sessions_are_where_their_epoch_says)

static void nodes_say_hello_and_drain(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *list, *document = json("{\"version\": \"1\"}");
	bool is_draining = true;
	CU_ASSERT_EQUAL(store_node_put(store, "n1", "b1", 1000, document), 0);
	CU_ASSERT_EQUAL(store_node_is_draining(store, "n1", &is_draining), 0);
	CU_ASSERT_FALSE(is_draining);
	CU_ASSERT_EQUAL(store_node_drain(store, "n1", true), 0);
	CU_ASSERT_EQUAL(store_node_drain(store, "n9", true), -ENOENT);
	sessions_put(store, "n1",
		     "[{\"session\": \"s1\", \"tenant\": \"a\", \"epoch\": 0, \"state\":"
		     " \"active\", \"at_ms\": 1000}]");
	CU_ASSERT_EQUAL(store_node_put(store, "n1", "b1", 2000, document), 0);
	CU_ASSERT_EQUAL(store_node_is_draining(store, "n1", &is_draining), 0);
	CU_ASSERT_TRUE(is_draining);
	CU_ASSERT_EQUAL_FATAL(store_node_list(store, &list), 0);
	expect_member(row_of(list, "n1"), "sessions", "1");
	expect_member(row_of(list, "n1"), "seen_at", "2000");
	expect_member(row_of(list, "n1"), "document.version", "\"1\"");
	json_decref(list);
	/* A new boot has none of the sessions of the one before. */
	CU_ASSERT_EQUAL(store_node_put(store, "n1", "b2", 3000, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(store_session_list(store, "a", &list), 0);
	expect_member(json_array_get(list, 0), "reason", "\"LOST\"");
	json_decref(list);
	json_decref(document);
	store_close(store);
}
ON_BOTH(nodes_say_hello_and_drain)

/* Two nodes of one name would void each other's grants. */
static void one_name_is_one_node(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *one = json("{\"instance\": \"i1\"}"), *other = json("{\"instance\": \"i2\"}");
	const int64_t lease_ms = STORE_NODE_LEASE_MS, at_ms = 1764000000000;
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "b1", at_ms, one), 0);
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "c1", at_ms, other), -EBUSY);
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "c1", at_ms - 1 + lease_ms, other), -EBUSY);
	CU_ASSERT_EQUAL(store_node_put(store, "other", "c1", at_ms, other), 0);
	/* It restarts: at once. The boot before it, late, voids nothing and is heard of no more. */
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "b2", at_ms + 1, one), 0);
	CU_ASSERT_EQUAL(store_node_seen(store, "twin", "b1", at_ms + 1000), -ENOENT);
	CU_ASSERT_EQUAL(store_node_seen(store, "twin", "b2", at_ms + 1000), 0);
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "c1", at_ms + 999 + lease_ms, other), -EBUSY);
	/* It is silent: another may have its name, and keeps it. */
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "c1", at_ms + 1000 + lease_ms, other), 0);
	CU_ASSERT_EQUAL(store_node_seen(store, "twin", "b2", at_ms + 1001 + lease_ms), -ENOENT);
	CU_ASSERT_EQUAL(store_node_put(store, "twin", "b2", at_ms + 1001 + lease_ms, one), -EBUSY);
	json_decref(one);
	json_decref(other);
	store_close(store);
}
ON_BOTH(one_name_is_one_node)

static void a_node_that_is_gone_can_be_removed(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	struct store_refusal why = {0};
	json_t *list;
	const int64_t silent_ms = STORE_NODE_SILENT_MS;
	CU_ASSERT_EQUAL(sql_run(store_sql(store),
				"INSERT INTO tenants (id, policy) VALUES"
				" ('rem', '{\"budget\": {\"monthly_micros\": 100}}')",
				NULL, 0, NULL, NULL),
			0);
	struct store_grant grant = {.tenant = "rem",
				    .node = "gone",
				    .boot = "b1",
				    .account = ACCOUNT_CREDIT,
				    .wanted = 70,
				    .now_ms = 1000};
	CU_ASSERT_EQUAL(store_node_put(store, "gone", "b1", 1000, NULL), 0);
	CU_ASSERT_EQUAL(store_grant(store, &grant), 0);
	sessions_put(store, "gone",
		     "[{\"session\": \"g1\", \"tenant\": \"rem\", \"epoch\": 0, \"state\":"
		     " \"active\", \"at_ms\": 1000}]");
	CU_ASSERT_EQUAL(store_node_remove(store, "nobody", 1000, &why), -ENOENT);
	CU_ASSERT_EQUAL(store_node_remove(store, "gone", 999 + silent_ms, &why), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.why, "stop it first"));
	CU_ASSERT_EQUAL(store_node_remove(store, "gone", 1000 + silent_ms, &why), 0);
	grant.node = "other";
	grant.wanted = 100;
	CU_ASSERT_EQUAL(store_grant(store, &grant), 0);
	CU_ASSERT_EQUAL(grant.granted_total, 100);
	CU_ASSERT_EQUAL_FATAL(store_session_list(store, "rem", &list), 0);
	expect_member(json_array_get(list, 0), "reason", "\"LOST\"");
	json_decref(list);
	CU_ASSERT_EQUAL(store_node_drain(store, "gone", true), -ENOENT);
	/* It comes back after all: what it holds counts. */
	CU_ASSERT_EQUAL(store_node_put(store, "gone", "b1", 2000 + silent_ms, NULL), 0);
	CU_ASSERT_EQUAL(store_grant_reconcile(store, "rem", "gone", "b1", ACCOUNT_CREDIT, 70), 0);
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_TRUE(grant.is_overdrawn);
	store_close(store);
}
ON_BOTH(a_node_that_is_gone_can_be_removed)

static void latest_events_come_in_order(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *list, *events = json("[{\"tenant\": \"a\", \"at_ms\": 1, \"n\": 1},"
				     " {\"tenant\": \"b\", \"at_ms\": 2, \"n\": 2},"
				     " {\"tenant\": \"a\", \"at_ms\": 3, \"n\": 3},"
				     " {\"tenant\": \"a\", \"at_ms\": 4, \"n\": 4}]");
	CU_ASSERT_EQUAL(store_events_put(store, "n1", events), 0);
	CU_ASSERT_EQUAL_FATAL(store_event_list(store, "a", 2, &list), 0);
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 2);
	expect_member(json_array_get(list, 0), "event.n", "3");
	expect_member(json_array_get(list, 1), "event.n", "4");
	expect_member(json_array_get(list, 1), "at", "4");
	json_decref(list);
	CU_ASSERT_EQUAL_FATAL(store_event_list(store, NULL, 10, &list), 0);
	CU_ASSERT_EQUAL(json_array_size(list), 4);
	json_decref(list);
	json_decref(events);
	store_close(store);
}
ON_BOTH(latest_events_come_in_order)

static CU_TestInfo tests[] = {
	ROWS_OF(tenant_of_a_plan_has_all_it_needs),
	ROWS_OF(share_beyond_the_slice_is_refused),
	ROWS_OF(plans_share_is_taken_of_the_plans_slice),
	ROWS_OF(share_follows_the_plan_unless_it_was_named),
	ROWS_OF(shares_hold_when_many_ask_at_once),
	ROWS_OF(nonsense_is_refused_in_words),
	ROWS_OF(changes_are_patches_over_the_plan),
	ROWS_OF(exit_is_final),
	ROWS_OF(sessions_are_where_their_epoch_says),
	ROWS_OF(nodes_say_hello_and_drain),
	ROWS_OF(one_name_is_one_node),
	ROWS_OF(a_node_that_is_gone_can_be_removed),
	ROWS_OF(latest_events_come_in_order),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_catalog", tests, store_fixture_start, store_fixture_stop)
