/* Heads and proofs against Certificate Transparency's published vectors (its tree of eight leaves),
 * and against RFC 9162's own recursive definitions, for all trees up to 130 leaves. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/merkle.h"

#define LEAVES 130

static struct merkle_hash leaves[LEAVES];

static const struct {
	const char *bytes;
	size_t n;
} vector_leaves[8] = {
	{"", 0},
	{"\x00", 1},
	{"\x10", 1},
	{"\x20\x21", 2},
	{"\x30\x31", 2},
	{"\x40\x41\x42\x43", 4},
	{"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
	{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
};

static const char *const vector_roots[9] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

#define LEAF_0   "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define LEAF_1   "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define LEAF_4   "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define NODE_0_1 "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define NODE_2_3 "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define NODE_4_5 "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define NODE_6_7 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
#define NODE_0_3 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define NODE_4_7 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"

static void hash_print(const struct merkle_hash *hash, char out[2 * MERKLE_BYTES + 1])
{
	for (size_t i = 0; i < MERKLE_BYTES; i++)
		sprintf(out + 2 * i, "%02x", hash->bytes[i]);
}

static void expect_hash(const struct merkle_hash *hash, const char *expected)
{
	char text[2 * MERKLE_BYTES + 1];
	hash_print(hash, text);
	CU_ASSERT_STRING_EQUAL(text, expected);
}

static bool is_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void leaves_of_vectors(struct merkle_hash out[8])
{
	for (size_t i = 0; i < 8; i++)
		out[i] = merkle_leaf(vector_leaves[i].bytes, vector_leaves[i].n);
}

static int leaves_make(void)
{
	for (size_t i = 0; i < LEAVES; i++)
		leaves[i] = merkle_leaf(&i, sizeof(i));
	return 0;
}

static void roots_are_the_published_ones(void)
{
	struct merkle_hash eight[8];
	leaves_of_vectors(eight);
	for (uint64_t n = 0; n <= 8; n++) {
		struct merkle_hash root = merkle_root(eight, n);
		expect_hash(&root, vector_roots[n]);
	}
}

static void expect_path(const struct merkle_proof *proof, const char *const path[4])
{
	unsigned int n = 0;
	while (n < 4 && path[n])
		n++;
	CU_ASSERT_EQUAL_FATAL(proof->n, n);
	for (unsigned int i = 0; i < n; i++)
		expect_hash(&proof->path[i], path[i]);
}

static void inclusion_proofs_are_the_published_ones(void)
{
	static const struct {
		uint64_t index, n;
		const char *path[4];
	} rows[] = {
		{0, 1, {NULL}},
		{0, 8, {LEAF_1, NODE_2_3, NODE_4_7}},
		{5, 8, {LEAF_4, NODE_6_7, NODE_0_3}},
		{2, 3, {NODE_0_1}},
		{1, 5, {LEAF_0, NODE_2_3, LEAF_4}},
	};
	struct merkle_hash eight[8];
	leaves_of_vectors(eight);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct merkle_proof proof;
		CU_ASSERT_EQUAL(merkle_inclusion(eight, rows[i].n, rows[i].index, &proof), 0);
		expect_path(&proof, rows[i].path);
	}
}

static void consistency_proofs_are_the_published_ones(void)
{
	static const struct {
		uint64_t m, n;
		const char *path[4];
	} rows[] = {
		{1, 1, {NULL}},
		{1, 8, {LEAF_1, NODE_2_3, NODE_4_7}},
		{6, 8, {NODE_4_5, NODE_6_7, NODE_0_3}},
		{2, 5, {NODE_2_3, LEAF_4}},
	};
	struct merkle_hash eight[8];
	leaves_of_vectors(eight);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct merkle_proof proof;
		CU_ASSERT_EQUAL(merkle_consistency(eight, rows[i].m, rows[i].n, &proof), 0);
		expect_path(&proof, rows[i].path);
	}
}

/* --- The RFC's definitions, word by word ----------------------------------------------------- */

static uint64_t oracle_split(uint64_t n)
{
	uint64_t k = 1;
	while (2 * k < n)
		k *= 2;
	return k;
}

