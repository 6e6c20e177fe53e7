/* Empty stores for tests, on SQLite in a folder of their own and on a PostgreSQL of the program's
 * own, and one way to run the same test body on both:
 *
 *     static void fact(enum sql_kind kind) { ... }
 *     ON_BOTH(fact)
 *     static CU_TestInfo tests[] = {ROWS_OF(fact), ...};
 *     TEST_MAIN_WITH("noun", tests, store_fixture_start, store_fixture_stop) */
#pragma once

#include "tests/cunit.h"

#include <poll.h>

#include "conf/sql.h"
#include "tests/conf/postgres_fixture.h"

#define ON_BOTH(body)                                                                              \
	static void body##_sqlite(void)                                                            \
	{                                                                                          \
		body(SQL_SQLITE);                                                                  \
	}                                                                                          \
	static void body##_postgres(void)                                                          \
	{                                                                                          \
		body(SQL_POSTGRES);                                                                \
	}
#define ROWS_OF(body)                                                                              \
	{#body " (sqlite)", body##_sqlite},                                                        \
	{                                                                                          \
#body " (postgres)", body##_postgres                                               \
	}

static char store_folder[TEST_FOLDER_BYTES];

static inline int store_fixture_start(void)
{
	return test_folder_make(store_folder, "store") && postgres_fixture_url() ? 0 : 1;
}

static inline int store_fixture_stop(void)
{
	char line[128];
	snprintf(line, sizeof(line), "rm -rf %s", store_folder);
	return postgres_fixture_stop() == 0 && system(line) == 0 ? 0 : 1;
}

/* The URL of a store that nobody used before; good until the next 16 calls. */
static inline const char *store_fixture_url(enum sql_kind kind)
{
	static char urls[16][POSTGRES_URL_BYTES];
	static unsigned int n;
	char *url = urls[++n % 16];
	if (kind == SQL_SQLITE) {
		snprintf(url, POSTGRES_URL_BYTES, "sqlite:%s/%u.db", store_folder, n);
		return url;
	}
	struct sql *sql;
	char statement[64];
	snprintf(statement, sizeof(statement), "CREATE DATABASE t%u", n);
	CU_ASSERT_EQUAL_FATAL(sql_open(postgres_fixture_url(), &sql), 0);
	CU_ASSERT_EQUAL_FATAL(sql_script(sql, statement), 0);
	sql_close(sql);
	const char *base = postgres_fixture_url();
	const char *rest = strchr(base, '?'); /* postgresql:///nn5g?host=... */
	snprintf(url, POSTGRES_URL_BYTES, "postgresql:///t%u%s", n, rest);
	return url;
}

/* True once a change of others is told: PostgreSQL's come a little after the commit that made them.
 */
static inline bool store_fixture_changed(struct sql *sql)
{
	struct pollfd fd = {.fd = sql_fd(sql), .events = POLLIN};
	if (fd.fd >= 0 && poll(&fd, 1, 5000) != 1)
		return false;
	return sql_changed(sql);
}
