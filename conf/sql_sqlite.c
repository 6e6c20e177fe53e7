/* SQLite: one file in WAL mode that readers (nn5gctl, sqlite3) may open beside us. Every commit is
 * synced before it counts (synchronous=FULL), for what is acknowledged here is forgotten by the
 * node. */
#include "conf/sql_driver.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <sqlite3.h>

#include "conf/log.h"

#define BUSY_TIMEOUT_MS 5000

struct sqlite {
	struct sql sql;
	sqlite3 *db;
	GHashTable *statements; /* text -> sqlite3_stmt; owned */
	int64_t data_version;
};

static struct sqlite *sqlite_of(const struct sql *sql)
{
	return (struct sqlite *)(uintptr_t)sql;
}

static int constraint_errno(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return -EEXIST;
	case SQLITE_CONSTRAINT_TRIGGER:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

static int errno_of(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		return constraint_errno(sqlite3_extended_errcode(db));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return -EINVAL;
	default:
		return sqlite3_system_errno(db) == ENOSPC ? -ENOSPC : -EIO;
	}
}

/* A key that is taken is an answer, not a fault: the caller tells it. */
static int failed(struct sqlite *s, int code, const char *statement)
{
	int rc = errno_of(s->db, code);
	if (rc != -EEXIST)
		log_error(LOG_STORE, "SQLite refused a statement",
			  "\"reason\":\"%s\",\"statement\":\"%s\"",
			  log_escape(sqlite3_errmsg(s->db)), log_escape(statement));
	return rc;
}

static void statement_finalize(void *statement)
{
	sqlite3_finalize(statement);
}

static void sqlite_close(struct sql *sql)
{
	struct sqlite *s = sqlite_of(sql);
	if (s->statements)
		g_hash_table_destroy(s->statements);
	sqlite3_close(s->db);
	free(s);
}

static bool sqlite_is_up(const struct sql *sql)
{
	(void)sql;
	return true;
}

static int sqlite_reconnect(struct sql *sql)
{
	(void)sql;
	return 0;
}

/* The cached statement of a text. One that is in use (a row's callback asks the same again) is
 * prepared anew; *is_owned says that the caller finalizes it. */
static int statement_get(struct sqlite *s, const char *text, sqlite3_stmt **out, bool *is_owned)
{
	sqlite3_stmt *statement = g_hash_table_lookup(s->statements, text);
	*is_owned = statement && sqlite3_stmt_busy(statement);
	if (statement && !*is_owned) {
		*out = statement;
		return 0;
	}
	int code = sqlite3_prepare_v2(s->db, text, -1, &statement, NULL);
	if (code != SQLITE_OK)
		return failed(s, code, text);
	if (!*is_owned)
		g_hash_table_insert(s->statements, g_strdup(text), statement);
	*out = statement;
	return 0;
}

static int bind_value(sqlite3_stmt *statement, int place, const struct sql_value *value)
{
	switch (value->type) {
	case SQL_INTEGER:
		return sqlite3_bind_int64(statement, place, value->integer);
	case SQL_TEXT:
		return sqlite3_bind_text64(statement, place, value->text, value->bytes,
					   SQLITE_STATIC, SQLITE_UTF8);
	case SQL_BLOB:
		return value->bytes ? sqlite3_bind_blob64(statement, place, value->text,
							  value->bytes, SQLITE_STATIC)
				    : sqlite3_bind_zeroblob(statement, place, 0);
	default:
		return sqlite3_bind_null(statement, place);
	}
}

/* $1, $2 ... are names to SQLite, numbered by their first appearance. */
static int bind_values(sqlite3_stmt *statement, const struct sql_value *values, unsigned int n)
{
	for (int place = 1; place <= sqlite3_bind_parameter_count(statement); place++) {
		const char *name = sqlite3_bind_parameter_name(statement, place);
		unsigned long number = name ? strtoul(name + 1, NULL, 10) : 0;
		if (number < 1 || number > n)
			return SQLITE_RANGE;
		int code = bind_value(statement, place, &values[number - 1]);
		if (code != SQLITE_OK)
			return code;
	}
	return SQLITE_OK;
}

static struct sql_value column_value(sqlite3_stmt *statement, int column)
{
	struct sql_value value = {.type = SQL_NULL};
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		return sql_integer(sqlite3_column_int64(statement, column));
	case SQLITE_BLOB:
		value.type = SQL_BLOB;
		value.text = sqlite3_column_blob(statement, column);
		break;
	case SQLITE_TEXT:
	case SQLITE_FLOAT:
		value.type = SQL_TEXT;
		value.text = (const char *)sqlite3_column_text(statement, column);
		break;
	default:
		return value;
	}
	value.bytes = (size_t)sqlite3_column_bytes(statement, column);
	value.text = value.text ? value.text : ""; /* an empty blob */
	return value;
}

