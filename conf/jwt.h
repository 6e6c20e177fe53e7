/* JSON Web Tokens (RFC 7519, 8725) signed with EdDSA, ES256 or RS256. The only file that knows
 * librhonabwy. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JWT_ID_MAX 127

enum jwt_algorithm { JWT_EDDSA, JWT_ES256, JWT_RS256, JWT_ALGORITHMS };
/* -1: unknown. Names are those of the `alg` header: EdDSA, ES256, RS256. */
int jwt_algorithm_by_name(const char *name);
const char *jwt_algorithm_name(enum jwt_algorithm algorithm);

/* A key and the one algorithm it may be used with. Immutable once made. */
struct jwt_key;
/* `text`: PEM or a JWK object, public or private; `id` at most JWT_ID_MAX bytes, "" for none. The
 * key type must fit the algorithm (Ed25519, P-256, RSA >= 2048 bits). -EINVAL. */
int jwt_key_import(const char *id, enum jwt_algorithm algorithm, const char *text, size_t size,
		   struct jwt_key **out);
/* A fresh private key. */
int jwt_key_generate(const char *id, enum jwt_algorithm algorithm, struct jwt_key **out);
/* PEM text, malloc'ed; the private half only if asked and there is one. NULL on failure. */
char *jwt_key_export(const struct jwt_key *key, bool private_half);
void jwt_key_destroy(struct jwt_key *key);
const char *jwt_key_id(const struct jwt_key *key);
enum jwt_algorithm jwt_key_algorithm(const struct jwt_key *key);
bool jwt_key_is_private(const struct jwt_key *key);
/* Of this very object: no other has the same, before or after. Never 0. */
uint64_t jwt_key_serial(const struct jwt_key *key);

/* The claims we use. Times are seconds since the epoch, 0 = absent; strings are "" when absent. */
struct jwt_claims {
	char issuer[JWT_ID_MAX + 1];
	char subject[JWT_ID_MAX + 1];
	char audience[JWT_ID_MAX + 1]; /* the first that equals `expected` given to jwt_read, else
					  the first */
	char tenant[JWT_ID_MAX + 1];
	char stream[JWT_ID_MAX + 1]; /* "" or "*": any stream of the tenant */
	char scope[JWT_ID_MAX + 1];  /* space-separated: publish play interact usage */
	char id[JWT_ID_MAX + 1];     /* jti; present = single use */
	int64_t expires_at, not_before, issued_at;
};

/* What a token says of itself before anything is verified: only good for finding the key. */
struct jwt_hint {
	enum jwt_algorithm algorithm;
	char key_id[JWT_ID_MAX + 1]; /* "" when absent */
	char tenant[JWT_ID_MAX + 1];
};

/* Reads header and claims without verifying. Refuses (-EBADMSG) what is not a compact JWS of at
 * most `bytes_max` bytes with one of our algorithms, a header with `crit`, `jku`, `x5u`, `jwk`,
 * `x5c`, `zip` or `b64` (keys are chosen by us, never by the token), or duplicate or ill-typed
 * claims. A claim that is present counts: an empty `jti`, or an `exp` of 0, is ill-typed, not
 * absent. */
int jwt_peek(const char *token, size_t bytes_max, struct jwt_hint *hint);
/* Verifies under `key`, whose algorithm must be the header's, and reads the claims. -EKEYREJECTED
 * or -EBADMSG. Times are not judged here. */
int jwt_read(const char *token, size_t bytes_max, const struct jwt_key *key,
	     const char *expected_audience, struct jwt_claims *claims);
/* A signed compact token, malloc'ed, or NULL (public key only, no memory). */
char *jwt_sign(const struct jwt_key *key, const struct jwt_claims *claims);
