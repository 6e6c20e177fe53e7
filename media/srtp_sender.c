/* What a sender is made of: session keys derived from the master key (RFC 3711 4.3, RFC 7714 12),
 * and the device's sessions that hold them expanded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "media/srtp_sender.h"

#define LABEL_OFFSET 7 /* of the label in the key derivation's input */

enum { LABEL_CIPHER, LABEL_AUTH, LABEL_SALT, LABELS_PER_PROTOCOL };

static const struct profile {
	enum srtp_profile profile;
	uint8_t key_bytes, salt_bytes, tag_bytes;
} profiles[] = {
	{SRTP_AES128_CM_SHA1_80, 16, 14, 10},
	{SRTP_AEAD_AES_128_GCM, 16, 12, 16},
	{SRTP_AEAD_AES_256_GCM, 32, 12, 16},
};

/* AES in counter mode over zeros, from the salt with a label in it (RFC 3711 4.3.3). */
static int derive(const struct profile *profile, const uint8_t *master, uint8_t label, uint8_t *out,
		  size_t bytes)
{
	static const uint8_t zeros[SRTP_KEY_BYTES_MAX];
	uint8_t counter[16] = {0};
	int n = 0;
	memcpy(counter, master + profile->key_bytes, profile->salt_bytes);
	counter[LABEL_OFFSET] ^= label;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (!context)
		return -ENOMEM;
	const EVP_CIPHER *cipher = profile->key_bytes == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
	bool done = EVP_EncryptInit_ex(context, cipher, NULL, master, counter) == 1 &&
		    EVP_EncryptUpdate(context, out, &n, zeros, (int)bytes) == 1;
	EVP_CIPHER_CTX_free(context);
	return done ? 0 : -EIO;
}

static int derive_keys(struct srtp_sender *sender, const struct profile *profile,
		       const uint8_t *master, enum srtp_protocol protocol)
{
	struct srtp_session_keys *keys = &sender->keys[protocol];
	uint8_t first = protocol == PROTOCOL_RTCP ? LABELS_PER_PROTOCOL : 0;
	int rc = derive(profile, master, (uint8_t)(first + LABEL_CIPHER), keys->cipher,
			profile->key_bytes);
	if (rc == 0 && sender->suite == SUITE_CM)
		rc = derive(profile, master, (uint8_t)(first + LABEL_AUTH), keys->auth,
			    sizeof(keys->auth));
	return rc ? rc
		  : derive(profile, master, (uint8_t)(first + LABEL_SALT), sender->salts[protocol],
			   profile->salt_bytes);
}

static void *gcm_session(const struct srtp_sender *sender, const struct srtp_session_keys *keys,
			 uint16_t aad_bytes)
{
	const struct srtp_device *device = &sender->devices->of[SUITE_GCM];
	struct rte_crypto_sym_xform aead = {
		.type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.aead = {.op = RTE_CRYPTO_AEAD_OP_ENCRYPT,
			 .algo = RTE_CRYPTO_AEAD_AES_GCM,
			 .key = {.data = keys->cipher, .length = sender->key_bytes},
			 .iv = {.offset = SRTP_IV_OFFSET, .length = 12},
			 .digest_length = sender->tag_bytes,
			 .aad_length = aad_bytes},
	};
	return rte_cryptodev_sym_session_create(device->id, &aead, device->sessions);
}

static void *cm_session(const struct srtp_sender *sender, const struct srtp_session_keys *keys)
{
	const struct srtp_device *device = &sender->devices->of[SUITE_CM];
	struct rte_crypto_sym_xform auth = {
		.type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.auth = {.op = RTE_CRYPTO_AUTH_OP_GENERATE,
			 .algo = RTE_CRYPTO_AUTH_SHA1_HMAC,
			 .key = {.data = keys->auth, .length = sizeof(keys->auth)},
			 .digest_length = sender->tag_bytes},
	};
	struct rte_crypto_sym_xform cipher = {
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.next = &auth,
		.cipher = {.op = RTE_CRYPTO_CIPHER_OP_ENCRYPT,
			   .algo = RTE_CRYPTO_CIPHER_AES_CTR,
			   .key = {.data = keys->cipher, .length = sender->key_bytes},
			   .iv = {.offset = SRTP_IV_OFFSET, .length = SRTP_IV_BYTES}},
	};
	return rte_cryptodev_sym_session_create(device->id, &cipher, device->sessions);
}

