/* Ledgers as the store gives them back, on both databases: whole, signed, and with whatever was
 * tampered with to be found. THREADED: control planes that sign at once. */
#include "tests/conf/store_ledger_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static struct ledger_key *key_make(void)
{
	static unsigned int n;
	char path[128];
	struct ledger_key *key;
	snprintf(path, sizeof(path), "%s/key%u.pem", store_folder, ++n);
	CU_ASSERT_EQUAL_FATAL(ledger_key_load(path, true, &key), 0);
	return key;
}

/* `n` records of a tenant, from a sequence on. */
static void commit(struct store *store, const char *tenant, uint32_t from, uint32_t n)
{
	struct usage_record *records = calloc(n, sizeof(*records));
	enum store_verdict *verdicts = calloc(n, sizeof(*verdicts));
	for (uint32_t i = 0; i < n; i++)
		records[i] = usage_fixture(tenant, from + i, 100 + i);
	CU_ASSERT_EQUAL_FATAL(store_usage_commit(store, records, n, verdicts), 0);
	free(verdicts);
	free(records);
}

static struct store *open_with_tenants(enum sql_kind kind)
{
	struct store *store = store_fixture_open(kind);
	store_fixture_run(store, "INSERT INTO tenants (id) VALUES ('a'), ('b'), ('c')");
	return store;
}

/* --- Reading */

struct rows {
	struct ledger_row row[4];
	unsigned int n;
};

static int take_row(void *context, const struct ledger_row *row)
{
	struct rows *rows = context;
	CU_ASSERT_FATAL(rows->n < 4);
	rows->row[rows->n++] = *row;
	return 0;
}

static void fill(char *text, size_t size, const char *pattern)
{
	size_t length = strlen(pattern);
	for (size_t i = 0; i + length < size; i += length)
		memcpy(text + i, pattern, length);
}

/* Every field at its longest and largest. */
static struct usage_record largest_record(void)
{
	struct usage_record record = {.epoch = UINT32_MAX,
				      .sequence = UINT32_MAX,
				      .unit = USAGE_MINUTE,
				      .kind = USAGE_VOICE,
				      .quantity_ms = INT64_MAX,
				      .price_micros = 60001,
				      .opened_at_ms = INT64_MIN,
				      .closed_at_ms = 253402300799999}; /* the year 9999 */
	strcpy(record.tenant, "b");
	fill(record.id, sizeof(record.id), "i");
	fill(record.session, sizeof(record.session), "s");
	fill(record.split, sizeof(record.split), "x");
	fill(record.provider_id, sizeof(record.provider_id), "\xc3\xa4'\"\\");
	fill(record.stream, sizeof(record.stream), "%");
	fill(record.slice, sizeof(record.slice), "\xe2\x82\xac");
	fill(record.node, sizeof(record.node), "n");
	fill(record.boot, sizeof(record.boot), "b");
	record.cost_micros = INT64_MAX;
	return record;
}

static void rows_come_back_as_they_were_sealed(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	struct usage_record records[] = {usage_fixture("a", 0, 5), largest_record()};
	enum store_verdict verdicts[2];
	CU_ASSERT_EQUAL(store_usage_commit(store, records, 2, verdicts), 0);
	CU_ASSERT_EQUAL(verdicts[1], STORE_COMMITTED);
	records[0].cost_micros = 5;
	const char *const tenants[] = {"a", "b"};
	for (int i = 0; i < 2; i++) {
		struct rows rows = {.n = 0};
		CU_ASSERT_EQUAL(store_ledger_rows(store, tenants[i], 0, take_row, &rows), 0);
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		struct ledger_row sealed = {.usage = records[i]};
		ledger_row_seal(&sealed);
		CU_ASSERT_EQUAL(memcmp(&rows.row[0].usage, &records[i], sizeof(records[i])), 0);
		CU_ASSERT_EQUAL(memcmp(&rows.row[0].hash, &sealed.hash, MERKLE_BYTES), 0);
		CU_ASSERT_EQUAL(rows.row[0].creator_micros, sealed.creator_micros);
		CU_ASSERT_EQUAL(rows.row[0].platform_micros, sealed.platform_micros);
	}
	store_close(store);
}
ON_BOTH(rows_come_back_as_they_were_sealed)

struct counted {
	int64_t next, stop_at;
};

static int count_row(void *context, const struct ledger_row *row)
{
	struct counted *counted = context;
	CU_ASSERT_EQUAL(row->sequence, counted->next);
	counted->next++;
	return row->sequence == counted->stop_at ? -ECANCELED : 0;
}

