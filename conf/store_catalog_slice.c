/* Slices and plans. Both are put as patches, and both may move what tenants take of slices. */
#include "conf/store_catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/merge_patch.h"
#include "conf/slice_config.h"
#include "conf/tenants.h"

/* Reads with the reader of nodes, whose words are the refusal's, and writes it again: complete. */
static int slice_complete(const json_t *slice, struct store_refusal *refusal, json_t **out)
{
	struct slice_config config;
	FILE *errors = catalog_why_open(refusal);
	int rc = errors ? slice_config_read(slice, errors, &config) : -ENOMEM;
	catalog_why_close(errors, refusal);
	if (rc)
		return rc;
	*out = slice_config_write(&config);
	return *out ? 0 : -ENOMEM;
}

#define SLICE_COLUMNS "s.id, s.sst, s.sd, s.guaranteed_bps, s.max_bps, s.latency_ms, s.five_qi"
static const struct catalog_column slice_columns[] = {
	{"id", CATALOG_TEXT},         {"sst", CATALOG_INTEGER},
	{"sd", CATALOG_TEXT},         {"guaranteed_bps", CATALOG_INTEGER},
	{"max_bps", CATALOG_INTEGER}, {"latency_ms", CATALOG_INTEGER},
	{"five_qi", CATALOG_INTEGER}, {"promised_bps", CATALOG_INTEGER},
	{"tenants", CATALOG_INTEGER}, {NULL, CATALOG_TEXT},
};

int store_slice_list(struct store *store, struct json_t **out)
{
	static const struct catalog_query query = {
		"SELECT " SLICE_COLUMNS ", " CATALOG_PROMISED ","
		" (SELECT count(*) FROM tenants t LEFT JOIN plans p ON p.id = t.plan"
		"  WHERE COALESCE(t.slice, p.slice) = s.id AND t.standing <> 'exited')"
		" FROM slices s ORDER BY s.id",
		slice_columns};
	return catalog_list(store_sql(store), &query, NULL, 0, out);
}

/* What a node said of itself, and how far its port is from guaranteeing all slices. */
static int node_check(const json_t *node, const json_t *slice, int64_t guaranteed_bps,
		      struct store_refusal *refusal)
{
	const char *name = json_string_value(json_object_get(node, "id"));
	const json_t *port = json_object_get(json_object_get(node, "document"), "port_bps");
	int64_t own_bps = json_integer_value(json_object_get(slice, "guaranteed_bps"));
	int64_t port_bps = json_integer_value(port), left_bps = port_bps - guaranteed_bps + own_bps;
	if (port_bps == 0 || guaranteed_bps <= port_bps)
		return 0;
	refusal->left_bps = left_bps > 0 ? left_bps : 0;
	return catalog_refuse(refusal, -ENOSPC,
			      "slice %s: guaranteed_bps: found %" PRId64
			      ", expected at most the %" PRId64 " bit/s that node %s has left of "
			      "its %" PRId64,
			      json_string_value(json_object_get(slice, "id")), own_bps,
			      refusal->left_bps, name, port_bps);
}

/* Every node that is up would have to take it. Nodes that fell silent long before the last one was
 * heard of bind nobody; each checks for itself when it is back. */
static int ports_check(struct sql *sql, const json_t *slice, struct store_refusal *refusal)
{
	static const struct catalog_column columns[] = {
		{"id", CATALOG_TEXT}, {"document", CATALOG_JSON}, {NULL, CATALOG_TEXT}};
	static const struct catalog_query query = {
		"SELECT id, document FROM nodes WHERE seen_at >="
		" (SELECT MAX(seen_at) FROM nodes) - $1 ORDER BY id",
		columns};
	int64_t guaranteed_bps;
	json_t *nodes = NULL;
	const json_t *node;
	size_t i;
	int rc = catalog_integer(
		sql, "SELECT CAST(COALESCE(SUM(guaranteed_bps), 0) AS BIGINT) FROM slices", NULL, 0,
		&guaranteed_bps);
	if (rc == 0)
		rc = catalog_list(sql, &query, SQL_VALUES(sql_integer(STORE_NODE_LEASE_MS)),
				  &nodes);
	json_array_foreach(nodes, i, node)
	{
		if (rc == 0)
			rc = node_check(node, slice, guaranteed_bps, refusal);
	}
	json_decref(nodes);
	return rc;
}

static int slice_write(struct sql *sql, const json_t *slice)
{
	return sql_run(
		sql,
		"INSERT INTO slices (id, sst, sd, guaranteed_bps, max_bps, latency_ms, five_qi)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET"
		" sst = excluded.sst, sd = excluded.sd, guaranteed_bps = excluded.guaranteed_bps,"
		" max_bps = excluded.max_bps, latency_ms = excluded.latency_ms,"
		" five_qi = excluded.five_qi",
		SQL_VALUES(catalog_text(slice, "id"), catalog_number(slice, "sst"),
			   catalog_text(slice, "sd"), catalog_number(slice, "guaranteed_bps"),
			   catalog_number(slice, "max_bps"), catalog_number(slice, "latency_ms"),
			   catalog_number(slice, "five_qi")),
		NULL, NULL);
}

