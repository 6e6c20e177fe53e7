/* Proofs about a ledger that anyone can check offline: that a row is in the tree of a head, or that
 * a tree continues a smaller one. As JSON:
 *
 *     {"type":"inclusion","tenant":...,"row":{...},"index":7,"size":18,"path":["hex"...],
 *      "root":"hex","head":{...}}
 *     {"type":"consistency","tenant":...,"from":6,"from_root":"hex","size":18,"path":["hex"...],
 *      "root":"hex","head":{...}}
 *
 * `head` is the signed head of `size` rows, null where there is none. A proof only says that things
 * hang together; what makes it true is a root that the reader trusts: of a head signed with a key
 * he knows, or of one he saved himself. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/ledger.h"

struct json_t;

struct ledger_proof {
	bool is_inclusion, has_head;
	char tenant[64];
	struct ledger_row row; /* of an inclusion */
	uint64_t from;         /* of a consistency */
	struct merkle_hash from_root;
	uint64_t size; /* leaves of the tree */
	struct merkle_hash root;
	struct merkle_proof path;
	struct ledger_head head;
};

/* Of `leaves`, at least `proof->size`; tenant, size, row or from, and head are set. -EINVAL: the
 * row is not in the tree, or `from` is more than it has. */
int ledger_proof_make(struct ledger_proof *proof, const struct merkle_hash *leaves);
/* NULL: no memory. */
struct json_t *ledger_proof_write(const struct ledger_proof *proof);
/* -EINVAL: *why is a constant that says which field and what was expected. */
int ledger_proof_read(const struct json_t *object, struct ledger_proof *out, const char **why);
/* NULL if it proves what it says under these keys and this saved head (NULL: none), of which there
 * must be one; else a constant that says why not. */
const char *ledger_proof_judge(const struct ledger_proof *proof, struct ledger_key *const *keys,
			       unsigned int n_keys, const struct ledger_head *saved);
