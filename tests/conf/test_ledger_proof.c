/* Proofs: each that is made holds under a key or a saved head, and holds for nothing else. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/ledger_proof.h"
#include "tests/conf/ledger_fixture.h"

static struct ledger_fixture ledger;
static struct merkle_hash leaves[FIXTURE_ROWS];

static int ledger_make(void)
{
	fixture_make(&ledger);
	for (unsigned int i = 0; i < FIXTURE_ROWS; i++)
		leaves[i] = ledger_row_leaf(&ledger.rows[i]);
	return 0;
}

static int ledger_free(void)
{
	fixture_free(&ledger);
	return 0;
}

/* Of a row, or (row < 0) of growth from 4 rows, in the tree of `size`. */
static struct ledger_proof proof_of(int row, unsigned int size)
{
	struct ledger_proof proof = {.is_inclusion = row >= 0, .has_head = true, .size = size};
	strcpy(proof.tenant, "acme");
	if (row >= 0)
		proof.row = ledger.rows[row];
	else
		proof.from = 4;
	proof.head = fixture_head(&ledger, size, ledger.key);
	CU_ASSERT_EQUAL(ledger_proof_make(&proof, leaves), 0);
	return proof;
}

static const char *judge(const struct ledger_proof *proof)
{
	return ledger_proof_judge(proof, &ledger.key, 1, NULL);
}

static void every_proof_holds(void)
{
	for (unsigned int size = 4; size <= FIXTURE_ROWS; size++) {
		struct ledger_head saved = fixture_head(&ledger, size, ledger.other);
		struct ledger_head small = fixture_head(&ledger, 4, ledger.other);
		for (int row = -1; row < (int)size; row++) {
			struct ledger_proof proof = proof_of(row, size), read;
			const char *why;
			json_t *object = ledger_proof_write(&proof);
			CU_ASSERT_EQUAL_FATAL(ledger_proof_read(object, &read, &why), 0);
			json_decref(object);
			CU_ASSERT_PTR_NULL(judge(&read));
			CU_ASSERT_PTR_NULL(ledger_proof_judge(&read, NULL, 0, &saved));
			CU_ASSERT_EQUAL(ledger_proof_judge(&read, NULL, 0, &small) == NULL,
					row < 0 || size == 4);
			CU_ASSERT_PTR_NOT_NULL(ledger_proof_judge(&read, &ledger.other, 1, NULL));
			CU_ASSERT_PTR_NOT_NULL(ledger_proof_judge(&read, NULL, 0, NULL));
		}
	}
}

static void what_is_not_there_cannot_be_proven(void)
{
	struct ledger_proof proof = {.is_inclusion = true, .row = ledger.rows[9], .size = 9};
	CU_ASSERT_EQUAL(ledger_proof_make(&proof, leaves), -EINVAL);
	proof = (struct ledger_proof){.from = 10, .size = 9};
	CU_ASSERT_EQUAL(ledger_proof_make(&proof, leaves), -EINVAL);
}

static void field_of_row(struct ledger_proof *proof)
{
	proof->row.usage.quantity_ms++;
}

static void money_sealed_wrong(struct ledger_proof *proof)
{
	proof->row.creator_micros++;
	proof->row.platform_micros--;
	proof->row.hash = ledger_row_hash(&proof->row);
}

static void row_sealed_anew(struct ledger_proof *proof)
{
	proof->row.usage.quantity_ms++;
	ledger_row_seal(&proof->row);
}

static void another_row(struct ledger_proof *proof)
{
	proof->row = ledger.rows[8];
}

static void row_of_another_tenant(struct ledger_proof *proof)
{
	strcpy(proof->row.usage.tenant, "other");
}

static void another_tenant(struct ledger_proof *proof)
{
	strcpy(proof->tenant, "other");
}

static void another_size(struct ledger_proof *proof)
{
	proof->size++;
}

static void another_root(struct ledger_proof *proof)
{
	proof->root.bytes[0] ^= 1;
}

static void root_and_head_forged(struct ledger_proof *proof)
{
	proof->head.root.bytes[0] ^= 1;
	proof->root = proof->head.root;
}

static void path_changed(struct ledger_proof *proof)
{
	proof->path.path[1].bytes[5] ^= 1;
}

static void path_cut(struct ledger_proof *proof)
{
	proof->path.n--;
}

static void no_head(struct ledger_proof *proof)
{
	proof->has_head = false;
}

static void from_changed(struct ledger_proof *proof)
{
	proof->from++;
}

static void from_root_changed(struct ledger_proof *proof)
{
	proof->from_root.bytes[9] ^= 1;
}

static void what_was_changed_proves_nothing(void)
{
	static const struct {
		int row;
		void (*change)(struct ledger_proof *proof);
		const char *why;
	} rows[] = {
		{7, field_of_row, "its row was changed"},
		{7, money_sealed_wrong, "the money in its row is wrong"},
		{7, row_sealed_anew, "its path does not lead"},
		{7, another_row, "its path does not lead"},
		{7, row_of_another_tenant, "its row is of another tenant"},
		{7, another_tenant, "it has no head of its root"},
		{7, another_size, "it has no head of its root"},
		{7, another_root, "it has no head of its root"},
		{7, root_and_head_forged, "its head is not signed"},
		{7, path_changed, "its path does not lead"},
		{7, path_cut, "its path does not lead"},
		{7, no_head, "it has no head of its root"},
		{-1, from_changed, "its path does not lead"},
		{-1, from_root_changed, "its path does not lead"},
		{-1, path_changed, "its path does not lead"},
		{-1, path_cut, "its path does not lead"},
		{-1, another_root, "it has no head of its root"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ledger_proof proof = proof_of(rows[i].row, 15);
		CU_ASSERT_PTR_NULL(judge(&proof));
		rows[i].change(&proof);
		const char *why = judge(&proof);
		CU_ASSERT_PTR_NOT_NULL_FATAL(why);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].why));
	}
}

/* One value put into a good proof; NULL takes the field away. */
static void what_is_no_proof_is_refused_by_field(void)
{
	static const struct {
		int row;
		const char *field, *value, *why;
	} rows[] = {
		{7, "type", "\"other\"", "type:"},
		{7, "tenant", NULL, "tenant:"},
		{7, "tenant",
		 "\"0123456789012345678901234567890123456789012345678901234567890123\"", "tenant:"},
		{7, "row", "{}", "sequence:"},
		{7, "index", "8", "index:"},
		{-1, "from", "-1", "from:"},
		{-1, "from_root", "\"00\"", "from_root:"},
		{7, "size", "1.5", "size:"},
		{7, "path", "{}", "path:"},
		{7, "path", "[7]", "path:"},
		{7, "root", NULL, "root:"},
		{7, "head", "{}", "tenant:"},
		{7, "head", NULL, "tenant:"},
	};
	const char *why;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ledger_proof proof = proof_of(rows[i].row, 15);
		json_t *object = ledger_proof_write(&proof);
		if (rows[i].value)
			json_object_set_new(object, rows[i].field,
					    json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, rows[i].field);
		CU_ASSERT_EQUAL(ledger_proof_read(object, &proof, &why), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(why);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].why));
		json_decref(object);
	}
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(every_proof_holds),
	ROW(what_is_not_there_cannot_be_proven),
	ROW(what_was_changed_proves_nothing),
	ROW(what_is_no_proof_is_refused_by_field),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("ledger_proof", tests, ledger_make, ledger_free)
