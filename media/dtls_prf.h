/* TLS 1.2's pseudorandom function (RFC 5246 5) with the hashes of our cipher suites. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_PRF_SECRET_MAX 64  /* a premaster secret of P-256 has 32 bytes, a master secret 48 */
#define DTLS_PRF_SEED_MAX   256 /* an exporter's: label, both randoms, a context */

struct ossl_dispatch_st; /* OSSL_DISPATCH */
struct dtls_prf_hash;

/* What goes into one call. Begins as zeros. */
struct dtls_prf {
	const struct dtls_prf_hash *hash; /* constant */
	bool has_secret;
	size_t secret_bytes, seed_bytes;
	uint8_t secret[DTLS_PRF_SECRET_MAX], seed[DTLS_PRF_SEED_MAX];
};

/* SHA-256 or SHA-384 by one of OpenSSL's names for them, of `len` bytes. False: another hash. */
bool dtls_prf_set_hash(struct dtls_prf *prf, const char *name, size_t len);
/* In place of the one that was set. False: longer than DTLS_PRF_SECRET_MAX. */
bool dtls_prf_set_secret(struct dtls_prf *prf, const void *secret, size_t bytes);
/* Behind what was added before: the label is the first. False: DTLS_PRF_SEED_MAX exceeded. */
bool dtls_prf_add_seed(struct dtls_prf *prf, const void *seed, size_t bytes);
/* False: a hash, secret or seed is missing, or nothing is asked for. Any thread. */
bool dtls_prf_derive(const struct dtls_prf *prf, uint8_t *out, size_t bytes);
/* Wipes it: zeros again. */
void dtls_prf_clear(struct dtls_prf *prf);

/* The same as a provider's algorithm: the KDF "TLS1-PRF". Takes any provider context. Constant. */
const struct ossl_dispatch_st *dtls_prf_functions(void);
