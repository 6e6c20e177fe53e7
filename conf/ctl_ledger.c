/* nn5gctl ledger: needs no server. What it reads it changes nothing in. */
#include "conf/ctl_ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/ctl.h"
#include "conf/store.h"

enum { VERIFY_KEY = LEDGER_SOURCE_OPTIONS, VERIFY_HEAD, VERIFY_PROOF, VERIFY_JSON, VERIFY_OPTIONS };

static const struct command_option verify_options[VERIFY_OPTIONS] = {
	LEDGER_SOURCE(false),
	[VERIFY_KEY] = {"key", "FILE",
			"public keys to trust, PEM; without it, those the ledger records", NULL,
			false},
	[VERIFY_HEAD] = {"head", "FILE", "a head saved earlier, which the ledger must continue",
			 NULL, false},
	[VERIFY_PROOF] = {"proof", "FILE", "check a proof instead of a ledger", NULL, false},
	[VERIFY_JSON] = {"json", NULL, "print JSON", NULL, false},
};

/* --- Verifying one tenant's ledger ----------------------------------------------------------- */

struct audit {
	/* given */
	const struct ledger_keys *trusted; /* NULL: those found */
	const struct ledger_head *saved;   /* NULL: none */
	const char *tenant;                /* NULL: any */
	bool is_json;
	/* found */
	struct ledger_check *check;
	struct ledger_keys found;
	char name[64];
	unsigned int heads, faults;
	int64_t size; /* as the source says; -1: it does not */
	struct merkle_hash last;
	json_t *told;
};

static void fault_tell(void *context, const struct ledger_fault *fault)
{
	struct audit *audit = context;
	if (!audit->is_json) {
		ledger_fault_print(fault, stdout);
		return;
	}
	json_t *object = json_pack("{s:s}", "what", fault->what);
	if (fault->sequence >= 0)
		json_object_set_new(object, "row", json_integer(fault->sequence));
	if (fault->id[0])
		json_object_set_new(object, "id", json_string(fault->id));
	if (fault->size >= 0)
		json_object_set_new(object, "head_size", json_integer(fault->size));
	json_array_append_new(audit->told, object);
}

static void on_tenant(void *context, const char *tenant)
{
	struct audit *audit = context;
	audit->check = ledger_check_create(tenant, NULL);
	if (!audit->check)
		return;
	snprintf(audit->name, sizeof(audit->name), "%s", tenant);
	ledger_check_listen(audit->check, fault_tell, audit);
	for (unsigned int i = 0; audit->trusted && i < audit->trusted->n; i++)
		ledger_check_trust(audit->check, audit->trusted->keys[i]);
	if (audit->tenant && strcmp(audit->tenant, tenant) != 0)
		ledger_check_fault(audit->check, -1, "", "not the ledger asked for, of tenant %s",
				   audit->tenant);
}

static void on_key(void *context, const char *pem)
{
	struct audit *audit = context;
	if (!audit->check || audit->trusted)
		return;
	if (ledger_keys_add(&audit->found, pem))
		ledger_check_trust(audit->check, audit->found.keys[audit->found.n - 1]);
	else
		ledger_check_fault(audit->check, -1, "",
				   "it records a key that is none, or more than %d",
				   CTL_LEDGER_KEYS_MAX);
}

static void on_row(void *context, const struct ledger_row *row)
{
	struct audit *audit = context;
	if (audit->check)
		ledger_check_row(audit->check, row);
}

static void on_head(void *context, const struct ledger_head *head)
{
	struct audit *audit = context;
	audit->heads++;
	if (audit->check)
		ledger_check_head(audit->check, head);
}

static void on_end(void *context, int64_t size, const struct merkle_hash *last)
{
	struct audit *audit = context;
	audit->size = size;
	audit->last = *last;
}

static void on_fault(void *context, int64_t sequence, const char *id, const char *what)
{
	struct audit *audit = context;
	if (audit->check)
		ledger_check_fault(audit->check, sequence, id, "%s", what);
	else
		ctl_fail("%s", what);
}

static void audit_print(const struct audit *audit)
{
	uint64_t rows = ledger_check_size(audit->check);
	uint64_t covered = ledger_check_signed(audit->check);
	printf("tenant %s: %" PRIu64 " row%s, %u head%s: ", audit->name, rows, rows == 1 ? "" : "s",
	       audit->heads, audit->heads == 1 ? "" : "s");
	if (audit->faults)
		printf("%u fault%s\n", audit->faults, audit->faults == 1 ? "" : "s");
	else if (covered < rows)
		printf("sound; no head covers the last %" PRIu64 " rows yet\n", rows - covered);
	else
		puts("sound");
}

