/* The SQL layer: the same meaning on SQLite and on a PostgreSQL that this program starts. THREADED:
 * transactions that meet. */
#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

static struct sql *open_new(enum sql_kind kind)
{
	struct sql *sql;
	CU_ASSERT_EQUAL_FATAL(sql_open(store_fixture_url(kind), &sql), 0);
	CU_ASSERT_EQUAL(sql_kind(sql), kind);
	CU_ASSERT_TRUE(sql_is_up(sql));
	return sql;
}

static void run_script(struct sql *sql, const char *script)
{
	CU_ASSERT_EQUAL_FATAL(sql_script(sql, script), 0);
}

static int take_integer(void *context, const struct sql_value *columns, unsigned int n)
{
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(columns[0].type, SQL_INTEGER);
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static int64_t count(struct sql *sql, const char *table)
{
	char statement[64];
	int64_t n = -1;
	snprintf(statement, sizeof(statement), "SELECT count(*) FROM %s", table);
	CU_ASSERT_EQUAL(sql_run(sql, statement, NULL, 0, take_integer, &n), 0);
	return n;
}

/* --- Values */

struct seen {
	unsigned int rows;
	int64_t integer;
	char text[64], blob[64];
	size_t blob_bytes;
	enum sql_type types[4];
};

static int take_row(void *context, const struct sql_value *columns, unsigned int n)
{
	struct seen *seen = context;
	CU_ASSERT_EQUAL_FATAL(n, 4);
	for (unsigned int i = 0; i < 4; i++)
		seen->types[i] = columns[i].type;
	seen->rows++;
	seen->integer = columns[0].integer;
	snprintf(seen->text, sizeof(seen->text), "%s", columns[1].text);
	memcpy(seen->blob, columns[2].text, columns[2].bytes);
	seen->blob_bytes = columns[2].bytes;
	return 0;
}

static const char *values_table(enum sql_kind kind)
{
	return kind == SQL_SQLITE
		       ? "CREATE TABLE v (i BIGINT PRIMARY KEY, t TEXT, b BLOB, n BIGINT)"
		       : "CREATE TABLE v (i BIGINT PRIMARY KEY, t TEXT, b BYTEA, n BIGINT)";
}

static void values_come_back_as_they_went(enum sql_kind kind)
{
	static const struct {
		int64_t integer;
		const char *text, *blob;
		size_t bytes;
	} rows[] = {
		{0, "", "", 0},
		{INT64_MAX, "O'Reilly; -- \xc3\xa4", "\0\x01\xff\\x", 5},
		{INT64_MIN, "\"$1\"", "\\x41", 4},
		{-1, "plain", "\0", 1},
	};
	struct sql *sql = open_new(kind);
	run_script(sql, values_table(kind));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = {.rows = 0};
		CU_ASSERT_EQUAL(
			sql_run(sql, "INSERT INTO v (b, i, t, n) VALUES ($3, $1, $2, $4)",
				SQL_VALUES(sql_integer(rows[i].integer), sql_text(rows[i].text),
					   sql_blob(rows[i].blob, rows[i].bytes), sql_text(NULL)),
				NULL, NULL),
			0);
		CU_ASSERT_EQUAL(sql_changes(sql), 1);
		CU_ASSERT_EQUAL(
			sql_run(sql, "SELECT i, t, b, n FROM v WHERE i = $1 AND t = $2",
				SQL_VALUES(sql_integer(rows[i].integer), sql_text(rows[i].text)),
				take_row, &seen),
			0);
		CU_ASSERT_EQUAL(sql_changes(sql), 0);
		CU_ASSERT_EQUAL_FATAL(seen.rows, 1);
		CU_ASSERT_EQUAL(seen.types[0], SQL_INTEGER);
		CU_ASSERT_EQUAL(seen.types[1], SQL_TEXT);
		CU_ASSERT_EQUAL(seen.types[2], SQL_BLOB);
		CU_ASSERT_EQUAL(seen.types[3], SQL_NULL);
		CU_ASSERT_EQUAL(seen.integer, rows[i].integer);
		CU_ASSERT_STRING_EQUAL(seen.text, rows[i].text);
		CU_ASSERT_EQUAL_FATAL(seen.blob_bytes, rows[i].bytes);
		CU_ASSERT_EQUAL(memcmp(seen.blob, rows[i].blob, rows[i].bytes), 0);
	}
	sql_close(sql);
}
ON_BOTH(values_come_back_as_they_went)

