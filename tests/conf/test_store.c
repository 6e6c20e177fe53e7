/* The store's schema and what of it is fed to nodes, on both databases. THREADED: migrations that
 * meet. */
#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <pthread.h>

#include <jansson.h>

#include "conf/store.h"

static struct store *open_new(enum sql_kind kind)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
	return store;
}

static int run(struct store *store, const char *statement)
{
	return sql_run(store_sql(store), statement, NULL, 0, NULL, NULL);
}

static int take_integer(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static int64_t number(struct store *store, const char *statement)
{
	int64_t n = -1;
	CU_ASSERT_EQUAL(sql_run(store_sql(store), statement, NULL, 0, take_integer, &n), 0);
	return n;
}

static const char *json_set(struct store *store, const char *sqlite, const char *postgres)
{
	return sql_kind(store_sql(store)) == SQL_SQLITE ? sqlite : postgres;
}

/* --- Migrations */

static void a_store_is_migrated_once(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	int64_t version = number(store, "SELECT max(version) FROM schema_version");
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM schema_version"), version);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM plans"), 3);
	CU_ASSERT_EQUAL(run(store, "DELETE FROM plans WHERE id = 'free'"), 0);
	store_close(store);
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM schema_version"), version);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM plans"), 2);
	store_close(store);
}
ON_BOTH(a_store_is_migrated_once)

static void a_newer_schema_is_refused(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO schema_version VALUES (1000, 'later')"), 0);
	store_close(store);
	CU_ASSERT_EQUAL(store_open(url, &store), -EPROTO);
	CU_ASSERT_EQUAL(store_open_readonly(url, &store), -EPROTO);
}
ON_BOTH(a_newer_schema_is_refused)

static void a_reader_makes_nothing(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *store;
	struct sql *sql;
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &sql), 0); /* an empty database */
	CU_ASSERT_EQUAL(sql_script(sql, "CREATE TABLE t (i BIGINT)"), 0);
	CU_ASSERT_EQUAL(store_open_readonly(url, &store), -EPROTO);
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	store_close(store);
	CU_ASSERT_EQUAL_FATAL(store_open_readonly(url, &store), 0);
	CU_ASSERT_EQUAL(sql_script(sql, "DELETE FROM plans WHERE id = 'free'"), 0);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM plans"), 3); /* as it was */
	CU_ASSERT_EQUAL(run(store, "DELETE FROM plans"), -EROFS);
	store_close(store);
	CU_ASSERT_EQUAL_FATAL(store_open_readonly(url, &store), 0);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM plans"), 2);
	store_close(store);
	sql_close(sql);
}
ON_BOTH(a_reader_makes_nothing)

struct opener {
	const char *url;
	pthread_barrier_t *barrier;
	struct store *store;
	int rc;
};

static void *open_at_once(void *context)
{
	struct opener *opener = context;
	pthread_barrier_wait(opener->barrier);
	opener->rc = store_open(opener->url, &opener->store);
	return NULL;
}

static void migrations_that_meet_take_turns(enum sql_kind kind)
{
	enum { OPENERS = 4 };
	const char *url = store_fixture_url(kind);
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, OPENERS);
	struct opener openers[OPENERS];
	pthread_t threads[OPENERS];
	for (int i = 0; i < OPENERS; i++) {
		openers[i] = (struct opener){.url = url, .barrier = &barrier};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, open_at_once, &openers[i]),
				      0);
	}
	for (int i = 0; i < OPENERS; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(openers[i].rc, 0);
		store_close(openers[i].store);
	}
	pthread_barrier_destroy(&barrier);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM plans"), 3);
	store_close(store);
}
ON_BOTH(migrations_that_meet_take_turns)

/* --- Revisions */

struct wanted {
	const char *kind, *id;
	int64_t revision;
};

static void find_revision(void *context, const char *kind, const char *id, int64_t revision)
{
	struct wanted *wanted = context;
	if (strcmp(kind, wanted->kind) == 0 && strcmp(id, wanted->id) == 0)
		wanted->revision = revision;
}

