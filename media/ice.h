/* ICE-lite (RFC 8445 2.5): answers connectivity checks. The only file that knows libnice's STUN
 * agent. Stateless towards the session: the caller finds the credentials by username and keeps the
 * pairs. Any registered thread, one `struct ice` per thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qos/address.h"

#define ICE_UFRAG_BYTES      16  /* ours: 12 characters and NUL, see ice_credentials_make */
#define ICE_PWD_BYTES        36  /* ours: 32 characters and NUL */
#define ICE_REMOTE_UFRAG_MAX 256 /* RFC 8839 5.4 */
#define ICE_REPLY_MAX        256

/* Our side's credentials of one session. */
struct ice_credentials {
	char ufrag[ICE_UFRAG_BYTES];
	char pwd[ICE_PWD_BYTES];
};

/* A fresh pair from the system's random source. The ufrag begins with `slot` (24 bits as 4
 * ice-chars), so that a check finds its session by index and not by search; the other 8 characters
 * and the password are random (48 and 192 bits; RFC 8445 5.3 asks for 24 and 128). */
void ice_credentials_make(struct ice_credentials *credentials, uint32_t slot);
/* The slot a local ufrag of ours names, or -1. */
int32_t ice_slot_of(const char *ufrag, size_t len);

struct ice; /* one thread's STUN agent */
/* -ENOMEM. */
int ice_create(struct ice **out);
void ice_destroy(struct ice *ice);

/* The local ufrag (the part of USERNAME before the colon) of a Binding request, found without
 * checking anything else. Returns its length, 1..ICE_REMOTE_UFRAG_MAX, and points *ufrag into
 * `bytes`, or -EBADMSG. Never reads past `size`. */
int ice_peek_ufrag(const uint8_t *bytes, size_t size, const char **ufrag);

/* Whether this is a Binding indication: a keepalive (RFC 8445 11) that nothing is to be done about,
 * sent by agents without consent checks (libnice). Never reads past `size`. */
bool ice_is_keepalive(const uint8_t *bytes, size_t size);

enum ice_verdict {
	ICE_CHECK_VALID,    /* authenticated Binding request; a success reply is ready */
	ICE_CHECK_REJECTED, /* an error reply is ready (400, 401, 420, 487) */
	ICE_CHECK_DROPPED,  /* not for us, or not to be answered */
};

struct ice_check {
	bool use_candidate;
	bool peer_controlling; /* false: the peer sent ICE-CONTROLLED; the reply is 487 (we are
				  lite, always controlled) */
	uint32_t priority;
	uint16_t error; /* of the reply when rejected */
	uint8_t reply[ICE_REPLY_MAX];
	size_t reply_bytes;
};

/* What a check of a session must carry. */
struct ice_expected {
	const struct ice_credentials *local; /* borrowed */
	const char *remote_ufrag;            /* borrowed; NULL: any */
};

/* Checks a Binding request from `remote`: FINGERPRINT, MESSAGE-INTEGRITY under the local password,
 * and USERNAME = "local:remote" as expected.
 * Dropped: anything that is no well-formed Binding request with a right FINGERPRINT. Rejected:
 * 400 USERNAME or MESSAGE-INTEGRITY missing (RFC 8489 9.1.3), or PRIORITY missing or 0 (RFC 8445
 * 7.1.1); 401 wrong username or password; 420 unknown attributes that must be understood; 487. A
 * reply carries MESSAGE-INTEGRITY when the request was authenticated. Nothing is remembered: a
 * retransmitted request is answered again. Nothing of ours is allocated. */
enum ice_verdict ice_on_check(struct ice *ice, const uint8_t *bytes, size_t size,
			      const struct ice_expected *expected, const struct address *remote,
			      struct ice_check *check);
