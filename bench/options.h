/* Command lines of the bench: an option is a row, from which parsing and --help follow. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OPTION_LIST_MAX 16

/* What a row writes to where it points. */
enum option_kind {
	OPTION_TEXT,       /* const char *: of argv */
	OPTION_FLAG,       /* bool */
	OPTION_UINT,       /* unsigned int; with k and M, from low to high, as all numbers */
	OPTION_UINT64,     /* uint64_t */
	OPTION_REAL,       /* double, of at least 0 */
	OPTION_UINTS,      /* struct option_list: "1,10,100" */
	OPTION_CHOICE,     /* unsigned int: index in `choices` */
	OPTION_CHOICES,    /* struct option_list: indexes, "gcm128,cm80" */
	OPTION_URL,        /* struct signalling_target: host and port */
	OPTION_TOKEN_FILE, /* const char *: the file's first line; of the process for good */
	OPTION_HELP,
};

struct option_list {
	unsigned int n;
	unsigned int values[OPTION_LIST_MAX];
};

struct option_row {
	const char *name;     /* NULL: `text` is a heading of the help */
	const char *argument; /* as the help shows it; NULL: takes none */
	const char *text;     /* of the help; lines of up to 58 characters */
	enum option_kind kind;
	size_t at; /* offset in the struct of its table */
	uint64_t low, high;
	const char *const *choices; /* ends with NULL */
};

#define OPTION_HEADING(text_)                                                                      \
	{                                                                                          \
		.text = (text_)                                                                    \
	}
#define OPTION_VALUE(name_, argument_, kind_, at_, text_)                                          \
	{                                                                                          \
		.name = (name_), .argument = (argument_), .text = (text_), .kind = (kind_),        \
		.at = (at_)                                                                        \
	}
#define OPTION_NUMBER(name_, argument_, kind_, at_, low_, high_, text_)                            \
	{                                                                                          \
		.name = (name_), .argument = (argument_), .text = (text_), .kind = (kind_),        \
		.at = (at_), .low = (low_), .high = (high_)                                        \
	}
#define OPTION_ONE_OF(name_, argument_, kind_, at_, choices_, text_)                               \
	{                                                                                          \
		.name = (name_), .argument = (argument_), .text = (text_), .kind = (kind_),        \
		.at = (at_), .choices = (choices_)                                                 \
	}
#define OPTION_ROWS_END                                                                            \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Rows, and where the struct that they fill lies in the command's. */
struct option_table {
	const struct option_row *rows; /* end with OPTION_ROWS_END */
	size_t at;
};

/* What a command says of itself. */
struct option_command {
	const char *name, *head, *tail;    /* head and tail: of the help, around the options */
	const struct option_table *tables; /* end with rows of NULL */
};

/* `options` has the defaults. 0; 1 when help was asked for and given; -EINVAL with a line on
 * stderr. */
int options_parse(const struct option_command *command, int argc, char **argv, void *options);
/* argv[1] and the rest as one text, as a shell takes it, without a token's value; free() it. NULL
 * when there is no memory. */
char *options_line(int argc, char **argv);
