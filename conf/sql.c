/* What both databases share: opening by URL, and transactions that are repeated when the database
 * says that two of them met. */
#include "conf/sql.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "conf/log.h"
#include "conf/sql_driver.h"

#define TRANSACTION_TRIES 12
#define RETRY_PAUSE_MS    40 /* longest first pause; it doubles up to 16 times that */

static int open_url(const char *url, bool is_readonly, struct sql **out)
{
	if (strncmp(url, "sqlite:", 7) == 0 && url[7])
		return sql_sqlite_open(url + 7, is_readonly, out);
	if (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0)
		return sql_postgres_open(url, is_readonly, out);
	/* The rest of it may hold a password. */
	log_error(LOG_STORE, "store URL not understood",
		  "\"expected\":\"sqlite:PATH or postgresql://...\"");
	return -EPROTONOSUPPORT;
}

int sql_open(const char *url, struct sql **out)
{
	return open_url(url, false, out);
}

int sql_open_readonly(const char *url, struct sql **out)
{
	return open_url(url, true, out);
}

bool sql_url_has_password(const char *url)
{
	const char *authority = strstr(url, "://");
	if (!authority)
		return false;
	authority += strlen("://");
	size_t user = strcspn(authority, "@/?");
	return (authority[user] == '@' && memchr(authority, ':', user)) ||
	       strstr(authority, "password=");
}

void sql_close(struct sql *sql)
{
	if (sql)
		sql->driver->close(sql);
}

enum sql_kind sql_kind(const struct sql *sql)
{
	return sql->driver->kind;
}

bool sql_is_up(const struct sql *sql)
{
	return sql->driver->is_up(sql);
}

int sql_reconnect(struct sql *sql)
{
	return sql->driver->reconnect(sql);
}

struct sql_value sql_text(const char *text)
{
	if (!text)
		return (struct sql_value){.type = SQL_NULL};
	return (struct sql_value){.type = SQL_TEXT, .text = text, .bytes = strlen(text)};
}

struct sql_value sql_blob(const void *bytes, size_t size)
{
	return (struct sql_value){.type = SQL_BLOB, .text = bytes, .bytes = size};
}

int sql_run(struct sql *sql, const char *statement, const struct sql_value *values,
	    unsigned int n_values, sql_row row, void *context)
{
	const struct sql_batch batch = {.statement = statement,
					.values = values,
					.n_values = n_values,
					.n_rows = 1,
					.row = row,
					.context = context};
	return sql_run_batch(sql, &batch);
}

int sql_run_batch(struct sql *sql, const struct sql_batch *batch)
{
	sql->changes = 0;
	if (!sql_is_up(sql))
		return -ENOTCONN;
	return batch->n_rows ? sql->driver->run(sql, batch) : 0;
}

int64_t sql_changes(const struct sql *sql)
{
	return sql->changes;
}

int sql_script(struct sql *sql, const char *script)
{
	return sql_is_up(sql) ? sql->driver->script(sql, script) : -ENOTCONN;
}

static int transaction_try(struct sql *sql, int (*body)(struct sql *sql, void *context),
			   void *context)
{
	int rc = sql_script(sql, sql->driver->begin);
	if (rc)
		return rc;
	sql->is_in_transaction = true;
	rc = body(sql, context);
	if (rc == 0)
		rc = sql_script(sql, "COMMIT");
	sql->is_in_transaction = false;
	if (rc && sql_is_up(sql))
		sql->driver->rollback(sql);
	return rc;
}

/* Those that met pause for different times, or they would meet again. */
static void pause_before_retry(unsigned int tried)
{
	int most_us = (RETRY_PAUSE_MS * 1000) << (tried < 4 ? tried : 4);
	long pause_us = g_random_int_range(most_us / 8, most_us);
	const struct timespec pause = {.tv_sec = pause_us / 1000000,
				       .tv_nsec = pause_us % 1000000 * 1000};
	nanosleep(&pause, NULL);
}

int sql_transaction(struct sql *sql, int (*body)(struct sql *sql, void *context), void *context)
{
	assert(!sql->is_in_transaction);
	int rc = transaction_try(sql, body, context);
	for (unsigned int tried = 0; rc == -EAGAIN && tried < TRANSACTION_TRIES; tried++) {
		pause_before_retry(tried);
		rc = transaction_try(sql, body, context);
	}
	return rc;
}

int sql_fd(const struct sql *sql)
{
	return sql->driver->fd(sql);
}

bool sql_changed(struct sql *sql)
{
	return sql->driver->changed(sql);
}
