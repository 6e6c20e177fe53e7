/* What a database's driver does for sql.c. A driver's connection begins with a struct sql. */
#pragma once

#include "conf/sql.h"

struct sql_driver {
	enum sql_kind kind;
	const char *begin; /* of a transaction that writes */
	void (*close)(struct sql *sql);
	bool (*is_up)(const struct sql *sql);
	int (*reconnect)(struct sql *sql);
	int (*run)(struct sql *sql, const struct sql_batch *batch);
	int (*script)(struct sql *sql, const char *script);
	/* After a failure inside a transaction; what the database itself rolled back is fine. */
	void (*rollback)(struct sql *sql);
	int (*fd)(const struct sql *sql);
	bool (*changed)(struct sql *sql);
};

struct sql {
	const struct sql_driver *driver;
	int64_t changes;
	bool is_in_transaction;
};

#define SQL_COLUMNS_MAX 64 /* of a result; ours have at most 30 */

int sql_sqlite_open(const char *path, bool is_readonly, struct sql **out);
int sql_postgres_open(const char *url, bool is_readonly, struct sql **out);
