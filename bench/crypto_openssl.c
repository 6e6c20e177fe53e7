/* One context per sender, keyed once; each packet sets the IV. Session keys are taken from the
 * master key as they are: deriving them would change nothing of the cost. */
#include "bench/crypto_openssl.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#define TAG_GCM_BYTES 16
#define TAG_CM_BYTES  10

struct evp_sender {
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac; /* NULL: AEAD */
	uint8_t salt[14];
};

static EVP_MAC_CTX *mac_create(const uint8_t *key)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA1", 0),
		OSSL_PARAM_construct_end(),
	};
	if (context && EVP_MAC_init(context, key, 20, params) == 1)
		return context;
	EVP_MAC_CTX_free(context);
	return NULL;
}

struct evp_sender *evp_sender_create(const struct srtp_keys *keys)
{
	struct evp_sender *sender = calloc(1, sizeof(*sender));
	if (!sender)
		return NULL;
	bool is_gcm = keys->profile != SRTP_AES128_CM_SHA1_80;
	const EVP_CIPHER *cipher = keys->profile == SRTP_AEAD_AES_256_GCM ? EVP_aes_256_gcm()
				   : is_gcm                               ? EVP_aes_128_gcm()
									  : EVP_aes_128_ctr();
	memcpy(sender->salt, keys->send + 32, sizeof(sender->salt));
	sender->cipher = EVP_CIPHER_CTX_new();
	if (!is_gcm)
		sender->mac = mac_create(keys->send);
	if (!sender->cipher || (!is_gcm && !sender->mac) ||
	    EVP_EncryptInit_ex(sender->cipher, cipher, NULL, keys->send, NULL) != 1) {
		evp_sender_destroy(sender);
		return NULL;
	}
	return sender;
}

void evp_sender_destroy(struct evp_sender *sender)
{
	if (!sender)
		return;
	EVP_CIPHER_CTX_free(sender->cipher);
	EVP_MAC_CTX_free(sender->mac);
	free(sender);
}

/* SSRC and sequence number as in RFC 7714 8.1 or RFC 3711 4.1.1. */
static void iv_write(const struct evp_sender *sender, uint8_t iv[16], const uint8_t *header,
		     uint32_t rollover)
{
	unsigned int at = sender->mac ? 4 : 2;
	memset(iv, 0, 16);
	memcpy(iv + at, header + 8, 4);
	memcpy(iv + at + 4, &rollover, 4);
	memcpy(iv + at + 8, header + 2, 2);
	for (unsigned int i = 0; i < (sender->mac ? 14u : 12u); i++)
		iv[i] ^= sender->salt[i];
}

unsigned int evp_protect(struct evp_sender *sender, uint8_t *packet, unsigned int header_bytes,
			 const uint8_t *payload, unsigned int payload_bytes, uint32_t rollover)
{
	uint8_t iv[16], digest[20];
	uint8_t *out = packet + header_bytes, *tag = out + payload_bytes;
	size_t digest_bytes;
	int n;
	iv_write(sender, iv, packet, rollover);
	EVP_EncryptInit_ex(sender->cipher, NULL, NULL, NULL, iv);
	if (!sender->mac) {
		EVP_EncryptUpdate(sender->cipher, NULL, &n, packet, (int)header_bytes);
		EVP_EncryptUpdate(sender->cipher, out, &n, payload, (int)payload_bytes);
		EVP_EncryptFinal_ex(sender->cipher, tag, &n);
		EVP_CIPHER_CTX_ctrl(sender->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_GCM_BYTES, tag);
		return header_bytes + payload_bytes + TAG_GCM_BYTES;
	}
	EVP_EncryptUpdate(sender->cipher, out, &n, payload, (int)payload_bytes);
	EVP_MAC_init(sender->mac, NULL, 0, NULL);
	EVP_MAC_update(sender->mac, packet, header_bytes + payload_bytes);
	EVP_MAC_update(sender->mac, (const uint8_t *)&rollover, sizeof(rollover));
	EVP_MAC_final(sender->mac, digest, &digest_bytes, sizeof(digest));
	memcpy(tag, digest, TAG_CM_BYTES);
	return header_bytes + payload_bytes + TAG_CM_BYTES;
}
