/* The PRF against OpenSSL's own, as a function and as the algorithm that the library shows. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "media/dtls_library.h"
#include "media/dtls_prf.h"
#include "tests/cunit.h"

#define ROUNDS    2000
#define OUT_MAX   300
#define SEEDS_MAX 5 /* as libssl gives them, label first */

static struct dtls_library *library;
static EVP_KDF *theirs, *ours;

static int init(void)
{
	library = dtls_library_create();
	theirs = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, "provider=default");
	ours = library ? EVP_KDF_fetch(dtls_library_context(library), OSSL_KDF_NAME_TLS1_PRF, NULL)
		       : NULL;
	return theirs && ours ? 0 : -1;
}

static int cleanup(void)
{
	EVP_KDF_free(theirs);
	EVP_KDF_free(ours);
	dtls_library_destroy(library);
	return 0;
}

/* One call's arguments. */
struct call {
	char digest[16];
	uint8_t secret[DTLS_PRF_SECRET_MAX + 1], seeds[SEEDS_MAX][DTLS_PRF_SEED_MAX + 1];
	size_t secret_bytes, seed_bytes[SEEDS_MAX], out_bytes;
};

static size_t random_below(size_t limit)
{
	uint32_t random;
	CU_ASSERT_FATAL(RAND_bytes((unsigned char *)&random, sizeof(random)) == 1);
	return random % limit;
}

/* With every length that a block of SHA-2 may be filled up to. */
static void call_fill(struct call *call)
{
	static const char *const digests[] = {"SHA2-256", "SHA256", "SHA2-384", "sha-384"};
	size_t left = DTLS_PRF_SEED_MAX;
	memset(call, 0, sizeof(*call));
	strcpy(call->digest, digests[random_below(4)]);
	call->secret_bytes = random_below(DTLS_PRF_SECRET_MAX + 1);
	call->out_bytes = 1 + random_below(OUT_MAX);
	RAND_bytes(call->secret, sizeof(call->secret));
	RAND_bytes(call->seeds[0], sizeof(call->seeds));
	for (int i = 0; i < SEEDS_MAX; i++) {
		call->seed_bytes[i] = i == 0 ? 1 + random_below(left) : random_below(left + 1);
		left -= call->seed_bytes[i];
	}
	if (random_below(8) == 0)
		call->seed_bytes[SEEDS_MAX - 1] += left; /* full */
}

static bool derive(EVP_KDF *kdf, struct call *call, uint8_t *out)
{
	OSSL_PARAM params[3 + SEEDS_MAX], *p = params;
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, call->digest, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, call->secret,
						 call->secret_bytes);
	for (int i = 0; i < SEEDS_MAX; i++)
		*p++ = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SEED, call->seed_bytes[i] ? call->seeds[i] : NULL,
			call->seed_bytes[i]);
	*p = OSSL_PARAM_construct_end();
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	bool done = context && EVP_KDF_derive(context, out, call->out_bytes, params) == 1;
	EVP_KDF_CTX_free(context);
	return done;
}

static void is_openssls_function(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct call call;
		uint8_t expected[OUT_MAX + 1] = {0}, got[OUT_MAX + 1] = {0};
		call_fill(&call);
		CU_ASSERT_FATAL(derive(theirs, &call, expected));
		CU_ASSERT_FATAL(derive(ours, &call, got));
		CU_ASSERT_EQUAL_FATAL(memcmp(expected, got, sizeof(got)), 0);
	}
}

static void library_shows_it_in_place_of_openssls(void)
{
	const OSSL_PROVIDER *provider = EVP_KDF_get0_provider(ours);
	CU_ASSERT_STRING_EQUAL(OSSL_PROVIDER_get0_name(provider), "nn5g-dtls");
	struct call call = {.digest = "SHA256",
			    .secret_bytes = DTLS_PRF_SECRET_MAX + 1,
			    .seed_bytes = {1},
			    .out_bytes = 1};
	uint8_t out[OUT_MAX];
	/* What OpenSSL's takes and ours does not: so this is ours. */
	CU_ASSERT_TRUE(derive(theirs, &call, out));
	CU_ASSERT_FALSE(derive(ours, &call, out));
}

