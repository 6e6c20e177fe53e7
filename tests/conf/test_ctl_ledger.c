/* nn5gctl ledger against real stores of both kinds, and against files: must-show 8, tampering. */
#include "tests/conf/store_fixture.h"

#include <jansson.h>

#include "conf/ledger_export.h"
#include "conf/store.h"
#include "tests/conf/ledger_fixture.h"
#include "tests/conf/program.h"

#define ROW_7 "row 7 (acme:00000000000000000000000000001003:2:7): "

static const char *url; /* of the store in hand */
static char where[POSTGRES_URL_BYTES];

static int folder_enter(void)
{
	return store_fixture_start() || chdir(store_folder);
}

static int folder_leave(void)
{
	return chdir("/") || store_fixture_stop();
}

static void key_write(const char *path, const struct ledger_key *key)
{
	FILE *file = fopen(path, "w");
	char *pem = ledger_key_public(key);
	fputs(pem, file);
	free(pem);
	fclose(file);
}

/* Twenty rows of "acme", a head after each five but the last; key.pem, other.pem. */
static void store_make(enum sql_kind kind)
{
	struct store *store;
	struct ledger_key *key, *other;
	strcpy(where, store_fixture_url(kind));
	url = where;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	CU_ASSERT_EQUAL_FATAL(
		sql_script(store_sql(store), "INSERT INTO tenants (id) VALUES ('acme'), ('acmex')"),
		0);
	CU_ASSERT_EQUAL_FATAL(ledger_key_parse(fixture_pem, &key), 0);
	CU_ASSERT_EQUAL_FATAL(ledger_key_parse(fixture_other_pem, &other), 0);
	for (unsigned int i = 0; i < FIXTURE_ROWS; i += 5) {
		struct usage_record records[5];
		enum store_verdict verdicts[5];
		for (unsigned int k = 0; k < 5; k++) {
			records[k] = fixture_record(i + k);
			records[k].cost_micros = usage_cost(records[k].unit, records[k].quantity_ms,
							    records[k].price_micros);
		}
		CU_ASSERT_EQUAL_FATAL(store_usage_commit(store, records, 5, verdicts), 0);
		CU_ASSERT_EQUAL(verdicts[4], STORE_COMMITTED);
		if (i < 15)
			CU_ASSERT_EQUAL_FATAL(store_ledger_sign(store, key, 1790000000000 + i), 0);
	}
	store_close(store);
	key_write("key.pem", key);
	key_write("other.pem", other);
	ledger_key_destroy(key);
	ledger_key_destroy(other);
}

/* As someone who may drop triggers. */
static void tamper(enum sql_kind kind, const char *script)
{
	struct sql *sql;
	CU_ASSERT_EQUAL_FATAL(sql_open(url, &sql), 0);
	CU_ASSERT_EQUAL_FATAL(
		sql_script(sql, kind == SQL_POSTGRES
					? "ALTER TABLE audit_logs DISABLE TRIGGER ALL;"
					  "ALTER TABLE ledger_heads DISABLE TRIGGER ALL"
					: "PRAGMA foreign_keys = OFF;"
					  "DROP TRIGGER IF EXISTS audit_logs_no_update;"
					  "DROP TRIGGER IF EXISTS audit_logs_no_delete;"
					  "DROP TRIGGER IF EXISTS audit_logs_no_replace;"
					  "DROP TRIGGER IF EXISTS ledger_heads_no_update;"
					  "DROP TRIGGER IF EXISTS ledger_heads_no_delete;"
					  "DROP TRIGGER IF EXISTS ledger_heads_no_replace"),
		0);
	if (sql_script(sql, script)) {
		printf("\n%s", script);
		CU_FAIL("the store does not take it");
	}
	sql_close(sql);
}

static void sound_ledgers_verify(enum sql_kind kind)
{
	store_make(kind);
	program_run("nn5gctl", "ledger verify --store %s", url);
	program_expect(0, "tenant acme: 20 rows, 3 heads: sound; no head covers the last 5 rows",
		       "");
	program_expect(0, "judged by the keys that the ledger itself records", "");
	program_run("nn5gctl", "ledger verify --store %s --key key.pem", url);
	program_expect(0, "sound", "");
	CU_ASSERT_PTR_NULL(strstr(program_result.out, "judged by"));
	program_run("nn5gctl", "ledger verify --store %s --key other.pem", url);
	program_expect(1, "acme, head of size 5: signed with a key that is not trusted", "");
	program_run("nn5gctl", "ledger verify --store %s --json --tenant acme", url);
	program_expect(0, "", "");
	json_t *result = json_loads(program_result.out, 0, NULL);
	CU_ASSERT(json_is_true(json_object_get(result, "sound")));
	const json_t *tenant = json_array_get(json_object_get(result, "tenants"), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(tenant, "rows")), 20);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(tenant, "rows_signed")), 15);
	json_decref(result);
	program_run("nn5gctl", "ledger verify --store %s --tenant nobody", url);
	program_expect(1, "", "tenant nobody has no ledger there");
}
ON_BOTH(sound_ledgers_verify)

