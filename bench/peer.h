/* One browser-like peer: ICE (controlling, one candidate), DTLS client and SRTP over a UDP socket
 * of its own. It uses the libraries directly: what it measures must not measure itself. One thread
 * at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/signalling.h"

#define PEER_PACKET_MAX 2048

struct peer;
struct peer_certificate; /* shared by all peers of a process */

struct peer_certificate *peer_certificate_create(void);
/* Once no peer is left. Takes NULL. */
void peer_certificate_destroy(struct peer_certificate *certificate);
/* "AB:CD:..." */
const char *peer_certificate_fingerprint(const struct peer_certificate *certificate);

enum peer_state { PEER_CHECKING, PEER_HANDSHAKING, PEER_CONNECTED, PEER_FAILED };

/* Profiles as libssl names them, "SRTP_AEAD_AES_256_GCM:...". */
struct peer *peer_create(const struct peer_certificate *certificate, const char *profiles);
void peer_destroy(struct peer *peer);
/* Our credentials, for the offer. */
const char *peer_ufrag(const struct peer *peer);
const char *peer_pwd(const struct peer *peer);
/* Opens the socket towards the answered address and sends the first check. Negative errno. */
int peer_connect(struct peer *peer, const struct answer *answer, uint64_t now_ns);
/* The same over a new socket, as a client does that changes its network. The old one is closed. */
int peer_move(struct peer *peer, uint64_t now_ns);
/* Says close_notify. */
void peer_leave(struct peer *peer);
int peer_fd(const struct peer *peer);
enum peer_state peer_state(const struct peer *peer);
/* Checks, retransmissions, consent; call it every few milliseconds while connecting, every second
 * or so after. */
void peer_tick(struct peer *peer, uint64_t now_ns);
/* A datagram that was received. True: it is SRTP (or SRTCP), which is the caller's business. */
bool peer_on_datagram(struct peer *peer, uint8_t *bytes, size_t size, uint64_t now_ns);

/* In place; *size changes. False: not authentic, or refused. */
bool peer_unprotect(struct peer *peer, uint8_t *bytes, size_t *size, bool is_rtcp);
/* Protects (room for the trailer is the caller's) and sends. */
bool peer_send(struct peer *peer, uint8_t *bytes, size_t size, bool is_rtcp);
