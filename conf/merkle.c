/* RFC 9162 section 2.1. A tree of n leaves splits at k, the largest power of two smaller than n:
 * its left half is full. Proofs are walked from the root down to where they end, and turned over;
 * the verifiers are the RFC's own loops, which need no tree. */
#include "conf/merkle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static struct merkle_hash digest(const void *parts[], const size_t sizes[], unsigned int n)
{
	struct merkle_hash hash;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
	for (unsigned int i = 0; is_good && i < n; i++)
		is_good = EVP_DigestUpdate(context, parts[i], sizes[i]) == 1;
	is_good = is_good && EVP_DigestFinal_ex(context, hash.bytes, NULL) == 1;
	EVP_MD_CTX_free(context);
	if (!is_good) /* No memory for some hundred bytes: nothing sane can follow. */
		abort();
	return hash;
}

struct merkle_hash merkle_leaf(const void *data, size_t size)
{
	return digest((const void *[]){"\0", data}, (const size_t[]){1, size}, 2);
}

static struct merkle_hash node(const struct merkle_hash *left, const struct merkle_hash *right)
{
	return digest((const void *[]){"\1", left->bytes, right->bytes},
		      (const size_t[]){1, MERKLE_BYTES, MERKLE_BYTES}, 3);
}

static bool is_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->bytes, b->bytes, MERKLE_BYTES) == 0;
}

/* The largest power of two smaller than n; n > 1. */
static uint64_t split_at(uint64_t n)
{
	return 1ULL << (63 - __builtin_clzll(n - 1));
}

void merkle_edge_add(struct merkle_edge *edge, const struct merkle_hash *leaf)
{
	/* One full subtree for each bit of n, the largest first. The new leaf joins as many of the
	 * last ones as a carry would run through. */
	unsigned int top = (unsigned int)__builtin_popcountll(edge->n);
	struct merkle_hash hash = *leaf;
	for (uint64_t n = edge->n; n & 1; n >>= 1) {
		top--;
		hash = node(&edge->roots[top], &hash);
	}
	edge->roots[top] = hash;
	edge->n++;
}

struct merkle_hash merkle_edge_root(const struct merkle_edge *edge)
{
	unsigned int i = (unsigned int)__builtin_popcountll(edge->n);
	if (i == 0)
		return digest(NULL, NULL, 0);
	struct merkle_hash hash = edge->roots[--i];
	while (i > 0)
		hash = node(&edge->roots[--i], &hash);
	return hash;
}

struct merkle_hash merkle_root(const struct merkle_hash *leaves, uint64_t n)
{
	struct merkle_edge edge = {.n = 0};
	for (uint64_t i = 0; i < n; i++)
		merkle_edge_add(&edge, &leaves[i]);
	return merkle_edge_root(&edge);
}

static void proof_push(struct merkle_proof *proof, struct merkle_hash hash)
{
	assert(proof->n < MERKLE_PROOF_MAX);
	proof->path[proof->n++] = hash;
}

/* Proofs name the deepest hash first. */
static void proof_turn(struct merkle_proof *proof)
{
	for (unsigned int i = 0; i < proof->n / 2; i++) {
		struct merkle_hash last = proof->path[proof->n - 1 - i];
		proof->path[proof->n - 1 - i] = proof->path[i];
		proof->path[i] = last;
	}
}

int merkle_inclusion(const struct merkle_hash *leaves, uint64_t n, uint64_t index,
		     struct merkle_proof *out)
{
	if (index >= n)
		return -EINVAL;
	out->n = 0;
	while (n > 1) {
		uint64_t k = split_at(n);
		if (index < k) {
			proof_push(out, merkle_root(leaves + k, n - k));
			n = k;
		} else {
			proof_push(out, merkle_root(leaves, k));
			leaves += k;
			index -= k;
			n -= k;
		}
	}
	proof_turn(out);
	return 0;
}

bool merkle_inclusion_verify(const struct merkle_hash *leaf, uint64_t index, uint64_t n,
			     const struct merkle_proof *proof, const struct merkle_hash *root)
{
	if (index >= n || proof->n > MERKLE_PROOF_MAX)
		return false;
	uint64_t fn = index, sn = n - 1;
	struct merkle_hash r = *leaf;
	for (unsigned int i = 0; i < proof->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			r = node(&proof->path[i], &r);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = node(&r, &proof->path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && is_equal(&r, root);
}

int merkle_consistency(const struct merkle_hash *leaves, uint64_t m, uint64_t n,
		       struct merkle_proof *out)
{
	if (m > n)
		return -EINVAL;
	out->n = 0;
	if (m == 0 || m == n)
		return 0;
	/* While the subtree in hand is one the old tree had as it is, its root need not be told. */
	bool is_known = true;
	while (m != n) {
		uint64_t k = split_at(n);
		if (m <= k) {
			proof_push(out, merkle_root(leaves + k, n - k));
			n = k;
		} else {
			proof_push(out, merkle_root(leaves, k));
			leaves += k;
			m -= k;
			n -= k;
			is_known = false;
		}
	}
	if (!is_known)
		proof_push(out, merkle_root(leaves, n));
	proof_turn(out);
	return 0;
}

/* Both roots as the proof's path builds them, from `first` on; section 2.1.4.2, steps 3 to 7. */
static bool consistency_walk(uint64_t m, uint64_t n, const struct merkle_hash *path,
			     unsigned int left, struct merkle_hash roots[2])
{
	uint64_t fn = m - 1, sn = n - 1;
	while (fn & 1) {
		fn >>= 1;
		sn >>= 1;
	}
	for (unsigned int i = 0; i < left; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			roots[0] = node(&path[i], &roots[0]);
			roots[1] = node(&path[i], &roots[1]);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			roots[1] = node(&roots[1], &path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0;
}

bool merkle_consistency_verify(uint64_t m, const struct merkle_hash *root_m, uint64_t n,
			       const struct merkle_hash *root_n, const struct merkle_proof *proof)
{
	if (m > n || proof->n > MERKLE_PROOF_MAX)
		return false;
	if (m == n)
		return proof->n == 0 && is_equal(root_m, root_n);
	if (m == 0) {
		struct merkle_hash nothing = merkle_root(NULL, 0);
		return proof->n == 0 && is_equal(root_m, &nothing);
	}
	if (proof->n == 0)
		return false;
	/* An old tree that was full is itself the first hash of the path. */
	bool is_full = (m & (m - 1)) == 0;
	struct merkle_hash first = is_full ? *root_m : proof->path[0];
	struct merkle_hash roots[2] = {first, first};
	const struct merkle_hash *path = proof->path + !is_full;
	return consistency_walk(m, n, path, proof->n - !is_full, roots) &&
	       is_equal(&roots[0], root_m) && is_equal(&roots[1], root_n);
}
