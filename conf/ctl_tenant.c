/* nn5gctl tenant: from the first key to the last export. */
#include "conf/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/assignment.h"
#include "conf/jwt.h"
#include "conf/money.h"
#include "conf/tenants.h"

#define EXIT_SECONDS_MAX 86400
#define EXIT_LOOK_MS     250

enum {
	CREATE_PLAN = CTL_OPTIONS,
	CREATE_SLICE,
	CREATE_NAME,
	CREATE_KEY,
	CREATE_KEY_OUT,
	CREATE_KEY_ID,
	CREATE_ALGORITHM,
	CREATE_NO_KEY,
	CREATE_OPTIONS
};

static const struct command_option create_options[CREATE_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[CREATE_PLAN] = {"plan", "PLAN", "plan it is on", NULL, false},
	[CREATE_SLICE] = {"slice", "SLICE", "slice it is in; without it, the plan's", NULL, false},
	[CREATE_NAME] = {"name", "TEXT", "what people call it", NULL, false},
	[CREATE_KEY] = {"key", "FILE", "let this key sign its tokens, PEM or JWK, instead of a new",
			NULL, false},
	[CREATE_KEY_OUT] = {"key-out", "FILE",
			    "private key to make; without it, TENANT.pem; must not exist yet", NULL,
			    false},
	[CREATE_KEY_ID] = {"key-id", "ID", "id (kid) of the key", "k1", false},
	[CREATE_ALGORITHM] = {"algorithm", "EdDSA|ES256|RS256", "kind of the key", "EdDSA", false},
	[CREATE_NO_KEY] = {"no-key", NULL, "no key for now: no token of it is good", NULL, false},
};

/* The public half of its first key: of a file, or of a pair made now, whose private half is then
 * in *made. Exit code. */
static int first_key(const struct command_line *line, const char *made, char **pem)
{
	const char *const *values = line->values;
	if (!values[CREATE_KEY])
		return ctl_key_make(made, values[CREATE_ALGORITHM], pem);
	struct jwt_key *key;
	int rc = ctl_key_load(values[CREATE_KEY], "", values[CREATE_ALGORITHM], &key);
	if (rc)
		return rc;
	*pem = jwt_key_export(key, false);
	jwt_key_destroy(key);
	return *pem ? COMMAND_DONE : ctl_fail("the key could not be written");
}

static json_t *create_document(const struct command_line *line, const char *pem)
{
	const char *const *values = line->values;
	json_t *tenant = json_pack("{s:s, s:s*, s:s*, s:s*}", "id", line->words[0], "plan",
				   values[CREATE_PLAN], "slice", values[CREATE_SLICE], "name",
				   values[CREATE_NAME]);
	if (pem)
		json_object_set_new(tenant, "keys",
				    json_pack("[{s:s, s:s, s:s}]", "id", values[CREATE_KEY_ID],
					      "algorithm", values[CREATE_ALGORITHM], "public_key",
					      pem));
	return tenant;
}

static int create_ask(const struct command_line *line, const char *pem, const char *made)
{
	char done[512];
	json_t *tenant = create_document(line, pem);
	int rc = tenant ? ctl_assign(line, 1, ASSIGNMENT_TENANT, tenant) : COMMAND_FAILED;
	if (rc) {
		json_decref(tenant);
		return rc;
	}
	int used = snprintf(done, sizeof(done), "tenant %.64s created", line->words[0]);
	if (made)
		snprintf(done + used, sizeof(done) - (size_t)used,
			 "; its private key, of id %.64s, is in %.300s",
			 line->values[CREATE_KEY_ID], made);
	return ctl_do(line, "tenant.create", json_pack("{s:o}", "tenant", tenant), done);
}

static int create_run(const struct command_line *line)
{
	const char *const *values = line->values;
	char made[TENANT_ID_MAX + 8];
	char *pem = NULL;
	int rc = COMMAND_DONE;
	if (!ctl_is_word("TENANT", line->words[0], TENANT_ID_MAX) ||
	    !ctl_is_word("--key-id", values[CREATE_KEY_ID], JWT_ID_MAX))
		return COMMAND_MISUSED;
	snprintf(made, sizeof(made), "%s.pem", line->words[0]);
	const char *path = values[CREATE_KEY_OUT] ? values[CREATE_KEY_OUT] : made;
	bool is_made = !values[CREATE_KEY] && !values[CREATE_NO_KEY];
	if (!values[CREATE_NO_KEY])
		rc = first_key(line, path, &pem);
	if (rc)
		return rc;
	rc = create_ask(line, pem, is_made ? path : NULL);
	if (rc && is_made)
		unlink(path);
	free(pem);
	return rc;
}

