/* Tenants and their keys. A tenant's own policy is only what differs from its plan's; null in it
 * means the default, not the plan's. */
#include "conf/store_catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/jwt.h"
#include "conf/merge_patch.h"

static const struct catalog_column tenant_columns[] = {
	{"id", CATALOG_TEXT},       {"name", CATALOG_TEXT},         {"plan", CATALOG_TEXT},
	{"slice", CATALOG_TEXT},    {"slice_bps", CATALOG_INTEGER}, {"issuer", CATALOG_TEXT},
	{"standing", CATALOG_TEXT}, {"policy", CATALOG_JSON},       {NULL, CATALOG_TEXT},
};
static const struct catalog_query tenant_query = {
	"SELECT id, name, plan, slice, slice_bps, issuer, standing, policy FROM tenants"
	" WHERE id = $1",
	tenant_columns,
};

/* The row with the patch on it: a new one, in place of `row`. "unlimited" is made null only then,
 * as null in the patch takes back. */
static int row_patch(json_t **row, const json_t *changes)
{
	json_t *patched = merge_patch(*row, changes);
	if (!patched)
		return -ENOMEM;
	json_decref(*row);
	*row = patched;
	catalog_policy_unbind(json_object_get(patched, "policy"));
	return 0;
}

static int row_write(struct sql *sql, const char *statement, const json_t *row)
{
	char *policy = json_dumps(json_object_get(row, "policy"), JSON_COMPACT);
	struct sql_value name = catalog_text(row, "name"), issuer = catalog_text(row, "issuer");
	int rc = sql_run(
		sql, statement,
		SQL_VALUES(catalog_text(row, "id"), name.type == SQL_NULL ? sql_text("") : name,
			   catalog_text(row, "plan"), catalog_text(row, "slice"),
			   catalog_number(row, "slice_bps"),
			   issuer.type == SQL_NULL ? sql_text("") : issuer,
			   catalog_text(row, "standing"), sql_text(policy ? policy : "{}")),
		NULL, NULL);
	free(policy);
	return rc;
}

/* What the row refers to, what a node would say of it, and whether its slice has the share. */
static int row_check(struct sql *sql, const struct catalog_change *change, int64_t slice_bps)
{
	static const struct catalog_column columns[] = {{"slice", CATALOG_TEXT},
							{NULL, CATALOG_TEXT}};
	static const struct catalog_query query = {
		"SELECT COALESCE(t.slice, p.slice) FROM tenants t"
		" LEFT JOIN plans p ON p.id = t.plan WHERE t.id = $1",
		columns};
	json_t *place;
	int rc = catalog_tenant_check(change->store, change->id, change->refusal);
	if (rc == 0)
		rc = catalog_get(sql, &query, SQL_VALUES(sql_text(change->id)), &place);
	if (rc)
		return rc;
	const char *slice = json_string_value(json_object_get(place, "slice"));
	if (!slice && slice_bps)
		rc = catalog_refuse(change->refusal, -EINVAL,
				    "slice_bps: a share needs a slice, and there is none");
	else if (slice_bps)
		rc = catalog_shares_check(sql, slice, slice_bps, change->refusal);
	json_decref(place);
	return rc;
}

static int references_check(struct sql *sql, const json_t *row, struct store_refusal *refusal)
{
	int rc = catalog_plan_exists(sql, json_string_value(json_object_get(row, "plan")), refusal);
	return rc ? rc
		  : catalog_slice_exists(sql, json_string_value(json_object_get(row, "slice")),
					 refusal);
}

static int standing_check(const char *standing, struct store_refusal *refusal)
{
	static const char *const known[] = {"active", "paused", "exited"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], standing) == 0)
			return 0;
	return catalog_refuse(refusal, -EINVAL,
			      "standing: found \"%.40s\", expected active, paused or exited",
			      standing);
}

static int key_write(struct sql *sql, const char *tenant, const json_t *key,
		     struct store_refusal *refusal)
{
	static const struct catalog_member members[] = {{"id", CATALOG_TEXT, true},
							{"algorithm", CATALOG_TEXT, true},
							{"public_key", CATALOG_TEXT, true},
							{NULL, CATALOG_TEXT, false}};
	int rc = catalog_members_check(key, members, refusal);
	for (size_t i = 0; rc == 0 && members[i].name; i++)
		if (!json_is_string(json_object_get(key, members[i].name)))
			rc = catalog_refuse(refusal, -EINVAL, "key: %s: must be given",
					    members[i].name);
	if (rc)
		return rc;
	const char *algorithm = json_string_value(json_object_get(key, "algorithm"));
	if (jwt_algorithm_by_name(algorithm) < 0)
		return catalog_refuse(
			refusal, -EINVAL,
			"key: algorithm: found \"%.40s\", expected EdDSA, ES256 or RS256",
			algorithm);
	return sql_run(
		sql,
		"INSERT INTO keys (tenant, id, algorithm, public_key) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (tenant, id) DO UPDATE SET algorithm = excluded.algorithm,"
		" public_key = excluded.public_key",
		SQL_VALUES(sql_text(tenant), catalog_text(key, "id"),
			   catalog_text(key, "algorithm"), catalog_text(key, "public_key")),
		NULL, NULL);
}

