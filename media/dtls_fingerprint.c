/* Certificate fingerprints (RFC 8122 5): the text of SDP's a=fingerprint, and whether a certificate
 * is the one it stands for. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "media/dtls.h"

static const struct {
	const char *name; /* as in SDP, and as OpenSSL fetches it */
	uint8_t bytes;
} hashes[DTLS_HASHES] = {
	[DTLS_HASH_SHA1] = {"sha-1", 20},
	[DTLS_HASH_SHA256] = {"sha-256", 32},
	[DTLS_HASH_SHA384] = {"sha-384", 48},
	[DTLS_HASH_SHA512] = {"sha-512", 64},
};

static int hash_by_name(const char *name, size_t len)
{
	for (int hash = 0; hash < DTLS_HASHES; hash++)
		if (strlen(hashes[hash].name) == len &&
		    strncasecmp(hashes[hash].name, name, len) == 0)
			return hash;
	return -1;
}

/* RFC 8122 asks for upper case; some peers write lower. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int dtls_fingerprint_parse(struct dtls_fingerprint *fingerprint, const char *text, size_t len)
{
	struct dtls_fingerprint parsed = {0};
	const char *space = memchr(text, ' ', len);
	int hash = space ? hash_by_name(text, (size_t)(space - text)) : -1;

	if (hash < 0)
		return -EINVAL;
	parsed.hash = (enum dtls_hash)hash;
	parsed.size = hashes[hash].bytes;

	const char *hex = space + 1;
	if ((size_t)(text + len - hex) != (size_t)parsed.size * 3 - 1)
		return -EINVAL;
	for (int i = 0; i < parsed.size; i++, hex += 3) {
		int high = hex_digit(hex[0]), low = hex_digit(hex[1]);
		if (high < 0 || low < 0 || (i + 1 < parsed.size && hex[2] != ':'))
			return -EINVAL;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*fingerprint = parsed;
	return 0;
}

int dtls_fingerprint_of(struct dtls_fingerprint *fingerprint, enum dtls_hash hash,
			const uint8_t *der, size_t size)
{
	struct dtls_fingerprint made = {.hash = hash, .size = hashes[hash].bytes};
	size_t digest_bytes = 0;

	if (!EVP_Q_digest(NULL, hashes[hash].name, NULL, der, size, made.bytes, &digest_bytes) ||
	    digest_bytes != made.size)
		return -EIO;
	*fingerprint = made;
	return 0;
}

bool dtls_fingerprint_matches(const struct dtls_fingerprint *expected, const uint8_t *der,
			      size_t size)
{
	struct dtls_fingerprint actual;

	if (expected->hash == DTLS_HASH_SHA1 || expected->hash >= DTLS_HASHES ||
	    expected->size != hashes[expected->hash].bytes ||
	    dtls_fingerprint_of(&actual, expected->hash, der, size) < 0)
		return false;
	return CRYPTO_memcmp(actual.bytes, expected->bytes, expected->size) == 0;
}
