/* WHIP and WHEP from a client's side (RFC 9725): HTTP requests, waited for or not, a fixed offer,
 * and what of the answer a peer needs. It reads answers by itself: a bench should not trust the
 * code it measures. Any thread, if the target has a client. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

/* What all our offers say. */
#define SIGNALLING_VIDEO_PT        96
#define SIGNALLING_AUDIO_PT        111
#define SIGNALLING_VIDEO_MID       '0'
#define SIGNALLING_AUDIO_MID       '1'
#define SIGNALLING_MID_ID          1
#define SIGNALLING_TRANSPORT_CC_ID 2

#define SIGNALLING_PATH_ROOM 256

struct http_call;
struct http_client;

struct signalling_target {
	char host[64]; /* numeric or name, without brackets */
	char port[8];
	const char *token;          /* borrowed; NULL or empty: none */
	struct http_client *client; /* borrowed; NULL: a connection a request */
};

/* "http://host:port" or "http://[ipv6]:port". -EINVAL. */
int signalling_parse_url(const char *url, struct signalling_target *target);

/* What a peer offers. */
struct offer {
	bool publish, audio;
	const char *ufrag, *pwd, *fingerprint; /* borrowed; fingerprint "AB:CD:..." of SHA-256 */
	uint32_t video_ssrc, rtx_ssrc, audio_ssrc;
	const char *candidates; /* borrowed: SDP lines for each medium; NULL: none, which is enough
				 * for a server that learns them from checks */
};

/* What the gateway answered. */
struct answer {
	char location[SIGNALLING_PATH_ROOM];
	char ufrag[64], pwd[64], fingerprint[128];
	bool is_dtls_active;             /* the gateway sends the ClientHello */
	struct sockaddr_storage address; /* of the first candidate */
	socklen_t address_len;
	uint32_t video_ssrc, audio_ssrc; /* of a viewer's answer */
	bool is_plain;                   /* the floor's: bare datagrams, no ICE, DTLS or SRTP */
};

/* POSTs the offer to `path`. 0, the HTTP status when it is not 201, or a negative errno. */
int signalling_post(const struct signalling_target *target, const char *path,
		    const struct offer *offer, struct answer *answer);
/* DELETEs a session. 0 for a status of 2xx, else as above. */
int signalling_delete(const struct signalling_target *target, const char *location);

/* One of the above under way, for who cannot wait. */
struct signalling_call {
	struct http_call *http; /* owned; NULL: none is under way */
	char path[SIGNALLING_PATH_ROOM];
};

/* Sends it; the target has a client. *call is in use until its advance says other than -EAGAIN, or
 * it is cancelled. Negative errno. */
int signalling_post_begin(const struct signalling_target *target, const char *path,
			  const struct offer *offer, struct signalling_call *call);
int signalling_delete_begin(const struct signalling_target *target, const char *location,
			    struct signalling_call *call);
/* What becomes readable when there is more to read; may be another one after each advance. */
int signalling_call_fd(const struct signalling_call *call);
/* -EAGAIN: no whole reply yet. Else as signalling_post() and signalling_delete(). */
int signalling_post_advance(struct signalling_call *call, struct answer *answer);
int signalling_delete_advance(struct signalling_call *call);
/* Gives it up, if it is under way. */
void signalling_call_cancel(struct signalling_call *call);

/* The offer as SDP. */
void signalling_write_offer(FILE *out, const struct offer *offer);
/* What a peer needs of somebody's SDP (his answer, or his offer); location is left empty.
 * -EBADMSG when something is missing. */
int signalling_read_answer(const char *sdp, struct answer *answer);
/* Where a Location header leads, asked for at `path`: the path of the session on the same server.
 * False: it has no room, or is none. */
bool signalling_locate(const char *path, const char *location, char *out, size_t room);
