/* Opening the store, and what of it is fed to nodes. */
#include "conf/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/merge_patch.h"
#include "conf/sql.h"
#include "conf/store_schema.h"

struct store {
	struct sql *sql; /* owned */
};

static int store_wrap(struct sql *sql, int rc, struct store **out)
{
	struct store *store = rc ? NULL : calloc(1, sizeof(*store));
	if (!store) {
		sql_close(sql);
		return rc ? rc : -ENOMEM;
	}
	store->sql = sql;
	*out = store;
	return 0;
}

int store_open(const char *url, struct store **out)
{
	struct sql *sql;
	int rc = sql_open(url, &sql);
	return rc ? rc : store_wrap(sql, store_schema_migrate(sql), out);
}

int store_open_readonly(const char *url, struct store **out)
{
	struct sql *sql;
	int rc = sql_open_readonly(url, &sql);
	if (rc)
		return rc;
	rc = store_schema_check(sql);
	if (rc == 0) /* SQLite's snapshot begins with the first read, which the check was not */
		rc = sql_script(sql, sql_kind(sql) == SQL_SQLITE
					     ? "BEGIN; SELECT count(*) FROM schema_version"
					     : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
					       "SELECT count(*) FROM schema_version");
	return store_wrap(sql, rc, out);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	sql_close(store->sql);
	free(store);
}

struct sql *store_sql(struct store *store)
{
	return store->sql;
}

int store_reconnect(struct store *store)
{
	return sql_reconnect(store->sql);
}

/* --- Revisions -------------------------------------------------------------------------------- */

struct revisions {
	void (*each)(void *context, const char *kind, const char *id, int64_t revision);
	void *context;
};

static int give_revision(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct revisions *revisions = context;
	revisions->each(revisions->context, columns[0].text, columns[1].text, columns[2].integer);
	return 0;
}

int store_revisions(struct store *store,
		    void (*each)(void *context, const char *kind, const char *id, int64_t revision),
		    void *context)
{
	struct revisions revisions = {each, context};
	return sql_run(store->sql,
		       "SELECT 'slice', id, revision FROM slices"
		       " UNION ALL SELECT 'tenant', id, revision FROM tenants"
		       " WHERE standing <> 'exited' OR id IN"
		       "  (SELECT id FROM tenants WHERE standing = 'exited'"
		       "   ORDER BY changed_at DESC, id LIMIT $1)",
		       SQL_VALUES(sql_integer(STORE_EXITED_FED)), give_revision, &revisions);
}

/* --- Documents -------------------------------------------------------------------------------- */

/* Parts of a document as they are gathered; NULL until their row was seen. */
struct document {
	const char *id;
	json_t *object, *policy, *keys;
};

/* What an operator wrote by hand may be no JSON to us (SQLite's is laxer): say where. */
static json_t *object_parse(const struct sql_value *column, const char *what, const char *id)
{
	json_error_t error;
	json_t *object = column->type == SQL_TEXT ? json_loadb(column->text, column->bytes,
							       JSON_REJECT_DUPLICATES, &error)
						  : json_object();
	if (json_is_object(object))
		return object;
	log_error(LOG_STORE, "a policy is no JSON object", "\"of\":\"%s\",\"id\":\"%s\"", what,
		  log_escape(id));
	json_decref(object);
	return NULL;
}

/* Columns: the plan's policy, the tenant's. */
static json_t *policy_merge(const struct sql_value *columns, const char *tenant)
{
	json_t *plan = object_parse(&columns[0], "plan of tenant", tenant);
	json_t *own = object_parse(&columns[1], "tenant", tenant);
	json_t *policy = plan && own ? merge_patch(plan, own) : NULL;
	json_decref(plan);
	json_decref(own);
	return policy;
}

static int take_tenant(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct document *document = context;
	document->policy = policy_merge(columns, document->id);
	document->object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", document->id, "name",
				     columns[2].text, "standing", columns[3].text, "issuer",
				     columns[4].text, "slice", columns[5].text);
	return document->policy && document->object ? 0 : -EINVAL;
}

static int take_key(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct document *document = context;
	return json_array_append_new(document->keys,
				     json_pack("{s:s, s:s, s:s}", "id", columns[0].text,
					       "algorithm", columns[1].text, "public_key",
					       columns[2].text))
		       ? -ENOMEM
		       : 0;
}

int store_tenant_document(struct store *store, const char *id, struct json_t **out)
{
	struct document document = {.id = id, .keys = json_array()};
	int rc = sql_run(store->sql,
			 "SELECT p.policy, t.policy, t.name, t.standing, t.issuer,"
			 " COALESCE(t.slice, p.slice, '')"
			 " FROM tenants t LEFT JOIN plans p ON p.id = t.plan WHERE t.id = $1",
			 SQL_VALUES(sql_text(id)), take_tenant, &document);
	if (rc == 0 && !document.object)
		rc = -ENOENT;
	if (rc == 0)
		rc = sql_run(store->sql,
			     "SELECT id, algorithm, public_key FROM keys WHERE tenant = $1"
			     " ORDER BY id",
			     SQL_VALUES(sql_text(id)), take_key, &document);
	if (rc == 0 && (json_object_set(document.object, "keys", document.keys) ||
			json_object_set(document.object, "policy", document.policy)))
		rc = -ENOMEM;
	/* What is empty has its default where it is read. */
	static const char *const optional[] = {"name", "issuer"};
	for (size_t i = 0; rc == 0 && i < sizeof(optional) / sizeof(optional[0]); i++)
		if (!*json_string_value(json_object_get(document.object, optional[i])))
			json_object_del(document.object, optional[i]);
	if (rc == 0)
		*out = json_incref(document.object);
	json_decref(document.object);
	json_decref(document.policy);
	json_decref(document.keys);
	return rc;
}

static int take_policy(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct document *document = context;
	document->policy = policy_merge(columns, document->id);
	return document->policy ? 0 : -EINVAL;
}

int store_tenant_policy(struct store *store, const char *id, struct json_t **out)
{
	struct document document = {.id = id};
	int rc = sql_run(store->sql,
			 "SELECT p.policy, t.policy FROM tenants t"
			 " LEFT JOIN plans p ON p.id = t.plan WHERE t.id = $1",
			 SQL_VALUES(sql_text(id)), take_policy, &document);
	if (rc == 0 && !document.policy)
		rc = -ENOENT;
	if (rc == 0)
		*out = document.policy;
	return rc;
}

static int take_slice(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct document *document = context;
	document->object =
		json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I}", "id", document->id, "sst",
			  (json_int_t)columns[0].integer, "sd", columns[1].text, "guaranteed_bps",
			  (json_int_t)columns[2].integer, "max_bps", (json_int_t)columns[3].integer,
			  "latency_ms", (json_int_t)columns[4].integer, "five_qi",
			  (json_int_t)columns[5].integer);
	return document->object ? 0 : -ENOMEM;
}

int store_slice_document(struct store *store, const char *id, struct json_t **out)
{
	struct document document = {.id = id};
	int rc = sql_run(store->sql,
			 "SELECT sst, sd, guaranteed_bps, max_bps, latency_ms, five_qi FROM slices"
			 " WHERE id = $1",
			 SQL_VALUES(sql_text(id)), take_slice, &document);
	if (rc == 0 && !document.object)
		rc = -ENOENT;
	if (rc == 0)
		*out = document.object;
	return rc;
}
