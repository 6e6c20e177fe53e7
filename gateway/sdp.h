/* SDP (RFC 8866, 8829, 8843, 8839, 8853): reads a browser's offer, decides what we answer, writes
 * answer or counter-offer. Plain values with fixed caps; functions of their arguments alone, but
 * for the random SSRCs. A struct sdp_session takes about 300 KB: not for small stacks. Control
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/codec.h"
#include "media/dtls.h"
#include "media/ice.h"
#include "media/rtp.h"
#include "qos/address.h"

#define SDP_BYTES_MAX      (256 * 1024)
#define SDP_LINES_MAX      4000
#define SDP_MEDIA_MAX      16
#define SDP_LINE_BYTES_MAX 4096
#define SDP_FORMATS_MAX    64 /* per m-line; later ones are passed over */
#define SDP_CANDIDATES_MAX 32 /* that sdp_write lists; later ones are left out */
#define SDP_MID_MAX        32
#define SDP_FMTP_MAX       256
#define SDP_MSID_MAX       64 /* RFC 8830; longer ones count as not signalled */
#define SDP_KIND_NAME_MAX  16 /* "application" and its NUL */

enum sdp_kind { SDP_AUDIO, SDP_VIDEO, SDP_APPLICATION, SDP_OTHER };
enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };
enum sdp_setup { SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE };

struct sdp_format {
	uint8_t payload_type;
	enum codec codec; /* CODEC_NONE: RTX (then rtx_of is set) or unknown to us */
	int16_t rtx_of;   /* payload type this one retransmits, or -1 */
	uint32_t clock_hz;
	bool nack, pli, fir, transport_cc, remb;
	/* As offered, but for the sprop-* parameters: they tell of the offerer's own stream, so an
	 * answer must not repeat them. A format whose fmtp is longer has CODEC_NONE. */
	char fmtp[SDP_FMTP_MAX];
};

struct sdp_media {
	unsigned int line; /* of its m=, 1-based */
	enum sdp_kind kind;
	char kind_name[SDP_KIND_NAME_MAX]; /* as offered, echoed */
	char mid[SDP_MID_MAX + 1];
	bool rejected; /* port 0 and not bundle-only */
	bool rtcp_mux, rtcp_rsize, bundled;
	bool rtcp_rtt; /* a=rtcp-xr:rcvr-rtt (RFC 3611 5.1): a receiver wants to know its RTT */
	enum sdp_direction direction;
	/* Extensions offered one way only (extmap:N/sendonly), or under a number that an earlier
	 * m-line has for another one, count as not offered. */
	struct rtp_extension_map extensions;
	uint32_t ssrc, rtx_ssrc; /* first signalled source and its FID partner; 0 = not signalled */
	char stream_id[SDP_MSID_MAX + 1], track_id[SDP_MSID_MAX + 1];
	char protocol[32];    /* as offered, echoed */
	char format_text[64]; /* first format as offered ("webrtc-datachannel", "96"), echoed */
	unsigned int n_formats;
	struct sdp_format formats[SDP_FORMATS_MAX]; /* unspecified past n_formats */
};

struct sdp_session {
	unsigned int n_media;
	bool extmap_allow_mixed;
	/* Of the first audio or video m-line that is not rejected: BUNDLE carries all of them over
	 * its transport, also where a peer (aiortc) names another ufrag in each m-line. */
	char ice_ufrag[ICE_REMOTE_UFRAG_MAX + 1], ice_pwd[ICE_REMOTE_UFRAG_MAX + 1];
	struct dtls_fingerprint fingerprint;
	enum sdp_setup setup;
	bool ice_lite;
	struct sdp_media media[SDP_MEDIA_MAX]; /* unspecified past n_media */
};

/* Why a body was refused: what, where, what was expected. */
struct sdp_error {
	unsigned int line; /* 1-based; 0 = the whole body */
	char reason[160];
};

/* Reads an offer or an answer. -EBADMSG (not well-formed, or past the caps on bytes, lines and line
 * length: 400) or -ENOTSUP (well-formed, but not acceptable: no BUNDLE, no rtcp-mux, no
 * fingerprint, no ICE credentials, peer is lite, holdconn, too many m-lines: 422). `session` is
 * unspecified after an error. A missing a=setup is read as actpass. Lines may end in CRLF or LF. */
int sdp_parse(const char *text, size_t size, struct sdp_session *session, struct sdp_error *error);

/* What was agreed for one m-line. For a publisher the payload types, extensions and SSRCs are the
 * browser's; for a viewer the SSRCs are ours. Media flows on a line exactly when feed >= 0. */
