/* Completion scripts of a command table for bash, zsh and fish. All three ask the same question:
 * the words before the cursor, are they the beginning of a command, or a command with its options?
 * Files are offered where a value is called FILE or PATH. */
#include "conf/command.h"

#include <string.h>

static bool is_file(const char *argument)
{
	return strstr(argument, "FILE") || strstr(argument, "PATH") || strstr(argument, "FOLDER");
}

/* In single quotes, as sh and zsh read them; fish has an escape instead. */
static void quoted_print(const char *text, bool is_fish, FILE *out)
{
	putc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs(is_fish ? "\\'" : "'\\''", out);
		else
			putc(*text, out);
	}
	putc('\'', out);
}

/* "a|b|c" with blanks between. */
static void choices_print(const char *choices, FILE *out)
{
	for (; *choices; choices++)
		putc(*choices == '|' ? ' ' : *choices, out);
}

/* The words that may follow `prefix` (number `depth` of their commands), each once. */
static void next_words_print(const struct command_table *table, const char *prefix, FILE *out)
{
	char seen[4096] = " ";
	size_t len = strlen(prefix);
	const struct command *command;
	for (size_t i = 0; (command = command_at(table, i)); i++) {
		if (len && (!command_begins_with(command, prefix) || !command->name[len]))
			continue;
		const char *word = command->name + len + (len > 0);
		char with_blanks[80];
		snprintf(with_blanks, sizeof(with_blanks), " %.*s ", (int)strcspn(word, " "), word);
		if (strstr(seen, with_blanks))
			continue;
		strncat(seen, with_blanks + 1, sizeof(seen) - strlen(seen) - 1);
		fprintf(out, "%.*s ", (int)strcspn(word, " "), word);
	}
}

/* Calls `each` with every first word that begins commands of two words, once. */
static void prefixes_each(const struct command_table *table,
			  void (*each)(const struct command_table *table, const char *prefix,
				       FILE *out),
			  FILE *out)
{
	char last[64] = "";
	const struct command *command;
	for (size_t i = 0; (command = command_at(table, i)); i++) {
		size_t len = strcspn(command->name, " ");
		if (!command->name[len] ||
		    (strlen(last) == len && strncmp(last, command->name, len) == 0))
			continue;
		snprintf(last, sizeof(last), "%.*s", (int)len, command->name);
		each(table, last, out);
	}
}

/* What may stand where a word is expected: options, and the choices among the arguments. */
static void words_print(const struct command *command, FILE *out)
{
	struct command_argument argument;
	for (size_t i = 0; i < command->n_options; i++)
		fprintf(out, "--%s ", command->options[i].name);
	fputs("--help", out);
	for (const char *rest = command->arguments; command_argument_next(&rest, &argument);) {
		if (!strchr(argument.name, '|'))
			continue;
		putc(' ', out);
		choices_print(argument.name, out);
	}
}

static void bash_option_print(const struct command_option *option, FILE *out)
{
	fprintf(out, "\t\t--%s) ", option->name);
	if (strchr(option->argument, '|')) {
		fputs("COMPREPLY=($(compgen -W '", out);
		choices_print(option->argument, out);
		fputs("' -- \"$current\"))", out);
	} else if (is_file(option->argument)) {
		fputs("COMPREPLY=($(compgen -f -- \"$current\"))", out);
	}
	fputs(" ;;\n", out);
}

static void bash_command_print(const struct command *command, FILE *out)
{
	fprintf(out, "\t'%s '*)\n\t\tcase $previous in\n", command->name);
	for (size_t i = 0; i < command->n_options; i++)
		if (command->options[i].argument)
			bash_option_print(&command->options[i], out);
	fputs("\t\t*) COMPREPLY=($(compgen -W '", out);
	words_print(command, out);
	fprintf(out, "' %s-- \"$current\")) ;;\n\t\tesac ;;\n",
		command->arguments && is_file(command->arguments) ? "-f " : "");
}

static void bash_prefix_print(const struct command_table *table, const char *prefix, FILE *out)
{
	fprintf(out, "\t'%s') COMPREPLY=($(compgen -W '", *prefix ? prefix : "");
	next_words_print(table, prefix, out);
	fputs("--help' -- \"$current\")) ;;\n", out);
}

static void bash_print(const struct command_table *table, FILE *out)
{
	const struct command *command;
	fprintf(out,
		"# bash completion of %s: source <(%s completion bash)\n"
		"_%s() {\n"
		"\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tlocal before=\"${COMP_WORDS[*]:1:COMP_CWORD - 1}\"\n"
		"\tCOMPREPLY=()\n"
		"\tcase \"$before\" in\n",
		table->program, table->program, table->program);
	bash_prefix_print(table, "", out);
	prefixes_each(table, bash_prefix_print, out);
	fputs("\tesac\n\tcase \"$before \" in\n", out);
	for (size_t i = 0; (command = command_at(table, i)); i++)
		bash_command_print(command, out);
	fprintf(out, "\tesac\n}\ncomplete -F _%s %s\n", table->program, table->program);
}

/* zsh: `name:text` rows for _describe. */
static void zsh_row_print(const char *name, const char *text, FILE *out)
{
	char row[512];
	snprintf(row, sizeof(row), "%s:%s", name, text);
	putc(' ', out);
	quoted_print(row, false, out);
}

