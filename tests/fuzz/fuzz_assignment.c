/* Any text as PATH=VALUE of each kind of row, and as money: refused with words, or a patch of which
 * the same again comes back; what money_parse takes, money_write gives back. */
#include "tests/fuzz/input.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/assignment.h"
#include "conf/money.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void money_check(const char *text)
{
	int64_t micros, again;
	char written[MONEY_TEXT_MAX];
	if (money_parse(text, &micros))
		return;
	EXPECT(micros >= 0);
	EXPECT(money_parse(money_write(micros, written), &again) == 0);
	EXPECT(again == micros);
}

static void assignment_check(enum assignment_row row, const char *text)
{
	char *told;
	size_t told_size;
	json_t *patch = json_object(), *again = json_object();
	FILE *errors = open_memstream(&told, &told_size);
	int rc = assignment_parse(row, text, errors, patch);
	fclose(errors);
	EXPECT((rc == 0) == (told_size == 0));
	EXPECT((rc == 0) == (json_object_size(patch) == 1));
	free(told);
	if (rc == 0) {
		EXPECT(assignment_parse(row, text, stderr, again) == 0);
		EXPECT(json_equal(patch, again));
	}
	json_decref(patch);
	json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[4096];
	size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	money_check(text);
	const char *equals = strchr(text, '=');
	if (equals)
		money_check(equals + 1);
	assignment_check(ASSIGNMENT_TENANT, text);
	assignment_check(ASSIGNMENT_PLAN, text);
	assignment_check(ASSIGNMENT_SLICE, text);
	return 0;
}
