/* A usage record: what one session (or one debit of a backend) used of one unit, closed or still
 * growing. Written by the node, journaled, reported, and in the end one row of audit_logs. Plain
 * data, no pointers: it can be copied and queued. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USAGE_ID_MAX         191
#define USAGE_TEXT_MAX       127
#define USAGE_FIELD_TEXT_MAX 255 /* bytes of any field as text */

struct json_t;

enum usage_unit { USAGE_MINUTE, USAGE_TOKEN, USAGE_INTERACTION, USAGE_UNITS };
enum usage_kind { USAGE_VIDEO, USAGE_VOICE, USAGE_NO_KIND, USAGE_KINDS }; /* of minute_unit */
extern const char *const usage_unit_names[USAGE_UNITS];                   /* "minute_unit", ... */
extern const char *const usage_kind_names[USAGE_KINDS];                   /* "video", "voice", "" */

struct usage_record {
	char id[USAGE_ID_MAX + 1]; /* deterministic: usage_id() */
	char tenant[64];
	char session[33]; /* "" for a backend's debit without one */
	uint32_t epoch, sequence;
	enum usage_unit unit;
	enum usage_kind kind;
	/* Thousandths of the unit's part: ms of stream; tokens; thousandths of a turn. Absolute
	 * since the record was opened. */
	int64_t quantity_ms;
	int64_t price_micros; /* per unit, constant within a record */
	int64_t cost_micros;
	char split[16];                       /* policy's: platform, imvu, mini_platform */
	char provider_id[USAGE_TEXT_MAX + 1]; /* "whip:live" */
	char stream[64], slice[64], node[64];
	char boot[33]; /* of the node: whose grant it draws on; "" for none (no limit) */
	int64_t opened_at_ms, closed_at_ms; /* since the epoch, UTC */
	/* Accounts (1 << enum account) that had no limit then: of what the boot was granted,
	 * nothing of theirs is drawn on. For the store alone; neither journaled nor part of the
	 * ledger. */
	uint8_t ungranted;
};

/* The fields of a record, each once, in the order they are written and hashed. The index of the
 * array is the order; changing it is a new version of the ledger's encoding (ledger_row.c). */
enum usage_type { USAGE_TEXT, USAGE_COUNT, USAGE_AMOUNT, USAGE_UNIT_NAME, USAGE_KIND_NAME };
#define USAGE_FIELDS 18
struct usage_field {
	const char *name;
	enum usage_type type; /* char[], uint32_t, int64_t (never negative), the two enums */
	size_t offset, size;
	bool may_be_empty; /* of a text */
};
extern const struct usage_field usage_fields[USAGE_FIELDS];
/* The field's value as text: numbers in decimal. Returns its bytes; `out` is NUL-terminated. */
size_t usage_field_text(const struct usage_record *record, const struct usage_field *field,
			char out[USAGE_FIELD_TEXT_MAX + 1]);

/* tenant:session:epoch:sequence, or tenant:key:KEY for a debit under an idempotency key (any bytes;
 * one that is long, or not plain ASCII, is hashed). */
void usage_id(struct usage_record *record);
void usage_id_of_key(struct usage_record *record, const char *key);
/* floor(quantity * price / D): D is 60,000 for minute_unit (ms of stream in 60 s), 1,000 for
 * the others. Saturates; never negative. */
int64_t usage_cost(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros);
/* The least amount of money that pays for a quantity: the same, rounded up. */
int64_t usage_cost_ceil(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros);
/* Creator's and platform's part by the split's name; they add up to the cost. The creator's is
 * rounded down; of an unknown split it is nothing. */
void usage_split(int64_t cost_micros, const char *split, int64_t *creator_micros,
		 int64_t *platform_micros);
bool usage_split_is_known(const char *split);
/* As on the admin socket: an object with exactly the fields above, and "ungranted", names of
 * accounts, if there are any. -EINVAL: not such a record (*why
 * is a constant: the field's name and what was expected). Whether the cost is right is not asked:
 * usage_cost says. */
int usage_read(const struct json_t *object, struct usage_record *out, const char **why);
/* NULL: no memory, or a text that is no UTF-8. */
struct json_t *usage_write(const struct usage_record *record);
