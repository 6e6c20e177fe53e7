/* SRTP and SRTCP (RFC 3711, 7714) for one direction of one session. srtp.c and srtp_cipher.c
 * alone know libsrtp2. Vectors in, vectors out; one thread at a time (the session's worker). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/dtls.h"
#include "qos/packet.h"

#define SRTP_TRAILER_MAX    32  /* what protect may add: auth tag and SRTCP index */
#define NN_SRTP_SOURCES_MAX 128 /* SSRCs of one direction, RTP and RTCP together */

struct nn_srtp;

/* Once per process, before any other call; again after nn_srtp_stop. Negative errno. */
int nn_srtp_start(void);
/* The same with the AES that libsrtp2 was built with: what ours is compared with. */
int nn_srtp_start_stock(void);
void nn_srtp_stop(void);

/* `inbound`: unprotects with keys->receive; else protects with keys->send. Any SSRC. Replay window
 * of 1024 packets (SRTCP: 128). -EINVAL for an unknown profile, -ENOMEM, -EIO. */
int nn_srtp_create(const struct srtp_keys *keys, bool inbound, struct nn_srtp **out);
void nn_srtp_destroy(struct nn_srtp *srtp);
/* What all there are of one direction take, as measured on one of each profile at the start; what
 * each SSRC adds is not in it. Any thread. */
size_t nn_srtp_bytes(bool inbound);
/* What SRTP adds to each RTP packet. */
unsigned int nn_srtp_tag_bytes(const struct nn_srtp *srtp);

/* All four work in place on single-segment packets that nobody else holds (tail room is used), and
 * set result[i] to 0 or a negative errno: -EBADMSG authentication or format, -EALREADY replay or an
 * index already used (or too old to know), -ENOSPC no tail room, -ENOBUFS a source more than
 * NN_SRTP_SOURCES_MAX, -EKEYEXPIRED after 2^48 packets. A packet that failed holds rubbish. Packets
 * stay the caller's. Return how many succeeded. What fails changes nothing for the packets after
 * it. */
unsigned int nn_srtp_protect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			     int *result);
unsigned int nn_srtp_unprotect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			       int *result);
unsigned int nn_srtcp_protect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			      int *result);
unsigned int nn_srtcp_unprotect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
				int *result);
/* Forgets an SSRC's state (a source that ended). Inbound, the SSRC may come back from index 0, and
 * so may a replay of it; outbound it never may, because an index used twice gives away the key
 * stream: -EALREADY then, and it goes on counting as a source. */
void nn_srtp_remove_source(struct nn_srtp *srtp, uint32_t ssrc);
