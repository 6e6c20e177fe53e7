/* Commands of a command line as const tables: each row with its options as rows of its own, which
 * feed the parser, the help, the completion of shells and the man page alike. Main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define COMMAND_OPTIONS_MAX 16
#define COMMAND_WORDS_MAX   64

/* Exit codes. */
enum { COMMAND_DONE, COMMAND_FAILED, COMMAND_MISUSED };

struct command_option {
	const char *name;     /* without the dashes */
	const char *argument; /* what to call its value; "a|b|c": one of these; NULL: a switch */
	const char *text;
	const char *fallback; /* NULL: none */
	bool is_required;
};

/* What was typed. */
struct command_line {
	/* values[i] is what was given for options[i], else its fallback; a switch has "" or NULL.
	 * All required ones are there. */
	const char *const *values;
	const char *const
		*words; /* what is no option, NULL at the end; as many as were asked for */
	unsigned int n_words;
};

struct command {
	const char *name; /* one or more words, as typed */
	/* The words that are no options as the usage shows them, which is what the parser goes by:
	 * "TENANT [PATH=VALUE]...", "bash|zsh|fish" (one of these). NULL: none are taken. */
	const char *arguments;
	const char *text;     /* one line */
	const char *detail;   /* a paragraph */
	const char *examples; /* a command a line; NULL: none */
	const struct command_option *options;
	size_t n_options;
	int (*run)(const struct command_line *line); /* returns an exit code */
};

/* Commands that belong together: one file's. */
struct command_group {
	const char *title;
	const struct command *commands;
	size_t n_commands;
};

/* A section of the man page that no command says: mdoc(7) source. */
struct command_section {
	const char *title, *text;
};

struct command_table {
	const char *program, *text;
	const struct command_group *const *groups;
	size_t n_groups;
	/* Options that many commands have: the man page tells of them once. */
	const struct command_option *common_options;
	size_t n_common_options;
	const char *date; /* of the man page, "November 26, 2026" */
	const char *description;
	const struct command_section *sections;
	size_t n_sections;
};

/* Runs what argv asks for; --help and --version are understood everywhere they make sense. Results
 * go to standard output, everything else to standard error. Returns an exit code. */
int command_main(const struct command_table *table, int argc, char **argv);

/* The help of the program; of the commands that begin with `prefix`; of one command. */
void command_help(const struct command_table *table, FILE *out);
void command_help_some(const struct command_table *table, const char *prefix, FILE *out);
void command_help_one(const struct command_table *table, const struct command *command, FILE *out);
/* A script that makes `shell` ("bash", "zsh" or "fish") complete the program's commands. */
void command_completion(const struct command_table *table, const char *shell, FILE *out);
/* The man page, section 1. */
void command_manual(const struct command_table *table, FILE *out);

/* The command number `i` over all groups, NULL after the last. */
const struct command *command_at(const struct command_table *table, size_t i);
/* Is `prefix` the beginning of the name, ending where a word does? */
bool command_begins_with(const struct command *command, const char *prefix);
/* One of the words in a command's `arguments`, "[NAME]..." taken apart; false: no more. */
struct command_argument {
	char name[64];
	bool is_optional, is_repeated;
};
bool command_argument_next(const char **rest, struct command_argument *out);