/* One item of the result; takes over what was told. */
static json_t *audit_write(struct audit *audit)
{
	json_t *told = audit->told;
	audit->told = NULL;
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:b, s:o}", "tenant", audit->name, "rows",
			 (json_int_t)ledger_check_size(audit->check), "rows_signed",
			 (json_int_t)ledger_check_signed(audit->check), "heads",
			 (json_int_t)audit->heads, "faults", (json_int_t)audit->faults, "sound",
			 audit->faults == 0, "told", told);
}

/* Exit code: whether it could be read, and is sound. */
static int audit_run(struct audit *audit, struct ledger_source *source, const char *tenant,
		     json_t *results)
{
	const struct ledger_visitor visitor = {.on_tenant = on_tenant,
					       .on_key = on_key,
					       .on_row = on_row,
					       .on_head = on_head,
					       .on_end = on_end,
					       .on_fault = on_fault,
					       .context = audit};
	audit->size = -1;
	audit->told = json_array();
	int rc = ledger_source_read(source, tenant, &visitor);
	if (audit->check) {
		if (audit->saved)
			ledger_check_saved_head(audit->check, audit->saved);
		audit->faults = ledger_check_end(audit->check, audit->size, &audit->last);
		if (audit->is_json)
			json_array_append_new(results, audit_write(audit));
		else
			audit_print(audit);
		rc = rc == COMMAND_DONE && audit->faults ? COMMAND_FAILED : rc;
	} else if (rc == COMMAND_DONE) {
		rc = ctl_fail("no memory");
	}
	ledger_check_destroy(audit->check);
	ledger_keys_free(&audit->found);
	json_decref(audit->told);
	return rc;
}

/* --- ledger verify --------------------------------------------------------------------------- */

static int name_add(void *context, const char *tenant)
{
	return json_array_append_new(context, json_string(tenant)) ? -EINVAL : 0;
}

struct asked {
	const char *tenant;
	json_t *names;
};

static int name_add_asked(void *context, const char *tenant)
{
	const struct asked *asked = context;
	return strcmp(asked->tenant, tenant) == 0 ? name_add(asked->names, tenant) : 0;
}

/* Which ledgers: the one asked for, else all there are. NULL: told. That of a saved head is looked
 * at even where nothing of it is left. */
static json_t *tenants_of(struct ledger_source *source, const struct audit *wanted)
{
	struct asked asked = {wanted->tenant, json_array()};
	int rc = 0;
	if (source->file)
		json_array_append_new(asked.names, json_null());
	else if (wanted->saved)
		rc = name_add(asked.names, wanted->tenant);
	else if (wanted->tenant)
		rc = store_ledger_tenants(source->store, name_add_asked, &asked);
	else
		rc = store_ledger_tenants(source->store, name_add, asked.names);
	if (rc == 0 && json_array_size(asked.names) > 0)
		return asked.names;
	json_decref(asked.names);
	if (rc)
		ctl_fail("%s: %s", source->name, strerror(-rc));
	else if (wanted->tenant)
		ctl_fail("%s: tenant %s has no ledger there", source->name, wanted->tenant);
	else
		ctl_fail("%s: no tenant has a ledger there", source->name);
	return NULL;
}

static int ledgers_verify(struct ledger_source *source, const struct audit *wanted)
{
	json_t *names = tenants_of(source, wanted);
	if (!names)
		return COMMAND_FAILED;
	json_t *results = json_array();
	int code = COMMAND_DONE;
	bool is_read = false;
	for (size_t i = 0; i < json_array_size(names); i++) {
		struct audit audit = *wanted;
		if (audit_run(&audit, source, json_string_value(json_array_get(names, i)), results))
			code = COMMAND_FAILED;
		is_read |= audit.name[0] != '\0';
	}
	json_decref(names);
	const char *by = wanted->trusted ? "given" : "recorded";
	if (wanted->is_json) {
		json_t *result = json_pack("{s:b, s:s, s:o}", "sound", code == COMMAND_DONE, "keys",
					   by, "tenants", results);
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(result);
		return code;
	}
	json_decref(results);
	if (is_read && !wanted->trusted)
		puts("Heads were judged by the keys that the ledger itself records; --key names "
		     "one to trust.");
	return code;
}