static struct merkle_hash oracle_node(const struct merkle_hash *left,
				      const struct merkle_hash *right)
{
	struct merkle_hash pair[2] = {*left, *right};
	return merkle_root(pair, 2); /* that one is right: the published vectors say so */
}

static struct merkle_hash oracle_root(const struct merkle_hash *d, uint64_t n)
{
	if (n == 1)
		return d[0];
	uint64_t k = oracle_split(n);
	struct merkle_hash left = oracle_root(d, k), right = oracle_root(d + k, n - k);
	return oracle_node(&left, &right);
}

/* PATH(m, D[n]) of 2.1.3.1. */
static void oracle_path(const struct merkle_hash *d, uint64_t n, uint64_t m,
			struct merkle_proof *out)
{
	if (n == 1)
		return;
	uint64_t k = oracle_split(n);
	if (m < k) {
		oracle_path(d, k, m, out);
		out->path[out->n++] = oracle_root(d + k, n - k);
	} else {
		oracle_path(d + k, n - k, m - k, out);
		out->path[out->n++] = oracle_root(d, k);
	}
}

/* SUBPROOF(m, D[n], b) of 2.1.4.1. */
static void oracle_subproof(const struct merkle_hash *d, uint64_t n, uint64_t m, bool b,
			    struct merkle_proof *out)
{
	if (m == n) {
		if (!b)
			out->path[out->n++] = oracle_root(d, n);
		return;
	}
	uint64_t k = oracle_split(n);
	if (m <= k) {
		oracle_subproof(d, k, m, b, out);
		out->path[out->n++] = oracle_root(d + k, n - k);
	} else {
		oracle_subproof(d + k, n - k, m - k, false, out);
		out->path[out->n++] = oracle_root(d, k);
	}
}

static bool is_same_proof(const struct merkle_proof *a, const struct merkle_proof *b)
{
	return a->n == b->n && memcmp(a->path, b->path, a->n * sizeof(a->path[0])) == 0;
}

static void roots_and_edges_equal_the_definition(void)
{
	struct merkle_edge edge = {.n = 0};
	for (uint64_t n = 1; n <= LEAVES; n++) {
		struct merkle_hash expected = oracle_root(leaves, n);
		struct merkle_hash root = merkle_root(leaves, n);
		merkle_edge_add(&edge, &leaves[n - 1]);
		struct merkle_hash edge_root = merkle_edge_root(&edge);
		CU_ASSERT(is_equal(&root, &expected));
		CU_ASSERT(is_equal(&edge_root, &expected));
		CU_ASSERT_EQUAL(edge.n, n);
	}
}

static void inclusion_equals_the_definition_and_verifies(void)
{
	for (uint64_t n = 1; n <= LEAVES; n++) {
		struct merkle_hash root = merkle_root(leaves, n);
		unsigned int bad = 0;
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_proof proof, expected = {.n = 0};
			oracle_path(leaves, n, i, &expected);
			bad += merkle_inclusion(leaves, n, i, &proof) != 0;
			bad += !is_same_proof(&proof, &expected);
			bad += !merkle_inclusion_verify(&leaves[i], i, n, &proof, &root);
		}
		CU_ASSERT_EQUAL(bad, 0);
	}
}

static void consistency_equals_the_definition_and_verifies(void)
{
	for (uint64_t n = 1; n <= LEAVES; n++) {
		struct merkle_hash root = merkle_root(leaves, n);
		unsigned int bad = 0;
		for (uint64_t m = 1; m <= n; m++) {
			struct merkle_hash root_m = merkle_root(leaves, m);
			struct merkle_proof proof, expected = {.n = 0};
			oracle_subproof(leaves, n, m, true, &expected);
			bad += merkle_consistency(leaves, m, n, &proof) != 0;
			bad += !is_same_proof(&proof, &expected);
			bad += !merkle_consistency_verify(m, &root_m, n, &root, &proof);
		}
		CU_ASSERT_EQUAL(bad, 0);
	}
}