static void arithmetic_of_parameters_is_64_bits_wide(enum sql_kind kind)
{
	struct sql *sql = open_new(kind);
	int64_t sum = 0;
	CU_ASSERT_EQUAL(sql_run(sql, "SELECT $1 + 1", SQL_VALUES(sql_integer(5000000000)),
				take_integer, &sum),
			0);
	CU_ASSERT_EQUAL(sum, 5000000001);
	run_script(sql, values_table(kind));
	run_script(sql, "INSERT INTO v (i) VALUES (4000000000), (4000000001)");
	CU_ASSERT_EQUAL(sql_run(sql, "SELECT sum(i) FROM v", NULL, 0, take_integer, &sum), 0);
	CU_ASSERT_EQUAL(sum, 8000000001);
	sql_close(sql);
}
ON_BOTH(arithmetic_of_parameters_is_64_bits_wide)

/* --- Errors */

static void refusals_have_their_errno(enum sql_kind kind)
{
	static const struct {
		const char *statement;
		int rc;
	} rows[] = {
		{"INSERT INTO v (i) VALUES (1)", 0},
		{"INSERT INTO v (i) VALUES (1)", -EEXIST},
		{"INSERT INTO v (i) VALUES (1) ON CONFLICT (i) DO NOTHING", 0},
		{"INSERT INTO w (i, small) VALUES (2, 1)", -EEXIST}, /* no such v */
		{"INSERT INTO w (i, small) VALUES (1, 100)", -EINVAL},
		{"INSERT INTO w (i, small) VALUES (1, NULL)", -EINVAL},
		{"INSERT INTO w (i, small) VALUES (1, 1)", 0},
		{"DELETE FROM v", -EEXIST},
		{"SELECT nothing FROM nowhere", -EIO},
		{"SELEKT", -EIO},
	};
	struct sql *sql = open_new(kind);
	run_script(sql, values_table(kind));
	run_script(sql, "CREATE TABLE w (i BIGINT REFERENCES v (i),"
			" small BIGINT NOT NULL CHECK (small < 10))");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT_EQUAL(sql_run(sql, rows[i].statement, NULL, 0, NULL, NULL), rows[i].rc);
	CU_ASSERT_EQUAL(count(sql, "v"), 1);
	CU_ASSERT_EQUAL(count(sql, "w"), 1);
	sql_close(sql);
}
ON_BOTH(refusals_have_their_errno)

static int stop_at_second(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)columns, (void)n;
	return ++*(int *)context == 2 ? -ECANCELED : 0;
}

static int ask_again(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	/* The same text inside of itself, and another. */
	struct sql *sql = context;
	int rows = 0;
	if (columns[0].integer == 1)
		CU_ASSERT_EQUAL(
			sql_run(sql, "SELECT i FROM v ORDER BY i", NULL, 0, stop_at_second, &rows),
			-ECANCELED);
	CU_ASSERT_EQUAL(count(sql, "v"), 3);
	return 0;
}

static void a_row_may_end_the_statement_or_ask_the_next(enum sql_kind kind)
{
	struct sql *sql = open_new(kind);
	run_script(sql, values_table(kind));
	run_script(sql, "INSERT INTO v (i) VALUES (1), (2), (3)");
	int rows = 0;
	CU_ASSERT_EQUAL(sql_run(sql, "SELECT i FROM v", NULL, 0, stop_at_second, &rows),
			-ECANCELED);
	CU_ASSERT_EQUAL(rows, 2);
	CU_ASSERT_EQUAL(sql_run(sql, "SELECT i FROM v ORDER BY i", NULL, 0, ask_again, sql), 0);
	sql_close(sql);
}
ON_BOTH(a_row_may_end_the_statement_or_ask_the_next)

/* --- Batches */

#define BATCH_ROWS 2000

static int take_sum(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context += columns[0].integer;
	return 0;
}

