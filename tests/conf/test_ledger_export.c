/* Exports: what is written reads back and verifies, whatever is changed in the file is found, and a
 * store that is in use is read as one ledger. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/ledger_export.h"
#include "conf/ledger_reader.h"
#include "tests/conf/ledger_store.h"

static struct ledger_fixture ledger;

/* --- Reading with a check -------------------------------------------------------------------- */

struct audit {
	struct ledger_check *check;
	struct ledger_key *key;
	unsigned int faults, rows, heads;
	FILE *report;
};

static void on_tenant(void *context, const char *tenant)
{
	struct audit *audit = context;
	audit->check = ledger_check_create(tenant, audit->report);
}

static void on_key(void *context, const char *pem)
{
	struct audit *audit = context;
	if (!audit->key && ledger_key_parse(pem, &audit->key) == 0)
		ledger_check_trust(audit->check, audit->key);
}

static void on_row(void *context, const struct ledger_row *row)
{
	struct audit *audit = context;
	audit->rows++;
	ledger_check_row(audit->check, row);
}

static void on_head(void *context, const struct ledger_head *head)
{
	struct audit *audit = context;
	audit->heads++;
	ledger_check_head(audit->check, head);
}

static void on_end(void *context, int64_t size, const struct merkle_hash *last)
{
	struct audit *audit = context;
	audit->faults += ledger_check_end(audit->check, size, last);
}

static void on_fault(void *context, int64_t sequence, const char *id, const char *what)
{
	struct audit *audit = context;
	audit->faults++;
	fprintf(audit->report, "row %lld (%s): %s\n", (long long)sequence, id, what);
}

static struct ledger_visitor visitor_of(struct audit *audit)
{
	return (struct ledger_visitor){.on_tenant = on_tenant,
				       .on_key = on_key,
				       .on_row = on_row,
				       .on_head = on_head,
				       .on_end = on_end,
				       .on_fault = on_fault,
				       .context = audit};
}

/* Reads a file's bytes; the caller frees *told. */
static struct audit file_audit(const char *bytes, size_t size, char **told)
{
	size_t told_size;
	struct audit audit = {.report = open_memstream(told, &told_size)};
	struct ledger_visitor visitor = visitor_of(&audit);
	FILE *in = fmemopen((void *)(uintptr_t)bytes, size, "r");
	int rc = ledger_read_export(in, &visitor);
	CU_ASSERT(rc == 0 || (rc == -EINVAL && audit.faults > 0));
	fclose(in);
	fclose(audit.report);
	ledger_check_destroy(audit.check);
	ledger_key_destroy(audit.key);
	return audit;
}

static struct audit store_audit(struct store *store, char **told)
{
	size_t told_size;
	struct audit audit = {.report = open_memstream(told, &told_size)};
	struct ledger_visitor visitor = visitor_of(&audit);
	CU_ASSERT_EQUAL(ledger_read_store(store, "acme", &visitor), 0);
	fclose(audit.report);
	ledger_check_destroy(audit.check);
	ledger_key_destroy(audit.key);
	return audit;
}

/* The fixture's export; malloc'ed. */
static char *export_make(size_t *size)
{
	char *bytes;
	struct store store = {.ledger = &ledger};
	json_t *configuration =
		json_pack("[{s:s, s:{s:s, s:s}}, {s:s, s:{s:s}}]", "type", "tenant", "tenant", "id",
			  "acme", "name", "Acme & Co", "type", "plan", "plan", "id", "gold");
	FILE *out = open_memstream(&bytes, size);
	CU_ASSERT_EQUAL(ledger_export_write(&store, "acme", configuration, 1790009999000, out), 0);
	fclose(out);
	json_decref(configuration);
	return bytes;
}

static void exports_verify(void)
{
	size_t size;
	char *told;
	fixture_make(&ledger);
	char *bytes = export_make(&size);
	struct audit audit = file_audit(bytes, size, &told);
	CU_ASSERT_EQUAL(audit.faults, 0);
	CU_ASSERT_EQUAL(audit.rows, FIXTURE_ROWS);
	CU_ASSERT_EQUAL(audit.heads, FIXTURE_HEADS);
	CU_ASSERT_STRING_EQUAL(told, "");
	CU_ASSERT_PTR_NULL(strstr(bytes, "PRIVATE"));
	CU_ASSERT_NSTRING_EQUAL(bytes, "{\"type\":\"nn5g-export\",\"version\":1,", 34);
	free(told);
	free(bytes);
	fixture_free(&ledger);
}

/* Every byte, another bit each: found, and told with a row, a head or a line. Seven rows show every
 * unit, kind and split; the time goes with the square of them. */
