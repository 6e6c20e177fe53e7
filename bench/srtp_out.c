/* One cipher context for each of RTP and RTCP, keyed once; a packet sets the IV. */
#include "bench/srtp_out.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>

#define SSRCS        4
#define SALT_MAX     14
#define GCM_SALT     12
#define GCM_TAG      16
#define CM_TAG       10
#define AUTH_KEY     20
#define RTCP_HEADER  8
#define RTCP_TRAILER 4 /* E bit and index */
#define E_BIT        0x80000000u

enum label { LABEL_ENCRYPTION, LABEL_AUTHENTICATION, LABEL_SALT, LABELS }; /* RTCP: + LABELS */

struct half { /* of RTP or of RTCP */
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac; /* NULL: AEAD */
	uint8_t salt[SALT_MAX];
};

struct rollover {
	uint32_t ssrc, count;
	uint16_t sequence;
	bool is_used;
};

struct srtp_out {
	bool is_gcm;
	struct half rtp, rtcp;
	struct rollover sources[SSRCS];
	uint32_t rtcp_index;
};

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void xor32(uint8_t *at, uint32_t value)
{
	put32(at, get32(at) ^ value);
}

/* RFC 3711 4.3.1, key derivation rate 0; a salt of 96 bits is filled up to the right. */
static bool derive(const EVP_CIPHER *prf, const uint8_t *key, const uint8_t *salt, uint8_t label,
		   uint8_t out[32])
{
	static const uint8_t zeros[32];
	uint8_t iv[16] = {0};
	int n;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	memcpy(iv, salt, SALT_MAX);
	iv[7] ^= label;
	bool is_done = context && EVP_EncryptInit_ex(context, prf, NULL, key, iv) == 1 &&
		       EVP_EncryptUpdate(context, out, &n, zeros, sizeof(zeros)) == 1;
	EVP_CIPHER_CTX_free(context);
	return is_done;
}

static EVP_MAC_CTX *create_mac(const uint8_t *key)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA1", 0),
		OSSL_PARAM_construct_end(),
	};
	if (context && EVP_MAC_init(context, key, AUTH_KEY, params) == 1)
		return context;
	EVP_MAC_CTX_free(context);
	return NULL;
}

struct profile {
	unsigned long id;
	size_t key_bytes, salt_bytes;
	const EVP_CIPHER *(*cipher)(void), *(*prf)(void);
};

static bool create_half(const struct profile *profile, const uint8_t *master, uint8_t first_label,
			struct half *half)
{
	uint8_t salt[SALT_MAX] = {0}, keys[LABELS][32];
	bool is_gcm = profile->salt_bytes == GCM_SALT;
	memcpy(salt, master + profile->key_bytes, profile->salt_bytes);
	for (uint8_t i = 0; i < LABELS; i++) {
		if (!derive(profile->prf(), master, salt, (uint8_t)(first_label + i), keys[i]))
			return false;
	}
	memcpy(half->salt, keys[LABEL_SALT], profile->salt_bytes);
	half->cipher = EVP_CIPHER_CTX_new();
	if (!is_gcm)
		half->mac = create_mac(keys[LABEL_AUTHENTICATION]);
	return half->cipher && (is_gcm || half->mac) &&
	       EVP_EncryptInit_ex(half->cipher, profile->cipher(), NULL, keys[LABEL_ENCRYPTION],
				  NULL) == 1;
}

static void destroy_half(struct half *half)
{
	EVP_CIPHER_CTX_free(half->cipher);
	EVP_MAC_CTX_free(half->mac);
}

struct srtp_out *srtp_out_create(unsigned long id, const uint8_t *master)
{
	static const struct profile profiles[] = {
		{SRTP_AEAD_AES_256_GCM, 32, GCM_SALT, EVP_aes_256_gcm, EVP_aes_256_ctr},
		{SRTP_AEAD_AES_128_GCM, 16, GCM_SALT, EVP_aes_128_gcm, EVP_aes_128_ctr},
		{SRTP_AES128_CM_SHA1_80, 16, SALT_MAX, EVP_aes_128_ctr, EVP_aes_128_ctr},
	};
	const struct profile *profile = NULL;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (profiles[i].id == id)
			profile = &profiles[i];
	}
	struct srtp_out *out = profile ? calloc(1, sizeof(*out)) : NULL;
	if (!out)
		return NULL;
	out->is_gcm = profile->salt_bytes == GCM_SALT;
	if (create_half(profile, master, 0, &out->rtp) &&
	    create_half(profile, master, LABELS, &out->rtcp))
		return out;
	srtp_out_destroy(out);
	return NULL;
}

void srtp_out_destroy(struct srtp_out *out)
{
	if (!out)
		return;
	destroy_half(&out->rtp);
	destroy_half(&out->rtcp);
	free(out);
}

/* How often the sequence number of the source has wrapped; NULL: too many sources. */
static const struct rollover *count_rollover(struct srtp_out *out, uint32_t ssrc, uint16_t sequence)
{
	struct rollover *source = out->sources;
	while (source < out->sources + SSRCS && source->is_used && source->ssrc != ssrc)
		source++;
	if (source == out->sources + SSRCS)
		return NULL;
	if (source->is_used && sequence < source->sequence)
		source->count++;
	source->is_used = true;
	source->ssrc = ssrc;
	source->sequence = sequence;
	return source;
}

