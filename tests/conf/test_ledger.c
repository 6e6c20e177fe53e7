/* Rows, heads and keys: what a hash and a signature cover, and how they are written and read. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/ledger.h"
#include "tests/conf/ledger_fixture.h"

static struct ledger_fixture ledger;

static void other_numbers_of_a_row_are_covered(void)
{
	fixture_make(&ledger);
	struct ledger_row *row = &ledger.rows[9], good = *row;
	row->usage.unit = USAGE_TOKEN;
	struct merkle_hash hash = ledger_row_hash(row);
	CU_ASSERT(memcmp(&hash, &good.hash, sizeof(hash)) != 0);
	*row = good;
	row->usage.kind = row->usage.kind == USAGE_VIDEO ? USAGE_VOICE : USAGE_VIDEO;
	hash = ledger_row_hash(row);
	CU_ASSERT(memcmp(&hash, &good.hash, sizeof(hash)) != 0);
	int64_t *const numbers[] = {&row->sequence, &row->creator_micros, &row->platform_micros};
	for (size_t i = 0; i < 3; i++) {
		*row = good;
		++*numbers[i];
		hash = ledger_row_hash(row);
		CU_ASSERT(memcmp(&hash, &good.hash, sizeof(hash)) != 0);
	}
	/* Bytes that move from one field to the next are a change. */
	*row = good;
	strcpy(row->usage.stream, "liveg");
	strcpy(row->usage.slice, "old");
	hash = ledger_row_hash(row);
	CU_ASSERT(memcmp(&hash, &good.hash, sizeof(hash)) != 0);
	*row = good;
	hash = ledger_row_hash(row);
	CU_ASSERT_EQUAL(memcmp(&hash, &good.hash, sizeof(hash)), 0);
	fixture_free(&ledger);
}

/* The encoding is for ever. This hash was computed by another program (ten lines of Python), from
 * the description in ledger_row.c alone. */
static void hash_is_the_documented_one(void)
{
	fixture_make(&ledger);
	char text[2 * MERKLE_BYTES + 1];
	for (size_t i = 0; i < MERKLE_BYTES; i++)
		sprintf(text + 2 * i, "%02x", ledger.rows[0].hash.bytes[i]);
	CU_ASSERT_STRING_EQUAL(text,
			       "1d6673f8ba5d2387ce64d2d2fa18f12089600bd964195858bc342996247ee1a0");
	fixture_free(&ledger);
}

static void rows_and_heads_written_read_the_same(void)
{
	const char *why;
	fixture_make(&ledger);
	for (unsigned int i = 0; i < FIXTURE_ROWS; i++) {
		struct ledger_row row;
		json_t *object = ledger_row_write(&ledger.rows[i]);
		CU_ASSERT_EQUAL_FATAL(ledger_row_read(object, &row, &why), 0);
		struct merkle_hash hash = ledger_row_hash(&row);
		CU_ASSERT_EQUAL(memcmp(&hash, &ledger.rows[i].hash, sizeof(hash)), 0);
		CU_ASSERT_EQUAL(memcmp(&row.hash, &hash, sizeof(hash)), 0);
		json_decref(object);
	}
	for (unsigned int i = 0; i < FIXTURE_HEADS; i++) {
		struct ledger_head head;
		json_t *object = ledger_head_write(&ledger.heads[i]);
		CU_ASSERT_EQUAL_FATAL(ledger_head_read(object, &head, &why), 0);
		CU_ASSERT(ledger_head_is_signed(&head, ledger.key));
		json_decref(object);
	}
	fixture_free(&ledger);
}

/* One value put into a good row or head; NULL takes the field away. */
struct misread {
	const char *field, *value;
};

