/* The a= lines of a description that mean something to us: one table, one small function each. The
 * same attribute may stand before the first m-line, as all m-lines' default, or in an m-line;
 * `section` is whichever is being read. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gateway/sdp_fmtp.h"
#include "gateway/sdp_parser.h"

static struct sdp_format *format_find(struct sdp_media *media, uint64_t payload_type)
{
	for (unsigned int i = 0; i < media->n_formats; i++)
		if (media->formats[i].payload_type == payload_type)
			return &media->formats[i];
	return NULL;
}

/* The "<payload type> <rest>" of rtpmap, fmtp and rtcp-fb. *format is NULL for a number the m= line
 * does not list, or one past SDP_FORMATS_MAX: such lines are passed over. */
static int take_format(struct parser *parser, struct span *value, struct sdp_format **format)
{
	struct span word = span_word(value);
	uint64_t number;
	if (!span_number(word, 127, &number))
		return sdp_expected(&parser->reader, "a payload type of 0 to 127", word);
	*format = format_find(parser->media, number);
	return 0;
}

/* a=rtpmap:<pt> <name>/<clock>[/<channels>] (RFC 8866 6.6) */
static int on_rtpmap(struct parser *parser, struct span value)
{
	struct sdp_format *format;
	int rc = take_format(parser, &value, &format);
	if (rc < 0)
		return rc;
	struct span rest = span_word(&value), name = span_until(&rest, '/');
	struct span clock = span_until(&rest, '/');
	uint64_t hz, channels = 1;
	if (name.size == 0 || !span_number(clock, UINT32_MAX, &hz) ||
	    (rest.size && !span_number(rest, 255, &channels)))
		return sdp_expected(&parser->reader, "a=rtpmap with name/clock", value);
	if (!format)
		return 0;
	format->clock_hz = (uint32_t)hz;
	if (name.size == 3 && strncasecmp(name.at, "rtx", 3) == 0) {
		format->rtx_of = RTX_UNBOUND;
		return 0;
	}
	enum codec codec = codec_by_name(name.at, name.size);
	if (codec == CODEC_NONE)
		return 0;
	const struct codec_row *row = codec_row(codec);
	bool is_video = parser->media->kind == SDP_VIDEO;
	if (row->clock_hz == hz && (row->kind == MEDIA_VIDEO) == is_video &&
	    (row->kind == MEDIA_VIDEO || row->channels == channels))
		format->codec = codec;
	return 0;
}

static int on_fmtp(struct parser *parser, struct span value)
{
	struct sdp_format *format;
	int rc = take_format(parser, &value, &format);
	if (rc < 0 || !format)
		return rc;
	if (!fmtp_copy(value, format->fmtp, sizeof(format->fmtp)))
		parser->section->fmtp_too_long[format->payload_type / 64] |=
			UINT64_C(1) << format->payload_type % 64;
	return 0;
}

/* a=rtcp-fb:<pt or *> <what> (RFC 4585 4.2) */
static int on_rtcp_fb(struct parser *parser, struct span value)
{
	struct sdp_format *format = &parser->section->every;
	struct span peek = value, word = span_word(&peek);
	if (span_equal(word, "*")) {
		value = peek;
	} else {
		int rc = take_format(parser, &value, &format);
		if (rc < 0 || !format)
			return rc;
	}
	while (value.size && value.at[value.size - 1] == ' ')
		value.size--;
	format->nack |= span_equal(value, "nack");
	format->pli |= span_equal(value, "nack pli");
	format->fir |= span_equal(value, "ccm fir");
	format->transport_cc |= span_equal(value, "transport-cc");
	format->remb |= span_equal(value, "goog-remb");
	return 0;
}

/* a=extmap:<id>[/<direction>] <uri> (RFC 8285 8) */
static int on_extmap(struct parser *parser, struct span value)
{
	struct section *section = parser->section;
	struct span direction = span_word(&value), number = span_until(&direction, '/');
	struct span uri = span_word(&value);
	uint64_t id;
	/* 4096 to 4351: more extensions than numbers, for the answerer to choose from. We do not.
	 */
	if (span_number(number, 4351, &id) && id >= 4096)
		return 0;
	if (!span_number(number, 255, &id) || id == 0)
		return sdp_expected(&parser->reader, "an extension number of 1 to 255", number);
	if (uri.size == 0)
		return sdp_expected(&parser->reader, "a=extmap with a URI", uri);
	if (section->extension_ids[id / 64] & UINT64_C(1) << id % 64)
		return sdp_expected(&parser->reader, "each extension number once", number);
	section->extension_ids[id / 64] |= UINT64_C(1) << id % 64;
	int extension = rtp_extension_by_uri(uri.at, uri.size);
	if (extension < 0 || section->extensions.id[extension])
		return 0;
	if (direction.size == 0 || span_equal(direction, "sendrecv"))
		section->extensions.id[extension] = (uint8_t)id;
	return 0;
}

