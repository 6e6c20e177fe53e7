/* Keys and signatures. What a token says is read strictly in jwt_claims.c; the library is asked for
 * two things only: keys, and whether a signature over exactly these bytes is good. It is never
 * given a chance to choose: which key and which algorithm come from the caller, tokens that name a
 * key of their own are refused before it sees them, and remote keys are switched off in each call.
 */
#include "conf/jwt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <rhonabwy.h>

#include "conf/jwt_claims.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define KEY_TEXT_MAX 16384

static const struct {
	const char *name;
	const char *key_type, *curve; /* JWK `kty` and `crv` (RFC 7518, 8037) */
	jwa_alg algorithm;
	int generate_type;
	unsigned int generate_bits;
} algorithms[] = {
	[JWT_EDDSA] = {"EdDSA", "OKP", "Ed25519", R_JWA_ALG_EDDSA, R_KEY_TYPE_EDDSA, 256},
	[JWT_ES256] = {"ES256", "EC", "P-256", R_JWA_ALG_ES256, R_KEY_TYPE_EC, 256},
	[JWT_RS256] = {"RS256", "RSA", NULL, R_JWA_ALG_RS256, R_KEY_TYPE_RSA, RSA_BITS_MIN},
};
static_assert(sizeof(algorithms) / sizeof(algorithms[0]) == JWT_ALGORITHMS, "one row each");

struct jwt_key {
	uint64_t serial;
	enum jwt_algorithm algorithm;
	char id[JWT_ID_MAX + 1];
	jwk_t *private_half; /* NULL: we can only verify */
	jwk_t *public_half;
};

int jwt_algorithm_by_name(const char *name)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++)
		if (strcmp(name, algorithms[i].name) == 0)
			return i;
	return -1;
}

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

const char *jwt_key_id(const struct jwt_key *key)
{
	return key->id;
}

enum jwt_algorithm jwt_key_algorithm(const struct jwt_key *key)
{
	return key->algorithm;
}

bool jwt_key_is_private(const struct jwt_key *key)
{
	return key->private_half != NULL;
}

uint64_t jwt_key_serial(const struct jwt_key *key)
{
	return key->serial;
}

void jwt_key_destroy(struct jwt_key *key)
{
	if (!key)
		return;
	r_jwk_free(key->private_half);
	r_jwk_free(key->public_half);
	free(key);
}

/* PEM of one JWK, malloc'ed, or NULL. Also the proof that the library can use the key at all. */
static char *jwk_to_pem(jwk_t *jwk)
{
	char pem[KEY_TEXT_MAX];
	size_t size = sizeof(pem) - 1;
	char *copy = NULL;
	if (r_jwk_export_to_pem_der(jwk, R_FORMAT_PEM, (unsigned char *)pem, &size,
				    R_FLAG_IGNORE_REMOTE) == RHN_OK &&
	    size < sizeof(pem))
		copy = strndup(pem, size);
	explicit_bzero(pem, sizeof(pem));
	return copy;
}

/* Only the members that are key material get in: no URL, no certificate, no other algorithm. */
static int jwk_from_json(const char *text, size_t size, enum jwt_algorithm algorithm, jwk_t *jwk)
{
	static const char *const members[] = {"kty", "crv", "x", "y",  "n",  "e",
					      "d",   "p",   "q", "dp", "dq", "qi"};
	json_t *given = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	int rc = json_is_object(given) ? 0 : -EINVAL;
	const char *alg = json_string_value(json_object_get(given, "alg"));
	const char *use = json_string_value(json_object_get(given, "use"));
	if ((alg && strcmp(alg, algorithms[algorithm].name) != 0) ||
	    (use && strcmp(use, "sig") != 0))
		rc = -EINVAL;
	for (size_t i = 0; rc == 0 && i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *value = json_object_get(given, members[i]);
		if (value && (!json_is_string(value) || json_object_set(jwk, members[i], value)))
			rc = -EINVAL;
	}
	json_decref(given);
	return rc == 0 && r_jwk_is_valid(jwk) == RHN_OK ? 0 : -EINVAL;
}

