/* Migrations: schema_version has a row for every step that was taken. Who migrates holds a lock
 * that lasts as long as its transaction (PostgreSQL: an advisory one, for the table it could lock
 * may not be there yet; SQLite: BEGIN IMMEDIATE), so of two that start at once, one waits and then
 * finds the work done. */
#include "conf/store_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "conf/log.h"
#include "conf/sql.h"

/* Any number will do that nobody else in the database locks: "nn5g" in ASCII. */
#define LOCK_POSTGRES "SELECT pg_advisory_xact_lock(1852716391)"

static int take_integer(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static int version_read(struct sql *sql, int64_t *version)
{
	*version = 0;
	return sql_run(sql, "SELECT COALESCE(max(version), 0) FROM schema_version", NULL, 0,
		       take_integer, version);
}

static int refuse(int64_t found)
{
	log_error(LOG_STORE, "the store's schema is not this program's",
		  "\"found\":%" PRId64 ",\"expected\":%" PRId64, found,
		  (int64_t)store_migrations_n);
	return -EPROTO;
}

/* Takes the next step, if there is one; the transaction's context is where the version goes. */
static int step(struct sql *sql, void *context)
{
	int64_t *version = context;
	bool is_sqlite = sql_kind(sql) == SQL_SQLITE;
	int rc = is_sqlite ? 0 : sql_run(sql, LOCK_POSTGRES, NULL, 0, NULL, NULL);
	if (rc == 0)
		rc = sql_script(sql, "CREATE TABLE IF NOT EXISTS schema_version ("
				     "version BIGINT PRIMARY KEY, migrated_by TEXT NOT NULL)");
	if (rc == 0)
		rc = version_read(sql, version);
	if (rc || *version >= store_migrations_n)
		return rc;
	const struct store_migration *migration = &store_migrations[*version];
	rc = sql_script(sql, is_sqlite ? migration->sqlite : migration->postgres);
	if (rc)
		return rc;
	++*version;
	return sql_run(sql, "INSERT INTO schema_version (version, migrated_by) VALUES ($1, $2)",
		       SQL_VALUES(sql_integer(*version), sql_text(NN5G_VERSION)), NULL, NULL);
}

/* A store that is up to date is only read, so that starting beside others waits for nobody. */
static int version_look(struct sql *sql, int64_t *version)
{
	int64_t n = 0;
	int rc =
		sql_run(sql,
			sql_kind(sql) == SQL_SQLITE
				? "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'"
				: "SELECT count(*) FROM information_schema.tables WHERE"
				  " table_schema = current_schema() AND"
				  " table_name = 'schema_version'",
			NULL, 0, take_integer, &n);
	*version = 0;
	return rc || n == 0 ? rc : version_read(sql, version);
}

int store_schema_migrate(struct sql *sql)
{
	int64_t before, version;
	int rc = version_look(sql, &before);
	version = before;
	while (rc == 0 && version < store_migrations_n)
		rc = sql_transaction(sql, step, &version);
	if (rc == 0 && version > store_migrations_n)
		return refuse(version);
	if (rc == 0 && before < version)
		log_info(LOG_STORE, "store migrated", "\"from\":%" PRId64 ",\"to\":%" PRId64,
			 before, version);
	return rc;
}

int store_schema_check(struct sql *sql)
{
	int64_t version;
	int rc = version_look(sql, &version);
	return rc == 0 && version != store_migrations_n ? refuse(version) : rc;
}