/* The row with the patch on it, with a reader's defaults for what it does not say. */
static int slice_merge(struct sql *sql, const struct catalog_change *change, json_t **out)
{
	static const struct catalog_query query = {
		"SELECT " SLICE_COLUMNS " FROM slices s WHERE s.id = $1", slice_columns};
	json_t *row = NULL;
	int rc = catalog_get(sql, &query, SQL_VALUES(sql_text(change->id)), &row);
	if (rc && rc != -ENOENT)
		return rc;
	json_t *merged = merge_patch(row, change->document);
	json_decref(row);
	rc = merged ? slice_complete(merged, change->refusal, out) : -ENOMEM;
	json_decref(merged);
	return rc;
}

/* No node would take one more. */
static int room_check(struct sql *sql, const struct catalog_change *change)
{
	int64_t n;
	int rc = catalog_integer(sql,
				 "SELECT count(*) FROM slices WHERE NOT EXISTS"
				 " (SELECT 1 FROM slices WHERE id = $1)",
				 SQL_VALUES(sql_text(change->id)), &n);
	if (rc || n < SLICES_MAX)
		return rc;
	return catalog_refuse(change->refusal, -ENOSPC,
			      "slice %s: there are the %d slices that a node may have", change->id,
			      SLICES_MAX);
}

static int slice_put(struct sql *sql, void *context)
{
	const struct catalog_change *change = context;
	json_t *slice;
	int64_t before_bps;
	int rc = catalog_lock(sql);
	if (rc == 0)
		rc = room_check(sql, change);
	if (rc == 0)
		rc = catalog_integer(sql, "SELECT guaranteed_bps FROM slices WHERE id = $1",
				     SQL_VALUES(sql_text(change->id)), &before_bps);
	if (rc == 0)
		rc = slice_merge(sql, change, &slice);
	if (rc)
		return rc;
	rc = slice_write(sql, slice);
	/* One that shrinks is welcome, even if it is still too much. */
	if (rc == 0 && json_integer_value(json_object_get(slice, "guaranteed_bps")) > before_bps)
		rc = ports_check(sql, slice, change->refusal);
	json_decref(slice);
	return rc ? rc : catalog_shares_check(sql, change->id, 0, change->refusal);
}

int store_slice_put(struct store *store, const struct json_t *slice, struct store_refusal *refusal)
{
	struct catalog_change change = {store, catalog_id(slice, "slice", refusal), slice, refusal};
	return change.id ? catalog_change_run(&change, slice_put) : -EINVAL;
}

static int slice_remove(struct sql *sql, void *context)
{
	const struct catalog_change *change = context;
	int64_t n;
	int rc = catalog_lock(sql);
	if (rc == 0)
		rc = catalog_slice_exists(sql, change->id, change->refusal);
	if (rc == 0)
		rc = catalog_integer(sql,
				     "SELECT (SELECT count(*) FROM tenants WHERE slice = $1)"
				     " + (SELECT count(*) FROM plans WHERE slice = $1)",
				     SQL_VALUES(sql_text(change->id)), &n);
	if (rc)
		return rc;
	if (n)
		return catalog_refuse(change->refusal, -EBUSY, "slice %s: plans or tenants have it",
				      change->id);
	return catalog_change(sql, "DELETE FROM slices WHERE id = $1",
			      SQL_VALUES(sql_text(change->id)));
}

int store_slice_remove(struct store *store, const char *id, struct store_refusal *refusal)
{
	struct catalog_change change = {store, id, NULL, refusal};
	return catalog_change_run(&change, slice_remove);
}

static const struct catalog_column plan_columns[] = {
	{"id", CATALOG_TEXT},     {"slice", CATALOG_TEXT},         {"slice_bps", CATALOG_INTEGER},
	{"policy", CATALOG_JSON}, {"created_at", CATALOG_INTEGER}, {"tenants", CATALOG_INTEGER},
	{NULL, CATALOG_TEXT},
};

int store_plan_list(struct store *store, struct json_t **out)
{
	static const struct catalog_query query = {
		"SELECT id, slice, slice_bps, policy, created_at,"
		" (SELECT count(*) FROM tenants t WHERE t.plan = plans.id"
		"  AND t.standing <> 'exited') FROM plans ORDER BY id",
		plan_columns};
	return catalog_list(store_sql(store), &query, NULL, 0, out);
}