static int batch_insert(struct sql *sql, void *context)
{
	static struct sql_value values[BATCH_ROWS * 2];
	static char text[1001];
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < BATCH_ROWS; i++) {
		values[2 * i] = sql_integer(i == BATCH_ROWS - 1 ? *(int64_t *)context : i);
		values[2 * i + 1] = sql_text(text);
	}
	int64_t sum = 0;
	const struct sql_batch batch = {.statement = "INSERT INTO v (i, t) VALUES ($1, $2)"
						     " RETURNING i",
					.values = values,
					.n_values = 2,
					.n_rows = BATCH_ROWS,
					.row = take_sum,
					.context = &sum};
	int rc = sql_run_batch(sql, &batch);
	if (rc == 0) {
		CU_ASSERT_EQUAL(sum, (int64_t)BATCH_ROWS * (BATCH_ROWS - 1) / 2);
		CU_ASSERT_EQUAL(sql_changes(sql), BATCH_ROWS);
	}
	return rc;
}

static void a_batch_is_all_or_nothing(enum sql_kind kind)
{
	struct sql *sql = open_new(kind);
	run_script(sql, values_table(kind));
	int64_t last = 5; /* a key that is taken */
	CU_ASSERT_EQUAL(sql_transaction(sql, batch_insert, &last), -EEXIST);
	CU_ASSERT_EQUAL(count(sql, "v"), 0);
	last = BATCH_ROWS - 1;
	CU_ASSERT_EQUAL(sql_transaction(sql, batch_insert, &last), 0);
	CU_ASSERT_EQUAL(count(sql, "v"), BATCH_ROWS);
	const struct sql_batch nothing = {.statement = "SELECT 1"};
	CU_ASSERT_EQUAL(sql_run_batch(sql, &nothing), 0);
	sql_close(sql);
}
ON_BOTH(a_batch_is_all_or_nothing)

/* --- Transactions */

static int insert_and_say(struct sql *sql, void *context)
{
	int rc = sql_run(sql, "INSERT INTO v (i) VALUES (1)", NULL, 0, NULL, NULL);
	return rc ? rc : *(int *)context;
}

static void a_bodys_error_undoes_it(enum sql_kind kind)
{
	struct sql *sql = open_new(kind);
	run_script(sql, values_table(kind));
	int say = -ENOENT;
	CU_ASSERT_EQUAL(sql_transaction(sql, insert_and_say, &say), -ENOENT);
	CU_ASSERT_EQUAL(count(sql, "v"), 0);
	say = 0;
	CU_ASSERT_EQUAL(sql_transaction(sql, insert_and_say, &say), 0);
	CU_ASSERT_EQUAL(sql_transaction(sql, insert_and_say, &say), -EEXIST);
	CU_ASSERT_EQUAL(count(sql, "v"), 1);
	sql_close(sql);
}
ON_BOTH(a_bodys_error_undoes_it)

static int add_one(struct sql *sql, void *context)
{
	(void)context;
	int64_t value = -1;
	const char *read = sql_kind(sql) == SQL_SQLITE ? "SELECT n FROM v WHERE i = 1"
						       : "SELECT n FROM v WHERE i = 1 FOR UPDATE";
	int rc = sql_run(sql, read, NULL, 0, take_integer, &value);
	return rc ? rc
		  : sql_run(sql, "UPDATE v SET n = $1 WHERE i = 1",
			    SQL_VALUES(sql_integer(value + 1)), NULL, NULL);
}

/* Two rows, locked in opposite order: a deadlock that the transaction repeats. */
static int add_crosswise(struct sql *sql, void *context)
{
	bool is_first = *(bool *)context;
	static const char *const updates[] = {"UPDATE v SET n = n + 1 WHERE i = 1",
					      "UPDATE v SET n = n + 1 WHERE i = 2"};
	int rc = sql_run(sql, updates[is_first], NULL, 0, NULL, NULL);
	return rc ? rc : sql_run(sql, updates[!is_first], NULL, 0, NULL, NULL);
}

#define TURNS 100
struct adder {
	const char *url;
	bool is_first;
	int rc;
};

static void *add_often(void *context)
{
	struct adder *adder = context;
	struct sql *sql;
	adder->rc = sql_open(adder->url, &sql);
	for (int i = 0; adder->rc == 0 && i < TURNS; i++) {
		adder->rc = sql_transaction(sql, add_one, NULL);
		if (adder->rc == 0)
			adder->rc = sql_transaction(sql, add_crosswise, &adder->is_first);
	}
	if (adder->rc != -ECONNREFUSED)
		sql_close(sql);
	return NULL;
}

