/* A row of the ledger. Its hash is SHA-256 over these texts, each as a netstring (its bytes in
 * decimal, ":", the bytes, ","), so that no two rows have the same encoding:
 *
 *     "nn5g.audit_logs.1"                     what this is, and its version
 *     sequence                                decimal
 *     previous                                64 hex digits
 *     id tenant session epoch sequence unit kind quantity_ms price_micros cost_micros split
 *     provider_id stream slice node boot opened_at_ms closed_at_ms
 *                                             as in usage_fields: texts, and numbers in decimal
 *     creator_micros platform_micros          decimal
 *
 * That is every column but the hash itself. The leaf of the Merkle tree is RFC 9162's leaf hash of
 * the row's hash. */
#include "conf/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>
#include <openssl/sha.h>

#include "conf/ledger_text.h"

/* Every field at its longest, with its netstring's frame. */
#define ENCODING_BYTES_MAX ((USAGE_FIELDS + 5) * (USAGE_FIELD_TEXT_MAX + 8))

struct merkle_hash ledger_row_hash(const struct ledger_row *row)
{
	char buffer[ENCODING_BYTES_MAX], text[USAGE_FIELD_TEXT_MAX + 1];
	struct merkle_hash hash;
	struct ledger_text out = {.at = buffer};
	ledger_text_add(&out, "nn5g.audit_logs.1");
	ledger_text_add_number(&out, row->sequence);
	ledger_text_add_hash(&out, &row->previous);
	for (size_t i = 0; i < USAGE_FIELDS; i++) {
		usage_field_text(&row->usage, &usage_fields[i], text);
		ledger_text_add(&out, text);
	}
	ledger_text_add_number(&out, row->creator_micros);
	ledger_text_add_number(&out, row->platform_micros);
	SHA256((const uint8_t *)buffer, (size_t)(out.at - buffer), hash.bytes);
	return hash;
}

void ledger_row_seal(struct ledger_row *row)
{
	struct usage_record *usage = &row->usage;
	usage->cost_micros = usage_cost(usage->unit, usage->quantity_ms, usage->price_micros);
	usage_split(usage->cost_micros, usage->split, &row->creator_micros, &row->platform_micros);
	row->hash = ledger_row_hash(row);
}

struct merkle_hash ledger_row_leaf(const struct ledger_row *row)
{
	return merkle_leaf(row->hash.bytes, MERKLE_BYTES);
}

json_t *ledger_row_write(const struct ledger_row *row)
{
	char previous[LEDGER_HEX_BYTES], hash[LEDGER_HEX_BYTES];
	ledger_hex(row->previous.bytes, MERKLE_BYTES, previous);
	ledger_hex(row->hash.bytes, MERKLE_BYTES, hash);
	return json_pack("{s:I, s:o, s:I, s:I, s:s, s:s}", "sequence", (json_int_t)row->sequence,
			 "usage", usage_write(&row->usage), "creator_micros",
			 (json_int_t)row->creator_micros, "platform_micros",
			 (json_int_t)row->platform_micros, "previous", previous, "hash", hash);
}

static int amount_read(const json_t *object, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(object, name);
	*out = json_integer_value(value);
	return json_is_integer(value) && *out >= 0 ? 0 : -EINVAL;
}

int ledger_row_read(const json_t *object, struct ledger_row *out, const char **why)
{
	struct ledger_row row = {.sequence = 0};
	*why = "sequence: expected an integer that is not negative";
	if (amount_read(object, "sequence", &row.sequence))
		return -EINVAL;
	if (usage_read(json_object_get(object, "usage"), &row.usage, why))
		return -EINVAL;
	*why = "usage: expected no fields but those that are hashed";
	if (row.usage.ungranted)
		return -EINVAL;
	*why = "creator_micros: expected an integer that is not negative";
	if (amount_read(object, "creator_micros", &row.creator_micros))
		return -EINVAL;
	*why = "platform_micros: expected an integer that is not negative";
	if (amount_read(object, "platform_micros", &row.platform_micros))
		return -EINVAL;
	*why = "previous: expected 64 hex digits";
	if (ledger_hash_read(json_object_get(object, "previous"), &row.previous))
		return -EINVAL;
	*why = "hash: expected 64 hex digits";
	if (ledger_hash_read(json_object_get(object, "hash"), &row.hash))
		return -EINVAL;
	*why = "expected no fields but those of a row";
	if (json_object_size(object) != 6)
		return -EINVAL;
	*out = row;
	return 0;
}
