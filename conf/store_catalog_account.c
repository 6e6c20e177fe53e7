/* What a tenant has in the store beside its row: secrets, sealed by the caller, and top-ups. */
#include "conf/store_catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/policy_schema.h"

static int tenant_exists(struct sql *sql, const char *tenant)
{
	int64_t n;
	int rc = catalog_integer(
		sql, "SELECT count(*) FROM tenants WHERE id = $1 AND standing <> 'exited'",
		SQL_VALUES(sql_text(tenant)), &n);
	return rc == 0 && n == 0 ? -ENOENT : rc;
}

int store_secret_put(struct store *store, const char *tenant, const char *name, const void *sealed,
		     size_t size)
{
	int rc = tenant_exists(store_sql(store), tenant);
	if (rc)
		return rc;
	return sql_run(store_sql(store),
		       "INSERT INTO secrets (tenant, name, sealed) VALUES ($1, $2, $3)"
		       " ON CONFLICT (tenant, name) DO UPDATE SET sealed = excluded.sealed",
		       SQL_VALUES(sql_text(tenant), sql_text(name), sql_blob(sealed, size)), NULL,
		       NULL);
}

struct sealed {
	uint8_t *bytes;
	size_t size;
};

static int sealed_take(void *context, const struct sql_value *values, unsigned int n)
{
	struct sealed *sealed = context;
	(void)n;
	sealed->bytes = malloc(values[0].bytes ? values[0].bytes : 1);
	if (!sealed->bytes)
		return -ENOMEM;
	memcpy(sealed->bytes, values[0].text, values[0].bytes);
	sealed->size = values[0].bytes;
	return 0;
}

int store_secret_get(struct store *store, const char *tenant, const char *name, uint8_t **sealed,
		     size_t *size)
{
	struct sealed found = {0};
	int rc = sql_run(store_sql(store),
			 "SELECT sealed FROM secrets WHERE tenant = $1 AND name = $2",
			 SQL_VALUES(sql_text(tenant), sql_text(name)), sealed_take, &found);
	if (rc || !found.bytes) {
		free(found.bytes);
		return rc ? rc : -ENOENT;
	}
	*sealed = found.bytes;
	*size = found.size;
	return 0;
}

int store_secret_list(struct store *store, const char *tenant, struct json_t **out)
{
	static const struct catalog_column columns[] = {
		{"name", CATALOG_TEXT}, {"created_at", CATALOG_INTEGER}, {NULL, CATALOG_TEXT}};
	static const struct catalog_query query = {
		"SELECT name, created_at FROM secrets WHERE tenant = $1 ORDER BY name", columns};
	return catalog_list(store_sql(store), &query, SQL_VALUES(sql_text(tenant)), out);
}

int store_secret_remove(struct store *store, const char *tenant, const char *name)
{
	return catalog_change(store_sql(store),
			      "DELETE FROM secrets WHERE tenant = $1 AND name = $2",
			      SQL_VALUES(sql_text(tenant), sql_text(name)));
}

struct top_up {
	struct store *store;
	const char *tenant, *key;
	enum account account;
	int64_t amount, now_ms;
};

static int top_up_write(struct sql *sql, void *context)
{
	const struct top_up *top_up = context;
	char period[STORE_PERIOD_BYTES];
	int rc = tenant_exists(sql, top_up->tenant);
	if (rc == 0)
		rc = store_period(top_up->store, top_up->tenant, top_up->now_ms, period);
	if (rc)
		return rc;
	rc = sql_run(sql,
		     "INSERT INTO top_ups (tenant, account, amount, period, key)"
		     " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, key) DO NOTHING",
		     SQL_VALUES(sql_text(top_up->tenant), sql_text(account_names[top_up->account]),
				sql_integer(top_up->amount), sql_text(period),
				sql_text(top_up->key)),
		     NULL, NULL);
	if (rc)
		return rc;
	return sql_changes(sql) > 0 ? 0 : -EALREADY;
}

int store_top_up(struct store *store, const char *tenant, enum account account, int64_t amount,
		 const char *key, int64_t now_ms)
{
	struct top_up top_up = {store, tenant, key && *key ? key : NULL, account, amount, now_ms};
	if (amount <= 0 || amount > POLICY_BUDGET_MAX)
		return -ERANGE;
	return sql_transaction(store_sql(store), top_up_write, &top_up);
}