/* Each column of a row: what it becomes, and back. A copy of the store after each would cost much
 * and show no more. */
static void any_changed_column_names_the_row(enum sql_kind kind)
{
	static const struct {
		const char *column, *to, *back;
	} columns[] = {
#define TEXT(column) {column, column " || 'x'", "substr(" column ", 1, length(" column ") - 1)"}
#define NUMBER(column)                                                                             \
	{                                                                                          \
		column, column " + 1", column " - 1"                                               \
	}
		TEXT("id"),
		TEXT("session"),
		NUMBER("epoch"),
		NUMBER("part"),
		TEXT("unit"),
		TEXT("kind"),
		NUMBER("quantity_ms"),
		NUMBER("price_micros"),
		NUMBER("cost_micros"),
		NUMBER("creator_micros"),
		NUMBER("platform_micros"),
		TEXT("split"),
		TEXT("provider_id"),
		TEXT("stream"),
		TEXT("slice"),
		TEXT("node"),
		TEXT("boot"),
		NUMBER("opened_at"),
		NUMBER("closed_at"),
		{"quantity_ms", "-quantity_ms", "-quantity_ms"},
		{"epoch", "epoch + 4294967296", "epoch - 4294967296"},
	};
	store_make(kind);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		char script[256];
		snprintf(script, sizeof(script), "UPDATE audit_logs SET %s = %s WHERE sequence = 7",
			 columns[i].column, columns[i].to);
		tamper(kind, script);
		program_run("nn5gctl", "ledger verify --store %s", url);
		program_expect(1, "tenant acme, row 7 ", "");
		program_expect(1, "changed: its fields do not give its hash", "");
		snprintf(script, sizeof(script), "UPDATE audit_logs SET %s = %s WHERE sequence = 7",
			 columns[i].column, columns[i].back);
		tamper(kind, script);
	}
	program_run("nn5gctl", "ledger verify --store %s", url);
	program_expect(0, "sound", "");
}
ON_BOTH(any_changed_column_names_the_row)

/* What SQLite lets a column hold besides what is declared. */
static void strange_values_in_sqlite_are_found(void)
{
	static const char *const sets[] = {
		"quantity_ms = quantity_ms || 'x'",
		"quantity_ms = quantity_ms + 0.5",
		"epoch = CAST(epoch AS BLOB)",
		"stream = CAST(stream AS BLOB)",
		"stream = stream || char(0) || 'x'",
		"kind = kind || char(0) || 'x'",
		"unit = unit || char(0)",
		"hash = hash || x'00'",
		"previous_hash = CAST(previous_hash AS TEXT)",
	};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		char script[256];
		store_make(SQL_SQLITE);
		snprintf(script, sizeof(script),
			 "PRAGMA ignore_check_constraints = ON;"
			 "UPDATE audit_logs SET %s WHERE sequence = 7",
			 sets[i]);
		tamper(SQL_SQLITE, script);
		program_run("nn5gctl", "ledger verify --store %s", url);
		if (program_result.code == 0)
			printf("\n%s", sets[i]);
		program_expect(1, "tenant acme, row 7 ", "");
	}
}

