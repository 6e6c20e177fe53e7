/* The insides of burst protection. Private to srtp_device.c (devices and queues), srtp_sender.c
 * (keys and sessions) and srtp_sender_dp.c (the packets). */
#pragma once

#include <stdatomic.h>

#include <rte_crypto.h>
#include <rte_cryptodev.h>

#include "media/srtp.h"
#include "media/srtp_burst.h"

#define SRTP_WINDOW_PACKETS 1024
#define SRTP_SESSIONS_MAX                                                                          \
	4 /* of a sender, for RTP: voice has one length of headers, video two or                   \
	   three */
#define SRTP_KEY_BYTES_MAX  32
#define SRTP_AUTH_KEY_BYTES 20
#define SRTP_SALT_BYTES     14
#define SRTCP_INDEX_BYTES   4
#define SRTCP_INDEX_MAX     0x7fffffffu
#define SRTCP_HEADER_BYTES  8
#define SRTCP_AAD_BYTES     (SRTCP_HEADER_BYTES + SRTCP_INDEX_BYTES)
#define SRTP_IV_OFFSET      (sizeof(struct rte_crypto_op) + sizeof(struct rte_crypto_sym_op))
#define SRTP_IV_BYTES       16

enum srtp_suite { SUITE_GCM, SUITE_CM, SRTP_SUITES };
enum srtp_protocol { PROTOCOL_RTP, PROTOCOL_RTCP, SRTP_PROTOCOLS };

static inline enum srtp_suite srtp_suite_of(enum srtp_profile profile)
{
	return profile == SRTP_AES128_CM_SHA1_80 ? SUITE_CM : SUITE_GCM;
}

struct srtp_device {
	uint8_t id;
	bool is_started; /* else libsrtp2 does its suite */
	bool is_plugged; /* by us */
	unsigned int session_bytes;
	unsigned int senders_max;     /* there are sessions for; libsrtp2 serves the others */
	atomic_uint n_senders;        /* any thread */
	struct rte_mempool *sessions; /* owned */
};

struct srtp_devices {
	unsigned int n_queues;
	struct srtp_device of[SRTP_SUITES];
};

/* The operations are the queue's for good: a burst fills them in again. */
struct srtp_queue {
	struct srtp_devices *devices; /* parent */
	uint16_t index;
	struct rte_mempool *op_pool; /* owned */
	struct rte_crypto_op *ops[SRTP_BURST_MAX];
	uint8_t aad[SRTP_BURST_MAX][SRTCP_AAD_BYTES];
};

/* The keys of one direction and protocol, derived from the master key (RFC 3711 4.3.1), but for the
 * salt. */
struct srtp_session_keys {
	uint8_t cipher[SRTP_KEY_BYTES_MAX], auth[SRTP_AUTH_KEY_BYTES];
};

struct sender_source {
	uint32_t ssrc;
	bool has_rtp;
	uint32_t rtcp_index;                     /* last used */
	uint64_t highest;                        /* RTP packet index, 48 bits */
	uint64_t used[SRTP_WINDOW_PACKETS / 64]; /* ring of bits by index: which are used */
};

/* What every packet looks at comes first, in one cache line. */
struct srtp_sender {
	struct srtp_devices *devices __attribute__((aligned(64)));
	struct nn_srtp *library; /* owned; no device does its suite: the rest below is unused */
	void *last_session;      /* of rtp_sessions; NULL: none used yet */
	uint16_t last_header_bytes;
	uint8_t suite; /* enum srtp_suite */
	uint8_t key_bytes, tag_bytes;
	uint8_t n_sources, sources_max;
	uint8_t next_dropped;                         /* of rtp_sessions */
	bool has_place;                               /* counts in the device's n_senders */
	uint8_t salts[SRTP_PROTOCOLS][SRTP_IV_BYTES]; /* zeros behind them */
	struct srtp_session_keys keys[SRTP_PROTOCOLS];
	/* Of the device, owned. The drivers fix the length of additional data in the session, so
	 * AES-GCM has one for each length of RTP header, made when it first comes. AES-CM has one
	 * for all (0 bytes). */
	struct {
		void *session; /* NULL: the place is free */
		uint16_t aad_bytes;
	} rtp_sessions[SRTP_SESSIONS_MAX];
	void *rtcp_session;
	struct sender_source sources[];
};

/* The device's session for RTP with this header, made when it is not there yet. NULL: none of it,
 * or the sender has its full share (srtp_sender_drop_session makes room). */
void *srtp_sender_rtp_session(struct srtp_sender *sender, unsigned int header_bytes);
/* Gives a session back that no operation on its way uses. False: it has none. */
bool srtp_sender_drop_session(struct srtp_sender *sender);