static void a_long_ledger_is_read_in_order_from_anywhere(enum sql_kind kind)
{
	enum { N = 2001 };
	struct store *store = open_with_tenants(kind);
	commit(store, "a", 0, N);
	commit(store, "b", 0, 3);
	static const struct {
		int64_t from, stop_at, next;
		int rc;
	} rows[] = {{0, -1, N, 0},
		    {1000, -1, N, 0},
		    {N - 1, -1, N, 0},
		    {N, -1, N, 0},
		    {0, 1500, 1501, -ECANCELED}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct counted counted = {rows[i].from, rows[i].stop_at};
		CU_ASSERT_EQUAL(store_ledger_rows(store, "a", rows[i].from, count_row, &counted),
				rows[i].rc);
		CU_ASSERT_EQUAL(counted.next, rows[i].next);
	}
	store_close(store);
}
ON_BOTH(a_long_ledger_is_read_in_order_from_anywhere)

static int append_name(void *context, const char *name)
{
	strcat(context, name);
	strcat(context, " ");
	return 0;
}

static void a_ledger_has_a_state(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	struct merkle_hash last, none = {{0}};
	int64_t size = -1;
	char names[64] = "";
	CU_ASSERT_EQUAL(store_ledger_state(store, "a", &size, &last), 0);
	CU_ASSERT_EQUAL(size, 0);
	CU_ASSERT_EQUAL(memcmp(&last, &none, sizeof(last)), 0);
	commit(store, "b", 0, 2);
	commit(store, "a", 0, 1);
	struct rows rows = {.n = 0};
	CU_ASSERT_EQUAL(store_ledger_rows(store, "b", 0, take_row, &rows), 0);
	CU_ASSERT_EQUAL(store_ledger_state(store, "b", &size, &last), 0);
	CU_ASSERT_EQUAL(size, 2);
	CU_ASSERT_EQUAL(memcmp(&last, &rows.row[1].hash, sizeof(last)), 0);
	CU_ASSERT_EQUAL(store_ledger_tenants(store, append_name, names), 0);
	CU_ASSERT_STRING_EQUAL(names, "a b ");
	store_close(store);
}
ON_BOTH(a_ledger_has_a_state)

/* --- Heads */

struct heads {
	struct ledger_head head[16];
	unsigned int n;
};

static int take_head(void *context, const struct ledger_head *head)
{
	struct heads *heads = context;
	CU_ASSERT_FATAL(heads->n < 16);
	heads->head[heads->n++] = *head;
	return 0;
}

static struct heads heads_of(struct store *store, const char *tenant)
{
	struct heads heads = {.n = 0};
	CU_ASSERT_EQUAL(store_ledger_heads(store, tenant, take_head, &heads), 0);
	return heads;
}

static int take_key(void *context, const char *id, const char *pem)
{
	struct ledger_key **key = context;
	CU_ASSERT_PTR_NULL(*key);
	CU_ASSERT_EQUAL(ledger_key_parse(pem, key), 0);
	CU_ASSERT_STRING_EQUAL(ledger_key_id(*key), id);
	return 0;
}

static void each_ledger_that_grew_gets_a_head(enum sql_kind kind)
{
	static const struct {
		uint32_t a, b; /* rows added */
	} steps[] = {{1, 0}, {0, 0}, {1, 3}, {5, 0}, {1200, 1}, {1, 0}};
	struct store *store = open_with_tenants(kind);
	struct ledger_key *key = key_make();
	uint32_t a = 0, b = 0;
	unsigned int heads_a = 0, heads_b = 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].a)
			commit(store, "a", a, steps[i].a);
		if (steps[i].b)
			commit(store, "b", b, steps[i].b);
		a += steps[i].a, b += steps[i].b;
		heads_a += steps[i].a > 0, heads_b += steps[i].b > 0;
		CU_ASSERT_EQUAL(store_ledger_sign(store, key, NOVEMBER_MS + (int64_t)i), 0);
		CU_ASSERT_EQUAL(heads_of(store, "b").n, heads_b);
		struct heads heads = heads_of(store, "a");
		CU_ASSERT_EQUAL_FATAL(heads.n, heads_a);
		CU_ASSERT_EQUAL(heads.head[heads_a - 1].size, a);
		CU_ASSERT_TRUE(ledger_head_is_signed(&heads.head[heads_a - 1], key));
	}
	/* Who verifies needs nothing but what is in the store. */
	struct ledger_key *published = NULL;
	CU_ASSERT_EQUAL(store_ledger_keys(store, take_key, &published), 0);
	uint64_t size;
	CU_ASSERT_EQUAL(ledger_fixture_faults(store, "a", published, &size), 0);
	CU_ASSERT_EQUAL(size, a);
	CU_ASSERT_EQUAL(ledger_fixture_faults(store, "b", published, &size), 0);
	CU_ASSERT_EQUAL(size, b);
	ledger_key_destroy(published);
	ledger_key_destroy(key);
	store_close(store);
}
ON_BOTH(each_ledger_that_grew_gets_a_head)