static int set_run(const struct command_line *line)
{
	json_t *changes = json_object();
	int rc = ctl_assign(line, 1, ASSIGNMENT_TENANT, changes);
	if (rc) {
		json_decref(changes);
		return rc;
	}
	return ctl_do(line, "tenant.set",
		      json_pack("{s:s, s:o}", "tenant", line->words[0], "changes", changes),
		      "changed");
}

static int list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"TENANT", "id", CTL_TEXT, NULL},
		{"NAME", "name", CTL_TEXT, NULL},
		{"STANDING", "standing", CTL_STATE, NULL},
		{"PLAN", "plan", CTL_TEXT, NULL},
		{"SLICE", "effective_slice", CTL_TEXT, NULL},
		{"SHARE", "slice_bps", CTL_BPS, NULL},
		{"SESSIONS", "sessions", CTL_NUMBER, NULL},
	};
	json_t *result;
	int rc = ctl_ask(line, "tenant.list", json_object(), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		ctl_rows_print(CTL_COLUMNS(columns), json_object_get(result, "tenants"));
	json_decref(result);
	return COMMAND_DONE;
}

static void policy_print(const json_t *tenant)
{
	static const struct ctl_column columns[] = {
		{"POLICY", "path", CTL_TEXT, NULL},
		{"VALUE", "value", CTL_TEXT, NULL},
		{"FROM", "from", CTL_TEXT, NULL},
	};
	json_t *rows = assignment_write(json_object_get(tenant, "effective"),
					json_object_get(tenant, "policy"));
	putchar('\n');
	ctl_rows_print(CTL_COLUMNS(columns), rows);
	json_decref(rows);
}

static int show_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"tenant", "id", CTL_TEXT, NULL},
		{"name", "name", CTL_TEXT, NULL},
		{"standing", "standing", CTL_STATE, NULL},
		{"issuer", "issuer", CTL_TEXT, "its id"},
		{"plan", "plan", CTL_TEXT, NULL},
		{"slice", "effective_slice", CTL_TEXT, "none: best effort"},
		{"share", "slice_bps", CTL_BPS, NULL},
		{"sessions", "sessions", CTL_NUMBER, NULL},
		{"created", "created_at", CTL_TIME, NULL},
		{"changed", "changed_at", CTL_TIME, NULL},
	};
	static const struct ctl_column key_columns[] = {
		{"KEY", "id", CTL_TEXT, NULL},
		{"ALGORITHM", "algorithm", CTL_TEXT, NULL},
	};
	json_t *result;
	int rc =
		ctl_ask(line, "tenant.show", json_pack("{s:s}", "tenant", line->words[0]), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result)) {
		const json_t *tenant = json_object_get(result, "tenant");
		ctl_fields_print(CTL_COLUMNS(columns), tenant);
		putchar('\n');
		ctl_rows_print(CTL_COLUMNS(key_columns), json_object_get(tenant, "keys"));
		putchar('\n');
		ctl_budget_print(json_object_get(result, "budget"));
		policy_print(tenant);
	}
	json_decref(result);
	return COMMAND_DONE;
}

static int pause_run(const struct command_line *line)
{
	return ctl_do(line, "tenant.pause", json_pack("{s:s}", "tenant", line->words[0]),
		      "paused: no new sessions, and those that run are paused");
}

static int resume_run(const struct command_line *line)
{
	return ctl_do(line, "tenant.resume", json_pack("{s:s}", "tenant", line->words[0]),
		      "active again");
}

enum { EXPORT_OUT = CTL_OPTIONS, EXPORT_OPTIONS };

static const struct command_option export_options[EXPORT_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[EXPORT_OUT] = {"out", "FILE", "copy the export here; must not exist yet", NULL, false},
};

