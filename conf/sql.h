/* One connection to SQLite or PostgreSQL, and the part of SQL they share: $1, $2 ... parameters,
 * prepared once per text, INSERT ... ON CONFLICT, RETURNING. What is said here means the same on
 * both. sql_sqlite.c and sql_postgres.c are the only files that know the libraries. One thread per
 * connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sql;

enum sql_kind { SQL_SQLITE, SQL_POSTGRES };

/* "sqlite:PATH" or "postgresql://...". Negative errno, logged: -ECONNREFUSED and the like when a
 * server is away; -EPROTONOSUPPORT for another scheme. SQLite: WAL, synchronous=FULL, busy timeout
 * 5 s, file mode 0600. */
int sql_open(const char *url, struct sql **out);
void sql_close(struct sql *sql);
enum sql_kind sql_kind(const struct sql *sql);
/* False after a connection was lost: every call then fails with -ENOTCONN until sql_reconnect. */
bool sql_is_up(const struct sql *sql);
int sql_reconnect(struct sql *sql);

enum sql_type { SQL_NULL, SQL_INTEGER, SQL_TEXT, SQL_BLOB };
struct sql_value {
	enum sql_type type;
	int64_t integer;
	const char *text; /* TEXT: NUL-terminated; BLOB: `bytes` long */
	size_t bytes;
};
static inline struct sql_value sql_integer(int64_t value)
{
	return (struct sql_value){.type = SQL_INTEGER, .integer = value};
}
struct sql_value sql_text(const char *text); /* NULL text: SQL_NULL */
struct sql_value sql_blob(const void *bytes, size_t size);

/* Runs one prepared statement. `row` (may be NULL) is called for each result row with borrowed
 * values (integers of integer columns, text of text and jsonb columns, blobs of bytea); a non-zero
 * return ends the statement and is returned. 0; -EEXIST: a unique or foreign key says no; -EBUSY
 * or -EAGAIN: serialization failure or deadlock, the transaction is to be repeated; -ENOSPC: the
 * disk is full; -ENOTCONN; -EIO with the reason logged. */
int sql_run(struct sql *sql, const char *statement, const struct sql_value *values,
	    unsigned int n_values,
	    int (*row)(void *context, const struct sql_value *columns, unsigned int n),
	    void *context);
#define SQL_VALUES(...)                                                                            \
	(const struct sql_value[]){__VA_ARGS__},                                                   \
		(unsigned int)(sizeof((const struct sql_value[]){__VA_ARGS__}) /                   \
			       sizeof(struct sql_value))
/* Rows the last sql_run changed. */
int64_t sql_changes(const struct sql *sql);
/* Several statements without parameters or results (migrations). */
int sql_script(struct sql *sql, const char *script);

/* Runs `body` inside a transaction that writes (SQLite: BEGIN IMMEDIATE; PostgreSQL: READ COMMITTED
 * with row locks taken by the body), again (bounded) when it must be repeated. The body's error
 * rolls back and is returned. */
int sql_transaction(struct sql *sql, int (*body)(struct sql *sql, void *context), void *context);

/* Changes that others made: a descriptor that polls readable (PostgreSQL, after LISTEN on the
 * channel "nn5g"), or -1 (SQLite: ask now and then). sql_changed consumes what came and says
 * whether anything has; SQLite compares PRAGMA data_version. */
int sql_fd(const struct sql *sql);
bool sql_changed(struct sql *sql);
