#include "conf/ledger_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

void ledger_text_add(struct ledger_text *out, const char *text)
{
	out->at += sprintf(out->at, "%zu:%s,", strlen(text), text);
}

void ledger_text_add_number(struct ledger_text *out, int64_t number)
{
	char text[24];
	sprintf(text, "%" PRId64, number);
	ledger_text_add(out, text);
}

void ledger_text_add_hash(struct ledger_text *out, const struct merkle_hash *hash)
{
	char text[LEDGER_HEX_BYTES];
	ledger_hex(hash->bytes, MERKLE_BYTES, text);
	ledger_text_add(out, text);
}

void ledger_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

int ledger_hex_read(const json_t *value, uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = json_string_value(value);
	if (!text || json_string_length(value) != 2 * n || strspn(text, digits) != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
				     (strchr(digits, text[2 * i + 1]) - digits));
	return 0;
}

int ledger_hash_read(const json_t *value, struct merkle_hash *out)
{
	return ledger_hex_read(value, out->bytes, MERKLE_BYTES);
}
