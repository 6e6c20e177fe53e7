/* The ledger's form: what a row's hash covers, how rows chain, what a signed head says, and how a
 * whole ledger is checked without a server. Rows are append-only; sequence 0, 1, 2 ... per tenant.
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/merkle.h"
#include "conf/usage.h"

#define LEDGER_KEY_ID_BYTES    17 /* 64 bits of the public key's hash as hex, and NUL */
#define LEDGER_SIGNATURE_BYTES 64 /* Ed25519 */

struct json_t;

/* One row of audit_logs: the record, its split in money, its place, its hash. */
struct ledger_row {
	struct usage_record usage;
	int64_t sequence; /* in the tenant's ledger */
	int64_t creator_micros, platform_micros;
	struct merkle_hash previous, hash; /* previous of row 0: all zero */
};

/* A tree head: RFC 9162's, signed. */
struct ledger_head {
	char tenant[64];
	uint64_t size;
	struct merkle_hash root;
	int64_t signed_at_ms;
	char key_id[LEDGER_KEY_ID_BYTES];
	uint8_t signature[LEDGER_SIGNATURE_BYTES];
};

/* Computes money (cost and split) and hash of a row whose usage, sequence and previous are set. */
void ledger_row_seal(struct ledger_row *row);
/* SHA-256 over a canonical, length-prefixed text of every other field of the row, which
 * ledger_row.c documents; changes nothing. */
struct merkle_hash ledger_row_hash(const struct ledger_row *row);
/* The leaf of the Merkle tree: merkle_leaf over the row's hash. */
struct merkle_hash ledger_row_leaf(const struct ledger_row *row);
/* {"sequence", "usage": {...}, "creator_micros", "platform_micros", "previous", "hash"}; reading
 * judges the form only: ledger_check judges what it says. -EINVAL: *why is a constant that says
 * which field and what was expected. */
struct json_t *ledger_row_write(const struct ledger_row *row);
int ledger_row_read(const struct json_t *object, struct ledger_row *out, const char **why);
struct json_t *ledger_head_write(const struct ledger_head *head);
int ledger_head_read(const struct json_t *object, struct ledger_head *out, const char **why);

/* The key heads are signed with. */
struct ledger_key;
/* Reads a PEM file (Ed25519, private or public); with `make` a missing one is made, mode 0600.
 * -EACCES: a private key that others may read. Negative errno, logged. */
int ledger_key_load(const char *path, bool make, struct ledger_key **out);
/* The first key in a text. -EINVAL: there is none, or it is no Ed25519 key. */
int ledger_key_parse(const char *pem, struct ledger_key **out);
void ledger_key_destroy(struct ledger_key *key);
const char *ledger_key_id(const struct ledger_key *key);
/* The public half as PEM; malloc'ed. */
char *ledger_key_public(const struct ledger_key *key);
/* Signs tenant, size, root and time. -EINVAL: not a private key. */
int ledger_head_sign(struct ledger_head *head, const struct ledger_key *key);
bool ledger_head_is_signed(const struct ledger_head *head, const struct ledger_key *key);

/* Checks one tenant's ledger as it streams by: rows in order, then heads in order of size. Every
 * fault is told, naming the row (tenant, sequence, id) or head; checking goes on. Heads that fail
 * for what was told of their rows already are not told again. */
struct ledger_check;
struct ledger_fault {
	const char *tenant;
	int64_t sequence; /* of the row; -1: no row */
	const char *id;   /* of the row; "": not known, as of a row that is gone */
	int64_t size;     /* of the head; -1: no head */
	const char *what;
};
#define LEDGER_FAULTS_TOLD_MAX 1000 /* the rest is counted */

/* Writes each fault as a line to `report`; NULL: to nobody. NULL: no memory. */
struct ledger_check *ledger_check_create(const char *tenant, FILE *report);
void ledger_check_destroy(struct ledger_check *check);
/* Tells faults to `on_fault` as well; what it is given is borrowed for the call. */
void ledger_check_listen(struct ledger_check *check,
			 void (*on_fault)(void *context, const struct ledger_fault *fault),
			 void *context);
void ledger_fault_print(const struct ledger_fault *fault, FILE *out);
/* Keys heads may be signed with; borrowed. Without any, signatures cannot be judged: a fault. */
void ledger_check_trust(struct ledger_check *check, const struct ledger_key *key);
void ledger_check_row(struct ledger_check *check, const struct ledger_row *row);
void ledger_check_head(struct ledger_check *check, const struct ledger_head *head);
/* A head that was kept elsewhere, after the rows: today's ledger must begin with its tree. */
void ledger_check_saved_head(struct ledger_check *check, const struct ledger_head *head);
/* What the reader of the ledger found wrong by itself. */
void ledger_check_fault(struct ledger_check *check, int64_t sequence, const char *id,
			const char *format, ...) __attribute__((format(printf, 4, 5)));
/* `size` rows and this last hash are what the store says there are (size < 0: it says nothing).
 * Returns the number of faults. */
unsigned int ledger_check_end(struct ledger_check *check, int64_t size,
			      const struct merkle_hash *last);
uint64_t ledger_check_size(const struct ledger_check *check);
/* Rows that the newest head covers. */
uint64_t ledger_check_signed(const struct ledger_check *check);
/* The leaves so far, for proofs; borrowed until the next row. */
const struct merkle_hash *ledger_check_leaves(const struct ledger_check *check);
