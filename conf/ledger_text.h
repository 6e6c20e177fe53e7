/* What the ledger's parts share: netstrings for what is hashed or signed, lowercase hex for what is
 * shown. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "conf/merkle.h"

#define LEDGER_HEX_BYTES 129 /* 64 bytes as hex, and NUL */

struct json_t;

/* Writes netstrings one after the other; the caller's buffer has room for all of them. */
struct ledger_text {
	char *at;
};
void ledger_text_add(struct ledger_text *out, const char *text);
void ledger_text_add_number(struct ledger_text *out, int64_t number);
void ledger_text_add_hash(struct ledger_text *out, const struct merkle_hash *hash);

void ledger_hex(const uint8_t *bytes, size_t n, char *out);
/* A JSON text of exactly 2n lowercase hex digits. -EINVAL. */
int ledger_hex_read(const struct json_t *value, uint8_t *bytes, size_t n);
int ledger_hash_read(const struct json_t *value, struct merkle_hash *out);
