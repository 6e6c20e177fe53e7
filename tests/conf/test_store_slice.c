/* Slices of the catalogue on both databases: every node that is up has to take them. */
#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/slice_config.h"
#include "conf/store.h"

static struct store_refusal refusal;

static struct store *store_make(enum sql_kind kind)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
	return store;
}

static int slice_put(struct store *store, const char *id, json_int_t guaranteed_bps)
{
	json_t *slice = json_pack("{s:s, s:I}", "id", id, "guaranteed_bps", guaranteed_bps);
	int rc = store_slice_put(store, slice, &refusal);
	json_decref(slice);
	return rc;
}

static void node_put(struct store *store, const char *id, json_int_t port_bps, int64_t now_ms)
{
	json_t *document = json_pack("{s:I}", "port_bps", port_bps);
	CU_ASSERT_EQUAL(store_node_put(store, id, "b1", now_ms, document), 0);
	json_decref(document);
}

#define MBPS INT64_C(1000000)

/* Of the nodes that are up, the one with the smallest port. A new store's own slices guarantee 700
 * Mbit/s. */
static void slices_fit_the_ports_of_the_nodes(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	node_put(store, "any", 0, 1000000);
	node_put(store, "big", 1000 * MBPS, 1000000);
	CU_ASSERT_EQUAL(slice_put(store, "s", 250 * MBPS), 0);
	CU_ASSERT_EQUAL(slice_put(store, "t", 51 * MBPS), -ENOSPC);
	CU_ASSERT_EQUAL(refusal.left_bps, 50 * MBPS);
	CU_ASSERT_STRING_EQUAL(refusal.why,
			       "slice t: guaranteed_bps: found 51000000, expected at most the "
			       "50000000 bit/s that node big has left of its 1000000000");
	CU_ASSERT_EQUAL(slice_put(store, "s", 301 * MBPS), -ENOSPC);
	CU_ASSERT_EQUAL(refusal.left_bps, 300 * MBPS);
	/* A node with less comes up: what shrinks is taken all the same. */
	node_put(store, "small", 500 * MBPS, 1000001);
	CU_ASSERT_EQUAL(slice_put(store, "s", 200 * MBPS), 0);
	CU_ASSERT_EQUAL(slice_put(store, "t", 8000), -ENOSPC);
	CU_ASSERT_EQUAL(refusal.left_bps, 0);
	CU_ASSERT_EQUAL(slice_put(store, "t", 0), 0);
	/* Silent for long: it binds nobody. */
	node_put(store, "big", 1000 * MBPS, 1000002 + STORE_NODE_LEASE_MS);
	CU_ASSERT_EQUAL(slice_put(store, "t", 8000), 0);
	store_close(store);
}
ON_BOTH(slices_fit_the_ports_of_the_nodes)

static void what_was_refused_is_not_there(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	json_t *slices, *slice;
	size_t i;
	node_put(store, "small", 701 * MBPS, 1000);
	CU_ASSERT_EQUAL(slice_put(store, "s", 2 * MBPS), -ENOSPC);
	CU_ASSERT_EQUAL(slice_put(store, "s", 7999), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(refusal.why, "expected 0 or at least 8000 bit/s"));
	CU_ASSERT_EQUAL_FATAL(store_slice_list(store, &slices), 0);
	json_array_foreach(slices, i, slice)
	{
		const char *id = json_string_value(json_object_get(slice, "id"));
		CU_ASSERT_STRING_NOT_EQUAL(id, "s");
	}
	CU_ASSERT_EQUAL(i, 3);
	json_decref(slices);
	store_close(store);
}
ON_BOTH(what_was_refused_is_not_there)

/* No node takes more than so many. */
static void there_are_no_more_than_a_node_takes(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	char id[16];
	for (int i = 3; i < SLICES_MAX; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		CU_ASSERT_EQUAL(slice_put(store, id, 0), 0);
	}
	CU_ASSERT_EQUAL(slice_put(store, "more", 0), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(refusal.why,
			       "slice more: there are the 64 slices that a node may have");
	CU_ASSERT_EQUAL(slice_put(store, "s3", 8000), 0);
	CU_ASSERT_EQUAL(store_slice_remove(store, "s4", &refusal), 0);
	CU_ASSERT_EQUAL(slice_put(store, "more", 0), 0);
	store_close(store);
}
ON_BOTH(there_are_no_more_than_a_node_takes)

struct seen {
	int n_slices, n_tenants;
};

static void see(void *context, const char *kind, const char *id, int64_t revision)
{
	struct seen *seen = context;
	(void)revision;
	(void)id;
	seen->n_slices += strcmp(kind, "slice") == 0;
	seen->n_tenants += strcmp(kind, "tenant") == 0;
}

/* Nodes have room for so many tenants: of those that have left they remember a few. */
static void who_has_exited_is_not_fed_for_ever(enum sql_kind kind)
{
	struct store *store = store_make(kind);
	struct seen before = {0}, after = {0};
	json_t *exit = json_pack("{s:s}", "standing", "exited");
	char id[16];
	for (int i = 0; i < STORE_EXITED_FED + 20; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		json_t *tenant = json_pack("{s:s}", "id", id);
		CU_ASSERT_EQUAL(store_tenant_create(store, tenant, &refusal), 0);
		json_decref(tenant);
	}
	CU_ASSERT_EQUAL(store_revisions(store, see, &before), 0);
	CU_ASSERT(before.n_tenants == STORE_EXITED_FED + 20 && before.n_slices == 3);
	for (int i = 0; i < STORE_EXITED_FED + 10; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		CU_ASSERT_EQUAL(store_tenant_change(store, id, exit, &refusal), 0);
	}
	CU_ASSERT_EQUAL(store_revisions(store, see, &after), 0);
	CU_ASSERT(after.n_tenants == STORE_EXITED_FED + 10 && after.n_slices == 3);
	json_decref(exit);
	store_close(store);
}
ON_BOTH(who_has_exited_is_not_fed_for_ever)

static CU_TestInfo tests[] = {
	ROWS_OF(slices_fit_the_ports_of_the_nodes),
	ROWS_OF(what_was_refused_is_not_there),
	ROWS_OF(there_are_no_more_than_a_node_takes),
	ROWS_OF(who_has_exited_is_not_fed_for_ever),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_slice", tests, store_fixture_start, store_fixture_stop)
