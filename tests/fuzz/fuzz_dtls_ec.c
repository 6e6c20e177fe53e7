/* The public key of a certificate, as the library reads it: what OpenSSL reads on its own must come
 * out the same, and nothing must be read that it refuses. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "media/dtls_library.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key_read(const uint8_t *data, size_t size, OSSL_LIB_CTX *library, size_t *used)
{
	const unsigned char *at = data;
	EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, (long)size, library, NULL);
	*used = (size_t)(at - data);
	ERR_clear_error();
	return key;
}

struct text {
	unsigned char point[256];
	size_t point_bytes;
	char group[64];
};

/* The point at infinity and curves without a name have no such text. */
static void text_write(struct text *text, const EVP_PKEY *key)
{
	memset(text, 0, sizeof(*text));
	if (!EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, text->point,
					     sizeof(text->point), &text->point_bytes))
		text->point_bytes = 0;
	if (!EVP_PKEY_get_group_name(key, text->group, sizeof(text->group), NULL))
		text->group[0] = '\0';
}

static void compare(const EVP_PKEY *ours, const EVP_PKEY *theirs)
{
	struct text our_text, their_text;

	text_write(&our_text, ours);
	text_write(&their_text, theirs);
	if (our_text.point_bytes != their_text.point_bytes ||
	    memcmp(our_text.point, their_text.point, our_text.point_bytes) != 0 ||
	    strcmp(our_text.group, their_text.group) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dtls_library *library;
	size_t our_used, their_used;

	if (!library && !(library = dtls_library_create()))
		abort();
	EVP_PKEY *ours = key_read(data, size, dtls_library_context(library), &our_used);
	EVP_PKEY *theirs = key_read(data, size, NULL, &their_used);
	/* OpenSSL on its own reads more kinds of keys. */
	if (ours && (!theirs || our_used != their_used))
		abort();
	if (!ours && theirs && EVP_PKEY_is_a(theirs, "EC"))
		abort();
	if (ours && EVP_PKEY_is_a(ours, "EC"))
		compare(ours, theirs);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	ERR_clear_error();
	return 0;
}