static int on_mid(struct parser *parser, struct span value)
{
	struct sdp_session *session = parser->session;
	struct sdp_media *media = parser->media;
	if (media->mid[0])
		return sdp_expected(&parser->reader, "one a=mid in an m-line", value);
	if (!span_is_token(value) || !span_copy(value, media->mid, sizeof(media->mid)))
		return sdp_expected(&parser->reader, "a=mid with a token of 1 to 32 characters",
				    value);
	for (const struct sdp_media *other = session->media; other < media; other++)
		if (strcmp(other->mid, media->mid) == 0)
			return sdp_expected(&parser->reader, "each a=mid once", value);
	return 0;
}

static int on_group(struct parser *parser, struct span value)
{
	if (!span_equal(span_word(&value), "BUNDLE") || parser->has_bundle)
		return 0;
	parser->bundle = value;
	parser->has_bundle = true;
	return 0;
}

static int on_ice_ufrag(struct parser *parser, struct span value)
{
	if (!span_is_ice(value, 4))
		return sdp_expected(&parser->reader, "a=ice-ufrag with 4 to 256 of A-Z a-z 0-9 + /",
				    value);
	parser->section->transport.ufrag = value;
	return 0;
}

static int on_ice_pwd(struct parser *parser, struct span value)
{
	if (!span_is_ice(value, 22))
		return sdp_fail(parser->reader.error, parser->reader.line, -EBADMSG,
				"expected a=ice-pwd with 22 to 256 of A-Z a-z 0-9 + /, found %zu "
				"characters",
				value.size);
	parser->section->transport.pwd = value;
	return 0;
}

/* The first strong one counts; hashes we do not know may stand beside it (RFC 8122 5). */
static int on_fingerprint(struct parser *parser, struct span value)
{
	static const char *const hashes[] = {"sha-1", "sha-256", "sha-384", "sha-512"};
	struct transport *transport = &parser->section->transport;
	struct dtls_fingerprint fingerprint;
	struct span rest = value, name = span_word(&rest);
	bool known = false;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		known |= name.size == strlen(hashes[i]) &&
			 strncasecmp(name.at, hashes[i], name.size) == 0;
	if (!known && name.size && rest.size)
		return 0;
	if (dtls_fingerprint_parse(&fingerprint, value.at, value.size) < 0)
		return sdp_expected(&parser->reader, "a=fingerprint like sha-256 AB:CD:...", value);
	if (transport->has_fingerprint && transport->fingerprint.hash != DTLS_HASH_SHA1)
		return 0;
	transport->fingerprint = fingerprint;
	transport->has_fingerprint = true;
	return 0;
}

static int on_setup(struct parser *parser, struct span value)
{
	struct transport *transport = &parser->section->transport;
	if (span_equal(value, "holdconn"))
		return sdp_fail(parser->reader.error, parser->reader.line, -ENOTSUP,
				"expected a=setup:actpass, active or passive, found holdconn");
	if (span_equal(value, "actpass"))
		transport->setup = SDP_ACTPASS;
	else if (span_equal(value, "active"))
		transport->setup = SDP_ACTIVE;
	else if (span_equal(value, "passive"))
		transport->setup = SDP_PASSIVE;
	else
		return sdp_expected(&parser->reader, "a=setup:actpass, active or passive", value);
	transport->has_setup = true;
	return 0;
}

/* a=ssrc:<id> <attribute>[:<value>] (RFC 5576 4.1); 0 stands for "not signalled" here, so a source
 * of that number is left to be learned from its packets. */
static int on_ssrc(struct parser *parser, struct span value)
{
	struct sdp_media *media = parser->media;
	struct span id = span_word(&value);
	uint64_t ssrc;
	if (!span_number(id, UINT32_MAX, &ssrc))
		return sdp_expected(&parser->reader, "a=ssrc with a 32-bit number", id);
	if (!media->ssrc)
		media->ssrc = (uint32_t)ssrc;
	struct span stream = value, name = span_until(&stream, ':');
	if (!span_equal(name, "msid") || media->stream_id[0])
		return 0;
	(void)span_copy(span_word(&stream), media->stream_id, sizeof(media->stream_id));
	(void)span_copy(span_word(&stream), media->track_id, sizeof(media->track_id));
	return 0;
}

