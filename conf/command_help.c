/* The help of a command table: of the program, of a few commands, of one. */
#include "conf/command.h"

#include <string.h>

static void row_print(const struct command *command, FILE *out)
{
	fprintf(out, "  %-18s %s\n", command->name, command->text);
}

static void exits_print(const struct command_table *table, FILE *out)
{
	fprintf(out, "\nExit codes: %d done, %d failed, %d wrong use. See %s(1).\n", COMMAND_DONE,
		COMMAND_FAILED, COMMAND_MISUSED, table->program);
}

void command_help(const struct command_table *table, FILE *out)
{
	fprintf(out, "usage: %s COMMAND [OPTION]...\n", table->program);
	fprintf(out, "       %s COMMAND --help\n", table->program);
	fprintf(out, "       %s --help | --version\n\n%s\n", table->program, table->text);
	for (size_t g = 0; g < table->n_groups; g++) {
		const struct command_group *group = table->groups[g];
		fprintf(out, "\n%s:\n", group->title);
		for (size_t i = 0; i < group->n_commands; i++)
			row_print(&group->commands[i], out);
	}
	exits_print(table, out);
}

void command_help_some(const struct command_table *table, const char *prefix, FILE *out)
{
	const struct command *command;
	for (size_t i = 0; (command = command_at(table, i)); i++)
		if (command_begins_with(command, prefix))
			row_print(command, out);
}

static void option_print(const struct command_option *option, FILE *out)
{
	char name[80];
	snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? " " : "",
		 option->argument ? option->argument : "");
	fprintf(out, "  %-22s %s", name, option->text);
	if (option->fallback)
		fprintf(out, " (default %s)", option->fallback);
	fputs(option->is_required ? " (required)\n" : "\n", out);
}

void command_help_one(const struct command_table *table, const struct command *command, FILE *out)
{
	fprintf(out, "usage: %s %s%s%s [OPTION]...\n\n%s\n\nOptions:\n", table->program,
		command->name, command->arguments ? " " : "",
		command->arguments ? command->arguments : "", command->detail);
	for (size_t i = 0; i < command->n_options; i++)
		option_print(&command->options[i], out);
	fprintf(out, "  %-22s %s\n", "--help", "print this");
	if (!command->examples)
		return;
	fputs("\nExamples:\n", out);
	for (const char *line = command->examples; *line;) {
		size_t len = strcspn(line, "\n");
		fprintf(out, "  %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}