struct signer {
	const char *url;
	struct ledger_key *key;
	int rc;
};

static void *sign_often(void *context)
{
	struct signer *signer = context;
	struct store *store;
	signer->rc = store_open(signer->url, &store);
	if (signer->rc)
		return NULL;
	for (int i = 0; signer->rc == 0 && i < 50; i++)
		signer->rc = store_ledger_sign(store, signer->key, NOVEMBER_MS);
	store_close(store);
	return NULL;
}

static void two_that_sign_at_once_make_one_head(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	store_fixture_run(store, "INSERT INTO tenants (id) VALUES ('a')");
	struct signer signers[2] = {{url, key_make(), -1}, {url, key_make(), -1}};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, sign_often, &signers[i]),
				      0);
	for (uint32_t i = 0; i < 12; i++)
		commit(store, "a", i, 1);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(signers[i].rc, 0);
	}
	CU_ASSERT_EQUAL(store_ledger_sign(store, signers[0].key, NOVEMBER_MS), 0);
	struct heads heads = heads_of(store, "a");
	CU_ASSERT_TRUE(heads.n > 0);
	for (unsigned int i = 0; i < heads.n; i++) {
		CU_ASSERT_TRUE(i == 0 || heads.head[i].size > heads.head[i - 1].size);
		CU_ASSERT_TRUE(ledger_head_is_signed(&heads.head[i], signers[0].key) ||
			       ledger_head_is_signed(&heads.head[i], signers[1].key));
	}
	CU_ASSERT_EQUAL(heads.head[heads.n - 1].size, 12);
	for (int i = 0; i < 2; i++)
		ledger_key_destroy(signers[i].key);
	store_close(store);
}
ON_BOTH(two_that_sign_at_once_make_one_head)

static void a_ledger_with_a_hole_is_not_signed(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	struct ledger_key *key = key_make();
	commit(store, "a", 0, 5);
	commit(store, "b", 0, 5);
	store_fixture_run(store, kind == SQL_SQLITE ? "DROP TRIGGER audit_logs_no_delete"
						    : "DROP TRIGGER audit_logs_append_only"
						      " ON audit_logs");
	store_fixture_run(store, "DELETE FROM audit_logs WHERE tenant = 'a' AND sequence = 2");
	CU_ASSERT_EQUAL(store_ledger_sign(store, key, NOVEMBER_MS), -EBADMSG);
	CU_ASSERT_EQUAL(heads_of(store, "a").n, 0);
	CU_ASSERT_EQUAL(heads_of(store, "b").n, 1);
	ledger_key_destroy(key);
	store_close(store);
}
ON_BOTH(a_ledger_with_a_hole_is_not_signed)

/* --- Tampering */

