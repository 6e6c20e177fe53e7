/* One DTLS-SRTP association (RFC 5764, DTLS 1.2) over caller-supplied datagrams. dtls.c is the only
 * file that knows OpenSSL's SSL, which lives as long as the handshake; dtls_certificate.c,
 * dtls_fingerprint.c and dtls_record.c use its crypto. Runs on the handshake thread; never on a
 * worker. Time comes in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_FINGERPRINT_BYTES 32 /* SHA-256 */
#define DTLS_FINGERPRINT_TEXT  (DTLS_FINGERPRINT_BYTES * 3)

#define DTLS_MTU_MIN     256
#define DTLS_MTU_DEFAULT 1200
#define DTLS_MTU_MAX     2048

/* Retransmission starts quicker than RFC 6347's 1 s, as in browsers: ICE has just proven the path.
 * It doubles up to the largest, until the limit fails the association. */
#define DTLS_RETRANSMIT_FIRST_NS 100000000ull
#define DTLS_RETRANSMIT_MAX_NS   3200000000ull
#define DTLS_LIMIT_NS            15000000000ull

/* SRTP protection profiles, numbered as on the wire (RFC 5764 4.1.2, RFC 7714 14.2), in our order
 * of preference from the last to the first. */
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

enum dtls_hash {
	DTLS_HASH_SHA1,
	DTLS_HASH_SHA256,
	DTLS_HASH_SHA384,
	DTLS_HASH_SHA512,
	DTLS_HASHES
};

/* A peer's certificate fingerprint as SDP gives it (RFC 8122). SHA-1 is parsed but refused at
 * verification. */
struct dtls_fingerprint {
	enum dtls_hash hash;
	uint8_t bytes[64];
	uint8_t size;
};

/* "sha-256 AB:CD:..." ; -EINVAL. Pure. */
int dtls_fingerprint_parse(struct dtls_fingerprint *fingerprint, const char *text, size_t len);
/* The fingerprint of a certificate's DER bytes. Negative errno. Any thread. */
int dtls_fingerprint_of(struct dtls_fingerprint *fingerprint, enum dtls_hash hash,
			const uint8_t *der, size_t size);
/* Whether a certificate is the one `expected` stands for; never with SHA-1. Compares in constant
 * time. Any thread. */
bool dtls_fingerprint_matches(const struct dtls_fingerprint *expected, const uint8_t *der,
			      size_t size);

/* The node's identity: one self-signed P-256 certificate, made at start, shared by all sessions. */
struct dtls_identity;
/* -EIO when the crypto library fails. Control thread. */
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
	uint16_t mtu_bytes; /* largest datagram we send; DTLS_MTU_DEFAULT when 0 */
	/* One datagram to the peer. Called from within the verbs below. */
	void (*send)(void *context, const uint8_t *bytes, size_t size);
	void *context;
};

/* -EINVAL for an MTU out of range, -ENOMEM. */
int dtls_create(const struct dtls_config *config, uint64_t now_ns, struct dtls **out);
/* What an established association takes. During its handshake OpenSSL's SSL, 60 KB, comes on top.
 * Any thread. */
size_t dtls_bytes(void);
/* Sends close_notify if connected. Takes NULL. */
void dtls_destroy(struct dtls *dtls);

/* The path is there. Active: sends the first flight. Passive: sends nothing. DTLS_LIMIT_NS runs
 * from here (or from the first datagram, if that is earlier). */
void dtls_start(struct dtls *dtls, uint64_t now_ns);
/* A datagram from the peer. Returns the state after it. Records that are malformed, of a wrong
 * version or epoch or that do not authenticate are dropped and change nothing (RFC 6347 4.1.2.7).
 * Handshake messages that make no sense fail an association, except that a passive one, until it
 * has read a ClientHello, forgets them. Connected: the last flight is repeated when the peer
 * repeats its own, application data is ignored, a close_notify or fatal alert closes. */
enum dtls_state dtls_on_datagram(struct dtls *dtls, const uint8_t *bytes, size_t size,
				 uint64_t now_ns);
/* When dtls_on_timer wants to be called; UINT64_MAX = never. */
uint64_t dtls_timer_ns(const struct dtls *dtls);
/* Retransmits what is due. OpenSSL measures its waiting by the wall clock: `now_ns` must advance
 * at its pace; a wall clock set back delays a retransmission, never the limit. */
enum dtls_state dtls_on_timer(struct dtls *dtls, uint64_t now_ns);
enum dtls_state dtls_state(const struct dtls *dtls);
/* Why it failed, a constant: "fingerprint", "no certificate", "no SRTP profile", "timeout",
 * "alert" (the peer's), "handshake", "keys", "memory". NULL unless DTLS_FAILED. */
const char *dtls_failure(const struct dtls *dtls);
/* Once connected. -ENOTCONN before. */
int dtls_export_keys(struct dtls *dtls, struct srtp_keys *keys);
