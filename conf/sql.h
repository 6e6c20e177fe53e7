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
/* The same for readers: nothing is made, and every write fails with -EROFS. */
int sql_open_readonly(const char *url, struct sql **out);
/* Command lines and configuration are no place for one: everybody may read them. */
bool sql_url_has_password(const char *url);
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

/* Called for each result row with borrowed values: integers of integer and numeric columns, text of
 * text and jsonb columns, blobs of bytea. A non-zero return ends the statement and is returned. */
typedef int (*sql_row)(void *context, const struct sql_value *columns, unsigned int n);

/* Runs one prepared statement; `row` may be NULL. 0; -EEXIST: a unique or foreign key says no;
 * -EINVAL: another constraint or the value's form does; -EPERM: a trigger does; -EAGAIN:
 * serialization failure or deadlock, the transaction is to be repeated (sql_transaction does it);
 * -EBUSY: locked for too long; -ENOSPC: the disk is full; -EROFS; -ENOTCONN; -EIO with the reason
 * logged. After an error a transaction can only be given up. */
int sql_run(struct sql *sql, const char *statement, const struct sql_value *values,
	    unsigned int n_values, sql_row row, void *context);
#define SQL_VALUES(...)                                                                            \
	(const struct sql_value[]){__VA_ARGS__},                                                   \
		(unsigned int)(sizeof((const struct sql_value[]){__VA_ARGS__}) /                   \
			       sizeof(struct sql_value))
/* Runs one statement for many rows of parameters, in PostgreSQL's pipeline: one round trip. Inside
 * a transaction: an error leaves the rest undone. */
struct sql_batch {
	const char *statement;
	const struct sql_value *values; /* n_rows times n_values */
	unsigned int n_values, n_rows;
	sql_row row; /* for the results of all rows, in their order; may be NULL */
	void *context;
};
int sql_run_batch(struct sql *sql, const struct sql_batch *batch);
/* Rows the last sql_run or sql_run_batch inserted, updated or deleted. */
int64_t sql_changes(const struct sql *sql);
/* Several statements without parameters or results (migrations). */
int sql_script(struct sql *sql, const char *script);

/* Runs `body` inside a transaction that writes (SQLite: BEGIN IMMEDIATE; PostgreSQL: READ COMMITTED
 * with row locks taken by the body), again (bounded) when it must be repeated. The body's error
 * rolls back and is returned. Not nested. */
int sql_transaction(struct sql *sql, int (*body)(struct sql *sql, void *context), void *context);

/* Changes that others made (PostgreSQL: our own ones too): a descriptor that polls readable when
 * there may be some and when the connection is lost, the same over reconnects (PostgreSQL, after
 * LISTEN on the channel "nn5g"), or -1 (SQLite: ask now and then). sql_changed consumes what came
 * and says whether anything has; SQLite compares PRAGMA data_version. */
int sql_fd(const struct sql *sql);
bool sql_changed(struct sql *sql);