/* Proofs hold for one leaf, place, size and root only. */
static void wrong_inclusion_is_refused(void)
{
	for (uint64_t n = 1; n <= 40; n++) {
		struct merkle_hash root = merkle_root(leaves, n);
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_proof proof;
			merkle_inclusion(leaves, n, i, &proof);
			unsigned int good = 0;
			for (uint64_t at = 0; at < n + 2; at++)
				good += merkle_inclusion_verify(&leaves[i], at, n, &proof, &root);
			CU_ASSERT_EQUAL(good, 1);
			CU_ASSERT(!merkle_inclusion_verify(&leaves[i + 1], i, n, &proof, &root));
			for (unsigned int k = 0; k < proof.n; k++) {
				proof.path[k].bytes[k % MERKLE_BYTES] ^= 1;
				CU_ASSERT(
					!merkle_inclusion_verify(&leaves[i], i, n, &proof, &root));
				proof.path[k].bytes[k % MERKLE_BYTES] ^= 1;
			}
			proof.path[proof.n++] = leaves[0];
			CU_ASSERT(!merkle_inclusion_verify(&leaves[i], i, n, &proof, &root));
			if (proof.n < 2)
				continue;
			proof.n -= 2;
			CU_ASSERT(!merkle_inclusion_verify(&leaves[i], i, n, &proof, &root));
		}
	}
}

static void wrong_consistency_is_refused(void)
{
	for (uint64_t n = 2; n <= 40; n++) {
		struct merkle_hash root = merkle_root(leaves, n);
		for (uint64_t m = 1; m < n; m++) {
			struct merkle_hash root_m = merkle_root(leaves, m), other = root_m;
			struct merkle_proof proof;
			merkle_consistency(leaves, m, n, &proof);
			other.bytes[0] ^= 0x80;
			CU_ASSERT(!merkle_consistency_verify(m, &other, n, &root, &proof));
			CU_ASSERT(!merkle_consistency_verify(m, &root_m, n, &other, &proof));
			CU_ASSERT(!merkle_consistency_verify(n, &root_m, m, &root, &proof));
			for (unsigned int k = 0; k < proof.n; k++) {
				proof.path[k].bytes[k % MERKLE_BYTES] ^= 1;
				CU_ASSERT(!merkle_consistency_verify(m, &root_m, n, &root, &proof));
				proof.path[k].bytes[k % MERKLE_BYTES] ^= 1;
			}
			proof.path[proof.n++] = leaves[0];
			CU_ASSERT(!merkle_consistency_verify(m, &root_m, n, &root, &proof));
			proof.n -= 2;
			CU_ASSERT(!merkle_consistency_verify(m, &root_m, n, &root, &proof));
		}
	}
}

static void edges_of_the_range(void)
{
	struct merkle_proof proof = {.n = 0};
	struct merkle_hash nothing = merkle_root(NULL, 0), root = merkle_root(leaves, 5);
	CU_ASSERT_EQUAL(merkle_inclusion(leaves, 0, 0, &proof), -EINVAL);
	CU_ASSERT_EQUAL(merkle_inclusion(leaves, 5, 5, &proof), -EINVAL);
	CU_ASSERT_EQUAL(merkle_consistency(leaves, 6, 5, &proof), -EINVAL);
	CU_ASSERT_EQUAL(merkle_consistency(leaves, 0, 5, &proof), 0);
	CU_ASSERT(merkle_consistency_verify(0, &nothing, 5, &root, &proof));
	CU_ASSERT(!merkle_consistency_verify(0, &root, 5, &root, &proof));
	CU_ASSERT(!merkle_consistency_verify(1, &leaves[0], 5, &root, &proof));
	CU_ASSERT(!merkle_consistency_verify(UINT64_MAX, &root, 5, &root, &proof));
	proof.n = MERKLE_PROOF_MAX + 1;
	CU_ASSERT(!merkle_consistency_verify(2, &root, 5, &root, &proof));
	CU_ASSERT(!merkle_inclusion_verify(&leaves[0], 0, 5, &proof, &root));
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(roots_are_the_published_ones),
	ROW(inclusion_proofs_are_the_published_ones),
	ROW(consistency_proofs_are_the_published_ones),
	ROW(roots_and_edges_equal_the_definition),
	ROW(inclusion_equals_the_definition_and_verifies),
	ROW(consistency_equals_the_definition_and_verifies),
	ROW(wrong_inclusion_is_refused),
	ROW(wrong_consistency_is_refused),
	ROW(edges_of_the_range),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("merkle", tests, leaves_make, NULL)