static void any_changed_byte_of_an_export_is_found(void)
{
	size_t size;
	char *told;
	unsigned int unseen = 0, unnamed = 0;
	fixture_make(&ledger);
	ledger.n_rows = 7;
	fixture_seal(&ledger, 0);
	ledger.heads[0] = ledger.heads[1];
	ledger.n_heads = 1;
	char *bytes = export_make(&size);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= (char)(1 << i % 7);
		unseen += file_audit(bytes, size, &told).faults == 0;
		unnamed += !strstr(told, "row ") && !strstr(told, "head of size ") &&
			   !strstr(told, "line ");
		free(told);
		bytes[i] ^= (char)(1 << i % 7);
	}
	CU_ASSERT_EQUAL(unseen, 0);
	CU_ASSERT_EQUAL(unnamed, 0);
	CU_ASSERT(size > 5000);
	free(bytes);
	fixture_free(&ledger);
}

/* Cut anywhere. */
static void any_cut_of_an_export_is_found(void)
{
	size_t size;
	char *told;
	fixture_make(&ledger);
	char *bytes = export_make(&size);
	for (size_t n = 1; n < size; n += n < size - 300 ? 97 : 1) {
		CU_ASSERT(file_audit(bytes, n, &told).faults > 0);
		free(told);
	}
	free(bytes);
	fixture_free(&ledger);
}

/* `from` in the export becomes `to`. */
static const struct {
	const char *from, *to, *told;
} edits[] = {
	{"{\"type\":\"nn5g-export\"", "{\"type\":\"other\"", "line 1: not an export"},
	{"\"version\":1,", "\"version\":2,", "line 1: version 2, expected 1"},
	{"\"tenant\":\"acme\",\"exported", "\"tenant\":\"\",\"exported", "line 1: tenant:"},
	{"Acme & Co", "Acme & Ko", "the lines before it were changed"},
	{"\"type\":\"plan\",\"plan\"", "\"type\":\"plan\",\"palm\"", "line 3: plan: expected"},
	{"\"type\":\"plan\"", "\"type\":\"secret\"", "line 3: type: expected one"},
	{"\"type\":\"row\"", "\"type\":\"row\",\"type\":\"row\"", "line 5: no JSON"},
	{"\"sequence\":3,\"usage\"", "\"sequence\":-3,\"usage\"", "line 8: sequence: expected"},
	{"\"sequence\":3,\"usage\"", "\"sequence\":4,\"usage\"", "row 3: missing"},
	{"\"quantity_ms\":60977,", "\"quantity_ms\":60978,",
	 "row 1 (acme:00000000000000000000000000001000:2:1): changed"},
	{"\"quantity_ms\":60977,", "\"quantity_ms\":\"60977\",",
	 "row 1 (acme:00000000000000000000000000001000:2:1): line 6: quantity_ms: expected an"},
	{"\"size\":3,", "\"size\":4,", "head of size 4: bad signature"},
	{"\"size\":20,", "\"size\":21,", "row 20: missing: the end was cut"},
	{"{\"type\":\"end\",", "{\"type\":\"end\", ", "expected size, last_hash and sha256"},
	{"{\"type\":\"end\",", "\n{\"type\":\"end\",", "no JSON"},
};

static void edits_of_an_export_are_named(void)
{
	fixture_make(&ledger);
	size_t size;
	char *bytes = export_make(&size), *told;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char *at = memmem(bytes, size, edits[i].from, strlen(edits[i].from));
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		char *edited;
		size_t edited_size;
		FILE *out = open_memstream(&edited, &edited_size);
		fwrite(bytes, 1, (size_t)(at - bytes), out);
		fputs(edits[i].to, out);
		at += strlen(edits[i].from);
		fwrite(at, 1, size - (size_t)(at - bytes), out);
		fclose(out);
		CU_ASSERT(file_audit(edited, edited_size, &told).faults > 0);
		if (!strstr(told, edits[i].told)) {
			printf("\n%s -> %s:\n%s", edits[i].from, edits[i].to, told);
			CU_FAIL("not told");
		}
		free(told);
		free(edited);
	}
	free(bytes);
	fixture_free(&ledger);
}

static void lines_moved_or_repeated_are_found(void)
{
	size_t size;
	char *told;
	fixture_make(&ledger);
	char *bytes = export_make(&size);
	char *again = malloc(size + 64);
	/* Something behind the end. */
	memcpy(again, bytes, size);
	memcpy(again + size, "{}\n", 3);
	CU_ASSERT(file_audit(again, size + 3, &told).faults > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "something follows the end"));
	free(told);
	/* Two rows change places: both lines are as long, each is as it was. */
	char *seven = strstr(bytes, "{\"type\":\"row\",\"row\":{\"sequence\":7,");
	char *eight = strchr(seven, '\n') + 1, *nine = strchr(eight, '\n') + 1;
	size_t before = (size_t)(seven - bytes);
	size_t n_seven = (size_t)(eight - seven), n_eight = (size_t)(nine - eight);
	memcpy(again, bytes, size);
	memcpy(again + before, eight, n_eight);
	memcpy(again + before + n_eight, seven, n_seven);
	CU_ASSERT(file_audit(again, size, &told).faults > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "row 7 (acme:00000000000000000000000000001003:2:7): "
					    "out of order: it follows row 8"));
	free(told);
	free(again);
	free(bytes);
	fixture_free(&ledger);
}