/* Copies what the server wrote. Exit code. */
static int export_copy(const char *from, const char *to)
{
	char bytes[65536];
	size_t n;
	FILE *in = fopen(from, "r");
	if (!in)
		return ctl_fail("%s: %s", from, strerror(errno));
	int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out) {
		int rc = ctl_fail("%s: %s (the export is %s)", to, strerror(errno), from);
		fclose(in);
		return rc;
	}
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0 && fwrite(bytes, 1, n, out) == n)
		;
	bool is_whole = !ferror(in) && !ferror(out) && fflush(out) == 0 && fsync(fd) == 0;
	is_whole &= fclose(out) == 0;
	fclose(in);
	if (is_whole)
		return COMMAND_DONE;
	unlink(to);
	return ctl_fail("%s: could not be written (the export is %s)", to, from);
}

/* Tells where the export is, once it is where it was wanted. Exit code. */
static int export_tell(const struct command_line *line, json_t *result, const char *out,
		       const char *what)
{
	const char *path = json_string_value(json_object_get(result, "export"));
	int rc = !path ? ctl_fail("an answer without an export")
		 : out ? export_copy(path, out)
		       : COMMAND_DONE;
	if (rc)
		return rc;
	if (out)
		json_object_set_new(result, "export", json_string(out));
	if (!ctl_json(line, result))
		printf("%s; export: %s\n", what, out ? out : path);
	return COMMAND_DONE;
}

static int export_run(const struct command_line *line)
{
	json_t *result;
	int rc = ctl_ask(line, "tenant.export", json_pack("{s:s}", "tenant", line->words[0]),
			 &result);
	if (rc)
		return rc;
	rc = export_tell(line, result, line->values[EXPORT_OUT], "exported");
	json_decref(result);
	return rc;
}

enum { EXIT_OUT = CTL_OPTIONS, EXIT_TIMEOUT, EXIT_FORCE, EXIT_OPTIONS };

static const struct command_option exit_options[EXIT_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[EXIT_OUT] = {"out", "FILE", "copy the export here; must not exist yet", NULL, false},
	[EXIT_TIMEOUT] = {"timeout", "TIME", "how long to wait for sessions and grants", "60s",
			  false},
	[EXIT_FORCE] = {"force", NULL, "do not wait for nodes that are gone for good", NULL, false},
};

static void settling_write(const json_t *result, char *text, size_t size)
{
	const char *account;
	json_t *amount;
	int n = snprintf(text, size, "%" JSON_INTEGER_FORMAT " sessions",
			 json_integer_value(json_object_get(result, "sessions")));
	json_object_foreach(json_object_get(result, "outstanding"), account, amount)
	{
		char money[MONEY_TEXT_MAX];
		bool is_credit = strcmp(account, "credit") == 0;
		int64_t value = json_integer_value(amount);
		if (n < 0 || (size_t)n >= size)
			return;
		if (is_credit)
			n += snprintf(text + n, size - (size_t)n, ", credit %s with nodes",
				      money_write(value, money));
		else
			n += snprintf(text + n, size - (size_t)n, ", %s %" PRId64 " s with nodes",
				      account, value / 1000);
	}
}

/* Asks until it is settled, or time is up. Exit code. */
static int exit_wait(const struct command_line *line, int64_t seconds, json_t **result)
{
	const struct timespec pause = {.tv_nsec = EXIT_LOOK_MS * 1000000L};
	char told[160] = "", now[160];
	for (int64_t waited_ms = 0;; waited_ms += EXIT_LOOK_MS) {
		int rc = ctl_ask(line, "tenant.exit",
				 json_pack("{s:s, s:b}", "tenant", line->words[0], "force",
					   line->values[EXIT_FORCE] != NULL),
				 result);
		if (rc || json_is_true(json_object_get(*result, "settled")))
			return rc;
		settling_write(*result, now, sizeof(now));
		json_decref(*result);
		if (waited_ms >= seconds * 1000)
			return ctl_fail("not settled after %" PRId64
					" s: %s. It has exited; ask again, or with --force "
					"if those nodes are gone",
					seconds, now);
		if (strcmp(told, now) != 0)
			fprintf(stderr, "nn5gctl: settling: %s\n", now);
		strcpy(told, now);
		nanosleep(&pause, NULL);
	}
}

