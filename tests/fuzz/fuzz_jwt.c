/* Any bytes as a token, as the claims of a token that is well signed, or as a key. The first byte
 * chooses: c claims, k key, anything else a token. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jwt.h"

#define BYTES_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 8037, appendix A.1. */
static const char jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
			  "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
			  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static struct jwt_key *signer(void)
{
	static struct jwt_key *key;
	if (!key && jwt_key_import("k", JWT_EDDSA, jwk, sizeof(jwk) - 1, &key))
		abort();
	return key;
}

static void read_token(const char *token)
{
	struct jwt_hint hint;
	struct jwt_claims claims;
	int peeked = jwt_peek(token, BYTES_MAX, &hint);
	int rc = jwt_read(token, BYTES_MAX, signer(), "nn5g", &claims);
	if (peeked && rc == 0)
		abort();
	if (rc)
		return;
	/* What was read can be signed anew and reads the same. */
	struct jwt_claims again;
	char *fresh = jwt_sign(signer(), &claims);
	if (!fresh || jwt_read(fresh, BYTES_MAX, signer(), "nn5g", &again) ||
	    memcmp(&claims, &again, sizeof(claims)) != 0)
		abort();
	free(fresh);
}

/* Unpadded base64url of any bytes behind a good header, with a signature of the right length. */
static void read_claims(const uint8_t *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	static const char header[] = "eyJhbGciOiJFZERTQSJ9.";
	char *token = malloc(sizeof(header) + size * 2 + 100);
	char *end = stpcpy(token, header);
	uint32_t bits = 0;
	unsigned int n_bits = 0;
	for (size_t i = 0; i < size; i++) {
		bits = (bits << 8 | data[i]) & 0xffff;
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*end++ = digits[bits >> (n_bits - 6) & 63];
	}
	if (n_bits)
		*end++ = digits[bits << (6 - n_bits) & 63];
	*end++ = '.';
	memset(end, 'A', 86);
	end[86] = '\0';
	read_token(token);
	free(token);
}

static void read_key(const uint8_t *data, size_t size)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		struct jwt_key *key;
		if (jwt_key_import("k", (enum jwt_algorithm)i, (const char *)data, size, &key))
			continue;
		char *pem = jwt_key_export(key, false);
		if (!pem)
			abort();
		free(pem);
		jwt_key_destroy(key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'c') {
		read_claims(data + 1, size - 1);
		return 0;
	}
	if (size > 0 && data[0] == 'k') {
		read_key(data + 1, size - 1);
		return 0;
	}
	char *token = malloc(size + 1);
	if (size)
		memcpy(token, data, size);
	token[size] = '\0';
	read_token(token);
	free(token);
	return 0;
}
