/* Reads a description in one pass: a line's letter picks what it means, an m= line opens the next
 * media section, and what needs the whole section (RTX, port 0, feedback for all formats) is
 * settled when the section closes. A peer's text is never trusted: each line is bounded by
 * sdp_text.c, each table here by its cap, and the first thing wrong ends the reading with its line
 * and reason. */
#include "gateway/sdp_parser.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/sdp_fmtp.h"

/* JSEP (RFC 8829 5.1.2): the RTP profiles a browser may name. */
static bool protocol_is_rtp(const char *protocol)
{
	static const char *const names[] = {"UDP/TLS/RTP/SAVPF",  "UDP/TLS/RTP/SAVP",
					    "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP",
					    "RTP/SAVPF",          "RTP/SAVP"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(protocol, names[i]) == 0)
			return true;
	return false;
}

static enum sdp_kind kind_of(const char *name)
{
	if (strcmp(name, "audio") == 0)
		return SDP_AUDIO;
	if (strcmp(name, "video") == 0)
		return SDP_VIDEO;
	return strcmp(name, "application") == 0 ? SDP_APPLICATION : SDP_OTHER;
}

static int parse_formats(struct parser *parser, struct span rest)
{
	struct sdp_media *media = parser->media;
	uint64_t taken[2] = {0}, number;
	for (struct span word = span_word(&rest); word.size; word = span_word(&rest)) {
		if (!span_number(word, 127, &number))
			return sdp_expected(&parser->reader, "payload types of 0 to 127", word);
		if (taken[number / 64] & UINT64_C(1) << number % 64)
			return sdp_expected(&parser->reader, "each payload type once", word);
		taken[number / 64] |= UINT64_C(1) << number % 64;
		if (media->n_formats < SDP_FORMATS_MAX)
			media->formats[media->n_formats++] = (struct sdp_format){
				.payload_type = (uint8_t)number,
				.codec = CODEC_NONE,
				.rtx_of = -1,
			};
	}
	return 0;
}

/* m=<media> <port>[/<n>] <proto> <fmt> ... (RFC 8866 5.14) */
static int parse_media_line(struct parser *parser, struct span value)
{
	struct sdp_media *media = parser->media;
	struct span rest = value, kind = span_word(&rest), ports = span_word(&rest);
	struct span protocol = span_word(&rest), formats = rest, first = span_word(&rest);
	struct span port = span_until(&ports, '/');
	uint64_t number;
	if (!span_is_token(kind) || !span_copy(kind, media->kind_name, sizeof(media->kind_name)))
		return sdp_expected(&parser->reader, "m= with a kind of media", kind);
	if (!span_number(port, UINT16_MAX, &number))
		return sdp_expected(&parser->reader, "m= with a port of 0 to 65535", port);
	if (protocol.size == 0 || !span_copy(protocol, media->protocol, sizeof(media->protocol)))
		return sdp_expected(&parser->reader, "m= with a protocol", protocol);
	if (first.size == 0 || !span_copy(first, media->format_text, sizeof(media->format_text)))
		return sdp_expected(&parser->reader, "m= with formats", first);
	media->kind = kind_of(media->kind_name);
	media->line = parser->reader.line;
	parser->section->port_zero = number == 0;
	return protocol_is_rtp(media->protocol) ? parse_formats(parser, formats) : 0;
}

/* Payload types 64 to 95 look like RTCP packets when both share a port (RFC 5761 4), and parameters
 * that cannot be echoed whole must not be agreed to. */
static bool format_is_usable(const struct section *section, uint8_t payload_type)
{
	if (payload_type >= 64 && payload_type <= 95)
		return false;
	return !(section->fmtp_too_long[payload_type / 64] & UINT64_C(1) << payload_type % 64);
}

static void settle_format(const struct sdp_media *media, const struct section *section,
			  struct sdp_format *format)
{
	format->nack |= section->every.nack;
	format->pli |= section->every.pli;
	format->fir |= section->every.fir;
	format->transport_cc |= section->every.transport_cc;
	format->remb |= section->every.remb;
	if (!format_is_usable(section, format->payload_type)) {
		format->codec = CODEC_NONE;
		format->rtx_of = -1;
	}
	if (format->rtx_of != RTX_UNBOUND)
		return;
	unsigned int apt = fmtp_number(format->fmtp, "apt", UINT16_MAX);
	format->rtx_of = -1;
	for (unsigned int i = 0; i < media->n_formats; i++)
		if (media->formats[i].payload_type == apt && &media->formats[i] != format)
			format->rtx_of = (int16_t)apt;
}