static int exit_run(const struct command_line *line)
{
	int64_t seconds = ctl_duration(line->values[EXIT_TIMEOUT], EXIT_SECONDS_MAX);
	json_t *result;
	if (seconds < 0)
		return ctl_misuse("--timeout: found %s, expected 1 to %d seconds, or with m or h",
				  line->values[EXIT_TIMEOUT], EXIT_SECONDS_MAX);
	if (line->values[EXIT_OUT] && access(line->values[EXIT_OUT], F_OK) == 0)
		return ctl_fail("%s: %s", line->values[EXIT_OUT], strerror(EEXIST));
	int rc = exit_wait(line, seconds, &result);
	if (rc)
		return rc;
	rc = export_tell(line, result, line->values[EXIT_OUT], "exited and settled");
	json_decref(result);
	return rc;
}

#define COMMON .options = ctl_common_options, .n_options = CTL_OPTIONS
static const struct command commands[] = {
	{
		.name = "tenant create",
		.arguments = "TENANT [PATH=VALUE]...",
		.text = "make a tenant",
		.detail = "Makes a tenant in one step: its share of the slice, its policy (the "
			  "plan's), and a key pair, whose private half goes to a new file here. "
			  "What is not as the plan says is given as PATH=VALUE; nn5gctl paths "
			  "lists the paths.",
		.examples = "nn5gctl tenant create acme --plan gold\n"
			    "nn5gctl tenant create acme --plan gold budget.monthly=100.00 "
			    "sessions_max=50 slice_bps=30M\n"
			    "nn5gctl tenant create acme --plan free --key acme.pub.pem --key-id k7",
		.options = create_options,
		.n_options = CREATE_OPTIONS,
		.run = create_run,
	},
	{
		.name = "tenant set",
		.arguments = "TENANT PATH=VALUE...",
		.text = "change a tenant's limits",
		.detail = "Changes what is named and nothing else. In force on running sessions "
			  "within a second. Money is a decimal number of the currency; a path with "
			  "its unit (budget.monthly_micros) takes the number as it is stored. "
			  "\"unlimited\" takes a bound away; PATH= goes back to the plan's.",
		.examples = "nn5gctl tenant set acme budget.monthly=1.00 prices.video=0.02 "
			    "rate.requests=50\n"
			    "nn5gctl tenant set acme budget.video=unlimited sessions_max=\n"
			    "nn5gctl tenant set acme plan=silver slice_bps=5M",
		COMMON,
		.run = set_run,
	},
	{
		.name = "tenant show",
		.arguments = "TENANT",
		.text = "show a tenant",
		.detail = "Shows a tenant, its keys, its accounts, and the policy in force, as it "
			  "would be typed.",
		.examples = "nn5gctl tenant show acme",
		COMMON,
		.run = show_run,
	},
	{
		.name = "tenant list",
		.text = "list tenants",
		.detail = "Lists all tenants.",
		.examples = "nn5gctl tenant list --json | jq -r '.tenants[].id'",
		COMMON,
		.run = list_run,
	},
	{
		.name = "tenant pause",
		.arguments = "TENANT",
		.text = "let a tenant rest",
		.detail = "Pauses a tenant: no new sessions, and those that run are paused.",
		.examples = "nn5gctl tenant pause acme",
		COMMON,
		.run = pause_run,
	},
	{
		.name = "tenant resume",
		.arguments = "TENANT",
		.text = "let a tenant go on",
		.detail = "Makes a paused tenant active again.",
		.examples = "nn5gctl tenant resume acme",
		COMMON,
		.run = resume_run,
	},
	{
		.name = "tenant exit",
		.arguments = "TENANT",
		.text = "end a tenant for good",
		.detail = "Ends a tenant for good: its sessions end, what they used is settled, "
			  "its share of the slice is released, a last head of its ledger is "
			  "signed, and configuration and ledger are exported. May be repeated. "
			  "The export is verified anywhere with nn5gctl ledger verify --export "
			  "FILE.",
		.examples = "nn5gctl tenant exit acme --out acme.jsonl",
		.options = exit_options,
		.n_options = EXIT_OPTIONS,
		.run = exit_run,
	},
	{
		.name = "tenant export",
		.arguments = "TENANT",
		.text = "export configuration and ledger",
		.detail = "Writes a tenant's configuration and its ledger with all proofs to a "
			  "file of the server, and copies it with --out. No secret is in it.",
		.examples = "nn5gctl tenant export acme --out acme.jsonl",
		.options = export_options,
		.n_options = EXPORT_OPTIONS,
		.run = export_run,
	},
};

const struct command_group ctl_tenant_commands = {
	.title = "Tenants",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