static void a_line_without_end_is_bounded(void)
{
	char *told;
	size_t n = 3U << 20;
	fixture_make(&ledger);
	size_t size;
	char *bytes = export_make(&size);
	char *again = malloc(size + n);
	char *row = strstr(bytes, "{\"type\":\"row\"");
	size_t before = (size_t)(row - bytes);
	memcpy(again, bytes, before);
	memset(again + before, ' ', n);
	memcpy(again + before + n, row, size - before);
	CU_ASSERT(file_audit(again, size + n, &told).faults == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "line 5: longer than 1048576 bytes"));
	free(told);
	free(again);
	free(bytes);
	fixture_free(&ledger);
}

static void a_full_disk_is_told(void)
{
	fixture_make(&ledger);
	struct store store = {.ledger = &ledger};
	FILE *full = fopen("/dev/full", "w");
	CU_ASSERT_EQUAL(ledger_export_write(&store, "acme", NULL, 0, full), -EIO);
	fclose(full);
	store.rc = -ENOTCONN;
	FILE *out = fopen("/dev/null", "w");
	CU_ASSERT_EQUAL(ledger_export_write(&store, "acme", NULL, 0, out), -ENOTCONN);
	fclose(out);
	fixture_free(&ledger);
}

/* --- Stores ---------------------------------------------------------------------------------- */

static void row_commit(struct store *store)
{
	struct ledger_fixture *in = store->ledger;
	if (in->n_rows == FIXTURE_ROWS + 2)
		return;
	in->rows[in->n_rows].usage = fixture_record(in->n_rows);
	in->n_rows++;
	fixture_seal(in, in->n_rows - 1);
}

/* Before each question a row is committed, and a head for it. */
static void row_and_head_meanwhile(struct store *store, const char *question)
{
	(void)question;
	struct ledger_fixture *in = store->ledger;
	row_commit(store);
	if (in->n_heads < FIXTURE_HEADS + 2)
		in->heads[in->n_heads++] = fixture_head(in, in->n_rows, in->key);
}

static void a_store_in_use_is_read_as_one_ledger(void)
{
	char *told;
	fixture_make(&ledger);
	struct store store = {.ledger = &ledger, .meanwhile = row_and_head_meanwhile};
	struct audit audit = store_audit(&store, &told);
	CU_ASSERT_EQUAL(audit.faults, 0);
	CU_ASSERT_STRING_EQUAL(told, "");
	CU_ASSERT(audit.rows >= FIXTURE_ROWS && audit.heads >= FIXTURE_HEADS);
	free(told);
	fixture_free(&ledger);
}

static void row_before_rows(struct store *store, const char *question)
{
	if (strcmp(question, "rows") == 0)
		row_commit(store);
}

static void rows_that_come_while_it_is_read_are_left_out(void)
{
	char *told;
	fixture_make(&ledger);
	struct store store = {.ledger = &ledger, .meanwhile = row_before_rows};
	struct audit audit = store_audit(&store, &told);
	CU_ASSERT_EQUAL(audit.faults, 0);
	CU_ASSERT_EQUAL(audit.rows, FIXTURE_ROWS);
	free(told);
	fixture_free(&ledger);
}

static void rows_the_state_does_not_count_are_found(void)
{
	char *told;
	fixture_make(&ledger);
	ledger.size = FIXTURE_ROWS - 1;
	ledger.last = ledger.rows[FIXTURE_ROWS - 2].hash;
	struct store store = {.ledger = &ledger};
	struct audit audit = store_audit(&store, &told);
	CU_ASSERT_EQUAL(audit.faults, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "row 19 (acme:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "the store says there are only 19 rows"));
	free(told);
	/* Cut, but for the heads. */
	ledger.size = ledger.n_rows = 17;
	ledger.last = ledger.rows[16].hash;
	audit = store_audit(&store, &told);
	CU_ASSERT_EQUAL(audit.faults, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "row 17: missing: the end was cut; a head of 18"));
	free(told);
	fixture_free(&ledger);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(exports_verify),
	ROW(any_changed_byte_of_an_export_is_found),
	ROW(any_cut_of_an_export_is_found),
	ROW(edits_of_an_export_are_named),
	ROW(lines_moved_or_repeated_are_found),
	ROW(a_line_without_end_is_bounded),
	ROW(a_full_disk_is_told),
	ROW(a_store_in_use_is_read_as_one_ledger),
	ROW(rows_that_come_while_it_is_read_are_left_out),
	ROW(rows_the_state_does_not_count_are_found),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("ledger_export", tests)