static const struct {
	const char *script, *told;
} tamperings[] = {
	{"UPDATE audit_logs SET tenant = 'acmex' WHERE sequence = 7", "acme, row 7: missing"},
	{"UPDATE audit_logs SET sequence = 1007 WHERE sequence = 7", "acme, row 7: missing"},
	{"UPDATE audit_logs SET hash = previous_hash WHERE sequence = 7", ROW_7 "changed"},
	{"UPDATE audit_logs SET previous_hash = hash WHERE sequence = 7", ROW_7 "changed"},
	{"UPDATE audit_logs SET previous_hash = hash WHERE sequence = 7", ROW_7 "the chain"},
	{"DELETE FROM audit_logs WHERE sequence = 7", "acme, row 7: missing; the next is row 8"},
	{"DELETE FROM audit_logs WHERE sequence < 3",
	 "acme, row 0: missing, and all up to row 2; the next is row 3"},
	{"UPDATE audit_logs SET sequence = 1000 WHERE sequence = 7;"
	 "UPDATE audit_logs SET sequence = 7 WHERE sequence = 8;"
	 "UPDATE audit_logs SET sequence = 8 WHERE sequence = 1000",
	 "row 8 (acme:00000000000000000000000000001003:2:7): changed"},
	{"DELETE FROM audit_logs WHERE sequence >= 12",
	 "acme, row 12: missing: the end was cut; the store says there are 20 rows"},
	{"DELETE FROM audit_logs WHERE sequence >= 12; UPDATE ledgers SET size = 12,"
	 " last_hash = (SELECT hash FROM audit_logs WHERE sequence = 11)",
	 "acme, row 12: missing: the end was cut; a head of 15 rows was signed"},
	{"UPDATE ledgers SET last_hash = (SELECT hash FROM audit_logs WHERE sequence = 3)",
	 "changed: the store says the last hash is another"},
	{"UPDATE ledgers SET size = 19,"
	 " last_hash = (SELECT hash FROM audit_logs WHERE sequence = 18)",
	 "row 19 (acme:00000000000000000000000000001009:2:19): the store says there are only 19"},
	{"UPDATE ledger_heads SET root = (SELECT hash FROM audit_logs WHERE sequence = 3)"
	 " WHERE size = 10",
	 "acme, row 5: forked: the head of size 10 has not the root of these rows"},
	{"UPDATE ledger_heads SET root = (SELECT root FROM ledger_heads WHERE size = 15)"
	 " WHERE size = 10",
	 "acme, head of size 10: bad signature"},
	{"UPDATE ledger_heads SET size = 11 WHERE size = 10", "acme, head of size 11: bad sig"},
	{"UPDATE ledger_heads SET signed_at = signed_at + 1 WHERE size = 10",
	 "acme, head of size 10: bad signature"},
	{"UPDATE ledger_heads SET signature = root WHERE size = 10",
	 "acme, head of size 10: bad signature"},
	{"UPDATE ledger_heads SET key_id = key_id || '0' WHERE size = 10",
	 "acme, head of size 10: signed with a key that is not trusted"},
	{"DELETE FROM ledger_heads WHERE size = 15",
	 "acme: heads are missing: the store says that one of 15 rows was signed"},
	{"DELETE FROM ledger_heads", "acme: heads are missing"},
	{"UPDATE audit_logs SET sequence = 9223372036854775807 WHERE sequence = 19",
	 "acme, row 19: missing"},
	{"DELETE FROM ledger_keys", "acme, head of size 5: no key to judge signatures by"},
};

static void every_tampering_is_found_and_named(enum sql_kind kind)
{
	for (size_t i = 0; i < sizeof(tamperings) / sizeof(tamperings[0]); i++) {
		store_make(kind);
		tamper(kind, tamperings[i].script);
		program_run("nn5gctl", "ledger verify --store %s", url);
		program_expect(1, tamperings[i].told, "");
	}
}
ON_BOTH(every_tampering_is_found_and_named)

static void saved_heads_find_a_ledger_cut_as_a_whole(enum sql_kind kind)
{
	store_make(kind);
	program_run("nn5gctl", "ledger head --store %s --tenant acme", url);
	program_expect(0, "\"size\": 15", "");
	program_save("saved.json");
	program_run("nn5gctl", "ledger verify --store %s --head saved.json", url);
	program_expect(0, "sound", "");
	tamper(kind, "DELETE FROM audit_logs WHERE sequence >= 12;"
		     "DELETE FROM ledger_heads WHERE size > 12;"
		     "UPDATE ledgers SET size = 12, head_size = 10,"
		     " last_hash = (SELECT hash FROM audit_logs WHERE sequence = 11)");
	program_run("nn5gctl", "ledger verify --store %s", url);
	program_expect(0, "tenant acme: 12 rows, 2 heads: sound", "");
	program_run("nn5gctl", "ledger verify --store %s --head saved.json", url);
	program_expect(1, "head of size 15: the end was cut: the saved head has 15 rows", "");
	tamper(kind, "DELETE FROM audit_logs; DELETE FROM ledger_heads; DELETE FROM ledgers");
	program_run("nn5gctl", "ledger verify --store %s --head saved.json", url);
	program_expect(1, "head of size 15: the end was cut: the saved head has 15 rows", "");
	program_run("nn5gctl", "ledger verify --store %s", url);
	program_expect(1, "", "no tenant has a ledger there");
}
ON_BOTH(saved_heads_find_a_ledger_cut_as_a_whole)

