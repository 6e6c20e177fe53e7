/* The verifier: every way to tamper with a ledger is found, and told as what it is. */
#include "tests/cunit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/ledger.h"
#include "tests/conf/ledger_fixture.h"

static struct ledger_fixture ledger;

/* Checks the fixture; the faults as text (the caller frees) and their number. */
static unsigned int check_run(const struct ledger_head *saved, char **told)
{
	size_t size;
	FILE *report = open_memstream(told, &size);
	struct ledger_check *check = ledger_check_create("acme", report);
	ledger_check_trust(check, ledger.key);
	for (unsigned int i = 0; i < ledger.n_rows; i++)
		ledger_check_row(check, &ledger.rows[i]);
	for (unsigned int i = 0; i < ledger.n_heads; i++)
		ledger_check_head(check, &ledger.heads[i]);
	if (saved)
		ledger_check_saved_head(check, saved);
	unsigned int n = ledger_check_end(check, ledger.size, &ledger.last);
	CU_ASSERT_EQUAL(ledger_check_size(check), ledger.n_rows);
	ledger_check_destroy(check);
	fclose(report);
	return n;
}

/* --- Tamperings ------------------------------------------------------------------------------ */

static void rows_remove(unsigned int at, unsigned int n)
{
	memmove(&ledger.rows[at], &ledger.rows[at + n],
		(ledger.n_rows - at - n) * sizeof(ledger.rows[0]));
	ledger.n_rows -= n;
}

static void nothing(void)
{
}

static void money_in_row_7(void)
{
	ledger.rows[7].usage.quantity_ms -= 1000;
}

static void money_in_row_7_with_its_hash(void)
{
	money_in_row_7();
	ledger_row_seal(&ledger.rows[7]);
}

static void rewritten_from_row_7(void)
{
	money_in_row_7();
	fixture_seal(&ledger, 7);
}

static void rewritten_after_the_last_head(void)
{
	ledger.rows[19].usage.quantity_ms++;
	ledger_row_seal(&ledger.rows[19]);
}

static void hash_of_row_7(void)
{
	ledger.rows[7].hash.bytes[31] ^= 1;
}

static void row_7_removed(void)
{
	rows_remove(7, 1);
}

static void rows_7_to_9_removed(void)
{
	rows_remove(7, 3);
}

static void row_0_removed(void)
{
	rows_remove(0, 1);
}

static void row_7_removed_and_all_renumbered(void)
{
	rows_remove(7, 1);
	fixture_seal(&ledger, 7);
}

static void rows_7_and_8_swapped(void)
{
	struct ledger_row row = ledger.rows[7];
	ledger.rows[7] = ledger.rows[8];
	ledger.rows[8] = row;
}

static void rows_7_and_8_swapped_with_sequences(void)
{
	rows_7_and_8_swapped();
	ledger.rows[7].sequence = 7;
	ledger.rows[8].sequence = 8;
}

static void end_cut(void)
{
	ledger.n_rows = 19;
}

static void end_cut_with_the_state(void)
{
	ledger.n_rows = 16;
	ledger.size = 16;
	ledger.last = ledger.rows[15].hash;
}

static void end_cut_with_state_and_heads(void)
{
	end_cut_with_the_state();
	ledger.n_heads = 5;
}

static void row_added(void)
{
	ledger.rows[20].usage = fixture_record(20);
	ledger.rows[20].sequence = 20;
	ledger.rows[20].previous = ledger.rows[19].hash;
	ledger_row_seal(&ledger.rows[20]);
	ledger.n_rows = 21;
}

static void record_billed_twice(void)
{
	ledger.rows[19].usage = ledger.rows[4].usage;
	fixture_seal(&ledger, 19);
}

static void row_of_another_tenant(void)
{
	strcpy(ledger.rows[19].usage.tenant, "other");
	usage_id(&ledger.rows[19].usage);
	fixture_seal(&ledger, 19);
}

