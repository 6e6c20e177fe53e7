/* SRTP and SRTCP of what a peer sends (RFC 3711, RFC 7714), on OpenSSL. libsrtp2, which our peers
 * read with, would do; but Debian builds it on NSS, whose every operation takes longer the more
 * keys there are, and a bench has thousands. Tests hold it against libsrtp2. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRTP_OUT_TRAILER_MAX 20 /* what a packet may grow by */

struct srtp_out;

/* Profile as OpenSSL numbers it (SRTP_AEAD_AES_128_GCM and its siblings, SRTP_AES128_CM_SHA1_80);
 * master key and salt behind each other. NULL: no memory, or no such profile. */
struct srtp_out *srtp_out_create(unsigned long profile, const uint8_t *master);
void srtp_out_destroy(struct srtp_out *out);
/* In place; *size grows, the room for it is the caller's. Sequence numbers of an SSRC only go up.
 * False: too short, or more SSRCs than a peer has. */
bool srtp_out_rtp(struct srtp_out *out, uint8_t *bytes, size_t *size);
bool srtp_out_rtcp(struct srtp_out *out, uint8_t *bytes, size_t *size);