static int verify_run(const struct command_line *line)
{
	const char *const *values = line->values;
	struct ledger_keys keys = {.n = 0};
	struct ledger_head saved;
	struct ledger_source source = {.store = NULL};
	int rc = values[VERIFY_KEY] ? ledger_keys_load(values[VERIFY_KEY], &keys) : COMMAND_DONE;
	if (rc == COMMAND_DONE && values[VERIFY_HEAD])
		rc = ledger_head_load(values[VERIFY_HEAD], &saved);
	if (rc)
		goto out;
	const struct ledger_head *head = values[VERIFY_HEAD] ? &saved : NULL;
	if (values[VERIFY_PROOF]) {
		rc = ledger_proof_check(values[VERIFY_PROOF], &keys, head, values[VERIFY_JSON]);
		goto out;
	}
	rc = ledger_source_open(line, &source);
	if (rc)
		goto out;
	const char *tenant = values[LEDGER_TENANT];
	const struct audit wanted = {.trusted = values[VERIFY_KEY] ? &keys : NULL,
				     .saved = head,
				     .tenant = tenant || !head ? tenant : head->tenant,
				     .is_json = values[VERIFY_JSON]};
	rc = ledgers_verify(&source, &wanted);
out:
	ledger_source_close(&source);
	ledger_keys_free(&keys);
	return rc;
}

/* --- ledger head ----------------------------------------------------------------------------- */

static const struct command_option head_options[] = {LEDGER_SOURCE(true)};

struct newest {
	struct ledger_head head; /* size 0: none yet */
};

static void newest_take(void *context, const struct ledger_head *head)
{
	struct newest *newest = context;
	if (head->size >= newest->head.size)
		newest->head = *head;
}

static int head_run(const struct command_line *line)
{
	struct ledger_source source;
	struct newest newest = {.head = {.size = 0}};
	const struct ledger_visitor visitor = {.on_head = newest_take, .context = &newest};
	const char *tenant = line->values[LEDGER_TENANT];
	int rc = ledger_source_open(line, &source);
	if (rc == COMMAND_DONE)
		rc = ledger_source_read(&source, tenant, &visitor);
	ledger_source_close(&source);
	if (rc)
		return rc;
	if (strcmp(newest.head.tenant, tenant) != 0)
		return ctl_fail("tenant %s: no head was signed yet", tenant);
	json_t *object = ledger_head_write(&newest.head);
	rc = json_dumpf(object, stdout, JSON_INDENT(2)) ? ctl_fail("the head cannot be written")
							: COMMAND_DONE;
	putchar('\n');
	json_decref(object);
	return rc;
}

/* --- ledger sign ----------------------------------------------------------------------------- */

static int sign_run(const struct command_line *line)
{
	return ctl_do(line, "ledger.sign", json_object(), "signed");
}

static const struct command commands[] = {
	{
		.name = "ledger verify",
		.text = "check ledgers, an export or a proof",
		.detail =
			"Checks every row (hash, money), the chain of rows, and every signed head "
			"against the rows it covers; names each fault by its row. Needs no server "
			"and changes nothing. Exit code 0 only if all is sound.\n"
			"A head saved earlier (--head) shows whether what it covers is still the "
			"same, whoever holds the keys. With --proof, a file is judged by a key or "
			"a saved head, and nothing else is read.",
		.examples =
			"nn5gctl ledger verify\n"
			"nn5gctl key public state/ledger.key.pem > ledger.pub.pem\n"
			"nn5gctl ledger verify --store postgresql:///nn5g --key ledger.pub.pem\n"
			"nn5gctl ledger verify --export acme.jsonl --head acme-january.json\n"
			"nn5gctl ledger verify --proof row.json --key ledger.pub.pem",
		.options = verify_options,
		.n_options = VERIFY_OPTIONS,
		.run = verify_run,
	},
	{
		.name = "ledger head",
		.text = "print a ledger's newest signed head",
		.detail =
			"Prints the newest signed tree head as JSON, to be kept elsewhere: it pins "
			"all rows it covers.",
		.examples = "nn5gctl ledger head --tenant acme > acme-january.json",
		.options = head_options,
		.n_options = LEDGER_SOURCE_OPTIONS,
		.run = head_run,
	},
	{
		.name = "ledger proof",
		.text = "print the proof of a row, or of growth",
		.detail =
			"With --id, proves that a row is in the tree of a head. With "
			"--consistency, "
			"proves that the tree of --size rows continues that of fewer. Either is "
			"JSON that `ledger verify --proof` checks anywhere. Of --size rows a head "
			"should exist; without --size it is the newest head's.",
		.examples = "nn5gctl ledger proof --tenant acme --id acme:order-17 > row.json\n"
			    "nn5gctl ledger proof --tenant acme --consistency 1200 > growth.json",
		.options = ledger_proof_options,
		.n_options = LEDGER_PROOF_OPTIONS,
		.run = ledger_proof_run,
	},
	{
		.name = "ledger sign",
		.text = "sign the heads of all ledgers now",
		.detail = "Has nn5g-control sign a tree head of every ledger that grew, instead of "
			  "at the next full minute.",
		.examples = "nn5gctl ledger sign",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = sign_run,
	},
};

const struct command_group ctl_ledger_commands = {
	.title = "Ledger",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
