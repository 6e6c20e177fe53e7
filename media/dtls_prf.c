/* P_hash over HMAC, straight on the compression functions of SHA-2.
 *
 * A handshake derives five times. In OpenSSL 3.0 each of these looks up a KDF, a MAC and a hash by
 * name and takes a dozen contexts from the heap, for some twenty blocks of SHA-2. Here a key is
 * hashed once into the states that the inner and the outer hash begin with, and each HMAC goes on
 * from copies of them, on the stack. The functions are deprecated for applications that should not
 * care which implementation they get; for what implements an algorithm nothing else is left. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "media/dtls_prf.h"

#include <string.h>
#include <strings.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#define BLOCK_MAX  SHA512_CBLOCK
#define DIGEST_MAX SHA384_DIGEST_LENGTH
#define INNER      0x36 /* HMAC's pads */
#define OUTER      0x5c

union state {
	SHA256_CTX sha256;
	SHA512_CTX sha384;
};

struct dtls_prf_hash {
	const char *names[3];
	size_t block_bytes, digest_bytes;
	void (*begin)(union state *state);
	void (*add)(union state *state, const void *bytes, size_t size);
	void (*end)(union state *state, uint8_t *digest);
};

static void sha256_begin(union state *state)
{
	SHA256_Init(&state->sha256);
}

static void sha256_add(union state *state, const void *bytes, size_t size)
{
	SHA256_Update(&state->sha256, bytes, size);
}

static void sha256_end(union state *state, uint8_t *digest)
{
	SHA256_Final(digest, &state->sha256);
}

static void sha384_begin(union state *state)
{
	SHA384_Init(&state->sha384);
}

static void sha384_add(union state *state, const void *bytes, size_t size)
{
	SHA384_Update(&state->sha384, bytes, size);
}

static void sha384_end(union state *state, uint8_t *digest)
{
	SHA384_Final(digest, &state->sha384);
}

static const struct dtls_prf_hash hashes[] = {
	{
		{"SHA2-256", "SHA256", "SHA-256"},
		SHA256_CBLOCK,
		SHA256_DIGEST_LENGTH,
		sha256_begin,
		sha256_add,
		sha256_end,
	},
	{
		{"SHA2-384", "SHA384", "SHA-384"},
		SHA512_CBLOCK,
		SHA384_DIGEST_LENGTH,
		sha384_begin,
		sha384_add,
		sha384_end,
	},
};

#define HASHES (sizeof(hashes) / sizeof(hashes[0]))
#define NAMES  (sizeof(hashes[0].names) / sizeof(hashes[0].names[0]))

bool dtls_prf_set_hash(struct dtls_prf *prf, const char *name, size_t len)
{
	for (size_t i = 0; i < HASHES * NAMES; i++) {
		const char *known = hashes[i / NAMES].names[i % NAMES];
		if (strlen(known) != len || strncasecmp(known, name, len) != 0)
			continue;
		prf->hash = &hashes[i / NAMES];
		return true;
	}
	return false;
}

bool dtls_prf_set_secret(struct dtls_prf *prf, const void *secret, size_t bytes)
{
	if (bytes > sizeof(prf->secret))
		return false;
	if (bytes > 0)
		memcpy(prf->secret, secret, bytes);
	prf->secret_bytes = bytes;
	prf->has_secret = true;
	return true;
}

bool dtls_prf_add_seed(struct dtls_prf *prf, const void *seed, size_t bytes)
{
	if (bytes > sizeof(prf->seed) - prf->seed_bytes)
		return false;
	if (bytes > 0)
		memcpy(prf->seed + prf->seed_bytes, seed, bytes);
	prf->seed_bytes += bytes;
	return true;
}

/* What a derivation works with, in one place to be wiped. */
struct work {
	const struct dtls_prf_hash *hash;
	union state inner, outer; /* HMAC's (RFC 2104), with the key in them */
	union state now, next;
	uint8_t a[DIGEST_MAX]; /* A(i) of RFC 5246 5 */
	uint8_t digest[DIGEST_MAX];
};

/* No secret here is longer than a block, so none is hashed to make it shorter. */
static void set_key(struct work *work, const struct dtls_prf *prf)
{
	uint8_t block[BLOCK_MAX] = {0};
	size_t block_bytes = prf->hash->block_bytes;

	work->hash = prf->hash;
	memcpy(block, prf->secret, prf->secret_bytes);
	for (size_t i = 0; i < block_bytes; i++)
		block[i] ^= INNER;
	work->hash->begin(&work->inner);
	work->hash->add(&work->inner, block, block_bytes);
	for (size_t i = 0; i < block_bytes; i++)
		block[i] ^= INNER ^ OUTER;
	work->hash->begin(&work->outer);
	work->hash->add(&work->outer, block, block_bytes);
	OPENSSL_cleanse(block, sizeof(block));
}