static void transactions_that_meet_lose_nothing(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct sql *sql;
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &sql), 0);
	run_script(sql, values_table(kind));
	run_script(sql, "INSERT INTO v (i, n) VALUES (1, 0), (2, 0)");
	if (kind == SQL_POSTGRES) /* deadlocks are looked for soon */
		run_script(sql, "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() ||"
				" ' SET deadlock_timeout = 20'; END $$");
	struct adder adders[2] = {{url, true, -1}, {url, false, -1}};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, add_often, &adders[i]), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(adders[i].rc, 0);
	}
	int64_t n;
	CU_ASSERT_EQUAL(sql_run(sql, "SELECT n FROM v WHERE i = 1", NULL, 0, take_integer, &n), 0);
	CU_ASSERT_EQUAL(n, 4 * TURNS);
	sql_close(sql);
}
ON_BOTH(transactions_that_meet_lose_nothing)

/* --- Changes */

static bool is_readable(struct sql *sql, int timeout_ms)
{
	struct pollfd fd = {.fd = sql_fd(sql), .events = POLLIN};
	return poll(&fd, 1, timeout_ms) == 1;
}

static void changes_of_others_are_seen(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct sql *us, *other;
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &us), 0);
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &other), 0);
	run_script(other, values_table(kind));
	sql_changed(us);
	CU_ASSERT_FALSE(sql_changed(us));
	run_script(other, kind == SQL_SQLITE ? "INSERT INTO v (i) VALUES (1)"
					     : "SELECT pg_notify('nn5g', 'x')");
	if (kind == SQL_POSTGRES)
		CU_ASSERT_TRUE_FATAL(is_readable(us, 5000));
	CU_ASSERT_TRUE(sql_changed(us));
	CU_ASSERT_FALSE(sql_changed(us));
	sql_close(other);
	sql_close(us);
}
ON_BOTH(changes_of_others_are_seen)

static void a_notification_beside_an_answer_still_polls(void)
{
	struct sql *sql = open_new(SQL_POSTGRES);
	/* Our own one comes with the answer of the statement that sent it. */
	run_script(sql, "SELECT pg_notify('nn5g', 'x')");
	CU_ASSERT_TRUE(is_readable(sql, 0));
	CU_ASSERT_TRUE(sql_changed(sql));
	CU_ASSERT_FALSE(sql_changed(sql));
	CU_ASSERT_FALSE(is_readable(sql, 0));
	sql_close(sql);
}

/* --- Connections */

static void a_lost_connection_is_told_and_made_again(void)
{
	struct sql *sql = open_new(SQL_POSTGRES);
	run_script(sql, values_table(SQL_POSTGRES));
	CU_ASSERT_EQUAL(count(sql, "v"), 0);
	CU_ASSERT_TRUE_FATAL(postgres_fixture_kill());
	/* The server's last words and the connection's end wake who waits. */
	int fd = sql_fd(sql);
	while (sql_is_up(sql) && is_readable(sql, 5000))
		sql_changed(sql);
	CU_ASSERT_FALSE(sql_is_up(sql));
	CU_ASSERT_FALSE(is_readable(sql, 0));
	CU_ASSERT_EQUAL(sql_run(sql, "SELECT 1", NULL, 0, NULL, NULL), -ENOTCONN);
	CU_ASSERT_EQUAL(sql_script(sql, "SELECT 1"), -ENOTCONN);
	int say = 0;
	CU_ASSERT_EQUAL(sql_transaction(sql, insert_and_say, &say), -ENOTCONN);
	CU_ASSERT_EQUAL(sql_reconnect(sql), -ECONNREFUSED);
	CU_ASSERT_TRUE_FATAL(postgres_fixture_restart());
	CU_ASSERT_EQUAL(sql_reconnect(sql), 0);
	CU_ASSERT_TRUE(sql_is_up(sql));
	CU_ASSERT_EQUAL(sql_fd(sql), fd);
	CU_ASSERT_TRUE(sql_changed(sql)); /* who knows what was missed */
	CU_ASSERT_EQUAL(count(sql, "v"), 0);
	run_script(sql, "SELECT pg_notify('nn5g', 'x')");
	CU_ASSERT_TRUE(sql_changed(sql));
	sql_close(sql);
}

static int end_own_server(struct sql *sql, void *context)
{
	(void)context;
	int rc = sql_run(sql, "INSERT INTO v (i) VALUES (7)", NULL, 0, NULL, NULL);
	CU_ASSERT_EQUAL(rc, 0);
	return sql_run(sql, "SELECT pg_terminate_backend(pg_backend_pid())", NULL, 0, NULL, NULL);
}