static int jwk_from_pem(const char *text, size_t size, jwk_t *jwk)
{
	const char *begin = memmem(text, size, "-----BEGIN ", 11);
	if (!begin)
		return -EINVAL;
	size -= (size_t)(begin - text);
	const char *line_end = memchr(begin, '\n', size);
	size_t label_bytes = line_end ? (size_t)(line_end - begin) : size;
	int type;
	if (memmem(begin, label_bytes, " PRIVATE KEY-----", 17))
		type = R_X509_TYPE_PRIVKEY;
	else if (memmem(begin, label_bytes, " PUBLIC KEY-----", 16))
		type = R_X509_TYPE_PUBKEY;
	else
		return -EINVAL;
	int rc = r_jwk_import_from_pem_der(jwk, type, R_FORMAT_PEM, (const unsigned char *)begin,
					   size);
	return rc == RHN_OK ? 0 : -EINVAL;
}

static int key_type_check(jwk_t *jwk, enum jwt_algorithm algorithm)
{
	const char *type = r_jwk_get_property_str(jwk, "kty");
	const char *curve = r_jwk_get_property_str(jwk, "crv");
	if (!type || strcmp(type, algorithms[algorithm].key_type) != 0)
		return -EINVAL;
	if (algorithms[algorithm].curve)
		return curve && strcmp(curve, algorithms[algorithm].curve) == 0 ? 0 : -EINVAL;
	unsigned int bits = 0;
	if (!(r_jwk_key_type(jwk, &bits, R_FLAG_IGNORE_REMOTE) & R_KEY_TYPE_RSA))
		return -EINVAL;
	return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX ? 0 : -EINVAL;
}

/* Takes `jwk`, public or private, also on failure. */
static int key_create(const char *id, enum jwt_algorithm algorithm, jwk_t *jwk,
		      struct jwt_key **out)
{
	static _Atomic uint64_t last_serial;
	struct jwt_key *key = calloc(1, sizeof(*key));
	char *proof = NULL;
	int rc = -ENOMEM;
	if (!key || r_jwk_init(&key->public_half) != RHN_OK)
		goto out;
	rc = -EINVAL;
	if (strlen(id) > JWT_ID_MAX || key_type_check(jwk, algorithm))
		goto out;
	memcpy(key->id, id, strlen(id));
	key->algorithm = algorithm;
	key->serial = ++last_serial;
	if (r_jwk_key_type(jwk, NULL, R_FLAG_IGNORE_REMOTE) & R_KEY_TYPE_PRIVATE) {
		key->private_half = jwk;
		jwk = NULL;
		if (r_jwk_extract_pubkey(key->private_half, key->public_half,
					 R_FLAG_IGNORE_REMOTE) != RHN_OK)
			goto out;
	} else {
		r_jwk_free(key->public_half);
		key->public_half = jwk;
		jwk = NULL;
	}
	proof = jwk_to_pem(key->public_half);
	if (!proof)
		goto out;
	*out = key;
	key = NULL;
	rc = 0;
out:
	free(proof);
	r_jwk_free(jwk);
	jwt_key_destroy(key);
	return rc;
}

int jwt_key_import(const char *id, enum jwt_algorithm algorithm, const char *text, size_t size,
		   struct jwt_key **out)
{
	if (size == 0 || size > KEY_TEXT_MAX || memchr(text, '\0', size))
		return -EINVAL;
	jwk_t *jwk;
	if (r_jwk_init(&jwk) != RHN_OK)
		return -ENOMEM;
	size_t blanks = 0;
	while (blanks < size && strchr(" \t\r\n", text[blanks]))
		blanks++;
	bool is_json = blanks < size && text[blanks] == '{';
	int rc =
		is_json ? jwk_from_json(text, size, algorithm, jwk) : jwk_from_pem(text, size, jwk);
	if (rc) {
		r_jwk_free(jwk);
		return rc;
	}
	return key_create(id, algorithm, jwk, out);
}

int jwt_key_generate(const char *id, enum jwt_algorithm algorithm, struct jwt_key **out)
{
	jwk_t *private_half = NULL, *public_half = NULL;
	int rc = -ENOMEM;
	if (r_jwk_init(&private_half) == RHN_OK && r_jwk_init(&public_half) == RHN_OK &&
	    r_jwk_generate_key_pair(private_half, public_half, algorithms[algorithm].generate_type,
				    algorithms[algorithm].generate_bits, NULL) == RHN_OK) {
		rc = key_create(id, algorithm, private_half, out);
		private_half = NULL;
	}
	r_jwk_free(private_half);
	r_jwk_free(public_half);
	return rc;
}

