/* Commands of a command line as a const table: each row with its options as rows of its own, which
 * feed the parser and the help alike. Main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_OPTIONS_MAX 16

/* Exit codes. */
enum { COMMAND_DONE, COMMAND_FAILED, COMMAND_MISUSED };

struct command_option {
	const char *name;     /* without the dashes */
	const char *argument; /* what to call its value; NULL: a switch */
	const char *text;
	const char *fallback; /* NULL: none */
	bool is_required;
};

struct command {
	const char *name;     /* one or more words, as typed */
	const char *argument; /* what to call the one word that is no option; NULL: none is taken */
	const char *text;     /* one line */
	const char *detail;   /* a paragraph */
	const struct command_option *options;
	size_t n_options;
	/* values[i] is what was given for options[i], else its fallback; a switch has "" or NULL.
	 * All required ones are there. Returns an exit code. */
	int (*run)(const char *const *values, const char *argument);
};

struct command_table {
	const char *program, *text;
	const struct command *commands;
	size_t n_commands;
};

/* Runs what argv asks for; --help and --version are understood everywhere they make sense. Results
 * go to standard output, everything else to standard error. Returns an exit code. */
int command_main(const struct command_table *table, int argc, char **argv);