/* Steps through one execution; *code is SQLite's last word. */
static int step_rows(sqlite3_stmt *statement, const struct sql_batch *batch, int *code)
{
	while ((*code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct sql_value columns[SQL_COLUMNS_MAX];
		int n = sqlite3_column_count(statement);
		assert(n <= SQL_COLUMNS_MAX);
		for (int i = 0; i < n; i++)
			columns[i] = column_value(statement, i);
		int rc = batch->row ? batch->row(batch->context, columns, (unsigned int)n) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

static int run_once(struct sqlite *s, sqlite3_stmt *statement, const struct sql_batch *batch,
		    unsigned int i)
{
	int code = bind_values(statement, batch->values + (size_t)i * batch->n_values,
			       batch->n_values);
	int rc = 0;
	if (code == SQLITE_OK)
		rc = step_rows(statement, batch, &code);
	if (rc == 0 && code != SQLITE_DONE)
		rc = failed(s, code, batch->statement);
	else if (rc == 0 && !sqlite3_stmt_readonly(statement))
		s->sql.changes += sqlite3_changes64(s->db);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return rc;
}

static int sqlite_run(struct sql *sql, const struct sql_batch *batch)
{
	struct sqlite *s = sqlite_of(sql);
	sqlite3_stmt *statement = NULL;
	bool is_owned;
	int rc = statement_get(s, batch->statement, &statement, &is_owned);
	if (rc)
		return rc;
	for (unsigned int i = 0; rc == 0 && i < batch->n_rows; i++)
		rc = run_once(s, statement, batch, i);
	if (is_owned)
		sqlite3_finalize(statement);
	return rc;
}

static int sqlite_script(struct sql *sql, const char *script)
{
	struct sqlite *s = sqlite_of(sql);
	int code = sqlite3_exec(s->db, script, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : failed(s, code, script);
}

static void sqlite_rollback(struct sql *sql)
{
	if (!sqlite3_get_autocommit(sqlite_of(sql)->db))
		sqlite_script(sql, "ROLLBACK");
}

static int sqlite_fd(const struct sql *sql)
{
	(void)sql;
	return -1;
}

static int take_integer(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static bool sqlite_changed(struct sql *sql)
{
	struct sqlite *s = sqlite_of(sql);
	int64_t version = s->data_version, changes = sql->changes;
	const struct sql_batch ask = {.statement = "PRAGMA data_version",
				      .n_rows = 1,
				      .row = take_integer,
				      .context = &version};
	sqlite_run(sql, &ask);
	sql->changes = changes;
	bool has_changed = version != s->data_version;
	s->data_version = version;
	return has_changed;
}

static const struct sql_driver sqlite_driver = {
	.kind = SQL_SQLITE,
	.begin = "BEGIN IMMEDIATE",
	.close = sqlite_close,
	.is_up = sqlite_is_up,
	.reconnect = sqlite_reconnect,
	.run = sqlite_run,
	.script = sqlite_script,
	.rollback = sqlite_rollback,
	.fd = sqlite_fd,
	.changed = sqlite_changed,
};

/* Made by us, so that nobody else ever could read it; SQLite gives its WAL the same mode. */
static int make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* A reader of a copy in a folder it may not write cannot use a WAL: then the file is taken as it
 * lies there. */
static int open_readonly(const char *path, sqlite3 **db)
{
	int code = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(*db, "SELECT 1 FROM sqlite_master", NULL, NULL, NULL);
	if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)
		return code;
	sqlite3_close(*db);
	char *escaped = g_uri_escape_string(path, "/", true);
	char *uri = g_strdup_printf("file:%s?immutable=1", escaped);
	code = sqlite3_open_v2(uri, db,
			       SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
	g_free(uri);
	g_free(escaped);
	return code;
}

static int open_db(struct sqlite *s, const char *path, bool is_readonly)
{
	int code;
	if (is_readonly) {
		if (access(path, R_OK) != 0)
			return -errno;
		code = open_readonly(path, &s->db);
	} else {
		int rc = make_private(path);
		if (rc)
			return rc;
		code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				       NULL);
	}
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	if (code == SQLITE_OK)
		code = sqlite3_exec(s->db,
				    is_readonly ? "PRAGMA query_only = ON"
						: "PRAGMA journal_mode = WAL;"
						  "PRAGMA synchronous = FULL;"
						  "PRAGMA foreign_keys = ON",
				    NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : errno_of(s->db, code);
}

int sql_sqlite_open(const char *path, bool is_readonly, struct sql **out)
{
	struct sqlite *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->sql.driver = &sqlite_driver;
	s->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, statement_finalize);
	int rc = open_db(s, path, is_readonly);
	if (rc) {
		log_error(LOG_STORE, "SQLite store cannot be opened",
			  "\"path\":\"%s\",\"reason\":\"%s\"", log_escape(path),
			  log_escape(s->db && sqlite3_errcode(s->db) ? sqlite3_errmsg(s->db)
								     : strerror(-rc)));
		sqlite_close(&s->sql);
		return rc;
	}
	sqlite_changed(&s->sql); /* from here on */
	*out = &s->sql;
	return 0;
}
