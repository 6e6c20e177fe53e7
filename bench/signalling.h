/* WHIP and WHEP from a client's side: one blocking HTTP/1.1 request at a time over a plain socket,
 * a fixed offer, and what of the answer a peer needs. It reads answers by itself: a bench should
 * not trust the code it measures. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SIGNALLING_TEXT_MAX 65536

/* What all our offers say. */
#define SIGNALLING_VIDEO_PT        96
#define SIGNALLING_AUDIO_PT        111
#define SIGNALLING_VIDEO_MID       '0'
#define SIGNALLING_AUDIO_MID       '1'
#define SIGNALLING_MID_ID          1
#define SIGNALLING_TRANSPORT_CC_ID 2

struct signalling_target {
	char host[64]; /* numeric or name, without brackets */
	char port[8];
	const char *token; /* borrowed */
};

/* "http://host:port" or "http://[ipv6]:port". -EINVAL. */
int signalling_parse_url(const char *url, struct signalling_target *target);

/* What a peer offers. */
struct offer {
	bool publish, audio;
	const char *ufrag, *pwd, *fingerprint; /* borrowed; fingerprint "AB:CD:..." of SHA-256 */
	uint32_t video_ssrc, rtx_ssrc, audio_ssrc;
};

/* What the gateway answered. */
struct answer {
	char location[128];
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
/* DELETEs a session. As above, for 200. */
int signalling_delete(const struct signalling_target *target, const char *location);
