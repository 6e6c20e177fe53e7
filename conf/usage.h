/* A usage record: what one session (or one debit of a backend) used of one unit, closed or still
 * growing. Written by the node, journaled, reported, and in the end one row of audit_logs. Plain
 * data, no pointers: it can be copied and queued. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define USAGE_ID_MAX   191
#define USAGE_TEXT_MAX 127

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
	char boot[33]; /* of the node, when the record was opened: whose grant it draws on */
	int64_t opened_at_ms, closed_at_ms; /* since the epoch, UTC */
};

/* tenant:session:epoch:sequence, or tenant:key:KEY for a debit under an idempotency key (any bytes;
 * a long one is hashed). */
void usage_id(struct usage_record *record);
void usage_id_of_key(struct usage_record *record, const char *key);
/* floor(quantity * price / D): D is 60,000 for minute_unit (ms of stream in 60 s), 1,000 for
 * the others. Saturates; never negative. */
int64_t usage_cost(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros);
/* The least amount of money that pays for a quantity: the same, rounded up. */
int64_t usage_cost_ceil(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros);
/* Creator's and platform's part by the split's name; they add up to the cost. The creator's is
 * rounded down. */
void usage_split(int64_t cost_micros, const char *split, int64_t *creator_micros,
		 int64_t *platform_micros);
/* As on the admin socket (names of the fields above). -EINVAL: not such a record (*why is a
 * constant that says which field). */
int usage_read(const struct json_t *object, struct usage_record *out, const char **why);
struct json_t *usage_write(const struct usage_record *record);
