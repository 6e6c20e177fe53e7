/* Signed tree heads, and the keys they are signed with. What is signed (Ed25519) is the netstrings
 *
 *     "nn5g.ledger_head.1" tenant size root signed_at_ms key_id
 *
 * with the root as hex. A key's id is the first 64 bits of SHA-256 over its 32 raw public bytes. */
#include "conf/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "conf/key_file.h"
#include "conf/ledger_text.h"
#include "conf/log.h"

#define PEM_BYTES_MAX     4096
#define ED25519_BYTES     32
#define SIGNED_BYTES_MAX  320
#define HEAD_FIELDS       6
#define PEM_PRIVATE_LABEL "-----BEGIN PRIVATE KEY-----"
#define PEM_PUBLIC_LABEL  "-----BEGIN PUBLIC KEY-----"

struct ledger_key {
	EVP_PKEY *pair;
	bool is_private;
	char id[LEDGER_KEY_ID_BYTES];
};

/* Asked for a passphrase, there is none: an encrypted key is refused, no terminal is read. */
static int passphrase_none(char *buffer, int size, int is_writing, void *context)
{
	(void)buffer, (void)size, (void)is_writing, (void)context;
	return -1;
}

static EVP_PKEY *pem_read(const char *pem, bool *is_private)
{
	const char *private_half = strstr(pem, PEM_PRIVATE_LABEL);
	const char *public_half = strstr(pem, PEM_PUBLIC_LABEL);
	*is_private = private_half && (!public_half || private_half < public_half);
	const char *begin = *is_private ? private_half : public_half;
	BIO *bio = begin ? BIO_new_mem_buf(begin, -1) : NULL;
	EVP_PKEY *pair = NULL;
	if (bio && *is_private)
		pair = PEM_read_bio_PrivateKey(bio, NULL, passphrase_none, NULL);
	else if (bio)
		pair = PEM_read_bio_PUBKEY(bio, NULL, passphrase_none, NULL);
	BIO_free(bio);
	return pair;
}

/* Takes over `pair`, also on failure. */
static int key_create(EVP_PKEY *pair, bool is_private, struct ledger_key **out)
{
	uint8_t raw[ED25519_BYTES], digest[SHA256_DIGEST_LENGTH];
	size_t n = sizeof(raw);
	struct ledger_key *key = NULL;
	int rc = -EINVAL;
	if (EVP_PKEY_get_id(pair) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_public_key(pair, raw, &n) != 1 || n != sizeof(raw))
		goto out;
	key = calloc(1, sizeof(*key));
	rc = -ENOMEM;
	if (!key)
		goto out;
	SHA256(raw, sizeof(raw), digest);
	ledger_hex(digest, (LEDGER_KEY_ID_BYTES - 1) / 2, key->id);
	key->pair = pair;
	key->is_private = is_private;
	*out = key;
	return 0;
out:
	EVP_PKEY_free(pair);
	return rc;
}

int ledger_key_parse(const char *pem, struct ledger_key **out)
{
	bool is_private;
	EVP_PKEY *pair = pem_read(pem, &is_private);
	return pair ? key_create(pair, is_private, out) : -EINVAL;
}

void ledger_key_destroy(struct ledger_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pair);
	free(key);
}

const char *ledger_key_id(const struct ledger_key *key)
{
	return key->id;
}

char *ledger_key_public(const struct ledger_key *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *copy = NULL;
	if (bio && PEM_write_bio_PUBKEY(bio, key->pair) == 1) {
		long n = BIO_get_mem_data(bio, &text);
		copy = n > 0 ? strndup(text, (size_t)n) : NULL;
	}
	BIO_free(bio);
	return copy;
}

/* -EEXIST: another process was faster. */
static int key_make(const char *path)
{
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	int rc = -ENOMEM;
	if (pair && bio && PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL) == 1) {
		long n = BIO_get_mem_data(bio, &text);
		rc = key_file_make(path, text, (size_t)n);
	}
	BIO_free(bio);
	EVP_PKEY_free(pair);
	if (rc == 0)
		log_info(LOG_STORE, "made a key for the ledger", "\"path\":\"%s\"",
			 log_escape(path));
	return rc;
}

