/* Merkle trees as Certificate Transparency hashes them (RFC 9162 section 2.1): heads, inclusion and
 * consistency proofs over SHA-256. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_BYTES     32
#define MERKLE_PROOF_MAX 64 /* levels: enough for 2^63 leaves */

struct merkle_hash {
	uint8_t bytes[MERKLE_BYTES];
};

struct merkle_proof {
	struct merkle_hash path[MERKLE_PROOF_MAX];
	unsigned int n;
};

/* SHA-256(0x00 || data) and SHA-256(0x01 || left || right). */
struct merkle_hash merkle_leaf(const void *data, size_t size);
/* Of `n` leaf hashes; n = 0: the hash of nothing (2.1.1). */
struct merkle_hash merkle_root(const struct merkle_hash *leaves, uint64_t n);
/* 2.1.3.1: leaf `index` is in the tree of `n`. -EINVAL. */
int merkle_inclusion(const struct merkle_hash *leaves, uint64_t n, uint64_t index,
		     struct merkle_proof *out);
/* 2.1.3.2. */
bool merkle_inclusion_verify(const struct merkle_hash *leaf, uint64_t index, uint64_t n,
			     const struct merkle_proof *proof, const struct merkle_hash *root);
/* 2.1.4.1: the tree of `m` is a prefix of that of `n`. -EINVAL. */
int merkle_consistency(const struct merkle_hash *leaves, uint64_t m, uint64_t n,
		       struct merkle_proof *out);
/* 2.1.4.2. */
bool merkle_consistency_verify(uint64_t m, const struct merkle_hash *root_m, uint64_t n,
			       const struct merkle_hash *root_n, const struct merkle_proof *proof);

/* A tree that grows at its end in O(log n) memory: the roots of its full subtrees. */
struct merkle_edge {
	struct merkle_hash roots[MERKLE_PROOF_MAX];
	uint64_t n; /* leaves */
};
void merkle_edge_add(struct merkle_edge *edge, const struct merkle_hash *leaf);
struct merkle_hash merkle_edge_root(const struct merkle_edge *edge);
