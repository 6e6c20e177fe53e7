#include "bench/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/signalling.h"
#include "tests/cunit.h"

#define WORDS_MAX 16

struct inner {
	bool has_flag;
	struct option_list profiles;
};

struct values {
	const char *text;
	unsigned int rate, mode;
	double real;
	struct option_list viewers;
	struct signalling_target target;
	struct inner inner;
};

static const char *const choices[] = {"gcm256", "gcm128", "cm80", NULL};

#define AT(field) offsetof(struct values, field)

static const struct option_row rows[] = {
	OPTION_HEADING("What:"),
	OPTION_VALUE("text", "TEXT", OPTION_TEXT, AT(text), "a text"),
	OPTION_NUMBER("rate", "N", OPTION_UINT, AT(rate), 10, 2000000, "a number"),
	OPTION_VALUE("real", "N", OPTION_REAL, AT(real), "a real number"),
	OPTION_NUMBER("viewers", "N,...", OPTION_UINTS, AT(viewers), 1, 1000, "numbers"),
	OPTION_ONE_OF("mode", "MODE", OPTION_CHOICE, AT(mode), choices, "one of them"),
	OPTION_VALUE("url", "URL", OPTION_URL, AT(target), "a server"),
	OPTION_ROWS_END,
};

static const struct option_row inner_rows[] = {
	OPTION_VALUE("flag", NULL, OPTION_FLAG, offsetof(struct inner, has_flag), "a flag"),
	OPTION_ONE_OF("profile", "P,...", OPTION_CHOICES, offsetof(struct inner, profiles), choices,
		      "several of them"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {{rows, 0}, {inner_rows, AT(inner)}, {NULL, 0}};
static const struct option_command command = {"test", "", "", tables};

/* Parses the words of a line. */
static int parse(const char *line, struct values *values)
{
	char text[256], *rest = text, *argv[WORDS_MAX + 1] = {"test"};
	int argc = 1;
	strcpy(text, line);
	while (argc < WORDS_MAX && (argv[argc] = strsep(&rest, " ")))
		argc++;
	if (*line == '\0')
		argc = 1;
	argv[argc] = NULL;
	return options_parse(&command, argc, argv, values);
}

static void every_kind_is_taken(void)
{
	struct values values = {.rate = 7};
	CU_ASSERT_EQUAL_FATAL(parse("--rate 2M --real 0.5 --viewers 1,10,1k --mode cm80 "
				    "--url http://[::1]:8080 --flag --profile gcm128,gcm256",
				    &values),
			      0);
	CU_ASSERT_EQUAL(values.rate, 2000000);
	CU_ASSERT_DOUBLE_EQUAL(values.real, 0.5, 1e-12);
	CU_ASSERT_EQUAL(values.viewers.n, 3);
	CU_ASSERT_EQUAL(values.viewers.values[2], 1000);
	CU_ASSERT_EQUAL(values.mode, 2);
	CU_ASSERT_STRING_EQUAL(values.target.host, "::1");
	CU_ASSERT_TRUE(values.inner.has_flag);
	CU_ASSERT_EQUAL(values.inner.profiles.n, 2);
	CU_ASSERT_EQUAL(values.inner.profiles.values[0], 1);
	CU_ASSERT_EQUAL(values.inner.profiles.values[1], 0);
}

static void defaults_stay(void)
{
	struct values values = {.rate = 7, .viewers = {1, {100}}};
	CU_ASSERT_EQUAL(parse("", &values), 0);
	CU_ASSERT_EQUAL(values.rate, 7);
	CU_ASSERT_EQUAL(values.viewers.values[0], 100);
}

static void wrong_values_are_refused(void)
{
	static const char *const lines[] = {
		"--rate 9",
		"--rate 2000001",
		"--rate 3M",
		"--rate -10",
		"--rate 10x",
		"--rate 10kk",
		"--viewers 1,,2",
		"--viewers 0",
		"--viewers 1,2,",
		"--mode gcm",
		"--profile gcm128,",
		"--real -1",
		"--real nan",
		"--real inf",
		"--real 1x",
		"--url ftp://a:1",
		"--unheard-of",
		"stray",
		"--rate",
		"--viewers 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		"--rate 99999999999999999999",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct values values = {0};
		CU_ASSERT_EQUAL(parse(lines[i], &values), -EINVAL);
	}
}

static void command_line_keeps_tokens_to_itself(void)
{
	char *argv[] = {"fanout", "--viewers", "3", "--token", "secret", "--token=secret", NULL};
	char *line = options_line(6, argv);
	CU_ASSERT_STRING_EQUAL(line, "--viewers 3 --token ... --token=...");
	free(line);
}

static void command_line_can_be_pasted(void)
{
	char *argv[] = {"fanout", "--media", "batch_wait_us: 15000", "--url", "it's", "", NULL};
	char *line = options_line(6, argv);
	CU_ASSERT_STRING_EQUAL(line, "--media 'batch_wait_us: 15000' --url 'it'\\''s' ''");
	free(line);
}

static CU_TestInfo tests[] = {
	{"every_kind_is_taken", every_kind_is_taken},
	{"defaults_stay", defaults_stay},
	{"wrong_values_are_refused", wrong_values_are_refused},
	{"command_line_keeps_tokens_to_itself", command_line_keeps_tokens_to_itself},
	{"command_line_can_be_pasted", command_line_can_be_pasted},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("options", tests)