static int64_t revision_of(struct store *store, const char *kind, const char *id)
{
	struct wanted wanted = {kind, id, -1};
	CU_ASSERT_EQUAL(store_revisions(store, find_revision, &wanted), 0);
	return wanted.revision;
}

#define KEY   "INSERT INTO keys (tenant, id, algorithm, public_key) VALUES "
#define TOPUP "INSERT INTO top_ups (tenant, account, amount, period) VALUES "

static void every_change_is_a_revision(enum sql_kind kind)
{
	static const struct {
		const char *statement, *postgres; /* NULL: the same */
		bool a, b, slice;                 /* who is changed */
	} rows[] = {
		{"UPDATE tenants SET name = 'A' WHERE id = 'a'", NULL, true, false, false},
		{"UPDATE tenants SET policy = json_set(policy, '$.budget.monthly_micros', 7)"
		 " WHERE id = 'a'",
		 "UPDATE tenants SET policy ="
		 " jsonb_set(policy, '{budget}', '{\"monthly_micros\": 7}') WHERE id = 'a'",
		 true, false, false},
		{"UPDATE tenants SET standing = 'paused' WHERE id = 'b'", NULL, false, true, false},
		{KEY "('a', 'k', 'EdDSA', 'x')", NULL, true, false, false},
		{"UPDATE keys SET public_key = 'y'", NULL, true, false, false},
		{"UPDATE keys SET tenant = 'b'", NULL, true, true, false},
		{"DELETE FROM keys", NULL, false, true, false},
		{TOPUP "('b', 'credit', 5, '2026-11')", NULL, false, true, false},
		{"UPDATE top_ups SET amount = 6", NULL, false, true, false},
		{"DELETE FROM top_ups", NULL, false, true, false},
		{"UPDATE plans SET policy = '{}' WHERE id = 'gold'", NULL, true, true, false},
		{"UPDATE plans SET policy = '{}' WHERE id = 'free'", NULL, false, false, false},
		{"UPDATE slices SET max_bps = 7 WHERE id = 'gold'", NULL, false, false, true},
		{"INSERT INTO meters (tenant, account, period) VALUES ('a', 'credit', 'total')",
		 NULL, false, false, false},
	};
	const char *url = store_fixture_url(kind);
	struct store *control, *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &control), 0);
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO tenants (id, plan) VALUES ('a', 'gold'),"
				   " ('b', 'gold')"),
			0);
	int64_t a = revision_of(control, "tenant", "a"), b = revision_of(control, "tenant", "b"),
		slice = revision_of(control, "slice", "gold");
	CU_ASSERT_TRUE(a > 0 && b > 0 && slice > 0 && a != b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sql_changed(store_sql(control));
		const char *statement = rows[i].statement;
		if (kind == SQL_POSTGRES && rows[i].postgres)
			statement = rows[i].postgres;
		CU_ASSERT_EQUAL(run(store, statement), 0);
		int64_t new_a = revision_of(control, "tenant", "a"),
			new_b = revision_of(control, "tenant", "b"),
			new_slice = revision_of(control, "slice", "gold");
		CU_ASSERT_EQUAL(new_a > a, rows[i].a);
		CU_ASSERT_EQUAL(new_b > b, rows[i].b);
		CU_ASSERT_EQUAL(new_slice > slice, rows[i].slice);
		if (rows[i].a || rows[i].b || rows[i].slice)
			CU_ASSERT_TRUE(store_fixture_changed(store_sql(control)));
		a = new_a, b = new_b, slice = new_slice;
	}
	CU_ASSERT_EQUAL(run(store, "DELETE FROM tenants WHERE id = 'b'"), 0);
	CU_ASSERT_TRUE(store_fixture_changed(store_sql(control)));
	CU_ASSERT_EQUAL(revision_of(control, "tenant", "b"), -1);
	store_close(store);
	store_close(control);
}
ON_BOTH(every_change_is_a_revision)