/* The HMAC of what `now` has taken; it is used up. */
static void end_hmac(struct work *work, uint8_t *mac)
{
	work->hash->end(&work->now, work->digest);
	work->now = work->outer;
	work->hash->add(&work->now, work->digest, work->hash->digest_bytes);
	work->hash->end(&work->now, mac);
}

bool dtls_prf_derive(const struct dtls_prf *prf, uint8_t *out, size_t bytes)
{
	struct work work;

	if (!prf->hash || !prf->has_secret || prf->seed_bytes == 0 || bytes == 0)
		return false;
	size_t digest_bytes = prf->hash->digest_bytes;
	set_key(&work, prf);
	work.next = work.inner;
	prf->hash->add(&work.next, prf->seed, prf->seed_bytes);
	while (bytes > 0) {
		work.now = work.next;
		end_hmac(&work, work.a);
		work.next = work.inner;
		prf->hash->add(&work.next, work.a, digest_bytes);
		work.now = work.next;
		prf->hash->add(&work.now, prf->seed, prf->seed_bytes);
		end_hmac(&work, work.digest);
		size_t n = bytes < digest_bytes ? bytes : digest_bytes;
		memcpy(out, work.digest, n);
		out += n;
		bytes -= n;
	}
	OPENSSL_cleanse(&work, sizeof(work));
	return true;
}

void dtls_prf_clear(struct dtls_prf *prf)
{
	OPENSSL_cleanse(prf, sizeof(*prf));
}

static void *on_newctx(void *provider)
{
	(void)provider;
	return OPENSSL_zalloc(sizeof(struct dtls_prf));
}

static void *on_dupctx(void *context)
{
	return OPENSSL_memdup(context, sizeof(struct dtls_prf));
}

static void on_freectx(void *context)
{
	OPENSSL_clear_free(context, sizeof(struct dtls_prf));
}

static void on_reset(void *context)
{
	dtls_prf_clear(context);
}

static bool is_key(const OSSL_PARAM *param, const char *key)
{
	return strcmp(param->key, key) == 0;
}

/* The hash's provider may be asked for by OSSL_KDF_PARAM_PROPERTIES: there is but this one. */
static int on_set_ctx_params(void *context, const OSSL_PARAM params[])
{
	struct dtls_prf *prf = context;
	bool is_taken = true;

	for (; params && params->key && is_taken; params++) {
		const void *data = params->data;
		size_t bytes = data ? params->data_size : 0;
		if (is_key(params, OSSL_KDF_PARAM_SEED))
			is_taken = params->data_type == OSSL_PARAM_OCTET_STRING &&
				   dtls_prf_add_seed(prf, data, bytes);
		else if (is_key(params, OSSL_KDF_PARAM_SECRET))
			is_taken = params->data_type == OSSL_PARAM_OCTET_STRING &&
				   dtls_prf_set_secret(prf, data, bytes);
		else if (is_key(params, OSSL_KDF_PARAM_DIGEST))
			is_taken = data && params->data_type == OSSL_PARAM_UTF8_STRING &&
				   dtls_prf_set_hash(prf, data, strnlen(data, bytes));
	}
	return is_taken;
}

static const OSSL_PARAM *on_settable_ctx_params(void *context, void *provider)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SECRET, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SEED, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)context;
	(void)provider;
	return settable;
}

static int on_derive(void *context, unsigned char *out, size_t bytes, const OSSL_PARAM params[])
{
	return on_set_ctx_params(context, params) && dtls_prf_derive(context, out, bytes);
}

static int on_get_ctx_params(void *context, OSSL_PARAM params[])
{
	OSSL_PARAM *size = OSSL_PARAM_locate(params, OSSL_KDF_PARAM_SIZE);

	(void)context;
	return !size || OSSL_PARAM_set_size_t(size, SIZE_MAX);
}

static const OSSL_PARAM *on_gettable_ctx_params(void *context, void *provider)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_size_t(OSSL_KDF_PARAM_SIZE, NULL),
		OSSL_PARAM_END,
	};
	(void)context;
	(void)provider;
	return gettable;
}

static const OSSL_DISPATCH functions[] = {
	{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))on_newctx},
	{OSSL_FUNC_KDF_DUPCTX, (void (*)(void))on_dupctx},
	{OSSL_FUNC_KDF_FREECTX, (void (*)(void))on_freectx},
	{OSSL_FUNC_KDF_RESET, (void (*)(void))on_reset},
	{OSSL_FUNC_KDF_DERIVE, (void (*)(void))on_derive},
	{OSSL_FUNC_KDF_SET_CTX_PARAMS, (void (*)(void))on_set_ctx_params},
	{OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS, (void (*)(void))on_settable_ctx_params},
	{OSSL_FUNC_KDF_GET_CTX_PARAMS, (void (*)(void))on_get_ctx_params},
	{OSSL_FUNC_KDF_GETTABLE_CTX_PARAMS, (void (*)(void))on_gettable_ctx_params},
	{0, NULL},
};

const OSSL_DISPATCH *dtls_prf_functions(void)
{
	return functions;
}