/* a=ssrc-group:FID <source> <its RTX> (RFC 5576 4.2); the first pair. */
static int on_ssrc_group(struct parser *parser, struct span value)
{
	uint64_t ssrc, rtx_ssrc;
	if (!span_equal(span_word(&value), "FID"))
		return 0;
	struct span first = span_word(&value), second = span_word(&value);
	if (!span_number(first, UINT32_MAX, &ssrc) || !span_number(second, UINT32_MAX, &rtx_ssrc))
		return sdp_expected(&parser->reader, "a=ssrc-group:FID with two 32-bit numbers",
				    first);
	if (parser->section->has_fid || ssrc == 0 || ssrc == rtx_ssrc)
		return 0;
	parser->section->has_fid = true;
	parser->media->ssrc = (uint32_t)ssrc;
	parser->media->rtx_ssrc = (uint32_t)rtx_ssrc;
	return 0;
}

/* a=msid:<stream> [<track>] (RFC 8830 2). It wins over the older a=ssrc form. */
static int on_msid(struct parser *parser, struct span value)
{
	struct sdp_media *media = parser->media;
	(void)span_copy(span_word(&value), media->stream_id, sizeof(media->stream_id));
	(void)span_copy(span_word(&value), media->track_id, sizeof(media->track_id));
	return 0;
}

static int on_sendrecv(struct parser *parser, struct span value)
{
	(void)value;
	parser->section->direction = SDP_SENDRECV;
	return 0;
}

static int on_sendonly(struct parser *parser, struct span value)
{
	(void)value;
	parser->section->direction = SDP_SENDONLY;
	return 0;
}

static int on_recvonly(struct parser *parser, struct span value)
{
	(void)value;
	parser->section->direction = SDP_RECVONLY;
	return 0;
}

static int on_inactive(struct parser *parser, struct span value)
{
	(void)value;
	parser->section->direction = SDP_INACTIVE;
	return 0;
}

static int on_rtcp_mux(struct parser *parser, struct span value)
{
	(void)value;
	parser->media->rtcp_mux = true;
	return 0;
}

static int on_rtcp_rsize(struct parser *parser, struct span value)
{
	(void)value;
	parser->media->rtcp_rsize = true;
	return 0;
}

/* Of the reports that could be asked for, only this one is of use to us. */
static int on_rtcp_xr(struct parser *parser, struct span value)
{
	for (struct span report = span_word(&value); report.size > 0; report = span_word(&value))
		if (span_equal(span_until(&report, '='), "rcvr-rtt"))
			parser->media->rtcp_rtt = true;
	return 0;
}

static int on_bundle_only(struct parser *parser, struct span value)
{
	(void)value;
	parser->section->bundle_only = true;
	return 0;
}

static int on_ice_lite(struct parser *parser, struct span value)
{
	(void)value;
	parser->session->ice_lite = true;
	return 0;
}

static int on_extmap_allow_mixed(struct parser *parser, struct span value)
{
	(void)value;
	parser->session->extmap_allow_mixed = true;
	return 0;
}

enum where { SESSION = 1, MEDIA = 2 };

static const struct {
	const char *name;
	int (*on)(struct parser *parser, struct span value);
	unsigned int where;
} attributes[] = {
	{"rtpmap", on_rtpmap, MEDIA},
	{"fmtp", on_fmtp, MEDIA},
	{"rtcp-fb", on_rtcp_fb, MEDIA},
	{"extmap", on_extmap, SESSION | MEDIA},
	{"extmap-allow-mixed", on_extmap_allow_mixed, SESSION | MEDIA},
	{"mid", on_mid, MEDIA},
	{"group", on_group, SESSION},
	{"bundle-only", on_bundle_only, MEDIA},
	{"ice-ufrag", on_ice_ufrag, SESSION | MEDIA},
	{"ice-pwd", on_ice_pwd, SESSION | MEDIA},
	{"ice-lite", on_ice_lite, SESSION | MEDIA},
	{"fingerprint", on_fingerprint, SESSION | MEDIA},
	{"setup", on_setup, SESSION | MEDIA},
	{"ssrc", on_ssrc, MEDIA},
	{"ssrc-group", on_ssrc_group, MEDIA},
	{"msid", on_msid, MEDIA},
	{"rtcp-mux", on_rtcp_mux, MEDIA},
	{"rtcp-rsize", on_rtcp_rsize, MEDIA},
	{"rtcp-xr", on_rtcp_xr, MEDIA},
	{"sendrecv", on_sendrecv, SESSION | MEDIA},
	{"sendonly", on_sendonly, SESSION | MEDIA},
	{"recvonly", on_recvonly, SESSION | MEDIA},
	{"inactive", on_inactive, SESSION | MEDIA},
};

int sdp_attribute(struct parser *parser, struct span value)
{
	unsigned int where = parser->media ? MEDIA : SESSION;
	struct span name = span_until(&value, ':');
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (attributes[i].where & where && span_equal(name, attributes[i].name))
			return attributes[i].on(parser, value);
	return 0;
}
