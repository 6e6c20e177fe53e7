/* An independent maker of keys and tokens, good and bad: OpenSSL alone, nothing of conf/jwt.c. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

/* Unpadded base64url, malloc'ed. */
static inline char *forge_base64url(const void *bytes, size_t size)
{
	char *text = malloc(size * 2 + 8);
	int n = EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
	while (n > 0 && text[n - 1] == '=')
		n--;
	text[n] = '\0';
	for (char *c = text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return text;
}

/* PEM of a key's public or private half (PKCS#8), malloc'ed. */
static inline char *forge_pem(EVP_PKEY *key, int is_private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	if (is_private)
		PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_PUBKEY(bio, key);
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	char *copy = strndup(text, (size_t)n);
	BIO_free(bio);
	return copy;
}

/* ES256 signatures are the two numbers side by side, not DER (RFC 7518, 3.4). */
static inline size_t forge_ecdsa_raw(unsigned char *signature, size_t size)
{
	const unsigned char *der = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
	unsigned char raw[64];
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
	ECDSA_SIG_free(pair);
	memcpy(signature, raw, sizeof(raw));
	return sizeof(raw);
}

static inline size_t forge_signature(EVP_PKEY *key, const char *input, unsigned char *out,
				     size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int id = EVP_PKEY_get_base_id(key);
	const EVP_MD *digest = id == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	if (EVP_DigestSignInit(context, NULL, digest, NULL, key) != 1 ||
	    EVP_DigestSign(context, out, &size, (const unsigned char *)input, strlen(input)) != 1)
		size = 0;
	EVP_MD_CTX_free(context);
	return id == EVP_PKEY_EC && size ? forge_ecdsa_raw(out, size) : size;
}

/* "header.claims.signature" with `key`; NULL key: an HMAC keyed with `secret` (RFC 7518, 3.2),
 * which is what the RS/HS confusion needs; neither: an empty signature. malloc'ed. */
static inline char *forge_token(const char *header, const char *claims, EVP_PKEY *key,
				const char *secret)
{
	char *head = forge_base64url(header, strlen(header));
	char *body = forge_base64url(claims, strlen(claims));
	size_t room = strlen(head) + strlen(body) + 2048;
	char *token = malloc(room);
	snprintf(token, room, "%s.%s", head, body);
	unsigned char signature[1024];
	size_t n = 0;
	unsigned int mac_bytes = 0;
	if (key) {
		n = forge_signature(key, token, signature, sizeof(signature));
	} else if (secret) {
		HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token,
		     strlen(token), signature, &mac_bytes);
		n = mac_bytes;
	}
	char *tail = forge_base64url(signature, n);
	strcat(token, ".");
	strcat(token, tail);
	free(head);
	free(body);
	free(tail);
	return token;
}