/* Money that is wrong under a hash that is right. */
static void cost_of_row_19(void)
{
	ledger.rows[19].usage.cost_micros++;
	ledger.rows[19].platform_micros++;
	ledger.last = ledger.rows[19].hash = ledger_row_hash(&ledger.rows[19]);
}

static void split_of_row_19(void)
{
	ledger.rows[19].creator_micros++;
	ledger.last = ledger.rows[19].hash = ledger_row_hash(&ledger.rows[19]);
}

static void head_forked(void)
{
	money_in_row_7_with_its_hash();
	ledger.heads[3] = fixture_head(&ledger, 12, ledger.key);
	ledger.rows[7] = (struct ledger_row){
		.usage = fixture_record(7), .sequence = 7, .previous = ledger.rows[6].hash};
	ledger_row_seal(&ledger.rows[7]);
}

static void two_heads_of_one_size(void)
{
	money_in_row_7_with_its_hash();
	ledger.heads[6] = fixture_head(&ledger, 18, ledger.key);
	ledger.n_heads = 7;
	ledger.rows[7].usage = fixture_record(7);
	ledger_row_seal(&ledger.rows[7]);
}

static void heads_go_back(void)
{
	struct ledger_head head = ledger.heads[2];
	ledger.heads[2] = ledger.heads[3];
	ledger.heads[3] = head;
}

static void head_root_changed(void)
{
	ledger.heads[3].root.bytes[0] ^= 1;
}

static void head_time_changed(void)
{
	ledger.heads[3].signed_at_ms++;
}

static void head_signature_changed(void)
{
	ledger.heads[3].signature[63] ^= 1;
}

static void head_of_another_key(void)
{
	ledger.heads[3] = fixture_head(&ledger, 12, ledger.other);
}

static void head_claims_another_key(void)
{
	head_of_another_key();
	strcpy(ledger.heads[3].key_id, ledger_key_id(ledger.key));
}

static void head_of_another_tenant(void)
{
	strcpy(ledger.heads[3].tenant, "other");
	ledger_head_sign(&ledger.heads[3], ledger.key);
}

static void state_hash_changed(void)
{
	ledger.last.bytes[0] ^= 1;
}

