/* PostgreSQL through libpq. The socket is ours to wait on: every statement has a deadline here as
 * well as on the server, so a server that hangs is the same as one that went away. Then the
 * connection is given up, and every call says -ENOTCONN until sql_reconnect.
 *
 * Notifications may arrive with the answer of any statement; a descriptor for them must still poll
 * readable. So sql_fd is an epoll set of the connection's socket and an eventfd that is rung then.
 */
#include "conf/sql_driver.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <glib.h>
#include <libpq-fe.h>

#include "conf/clock.h"
#include "conf/log.h"

#define WAIT_MS 15000 /* for an answer; longer than the server's own limits below */
#define SETTINGS                                                                                   \
	"SET statement_timeout = 10000; SET lock_timeout = 5000;"                                  \
	"SET idle_in_transaction_session_timeout = 30000; SET timezone = 'UTC';"                   \
	"SELECT set_config('synchronous_commit', 'on', false)"                                     \
	" WHERE current_setting('synchronous_commit') = 'off';"
/* A reader may hold one snapshot while it looks at all of it. */
#define READONLY_SETTINGS                                                                          \
	"SET default_transaction_read_only = on; SET idle_in_transaction_session_timeout = 0"
#define LISTEN "LISTEN nn5g"

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23 };
enum { OID_NUMERIC = 1700 };

struct postgres {
	struct sql sql;
	char *url;    /* owned */
	PGconn *conn; /* NULL: down */
	bool is_readonly;
	bool has_changed;
	int epoll, bell;
	GHashTable *prepared; /* statement's text -> its name on this connection; owned */
};

static struct postgres *postgres_of(const struct sql *sql)
{
	return (struct postgres *)(uintptr_t)sql;
}

static void forget_notice(void *context, const PGresult *result)
{
	(void)context;
	log_debug(LOG_STORE, "PostgreSQL notice", "\"text\":\"%s\"",
		  log_escape(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

static int lost(struct postgres *pg, const char *why)
{
	if (!pg->conn)
		return -ENOTCONN;
	log_warn(LOG_STORE, "PostgreSQL connection lost", "\"reason\":\"%s\"", log_escape(why));
	epoll_ctl(pg->epoll, EPOLL_CTL_DEL, PQsocket(pg->conn), NULL);
	PQfinish(pg->conn);
	pg->conn = NULL;
	g_hash_table_remove_all(pg->prepared);
	eventfd_write(pg->bell, 1);
	return -ENOTCONN;
}

/* The first two characters of an SQLSTATE name its class. */
static int errno_of(const char *state)
{
	static const struct {
		const char *state;
		int rc;
	} rows[] = {
		{"23505", -EEXIST},   {"23503", -EEXIST},   {"40001", -EAGAIN},
		{"40P01", -EAGAIN},   {"55P03", -EBUSY},    {"57014", -EBUSY},
		{"53100", -ENOSPC},   {"25006", -EROFS},    {"42501", -EACCES},
		{"P0001", -EPERM},    {"57P01", -ENOTCONN}, {"57P02", -ENOTCONN},
		{"57P03", -ENOTCONN}, {"25P03", -ENOTCONN}, {"08", -ENOTCONN},
		{"22", -EINVAL},      {"23", -EINVAL},
	};
	for (size_t i = 0; state && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(state, rows[i].state, strlen(rows[i].state)) == 0)
			return rows[i].rc;
	return -EIO;
}

/* 0 for a result that is fine. A key that is taken is an answer, not a fault: the caller tells it.
 */
static int result_errno(struct postgres *pg, const PGresult *result, const char *statement)
{
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		return 0;
	case PGRES_PIPELINE_ABORTED:
		return -ECANCELED; /* what came before it says why */
	default:
		break;
	}
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return lost(pg, PQerrorMessage(pg->conn));
	int rc = errno_of(state);
	if (rc == -ENOTCONN)
		return lost(pg, PQresultErrorMessage(result));
	if (rc != -EEXIST && rc != -EAGAIN)
		log_error(LOG_STORE, "PostgreSQL refused a statement",
			  "\"reason\":\"%s\",\"sqlstate\":\"%s\",\"statement\":\"%s\"",
			  log_escape(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)),
			  log_escape(state), log_escape(statement));
	return rc;
}

/* Waits until the next result can be had without waiting, sending what is still to be sent. */
static int wait_for_result(struct postgres *pg)
{
	uint64_t deadline_ns = clock_ns() + (uint64_t)WAIT_MS * 1000000;
	for (;;) {
		int unsent = PQflush(pg->conn);
		if (unsent < 0)
			return lost(pg, PQerrorMessage(pg->conn));
		if (!PQisBusy(pg->conn))
			return 0;
		uint64_t now_ns = clock_ns();
		if (now_ns >= deadline_ns)
			return lost(pg, "no answer within 15 s");
		struct pollfd fd = {.fd = PQsocket(pg->conn),
				    .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)};
		if (poll(&fd, 1, (int)((deadline_ns - now_ns) / 1000000) + 1) < 0 && errno != EINTR)
			return lost(pg, strerror(errno));
		if ((fd.revents & ~POLLOUT) && !PQconsumeInput(pg->conn))
			return lost(pg, PQerrorMessage(pg->conn));
	}
}

