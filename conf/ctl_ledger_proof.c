/* Proofs (conf/ledger_proof.h) made for an operator, and checked for whoever got one. */
#include "conf/ctl_ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/ctl.h"
#include "conf/ledger_proof.h"

enum { PROOF_ID = LEDGER_SOURCE_OPTIONS, PROOF_CONSISTENCY, PROOF_SIZE, PROOF_OPTIONS };
static_assert(PROOF_OPTIONS == LEDGER_PROOF_OPTIONS, "all of them");

const struct command_option ledger_proof_options[LEDGER_PROOF_OPTIONS] = {
	LEDGER_SOURCE(true),
	[PROOF_ID] = {"id", "RECORD", "the row's id", NULL, false},
	[PROOF_CONSISTENCY] = {"consistency", "ROWS",
			       "prove that it continues the ledger of so many", NULL, false},
	[PROOF_SIZE] = {"size", "ROWS", "of the tree; without it, of the newest head", NULL, false},
};

/* --- Making ---------------------------------------------------------------------------------- */

struct proving {
	const char *id; /* wanted; NULL: none */
	int64_t size;   /* wanted; -1: of the newest head */
	struct ledger_check *check;
	struct ledger_keys found;
	struct ledger_row row;   /* sequence -1: not found */
	struct ledger_head head; /* size 0: none */
	int64_t end_size;
	struct merkle_hash end_last;
	unsigned int faults;
};

static void on_tenant(void *context, const char *tenant)
{
	struct proving *proving = context;
	proving->check = ledger_check_create(tenant, NULL);
}

static void on_key(void *context, const char *pem)
{
	struct proving *proving = context;
	if (proving->check && ledger_keys_add(&proving->found, pem))
		ledger_check_trust(proving->check, proving->found.keys[proving->found.n - 1]);
}

static void on_row(void *context, const struct ledger_row *row)
{
	struct proving *proving = context;
	if (proving->check)
		ledger_check_row(proving->check, row);
	if (proving->id && strcmp(row->usage.id, proving->id) == 0)
		proving->row = *row;
}

static void on_head(void *context, const struct ledger_head *head)
{
	struct proving *proving = context;
	if (proving->check)
		ledger_check_head(proving->check, head);
	if (proving->size < 0 || head->size == (uint64_t)proving->size)
		proving->head = *head;
}

static void on_end(void *context, int64_t size, const struct merkle_hash *last)
{
	struct proving *proving = context;
	proving->end_size = size;
	proving->end_last = *last;
}

static void on_fault(void *context, int64_t sequence, const char *id, const char *what)
{
	struct proving *proving = context;
	(void)sequence;
	(void)id;
	ctl_fail("%s", what);
	proving->faults++;
}

/* Reads the ledger, which must be sound: leaves that are not in their places prove nothing. */
static int ledger_gather(const struct command_line *line, struct proving *proving)
{
	const char *tenant = line->values[LEDGER_TENANT];
	struct ledger_source source;
	const struct ledger_visitor visitor = {.on_tenant = on_tenant,
					       .on_key = on_key,
					       .on_row = on_row,
					       .on_head = on_head,
					       .on_end = on_end,
					       .on_fault = on_fault,
					       .context = proving};
	proving->end_size = proving->row.sequence = -1;
	int rc = ledger_source_open(line, &source);
	if (rc == COMMAND_DONE)
		rc = ledger_source_read(&source, tenant, &visitor);
	ledger_source_close(&source);
	if (rc)
		return rc;
	if (!proving->check)
		return ctl_fail("no memory");
	proving->faults += ledger_check_end(proving->check, proving->end_size, &proving->end_last);
	if (proving->faults)
		return ctl_fail("tenant %s: the ledger has faults and proves nothing; see `nn5gctl "
				"ledger verify --tenant %s`",
				tenant, tenant);
	return COMMAND_DONE;
}

static int proof_print(const struct ledger_proof *proof)
{
	json_t *object = ledger_proof_write(proof);
	int rc = !object || json_dumpf(object, stdout, JSON_INDENT(2)) ? ctl_fail("no memory")
								       : COMMAND_DONE;
	putchar('\n');
	json_decref(object);
	return rc;
}