static const struct {
	void (*tamper)(void);
	const char *name;
	unsigned int faults;
	const char *told[3];
} tamperings[] = {
#define TAMPER(function) function, #function
	{TAMPER(nothing), 0, {NULL}},
	{TAMPER(money_in_row_7),
	 2,
	 {"row 7 (acme:00000000000000000000000000001003:2:7): changed: its fields",
	  "row 7 (acme:00000000000000000000000000001003:2:7): wrong cost", NULL}},
	{TAMPER(money_in_row_7_with_its_hash),
	 2,
	 {"row 8 (acme:00000000000000000000000000001004:1:8): the chain is broken: it does not "
	  "follow from row 7 (acme:00000000000000000000000000001003:2:7)",
	  "row 6: forked: the head of size 9 has not the root of these rows; the first 6 are"}},
	{TAMPER(rewritten_from_row_7),
	 1,
	 {"row 6: forked: the head of size 9 has not the root of these rows; the first 6 are as "
	  "signed, one of rows 6 to 8 is not"}},
	{TAMPER(rewritten_after_the_last_head),
	 1,
	 {"row 19 (acme:00000000000000000000000000001009:2:19): changed: the store says"}},
	{TAMPER(hash_of_row_7), 2, {"row 7 (acme:", "changed: its fields do not", "row 6: forked"}},
	{TAMPER(row_7_removed), 1, {"acme, row 7: missing; the next is row 8 (acme:"}},
	{TAMPER(rows_7_to_9_removed), 1, {"acme, row 7: missing, and all up to row 9; the next"}},
	{TAMPER(row_0_removed), 1, {"acme, row 0: missing; the next is row 1 (acme:"}},
	{TAMPER(row_7_removed_and_all_renumbered), 1, {"row 6: forked: the head of size 9"}},
	{TAMPER(rows_7_and_8_swapped),
	 2,
	 {"row 7: missing; the next is row 8", "row 7 (acme:00000000000000000000000000001003:2:7): "
					       "out of order: it follows row 8"}},
	{TAMPER(rows_7_and_8_swapped_with_sequences),
	 6,
	 {"row 7 (acme:00000000000000000000000000001004:1:8): the chain", "row 8 (acme",
	  "row 9 (acme"}},
	{TAMPER(end_cut), 1, {"row 19: missing: the end was cut; the store says there are 20"}},
	{TAMPER(end_cut_with_the_state),
	 1,
	 {"row 16: missing: the end was cut; a head of 18 rows was signed"}},
	{TAMPER(end_cut_with_state_and_heads), 0, {NULL}}, /* see saved heads */
	{TAMPER(row_added), 1, {"row 20 (acme:", "the store says there are only 20 rows"}},
	{TAMPER(record_billed_twice), 1, {"row 19: the same id as row 4"}},
	{TAMPER(row_of_another_tenant), 1, {"row 19 (other:", "it is of tenant other"}},
	{TAMPER(cost_of_row_19), 1, {"row 19 (acme:", "wrong cost"}},
	{TAMPER(split_of_row_19), 1, {"row 19 (acme:", "wrong split"}},
	{TAMPER(head_forked), 1, {"row 9: forked: the head of size 12 has not the root"}},
	{TAMPER(two_heads_of_one_size), 1, {"head of size 18: forked: another root than"}},
	{TAMPER(heads_go_back),
	 1,
	 {"head of size 9: sizes go back: it follows the head of size 12"}},
	{TAMPER(head_root_changed), 2, {"head of size 12: bad signature", "row 9: forked"}},
	{TAMPER(head_time_changed), 1, {"head of size 12: bad signature"}},
	{TAMPER(head_signature_changed), 1, {"head of size 12: bad signature"}},
	{TAMPER(head_of_another_key),
	 1,
	 {"head of size 12: signed with a key that is not trusted"}},
	{TAMPER(head_claims_another_key), 1, {"head of size 12: bad signature"}},
	{TAMPER(head_of_another_tenant), 1, {"head of size 12: it is of tenant other"}},
	{TAMPER(state_hash_changed), 1, {"row 19 (acme:", "the last hash is another"}},
};

static void every_tampering_is_found_and_named(void)
{
	for (size_t i = 0; i < sizeof(tamperings) / sizeof(tamperings[0]); i++) {
		char *told;
		fixture_make(&ledger);
		tamperings[i].tamper();
		unsigned int n = check_run(NULL, &told);
		bool is_told = true;
		for (size_t k = 0; k < 3 && tamperings[i].told[k]; k++)
			is_told &= strstr(told, tamperings[i].told[k]) != NULL;
		if (n != tamperings[i].faults || !is_told) {
			printf("\n%s: %u faults, not %u:\n%s", tamperings[i].name, n,
			       tamperings[i].faults, told);
			CU_FAIL("not as told");
		}
		free(told);
		fixture_free(&ledger);
	}
}

/* Each byte of each field of each row, one after the other. */
static void any_changed_byte_of_a_row_names_the_row(void)
{
	fixture_make(&ledger);
	for (unsigned int r = 0; r < FIXTURE_ROWS; r++) {
		char expected[64];
		snprintf(expected, sizeof(expected), "row %u (", r);
		for (size_t f = 0; f < USAGE_FIELDS; f++) {
			const struct usage_field *field = &usage_fields[f];
			if (field->type == USAGE_UNIT_NAME || field->type == USAGE_KIND_NAME)
				continue;
			char *member = (char *)&ledger.rows[r].usage + field->offset;
			size_t n = field->type == USAGE_TEXT ? strlen(member) : field->size;
			for (size_t b = 0; b < n; b++) {
				char *told;
				member[b] ^= 1;
				CU_ASSERT(check_run(NULL, &told) > 0);
				CU_ASSERT_PTR_NOT_NULL(strstr(told, expected));
				member[b] ^= 1;
				free(told);
			}
		}
	}
	fixture_free(&ledger);
}