static void refuses_what_no_suite_has(void)
{
	static const struct call rows[] = {
		{.digest = "MD5-SHA1", .secret_bytes = 48, .seed_bytes = {13}, .out_bytes = 12},
		{.digest = "SHA1", .secret_bytes = 48, .seed_bytes = {13}, .out_bytes = 12},
		{.digest = "SHA2-25", .secret_bytes = 48, .seed_bytes = {13}, .out_bytes = 12},
		{.digest = "SHA256", .secret_bytes = 65, .seed_bytes = {13}, .out_bytes = 12},
		{.digest = "SHA256", .secret_bytes = 48, .seed_bytes = {200, 57}, .out_bytes = 12},
		{.digest = "SHA256", .secret_bytes = 48, .out_bytes = 12},
		{.digest = "SHA256", .secret_bytes = 48, .seed_bytes = {13}, .out_bytes = 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct call call = rows[i];
		uint8_t out[OUT_MAX];
		CU_ASSERT_FALSE(derive(ours, &call, out));
	}
}

static void a_context_goes_on_reset_and_copied(void)
{
	struct call call = {.digest = "SHA384",
			    .secret = "secret",
			    .secret_bytes = 6,
			    .seeds = {"seed"},
			    .seed_bytes = {4},
			    .out_bytes = 60};
	uint8_t expected[OUT_MAX], got[OUT_MAX];
	CU_ASSERT_FATAL(derive(theirs, &call, expected));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, call.digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, call.secret, 6),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, call.seeds[0], 4),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *first = EVP_KDF_CTX_new(ours);
	CU_ASSERT_FATAL(first && EVP_KDF_CTX_set_params(first, params) == 1);
	EVP_KDF_CTX *second = EVP_KDF_CTX_dup(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	EVP_KDF_CTX_reset(first);
	CU_ASSERT_NOT_EQUAL(EVP_KDF_derive(first, got, 60, NULL), 1);
	CU_ASSERT_EQUAL(EVP_KDF_derive(second, got, 60, NULL), 1);
	CU_ASSERT_EQUAL(memcmp(expected, got, 60), 0);
	CU_ASSERT_EQUAL(EVP_KDF_derive(first, got, 60, params), 1);
	CU_ASSERT_EQUAL(memcmp(expected, got, 60), 0);
	EVP_KDF_CTX_free(first);
	EVP_KDF_CTX_free(second);
}

static void a_cleared_one_is_zeros(void)
{
	static const struct dtls_prf zeros;
	struct dtls_prf prf = {0};
	uint8_t out[12];
	CU_ASSERT_TRUE(dtls_prf_set_hash(&prf, "SHA256", 6));
	CU_ASSERT_TRUE(dtls_prf_add_seed(&prf, "seed", 4));
	CU_ASSERT_FALSE(dtls_prf_derive(&prf, out, sizeof(out)));
	CU_ASSERT_TRUE(dtls_prf_set_secret(&prf, "", 0));
	CU_ASSERT_TRUE(dtls_prf_derive(&prf, out, sizeof(out)));
	dtls_prf_clear(&prf);
	CU_ASSERT_EQUAL(memcmp(&prf, &zeros, sizeof(prf)), 0);
}

static CU_TestInfo tests[] = {
	{"is_openssls_function", is_openssls_function},
	{"library_shows_it_in_place_of_openssls", library_shows_it_in_place_of_openssls},
	{"refuses_what_no_suite_has", refuses_what_no_suite_has},
	{"a_context_goes_on_reset_and_copied", a_context_goes_on_reset_and_copied},
	{"a_cleared_one_is_zeros", a_cleared_one_is_zeros},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("dtls_prf", tests, init, cleanup)
