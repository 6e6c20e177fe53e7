#include "conf/money.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PLACES 6

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* value * 10 + digit, or false if that does not fit. */
static bool digit_push(int64_t *value, char digit)
{
	return !__builtin_mul_overflow(*value, (int64_t)10, value) &&
	       !__builtin_add_overflow(*value, (int64_t)(digit - '0'), value);
}

int money_parse(const char *text, int64_t *micros)
{
	int64_t value = 0;
	int places = 0;
	const char *c = text;
	if (!is_digit(*c))
		return -EINVAL;
	for (; is_digit(*c); c++)
		if (!digit_push(&value, *c))
			return -ERANGE;
	if (*c == '.') {
		c++;
		for (; is_digit(*c) && places < PLACES; c++, places++)
			if (!digit_push(&value, *c))
				return -ERANGE;
		if (places == 0)
			return -EINVAL;
	}
	if (*c)
		return -EINVAL;
	for (; places < PLACES; places++)
		if (!digit_push(&value, '0'))
			return -ERANGE;
	*micros = value;
	return 0;
}

const char *money_write(int64_t micros, char out[MONEY_TEXT_MAX])
{
	uint64_t size = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
	snprintf(out, MONEY_TEXT_MAX, "%s%" PRIu64 ".%06" PRIu64, micros < 0 ? "-" : "",
		 size / MONEY_MICROS, size % MONEY_MICROS);
	size_t end = strlen(out);
	for (int places = PLACES; places > 2 && out[end - 1] == '0'; places--)
		out[--end] = '\0';
	return out;
}