void *srtp_sender_rtp_session(struct srtp_sender *sender, unsigned int header_bytes)
{
	uint16_t aad_bytes = sender->suite == SUITE_GCM ? (uint16_t)header_bytes : 0;
	unsigned int place = SRTP_SESSIONS_MAX;
	for (unsigned int i = 0; i < SRTP_SESSIONS_MAX; i++) {
		if (!sender->rtp_sessions[i].session)
			place = i;
		else if (sender->rtp_sessions[i].aad_bytes == aad_bytes)
			return sender->rtp_sessions[i].session;
	}
	if (place == SRTP_SESSIONS_MAX)
		return NULL;
	const struct srtp_session_keys *keys = &sender->keys[PROTOCOL_RTP];
	void *session = sender->suite == SUITE_GCM ? gcm_session(sender, keys, aad_bytes)
						   : cm_session(sender, keys);
	sender->rtp_sessions[place].session = session;
	sender->rtp_sessions[place].aad_bytes = aad_bytes;
	return session;
}

bool srtp_sender_drop_session(struct srtp_sender *sender)
{
	for (unsigned int i = 0; i < SRTP_SESSIONS_MAX; i++) {
		void **place = &sender->rtp_sessions[sender->next_dropped].session;
		sender->next_dropped = (uint8_t)((sender->next_dropped + 1) % SRTP_SESSIONS_MAX);
		if (!*place)
			continue;
		rte_cryptodev_sym_session_free(sender->devices->of[sender->suite].id, *place);
		*place = NULL;
		sender->last_session = NULL;
		return true;
	}
	return false;
}

static int use_device(struct srtp_sender *sender, const struct profile *profile,
		      const uint8_t *master)
{
	int rc = derive_keys(sender, profile, master, PROTOCOL_RTP);
	if (rc == 0)
		rc = derive_keys(sender, profile, master, PROTOCOL_RTCP);
	if (rc)
		return rc;
	sender->rtcp_session =
		sender->suite == SUITE_GCM
			? gcm_session(sender, &sender->keys[PROTOCOL_RTCP], SRTCP_AAD_BYTES)
			: cm_session(sender, &sender->keys[PROTOCOL_RTCP]);
	return sender->rtcp_session ? 0 : -ENOMEM;
}

/* A place on the device, which has sessions for so many. */
static bool take_place(struct srtp_device *device)
{
	if (!device->is_started)
		return false;
	if (atomic_fetch_add(&device->n_senders, 1) < device->senders_max)
		return true;
	atomic_fetch_sub(&device->n_senders, 1);
	return false;
}

size_t srtp_sender_bytes(unsigned int sources_max)
{
	return sizeof(struct srtp_sender) + sources_max * sizeof(struct sender_source);
}

int srtp_sender_create(struct srtp_devices *devices, const struct srtp_keys *keys,
		       unsigned int sources_max, struct srtp_sender **out)
{
	size_t i = 0, n = sizeof(profiles) / sizeof(*profiles);
	while (i < n && profiles[i].profile != keys->profile)
		i++;
	if (i == n || sources_max > SRTP_SENDER_SOURCES_MAX)
		return -EINVAL;
	size_t bytes = RTE_ALIGN(srtp_sender_bytes(sources_max), 64);
	struct srtp_sender *sender = aligned_alloc(64, bytes);
	if (!sender)
		return -ENOMEM;
	memset(sender, 0, bytes);
	sender->sources_max = (uint8_t)sources_max;
	sender->devices = devices;
	sender->suite = (uint8_t)srtp_suite_of(profiles[i].profile);
	sender->key_bytes = profiles[i].key_bytes;
	sender->tag_bytes = profiles[i].tag_bytes;
	sender->has_place = take_place(&devices->of[sender->suite]);
	int rc = sender->has_place ? use_device(sender, &profiles[i], keys->send)
				   : nn_srtp_create(keys, false, &sender->library);
	if (rc) {
		srtp_sender_destroy(sender);
		return rc;
	}
	*out = sender;
	return 0;
}

void srtp_sender_destroy(struct srtp_sender *sender)
{
	if (!sender)
		return;
	struct srtp_device *device = &sender->devices->of[sender->suite];
	nn_srtp_destroy(sender->library);
	while (srtp_sender_drop_session(sender))
		continue;
	if (sender->rtcp_session)
		rte_cryptodev_sym_session_free(device->id, sender->rtcp_session);
	/* Now that its sessions are there for who takes the place. */
	if (sender->has_place)
		atomic_fetch_sub(&device->n_senders, 1);
	explicit_bzero(sender->keys, sizeof(sender->keys));
	explicit_bzero(sender->salts, sizeof(sender->salts));
	free(sender);
}

unsigned int srtp_sender_trailer_bytes(const struct srtp_sender *sender, bool is_rtcp)
{
	return sender->tag_bytes + (is_rtcp ? SRTCP_INDEX_BYTES : 0u);
}
