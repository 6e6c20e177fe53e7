/* Tenants, top-ups, meters and grants as a test of quota wants them: rows put straight into the
 * tables, and asking as a node does. */
#pragma once

#include "tests/conf/store_fixture.h"

#include "conf/store.h"

#define NOVEMBER_MS 1763000000000 /* 2025-11-13 */

static inline struct store *open_new(enum sql_kind kind)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
	return store;
}

static inline void run(struct store *store, const char *statement)
{
	CU_ASSERT_EQUAL_FATAL(sql_run(store_sql(store), statement, NULL, 0, NULL, NULL), 0);
}

static inline void tenant_put(struct store *store, const char *id, const char *budget)
{
	char policy[512];
	snprintf(policy, sizeof(policy), "{\"budget\": %s}", budget);
	CU_ASSERT_EQUAL_FATAL(sql_run(store_sql(store),
				      "INSERT INTO tenants (id, policy) VALUES ($1, $2)"
				      " ON CONFLICT (id) DO UPDATE SET policy = excluded.policy",
				      SQL_VALUES(sql_text(id), sql_text(policy)), NULL, NULL),
			      0);
}

static inline void top_up(struct store *store, const char *tenant, const char *account,
			  int64_t amount, const char *period)
{
	CU_ASSERT_EQUAL_FATAL(sql_run(store_sql(store),
				      "INSERT INTO top_ups (tenant, account, amount, period)"
				      " VALUES ($1, $2, $3, $4)",
				      SQL_VALUES(sql_text(tenant), sql_text(account),
						 sql_integer(amount), sql_text(period)),
				      NULL, NULL),
			      0);
}

static inline void meter_set(struct store *store, const char *account, const char *period,
			     int64_t used)
{
	CU_ASSERT_EQUAL_FATAL(
		sql_run(store_sql(store),
			"INSERT INTO meters (tenant, account, period, used) VALUES ('a', $1, $2, "
			"$3)"
			" ON CONFLICT (tenant, account, period) DO UPDATE SET used = excluded.used",
			SQL_VALUES(sql_text(account), sql_text(period), sql_integer(used)), NULL,
			NULL),
		0);
}

static inline struct store_grant ask(const char *node, int64_t wanted, int64_t comfort)
{
	return (struct store_grant){.tenant = "a",
				    .node = node,
				    .boot = "b1",
				    .account = ACCOUNT_CREDIT,
				    .wanted = wanted,
				    .comfort = comfort,
				    .now_ms = NOVEMBER_MS};
}

static inline struct store_grant granted(struct store *store, const char *node, int64_t wanted,
					 int64_t comfort)
{
	struct store_grant grant = ask(node, wanted, comfort);
	CU_ASSERT_EQUAL(store_grant(store, &grant), 0);
	return grant;
}