/* --- Files: the rest needs no database ------------------------------------------------------- */

static void export_write(const char *path)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open_readonly(url, &store), 0);
	FILE *out = fopen(path, "w");
	CU_ASSERT_EQUAL_FATAL(ledger_export_write(store, "acme", NULL, 1790009999000, out), 0);
	fclose(out);
	store_close(store);
}

/* In a file, the first `from` becomes `to`, as long. */
static void file_edit(const char *path, const char *from, const char *to)
{
	static char bytes[1 << 17];
	FILE *file = fopen(path, "r+");
	size_t n = fread(bytes, 1, sizeof(bytes), file);
	char *at = memmem(bytes, n, from, strlen(from));
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL_FATAL(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
	rewind(file);
	fwrite(bytes, 1, n, file);
	fclose(file);
}

static void exports_verify_anywhere(enum sql_kind kind)
{
	store_make(kind);
	program_run("nn5gctl", "ledger head --store %s --tenant acme", url);
	program_save("saved.json");
	export_write("acme.jsonl");
	program_run("nn5gctl", "ledger verify --export acme.jsonl --key key.pem --head saved.json");
	program_expect(0, "tenant acme: 20 rows, 3 heads: sound", "");
	program_run("nn5gctl", "ledger verify --export acme.jsonl --tenant other");
	program_expect(1, "not the ledger asked for, of tenant other", "");
	program_run("nn5gctl", "ledger head --export acme.jsonl --tenant acme");
	program_expect(0, "\"size\": 15", "");
	file_edit("acme.jsonl", "\"sequence\":7,\"unit\":\"token_unit\"",
		  "\"sequence\":8,\"unit\":\"token_unit\"");
	program_run("nn5gctl", "ledger verify --export acme.jsonl");
	program_expect(1, ROW_7 "line 10: id: expected", "");
	file_edit("acme.jsonl", "nn5g-export", "nn5g-expert");
	program_run("nn5gctl", "ledger verify --export acme.jsonl");
	program_expect(1, "", "acme.jsonl: not an export");
	unlink("acme.jsonl");
}
ON_BOTH(exports_verify_anywhere)

static void proofs_hold_offline(void)
{
	store_make(SQL_SQLITE);
	program_run("nn5gctl", "ledger head --store %s --tenant acme", url);
	program_save("saved.json");
	program_run("nn5gctl",
		    "ledger proof --store %s --tenant acme --id "
		    "acme:00000000000000000000000000001003:2:7",
		    url);
	program_expect(0, "\"type\": \"inclusion\"", "");
	program_save("row.json");
	program_run("nn5gctl", "ledger verify --proof row.json --key key.pem");
	program_expect(0, "tenant acme, row 7 (acme:00000000000000000000000000001003:2:7): in the",
		       "");
	program_run("nn5gctl", "ledger verify --proof row.json --head saved.json --json");
	program_expect(0, "\"sound\": true", "");
	program_run("nn5gctl", "ledger verify --proof row.json --key other.pem");
	program_expect(1, "its head is not signed with the key given", "");
	program_run("nn5gctl", "ledger verify --proof row.json");
	program_expect(2, "", "a key (--key) or a saved head (--head) is needed");
	file_edit("row.json", "\"index\": 7", "\"index\": 6");
	program_run("nn5gctl", "ledger verify --proof row.json --key key.pem");
	program_expect(1, "index: expected the row's sequence", "");
	file_edit("row.json", "\"index\": 6", "\"index\": 7");
	file_edit("row.json", "\"provider_id\": \"whip:live\"", "\"provider_id\": \"whip:dead\"");
	program_run("nn5gctl", "ledger verify --proof row.json --key key.pem --json");
	program_expect(1, "its row was changed", "");

	program_run("nn5gctl", "ledger proof --store %s --tenant acme --consistency 10", url);
	program_expect(0, "\"type\": \"consistency\"", "");
	program_save("growth.json");
	program_run("nn5gctl", "ledger verify --proof growth.json --key key.pem");
	program_expect(0, "the tree of 15 rows continues that of 10", "");
	program_run("nn5gctl", "ledger verify --proof growth.json --head saved.json");
	program_expect(0, "the tree of 15 rows continues that of 10", "");
	file_edit("growth.json", "\"from\": 10", "\"from\": 11");
	program_run("nn5gctl", "ledger verify --proof growth.json --key key.pem");
	program_expect(1, "its path does not lead from one root to the other", "");
}

static void proofs_that_cannot_be_made_are_told(void)
{
	store_make(SQL_SQLITE);
	program_run("nn5gctl", "ledger proof --store %s --tenant acme --id none", url);
	program_expect(1, "", "no row has the id none");
	program_run("nn5gctl",
		    "ledger proof --store %s --tenant acme --id "
		    "acme:00000000000000000000000000001009:2:19",
		    url);
	program_expect(1, "", "row 19 is not in the tree of 15 rows");
	program_run("nn5gctl", "ledger proof --store %s --tenant acme --consistency 16", url);
	program_expect(1, "", "16 rows are more than the 15 of the tree");
	program_run("nn5gctl", "ledger proof --store %s --tenant acme --consistency 1 --size 21",
		    url);
	program_expect(1, "", "the ledger has 20 rows, fewer than 21");
	program_run("nn5gctl", "ledger proof --store %s --tenant acmex --consistency 0", url);
	program_expect(1, "", "no head was signed yet");
	program_run("nn5gctl", "ledger head --store %s --tenant acmex", url);
	program_expect(1, "", "tenant acmex: no head was signed yet");
	tamper(SQL_SQLITE, "DELETE FROM audit_logs WHERE sequence = 7");
	program_run("nn5gctl", "ledger proof --store %s --tenant acme --consistency 1", url);
	program_expect(1, "", "the ledger has faults and proves nothing");
}

static void wrong_use_is_told(void)
{
	static const struct {
		const char *line;
		int code;
		const char *told;
	} rows[] = {
		{"ledger verify", 2, "no store: tried state/store.db"},
		{"ledger verify --store sqlite:a --export b", 2, "expected one of them"},
		{"ledger verify --store mysql:a", 1, "mysql:a: the store cannot be read"},
		{"ledger verify --store sqlite:missing.db", 1, "the store cannot be read"},
		{"ledger verify --export missing.jsonl", 1, "missing.jsonl: No such file"},
		{"ledger verify --export .", 1, "line 1: Is a directory"},
		{"ledger verify --export key.pem", 1, "key.pem: not an export"},
		{"ledger verify --key missing.pem", 1, "missing.pem: No such file"},
		{"ledger verify --key text", 1, "text: found no key, expected Ed25519"},
		{"ledger verify --head key.pem", 1, "key.pem:1: no JSON"},
		{"ledger verify --head {}", 1, "{}: No such file"},
		{"ledger verify --head empty.json", 1, "empty.json: not a head: tenant: expected"},
		{"ledger head", 2, "tenant: must be given"},
		{"ledger proof --tenant a", 2, "--id and --consistency: expected one"},
		{"ledger proof --tenant a --id b --consistency 1", 2, "expected one of them"},
		{"ledger proof --tenant a --id b --size 0", 2, "--size: found \"0\""},
		{"ledger proof --tenant a --consistency x", 2, "--consistency: found \"x\""},
	};
	store_make(SQL_SQLITE);
	FILE *file = fopen("empty.json", "w");
	fputs("{}", file);
	fclose(file);
	file = fopen("text", "w");
	fputs("no key", file);
	fclose(file);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		program_run("nn5gctl", "%s", rows[i].line);
		program_expect(rows[i].code, "", rows[i].told);
	}
	program_run("nn5gctl", "ledger verify --proof empty.json --key key.pem");
	program_expect(1, "empty.json: type: expected inclusion or consistency", "");
	CU_ASSERT_NOT_EQUAL(access("missing.db", F_OK), 0);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROWS_OF(sound_ledgers_verify),
	ROWS_OF(any_changed_column_names_the_row),
	ROW(strange_values_in_sqlite_are_found),
	ROWS_OF(every_tampering_is_found_and_named),
	ROWS_OF(saved_heads_find_a_ledger_cut_as_a_whole),
	ROWS_OF(exports_verify_anywhere),
	ROW(proofs_hold_offline),
	ROW(proofs_that_cannot_be_made_are_told),
	ROW(wrong_use_is_told),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("ctl_ledger", tests, folder_enter, folder_leave)