static void saved_heads_show_what_was_cut_or_rewritten(void)
{
	char *told;
	fixture_make(&ledger);
	struct ledger_head saved = ledger.heads[5];
	CU_ASSERT_EQUAL(check_run(&saved, &told), 0);
	free(told);
	end_cut_with_state_and_heads();
	CU_ASSERT_EQUAL(check_run(&saved, &told), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "the saved head has 18 rows, the ledger 16"));
	free(told);
	fixture_free(&ledger);

	/* Rewritten with the key: everything fits, but for what was kept elsewhere. */
	fixture_make(&ledger);
	rewritten_from_row_7();
	for (unsigned int i = 0; i < ledger.n_heads; i++)
		ledger.heads[i] = fixture_head(&ledger, 3 * (i + 1), ledger.key);
	CU_ASSERT_EQUAL(check_run(NULL, &told), 0);
	free(told);
	CU_ASSERT_EQUAL(check_run(&saved, &told), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "does not begin with the tree of the saved head"));
	free(told);
	strcpy(saved.tenant, "other");
	CU_ASSERT_EQUAL(check_run(&saved, &told), 1);
	free(told);
	fixture_free(&ledger);
}

static void without_keys_nothing_is_sure(void)
{
	char *told;
	size_t size;
	fixture_make(&ledger);
	FILE *report = open_memstream(&told, &size);
	struct ledger_check *check = ledger_check_create("acme", report);
	for (unsigned int i = 0; i < ledger.n_rows; i++)
		ledger_check_row(check, &ledger.rows[i]);
	for (unsigned int i = 0; i < ledger.n_heads; i++)
		ledger_check_head(check, &ledger.heads[i]);
	CU_ASSERT_EQUAL(ledger_check_end(check, -1, NULL), 1);
	CU_ASSERT_EQUAL(ledger_check_signed(check), 18);
	ledger_check_destroy(check);
	fclose(report);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "no key to judge signatures by"));
	free(told);
	fixture_free(&ledger);
}

static void empty_ledger_is_sound(void)
{
	struct merkle_hash zero = {{0}}, other = {{1}};
	struct ledger_check *check = ledger_check_create("acme", NULL);
	CU_ASSERT_EQUAL(ledger_check_end(check, 0, &zero), 0);
	ledger_check_destroy(check);
	check = ledger_check_create("acme", NULL);
	CU_ASSERT_EQUAL(ledger_check_end(check, 3, &other), 1);
	ledger_check_destroy(check);
}

static unsigned int heard;

static void fault_hear(void *context, const struct ledger_fault *fault)
{
	CU_ASSERT_PTR_EQUAL(context, &heard);
	CU_ASSERT_STRING_EQUAL(fault->tenant, "acme");
	CU_ASSERT(fault->what[0] != '\0' && fault->id);
	heard++;
}

static void a_flood_of_faults_is_counted(void)
{
	char *told;
	size_t size;
	fixture_make(&ledger);
	FILE *report = open_memstream(&told, &size);
	struct ledger_check *check = ledger_check_create("acme", report);
	ledger_check_listen(check, fault_hear, &heard);
	for (unsigned int i = 0; i < LEDGER_FAULTS_TOLD_MAX + 7; i++)
		ledger_check_fault(check, i, "", "bad");
	CU_ASSERT_EQUAL(ledger_check_end(check, -1, NULL), LEDGER_FAULTS_TOLD_MAX + 7);
	fclose(report);
	CU_ASSERT_EQUAL(heard, LEDGER_FAULTS_TOLD_MAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "tenant acme: 7 more faults"));
	free(told);
	ledger_check_destroy(check);
	fixture_free(&ledger);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(every_tampering_is_found_and_named),
	ROW(any_changed_byte_of_a_row_names_the_row),
	ROW(saved_heads_show_what_was_cut_or_rewritten),
	ROW(without_keys_nothing_is_sure),
	ROW(empty_ledger_is_sound),
	ROW(a_flood_of_faults_is_counted),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("ledger_check", tests)