static int plan_merge(struct sql *sql, const struct catalog_change *change, json_t **out)
{
	static const struct catalog_query query = {
		"SELECT id, slice, slice_bps, policy FROM plans WHERE id = $1", plan_columns};
	json_t *row = NULL, *patch = json_deep_copy(change->document);
	int rc = patch ? catalog_get(sql, &query, SQL_VALUES(sql_text(change->id)), &row) : -ENOMEM;
	if (rc == 0 || rc == -ENOENT) {
		catalog_policy_unbind(json_object_get(patch, "policy"));
		*out = merge_patch(row, patch);
		rc = *out ? 0 : -ENOMEM;
	}
	json_decref(row);
	json_decref(patch);
	return rc;
}

static int plan_check(struct sql *sql, const json_t *plan, struct store_refusal *refusal)
{
	struct policy policy;
	FILE *errors = catalog_why_open(refusal);
	const json_t *own = json_object_get(plan, "policy");
	json_t *empty = json_object();
	int rc = errors ? policy_read(own ? own : empty, "policy", errors, &policy) : -ENOMEM;
	catalog_why_close(errors, refusal);
	json_decref(empty);
	if (rc)
		return rc;
	policy_free(&policy);
	return catalog_slice_exists(sql, json_string_value(json_object_get(plan, "slice")),
				    refusal);
}

static int plan_write(struct sql *sql, const json_t *plan)
{
	char *policy = json_dumps(json_object_get(plan, "policy"), JSON_COMPACT);
	int rc = sql_run(sql,
			 "INSERT INTO plans (id, slice, slice_bps, policy) VALUES ($1, $2, $3, $4)"
			 " ON CONFLICT (id) DO UPDATE SET slice = excluded.slice,"
			 " slice_bps = excluded.slice_bps, policy = excluded.policy",
			 SQL_VALUES(catalog_text(plan, "id"), catalog_text(plan, "slice"),
				    catalog_number(plan, "slice_bps"),
				    sql_text(policy ? policy : "{}")),
			 NULL, NULL);
	free(policy);
	return rc;
}

/* Tenants whose own policy may not go with the plan's new one. */
static int plan_tenants_check(struct sql *sql, const struct catalog_change *change)
{
	static const struct catalog_query query = {
		"SELECT id FROM tenants WHERE plan = $1 AND standing <> 'exited'", plan_columns};
	json_t *tenants;
	size_t i;
	const json_t *tenant;
	int rc = catalog_list(sql, &query, SQL_VALUES(sql_text(change->id)), &tenants);
	if (rc)
		return rc;
	json_array_foreach(tenants, i, tenant)
	{
		const char *name = json_string_value(json_object_get(tenant, "id"));
		struct store_refusal why = {0};
		rc = catalog_tenant_check(change->store, name, &why);
		if (rc) {
			catalog_refuse(change->refusal, rc, "its tenant %s: %.400s", name, why.why);
			break;
		}
	}
	json_decref(tenants);
	return rc;
}

static int plan_put(struct sql *sql, void *context)
{
	static const struct catalog_member members[] = {
		{"id", CATALOG_TEXT, true},      {"slice", CATALOG_TEXT, false},
		{"policy", CATALOG_JSON, false}, {"slice_bps", CATALOG_INTEGER, false},
		{NULL, CATALOG_TEXT, false},
	};
	const struct catalog_change *change = context;
	json_t *plan = NULL;
	int rc = catalog_members_check(change->document, members, change->refusal);
	if (rc == 0)
		rc = catalog_lock(sql);
	if (rc == 0)
		rc = plan_merge(sql, change, &plan);
	if (rc == 0)
		rc = plan_check(sql, plan, change->refusal);
	if (rc == 0)
		rc = plan_write(sql, plan);
	if (rc == 0)
		rc = plan_tenants_check(sql, change);
	if (rc == 0)
		rc = catalog_shares_check(sql, json_string_value(json_object_get(plan, "slice")), 0,
					  change->refusal);
	json_decref(plan);
	return rc;
}

int store_plan_put(struct store *store, const struct json_t *plan, struct store_refusal *refusal)
{
	struct catalog_change change = {store, catalog_id(plan, "plan", refusal), plan, refusal};
	return change.id ? catalog_change_run(&change, plan_put) : -EINVAL;
}

static int plan_remove(struct sql *sql, void *context)
{
	const struct catalog_change *change = context;
	int64_t n;
	int rc = catalog_lock(sql);
	if (rc == 0)
		rc = catalog_plan_exists(sql, change->id, change->refusal);
	if (rc == 0)
		rc = catalog_integer(sql, "SELECT count(*) FROM tenants WHERE plan = $1",
				     SQL_VALUES(sql_text(change->id)), &n);
	if (rc)
		return rc;
	if (n)
		return catalog_refuse(change->refusal, -EBUSY, "plan %s: %d tenants have it",
				      change->id, (int)n);
	return catalog_change(sql, "DELETE FROM plans WHERE id = $1",
			      SQL_VALUES(sql_text(change->id)));
}

int store_plan_remove(struct store *store, const char *id, struct store_refusal *refusal)
{
	struct catalog_change change = {store, id, NULL, refusal};
	return catalog_change_run(&change, plan_remove);
}