static void a_transaction_that_loses_its_connection_is_undone(void)
{
	struct sql *sql = open_new(SQL_POSTGRES);
	run_script(sql, values_table(SQL_POSTGRES));
	CU_ASSERT_EQUAL(sql_transaction(sql, end_own_server, NULL), -ENOTCONN);
	CU_ASSERT_FALSE(sql_is_up(sql));
	CU_ASSERT_EQUAL(sql_reconnect(sql), 0);
	CU_ASSERT_EQUAL(count(sql, "v"), 0);
	sql_close(sql);
}

static void what_cannot_be_opened_says_why(void)
{
	static const struct {
		const char *url;
		int rc;
	} rows[] = {
		{"mysql://x", -EPROTONOSUPPORT},
		{"sqlite:", -EPROTONOSUPPORT},
		{"", -EPROTONOSUPPORT},
		{"sqlite:/nonexistent/folder/x.db", -ENOENT},
		{"postgresql:///x?host=/nonexistent", -ECONNREFUSED},
	};
	struct sql *sql;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(sql_open(rows[i].url, &sql), rows[i].rc);
		CU_ASSERT_EQUAL(sql_open_readonly(rows[i].url, &sql), rows[i].rc);
	}
}

static void a_reader_cannot_write(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct sql *sql, *reader;
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &sql), 0);
	run_script(sql, values_table(kind));
	CU_ASSERT_EQUAL_FATAL(sql_open_readonly(url, &reader), 0);
	CU_ASSERT_EQUAL(sql_run(reader, "INSERT INTO v (i) VALUES (1)", NULL, 0, NULL, NULL),
			-EROFS);
	CU_ASSERT_EQUAL(count(reader, "v"), 0);
	sql_close(reader);
	sql_close(sql);
}
ON_BOTH(a_reader_cannot_write)

static void a_sqlite_file_is_its_owners_alone(void)
{
	const char *url = store_fixture_url(SQL_SQLITE);
	struct sql *sql;
	struct stat status;
	char wal[POSTGRES_URL_BYTES];
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &sql), 0);
	run_script(sql, values_table(SQL_SQLITE));
	snprintf(wal, sizeof(wal), "%s-wal", url + strlen("sqlite:"));
	CU_ASSERT_EQUAL(stat(url + strlen("sqlite:"), &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(stat(wal, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	sql_close(sql);
}

static void a_full_disk_is_told_and_undone(void)
{
	struct sql *sql = open_new(SQL_SQLITE);
	run_script(sql, values_table(SQL_SQLITE));
	run_script(sql, "PRAGMA max_page_count = 8");
	int64_t last = BATCH_ROWS - 1;
	CU_ASSERT_EQUAL(sql_transaction(sql, batch_insert, &last), -ENOSPC);
	CU_ASSERT_EQUAL(count(sql, "v"), 0);
	run_script(sql, "PRAGMA max_page_count = 10000");
	CU_ASSERT_EQUAL(sql_transaction(sql, batch_insert, &last), 0);
	CU_ASSERT_EQUAL(count(sql, "v"), BATCH_ROWS);
	sql_close(sql);
}

static CU_TestInfo tests[] = {
	ROWS_OF(values_come_back_as_they_went),
	ROWS_OF(arithmetic_of_parameters_is_64_bits_wide),
	ROWS_OF(refusals_have_their_errno),
	ROWS_OF(a_row_may_end_the_statement_or_ask_the_next),
	ROWS_OF(a_batch_is_all_or_nothing),
	ROWS_OF(a_bodys_error_undoes_it),
	ROWS_OF(transactions_that_meet_lose_nothing),
	ROWS_OF(changes_of_others_are_seen),
	{"a_notification_beside_an_answer_still_polls",
	 a_notification_beside_an_answer_still_polls},
	{"a_lost_connection_is_told_and_made_again", a_lost_connection_is_told_and_made_again},
	{"a_transaction_that_loses_its_connection_is_undone",
	 a_transaction_that_loses_its_connection_is_undone},
	{"what_cannot_be_opened_says_why", what_cannot_be_opened_says_why},
	ROWS_OF(a_reader_cannot_write),
	{"a_sqlite_file_is_its_owners_alone", a_sqlite_file_is_its_owners_alone},
	{"a_full_disk_is_told_and_undone", a_full_disk_is_told_and_undone},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("sql", tests, store_fixture_start, store_fixture_stop)