static void misread_expect(json_t *object, const struct misread *row, bool is_head)
{
	struct ledger_row read_row;
	struct ledger_head read_head;
	const char *why = "";
	if (row->value)
		json_object_set_new(object, row->field,
				    json_loads(row->value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(object, row->field);
	int rc = is_head ? ledger_head_read(object, &read_head, &why)
			 : ledger_row_read(object, &read_row, &why);
	CU_ASSERT_EQUAL(rc, -EINVAL);
	const char *expected = strcmp(row->field, "colour") == 0  ? "expected no fields"
			       : strcmp(row->field, "usage") == 0 ? "expected"
								  : row->field;
	CU_ASSERT_PTR_NOT_NULL(strstr(why, expected));
	json_decref(object);
}

static void what_is_no_row_or_head_is_refused_by_field(void)
{
	static const struct misread rows[] = {
		{"sequence", "-1"},
		{"sequence", NULL},
		{"usage", "{}"},
		{"usage", NULL},
		{"creator_micros", "-1"},
		{"platform_micros", "1.5"},
		{"previous", "\"00\""},
		{"hash", NULL},
		{"colour", "1"},
		{"hash", "\"ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789\""},
	};
	static const struct misread heads[] = {
		{"tenant", "\"\""},    {"tenant", NULL},       {"size", "-1"},
		{"root", "7"},         {"signed_at_ms", "-1"}, {"key_id", "\"0123456789abcde\""},
		{"signature", "\"\""}, {"colour", "1"},        {"key_id", "\"0123456789abcdeF\""},
	};
	fixture_make(&ledger);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		misread_expect(ledger_row_write(&ledger.rows[3]), &rows[i], false);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		misread_expect(ledger_head_write(&ledger.heads[3]), &heads[i], true);
	/* A record on its way says more than a row, whose hash would not cover it. */
	struct ledger_row row = ledger.rows[3];
	row.usage.ungranted = 1;
	json_t *object = ledger_row_write(&row);
	const char *why = "";
	CU_ASSERT_EQUAL(ledger_row_read(object, &row, &why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "usage:"));
	json_decref(object);
	fixture_free(&ledger);
}

static void keys_are_made_once_and_read_back(void)
{
	char folder[] = "/tmp/test_ledger.XXXXXX", path[64];
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ledger.key.pem", folder);
	struct ledger_key *made, *read, *public_half;
	CU_ASSERT_EQUAL(ledger_key_load(path, false, &made), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(ledger_key_load(path, true, &made), 0);
	struct stat status;
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL_FATAL(ledger_key_load(path, true, &read), 0);
	CU_ASSERT_STRING_EQUAL(ledger_key_id(made), ledger_key_id(read));
	CU_ASSERT_EQUAL(strlen(ledger_key_id(made)), 16);
	char *pem = ledger_key_public(made);
	CU_ASSERT_PTR_NOT_NULL(strstr(pem, "BEGIN PUBLIC KEY"));
	CU_ASSERT_EQUAL_FATAL(ledger_key_parse(pem, &public_half), 0);
	CU_ASSERT_STRING_EQUAL(ledger_key_id(made), ledger_key_id(public_half));
	struct ledger_head head = {.tenant = "acme", .size = 1};
	CU_ASSERT_EQUAL(ledger_head_sign(&head, public_half), -EINVAL);
	CU_ASSERT_EQUAL(ledger_head_sign(&head, read), 0);
	CU_ASSERT(ledger_head_is_signed(&head, public_half));
	head.size = 2;
	CU_ASSERT(!ledger_head_is_signed(&head, public_half));
	free(pem);
	ledger_key_destroy(made);
	ledger_key_destroy(read);
	ledger_key_destroy(public_half);
	chmod(path, 0640);
	CU_ASSERT_EQUAL(ledger_key_load(path, true, &read), -EACCES);
	unlink(path);
	rmdir(folder);
}

static void what_is_no_ledger_key_is_refused(void)
{
	static const char *const texts[] = {
		"",
		"-----BEGIN PRIVATE KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		/* P-256 */
		"-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
		"6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
		"-----END PUBLIC KEY-----\n",
	};
	struct ledger_key *key;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(ledger_key_parse(texts[i], &key), -EINVAL);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(other_numbers_of_a_row_are_covered),
	ROW(hash_is_the_documented_one),
	ROW(rows_and_heads_written_read_the_same),
	ROW(what_is_no_row_or_head_is_refused_by_field),
	ROW(keys_are_made_once_and_read_back),
	ROW(what_is_no_ledger_key_is_refused),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("ledger", tests)
