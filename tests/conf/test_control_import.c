/* The file rules what it says and changes; what operators change meanwhile stays. */
#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <jansson.h>

#include "conf/control_import.h"
#include "conf/jwt.h"
#include "conf/log.h"
#include "conf/store.h"

static struct store *store;
static struct control_import_counts counts;

/* A file that begins with a tenant "acme" and goes on with `rest`. */
static int import(const char *rest)
{
	static char *pem;
	char path[128];
	snprintf(path, sizeof(path), "%s/tenants.yaml", store_folder);
	FILE *file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	if (!pem) {
		struct jwt_key *key;
		CU_ASSERT_EQUAL_FATAL(jwt_key_generate("dev", JWT_EDDSA, &key), 0);
		pem = jwt_key_export(key, false);
		jwt_key_destroy(key);
	}
	if (rest[0] != '!') {
		fputs("tenants:\n  - id: acme\n    keys:\n      - id: dev\n        algorithm: "
		      "EdDSA\n"
		      "        public_key: |\n",
		      file);
		for (const char *line = pem; *line; line += strcspn(line, "\n") + 1)
			fprintf(file, "          %.*s\n", (int)strcspn(line, "\n"), line);
	}
	fputs(rest + (rest[0] == '!'), file);
	fclose(file);
	counts = (struct control_import_counts){0};
	return control_import(store, "here", path, &counts);
}

static void expect_counts(unsigned int created, unsigned int changed, unsigned int removed,
			  unsigned int refused)
{
	CU_ASSERT_EQUAL(counts.created, created);
	CU_ASSERT_EQUAL(counts.changed, changed);
	CU_ASSERT_EQUAL(counts.removed, removed);
	CU_ASSERT_EQUAL(counts.refused, refused);
}

static void open_store(enum sql_kind kind)
{
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
}

static json_t *document_of(const char *id)
{
	json_t *document = NULL;
	CU_ASSERT_EQUAL_FATAL(store_tenant_document(store, id, &document), 0);
	return document;
}

static void expect_text(const char *id, const char *name, const char *value)
{
	json_t *document = document_of(id);
	const char *text = json_string_value(json_object_get(document, name));
	CU_ASSERT_STRING_EQUAL(text ? text : "(absent)", value);
	json_decref(document);
}

/* -1: absent. */
static void expect_policy(const char *id, const char *section, const char *name, int64_t value)
{
	json_t *document = document_of(id);
	const json_t *policy = json_object_get(document, "policy");
	const json_t *found = json_object_get(json_object_get(policy, section), name);
	CU_ASSERT_EQUAL(found ? json_integer_value(found) : -1, value);
	json_decref(document);
}

static void change(const char *id, json_t *patch)
{
	CU_ASSERT_EQUAL(store_tenant_change(store, id, patch, NULL), 0);
	json_decref(patch);
}

static void file_becomes_rows_and_again_changes_nothing(enum sql_kind kind)
{
	open_store(kind);
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 20000}\n"
			       "slices:\n  - {id: thin, sst: 1, max_bps: 1000000}\n"),
			0);
	expect_counts(1, 1, 0, 0);
	expect_policy("acme", "prices", "video_micros", 20000);
	expect_policy("acme", "prices", "voice_micros", -1);
	expect_text("acme", "standing", "active");
	json_t *document = document_of("acme");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(document, "keys")), 1);
	json_decref(document);
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 20000}\n"
			       "slices:\n  - {id: thin, sst: 1, max_bps: 1000000}\n"),
			0);
	expect_counts(0, 0, 0, 0);
	store_close(store);
}

static void change_of_the_file_is_shown_and_written(enum sql_kind kind)
{
	char line[4096];
	open_store(kind);
	CU_ASSERT_EQUAL(import(""), 0);
	fflush(stderr);
	int kept = dup(STDERR_FILENO);
	FILE *captured = tmpfile();
	dup2(fileno(captured), STDERR_FILENO);
	int rc = import("    prices: {video_micros: 20000}\n    sessions_max: 4\n");
	dup2(kept, STDERR_FILENO);
	close(kept);
	CU_ASSERT_EQUAL(rc, 0);
	expect_counts(0, 1, 0, 0);
	expect_policy("acme", "prices", "video_micros", 20000);
	rewind(captured);
	bool is_told = false;
	while (fgets(line, sizeof(line), captured))
		is_told |=
			strstr(line, "tenant acme: prices.video_micros nothing -> 20000") != NULL;
	CU_ASSERT_TRUE(is_told);
	fclose(captured);
	/* And back: what the file does not say any more is not there any more. */
	CU_ASSERT_EQUAL(import(""), 0);
	expect_counts(0, 1, 0, 0);
	expect_policy("acme", "prices", "video_micros", -1);
	store_close(store);
}

static void what_operators_changed_stays_until_the_file_changes_it(enum sql_kind kind)
{
	open_store(kind);
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 1, voice_micros: 1}\n"), 0);
	change("acme", json_pack("{s:s, s:{s:{s:i}}}", "standing", "paused", "policy", "prices",
				 "video_micros", 77));
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 1, voice_micros: 2}\n"), 0);
	expect_policy("acme", "prices", "video_micros", 77);
	expect_policy("acme", "prices", "voice_micros", 2);
	expect_text("acme", "standing", "paused");
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 3, voice_micros: 2}\n"), 0);
	expect_policy("acme", "prices", "video_micros", 3);
	store_close(store);
}

