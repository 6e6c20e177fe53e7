/* What libsrtp2 asks of a cipher: key once, then for each packet IV, additional data, payload in
 * place, tag. The key schedule stays in OpenSSL's context from packet to packet. */
#include "media/srtp_cipher.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>

#define GCM_SALT_BYTES 12
#define GCM_TAG_MAX    16
#define ICM_SALT_BYTES 14
#define BLOCK_BYTES    16

enum { GCM_128, GCM_256, ICM_128, ICM_256, KINDS };

struct state {
	EVP_CIPHER_CTX *context; /* owned */
	unsigned int kind;
	int tag_bytes;             /* GCM */
	bool is_encrypting;        /* GCM */
	uint8_t salt[BLOCK_BYTES]; /* ICM, with two zero bytes (RFC 3711 4.1.1) */
};

static EVP_CIPHER *ciphers[KINDS]; /* owned; set while installed */

static const struct {
	const char *name; /* OpenSSL's */
	int algorithm, key_bytes, salt_bytes;
} kinds[KINDS] = {
	[GCM_128] = {"AES-128-GCM", SRTP_AES_GCM_128, 16, GCM_SALT_BYTES},
	[GCM_256] = {"AES-256-GCM", SRTP_AES_GCM_256, 32, GCM_SALT_BYTES},
	[ICM_128] = {"AES-128-CTR", SRTP_AES_ICM_128, 16, ICM_SALT_BYTES},
	[ICM_256] = {"AES-256-CTR", SRTP_AES_ICM_256, 32, ICM_SALT_BYTES},
};

static const srtp_cipher_type_t types[KINDS];

static srtp_err_status_t cipher_alloc(unsigned int first, srtp_cipher_pointer_t *out, int key_bytes,
				      int tag_bytes)
{
	unsigned int kind = first;
	while (kind < first + 2 && kinds[kind].key_bytes + kinds[kind].salt_bytes != key_bytes)
		kind++;
	if (kind == first + 2 || tag_bytes > GCM_TAG_MAX)
		return srtp_err_status_bad_param;
	srtp_cipher_t *cipher = calloc(1, sizeof(*cipher));
	struct state *state = calloc(1, sizeof(*state));
	if (state)
		state->context = EVP_CIPHER_CTX_new();
	if (!cipher || !state || !state->context) {
		if (state)
			EVP_CIPHER_CTX_free(state->context);
		free(cipher);
		free(state);
		return srtp_err_status_alloc_fail;
	}
	state->kind = kind;
	state->tag_bytes = tag_bytes;
	*cipher = (srtp_cipher_t){.type = &types[kind],
				  .state = state,
				  .key_len = key_bytes,
				  .algorithm = kinds[kind].algorithm};
	*out = cipher;
	return srtp_err_status_ok;
}

static srtp_err_status_t gcm_alloc(srtp_cipher_pointer_t *out, int key_bytes, int tag_bytes)
{
	return cipher_alloc(GCM_128, out, key_bytes, tag_bytes);
}

static srtp_err_status_t icm_alloc(srtp_cipher_pointer_t *out, int key_bytes, int tag_bytes)
{
	return cipher_alloc(ICM_128, out, key_bytes, tag_bytes);
}

static srtp_err_status_t cipher_dealloc(srtp_cipher_pointer_t cipher)
{
	struct state *state = cipher->state;
	EVP_CIPHER_CTX_free(state->context);
	explicit_bzero(state, sizeof(*state));
	free(state);
	free(cipher);
	return srtp_err_status_ok;
}

static srtp_err_status_t status_of(bool done, srtp_err_status_t failure)
{
	return done ? srtp_err_status_ok : failure;
}

static srtp_err_status_t cipher_init(void *context, const uint8_t *key)
{
	struct state *state = context;
	memset(state->salt, 0, sizeof(state->salt));
	memcpy(state->salt, key + kinds[state->kind].key_bytes,
	       (size_t)kinds[state->kind].salt_bytes);
	return status_of(
		EVP_CipherInit_ex(state->context, ciphers[state->kind], NULL, key, NULL, 1) == 1,
		srtp_err_status_init_fail);
}

static srtp_err_status_t gcm_set_iv(void *context, uint8_t *iv, srtp_cipher_direction_t direction)
{
	struct state *state = context;
	state->is_encrypting = direction == srtp_direction_encrypt;
	return status_of(
		EVP_CipherInit_ex(state->context, NULL, NULL, NULL, iv, state->is_encrypting) == 1,
		srtp_err_status_init_fail);
}

static srtp_err_status_t gcm_set_aad(void *context, const uint8_t *aad, uint32_t size)
{
	const struct state *state = context;
	int n;
	return status_of(size == 0 ||
				 EVP_CipherUpdate(state->context, NULL, &n, aad, (int)size) == 1,
			 srtp_err_status_algo_fail);
}

static srtp_err_status_t gcm_encrypt(void *context, uint8_t *bytes, unsigned int *size)
{
	const struct state *state = context;
	int n;
	if (!state->is_encrypting)
		return srtp_err_status_bad_param;
	return status_of(
		*size == 0 || EVP_CipherUpdate(state->context, bytes, &n, bytes, (int)*size) == 1,
		srtp_err_status_cipher_fail);
}

static srtp_err_status_t gcm_get_tag(void *context, uint8_t *tag, uint32_t *size)
{
	const struct state *state = context;
	uint8_t nothing[BLOCK_BYTES];
	int n;
	*size = (uint32_t)state->tag_bytes;
	return status_of(EVP_CipherFinal_ex(state->context, nothing, &n) == 1 &&
				 EVP_CIPHER_CTX_ctrl(state->context, EVP_CTRL_AEAD_GET_TAG,
						     state->tag_bytes, tag) == 1,
			 srtp_err_status_algo_fail);
}

