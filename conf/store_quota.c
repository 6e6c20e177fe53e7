/* Grants: the part of a tenant's limit that a node holds, one row per tenant, account, node and
 * boot.
 *
 *   granted   grows here, by what is available
 *   settled   grows by committed usage (store_usage.c) and by what the node gives back
 *   granted - settled is outstanding: nobody else may have it
 *
 * Who grants holds the tenant's row, so of two nodes that ask at once the second sees what the
 * first was given. All totals only grow, so every call may be repeated. */
#include "conf/store.h"

#include <errno.h>
#include <inttypes.h>

#include <glib.h>

#include "conf/log.h"
#include "conf/sql.h"
#include "conf/store_limit.h"

static void grant_answer(struct store_grant *grant, const struct store_limit *limit)
{
	grant->granted_total = limit->granted;
	grant->is_unlimited = limit->is_unlimited;
	grant->is_overdrawn = limit->available < 0;
	grant->available = MAX(limit->available, 0);
	grant->outstanding_elsewhere = limit->elsewhere;
}

static struct store_limit limit_of(const struct store_grant *grant)
{
	return (struct store_limit){.tenant = grant->tenant,
				    .node = grant->node,
				    .boot = grant->boot,
				    .account = grant->account,
				    .now_ms = grant->now_ms};
}

int store_grant_look(struct store *store, struct store_grant *grant)
{
	struct store_limit limit = limit_of(grant);
	int rc = store_limit_read(store_sql(store), false, &limit);
	if (rc == 0)
		grant_answer(grant, &limit);
	return rc;
}

static int grant_try(struct sql *sql, void *context)
{
	struct store_grant *grant = context;
	struct store_limit limit = limit_of(grant);
	int rc = store_limit_read(sql, true, &limit);
	if (rc)
		return rc;
	int64_t amount = 0;
	if (!limit.is_unlimited && limit.available > 0)
		amount = MIN(limit.available,
			     MAX(grant->wanted, MIN(grant->comfort, limit.available / 4)));
	if (amount > 0) {
		rc = sql_run(sql,
			     "INSERT INTO grants (tenant, account, node, boot, granted, changed_at)"
			     " VALUES ($1, $2, $3, $4, $5, $6)"
			     " ON CONFLICT (tenant, account, node, boot) DO UPDATE SET"
			     " granted = grants.granted + excluded.granted,"
			     " changed_at = excluded.changed_at",
			     SQL_VALUES(sql_text(grant->tenant),
					sql_text(account_names[grant->account]),
					sql_text(grant->node), sql_text(grant->boot),
					sql_integer(amount), sql_integer(grant->now_ms)),
			     NULL, NULL);
		limit.granted += amount;
		limit.available -= amount;
	}
	if (rc == 0)
		grant_answer(grant, &limit);
	return rc;
}

int store_grant(struct store *store, struct store_grant *grant)
{
	return sql_transaction(store_sql(store), grant_try, grant);
}

int store_grant_return(struct store *store, const char *tenant, const char *node, const char *boot,
		       enum account account, int64_t returned_total)
{
	return sql_run(store_sql(store),
		       "UPDATE grants SET settled = CASE WHEN settled + $5 - returned < granted"
		       " THEN settled + $5 - returned ELSE granted END, returned = $5"
		       " WHERE tenant = $1 AND account = $2 AND node = $3 AND boot = $4"
		       " AND returned < $5",
		       SQL_VALUES(sql_text(tenant), sql_text(account_names[account]),
				  sql_text(node), sql_text(boot), sql_integer(returned_total)),
		       NULL, NULL);
}

/* A grant whose answer was lost is taken back. A node that holds more than we know of (the store
 * was put back to an older state) is believed: what it holds, it may spend. */
int store_grant_reconcile(struct store *store, const char *tenant, const char *node,
			  const char *boot, enum account account, int64_t granted_total)
{
	struct sql *sql = store_sql(store);
	int rc = sql_run(
		sql,
		"UPDATE grants SET granted = CASE WHEN settled < $5 THEN $5 ELSE settled END"
		" WHERE tenant = $1 AND account = $2 AND node = $3 AND boot = $4"
		" AND granted > $5",
		SQL_VALUES(sql_text(tenant), sql_text(account_names[account]), sql_text(node),
			   sql_text(boot), sql_integer(granted_total)),
		NULL, NULL);
	if (rc || granted_total == 0)
		return rc;
	rc = sql_run(sql,
		     "INSERT INTO grants (tenant, account, node, boot, granted)"
		     " SELECT id, $2, $3, $4, $5 FROM tenants WHERE id = $1"
		     " ON CONFLICT (tenant, account, node, boot) DO UPDATE"
		     " SET granted = excluded.granted WHERE grants.granted < excluded.granted",
		     SQL_VALUES(sql_text(tenant), sql_text(account_names[account]), sql_text(node),
				sql_text(boot), sql_integer(granted_total)),
		     NULL, NULL);
	if (rc == 0 && sql_changes(sql) > 0)
		log_warn(LOG_STORE, "a node holds more than the store granted",
			 "\"tenant\":\"%s\",\"node\":\"%s\",\"granted_total\":%" PRId64,
			 log_escape(tenant), log_escape(node), granted_total);
	return rc;
}

