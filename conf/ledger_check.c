/* The verifier. One pass over the rows checks each by itself (hash, money), its link to the one
 * before, and its place; what it keeps is a leaf a row. One pass over the heads then compares each
 * with the root of the first `size` leaves, so that a ledger that was rewritten as a whole, with
 * hashes that fit, is still found. A leaf is made of the hash the row says, right or wrong: a row
 * whose fields were changed is told once, as that row, and no head has to fail for it. */
#include "conf/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_MAX 511

/* Of every row, to find two with one id at the end. */
struct row_mark {
	uint64_t id_hash;
	uint64_t sequence;
};

struct ledger_check {
	char tenant[64];
	FILE *report; /* borrowed */
	void (*on_fault)(void *context, const struct ledger_fault *fault);
	void *context;
	const struct ledger_key **keys; /* borrowed each */
	unsigned int n_keys, n_faults;

	struct merkle_hash *leaves;
	struct row_mark *marks;
	uint64_t n, room;
	int64_t next;               /* sequence that is to come */
	struct ledger_row last;     /* sequence -1: none yet */
	struct merkle_hash counted; /* the hash `last` should have */
	bool is_broken;             /* rows are missing or out of order: leaves have no places */
	bool is_out_of_memory;

	struct merkle_edge edge; /* of the leaves up to the last head */
	struct merkle_hash edge_root;
	uint64_t right;     /* size of the last head whose root was right */
	uint64_t newest;    /* largest size of a head */
	uint64_t last_size; /* of the head before */
	bool is_forked, is_keyless_told;
};

struct ledger_check *ledger_check_create(const char *tenant, FILE *report)
{
	struct ledger_check *check = calloc(1, sizeof(*check));
	if (!check)
		return NULL;
	snprintf(check->tenant, sizeof(check->tenant), "%s", tenant);
	check->report = report;
	check->last.sequence = -1;
	return check;
}

void ledger_check_destroy(struct ledger_check *check)
{
	if (!check)
		return;
	free(check->keys);
	free(check->leaves);
	free(check->marks);
	free(check);
}

void ledger_check_listen(struct ledger_check *check,
			 void (*on_fault)(void *context, const struct ledger_fault *fault),
			 void *context)
{
	check->on_fault = on_fault;
	check->context = context;
}

void ledger_fault_print(const struct ledger_fault *fault, FILE *out)
{
	fprintf(out, "tenant %s", fault->tenant);
	if (fault->sequence >= 0)
		fprintf(out, ", row %" PRId64, fault->sequence);
	if (fault->id[0])
		fprintf(out, " (%s)", fault->id);
	if (fault->size >= 0)
		fprintf(out, ", head of size %" PRId64, fault->size);
	fprintf(out, ": %s\n", fault->what);
}