/* --- Rules that hold for whoever writes */

static void bad_rows_are_refused(enum sql_kind kind)
{
	static const char *const statements[] = {
		"INSERT INTO tenants (id, standing) VALUES ('x', 'dozing')",
		"INSERT INTO tenants (id, policy) VALUES ('x', '[]')",
		"INSERT INTO tenants (id, policy) VALUES ('x', '{')",
		"INSERT INTO tenants (id) VALUES ('')",
		"INSERT INTO top_ups (tenant, account, amount, period)"
		" VALUES ('a', 'gems', 1, '2026-11')",
		"INSERT INTO grants (tenant, node, boot, account, granted, settled)"
		" VALUES ('a', 'n', 'b', 'credit', 1, 2)",
		"UPDATE tenants SET policy = '7' WHERE id = 'a'",
	};
	struct store *store = open_new(kind);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO tenants (id) VALUES ('a')"), 0);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		CU_ASSERT_EQUAL(run(store, statements[i]), -EINVAL);
	CU_ASSERT_EQUAL(run(store, KEY "('nobody', 'k', 'EdDSA', 'x')"), -EEXIST);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM tenants"), 1);
	store_close(store);
}
ON_BOTH(bad_rows_are_refused)

#define ROW(ID, SEQUENCE)                                                                          \
	"INTO audit_logs VALUES ('" ID "', 'a', " SEQUENCE ", 's', 1, 0, 'minute_unit', 'video',"  \
	" 1, 1, 1, 0, 1, 'platform', 'p', 'x', '', 'n', 'b', 1, 2, "
#define HASHES_SQLITE   "zeroblob(32), zeroblob(32))"
#define HASHES_POSTGRES "decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))"
#define HEAD            "INTO ledger_heads VALUES ('a', 1, "

static void the_ledger_only_grows(enum sql_kind kind)
{
	static const char *const statements[] = {
		"UPDATE audit_logs SET cost_micros = 0",
		"UPDATE audit_logs SET id = id",
		"DELETE FROM audit_logs",
		"UPDATE ledger_heads SET size = 0",
		"DELETE FROM ledger_heads",
	};
	struct store *store = open_new(kind);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO tenants (id) VALUES ('a')"), 0);
	CU_ASSERT_EQUAL(run(store, json_set(store, "INSERT " ROW("r", "0") HASHES_SQLITE,
					    "INSERT " ROW("r", "0") HASHES_POSTGRES)),
			0);
	CU_ASSERT_EQUAL(
		run(store, json_set(store, "INSERT " HEAD "zeroblob(32), 1, 'k', zeroblob(64))",
				    "INSERT " HEAD "decode(repeat('00', 32), 'hex'), 1,"
				    " 'k', '')")),
		0);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		CU_ASSERT_EQUAL(run(store, statements[i]), -EPERM);
	if (kind == SQL_POSTGRES) {
		CU_ASSERT_EQUAL(run(store, "TRUNCATE audit_logs"), -EPERM);
		CU_ASSERT_EQUAL(run(store, "TRUNCATE ledger_heads"), -EPERM);
		CU_ASSERT_EQUAL(run(store, "TRUNCATE tenants CASCADE"), -EPERM);
		CU_ASSERT_EQUAL(run(store, "INSERT " ROW("r", "1") HASHES_POSTGRES), -EEXIST);
		CU_ASSERT_EQUAL(run(store, "INSERT " ROW("q", "0") HASHES_POSTGRES), -EEXIST);
	} else {
		CU_ASSERT_EQUAL(run(store, "REPLACE " ROW("r", "1") HASHES_SQLITE), -EPERM);
		CU_ASSERT_EQUAL(run(store, "REPLACE " ROW("q", "0") HASHES_SQLITE), -EPERM);
		CU_ASSERT_EQUAL(run(store, "REPLACE " HEAD "zeroblob(32), 2, 'k', zeroblob(64))"),
				-EPERM);
	}
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM audit_logs"), 1);
	CU_ASSERT_EQUAL(number(store, "SELECT count(*) FROM ledger_heads"), 1);
	store_close(store);
}
ON_BOTH(the_ledger_only_grows)

