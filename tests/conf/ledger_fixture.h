/* A tenant's ledger in memory, sound until a test says otherwise: rows of every unit and split, a
 * head after every third, a key. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/ledger.h"

#define FIXTURE_ROWS  20
#define FIXTURE_HEADS 6 /* of 3, 6, 9, 12, 15, 18 rows */

/* Two keys of Ed25519, made for these tests. */
static const char fixture_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n";
static const char fixture_other_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIEzNCJso/5baneu4zwFHBn/0xLkfCIlvvKFn6zVdqfJM\n"
	"-----END PRIVATE KEY-----\n";

struct ledger_fixture {
	struct ledger_row rows[FIXTURE_ROWS + 2];
	struct ledger_head heads[FIXTURE_HEADS + 2];
	unsigned int n_rows, n_heads;
	struct ledger_key *key, *other;
	/* What the store says. */
	int64_t size;
	struct merkle_hash last;
};

static inline struct usage_record fixture_record(unsigned int i)
{
	static const char *const splits[] = {"platform", "imvu", "mini_platform"};
	struct usage_record record = {
		.tenant = "acme",
		.epoch = 1 + i % 2,
		.sequence = i,
		.unit = (enum usage_unit)(i % USAGE_UNITS),
		.kind = i % USAGE_UNITS == USAGE_MINUTE ? (enum usage_kind)(i % 2) : USAGE_NO_KIND,
		.quantity_ms = 60000 + 977 * (int64_t)i,
		.price_micros = 20000 + 331 * (int64_t)i,
		.provider_id = "whip:live",
		.stream = "live",
		.slice = "gold",
		.node = "edge-1",
		.boot = "0123456789abcdef0123456789abcdef",
		.opened_at_ms = 1790000000000 + 60000 * (int64_t)i,
		.closed_at_ms = 1790000060000 + 60000 * (int64_t)i,
	};
	snprintf(record.session, sizeof(record.session), "%032x", 4096 + i / 2);
	strcpy(record.split, splits[i % 3]);
	usage_id(&record);
	return record;
}

/* Seals from row `from` on, each on top of the one before. */
static inline void fixture_seal(struct ledger_fixture *ledger, unsigned int from)
{
	for (unsigned int i = from; i < ledger->n_rows; i++) {
		ledger->rows[i].sequence = i;
		memset(&ledger->rows[i].previous, 0, MERKLE_BYTES);
		if (i > 0)
			ledger->rows[i].previous = ledger->rows[i - 1].hash;
		ledger_row_seal(&ledger->rows[i]);
	}
	ledger->size = ledger->n_rows;
	ledger->last = ledger->rows[ledger->n_rows - 1].hash;
}

static inline struct ledger_head fixture_head(const struct ledger_fixture *ledger,
					      unsigned int size, const struct ledger_key *key)
{
	struct merkle_hash leaves[FIXTURE_ROWS + 2];
	struct ledger_head head = {.tenant = "acme",
				   .size = size,
				   .signed_at_ms = 1790000000000 + 60000 * (int64_t)size};
	for (unsigned int i = 0; i < size; i++)
		leaves[i] = ledger_row_leaf(&ledger->rows[i]);
	head.root = merkle_root(leaves, size);
	if (ledger_head_sign(&head, key))
		abort();
	return head;
}

static inline void fixture_make(struct ledger_fixture *ledger)
{
	memset(ledger, 0, sizeof(*ledger));
	if (ledger_key_parse(fixture_pem, &ledger->key) ||
	    ledger_key_parse(fixture_other_pem, &ledger->other))
		abort();
	ledger->n_rows = FIXTURE_ROWS;
	for (unsigned int i = 0; i < FIXTURE_ROWS; i++)
		ledger->rows[i].usage = fixture_record(i);
	fixture_seal(ledger, 0);
	for (unsigned int i = 0; i < FIXTURE_HEADS; i++)
		ledger->heads[ledger->n_heads++] = fixture_head(ledger, 3 * (i + 1), ledger->key);
}

static inline void fixture_free(struct ledger_fixture *ledger)
{
	ledger_key_destroy(ledger->key);
	ledger_key_destroy(ledger->other);
}
