/* nn5gctl secret: what a tenant's providers need to know. A secret is read, sent and forgotten; it
 * is never an argument, where every process could see it. */
#include "conf/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/tenants.h"

#define SECRET_BYTES_MAX 16384

enum { SET_FILE = CTL_OPTIONS, SET_OPTIONS };

static const struct command_option set_options[SET_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[SET_FILE] = {"file", "FILE", "read it from here; - is standard input", "-", false},
};

/* As ctl_file_read; what is typed at a terminal is not shown. */
static int secret_read(const char *path, char **text, size_t *size)
{
	struct termios before, quiet;
	bool is_typed = strcmp(path, "-") == 0 && tcgetattr(STDIN_FILENO, &before) == 0;
	if (is_typed) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fputs("secret, then Ctrl-D on a line of its own: ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	int rc = ctl_file_read(path, SECRET_BYTES_MAX, text, size);
	if (is_typed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		putc('\n', stderr);
	}
	return rc;
}

static int set_run(const struct command_line *line)
{
	const char *tenant = line->words[0], *name = line->words[1];
	char *text;
	size_t size;
	if (!ctl_is_word("NAME", name, TENANT_ID_MAX))
		return COMMAND_MISUSED;
	int rc = secret_read(line->values[SET_FILE], &text, &size);
	if (rc)
		return rc;
	size_t len = size && text[size - 1] == '\n' ? size - 1 : size;
	if (len == 0)
		rc = ctl_fail("the secret is empty");
	else
		rc = ctl_do(line, "secret.set",
			    json_pack("{s:s, s:s, s:s%}", "tenant", tenant, "name", name, "text",
				      text, len),
			    "sealed");
	explicit_bzero(text, size);
	free(text);
	return rc;
}

static int list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"SECRET", "name", CTL_TEXT, NULL},
		{"ADDED", "created_at", CTL_TIME, NULL},
	};
	json_t *result;
	int rc =
		ctl_ask(line, "secret.list", json_pack("{s:s}", "tenant", line->words[0]), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		ctl_rows_print(CTL_COLUMNS(columns), json_object_get(result, "secrets"));
	json_decref(result);
	return COMMAND_DONE;
}

static int remove_run(const struct command_line *line)
{
	return ctl_do(line, "secret.remove",
		      json_pack("{s:s, s:s}", "tenant", line->words[0], "name", line->words[1]),
		      "removed");
}

static const struct command commands[] = {
	{
		.name = "secret set",
		.arguments = "TENANT NAME",
		.text = "keep a secret of a tenant",
		.detail = "Keeps a secret, such as a provider's key, sealed under the key file of "
			  "the node. It is read from a file or standard input, without the line "
			  "break at its end, and cannot be shown again.",
		.examples = "nn5gctl secret set acme openai --file openai.key\n"
			    "pass show openai | nn5gctl secret set acme openai",
		.options = set_options,
		.n_options = SET_OPTIONS,
		.run = set_run,
	},
	{
		.name = "secret list",
		.arguments = "TENANT",
		.text = "list the names of a tenant's secrets",
		.detail = "Lists the names of a tenant's secrets.",
		.examples = "nn5gctl secret list acme",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = list_run,
	},
	{
		.name = "secret remove",
		.arguments = "TENANT NAME",
		.text = "forget a secret",
		.detail = "Removes a secret from the store.",
		.examples = "nn5gctl secret remove acme openai",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = remove_run,
	},
};

const struct command_group ctl_secret_commands = {
	.title = "Secrets",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
