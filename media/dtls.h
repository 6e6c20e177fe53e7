/* One DTLS-SRTP association (RFC 5764, DTLS 1.2) over caller-supplied datagrams. The only file that knows OpenSSL's SSL. Runs on the
 * handshake thread; never on a worker. Time comes in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_FINGERPRINT_BYTES 32 /* SHA-256 */
#define DTLS_FINGERPRINT_TEXT  (DTLS_FINGERPRINT_BYTES * 3)

/* SRTP protection profiles, numbered as on the wire (RFC 5764 4.1.2, RFC 7714 14.2), in our order of preference. */
enum srtp_profile {
	SRTP_PROFILE_NONE = 0,
	SRTP_AES128_CM_SHA1_80 = 0x0001,
	SRTP_AEAD_AES_128_GCM = 0x0007,
	SRTP_AEAD_AES_256_GCM = 0x0008,
};

#define SRTP_MASTER_KEY_MAX (32 + 14) /* key and salt of the widest profile */

/* Keying material of an association; zero it when done (OPENSSL_cleanse). */
struct srtp_keys {
	enum srtp_profile profile;
	uint8_t send[SRTP_MASTER_KEY_MAX]; /* key || salt of what we send */
	uint8_t receive[SRTP_MASTER_KEY_MAX];
};

enum dtls_hash { DTLS_HASH_SHA1, DTLS_HASH_SHA256, DTLS_HASH_SHA384, DTLS_HASH_SHA512, DTLS_HASHES };

/* A peer's certificate fingerprint as SDP gives it (RFC 8122). SHA-1 is parsed but refused at verification. */
struct dtls_fingerprint {
	enum dtls_hash hash;
	uint8_t bytes[64];
	uint8_t size;
};

/* "sha-256 AB:CD:..." ; -EINVAL. */
int dtls_fingerprint_parse(struct dtls_fingerprint *fingerprint, const char *text, size_t len);

/* The node's identity: one self-signed P-256 certificate, made at start, shared by all sessions. */
struct dtls_identity;
int dtls_identity_create(struct dtls_identity **out);
void dtls_identity_destroy(struct dtls_identity *identity);
/* "AB:CD:..." of its SHA-256. Borrowed. */
const char *dtls_identity_fingerprint(const struct dtls_identity *identity);

enum dtls_state { DTLS_NEW, DTLS_HANDSHAKING, DTLS_CONNECTED, DTLS_CLOSED, DTLS_FAILED };

struct dtls;

struct dtls_config {
	const struct dtls_identity *identity; /* borrowed, outlives the association */
	bool active;                          /* we send the ClientHello */
	struct dtls_fingerprint peer;
	uint16_t mtu_bytes;                   /* largest datagram we send; 1200 when 0 */
	/* One datagram to the peer. Called from within the verbs below. */
	void (*send)(void *context, const uint8_t *bytes, size_t size);
	void *context;
};

int dtls_create(const struct dtls_config *config, uint64_t now_ns, struct dtls **out);
/* Sends close_notify if connected. Takes NULL. */
void dtls_destroy(struct dtls *dtls);

/* Active: sends the first flight. Passive: nothing. */
void dtls_start(struct dtls *dtls, uint64_t now_ns);
/* A datagram from the peer. Returns the state after it. Malformed input never fails the association, as RFC 6347 4.1.2.7 asks. */
enum dtls_state dtls_on_datagram(struct dtls *dtls, const uint8_t *bytes, size_t size,
				 uint64_t now_ns);
/* When dtls_on_timer wants to be called; UINT64_MAX = never. */
uint64_t dtls_timer_ns(const struct dtls *dtls);
enum dtls_state dtls_on_timer(struct dtls *dtls, uint64_t now_ns);
enum dtls_state dtls_state(const struct dtls *dtls);
/* Why it failed: a constant, such as "fingerprint", "no SRTP profile", "timeout", "alert". NULL unless DTLS_FAILED. */
const char *dtls_failure(const struct dtls *dtls);
/* Once connected. -ENOTCONN before. */
int dtls_export_keys(struct dtls *dtls, struct srtp_keys *keys);
