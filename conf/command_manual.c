/* The man page of a command table, in mdoc(7): what the rows say, and the sections they cannot
 * know. */
#include "conf/command.h"

#include <ctype.h>
#include <string.h>

/* mdoc source of plain text: backslashes escaped, and no line that begins like a request. */
static void text_print(const char *text, size_t size, FILE *out)
{
	for (size_t i = 0; i < size; i++) {
		bool begins = i == 0 || text[i - 1] == '\n';
		if (begins && (text[i] == '.' || text[i] == '\''))
			fputs("\\&", out);
		if (text[i] == '\\')
			fputs("\\e", out);
		else
			putc(text[i], out);
	}
}

/* A word as an argument of a macro: punctuation alone would be taken for the macro's own, and names
 * of macros for macros. */
static void word_print(const char *macro, const char *word, size_t size, FILE *out)
{
	fprintf(out, " %s ", macro);
	if (size && strchr(".,;:()[]?!|-*", word[0]))
		fputs("\\&", out);
	text_print(word, size, out);
}

/* Sentences, one a line, as mdoc wants them; the first letter made a capital, a full stop at the
 * end. */
static void sentence_print(const char *text, FILE *out)
{
	putc(toupper((unsigned char)*text), out);
	text_print(text + 1, strlen(text + 1), out);
	fputs(".\n", out);
}

static void detail_print(const char *text, FILE *out)
{
	for (const char *at = text; *at;) {
		const char *end = strstr(at, ". ");
		const char *newline = strchr(at, '\n');
		if (!end || (newline && newline < end))
			end = newline ? newline : at + strlen(at);
		else
			end++;
		text_print(at, (size_t)(end - at), out);
		putc('\n', out);
		at = end + strspn(end, " \n");
	}
}

static void arguments_print(const char *arguments, FILE *out)
{
	struct command_argument argument;
	for (const char *rest = arguments; command_argument_next(&rest, &argument);) {
		if (argument.is_optional)
			fputs(" Oo", out);
		word_print("Ar", argument.name, strlen(argument.name), out);
		if (argument.is_optional)
			fputs(" Oc", out);
		if (argument.is_repeated)
			fputs(" Ns ...", out);
	}
}

static void synopsis_print(const struct command_table *table, FILE *out)
{
	const struct command *command;
	fputs(".Sh SYNOPSIS\n", out);
	for (size_t i = 0; (command = command_at(table, i)); i++) {
		fprintf(out, ".Nm\n.Cm %s", command->name);
		arguments_print(command->arguments, out);
		putc('\n', out);
		for (size_t k = 0; k < command->n_options; k++)
			if (command->options[k].is_required)
				fprintf(out, ".Fl -%s Ar %s\n", command->options[k].name,
					command->options[k].argument);
		if (command->n_options)
			fputs(".Op Ar OPTION ...\n", out);
	}
	fputs(".Nm\n.Op Ar COMMAND\n.Fl -help\n.Nm\n.Fl -version\n", out);
}

static void option_print(const struct command_option *option, FILE *out)
{
	fprintf(out, ".It Fl -%s", option->name);
	if (option->argument)
		word_print("Ar", option->argument, strlen(option->argument), out);
	putc('\n', out);
	sentence_print(option->text, out);
	if (option->fallback) {
		fputs("The default is", out);
		fputs("\n.Cm", out);
		word_print("", option->fallback, strlen(option->fallback), out);
		fputs(" .\n", out);
	}
	if (option->is_required)
		fputs("Required.\n", out);
}

#define LIST_OPEN ".Bl -tag -width \"--public-out\"\n"

/* Is it one of those the page tells of once? */
static bool is_common(const struct command_table *table, const struct command_option *option)
{
	for (size_t i = 0; i < table->n_common_options; i++)
		if (strcmp(table->common_options[i].name, option->name) == 0)
			return true;
	return false;
}

static void options_print(const struct command_table *table, const struct command *command,
			  FILE *out)
{
	bool is_open = false;
	for (size_t i = 0; i < command->n_options; i++) {
		if (is_common(table, &command->options[i]))
			continue;
		if (!is_open)
			fputs(LIST_OPEN, out);
		is_open = true;
		option_print(&command->options[i], out);
	}
	if (is_open)
		fputs(".El\n", out);
}

static void command_print(const struct command_table *table, const struct command *command,
			  FILE *out)
{
	fprintf(out, ".It Cm %s", command->name);
	arguments_print(command->arguments, out);
	putc('\n', out);
	detail_print(command->detail, out);
	options_print(table, command, out);
	if (command->examples) {
		fputs(".Bd -literal\n", out);
		text_print(command->examples, strlen(command->examples), out);
		fputs("\n.Ed\n", out);
	}
}

static void head_print(const struct command_table *table, FILE *out)
{
	fprintf(out, ".Dd %s\n.Dt ", table->date);
	for (const char *c = table->program; *c; c++)
		putc(toupper((unsigned char)*c), out);
	fprintf(out, " 1\n.Os NN-5G\n.Sh NAME\n.Nm %s\n.Nd ", table->program);
	size_t len = strcspn(table->text, ".");
	putc(tolower((unsigned char)table->text[0]), out);
	text_print(table->text + 1, len - 1, out);
	putc('\n', out);
}

void command_manual(const struct command_table *table, FILE *out)
{
	head_print(table, out);
	synopsis_print(table, out);
	fputs(".Sh DESCRIPTION\n.Nm\n", out);
	fputs(table->description, out);
	fputs("Every command explains itself with\n.Fl -help .\n", out);
	if (table->n_common_options)
		fputs("Commands that ask a server also take\n" LIST_OPEN, out);
	for (size_t i = 0; i < table->n_common_options; i++)
		option_print(&table->common_options[i], out);
	if (table->n_common_options)
		fputs(".El\n", out);
	for (size_t g = 0; g < table->n_groups; g++) {
		const struct command_group *group = table->groups[g];
		fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", group->title);
		for (size_t i = 0; i < group->n_commands; i++)
			command_print(table, &group->commands[i], out);
		fputs(".El\n", out);
	}
	fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds -compact\n", out);
	fprintf(out, ".It %d\nDone.\n.It %d\nFailed; standard error says why.\n", COMMAND_DONE,
		COMMAND_FAILED);
	fprintf(out,
		".It %d\nWrong use: an unknown command or option, or a value out of range.\n.El\n",
		COMMAND_MISUSED);
	for (size_t i = 0; i < table->n_sections; i++)
		fprintf(out, ".Sh %s\n%s", table->sections[i].title, table->sections[i].text);
}