/* NULL in *out between the results of a pipeline and at the end. */
static int next_result(struct postgres *pg, PGresult **out)
{
	int rc = wait_for_result(pg);
	*out = rc ? NULL : PQgetResult(pg->conn);
	return rc;
}

static void take_notifications(struct postgres *pg)
{
	PGnotify *notify;
	while (pg->conn && (notify = PQnotifies(pg->conn))) {
		pg->has_changed = true;
		PQfreemem(notify);
	}
}

/* After a statement: what it brought along is told by the bell. */
static void ring_if_changed(struct postgres *pg)
{
	take_notifications(pg);
	if (pg->has_changed)
		eventfd_write(pg->bell, 1);
}

/* Reads all results of one command; the first error counts. */
static int finish_command(struct postgres *pg, const char *statement, char tag[16])
{
	int first = 0;
	for (;;) {
		PGresult *result;
		int rc = next_result(pg, &result);
		if (rc)
			return rc;
		if (!result)
			break;
		rc = result_errno(pg, result, statement);
		if (tag)
			g_strlcpy(tag, PQcmdStatus(result), 16);
		PQclear(result);
		if (rc == -ENOTCONN)
			return rc;
		first = first ? first : rc;
	}
	ring_if_changed(pg);
	return first;
}

/* A transaction whose statement failed answers COMMIT with ROLLBACK and calls that a success. */
static int postgres_script(struct sql *sql, const char *script)
{
	struct postgres *pg = postgres_of(sql);
	char tag[16] = "";
	if (!PQsendQuery(pg->conn, script))
		return lost(pg, PQerrorMessage(pg->conn));
	int rc = finish_command(pg, script, tag);
	if (rc == 0 && strcmp(script, "COMMIT") == 0 && strcmp(tag, "ROLLBACK") == 0) {
		log_error(LOG_STORE, "a transaction went on after an error and is undone", NULL);
		return -EIO;
	}
	return rc;
}

static void postgres_rollback(struct sql *sql)
{
	postgres_script(sql, "ROLLBACK");
}

/* --- Values ----------------------------------------------------------------------------------- */

/* One row of parameters as libpq takes them: integers as text, blobs as they are. */
struct parameters {
	const char *values[SQL_COLUMNS_MAX];
	int lengths[SQL_COLUMNS_MAX], formats[SQL_COLUMNS_MAX];
	char integers[SQL_COLUMNS_MAX][24];
};

static void parameters_set(struct parameters *p, const struct sql_value *values, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		p->formats[i] = values[i].type == SQL_BLOB;
		p->lengths[i] = (int)values[i].bytes;
		p->values[i] = values[i].text;
		if (values[i].type == SQL_NULL)
			p->values[i] = NULL;
		else if (values[i].type == SQL_BLOB && values[i].bytes == 0)
			p->values[i] = "";
		if (values[i].type != SQL_INTEGER)
			continue;
		snprintf(p->integers[i], sizeof(p->integers[i]), "%" PRId64, values[i].integer);
		p->values[i] = p->integers[i];
	}
}

/* bytea comes as \x and hex digits; decoded in place, for a result is ours until it is cleared. */
static size_t hex_decode(char *text, size_t size)
{
	size_t n = 0;
	for (size_t i = 2; i + 1 < size; i += 2)
		text[n++] = (char)(g_ascii_xdigit_value(text[i]) << 4 |
				   g_ascii_xdigit_value(text[i + 1]));
	return n;
}

static struct sql_value column_value(const PGresult *result, int row, int column)
{
	struct sql_value value = {.type = SQL_NULL};
	if (PQgetisnull(result, row, column))
		return value;
	char *text = PQgetvalue(result, row, column);
	value.bytes = (size_t)PQgetlength(result, row, column);
	value.text = text;
	switch (PQftype(result, column)) {
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_NUMERIC: /* what sum() of int8 is */
		return sql_integer(strtoll(text, NULL, 10));
	case OID_BOOL:
		return sql_integer(text[0] == 't');
	case OID_BYTEA:
		value.type = SQL_BLOB;
		value.bytes = hex_decode(text, value.bytes);
		return value;
	default:
		value.type = SQL_TEXT;
		return value;
	}
}