/* --- Documents */

static void expect_json(json_t *found, const char *expected)
{
	json_t *wanted = json_loads(expected, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(wanted);
	CU_ASSERT_TRUE(json_equal(found, wanted));
	if (!json_equal(found, wanted)) {
		json_dumpf(found, stderr, JSON_INDENT(1) | JSON_SORT_KEYS);
		fprintf(stderr, "\n");
	}
	json_decref(wanted);
}

static void a_tenants_document_has_its_plans_policy_under_its_own(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	json_t *document;
	CU_ASSERT_EQUAL(store_tenant_document(store, "a", &document), -ENOENT);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO plans (id, slice, policy) VALUES ('p', 'gold',"
				   " '{\"prices\": {\"video_micros\": 5, \"voice_micros\": 2},"
				   " \"budget\": {\"monthly_micros\": 9}, \"sessions_max\": 3}')"),
			0);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO tenants (id, name, plan, issuer, policy) VALUES"
				   " ('a', 'A \"1\"', 'p', 'https://a', '{\"prices\":"
				   " {\"video_micros\": 6}, \"sessions_max\": null,"
				   " \"access\": {\"domains\": [\"x\"]}}')"),
			0);
	CU_ASSERT_EQUAL(run(store, KEY "('a', 'k2', 'ES256', 'two'), ('a', 'k1', 'EdDSA', 'one')"),
			0);
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, "a", &document), 0);
	expect_json(document,
		    "{\"id\": \"a\", \"name\": \"A \\\"1\\\"\", \"standing\": \"active\","
		    " \"issuer\": \"https://a\", \"slice\": \"gold\", \"keys\": ["
		    "{\"id\": \"k1\", \"algorithm\": \"EdDSA\", \"public_key\": \"one\"},"
		    "{\"id\": \"k2\", \"algorithm\": \"ES256\", \"public_key\": \"two\"}],"
		    "\"policy\": {\"prices\": {\"video_micros\": 6, \"voice_micros\": 2},"
		    " \"budget\": {\"monthly_micros\": 9}, \"access\": {\"domains\": [\"x\"]}}}");
	json_decref(document);
	CU_ASSERT_EQUAL(run(store, "INSERT INTO tenants (id) VALUES ('b')"), 0);
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, "b", &document), 0);
	expect_json(document, "{\"id\": \"b\", \"standing\": \"active\", \"slice\": \"\","
			      " \"keys\": [], \"policy\": {}}");
	json_decref(document);
	store_close(store);
}
ON_BOTH(a_tenants_document_has_its_plans_policy_under_its_own)

static void a_slices_document_is_its_row(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	json_t *document;
	CU_ASSERT_EQUAL(store_slice_document(store, "x", &document), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(store_slice_document(store, "silver", &document), 0);
	expect_json(document, "{\"id\": \"silver\", \"sst\": 1, \"sd\": \"000002\","
			      " \"guaranteed_bps\": 200000000, \"max_bps\": 500000000,"
			      " \"latency_ms\": 100, \"five_qi\": 7}");
	json_decref(document);
	store_close(store);
}
ON_BOTH(a_slices_document_is_its_row)

static CU_TestInfo tests[] = {
	ROWS_OF(a_store_is_migrated_once),
	ROWS_OF(a_newer_schema_is_refused),
	ROWS_OF(a_reader_makes_nothing),
	ROWS_OF(migrations_that_meet_take_turns),
	ROWS_OF(every_change_is_a_revision),
	ROWS_OF(bad_rows_are_refused),
	ROWS_OF(the_ledger_only_grows),
	ROWS_OF(a_tenants_document_has_its_plans_policy_under_its_own),
	ROWS_OF(a_slices_document_is_its_row),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store", tests, store_fixture_start, store_fixture_stop)
