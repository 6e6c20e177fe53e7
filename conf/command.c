#include "conf/command.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void help_print(const struct command_table *table, FILE *out)
{
	fprintf(out, "usage: %s COMMAND [OPTION]...\n", table->program);
	fprintf(out, "       %s COMMAND --help\n", table->program);
	fprintf(out, "       %s --help | --version\n\n%s\n\nCommands:\n", table->program,
		table->text);
	for (size_t i = 0; i < table->n_commands; i++)
		fprintf(out, "  %-18s %s\n", table->commands[i].name, table->commands[i].text);
	fprintf(out, "\nExit codes: %d done, %d failed, %d wrong use. See %s(1).\n", COMMAND_DONE,
		COMMAND_FAILED, COMMAND_MISUSED, table->program);
}

static void command_help_print(const struct command_table *table, const struct command *command)
{
	printf("usage: %s %s [OPTION]...%s%s\n\n%s\n\nOptions:\n", table->program, command->name,
	       command->argument ? " " : "", command->argument ? command->argument : "",
	       command->detail);
	for (size_t i = 0; i < command->n_options; i++) {
		const struct command_option *option = &command->options[i];
		char name[40];
		snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? " " : "",
			 option->argument ? option->argument : "");
		printf("  %-20s %s", name, option->text);
		if (option->fallback)
			printf(" (default %s)", option->fallback);
		puts(option->is_required ? " (required)" : "");
	}
	printf("  %-20s %s\n", "--help", "print this");
}

/* The option `word` ("--name" or "--name=value") names, or NULL; *value is what follows a "=". */
static const struct command_option *option_find(const struct command *command, const char *word,
						const char **value)
{
	size_t len = strcspn(word + 2, "=");
	*value = word[2 + len] == '=' ? word + 3 + len : NULL;
	for (size_t i = 0; i < command->n_options; i++)
		if (strlen(command->options[i].name) == len &&
		    strncmp(command->options[i].name, word + 2, len) == 0)
			return &command->options[i];
	return NULL;
}

/* Puts one option's value in its place; returns the words it took, or 0 and why it is wrong. */
static int option_take(const struct command *command, const char *word, const char *next,
		       const char **values, const char **wrong)
{
	const char *value;
	const struct command_option *option = option_find(command, word, &value);
	*wrong = NULL;
	if (!option)
		*wrong = "unknown option";
	else if (value && !option->argument)
		*wrong = "takes no value";
	else if (option->argument && !value && !next)
		*wrong = "needs a value";
	if (*wrong)
		return 0;
	bool is_apart = option->argument && !value;
	if (!option->argument)
		value = "";
	values[option - command->options] = is_apart ? next : value;
	return is_apart ? 2 : 1;
}

/* Takes options and argument apart. NULL, or what is wrong with *word. */
static const char *words_take(const struct command *command, int argc, char **argv,
			      const char **values, const char **word)
{
	const char *argument = NULL, *wrong;
	for (int i = 0; i < argc;) {
		*word = argv[i];
		if (strncmp(argv[i], "--", 2) != 0) {
			if (!command->argument || argument)
				return "not expected";
			argument = argv[i++];
			continue;
		}
		int taken = option_take(command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, values,
					&wrong);
		if (!taken)
			return wrong;
		i += taken;
	}
	for (size_t i = 0; i < command->n_options; i++) {
		*word = command->options[i].name;
		if (command->options[i].is_required && !values[i])
			return "must be given";
	}
	*word = command->argument;
	if (command->argument && !argument)
		return "must be given";
	*word = argument;
	return NULL;
}

static int command_run(const struct command_table *table, const struct command *command, int argc,
		       char **argv)
{
	const char *values[COMMAND_OPTIONS_MAX] = {0}, *word;
	assert(command->n_options <= COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < command->n_options; i++)
		values[i] = command->options[i].fallback;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") != 0)
			continue;
		command_help_print(table, command);
		return COMMAND_DONE;
	}
	const char *wrong = words_take(command, argc, argv, values, &word);
	if (wrong) {
		fprintf(stderr, "%s: %s: %s; see %s %s --help\n", table->program, word, wrong,
			table->program, command->name);
		return COMMAND_MISUSED;
	}
	return command->run(values, word);
}

/* How many of the words on the command line name this command; 0: not this one. */
static int command_words(const struct command *command, int argc, char **argv)
{
	const char *rest = command->name;
	int n = 0;
	while (*rest) {
		size_t len = strcspn(rest, " ");
		if (n >= argc || strlen(argv[n]) != len || strncmp(argv[n], rest, len) != 0)
			return 0;
		n++;
		rest += len + strspn(rest + len, " ");
	}
	return n;
}

static int table_run(const struct command_table *table, int argc, char **argv)
{
	if (argc >= 1 && strcmp(argv[0], "--help") == 0) {
		help_print(table, stdout);
		return COMMAND_DONE;
	}
	if (argc >= 1 && strcmp(argv[0], "--version") == 0) {
		printf("%s %s\n", table->program, NN5G_VERSION);
		return COMMAND_DONE;
	}
	for (size_t i = 0; i < table->n_commands; i++) {
		int n = command_words(&table->commands[i], argc, argv);
		if (n)
			return command_run(table, &table->commands[i], argc - n, argv + n);
	}
	if (argc >= 1)
		fprintf(stderr, "%s: %s: unknown command\n", table->program, argv[0]);
	help_print(table, stderr);
	return COMMAND_MISUSED;
}

int command_main(const struct command_table *table, int argc, char **argv)
{
	int rc = table_run(table, argc - 1, argv + 1);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: %s\n", table->program, strerror(errno));
		return COMMAND_FAILED;
	}
	return rc;
}
