/* nn5gctl key: pairs are made here, where the operator is; only public halves travel. */
#include "conf/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/jwt.h"
#include "conf/tenants.h"

/* First as everywhere, so that --add can ask the control socket. */
enum {
	GENERATE_OUT = CTL_OPTIONS,
	GENERATE_PUBLIC_OUT,
	GENERATE_ALGORITHM,
	GENERATE_TENANT,
	GENERATE_KEY_ID,
	GENERATE_ADD,
	GENERATE_OPTIONS
};

static const struct command_option generate_options[GENERATE_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[GENERATE_OUT] = {"out", "FILE", "private key, PEM; must not exist yet, mode 0600", NULL,
			  true},
	[GENERATE_PUBLIC_OUT] = {"public-out", "FILE", "public key, PEM; must not exist yet", NULL,
				 false},
	[GENERATE_ALGORITHM] = {"algorithm", "EdDSA|ES256|RS256", "kind of the key", "EdDSA",
				false},
	[GENERATE_TENANT] = {"tenant", "ID", "tenant to name in the entry", "demo", false},
	[GENERATE_KEY_ID] = {"key-id", "ID", "id (kid) to name in the entry", "dev", false},
	[GENERATE_ADD] = {"add", NULL, "add the public half to the tenant in the store", NULL,
			  false},
};

static void path_print(const char *key, const char *path)
{
	printf("%s'", key);
	for (; *path; path++)
		fputs(*path == '\'' ? "''" : (const char[]){*path, '\0'}, stdout);
	puts("'");
}

/* An entry for tenants.yaml; with no tenant in it yet, it is a whole tenants.yaml. */
static void entry_print(const char *const *values, const char *public_pem)
{
	printf("tenants:\n  - id: %s\n    keys:\n      - id: %s\n        algorithm: %s\n",
	       values[GENERATE_TENANT], values[GENERATE_KEY_ID], values[GENERATE_ALGORITHM]);
	if (values[GENERATE_PUBLIC_OUT]) {
		char *path = realpath(values[GENERATE_PUBLIC_OUT], NULL);
		path_print("        public_key_file: ", path ? path : values[GENERATE_PUBLIC_OUT]);
		free(path);
		return;
	}
	puts("        public_key: |");
	while (*public_pem) {
		size_t n = strcspn(public_pem, "\n");
		printf("          %.*s\n", (int)n, public_pem);
		public_pem += n + (public_pem[n] == '\n');
	}
}

static json_t *key_document(const char *tenant, const char *id, const char *algorithm,
			    const char *pem)
{
	return json_pack("{s:s, s:{s:s, s:s, s:s}}", "tenant", tenant, "key", "id", id, "algorithm",
			 algorithm, "public_key", pem);
}

/* What becomes of the public half: a file, an entry, a row of the store. */
static int public_half_place(const struct command_line *line, const char *pem)
{
	const char *const *values = line->values;
	const char *path = values[GENERATE_PUBLIC_OUT];
	int rc = path ? ctl_file_create(path, 0644, pem) : 0;
	if (rc)
		return ctl_fail("%s: %s", path, strerror(-rc));
	if (!values[GENERATE_ADD]) {
		entry_print(values, pem);
		return COMMAND_DONE;
	}
	json_t *document = key_document(values[GENERATE_TENANT], values[GENERATE_KEY_ID],
					values[GENERATE_ALGORITHM], pem);
	rc = ctl_do(line, "key.add", document, "key added");
	if (rc && path)
		unlink(path);
	return rc;
}

static int generate_run(const struct command_line *line)
{
	const char *const *values = line->values;
	if (!ctl_is_word("--tenant", values[GENERATE_TENANT], TENANT_ID_MAX) ||
	    !ctl_is_word("--key-id", values[GENERATE_KEY_ID], JWT_ID_MAX))
		return COMMAND_MISUSED;
	char *public_pem;
	int rc = ctl_key_make(values[GENERATE_OUT], values[GENERATE_ALGORITHM], &public_pem);
	if (rc)
		return rc;
	rc = public_half_place(line, public_pem);
	if (rc)
		unlink(values[GENERATE_OUT]);
	free(public_pem);
	return rc;
}

static const struct command_option public_options[] = {
	{"algorithm", "EdDSA|ES256|RS256", "kind of the key", "EdDSA", false},
};