/* PKCS#8 (RFC 8410) of an Ed25519 private key: the library's own export of it has a label that no
 * program reads. */
static char *ed25519_to_pem(jwk_t *jwk)
{
	const char *text = r_jwk_get_property_str(jwk, "d");
	size_t size = text ? strlen(text) : 0;
	unsigned char secret[64];
	char *copy = NULL;
	if (!text || size > sizeof(secret) || jwt_base64url_decode(text, size, secret) != 32)
		return NULL;
	EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	if (pair && bio && PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL) == 1) {
		long n = BIO_get_mem_data(bio, &pem);
		copy = n > 0 ? strndup(pem, (size_t)n) : NULL;
	}
	BIO_free(bio);
	EVP_PKEY_free(pair);
	explicit_bzero(secret, sizeof(secret));
	return copy;
}

char *jwt_key_export(const struct jwt_key *key, bool private_half)
{
	if (!private_half || !key->private_half)
		return jwk_to_pem(key->public_half);
	if (key->algorithm == JWT_EDDSA)
		return ed25519_to_pem(key->private_half);
	return jwk_to_pem(key->private_half);
}

int jwt_peek(const char *token, size_t bytes_max, struct jwt_hint *hint)
{
	struct jwt_hint found = {0};
	struct jwt_claims claims = {0};
	size_t length;
	int rc = jwt_parse(token, bytes_max, NULL, &found, &claims, &length);
	if (rc)
		return rc;
	memcpy(found.tenant, claims.tenant, sizeof(found.tenant));
	*hint = found;
	return 0;
}

static int signature_check(const char *token, size_t length, const struct jwt_key *key)
{
	jws_t *jws;
	if (r_jws_init(&jws) != RHN_OK)
		return -ENOMEM;
	int rc = -EKEYREJECTED;
	if (r_jws_advanced_parsen(jws, token, length, R_PARSE_NONE, R_FLAG_IGNORE_REMOTE) ==
		    RHN_OK &&
	    r_jws_get_alg(jws) == algorithms[key->algorithm].algorithm &&
	    r_jws_verify_signature(jws, key->public_half, R_FLAG_IGNORE_REMOTE) == RHN_OK)
		rc = 0;
	r_jws_free(jws);
	return rc;
}

int jwt_read(const char *token, size_t bytes_max, const struct jwt_key *key,
	     const char *expected_audience, struct jwt_claims *claims)
{
	struct jwt_hint hint = {0};
	struct jwt_claims found = {0};
	size_t length;
	int rc = jwt_parse(token, bytes_max, expected_audience, &hint, &found, &length);
	if (rc)
		return rc;
	if (hint.algorithm != key->algorithm)
		return -EKEYREJECTED;
	rc = signature_check(token, length, key);
	if (rc)
		return rc;
	*claims = found;
	return 0;
}

char *jwt_sign(const struct jwt_key *key, const struct jwt_claims *claims)
{
	if (!key->private_half)
		return NULL;
	jws_t *jws = NULL;
	char *library_token = NULL, *token = NULL;
	char *text = jwt_claims_write(claims);
	if (!text || r_jws_init(&jws) != RHN_OK)
		goto out;
	if (r_jws_set_header_str_value(jws, "typ", "JWT") != RHN_OK ||
	    r_jws_set_alg(jws, algorithms[key->algorithm].algorithm) != RHN_OK ||
	    r_jws_set_payload(jws, (const unsigned char *)text, strlen(text)) != RHN_OK)
		goto out;
	if (key->id[0] && r_jws_set_header_str_value(jws, "kid", key->id) != RHN_OK)
		goto out;
	library_token = r_jws_serialize(jws, key->private_half, R_FLAG_IGNORE_REMOTE);
	if (library_token)
		token = strdup(library_token);
out:
	r_free(library_token);
	r_jws_free(jws);
	free(text);
	return token;
}
