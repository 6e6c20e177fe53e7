/* A sealed secret:
 *
 *     nonce (12 bytes, random) | ciphertext (as long as the secret) | tag (16 bytes)
 *
 * AES-256-GCM, the name as additional data. A random 96-bit nonce is good for 2^32 seals under one
 * key (NIST SP 800-38D section 8.3); operators make a handful. */
#include "conf/secret.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

#include "conf/key_file.h"
#include "conf/log.h"

#define KEY_BYTES   32
#define NONCE_BYTES 12
#define TAG_BYTES   16

struct secret_key {
	uint8_t bytes[KEY_BYTES];
};

static int random_fill(void *out, size_t size)
{
	return getrandom(out, size, 0) == (ssize_t)size ? 0 : -EIO;
}

/* -EEXIST: another process was faster. */
static int key_make(const char *path)
{
	uint8_t bytes[KEY_BYTES];
	int rc = random_fill(bytes, sizeof(bytes));
	if (rc == 0)
		rc = key_file_make(path, bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	if (rc == 0)
		log_info(LOG_STORE, "made a key for secrets; keep a copy of it", "\"path\":\"%s\"",
			 log_escape(path));
	return rc;
}

int secret_key_load(const char *path, bool make, struct secret_key **out)
{
	struct secret_key *key = calloc(1, sizeof(*key));
	bool is_private;
	if (!key)
		return -ENOMEM;
	int rc = key_file_read(path, key->bytes, KEY_BYTES, &is_private);
	if (rc == -ENOENT && make) {
		rc = key_make(path);
		if (rc == 0 || rc == -EEXIST)
			rc = key_file_read(path, key->bytes, KEY_BYTES, &is_private);
	}
	if (rc >= 0 && !is_private)
		rc = key_file_refuse(path);
	if (rc == KEY_BYTES) {
		*out = key;
		return 0;
	}
	if (rc == -ENOENT)
		log_error(LOG_STORE, "no key for secrets", "\"path\":\"%s\"", log_escape(path));
	if (rc >= 0)
		log_error(LOG_STORE, "key file is too short",
			  "\"path\":\"%s\",\"bytes\":%d,\"expected\":%d", log_escape(path), rc,
			  KEY_BYTES);
	secret_key_destroy(key);
	return rc < 0 ? rc : -EINVAL;
}

void secret_key_destroy(struct secret_key *key)
{
	if (!key)
		return;
	explicit_bzero(key, sizeof(*key));
	free(key);
}

/* A context for one seal or opening, with name and nonce told; NULL: no memory. */
static EVP_CIPHER_CTX *cipher_create(const struct secret_key *key, const char *name,
				     const uint8_t nonce[NONCE_BYTES], int is_sealing)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int n;
	if (cipher &&
	    EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce, is_sealing) ==
		    1 &&
	    EVP_CipherUpdate(cipher, NULL, &n, (const uint8_t *)name, (int)strlen(name)) == 1)
		return cipher;
	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

int secret_seal(const struct secret_key *key, const char *name, const void *text, size_t size,
		uint8_t **out, size_t *out_size)
{
	if (size > INT_MAX - NONCE_BYTES - TAG_BYTES || strlen(name) > INT_MAX)
		return -EMSGSIZE;
	size_t sealed_size = NONCE_BYTES + size + TAG_BYTES;
	uint8_t *sealed = malloc(sealed_size);
	if (!sealed)
		return -ENOMEM;
	if (random_fill(sealed, NONCE_BYTES)) {
		free(sealed);
		return -EIO;
	}
	EVP_CIPHER_CTX *cipher = cipher_create(key, name, sealed, 1);
	uint8_t *body = sealed + NONCE_BYTES;
	int n;
	bool is_good =
		cipher &&
		(size == 0 || EVP_EncryptUpdate(cipher, body, &n, text, (int)size) == 1) &&
		EVP_EncryptFinal_ex(cipher, body + size, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + size) == 1;
	EVP_CIPHER_CTX_free(cipher);
	if (!is_good) {
		free(sealed);
		return -ENOMEM;
	}
	*out = sealed;
	*out_size = sealed_size;
	return 0;
}

int secret_open(const struct secret_key *key, const char *name, const uint8_t *sealed, size_t size,
		uint8_t **out, size_t *out_size)
{
	if (size < NONCE_BYTES + TAG_BYTES || size > INT_MAX || strlen(name) > INT_MAX)
		return -EBADMSG;
	size_t text_size = size - NONCE_BYTES - TAG_BYTES;
	const uint8_t *body = sealed + NONCE_BYTES;
	uint8_t tag[TAG_BYTES];
	memcpy(tag, body + text_size, TAG_BYTES);
	uint8_t *text = malloc(text_size + 1);
	EVP_CIPHER_CTX *cipher = text ? cipher_create(key, name, sealed, 0) : NULL;
	int rc = cipher ? -EBADMSG : -ENOMEM;
	int n;
	if (cipher &&
	    (text_size == 0 || EVP_DecryptUpdate(cipher, text, &n, body, (int)text_size) == 1) &&
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	    EVP_DecryptFinal_ex(cipher, text + text_size, &n) == 1)
		rc = 0;
	EVP_CIPHER_CTX_free(cipher);
	if (rc) {
		if (text)
			explicit_bzero(text, text_size);
		free(text);
		return rc;
	}
	text[text_size] = '\0';
	*out = text;
	*out_size = text_size;
	return 0;
}