static void whatever_is_changed_is_found(enum sql_kind kind)
{
	static const char *const changes[] = {
		"UPDATE audit_logs SET id = 'a:s:1:77' WHERE sequence = 2",
		"UPDATE audit_logs SET session = 'S' WHERE sequence = 2",
		"UPDATE audit_logs SET session = session || '0123456789012345678901234567890123'"
		" WHERE sequence = 2",
		"UPDATE audit_logs SET epoch = 2 WHERE sequence = 2",
		"UPDATE audit_logs SET epoch = epoch + 4294967296 WHERE sequence = 2",
		"UPDATE audit_logs SET part = part + 100 WHERE sequence = 2",
		"UPDATE audit_logs SET part = -part WHERE sequence = 2",
		"UPDATE audit_logs SET unit = 'token_unit' WHERE sequence = 2",
		"UPDATE audit_logs SET unit = 'minute-unit' WHERE sequence = 2",
		"UPDATE audit_logs SET kind = 'voice' WHERE sequence = 2",
		"UPDATE audit_logs SET kind = 'Video' WHERE sequence = 2",
		"UPDATE audit_logs SET quantity_ms = quantity_ms - 1 WHERE sequence = 2",
		"UPDATE audit_logs SET price_micros = 60001 WHERE sequence = 2",
		"UPDATE audit_logs SET cost_micros = 0 WHERE sequence = 2",
		"UPDATE audit_logs SET creator_micros = 0 WHERE sequence = 2",
		"UPDATE audit_logs SET platform_micros = 0 WHERE sequence = 2",
		"UPDATE audit_logs SET creator_micros = creator_micros + 1,"
		" platform_micros = platform_micros - 1 WHERE sequence = 2",
		"UPDATE audit_logs SET split = 'platform' WHERE sequence = 2",
		"UPDATE audit_logs SET provider_id = 'whip:LIVE' WHERE sequence = 2",
		"UPDATE audit_logs SET stream = '' WHERE sequence = 2",
		"UPDATE audit_logs SET slice = 'silver' WHERE sequence = 2",
		"UPDATE audit_logs SET node = 'n2' WHERE sequence = 2",
		"UPDATE audit_logs SET boot = 'b2' WHERE sequence = 2",
		"UPDATE audit_logs SET opened_at = opened_at + 1 WHERE sequence = 2",
		"UPDATE audit_logs SET closed_at = closed_at + 1 WHERE sequence = 2",
		"UPDATE audit_logs SET previous_hash = hash WHERE sequence = 2",
		"UPDATE audit_logs SET hash = previous_hash WHERE sequence = 2",
		"UPDATE audit_logs SET sequence = 99 WHERE sequence = 2",
		"UPDATE audit_logs SET tenant = 'b' WHERE sequence = 2",
		"DELETE FROM audit_logs WHERE sequence = 0",
		"DELETE FROM audit_logs WHERE sequence = 2",
		"DELETE FROM audit_logs WHERE sequence = 4",
		"DELETE FROM audit_logs",
		"UPDATE ledgers SET size = size - 1",
		"UPDATE ledgers SET last_hash = NULL",
		"UPDATE ledger_heads SET size = size + 1 WHERE size = 3",
		"UPDATE ledger_heads SET signed_at = signed_at + 1",
		"UPDATE ledger_heads SET key_id = 'x'",
	};
	static const char *const triggers[][2] = {
		{"DROP TRIGGER audit_logs_no_update", "DROP TRIGGER audit_logs_append_only"
						      " ON audit_logs"},
		{"DROP TRIGGER audit_logs_no_delete", "DROP TRIGGER ledger_heads_append_only"
						      " ON ledger_heads"},
		{"DROP TRIGGER ledger_heads_no_update", "SELECT 1"},
	};
	struct store *store = open_with_tenants(kind);
	struct ledger_key *key = key_make();
	uint64_t size;
	commit(store, "a", 0, 3);
	CU_ASSERT_EQUAL(store_ledger_sign(store, key, NOVEMBER_MS), 0);
	commit(store, "a", 3, 2);
	for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		store_fixture_run(store, triggers[i][kind == SQL_POSTGRES]);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		CU_ASSERT_EQUAL(ledger_fixture_faults(store, "a", key, &size), 0);
		CU_ASSERT_EQUAL(sql_script(store_sql(store), "BEGIN"), 0);
		store_fixture_run(store, changes[i]);
		unsigned int faults = ledger_fixture_faults(store, "a", key, &size);
		CU_ASSERT_TRUE(faults > 0);
		if (faults == 0)
			fprintf(stderr, "not found: %s\n", changes[i]);
		CU_ASSERT_EQUAL(sql_script(store_sql(store), "ROLLBACK"), 0);
	}
	ledger_key_destroy(key);
	store_close(store);
}
ON_BOTH(whatever_is_changed_is_found)

/* SQLite keeps any type in any column. */
static void a_column_of_another_type_is_found(void)
{
	static const char *const changes[] = {
		"UPDATE audit_logs SET stream = CAST(stream AS BLOB) WHERE sequence = 1",
		"UPDATE audit_logs SET stream = stream || char(0) || 'x' WHERE sequence = 1",
		"UPDATE audit_logs SET cost_micros = CAST(cost_micros AS BLOB) WHERE sequence = 1",
		"UPDATE audit_logs SET hash = hex(hash) WHERE sequence = 1",
	};
	struct store *store = open_with_tenants(SQL_SQLITE);
	uint64_t size;
	commit(store, "a", 0, 3);
	store_fixture_run(store, "DROP TRIGGER audit_logs_no_update");
	store_fixture_run(store, "PRAGMA ignore_check_constraints = ON");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		CU_ASSERT_EQUAL(ledger_fixture_faults(store, "a", NULL, &size), 0);
		CU_ASSERT_EQUAL(sql_script(store_sql(store), "BEGIN"), 0);
		store_fixture_run(store, changes[i]);
		CU_ASSERT_TRUE(ledger_fixture_faults(store, "a", NULL, &size) > 0);
		CU_ASSERT_EQUAL(sql_script(store_sql(store), "ROLLBACK"), 0);
	}
	store_close(store);
}

static CU_TestInfo tests[] = {
	ROWS_OF(rows_come_back_as_they_were_sealed),
	ROWS_OF(a_long_ledger_is_read_in_order_from_anywhere),
	ROWS_OF(a_ledger_has_a_state),
	ROWS_OF(each_ledger_that_grew_gets_a_head),
	ROWS_OF(two_that_sign_at_once_make_one_head),
	ROWS_OF(a_ledger_with_a_hole_is_not_signed),
	ROWS_OF(whatever_is_changed_is_found),
	{"a_column_of_another_type_is_found", a_column_of_another_type_is_found},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_ledger", tests, store_fixture_start, store_fixture_stop)