/* Usage of these boots is in the meters; what of their grants was not used is free again. */
int store_grants_release(struct store *store, const char *node, const char *boot)
{
	return sql_run(store_sql(store),
		       "DELETE FROM grants WHERE node = $1 AND boot <> $2"
		       " AND NOT EXISTS (SELECT 1 FROM nodes WHERE id = $1 AND boot <> $2)",
		       SQL_VALUES(sql_text(node), sql_text(boot)), NULL, NULL);
}

int store_grants_end(struct store *store, const char *node, const char *boot)
{
	return sql_run(store_sql(store), "DELETE FROM grants WHERE node = $1 AND boot = $2",
		       SQL_VALUES(sql_text(node), sql_text(boot)), NULL, NULL);
}

struct holders {
	void (*each)(void *context, const char *holder);
	void *context;
};

static int give_holder(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct holders *holders = context;
	holders->each(holders->context, columns[0].text);
	return 0;
}

int store_grant_holders(struct store *store, const char *tenant, enum account account,
			const char *node, void (*each)(void *context, const char *holder),
			void *context)
{
	struct holders holders = {each, context};
	return sql_run(
		store_sql(store),
		"SELECT DISTINCT node FROM grants WHERE tenant = $1 AND account = $2"
		" AND node <> $3 AND granted > settled ORDER BY node",
		SQL_VALUES(sql_text(tenant), sql_text(account_names[account]), sql_text(node)),
		give_holder, &holders);
}

/* --- Recall on demand ------------------------------------------------------------------------- */

int store_recall_wish(struct store *store, const char *tenant, enum account account,
		      const char *node, int64_t amount, int64_t now_ms)
{
	return sql_run(store_sql(store),
		       "INSERT INTO recalls (tenant, account, node, amount, at)"
		       " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, account, node)"
		       " DO UPDATE SET amount = excluded.amount, at = excluded.at",
		       SQL_VALUES(sql_text(tenant), sql_text(account_names[account]),
				  sql_text(node), sql_integer(amount), sql_integer(now_ms)),
		       NULL, NULL);
}

int store_recall_done(struct store *store, const char *tenant, enum account account,
		      const char *node)
{
	return sql_run(
		store_sql(store),
		"DELETE FROM recalls WHERE tenant = $1 AND account = $2 AND node = $3",
		SQL_VALUES(sql_text(tenant), sql_text(account_names[account]), sql_text(node)),
		NULL, NULL);
}

struct recalls {
	void (*each)(void *context, const struct store_recall *recall);
	void *context;
};

static int account_by_name(const char *name)
{
	for (int i = 0; i < ACCOUNTS; i++)
		if (g_str_equal(name, account_names[i]))
			return i;
	return -1;
}

static int give_recall(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct recalls *recalls = context;
	const struct store_recall recall = {.tenant = columns[0].text,
					    .account =
						    (enum account)account_by_name(columns[1].text),
					    .node = columns[2].text,
					    .amount = columns[3].integer,
					    .held = columns[4].integer};
	recalls->each(recalls->context, &recall);
	return 0;
}

int store_recalls(struct store *store, const char *node, int64_t now_ms,
		  void (*each)(void *context, const struct store_recall *recall), void *context)
{
	struct recalls recalls = {each, context};
	return sql_run(store_sql(store),
		       "SELECT r.tenant, r.account, r.node, r.amount, SUM(g.granted - g.settled)"
		       " FROM recalls r JOIN grants g ON g.tenant = r.tenant"
		       " AND g.account = r.account AND g.node = $1"
		       " WHERE r.node <> $1 AND r.at > $2"
		       " GROUP BY r.tenant, r.account, r.node, r.amount"
		       " HAVING SUM(g.granted - g.settled) > 0 ORDER BY 1, 2, 3",
		       SQL_VALUES(sql_text(node), sql_integer(now_ms - STORE_RECALL_MS)),
		       give_recall, &recalls);
}