/* --- Statements ------------------------------------------------------------------------------- */

/* Integers are declared, so that the server does not take $1 + 1 for an int4. */
static int prepare(struct postgres *pg, const struct sql_batch *batch, const char **name)
{
	*name = g_hash_table_lookup(pg->prepared, batch->statement);
	if (*name)
		return 0;
	Oid types[SQL_COLUMNS_MAX] = {0};
	for (unsigned int i = 0; i < batch->n_values; i++)
		types[i] = batch->values[i].type == SQL_INTEGER ? OID_INT8
			   : batch->values[i].type == SQL_BLOB  ? OID_BYTEA
								: 0;
	char *made = g_strdup_printf("s%u", g_hash_table_size(pg->prepared));
	int rc = PQsendPrepare(pg->conn, made, batch->statement, (int)batch->n_values, types)
			 ? finish_command(pg, batch->statement, NULL)
			 : lost(pg, PQerrorMessage(pg->conn));
	if (rc) {
		g_free(made);
		return rc;
	}
	g_hash_table_insert(pg->prepared, g_strdup(batch->statement), made);
	*name = made;
	return 0;
}

static int send_row(struct postgres *pg, const char *name, const struct sql_batch *batch,
		    unsigned int i)
{
	struct parameters p;
	parameters_set(&p, batch->values + (size_t)i * batch->n_values, batch->n_values);
	return PQsendQueryPrepared(pg->conn, name, (int)batch->n_values, p.values, p.lengths,
				   p.formats, 0)
		       ? 0
		       : lost(pg, PQerrorMessage(pg->conn));
}

static void count_changes(struct postgres *pg, PGresult *result)
{
	if (strncmp(PQcmdStatus(result), "SELECT", 6) != 0)
		pg->sql.changes += strtoll(PQcmdTuples(result), NULL, 10);
}

static int give_rows(const PGresult *result, const struct sql_batch *batch)
{
	int n = PQnfields(result);
	assert(n <= SQL_COLUMNS_MAX);
	for (int row = 0; batch->row && row < PQntuples(result); row++) {
		struct sql_value columns[SQL_COLUMNS_MAX];
		for (int i = 0; i < n; i++)
			columns[i] = column_value(result, row, i);
		int rc = batch->row(batch->context, columns, (unsigned int)n);
		if (rc)
			return rc;
	}
	return 0;
}

/* Takes over all results before a row is given: its callback may ask the next question. */
static int read_one(struct postgres *pg, const struct sql_batch *batch)
{
	PGresult *result = NULL, *next;
	int rc = next_result(pg, &result);
	if (rc == 0)
		rc = next_result(pg, &next); /* the NULL that ends it */
	if (rc == 0) {
		ring_if_changed(pg);
		rc = result_errno(pg, result, batch->statement);
	}
	if (rc == 0) {
		count_changes(pg, result);
		rc = give_rows(result, batch);
	}
	PQclear(result);
	return rc;
}

/* Every execution is read to its end, also after an error, or the connection could not go on. */
static int read_pipeline(struct postgres *pg, const struct sql_batch *batch)
{
	int first = 0;
	for (unsigned int i = 0; i < batch->n_rows; i++) {
		PGresult *result, *next;
		int rc = next_result(pg, &result);
		if (rc)
			return rc;
		int said = result_errno(pg, result, batch->statement);
		if (said == 0)
			count_changes(pg, result);
		if (said == 0 && first == 0)
			said = give_rows(result, batch);
		PQclear(result);
		first = first ? first : said;
		if (!pg->conn || next_result(pg, &next) != 0)
			return -ENOTCONN;
	}
	PGresult *sync;
	int rc = next_result(pg, &sync);
	PQclear(sync);
	if (rc || !PQexitPipelineMode(pg->conn))
		return rc ? rc : lost(pg, "a pipeline without an end");
	ring_if_changed(pg);
	return first;
}

static int postgres_run(struct sql *sql, const struct sql_batch *batch)
{
	struct postgres *pg = postgres_of(sql);
	const char *name;
	assert(batch->n_values <= SQL_COLUMNS_MAX);
	int rc = prepare(pg, batch, &name);
	if (rc)
		return rc;
	if (batch->n_rows == 1) {
		rc = send_row(pg, name, batch, 0);
		return rc ? rc : read_one(pg, batch);
	}
	if (!PQenterPipelineMode(pg->conn))
		return lost(pg, PQerrorMessage(pg->conn));
	for (unsigned int i = 0; rc == 0 && i < batch->n_rows; i++)
		rc = send_row(pg, name, batch, i);
	if (rc == 0 && !PQpipelineSync(pg->conn))
		rc = lost(pg, PQerrorMessage(pg->conn));
	return rc ? rc : read_pipeline(pg, batch);
}