static int proof_make(const struct proving *proving, struct ledger_proof *proof)
{
	if (proof->is_inclusion && proof->row.sequence < 0)
		return ctl_fail("tenant %s: no row has the id %s", proof->tenant, proving->id);
	if (ledger_proof_make(proof, ledger_check_leaves(proving->check)) == 0)
		return proof_print(proof);
	if (proof->is_inclusion)
		return ctl_fail("row %" PRId64 " is not in the tree of %" PRIu64
				" rows; the next head will cover it",
				proof->row.sequence, proof->size);
	return ctl_fail("%" PRIu64 " rows are more than the %" PRIu64 " of the tree", proof->from,
			proof->size);
}

/* What is asked of a ledger that was gathered. */
static int proof_answer(const struct proving *proving, const char *tenant, int64_t from)
{
	uint64_t rows = ledger_check_size(proving->check);
	struct ledger_proof proof = {
		.is_inclusion = proving->id != NULL,
		.row = proving->row,
		.from = (uint64_t)from,
		.size = proving->size < 0 ? proving->head.size : (uint64_t)proving->size,
		.head = proving->head,
	};
	proof.has_head = proof.head.size == proof.size;
	snprintf(proof.tenant, sizeof(proof.tenant), "%s", tenant);
	if (proof.size == 0)
		return ctl_fail("tenant %s: no head was signed yet; --size names a tree", tenant);
	if (proof.size > rows)
		return ctl_fail("tenant %s: the ledger has %" PRIu64 " rows, fewer than %" PRIu64,
				tenant, rows, proof.size);
	return proof_make(proving, &proof);
}

int ledger_proof_run(const struct command_line *line)
{
	const char *const *values = line->values;
	struct proving proving = {.id = values[PROOF_ID], .size = -1};
	int64_t from = 0;
	if (!values[PROOF_ID] == !values[PROOF_CONSISTENCY])
		return ctl_misuse("--id and --consistency: expected one of them");
	if ((values[PROOF_SIZE] &&
	     !ctl_integer("--size", values[PROOF_SIZE], 1, INT64_MAX, &proving.size)) ||
	    (values[PROOF_CONSISTENCY] &&
	     !ctl_integer("--consistency", values[PROOF_CONSISTENCY], 0, INT64_MAX, &from)))
		return COMMAND_MISUSED;
	int rc = ledger_gather(line, &proving);
	if (rc == COMMAND_DONE)
		rc = proof_answer(&proving, values[LEDGER_TENANT], from);
	ledger_check_destroy(proving.check);
	ledger_keys_free(&proving.found);
	return rc;
}

/* --- Checking -------------------------------------------------------------------------------- */

static void proof_tell(const struct ledger_proof *proof)
{
	if (proof->is_inclusion)
		printf("tenant %s, row %" PRId64 " (%s): in the tree of %" PRIu64
		       " rows, cost %" PRId64 " micros\n",
		       proof->tenant, proof->row.sequence, proof->row.usage.id, proof->size,
		       proof->row.usage.cost_micros);
	else
		printf("tenant %s: the tree of %" PRIu64 " rows continues that of %" PRIu64 "\n",
		       proof->tenant, proof->size, proof->from);
}

int ledger_proof_check(const char *path, const struct ledger_keys *keys,
		       const struct ledger_head *saved, bool is_json)
{
	struct ledger_proof proof;
	json_t *object;
	const char *why;
	if (keys->n == 0 && !saved)
		return ctl_misuse("--proof: a key (--key) or a saved head (--head) is needed to "
				  "judge it by");
	int rc = ledger_json_load(path, &object);
	if (rc)
		return rc;
	if (ledger_proof_read(object, &proof, &why) == 0)
		why = ledger_proof_judge(&proof, keys->keys, keys->n, saved);
	json_decref(object);
	if (is_json) {
		json_t *result = json_pack("{s:b, s:s?}", "sound", why == NULL, "what", why);
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(result);
	} else if (why) {
		printf("%s: %s\n", path, why);
	} else {
		proof_tell(&proof);
	}
	return why ? COMMAND_FAILED : COMMAND_DONE;
}
