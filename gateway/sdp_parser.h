/* What the files that read a description share while they read one: sdp_parse.c (lines and
 * m-lines), sdp_attribute.c (a= lines) and sdp_check.c (whether the whole is acceptable). */
#pragma once

#include "gateway/sdp_text.h"

/* Who may connect, as said at session level or in one m-line; spans point into the body. */
struct transport {
	struct span ufrag, pwd;
	struct dtls_fingerprint fingerprint;
	bool has_fingerprint, has_setup;
	enum sdp_setup setup;
};

/* What an m-line (or the session part, as the m-lines' default) says that is judged at its end. */
struct section {
	struct transport transport;
	uint64_t extension_ids[4]; /* bit set of extmap numbers in use */
	uint64_t fmtp_too_long[2]; /* bit set of payload types */
	struct rtp_extension_map extensions;
	enum sdp_direction direction;
	bool port_zero, bundle_only, has_fid;
	struct sdp_format every; /* feedback of a=rtcp-fb:* */
};

struct parser {
	struct sdp_reader reader;
	struct sdp_session *session;
	struct sdp_media *media; /* the m-line being read; NULL in the session part */
	struct section *section; /* of the same */
	struct section common, sections[SDP_MEDIA_MAX];
	struct span bundle; /* mids of the first a=group:BUNDLE */
	bool has_bundle;
	unsigned int seen; /* bit set of the letters v, o, s and t */
};

/* A format named as RTX (RFC 4588) whose apt is not read yet; never left in a parsed session. */
#define RTX_UNBOUND (-2)

/* The value of an a= line. -EBADMSG, -ENOTSUP; attributes of no use to us are passed over. */
int sdp_attribute(struct parser *parser, struct span value);
/* After the last line: BUNDLE, rtcp-mux, ICE, fingerprint. -EBADMSG, -ENOTSUP. */
int sdp_check(struct parser *parser);