static int keys_write(struct sql *sql, const char *tenant, const json_t *keys,
		      struct store_refusal *refusal)
{
	size_t i;
	const json_t *key;
	int rc = 0;
	json_array_foreach(keys, i, key)
	{
		if (rc == 0)
			rc = key_write(sql, tenant, key, refusal);
	}
	return rc;
}

/* What a tenant is before anything is said of it; the share is the plan's. */
static int row_begin(struct sql *sql, const json_t *document, json_t **out)
{
	const char *plan = json_string_value(json_object_get(document, "plan"));
	int64_t slice_bps = 0;
	int rc = plan ? catalog_integer(sql, "SELECT slice_bps FROM plans WHERE id = $1",
					SQL_VALUES(sql_text(plan)), &slice_bps)
		      : 0;
	if (rc)
		return rc;
	*out = json_pack("{s:s, s:{}, s:I}", "standing", "active", "policy", "slice_bps",
			 (json_int_t)slice_bps);
	return *out ? row_patch(out, document) : -ENOMEM;
}

static int tenant_insert(struct sql *sql, const struct catalog_change *change, const json_t *row)
{
	int64_t n;
	int rc = standing_check(json_string_value(json_object_get(row, "standing")),
				change->refusal);
	if (rc == 0)
		rc = references_check(sql, row, change->refusal);
	if (rc == 0)
		rc = catalog_integer(sql, "SELECT count(*) FROM tenants WHERE id = $1",
				     SQL_VALUES(sql_text(change->id)), &n);
	if (rc == 0 && n)
		rc = catalog_refuse(change->refusal, -EEXIST, "tenant %s: there is one already",
				    change->id);
	if (rc == 0)
		rc = row_write(sql,
			       "INSERT INTO tenants (id, name, plan, slice, slice_bps, issuer,"
			       " standing, policy) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			       row);
	if (rc == 0)
		rc = keys_write(sql, change->id, json_object_get(change->document, "keys"),
				change->refusal);
	return rc ? rc
		  : row_check(sql, change, json_integer_value(json_object_get(row, "slice_bps")));
}

static const struct catalog_member tenant_members[] = {
	{"id", CATALOG_TEXT, true},           {"name", CATALOG_TEXT, false},
	{"plan", CATALOG_TEXT, false},        {"slice", CATALOG_TEXT, false},
	{"slice_bps", CATALOG_INTEGER, true}, {"issuer", CATALOG_TEXT, false},
	{"standing", CATALOG_TEXT, true},     {"policy", CATALOG_JSON, false},
	{"keys", CATALOG_JSON, true},         {NULL, CATALOG_TEXT, false},
};

static int tenant_create(struct sql *sql, void *context)
{
	const struct catalog_change *change = context;
	json_t *row = NULL;
	int rc = catalog_members_check(change->document, tenant_members, change->refusal);
	if (rc == 0)
		rc = catalog_lock(sql);
	if (rc == 0)
		rc = row_begin(sql, change->document, &row);
	if (rc == 0)
		rc = tenant_insert(sql, change, row);
	json_decref(row);
	return rc;
}

int store_tenant_create(struct store *store, const struct json_t *tenant,
			struct store_refusal *refusal)
{
	struct catalog_change change = {store, catalog_id(tenant, "tenant", refusal), tenant,
					refusal};
	return change.id ? catalog_change_run(&change, tenant_create) : -EINVAL;
}

static int no_tenant(const struct catalog_change *change, int rc)
{
	if (rc == -ENOENT)
		return catalog_refuse(change->refusal, rc, "tenant: there is no %.64s", change->id);
	return rc;
}

static int plan_share(struct sql *sql, const json_t *row, int64_t *bps)
{
	const char *plan = json_string_value(json_object_get(row, "plan"));
	*bps = 0;
	return plan ? catalog_integer(sql, "SELECT slice_bps FROM plans WHERE id = $1",
				      SQL_VALUES(sql_text(plan)), bps)
		    : 0;
}

/* Who had the share of its plan has that of the new one, unless another is named. */
static int share_follow(struct sql *sql, const json_t *changes, const json_t *before, json_t *after)
{
	int64_t old_bps, new_bps;
	int rc = plan_share(sql, before, &old_bps);
	if (rc == 0)
		rc = plan_share(sql, after, &new_bps);
	if (rc || !json_object_get(changes, "plan") || json_object_get(changes, "slice_bps"))
		return rc;
	if (json_integer_value(json_object_get(before, "slice_bps")) != old_bps)
		return 0;
	return json_object_set_new(after, "slice_bps", json_integer(new_bps)) ? -ENOMEM : 0;
}

static int row_change(struct sql *sql, const struct catalog_change *change, const json_t *before,
		      json_t *row)
{
	const char *standing = json_string_value(json_object_get(row, "standing"));
	int rc = standing_check(standing, change->refusal);
	if (rc == 0)
		rc = references_check(sql, row, change->refusal);
	if (rc == 0)
		rc = share_follow(sql, change->document, before, row);
	if (rc == 0)
		rc = row_write(sql,
			       "UPDATE tenants SET name = $2, plan = $3, slice = $4,"
			       " slice_bps = $5, issuer = $6, standing = $7, policy = $8"
			       " WHERE id = $1",
			       row);
	/* Who leaves, leaves: whatever somebody wrote into the row meanwhile. */
	if (rc || strcmp(standing, "exited") == 0)
		return rc;
	return row_check(sql, change, json_integer_value(json_object_get(row, "slice_bps")));
}

static int row_patch_and_change(struct sql *sql, const struct catalog_change *change,
				const json_t *before)
{
	const char *standing = json_string_value(json_object_get(before, "standing"));
	if (strcmp(standing, "exited") == 0)
		return catalog_refuse(change->refusal, -EBUSY,
				      "tenant %s has exited: nothing of it changes any more",
				      change->id);
	json_t *row = json_incref((json_t *)(uintptr_t)before);
	int rc = row_patch(&row, change->document);
	if (rc == 0)
		rc = row_change(sql, change, before, row);
	json_decref(row);
	return rc;
}

static int tenant_change(struct sql *sql, void *context)
{
	const struct catalog_change *change = context;
	json_t *row = NULL;
	int rc = catalog_members_check(change->document, tenant_members, change->refusal);
	if (rc == 0 &&
	    (json_object_get(change->document, "id") || json_object_get(change->document, "keys")))
		rc = catalog_refuse(change->refusal, -EINVAL, "id and keys are no changes of it");
	if (rc == 0)
		rc = catalog_lock(sql);
	if (rc == 0)
		rc = no_tenant(change, catalog_get(sql, &tenant_query,
						   SQL_VALUES(sql_text(change->id)), &row));
	if (rc == 0)
		rc = row_patch_and_change(sql, change, row);
	json_decref(row);
	return rc;
}

int store_tenant_change(struct store *store, const char *id, const struct json_t *changes,
			struct store_refusal *refusal)
{
	struct catalog_change change = {store, id, changes, refusal};
	return catalog_change_run(&change, tenant_change);
}

int store_tenant_release(struct store *store, const char *id)
{
	return catalog_change(store_sql(store),
			      "UPDATE tenants SET slice_bps = 0 WHERE id = $1"
			      " AND standing = 'exited' AND slice_bps > 0",
			      SQL_VALUES(sql_text(id)));
}

static int tenant_look(struct sql *sql, const char *id, struct store_refusal *refusal)
{
	int64_t n;
	const struct catalog_change change = {NULL, id, NULL, refusal};
	int rc = catalog_integer(sql, "SELECT count(*) FROM tenants WHERE id = $1",
				 SQL_VALUES(sql_text(id)), &n);
	return no_tenant(&change, rc == 0 && n == 0 ? -ENOENT : rc);
}

static int key_add(struct sql *sql, void *context)
{
	const struct catalog_change *change = context;
	int rc = catalog_lock(sql);
	if (rc == 0)
		rc = tenant_look(sql, change->id, change->refusal);
	if (rc == 0)
		rc = key_write(sql, change->id, change->document, change->refusal);
	return rc ? rc : catalog_tenant_check(change->store, change->id, change->refusal);
}

int store_key_add(struct store *store, const char *tenant, const struct json_t *key,
		  struct store_refusal *refusal)
{
	struct catalog_change change = {store, tenant, key, refusal};
	return catalog_change_run(&change, key_add);
}

int store_key_list(struct store *store, const char *tenant, struct json_t **out)
{
	static const struct catalog_column columns[] = {{"id", CATALOG_TEXT},
							{"algorithm", CATALOG_TEXT},
							{"public_key", CATALOG_TEXT},
							{"created_at", CATALOG_INTEGER},
							{NULL, CATALOG_TEXT}};
	static const struct catalog_query query = {
		"SELECT id, algorithm, public_key, created_at FROM keys WHERE tenant = $1"
		" ORDER BY id",
		columns};
	return catalog_list(store_sql(store), &query, SQL_VALUES(sql_text(tenant)), out);
}

int store_key_remove(struct store *store, const char *tenant, const char *key_id)
{
	return catalog_change(store_sql(store), "DELETE FROM keys WHERE tenant = $1 AND id = $2",
			      SQL_VALUES(sql_text(tenant), sql_text(key_id)));
}