static int public_run(const struct command_line *line)
{
	struct jwt_key *key;
	int rc = ctl_key_load(line->words[0], "", line->values[0], &key);
	if (rc)
		return rc;
	char *pem = jwt_key_export(key, false);
	if (pem)
		fputs(pem, stdout);
	else
		rc = ctl_fail("%s: the key could not be written", line->words[0]);
	free(pem);
	jwt_key_destroy(key);
	return rc;
}

enum { ADD_ALGORITHM = CTL_OPTIONS, ADD_OPTIONS };

static const struct command_option add_options[ADD_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[ADD_ALGORITHM] = {"algorithm", "EdDSA|ES256|RS256", "kind of the key", "EdDSA", false},
};

static int add_run(const struct command_line *line)
{
	const char *tenant = line->words[0], *id = line->words[1], *path = line->words[2];
	const char *algorithm = line->values[ADD_ALGORITHM];
	if (!ctl_is_word("KEY_ID", id, JWT_ID_MAX))
		return COMMAND_MISUSED;
	struct jwt_key *key;
	int rc = ctl_key_load(path, id, algorithm, &key);
	if (rc)
		return rc;
	char *pem = jwt_key_export(key, false);
	jwt_key_destroy(key);
	if (!pem)
		return ctl_fail("%s: the key could not be written", path);
	rc = ctl_do(line, "key.add", key_document(tenant, id, algorithm, pem), "key added");
	free(pem);
	return rc;
}

static int list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"KEY", "id", CTL_TEXT, NULL},
		{"ALGORITHM", "algorithm", CTL_TEXT, NULL},
		{"ADDED", "created_at", CTL_TIME, NULL},
	};
	json_t *result;
	int rc = ctl_ask(line, "key.list", json_pack("{s:s}", "tenant", line->words[0]), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		ctl_rows_print(CTL_COLUMNS(columns), json_object_get(result, "keys"));
	json_decref(result);
	return COMMAND_DONE;
}

static int remove_run(const struct command_line *line)
{
	return ctl_do(line, "key.remove",
		      json_pack("{s:s, s:s}", "tenant", line->words[0], "key", line->words[1]),
		      "key removed; tokens signed with it are refused from now on");
}

static const struct command commands[] = {
	{
		.name = "key generate",
		.text = "make a key pair",
		.detail =
			"Writes the private key to a new file and prints the public key as an "
			"entry for tenants.yaml.\nWith --public-out the public key goes to a file "
			"of its own, and the entry names that file.\nWith --add the public key "
			"goes to the tenant in the store; the private one never leaves this "
			"machine.",
		.examples = "nn5gctl key generate --tenant demo --key-id dev --out dev.pem > "
			    "tenants.yaml\n"
			    "nn5gctl key generate --tenant acme --key-id k2 --out k2.pem --add",
		.options = generate_options,
		.n_options = GENERATE_OPTIONS,
		.run = generate_run,
	},
	{
		.name = "key public",
		.arguments = "FILE",
		.text = "print the public half of a key",
		.detail = "Prints the public half of a key, private or public, PEM or JWK, as PEM.",
		.examples = "nn5gctl key public dev.pem",
		.options = public_options,
		.n_options = 1,
		.run = public_run,
	},
	{
		.name = "key add",
		.arguments = "TENANT KEY_ID FILE",
		.text = "let a key sign a tenant's tokens",
		.detail = "Adds the public half of the key in FILE (PEM or JWK, \"-\" for standard "
			  "input) to a tenant in the store.",
		.examples = "nn5gctl key add acme partner partner.pub.pem --algorithm ES256",
		.options = add_options,
		.n_options = ADD_OPTIONS,
		.run = add_run,
	},
	{
		.name = "key list",
		.arguments = "TENANT",
		.text = "list a tenant's keys",
		.detail = "Lists the public keys a tenant's tokens may be signed with.",
		.examples = "nn5gctl key list acme",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = list_run,
	},
	{
		.name = "key remove",
		.arguments = "TENANT KEY_ID",
		.text = "take a tenant's key away",
		.detail = "Removes a key: tokens signed with it are refused from now on. Sessions "
			  "that run go on.",
		.examples = "nn5gctl key remove acme partner",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = remove_run,
	},
};

const struct command_group ctl_key_commands = {
	.title = "Keys",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