static void close_section(struct parser *parser)
{
	struct sdp_media *media = parser->media;
	const struct section *section = parser->section;
	if (!media)
		return;
	for (unsigned int i = 0; i < media->n_formats; i++)
		settle_format(media, section, &media->formats[i]);
	media->direction = section->direction;
	media->extensions = section->extensions;
	media->rejected = section->port_zero && !section->bundle_only;
}

static int check_session_part(struct parser *parser)
{
	static const char letters[] = "vost";
	for (unsigned int i = 0; letters[i]; i++)
		if (!(parser->seen & 1u << i))
			return sdp_fail(parser->reader.error, parser->reader.line, -EBADMSG,
					"expected %c= before the first m=, found none", letters[i]);
	return 0;
}

static int open_section(struct parser *parser, struct span value)
{
	struct sdp_session *session = parser->session;
	int rc = parser->media ? 0 : check_session_part(parser);
	if (rc < 0)
		return rc;
	close_section(parser);
	if (session->n_media == SDP_MEDIA_MAX)
		return sdp_fail(parser->reader.error, parser->reader.line, -ENOTSUP,
				"more than %d m-lines", SDP_MEDIA_MAX);
	parser->media = &session->media[session->n_media];
	memset(parser->media, 0, offsetof(struct sdp_media, formats));
	parser->section = &parser->sections[session->n_media++];
	/* Transport lines are looked up in the m-line first and here last, so they stay apart. */
	*parser->section = parser->common;
	parser->section->transport = (struct transport){0};
	return parse_media_line(parser, value);
}

static unsigned int words_of(struct span value)
{
	unsigned int n = 0;
	while (span_word(&value).size)
		n++;
	return n;
}

/* The session part's own lines; each but v= is only looked at as far as leaving it out would mean
 * that this is not SDP. */
static int parse_session_line(struct parser *parser, char letter, struct span value)
{
	static const char letters[] = "vost";
	const char *known = strchr(letters, letter);
	if (parser->media)
		return sdp_expected(&parser->reader, "only m=, i=, c=, b=, k= and a= after an m=",
				    (struct span){value.at - 2, value.size + 2});
	if (letter == 'v' && (parser->seen || !span_equal(value, "0")))
		return sdp_expected(&parser->reader, "one v=0, in front", value);
	if (letter == 'o' && words_of(value) != 6)
		return sdp_expected(&parser->reader, "o= with 6 fields", value);
	if (letter == 't' && words_of(value) != 2)
		return sdp_expected(&parser->reader, "t= with 2 times", value);
	if (known)
		parser->seen |= 1u << (known - letters);
	return 0;
}

static int parse_line(struct parser *parser, char letter, struct span value)
{
	if (!parser->seen && letter != 'v')
		return sdp_expected(&parser->reader, "v=0 in front",
				    (struct span){value.at - 2, value.size + 2});
	switch (letter) {
	case 'm':
		return open_section(parser, value);
	case 'a':
		return sdp_attribute(parser, value);
	case 'i':
	case 'c':
	case 'b':
	case 'k':
		return 0;
	default:
		return parse_session_line(parser, letter, value);
	}
}

int sdp_parse(const char *text, size_t size, struct sdp_session *session, struct sdp_error *error)
{
	struct parser parser = {.session = session, .section = &parser.common};
	struct span value;
	char letter;
	/* Most of it is m-lines and formats that few offers have: those are cleared as they come.
	 */
	memset(session, 0, offsetof(struct sdp_session, media));
	int rc = sdp_reader_init(&parser.reader, text, size, error);
	if (rc < 0)
		return rc;
	while ((rc = sdp_reader_next(&parser.reader, &letter, &value)) > 0) {
		rc = parse_line(&parser, letter, value);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	if (!parser.media) {
		rc = check_session_part(&parser);
		return rc < 0 ? rc
			      : sdp_fail(error, 0, -EBADMSG, "expected an m= line, found none");
	}
	close_section(&parser);
	return sdp_check(&parser);
}