static void zsh_prefix_print(const struct command_table *table, const char *prefix, FILE *out)
{
	fprintf(out, "\t'%s') compadd -- ", prefix);
	next_words_print(table, prefix, out);
	fputs("--help ;;\n", out);
}

static void zsh_option_print(const struct command_option *option, FILE *out)
{
	fprintf(out, "\t\t--%s) ", option->name);
	if (strchr(option->argument, '|')) {
		fputs("compadd -- ", out);
		choices_print(option->argument, out);
	} else {
		fputs(is_file(option->argument) ? "_files" : ":", out);
	}
	fputs(" ;;\n", out);
}

static void zsh_command_print(const struct command *command, FILE *out)
{
	struct command_argument argument;
	fprintf(out, "\t'%s '*)\n\t\tcase $previous in\n", command->name);
	for (size_t i = 0; i < command->n_options; i++)
		if (command->options[i].argument)
			zsh_option_print(&command->options[i], out);
	fputs("\t\t*)\n\t\t\toffers=(", out);
	for (size_t i = 0; i < command->n_options; i++) {
		char name[64];
		snprintf(name, sizeof(name), "--%s", command->options[i].name);
		zsh_row_print(name, command->options[i].text, out);
	}
	zsh_row_print("--help", "explain the command", out);
	fputs(" )\n\t\t\t_describe option offers\n", out);
	for (const char *rest = command->arguments; command_argument_next(&rest, &argument);) {
		if (strchr(argument.name, '|')) {
			fputs("\t\t\tcompadd -- ", out);
			choices_print(argument.name, out);
			putc('\n', out);
		} else if (is_file(argument.name)) {
			fputs("\t\t\t_files\n", out);
		}
	}
	fputs("\t\t\t;;\n\t\tesac ;;\n", out);
}

static void zsh_print(const struct command_table *table, FILE *out)
{
	const struct command *command;
	fprintf(out,
		"#compdef %s\n"
		"# zsh completion of %s: source <(%s completion zsh), or a file _%s in $fpath\n"
		"_%s() {\n"
		"\tlocal -a offers\n"
		"\tlocal before=\"${words[2,CURRENT-1]}\" previous=\"${words[CURRENT-1]}\"\n"
		"\tcase \"$before\" in\n",
		table->program, table->program, table->program, table->program, table->program);
	zsh_prefix_print(table, "", out);
	prefixes_each(table, zsh_prefix_print, out);
	fputs("\tesac\n\tcase \"$before \" in\n", out);
	for (size_t i = 0; (command = command_at(table, i)); i++)
		zsh_command_print(command, out);
	fprintf(out, "\tesac\n}\ncompdef _%s %s\n", table->program, table->program);
}

static void fish_prefix_print(const struct command_table *table, const char *prefix, FILE *out)
{
	fprintf(out, "complete -c %s -f -n '__%s_is \"%s\"' -a '", table->program, table->program,
		prefix);
	next_words_print(table, prefix, out);
	fputs("'\n", out);
}

static void fish_command_print(const struct command_table *table, const struct command *command,
			       FILE *out)
{
	struct command_argument argument;
	const char *program = table->program;
	for (size_t i = 0; i < command->n_options; i++) {
		const struct command_option *option = &command->options[i];
		const char *value = option->argument ? option->argument : "";
		fprintf(out, "complete -c %s -n '__%s_begins \"%s\"' -l %s %s", program, program,
			command->name, option->name,
			!*value          ? "-f"
			: is_file(value) ? "-r -F"
					 : "-x");
		if (strchr(value, '|')) {
			fputs(" -a '", out);
			choices_print(value, out);
			putc('\'', out);
		}
		fputs(" -d ", out);
		quoted_print(option->text, true, out);
		putc('\n', out);
	}
	for (const char *rest = command->arguments; command_argument_next(&rest, &argument);) {
		if (!strchr(argument.name, '|') && !is_file(argument.name))
			continue;
		fprintf(out, "complete -c %s -n '__%s_begins \"%s\"' ", program, program,
			command->name);
		fputs(is_file(argument.name) ? "-F" : "-f -a '", out);
		if (!is_file(argument.name)) {
			choices_print(argument.name, out);
			putc('\'', out);
		}
		putc('\n', out);
	}
}

static void fish_print(const struct command_table *table, FILE *out)
{
	const struct command *command;
	fprintf(out,
		"# fish completion of %s: %s completion fish | source\n"
		"function __%s_is\n"
		"\ttest (string join ' ' -- (commandline -opc)[2..]) = \"$argv\"\n"
		"end\n"
		"function __%s_begins\n"
		"\tstring match -q -- \"$argv *\" (string join ' ' -- (commandline -opc)[2..])' '\n"
		"end\n",
		table->program, table->program, table->program, table->program);
	fish_prefix_print(table, "", out);
	prefixes_each(table, fish_prefix_print, out);
	for (size_t i = 0; (command = command_at(table, i)); i++)
		fish_command_print(table, command, out);
}

void command_completion(const struct command_table *table, const char *shell, FILE *out)
{
	if (strcmp(shell, "bash") == 0)
		bash_print(table, out);
	else if (strcmp(shell, "zsh") == 0)
		zsh_print(table, out);
	else
		fish_print(table, out);
}