static void plan_shows_through_what_the_file_does_not_say(enum sql_kind kind)
{
	open_store(kind);
	CU_ASSERT_EQUAL(import("    plan: gold\n    prices: {voice_micros: 1}\n"), 0);
	expect_counts(1, 0, 0, 0);
	expect_policy("acme", "prices", "video_micros", 15000);
	expect_policy("acme", "prices", "voice_micros", 1);
	expect_text("acme", "slice", "gold");
	store_close(store);
}

static void tenant_no_longer_named_is_paused_and_comes_back(enum sql_kind kind)
{
	static const char two[] = "  - id: beta\n";
	open_store(kind);
	json_t *foreign = json_pack("{s:s}", "id", "foreign");
	CU_ASSERT_EQUAL(store_tenant_create(store, foreign, NULL), 0);
	json_decref(foreign);
	CU_ASSERT_EQUAL(import(two), 0);
	expect_counts(2, 0, 0, 0);
	CU_ASSERT_EQUAL(import(""), 0);
	expect_counts(0, 0, 1, 0);
	expect_text("beta", "standing", "paused");
	expect_text("foreign", "standing", "active");
	CU_ASSERT_EQUAL(import(""), 0);
	expect_counts(0, 0, 0, 0);
	CU_ASSERT_EQUAL(import(two), 0);
	expect_text("beta", "standing", "active");
	store_close(store);
}

static void slice_no_longer_named_goes_when_nobody_has_it(enum sql_kind kind)
{
	static const char both[] = "    slice: thin\nslices:\n  - {id: thin, sst: 1}\n";
	json_t *slices;
	open_store(kind);
	CU_ASSERT_EQUAL(import(both), 0);
	expect_counts(1, 1, 0, 0);
	CU_ASSERT_EQUAL(import(""), 0);
	CU_ASSERT_EQUAL(store_slice_list(store, &slices), 0);
	CU_ASSERT_EQUAL(json_array_size(slices), 3);
	json_decref(slices);
	expect_text("acme", "slice", "");
	store_close(store);
}

static void wrong_file_changes_nothing(enum sql_kind kind)
{
	open_store(kind);
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 5}\n"), 0);
	CU_ASSERT_EQUAL(import("    prices: {video_micros: 6}\n    hue: blue\n"), -EINVAL);
	expect_policy("acme", "prices", "video_micros", 5);
	CU_ASSERT_EQUAL(control_import(store, "here", "/nonexistent/tenants.yaml", NULL), -EINVAL);
	store_close(store);
}

static void row_that_is_refused_keeps_no_other_out(enum sql_kind kind)
{
	open_store(kind);
	CU_ASSERT_EQUAL(import("    plan: platinum\n  - id: beta\n"), 0);
	expect_counts(1, 0, 0, 1);
	expect_text("beta", "standing", "active");
	CU_ASSERT_EQUAL(import("    plan: gold\n  - id: beta\n"), 0);
	expect_counts(1, 0, 0, 0);
	store_close(store);
}

static void tenant_known_from_elsewhere_is_adopted(enum sql_kind kind)
{
	open_store(kind);
	json_t *row = json_pack("{s:s, s:s, s:s}", "id", "acme", "plan", "gold", "name", "Acme");
	CU_ASSERT_EQUAL(store_tenant_create(store, row, NULL), 0);
	json_decref(row);
	CU_ASSERT_EQUAL(import("    name: ACME\n    prices: {video_micros: 5}\n"), 0);
	expect_counts(0, 1, 0, 0);
	expect_text("acme", "name", "ACME");
	expect_policy("acme", "prices", "video_micros", 5);
	expect_policy("acme", "prices", "voice_micros", 4000);
	store_close(store);
}

static int quiet_start(void)
{
	log_set_level(LOG_CONFIG, LOG_ERROR);
	return store_fixture_start();
}

ON_BOTH(file_becomes_rows_and_again_changes_nothing)
ON_BOTH(change_of_the_file_is_shown_and_written)
ON_BOTH(what_operators_changed_stays_until_the_file_changes_it)
ON_BOTH(plan_shows_through_what_the_file_does_not_say)
ON_BOTH(tenant_no_longer_named_is_paused_and_comes_back)
ON_BOTH(slice_no_longer_named_goes_when_nobody_has_it)
ON_BOTH(wrong_file_changes_nothing)
ON_BOTH(row_that_is_refused_keeps_no_other_out)
ON_BOTH(tenant_known_from_elsewhere_is_adopted)

static CU_TestInfo tests[] = {
	ROWS_OF(file_becomes_rows_and_again_changes_nothing),
	ROWS_OF(change_of_the_file_is_shown_and_written),
	ROWS_OF(what_operators_changed_stays_until_the_file_changes_it),
	ROWS_OF(plan_shows_through_what_the_file_does_not_say),
	ROWS_OF(tenant_no_longer_named_is_paused_and_comes_back),
	ROWS_OF(slice_no_longer_named_goes_when_nobody_has_it),
	ROWS_OF(wrong_file_changes_nothing),
	ROWS_OF(row_that_is_refused_keeps_no_other_out),
	ROWS_OF(tenant_known_from_elsewhere_is_adopted),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("control_import", tests, quiet_start, store_fixture_stop)
