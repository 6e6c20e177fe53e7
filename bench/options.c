#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/signalling.h"

#define ROWS_MAX     64
#define TOKEN_ROOM   8192
#define COLUMN       22 /* where texts of the help begin */
#define EXPECTED_MAX 160

static int complain(const struct option_row *row, const char *value, const char *expected)
{
	fprintf(stderr, "nn5g-bench: --%s: '%s' is not %s\n", row->name, value, expected);
	return -EINVAL;
}

/* A number with an optional k or M, within bounds. */
static int take_number(const struct option_row *row, const char *text, uint64_t *out)
{
	char expected[80], *end;
	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	uint64_t scale = *end == 'M' ? 1000000 : *end == 'k' ? 1000 : 1;
	snprintf(expected, sizeof(expected), "a number from %llu to %llu",
		 (unsigned long long)row->low, (unsigned long long)row->high);
	if (errno || *text < '0' || *text > '9' || end[scale > 1] != '\0' ||
	    value < (row->low + scale - 1) / scale || value > row->high / scale)
		return complain(row, text, expected);
	*out = value * scale;
	return 0;
}

static int take_real(const struct option_row *row, double *out)
{
	char *end;
	double value = strtod(optarg, &end);
	if (end == optarg || *end || !(value >= 0) || isinf(value))
		return complain(row, optarg, "a number of at least 0");
	*out = value;
	return 0;
}

static int take_choice(const struct option_row *row, const char *text, unsigned int *out)
{
	char expected[EXPECTED_MAX];
	size_t n = 0;
	for (unsigned int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*out = i;
			return 0;
		}
		if (n < sizeof(expected))
			n += (size_t)snprintf(expected + n, sizeof(expected) - n, "%s%s",
					      i ? ", " : "one of ", row->choices[i]);
	}
	return complain(row, text, expected);
}

static int take_one(const struct option_row *row, const char *text, unsigned int *out)
{
	uint64_t number;
	if (row->kind == OPTION_CHOICES)
		return take_choice(row, text, out);
	int rc = take_number(row, text, &number);
	if (rc == 0)
		*out = (unsigned int)number;
	return rc;
}

static int take_list(const struct option_row *row, struct option_list *list)
{
	char text[512], *rest = text, *one;
	if (snprintf(text, sizeof(text), "%s", optarg) >= (int)sizeof(text))
		return complain(row, "...", "a list of this length");
	list->n = 0;
	while ((one = strsep(&rest, ","))) {
		if (list->n == OPTION_LIST_MAX)
			return complain(row, optarg, "a list of up to 16");
		int rc = take_one(row, one, &list->values[list->n++]);
		if (rc)
			return rc;
	}
	return 0;
}

/* The first line of a file that only we need to be able to read. */
static int take_token_file(const struct option_row *row, const char **out)
{
	static char token[TOKEN_ROOM];
	FILE *file = fopen(optarg, "re");
	if (!file)
		return complain(row, optarg, "a file that can be read");
	bool is_read = fgets(token, sizeof(token), file) != NULL;
	fclose(file);
	token[strcspn(token, "\r\n")] = '\0';
	if (!is_read || token[0] == '\0')
		return complain(row, optarg, "a file with a token in its first line");
	*out = token;
	return 0;
}

static int take_value(const struct option_row *row, void *at)
{
	uint64_t number = 0;
	int rc = 0;
	switch (row->kind) {
	case OPTION_TEXT:
		*(const char **)at = optarg;
		return 0;
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_UINT:
		rc = take_number(row, optarg, &number);
		if (rc == 0)
			*(unsigned int *)at = (unsigned int)number;
		return rc;
	case OPTION_UINT64:
		return take_number(row, optarg, at);
	case OPTION_REAL:
		return take_real(row, at);
	case OPTION_UINTS:
	case OPTION_CHOICES:
		return take_list(row, at);
	case OPTION_CHOICE:
		return take_choice(row, optarg, at);
	case OPTION_URL:
		return signalling_parse_url(optarg, at) ? complain(row, optarg, "http://HOST:PORT")
							: 0;
	case OPTION_TOKEN_FILE:
		return take_token_file(row, at);
	case OPTION_HELP:
		break;
	}
	return 1;
}

static bool is_row(const struct option_row *row)
{
	return row->name || row->text;
}

/* Later lines of a text begin where the first does. */
static void print_row(const struct option_row *row)
{
	int n = printf("  --%s%s%s", row->name, row->argument ? " " : "",
		       row->argument ? row->argument : "");
	printf("%*s", n < COLUMN - 1 ? COLUMN - n : 2, "");
	for (const char *at = row->text; *at; at++) {
		putchar(*at);
		if (*at == '\n')
			printf("%*s", COLUMN, "");
	}
	putchar('\n');
}

static void print_help(const struct option_command *command)
{
	printf("Usage: nn5g-bench %s [OPTION]...\n\n%s", command->name, command->head);
	for (const struct option_table *table = command->tables; table->rows; table++) {
		for (const struct option_row *row = table->rows; is_row(row); row++) {
			if (row->name)
				print_row(row);
			else
				printf("%s%s\n", row == command->tables->rows ? "" : "\n",
				       row->text);
		}
	}
	printf("\n%s", command->tail);
}

/* All rows that are options, one after the other, as getopt wants them and as we do. */
struct flat {
	int n;
	struct option names[ROWS_MAX + 1];
	const struct option_row *rows[ROWS_MAX];
	size_t at[ROWS_MAX];
};

static void flatten(const struct option_command *command, struct flat *flat)
{
	for (const struct option_table *table = command->tables; table->rows; table++) {
		for (const struct option_row *row = table->rows; is_row(row); row++) {
			if (!row->name || flat->n == ROWS_MAX)
				continue;
			flat->names[flat->n] = (struct option){.name = row->name,
							       .has_arg = row->argument != NULL};
			flat->rows[flat->n] = row;
			flat->at[flat->n++] = table->at + row->at;
		}
	}
}

int options_parse(const struct option_command *command, int argc, char **argv, void *options)
{
	static char program[64]; /* begins getopt's own messages */
	struct flat flat = {0};
	int index, option;
	flatten(command, &flat);
	snprintf(program, sizeof(program), "nn5g-bench %s", command->name);
	argv[0] = program;
	optind = 1;
	while ((option = getopt_long(argc, argv, "", flat.names, &index)) != -1) {
		int rc = option == 0
				 ? take_value(flat.rows[index], (char *)options + flat.at[index])
				 : -EINVAL;
		if (rc > 0)
			print_help(command);
		if (rc)
			return rc;
	}
	if (optind < argc) {
		fprintf(stderr, "nn5g-bench: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

/* As a shell takes it for one word. */
static void put_word(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_@%+=:,./-";
	if (word[0] && word[strspn(word, plain)] == '\0') {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\'", out);
		putc(*word, out);
	}
	putc('\'', out);
}

char *options_line(int argc, char **argv)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (int i = 1; i < argc; i++) {
		bool is_secret = strcmp(argv[i - 1], "--token") == 0;
		bool has_secret = strncmp(argv[i], "--token=", strlen("--token=")) == 0;
		if (i > 1)
			putc(' ', out);
		put_word(out, is_secret ? "..." : has_secret ? "--token=..." : argv[i]);
	}
	fclose(out);
	return text;
}