/* A ledger that was tampered with may hold anything, and faults go to terminals. */
static void text_tame(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void fault_tell(struct ledger_check *check, struct ledger_fault fault, const char *format,
		       va_list args)
{
	char what[WHAT_MAX + 1], id[USAGE_ID_MAX + 1];
	check->n_faults++;
	if (check->n_faults > LEDGER_FAULTS_TOLD_MAX)
		return;
	vsnprintf(what, sizeof(what), format, args);
	text_tame(what);
	snprintf(id, sizeof(id), "%s", fault.id);
	text_tame(id);
	fault.id = id;
	fault.tenant = check->tenant;
	fault.what = what;
	if (check->report)
		ledger_fault_print(&fault, check->report);
	if (check->on_fault)
		check->on_fault(check->context, &fault);
}

void ledger_check_fault(struct ledger_check *check, int64_t sequence, const char *id,
			const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fault_tell(check, (struct ledger_fault){.sequence = sequence, .id = id, .size = -1}, format,
		   args);
	va_end(args);
}

static void head_fault(struct ledger_check *check, const struct ledger_head *head,
		       const char *format, ...) __attribute__((format(printf, 3, 4)));

static void head_fault(struct ledger_check *check, const struct ledger_head *head,
		       const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fault_tell(check,
		   (struct ledger_fault){.sequence = -1, .id = "", .size = (int64_t)head->size},
		   format, args);
	va_end(args);
}

static void memory_fault(struct ledger_check *check)
{
	if (!check->is_out_of_memory)
		ledger_check_fault(check, -1, "", "no memory: what follows is not checked");
	check->is_out_of_memory = true;
	check->is_broken = true;
}

void ledger_check_trust(struct ledger_check *check, const struct ledger_key *key)
{
	const struct ledger_key **keys =
		realloc(check->keys, (check->n_keys + 1) * sizeof(*check->keys));
	if (!keys) {
		memory_fault(check);
		return;
	}
	check->keys = keys;
	check->keys[check->n_keys++] = key;
}

static bool is_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->bytes, b->bytes, MERKLE_BYTES) == 0;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static bool room_make(struct ledger_check *check)
{
	if (check->n < check->room)
		return true;
	uint64_t room = check->room ? check->room * 2 : 1024;
	struct merkle_hash *leaves = realloc(check->leaves, room * sizeof(*leaves));
	if (leaves)
		check->leaves = leaves;
	struct row_mark *marks = realloc(check->marks, room * sizeof(*marks));
	if (marks)
		check->marks = marks;
	if (!leaves || !marks) {
		memory_fault(check);
		return false;
	}
	check->room = room;
	return true;
}

static void leaf_add(struct ledger_check *check, const struct ledger_row *row)
{
	if (!room_make(check))
		return;
	struct merkle_hash id = merkle_leaf(row->usage.id, strlen(row->usage.id));
	struct row_mark mark = {.sequence = (uint64_t)row->sequence};
	memcpy(&mark.id_hash, id.bytes, sizeof(mark.id_hash));
	check->marks[check->n] = mark;
	check->leaves[check->n] = ledger_row_leaf(row);
	check->n++;
}

/* Is it the one that is to come? */
static void place_check(struct ledger_check *check, const struct ledger_row *row)
{
	const char *id = row->usage.id;
	if (row->sequence < 0) {
		ledger_check_fault(check, row->sequence, id, "its sequence %" PRId64 " is none",
				   row->sequence);
	} else if (row->sequence < check->next) {
		ledger_check_fault(check, row->sequence, id,
				   "out of order: it follows row %" PRId64 " (%s)",
				   check->last.sequence, check->last.usage.id);
	} else if (row->sequence == check->next + 1) {
		ledger_check_fault(check, check->next, "",
				   "missing; the next is row %" PRId64 " (%s)", row->sequence, id);
	} else if (row->sequence > check->next) {
		ledger_check_fault(check, check->next, "",
				   "missing, and all up to row %" PRId64
				   "; the next is row %" PRId64 " (%s)",
				   row->sequence - 1, row->sequence, id);
	}
	check->is_broken |= row->sequence != check->next;
}

/* Does it name the row before? */
static void link_check(struct ledger_check *check, const struct ledger_row *row)
{
	static const struct merkle_hash zero;
	const char *id = row->usage.id;
	if (row->sequence == 0) {
		if (!is_equal(&row->previous, &zero))
			ledger_check_fault(check, 0, id, "the first row names a hash before it");
		return;
	}
	if (check->last.sequence < 0 || row->sequence != check->last.sequence + 1)
		return; /* the row before is not there, which was told */
	/* A row whose own hash was changed has been told; the link still shows what it was. */
	if (is_equal(&row->previous, &check->last.hash) ||
	    is_equal(&row->previous, &check->counted))
		return;
	ledger_check_fault(check, row->sequence, id,
			   "the chain is broken: it does not follow from row %" PRId64
			   " (%s); one of the two was changed",
			   check->last.sequence, check->last.usage.id);
}

