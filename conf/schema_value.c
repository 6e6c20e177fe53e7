#include "conf/schema_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 60
#define DIGITS_MAX  19 /* of INT64_MAX; more could overflow */

/* No control character, no line break Unicode knows, no byte order mark, no U+FFFE and U+FFFF
 * (YAML 1.2 5.1 cannot hold them raw): what is shown is what is there, and it can be written back
 * in one line. */
static bool is_one_line(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		bool is_c1 = c[0] == 0xc2 && c[1] < 0xa0;
		bool is_break = c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9);
		bool is_mark = c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf;
		bool is_none = c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe;
		if (*c < 0x20 || *c == 0x7f || is_c1 || is_break || is_mark || is_none)
			return false;
	}
	return true;
}

static bool number_is_good(const char *text, uint64_t min, uint64_t max)
{
	size_t n = strlen(text);
	if (n == 0 || n > DIGITS_MAX || strspn(text, "0123456789") != n ||
	    (text[0] == '0' && n > 1))
		return false;
	uint64_t value = strtoull(text, NULL, 10);
	return value >= min && value <= max;
}

static bool choice_is_good(const char *text, const char *const *choices)
{
	for (; *choices; choices++)
		if (strcmp(text, *choices) == 0)
			return true;
	return false;
}

static bool text_is_good(const struct schema_row *row, const struct schema_value *value)
{
	size_t max = row->max && row->type != SCHEMA_TEXTS ? row->max : SCHEMA_TEXT_MAX;
	return value->bytes > 0 && value->bytes <= max &&
	       (row->type == SCHEMA_BLOCK || is_one_line(value->text));
}

static bool scalar_is_good(const struct schema_row *row, const struct schema_value *value)
{
	if (value->kind != SCHEMA_IS_SCALAR || strlen(value->text) != value->bytes)
		return false;
	switch (row->type) {
	case SCHEMA_NUMBER:
		return value->is_plain && number_is_good(value->text, row->min, row->max);
	case SCHEMA_BOOL:
		return value->is_plain &&
		       (strcmp(value->text, "true") == 0 || strcmp(value->text, "false") == 0);
	case SCHEMA_CHOICE:
		return choice_is_good(value->text, row->choices);
	default:
		return text_is_good(row, value);
	}
}

const char *schema_check_id(const char *value)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	return strspn(value, characters) == strlen(value) ? NULL : "letters, digits, _ and -";
}

const char *schema_value_check(const struct schema_row *row, const struct schema_value *value,
			       char phrase[SCHEMA_PHRASE_SIZE])
{
	if (scalar_is_good(row, value))
		return row->check ? row->check(value->text) : NULL;
	return row->type == SCHEMA_TEXTS ? "a text" : schema_row_expectation(row, phrase);
}

const char *schema_value_describe(const struct schema_row *row, const struct schema_value *value,
				  char phrase[SCHEMA_PHRASE_SIZE])
{
	static const char *const kinds[] = {
		[SCHEMA_IS_NOTHING] = "nothing",
		[SCHEMA_IS_LIST] = "a list",
		[SCHEMA_IS_KEYS] = "keys",
	};
	if (value->kind != SCHEMA_IS_SCALAR)
		return kinds[value->kind];
	if (row && (row->is_secret || row->type == SCHEMA_BLOCK))
		return "a text";
	if (strlen(value->text) != value->bytes || !is_one_line(value->text))
		return "a text with control characters";
	bool is_long = value->bytes > SHOWN_BYTES;
	snprintf(phrase, SCHEMA_PHRASE_SIZE, "\"%.*s\"%s", SHOWN_BYTES, value->text,
		 is_long ? "..." : "");
	return phrase;
}

const char *schema_row_expectation(const struct schema_row *row, char phrase[SCHEMA_PHRASE_SIZE])
{
	size_t used;
	switch (row->type) {
	case SCHEMA_NUMBER:
		snprintf(phrase, SCHEMA_PHRASE_SIZE, "a number from %" PRIu64 " to %" PRIu64,
			 row->min, row->max);
		return phrase;
	case SCHEMA_BOOL:
		return "true or false";
	case SCHEMA_CHOICE:
		used = (size_t)snprintf(phrase, SCHEMA_PHRASE_SIZE, "one of");
		for (const char *const *c = row->choices; *c && used < SCHEMA_PHRASE_SIZE; c++)
			used += (size_t)snprintf(phrase + used, SCHEMA_PHRASE_SIZE - used, " %s",
						 *c);
		return phrase;
	case SCHEMA_TEXTS:
	case SCHEMA_ROWS:
		snprintf(phrase, SCHEMA_PHRASE_SIZE, "a list of %" PRIu64 " to %" PRIu64, row->min,
			 row->max);
		return phrase;
	default:
		snprintf(phrase, SCHEMA_PHRASE_SIZE, "a text of 1 to %" PRIu64 " bytes",
			 row->max ? row->max : SCHEMA_TEXT_MAX);
		return phrase;
	}
}