struct sdp_line {
	/* Else answered with port 0 (RFC 3264 6). Accepted without a feed: answered inactive, part
	 * of the BUNDLE group, so that a peer may hold or leave unused a line it offered. */
	bool accepted;
	bool rtcp_rsize;
	bool rtcp_rtt;
	enum sdp_kind kind;
	char kind_name[SDP_KIND_NAME_MAX];
	enum codec codec;
	uint8_t payload_type, rtx_payload_type; /* rtx: 0 = none */
	char fmtp[SDP_FMTP_MAX];
	bool nack, pli, fir, transport_cc;
	bool remb; /* a publisher takes REMB: we tell it its limit */
	struct rtp_extension_map extensions;
	uint32_t ssrc, rtx_ssrc;
	/* Viewer: index of the stream's feed it plays; publisher: index of the feed it makes,
	 * counted over all m-lines in their order; -1 = none. */
	int feed;
	char mid[SDP_MID_MAX + 1];
	char stream_id[SDP_MSID_MAX + 1], track_id[SDP_MSID_MAX + 1];
	char protocol[32], format_text[64];
};

struct sdp_agreement {
	struct sdp_line lines[SDP_MEDIA_MAX]; /* one per m-line of the offer, in its order */
	unsigned int n_lines;
	bool extmap_allow_mixed;
};

/* A stream's feed as its publisher really sends it. */
struct sdp_feed {
	enum codec codec;
	char fmtp[SDP_FMTP_MAX];
	bool has_extension[RTP_EXTENSIONS];
};

/* Publish: one codec per m-line, the first of the offer that we know, with its RTX. Of H264 formats
 * the first with packetization-mode=1; if that is Baseline, a Constrained Baseline one with it when
 * offered (RFC 7742 6.2: all viewers decode that). A line offered recvonly or inactive is accepted
 * without a feed; one with no codec of ours, a data channel, or one offered with port 0 is
 * rejected. -ENOTSUP when no m-line makes a feed. */
int sdp_agree_publish(const struct sdp_session *offer, struct sdp_agreement *agreement,
		      struct sdp_error *error);
/* Play: the k-th audio (video) m-line that can receive plays the k-th audio (video) feed, with the
 * viewer's payload types and extension numbers; m-lines left over are accepted without a feed,
 * feeds left over are not played. An extension is agreed when the feed has it (MID always; never
 * transport-cc and the RIDs). SSRCs are drawn at random, distinct; all lines share one stream_id.
 * -ENOTSUP when a wanted m-line has no format for its feed's codec, or none plays. */
int sdp_agree_play(const struct sdp_session *offer, const struct sdp_feed *feeds,
		   unsigned int n_feeds, struct sdp_agreement *agreement, struct sdp_error *error);
/* What we would offer for these feeds (WHEP counter-offer): our payload types (96 and up) and
 * extension numbers (the same on all lines). Feeds past SDP_MEDIA_MAX are left out. */
void sdp_propose_play(const struct sdp_feed *feeds, unsigned int n_feeds,
		      struct sdp_agreement *agreement);
/* Reads the browser's answer to sdp_propose_play's offer into `agreement`: lines it rejected lose
 * `accepted`, lines it does not want to receive lose their feed, and what it left out (RTX,
 * feedback, extensions) is off. -ENOTSUP when it does not fit the offer or nothing is left to play;
 * then `agreement` is as it was. */
int sdp_take_answer(const struct sdp_session *answer, struct sdp_agreement *agreement,
		    struct sdp_error *error);

struct sdp_candidate {
	struct address address;
	uint32_t priority;
};

/* Our side of a description. */
struct sdp_local {
	uint64_t session_id;
	uint32_t version;
	const char *ice_ufrag, *ice_pwd; /* borrowed */
	const char *fingerprint;         /* "AB:CD:..." of SHA-256, borrowed */
	enum sdp_setup setup;            /* ACTIVE or PASSIVE in an answer, ACTPASS in an offer */
	const struct sdp_candidate *candidates; /* borrowed; host candidates, UDP, component 1 */
	unsigned int n_candidates;
	bool publish; /* we receive: a=recvonly; else a=sendonly with ssrc, msid, cname lines */
	const char *cname; /* borrowed; used when !publish */
};

/* Writes an answer or offer, NUL-terminated, CRLF lines. Candidates stand in the first accepted
 * m-line, which is the BUNDLE group's tagged one (RFC 8843 7.3). Bytes without NUL, or -ENOSPC. */
int sdp_write(const struct sdp_agreement *agreement, const struct sdp_local *local, char *out,
	      size_t room);

/* application/trickle-ice-sdpfrag (RFC 8840), as a PATCH body. */
struct sdp_fragment {
	char ice_ufrag[ICE_REMOTE_UFRAG_MAX + 1],
		ice_pwd[ICE_REMOTE_UFRAG_MAX + 1]; /* "" = absent */
	char mid[SDP_MID_MAX + 1];                 /* the first one; "" = absent */
	unsigned int n_candidates; /* counted only: a lite agent learns addresses from checks */
	bool end_of_candidates;
};
/* Credentials may stand at session level or in an m-line (the first ones count), always both of
 * them. Attributes it has no use for are passed over. -EBADMSG. */
int sdp_fragment_parse(const char *text, size_t size, struct sdp_fragment *fragment,
		       struct sdp_error *error);
/* Our fragment in the 200 reply to an ICE restart (RFC 9725 4.3.3). Bytes without NUL, or -ENOSPC.
 */
int sdp_fragment_write(const struct sdp_local *local, const char *mid, char *out, size_t room);
