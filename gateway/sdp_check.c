/* Whether a well-formed description is one this node can serve: everything on one transport
 * (BUNDLE, RFC 8843, and rtcp-mux, as RFC 9725 4.4 asks), a peer with ICE credentials and a
 * certificate to check, and not two lite agents, of whom neither would begin (RFC 8445 6.1.1). */
#include <errno.h>
#include <string.h>

#include "gateway/sdp_parser.h"

static int fail(struct parser *parser, const struct sdp_media *media, const char *reason)
{
	char quote[SPAN_QUOTE_BYTES];
	if (!media)
		return sdp_fail(parser->reader.error, 0, -ENOTSUP, "%s", reason);
	return sdp_fail(parser->reader.error, media->line, -ENOTSUP, "m-line with mid %s: %s",
			span_quote((struct span){media->mid, strlen(media->mid)}, quote), reason);
}

static bool is_rtp(const struct sdp_media *media)
{
	return media->kind == SDP_AUDIO || media->kind == SDP_VIDEO;
}

static bool is_bundled(const struct parser *parser, const struct sdp_media *media)
{
	struct span rest = parser->bundle;
	if (!parser->has_bundle || media->mid[0] == '\0')
		return false;
	for (struct span mid = span_word(&rest); mid.size; mid = span_word(&rest))
		if (span_equal(mid, media->mid))
			return true;
	return false;
}

static int check_media(struct parser *parser, struct sdp_media *media)
{
	media->bundled = is_bundled(parser, media);
	if (media->rejected)
		return 0;
	if (!media->bundled)
		return fail(parser, media, "expected to be in a=group:BUNDLE with all the others");
	if (is_rtp(media) && !media->rtcp_mux)
		return fail(parser, media, "expected a=rtcp-mux");
	return 0;
}

/* MID names a packet's m-line, so its number must be known before that m-line is. Other extensions
 * are read by their own m-line's numbers, which may differ. */
static int check_mid_numbers(struct parser *parser)
{
	const struct sdp_session *session = parser->session;
	uint8_t number = 0;
	for (unsigned int i = 0; i < session->n_media; i++) {
		const struct sdp_media *media = &session->media[i];
		uint8_t own = media->extensions.id[RTP_EXT_MID];
		if (media->rejected || own == 0)
			continue;
		if (number && own != number)
			return fail(parser, media,
				    "expected one number for the mid extension in "
				    "all m-lines of the BUNDLE group");
		number = own;
	}
	return 0;
}

static bool number_is_taken(const struct sdp_session *session, const struct sdp_media *media,
			    unsigned int extension)
{
	uint8_t number = media->extensions.id[extension];
	for (const struct sdp_media *other = session->media; other < media; other++)
		for (unsigned int e = 0; e < RTP_EXTENSIONS && !other->rejected; e++)
			if (e != extension && other->extensions.id[e] == number)
				return true;
	return false;
}

/* One number is one extension within a BUNDLE group (RFC 8843 9.2). aiortc offers it twice, and
 * reads all its m-lines' packets by one table: what an earlier m-line has the number for stays. */
static void settle_numbers(struct sdp_session *session)
{
	for (unsigned int i = 0; i < session->n_media; i++)
		for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
			if (number_is_taken(session, &session->media[i], e))
				session->media[i].extensions.id[e] = 0;
}

/* The m-line whose transport carries all: see struct sdp_session. */
static const struct sdp_media *tagged_media(const struct sdp_session *session)
{
	const struct sdp_media *fallback = NULL;
	for (unsigned int i = 0; i < session->n_media; i++) {
		const struct sdp_media *media = &session->media[i];
		if (media->rejected)
			continue;
		if (is_rtp(media))
			return media;
		if (!fallback)
			fallback = media;
	}
	return fallback;
}

static int take_transport(struct parser *parser, const struct sdp_media *media)
{
	struct sdp_session *session = parser->session;
	const struct transport *common = &parser->common.transport;
	const struct transport *own = &parser->sections[media - session->media].transport;
	const struct transport *ice = own->ufrag.size || own->pwd.size ? own : common;
	const struct transport *dtls = own->has_fingerprint ? own : common;
	const struct transport *setup = own->has_setup ? own : common;
	if (!ice->ufrag.size ||
	    !span_copy(ice->ufrag, session->ice_ufrag, ICE_REMOTE_UFRAG_MAX + 1))
		return fail(parser, media, "expected a=ice-ufrag");
	if (!ice->pwd.size || !span_copy(ice->pwd, session->ice_pwd, ICE_REMOTE_UFRAG_MAX + 1))
		return fail(parser, media, "expected a=ice-pwd");
	if (!dtls->has_fingerprint)
		return fail(parser, media, "expected a=fingerprint of SHA-256, SHA-384 or SHA-512");
	if (dtls->fingerprint.hash == DTLS_HASH_SHA1)
		return fail(parser, media,
			    "expected a=fingerprint of at least SHA-256, found SHA-1");
	session->fingerprint = dtls->fingerprint;
	session->setup = setup->has_setup ? setup->setup : SDP_ACTPASS;
	return 0;
}

int sdp_check(struct parser *parser)
{
	struct sdp_session *session = parser->session;
	for (unsigned int i = 0; i < session->n_media; i++) {
		int rc = check_media(parser, &session->media[i]);
		if (rc < 0)
			return rc;
	}
	const struct sdp_media *media = tagged_media(session);
	if (!media)
		return fail(parser, NULL, "every m-line has port 0, expected one that is in use");
	if (session->ice_lite)
		return fail(parser, NULL,
			    "expected a full ICE agent, found a=ice-lite: this node is "
			    "lite itself");
	int rc = check_mid_numbers(parser);
	settle_numbers(session);
	return rc < 0 ? rc : take_transport(parser, media);
}