int ledger_key_load(const char *path, bool make, struct ledger_key **out)
{
	char pem[PEM_BYTES_MAX + 1];
	bool is_private;
	struct ledger_key *key = NULL;
	int n = key_file_read(path, pem, PEM_BYTES_MAX, &is_private);
	if (n == -ENOENT && make) {
		n = key_make(path);
		if (n == 0 || n == -EEXIST)
			n = key_file_read(path, pem, PEM_BYTES_MAX, &is_private);
	}
	if (n == -ENOENT)
		log_error(LOG_STORE, "no key for the ledger", "\"path\":\"%s\"", log_escape(path));
	if (n < 0)
		return n;
	pem[n] = '\0';
	int rc = ledger_key_parse(pem, &key);
	explicit_bzero(pem, sizeof(pem));
	if (rc == -EINVAL)
		log_error(LOG_STORE, "found no Ed25519 key in PEM", "\"path\":\"%s\"",
			  log_escape(path));
	if (rc == 0 && key->is_private && !is_private) {
		ledger_key_destroy(key);
		return key_file_refuse(path);
	}
	if (rc == 0)
		*out = key;
	return rc;
}

static size_t signed_text(const struct ledger_head *head, char out[SIGNED_BYTES_MAX])
{
	struct ledger_text text = {.at = out};
	ledger_text_add(&text, "nn5g.ledger_head.1");
	ledger_text_add(&text, head->tenant);
	ledger_text_add_number(&text, (int64_t)head->size);
	ledger_text_add_hash(&text, &head->root);
	ledger_text_add_number(&text, head->signed_at_ms);
	ledger_text_add(&text, head->key_id);
	return (size_t)(text.at - out);
}

int ledger_head_sign(struct ledger_head *head, const struct ledger_key *key)
{
	char text[SIGNED_BYTES_MAX];
	if (!key->is_private)
		return -EINVAL;
	memcpy(head->key_id, key->id, sizeof(head->key_id));
	size_t size = signed_text(head, text), n = sizeof(head->signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_good =
		context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pair) == 1 &&
		EVP_DigestSign(context, head->signature, &n, (const uint8_t *)text, size) == 1;
	EVP_MD_CTX_free(context);
	return is_good ? 0 : -ENOMEM;
}

bool ledger_head_is_signed(const struct ledger_head *head, const struct ledger_key *key)
{
	char text[SIGNED_BYTES_MAX];
	if (strcmp(head->key_id, key->id) != 0)
		return false;
	size_t size = signed_text(head, text);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_good = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pair) == 1 &&
		       EVP_DigestVerify(context, head->signature, sizeof(head->signature),
					(const uint8_t *)text, size) == 1;
	EVP_MD_CTX_free(context);
	return is_good;
}

json_t *ledger_head_write(const struct ledger_head *head)
{
	char root[LEDGER_HEX_BYTES], signature[LEDGER_HEX_BYTES];
	ledger_hex(head->root.bytes, MERKLE_BYTES, root);
	ledger_hex(head->signature, LEDGER_SIGNATURE_BYTES, signature);
	return json_pack("{s:s, s:I, s:s, s:I, s:s, s:s}", "tenant", head->tenant, "size",
			 (json_int_t)head->size, "root", root, "signed_at_ms",
			 (json_int_t)head->signed_at_ms, "key_id", head->key_id, "signature",
			 signature);
}

static int text_read(const json_t *object, const char *name, char *out, size_t size)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);
	size_t n = json_string_length(value);
	if (!text || n == 0 || n >= size || strlen(text) != n)
		return -EINVAL;
	memcpy(out, text, n + 1);
	return 0;
}

static int number_read(const json_t *object, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(object, name);
	*out = json_integer_value(value);
	return json_is_integer(value) && *out >= 0 ? 0 : -EINVAL;
}

int ledger_head_read(const json_t *object, struct ledger_head *out, const char **why)
{
	struct ledger_head head = {.size = 0};
	int64_t size;
	*why = "tenant: expected a text of 1 to 63 bytes";
	if (text_read(object, "tenant", head.tenant, sizeof(head.tenant)))
		return -EINVAL;
	*why = "size: expected an integer that is not negative";
	if (number_read(object, "size", &size))
		return -EINVAL;
	head.size = (uint64_t)size;
	*why = "root: expected 64 hex digits";
	if (ledger_hash_read(json_object_get(object, "root"), &head.root))
		return -EINVAL;
	*why = "signed_at_ms: expected an integer that is not negative";
	if (number_read(object, "signed_at_ms", &head.signed_at_ms))
		return -EINVAL;
	*why = "key_id: expected 16 hex digits";
	if (text_read(object, "key_id", head.key_id, sizeof(head.key_id)) ||
	    strspn(head.key_id, "0123456789abcdef") != LEDGER_KEY_ID_BYTES - 1)
		return -EINVAL;
	*why = "signature: expected 128 hex digits";
	if (ledger_hex_read(json_object_get(object, "signature"), head.signature,
			    sizeof(head.signature)))
		return -EINVAL;
	*why = "expected no fields but those of a head";
	if (json_object_size(object) != HEAD_FIELDS)
		return -EINVAL;
	*out = head;
	return 0;
}