/* --- Connection ------------------------------------------------------------------------------- */

static bool postgres_is_up(const struct sql *sql)
{
	return postgres_of(sql)->conn != NULL;
}

static int settings_apply(struct postgres *pg)
{
	int rc = postgres_script(&pg->sql, SETTINGS);
	return rc ? rc : postgres_script(&pg->sql, pg->is_readonly ? READONLY_SETTINGS : LISTEN);
}

static int postgres_connect(struct postgres *pg)
{
	/* What the URL says overrides what stands before it. */
	static const char *const keys[] = {
		"connect_timeout",     "tcp_user_timeout", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "client_encoding",
		"application_name",    "dbname",           NULL};
	const char *values[] = {"5", "10000", "10", "3", "3", "UTF8", "nn5g", pg->url, NULL};
	PGconn *conn = PQconnectdbParams(keys, values, 1);
	if (!conn)
		return -ENOMEM;
	if (PQstatus(conn) != CONNECTION_OK || PQsetnonblocking(conn, 1) != 0) {
		log_warn(LOG_STORE, "PostgreSQL cannot be reached", "\"reason\":\"%s\"",
			 log_escape(PQerrorMessage(conn)));
		PQfinish(conn);
		return -ECONNREFUSED;
	}
	PQsetNoticeReceiver(conn, forget_notice, NULL);
	pg->conn = conn;
	struct epoll_event event = {.events = EPOLLIN};
	if (epoll_ctl(pg->epoll, EPOLL_CTL_ADD, PQsocket(conn), &event) != 0)
		return lost(pg, strerror(errno));
	int rc = settings_apply(pg);
	if (rc && pg->conn)
		lost(pg, "the session's settings were refused");
	return rc;
}

/* What happened meanwhile was not heard: it counts as a change. */
static int postgres_reconnect(struct sql *sql)
{
	struct postgres *pg = postgres_of(sql);
	if (pg->conn)
		return 0;
	int rc = postgres_connect(pg);
	if (rc)
		return rc;
	pg->has_changed = true;
	ring_if_changed(pg);
	log_info(LOG_STORE, "PostgreSQL connected again", NULL);
	return 0;
}

static void postgres_close(struct sql *sql)
{
	struct postgres *pg = postgres_of(sql);
	PQfinish(pg->conn);
	if (pg->epoll >= 0)
		close(pg->epoll);
	if (pg->bell >= 0)
		close(pg->bell);
	if (pg->prepared)
		g_hash_table_destroy(pg->prepared);
	free(pg->url);
	free(pg);
}

static int postgres_fd(const struct sql *sql)
{
	return postgres_of(sql)->epoll;
}

static bool postgres_changed(struct sql *sql)
{
	struct postgres *pg = postgres_of(sql);
	if (pg->conn && !PQconsumeInput(pg->conn))
		lost(pg, PQerrorMessage(pg->conn));
	take_notifications(pg);
	eventfd_t rung;
	eventfd_read(pg->bell, &rung);
	bool has_changed = pg->has_changed;
	pg->has_changed = false;
	return has_changed;
}

static const struct sql_driver postgres_driver = {
	.kind = SQL_POSTGRES,
	.begin = "BEGIN",
	.close = postgres_close,
	.is_up = postgres_is_up,
	.reconnect = postgres_reconnect,
	.run = postgres_run,
	.script = postgres_script,
	.rollback = postgres_rollback,
	.fd = postgres_fd,
	.changed = postgres_changed,
};

int sql_postgres_open(const char *url, bool is_readonly, struct sql **out)
{
	struct postgres *pg = calloc(1, sizeof(*pg));
	if (!pg)
		return -ENOMEM;
	pg->sql.driver = &postgres_driver;
	pg->is_readonly = is_readonly;
	pg->epoll = epoll_create1(EPOLL_CLOEXEC);
	pg->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pg->url = strdup(url);
	pg->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct epoll_event event = {.events = EPOLLIN};
	int rc = 0;
	if (!pg->url)
		rc = -ENOMEM;
	else if (pg->epoll < 0 || pg->bell < 0 ||
		 epoll_ctl(pg->epoll, EPOLL_CTL_ADD, pg->bell, &event) != 0)
		rc = -errno;
	if (rc == 0)
		rc = postgres_connect(pg);
	if (rc) {
		postgres_close(&pg->sql);
		return rc;
	}
	*out = &pg->sql;
	return 0;
}