/* The tag stands behind the payload. */
static srtp_err_status_t gcm_decrypt(void *context, uint8_t *bytes, unsigned int *size)
{
	const struct state *state = context;
	uint8_t nothing[BLOCK_BYTES];
	int n, payload = (int)*size - state->tag_bytes;
	if (state->is_encrypting || payload < 0)
		return srtp_err_status_bad_param;
	if (EVP_CIPHER_CTX_ctrl(state->context, EVP_CTRL_AEAD_SET_TAG, state->tag_bytes,
				bytes + payload) != 1 ||
	    (payload > 0 && EVP_CipherUpdate(state->context, bytes, &n, bytes, payload) != 1) ||
	    EVP_CipherFinal_ex(state->context, nothing, &n) != 1)
		return srtp_err_status_auth_fail;
	*size = (unsigned int)payload;
	return srtp_err_status_ok;
}

static srtp_err_status_t icm_set_iv(void *context, uint8_t *iv, srtp_cipher_direction_t direction)
{
	const struct state *state = context;
	uint8_t counter[BLOCK_BYTES];
	(void)direction;
	for (unsigned int i = 0; i < BLOCK_BYTES; i++)
		counter[i] = state->salt[i] ^ iv[i];
	return status_of(EVP_CipherInit_ex(state->context, NULL, NULL, NULL, counter, 1) == 1,
			 srtp_err_status_init_fail);
}

static srtp_err_status_t icm_encrypt(void *context, uint8_t *bytes, unsigned int *size)
{
	const struct state *state = context;
	int n;
	return status_of(
		*size == 0 || EVP_CipherUpdate(state->context, bytes, &n, bytes, (int)*size) == 1,
		srtp_err_status_cipher_fail);
}

/* The Galois/Counter Mode of Operation, test cases 2 and 14: 16 zeros under a key and IV of zeros.
 */
static const uint8_t zeros[64];
static uint8_t zero_iv[BLOCK_BYTES];
static const uint8_t sealed_128[] = {
	0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2,
	0xb9, 0x71, 0xb2, 0xfe, 0x78, 0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec,
	0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf,
};
static const uint8_t sealed_256[] = {
	0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5,
	0xd3, 0xba, 0xf3, 0x9d, 0x18, 0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99,
	0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
};
/* RFC 3711 B.2, and what AES-256 makes of a block of zeros under a key of zeros (FIPS 197's cipher,
 * SP 800-38A's mode). */
static const uint8_t icm_key[30] = {
	0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
	0x3c, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
};
static const uint8_t stream_128[] = {
	0xe0, 0x3e, 0xad, 0x09, 0x35, 0xc9, 0x5e, 0x80, 0xe1, 0x66, 0xb1,
	0x6d, 0xd9, 0x2b, 0x4e, 0xb4, 0xd2, 0x35, 0x13, 0x16, 0x2b, 0x02,
	0xd0, 0xf7, 0x2a, 0x43, 0xa2, 0xfe, 0x4a, 0x5f, 0x97, 0xab,
};
static const uint8_t stream_256[] = {
	0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89,
	0xad, 0x48, 0xa2, 0x14, 0x92, 0x84, 0x20, 0x87,
};

static const srtp_cipher_test_case_t tests[KINDS] = {
	[GCM_128] = {28, zeros, zero_iv, 16, zeros, sizeof(sealed_128), sealed_128, 0, NULL, 16,
		     NULL},
	[GCM_256] = {44, zeros, zero_iv, 16, zeros, sizeof(sealed_256), sealed_256, 0, NULL, 16,
		     NULL},
	[ICM_128] = {30, icm_key, zero_iv, 32, zeros, sizeof(stream_128), stream_128, 0, NULL, 0,
		     NULL},
	[ICM_256] = {46, zeros, zero_iv, 16, zeros, sizeof(stream_256), stream_256, 0, NULL, 0,
		     NULL},
};

#define GCM(kind, id)                                                                              \
	{                                                                                          \
		gcm_alloc, cipher_dealloc, cipher_init, gcm_set_aad, gcm_encrypt, gcm_decrypt,     \
			gcm_set_iv, gcm_get_tag, "AES-GCM by OpenSSL", &tests[kind], id            \
	}
#define ICM(kind, id)                                                                              \
	{                                                                                          \
		icm_alloc, cipher_dealloc, cipher_init, NULL, icm_encrypt, icm_encrypt,            \
			icm_set_iv, NULL, "AES-CM by OpenSSL", &tests[kind], id                    \
	}
static const srtp_cipher_type_t types[KINDS] = {
	[GCM_128] = GCM(GCM_128, SRTP_AES_GCM_128),
	[GCM_256] = GCM(GCM_256, SRTP_AES_GCM_256),
	[ICM_128] = ICM(ICM_128, SRTP_AES_ICM_128),
	[ICM_256] = ICM(ICM_256, SRTP_AES_ICM_256),
};

int srtp_cipher_install(void)
{
	for (unsigned int i = 0; i < KINDS; i++) {
		ciphers[i] = EVP_CIPHER_fetch(NULL, kinds[i].name, NULL);
		if (!ciphers[i])
			return -EIO;
	}
	for (unsigned int i = 0; i < KINDS; i++)
		if (srtp_replace_cipher_type(&types[i], types[i].id) != srtp_err_status_ok)
			return -EIO;
	return 0;
}

void srtp_cipher_remove(void)
{
	for (unsigned int i = 0; i < KINDS; i++) {
		EVP_CIPHER_free(ciphers[i]);
		ciphers[i] = NULL;
	}
}
