/* The parser: finds the command whose name the first words are, takes options and other words
 * apart by its rows, and says what is wrong in the words of those rows. */
#include "conf/command.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const struct command *command_at(const struct command_table *table, size_t i)
{
	for (size_t g = 0; g < table->n_groups; g++) {
		if (i < table->groups[g]->n_commands)
			return &table->groups[g]->commands[i];
		i -= table->groups[g]->n_commands;
	}
	return NULL;
}

bool command_begins_with(const struct command *command, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(command->name, prefix, len) == 0 &&
	       (command->name[len] == ' ' || command->name[len] == '\0');
}

bool command_argument_next(const char **rest, struct command_argument *out)
{
	if (!*rest || !**rest)
		return false;
	const char *word = *rest;
	size_t len = strcspn(word, " ");
	*rest = word + len + strspn(word + len, " ");
	out->is_repeated = len > 3 && strncmp(word + len - 3, "...", 3) == 0;
	if (out->is_repeated)
		len -= 3;
	out->is_optional = word[0] == '[';
	if (out->is_optional) {
		word++;
		len -= 2;
	}
	assert(len < sizeof(out->name));
	snprintf(out->name, sizeof(out->name), "%.*s", (int)len, word);
	return true;
}

/* "a|b|c": is `value` one of these? Anything fits a name without bars. */
static bool choice_fits(const char *choices, const char *value)
{
	size_t len = strlen(value);
	if (!strchr(choices, '|'))
		return true;
	for (const char *at = choices; *at;) {
		size_t n = strcspn(at, "|");
		if (n == len && strncmp(at, value, n) == 0)
			return true;
		at += n + (at[n] == '|');
	}
	return false;
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

/* What is wrong with a command line, in words. */
struct fault {
	char where[128], what[256];
};

static int fault_say(struct fault *fault, const char *where, const char *what)
{
	snprintf(fault->where, sizeof(fault->where), "%s", where);
	snprintf(fault->what, sizeof(fault->what), "%s", what);
	return -EINVAL;
}

static int choice_check(const char *choices, const char *where, const char *value,
			struct fault *fault)
{
	if (choice_fits(choices, value))
		return 0;
	snprintf(fault->where, sizeof(fault->where), "%s", where);
	int n = snprintf(fault->what, sizeof(fault->what), "found %.60s, expected ", value);
	for (const char *at = choices; *at && n < (int)sizeof(fault->what);) {
		size_t len = strcspn(at, "|");
		const char *next = at + len + (at[len] == '|');
		const char *between = !*next ? "" : strchr(next, '|') ? ", " : " or ";
		n += snprintf(fault->what + n, sizeof(fault->what) - (size_t)n, "%.*s%s", (int)len,
			      at, between);
		at = next;
	}
	return -EINVAL;
}

/* Puts one option's value in its place. Returns the words it took, or negative. */
static int option_take(const struct command *command, const char *word, const char *next,
		       const char **values, struct fault *fault)
{
	const char *value;
	const struct command_option *option = option_find(command, word, &value);
	if (!option)
		return fault_say(fault, word, "unknown option");
	if (value && !option->argument)
		return fault_say(fault, word, "takes no value");
	if (option->argument && !value && !next)
		return fault_say(fault, word, "needs a value");
	bool is_apart = option->argument && !value;
	if (!option->argument)
		value = "";
	else if (is_apart)
		value = next;
	values[option - command->options] = value;
	return is_apart ? 2 : 1;
}

static int options_check(const struct command *command, const char *const *values,
			 struct fault *fault)
{
	char where[64];
	for (size_t i = 0; i < command->n_options; i++) {
		const struct command_option *option = &command->options[i];
		snprintf(where, sizeof(where), "--%s", option->name);
		if (option->is_required && !values[i])
			return fault_say(fault, where, "must be given");
		if (option->argument && values[i] &&
		    choice_check(option->argument, where, values[i], fault))
			return -EINVAL;
	}
	return 0;
}

/* Are there as many words as the command takes, and are they what it takes? */
static int words_check(const struct command *command, const char *const *words, unsigned int n,
		       struct fault *fault)
{
	struct command_argument argument;
	unsigned int at = 0;
	for (const char *rest = command->arguments; command_argument_next(&rest, &argument);) {
		if (at == n && argument.is_optional)
			break;
		if (at == n)
			return fault_say(fault, argument.name, "must be given");
		unsigned int end = argument.is_repeated ? n : at + 1;
		for (; at < end; at++)
			if (choice_check(argument.name, command->name, words[at], fault))
				return -EINVAL;
	}
	return at < n ? fault_say(fault, words[at], "not expected") : 0;
}

/* A command line while it is taken apart. */
struct parse {
	const char *values[COMMAND_OPTIONS_MAX], *words[COMMAND_WORDS_MAX + 1];
	unsigned int n_words;
	struct fault fault;
};

static int words_take(struct parse *parse, const struct command *command, int argc, char **argv)
{
	bool is_option_time = true;
	for (int i = 0; i < argc;) {
		if (is_option_time && strcmp(argv[i], "--") == 0) {
			is_option_time = false;
			i++;
		} else if (is_option_time && strncmp(argv[i], "--", 2) == 0) {
			int taken = option_take(command, argv[i], argv[i + 1], parse->values,
						&parse->fault);
			if (taken < 0)
				return taken;
			i += taken;
		} else if (parse->n_words == COMMAND_WORDS_MAX) {
			return fault_say(&parse->fault, argv[i], "too many words");
		} else {
			parse->words[parse->n_words++] = argv[i++];
		}
	}
	int rc = words_check(command, parse->words, parse->n_words, &parse->fault);
	return rc ? rc : options_check(command, parse->values, &parse->fault);
}

static int command_run(const struct command_table *table, const struct command *command, int argc,
		       char **argv)
{
	struct parse parse = {0};
	assert(command->n_options <= COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < command->n_options; i++)
		parse.values[i] = command->options[i].fallback;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") != 0)
			continue;
		command_help_one(table, command, stdout);
		return COMMAND_DONE;
	}
	if (words_take(&parse, command, argc, argv)) {
		fprintf(stderr, "%s: %s: %s; see %s %s --help\n", table->program, parse.fault.where,
			parse.fault.what, table->program, command->name);
		return COMMAND_MISUSED;
	}
	const struct command_line line = {
		.values = parse.values, .words = parse.words, .n_words = parse.n_words};
	return command->run(&line);
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

/* No command: does the first word begin some, and is that what was asked to be explained? */
static int unknown_run(const struct command_table *table, int argc, char **argv)
{
	const struct command *command;
	size_t known = 0;
	for (size_t i = 0; argc >= 1 && (command = command_at(table, i)); i++)
		known += command_begins_with(command, argv[0]);
	if (known && argc == 2 && strcmp(argv[1], "--help") == 0) {
		command_help_some(table, argv[0], stdout);
		return COMMAND_DONE;
	}
	if (known) {
		fprintf(stderr, "%s: %s%s%s: unknown command; there are:\n", table->program,
			argv[0], argc >= 2 ? " " : "", argc >= 2 ? argv[1] : "");
		command_help_some(table, argv[0], stderr);
		return COMMAND_MISUSED;
	}
	if (argc >= 1)
		fprintf(stderr, "%s: %s: unknown command\n", table->program, argv[0]);
	command_help(table, stderr);
	return COMMAND_MISUSED;
}

static int table_run(const struct command_table *table, int argc, char **argv)
{
	const struct command *command;
	if (argc >= 1 && strcmp(argv[0], "--help") == 0) {
		command_help(table, stdout);
		return COMMAND_DONE;
	}
	if (argc >= 1 && strcmp(argv[0], "--version") == 0) {
		printf("%s %s\n", table->program, NN5G_VERSION);
		return COMMAND_DONE;
	}
	for (size_t i = 0; (command = command_at(table, i)); i++) {
		int n = command_words(command, argc, argv);
		if (n)
			return command_run(table, command, argc - n, argv + n);
	}
	return unknown_run(table, argc, argv);
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