static void money_check(struct ledger_check *check, const struct ledger_row *row)
{
	const struct usage_record *usage = &row->usage;
	int64_t creator, platform;
	int64_t cost = usage_cost(usage->unit, usage->quantity_ms, usage->price_micros);
	if (usage->cost_micros != cost)
		ledger_check_fault(check, row->sequence, usage->id,
				   "wrong cost: %" PRId64 " micros, but %" PRId64 " ms at %" PRId64
				   " micros a unit make %" PRId64,
				   usage->cost_micros, usage->quantity_ms, usage->price_micros,
				   cost);
	usage_split(usage->cost_micros, usage->split, &creator, &platform);
	if (row->creator_micros != creator || row->platform_micros != platform)
		ledger_check_fault(check, row->sequence, usage->id,
				   "wrong split: %" PRId64 " and %" PRId64
				   " micros, but %s of %" PRId64 " makes %" PRId64 " and %" PRId64,
				   row->creator_micros, row->platform_micros, usage->split,
				   usage->cost_micros, creator, platform);
}

void ledger_check_row(struct ledger_check *check, const struct ledger_row *row)
{
	const struct usage_record *usage = &row->usage;
	struct merkle_hash counted = ledger_row_hash(row);
	if (strcmp(usage->tenant, check->tenant) != 0)
		ledger_check_fault(check, row->sequence, usage->id, "it is of tenant %s",
				   usage->tenant);
	place_check(check, row);
	link_check(check, row);
	if (!is_equal(&counted, &row->hash))
		ledger_check_fault(check, row->sequence, usage->id,
				   "changed: its fields do not give its hash");
	if (!usage_split_is_known(usage->split))
		ledger_check_fault(check, row->sequence, usage->id, "unknown split \"%s\"",
				   usage->split);
	money_check(check, row);
	leaf_add(check, row);
	if (row->sequence >= check->next && row->sequence < INT64_MAX)
		check->next = row->sequence + 1;
	check->last = *row;
	check->counted = counted;
}

/* --- Heads ----------------------------------------------------------------------------------- */

static void signature_check(struct ledger_check *check, const struct ledger_head *head)
{
	if (check->n_keys == 0) {
		if (!check->is_keyless_told)
			head_fault(check, head, "no key to judge signatures by");
		check->is_keyless_told = true;
		return;
	}
	for (unsigned int i = 0; i < check->n_keys; i++) {
		if (strcmp(ledger_key_id(check->keys[i]), head->key_id) != 0)
			continue;
		if (!ledger_head_is_signed(head, check->keys[i]))
			head_fault(check, head, "bad signature (key %s)", head->key_id);
		return;
	}
	head_fault(check, head, "signed with a key that is not trusted (%s)", head->key_id);
}

/* The root of the first `size` leaves; heads come by size, so that the edge only grows. */
static struct merkle_hash root_at(struct ledger_check *check, uint64_t size)
{
	if (size < check->edge.n)
		return merkle_root(check->leaves, size);
	if (size > check->edge.n || size == 0) {
		while (check->edge.n < size)
			merkle_edge_add(&check->edge, &check->leaves[check->edge.n]);
		check->edge_root = merkle_edge_root(&check->edge);
	}
	return check->edge_root;
}

static void root_check(struct ledger_check *check, const struct ledger_head *head)
{
	if (check->is_broken || check->is_forked)
		return; /* told already */
	struct merkle_hash root = root_at(check, head->size);
	if (is_equal(&root, &head->root)) {
		check->right = head->size > check->right ? head->size : check->right;
		return;
	}
	check->is_forked = true;
	if (head->size <= check->right) {
		head_fault(check, head, "forked: another root than a head before it gives");
		return;
	}
	ledger_check_fault(
		check, (int64_t)check->right, "",
		"forked: the head of size %" PRIu64 " has not the root of these rows; the "
		"first %" PRIu64 " are as signed, one of rows %" PRIu64 " to %" PRIu64 " is not",
		head->size, check->right, check->right, head->size - 1);
}