/* Fixed header, CSRCs and the extension; 0: there is no payload behind. */
static size_t header_of(const uint8_t *bytes, size_t size)
{
	size_t header = 12;
	if (size < header)
		return 0;
	header += 4 * (size_t)(bytes[0] & 15);
	if (bytes[0] & 0x10) {
		if (size < header + 4)
			return 0;
		header += 4 + 4 * (size_t)get16(bytes + header + 2);
	}
	return header < size ? header : 0;
}

/* Both transforms begin with SSRC and packet index, 32 and 48 bits, mixed into the salt. */
static void write_iv(const struct srtp_out *out, const struct half *half, uint32_t ssrc,
		     uint64_t index, uint8_t iv[16])
{
	unsigned int at = out->is_gcm ? 2 : 4;
	memset(iv, 0, 16);
	memcpy(iv, half->salt, out->is_gcm ? GCM_SALT : SALT_MAX);
	xor32(iv + at, ssrc);
	xor32(iv + at + 4, (uint32_t)(index >> 16));
	iv[at + 8] ^= (uint8_t)(index >> 8);
	iv[at + 9] ^= (uint8_t)index;
}

/* Encrypts `size` bytes at `at`; the tag goes behind them. */
static bool seal_gcm(const struct half *half, const uint8_t *aad, size_t aad_bytes, uint8_t *at,
		     size_t size)
{
	int n;
	return EVP_EncryptUpdate(half->cipher, NULL, &n, aad, (int)aad_bytes) == 1 &&
	       EVP_EncryptUpdate(half->cipher, at, &n, at, (int)size) == 1 &&
	       EVP_EncryptFinal_ex(half->cipher, at + size, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, at + size) == 1;
}

/* The tag of `size` bytes and what follows them without being sent, behind them. */
static bool sign_cm(const struct half *half, uint8_t *bytes, size_t size, const uint8_t *more,
		    size_t more_bytes)
{
	uint8_t digest[AUTH_KEY];
	size_t n;
	if (EVP_MAC_init(half->mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(half->mac, bytes, size) != 1 ||
	    EVP_MAC_update(half->mac, more, more_bytes) != 1 ||
	    EVP_MAC_final(half->mac, digest, &n, sizeof(digest)) != 1)
		return false;
	memcpy(bytes + size, digest, CM_TAG);
	return true;
}

bool srtp_out_rtp(struct srtp_out *out, uint8_t *bytes, size_t *size)
{
	const struct half *half = &out->rtp;
	uint8_t iv[16], rollover[4];
	int n;
	size_t header = header_of(bytes, *size);
	uint32_t ssrc = header ? get32(bytes + 8) : 0;
	const struct rollover *source = header ? count_rollover(out, ssrc, get16(bytes + 2)) : NULL;
	if (!source)
		return false;
	write_iv(out, half, ssrc, (uint64_t)source->count << 16 | source->sequence, iv);
	put32(rollover, source->count);
	if (EVP_EncryptInit_ex(half->cipher, NULL, NULL, NULL, iv) != 1)
		return false;
	size_t payload = *size - header;
	bool is_done = out->is_gcm
			       ? seal_gcm(half, bytes, header, bytes + header, payload)
			       : EVP_EncryptUpdate(half->cipher, bytes + header, &n, bytes + header,
						   (int)payload) == 1 &&
					 sign_cm(half, bytes, *size, rollover, sizeof(rollover));
	*size += out->is_gcm ? GCM_TAG : CM_TAG;
	return is_done;
}

/* RFC 7714 9.2: header and trailer are authenticated, the trailer goes behind the tag. */
static bool seal_rtcp_gcm(const struct half *half, uint8_t *bytes, size_t *size, uint32_t index)
{
	uint8_t aad[RTCP_HEADER + RTCP_TRAILER];
	memcpy(aad, bytes, RTCP_HEADER);
	put32(aad + RTCP_HEADER, E_BIT | index);
	if (!seal_gcm(half, aad, sizeof(aad), bytes + RTCP_HEADER, *size - RTCP_HEADER))
		return false;
	put32(bytes + *size + GCM_TAG, E_BIT | index);
	*size += GCM_TAG + RTCP_TRAILER;
	return true;
}

/* RFC 3711 3.4: the trailer goes before the tag. */
static bool seal_rtcp_cm(const struct half *half, uint8_t *bytes, size_t *size, uint32_t index)
{
	int n;
	uint8_t *at = bytes + RTCP_HEADER;
	if (EVP_EncryptUpdate(half->cipher, at, &n, at, (int)(*size - RTCP_HEADER)) != 1)
		return false;
	put32(bytes + *size, E_BIT | index);
	if (!sign_cm(half, bytes, *size + RTCP_TRAILER, NULL, 0))
		return false;
	*size += RTCP_TRAILER + CM_TAG;
	return true;
}

bool srtp_out_rtcp(struct srtp_out *out, uint8_t *bytes, size_t *size)
{
	const struct half *half = &out->rtcp;
	uint8_t iv[16];
	if (*size < RTCP_HEADER)
		return false;
	uint32_t index = ++out->rtcp_index;
	write_iv(out, half, get32(bytes + 4), index, iv);
	if (EVP_EncryptInit_ex(half->cipher, NULL, NULL, NULL, iv) != 1)
		return false;
	return out->is_gcm ? seal_rtcp_gcm(half, bytes, size, index)
			   : seal_rtcp_cm(half, bytes, size, index);
}