void ledger_check_head(struct ledger_check *check, const struct ledger_head *head)
{
	if (strcmp(head->tenant, check->tenant) != 0)
		head_fault(check, head, "it is of tenant %s", head->tenant);
	signature_check(check, head);
	if (head->size < check->last_size)
		head_fault(check, head, "sizes go back: it follows the head of size %" PRIu64,
			   check->last_size);
	check->last_size = head->size;
	check->newest = head->size > check->newest ? head->size : check->newest;
	if (head->size <= check->n)
		root_check(check, head);
}

void ledger_check_saved_head(struct ledger_check *check, const struct ledger_head *head)
{
	if (strcmp(head->tenant, check->tenant) != 0) {
		head_fault(check, head, "the saved head is of tenant %s", head->tenant);
		return;
	}
	if (head->size > check->n) {
		head_fault(check, head,
			   "the end was cut: the saved head has %" PRIu64
			   " rows, the ledger %" PRIu64,
			   head->size, check->n);
		return;
	}
	struct merkle_hash root = merkle_root(check->leaves, head->size);
	if (!is_equal(&root, &head->root))
		head_fault(check, head,
			   "the ledger does not begin with the tree of the saved head");
}

/* --- The end --------------------------------------------------------------------------------- */

static int mark_compare(const void *a, const void *b)
{
	const struct row_mark *left = a, *right = b;
	if (left->id_hash != right->id_hash)
		return left->id_hash < right->id_hash ? -1 : 1;
	return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

/* One record billed twice. */
static void ids_check(struct ledger_check *check)
{
	if (check->n == 0)
		return;
	qsort(check->marks, check->n, sizeof(*check->marks), mark_compare);
	for (uint64_t i = 1; i < check->n; i++)
		if (check->marks[i].id_hash == check->marks[i - 1].id_hash)
			ledger_check_fault(check, (int64_t)check->marks[i].sequence, "",
					   "the same id as row %" PRIu64,
					   check->marks[i - 1].sequence);
}

static void state_check(struct ledger_check *check, int64_t size, const struct merkle_hash *last)
{
	static const struct merkle_hash zero;
	const struct ledger_row *row = &check->last;
	if (size > check->next)
		ledger_check_fault(check, check->next, "",
				   "missing: the end was cut; the store says there are %" PRId64
				   " rows",
				   size);
	else if (size < check->next)
		ledger_check_fault(check, row->sequence, row->usage.id,
				   "the store says there are only %" PRId64 " rows", size);
	else if (!is_equal(last, row->sequence < 0 ? &zero : &row->hash) &&
		 !is_equal(last, &check->counted))
		ledger_check_fault(check, row->sequence, row->usage.id,
				   "changed: the store says the last hash is another");
}

unsigned int ledger_check_end(struct ledger_check *check, int64_t size,
			      const struct merkle_hash *last)
{
	if (size >= 0)
		state_check(check, size, last);
	if (check->newest > (uint64_t)check->next)
		ledger_check_fault(check, check->next, "",
				   "missing: the end was cut; a head of %" PRIu64
				   " rows was signed",
				   check->newest);
	ids_check(check);
	if (check->n_faults > LEDGER_FAULTS_TOLD_MAX && check->report)
		fprintf(check->report, "tenant %s: %u more faults\n", check->tenant,
			check->n_faults - LEDGER_FAULTS_TOLD_MAX);
	return check->n_faults;
}

uint64_t ledger_check_size(const struct ledger_check *check)
{
	return check->n;
}

uint64_t ledger_check_signed(const struct ledger_check *check)
{
	return check->newest;
}

const struct merkle_hash *ledger_check_leaves(const struct ledger_check *check)
{
	return check->leaves;
}
