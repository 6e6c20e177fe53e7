/* SDP fragments (RFC 8840 9): what a PATCH carries. Three things matter to a lite agent: new
 * credentials mean an ICE restart, candidates are well-formed or not, and whether more will come.
 */
#include <errno.h>
#include <string.h>

#include "gateway/sdp_text.h"

struct fragment_parser {
	struct sdp_reader reader;
	struct sdp_fragment *fragment;
};

static int on_ufrag(struct fragment_parser *parser, struct span value)
{
	if (!span_is_ice(value, 4))
		return sdp_expected(&parser->reader, "a=ice-ufrag with 4 to 256 of A-Z a-z 0-9 + /",
				    value);
	if (!parser->fragment->ice_ufrag[0])
		(void)span_copy(value, parser->fragment->ice_ufrag, ICE_REMOTE_UFRAG_MAX + 1);
	return 0;
}

static int on_pwd(struct fragment_parser *parser, struct span value)
{
	if (!span_is_ice(value, 22))
		return sdp_fail(parser->reader.error, parser->reader.line, -EBADMSG,
				"expected a=ice-pwd with 22 to 256 of A-Z a-z 0-9 + /, found %zu "
				"characters",
				value.size);
	if (!parser->fragment->ice_pwd[0])
		(void)span_copy(value, parser->fragment->ice_pwd, ICE_REMOTE_UFRAG_MAX + 1);
	return 0;
}

static int on_mid(struct fragment_parser *parser, struct span value)
{
	char mid[SDP_MID_MAX + 1];
	if (!span_is_token(value) || !span_copy(value, mid, sizeof(mid)))
		return sdp_expected(&parser->reader, "a=mid with a token of 1 to 32 characters",
				    value);
	if (!parser->fragment->mid[0])
		memcpy(parser->fragment->mid, mid, sizeof(mid));
	return 0;
}

/* <foundation> <component> <transport> <priority> <address> <port> typ <type> ... (RFC 8839 5.1) */
static int on_candidate(struct fragment_parser *parser, struct span value)
{
	struct span rest = value, word[8];
	uint64_t number;
	for (unsigned int i = 0; i < 8; i++)
		word[i] = span_word(&rest);
	if (!span_is_ice(word[0], 1) || !span_number(word[1], 256, &number) || !word[2].size ||
	    !span_number(word[3], UINT32_MAX, &number) || !word[4].size ||
	    !span_number(word[5], UINT16_MAX, &number) || !span_equal(word[6], "typ") ||
	    !word[7].size)
		return sdp_expected(&parser->reader, "a=candidate as RFC 8839 writes it", value);
	parser->fragment->n_candidates++;
	return 0;
}

static int on_end_of_candidates(struct fragment_parser *parser, struct span value)
{
	(void)value;
	parser->fragment->end_of_candidates = true;
	return 0;
}

static const struct {
	const char *name;
	int (*on)(struct fragment_parser *parser, struct span value);
} attributes[] = {
	{"ice-ufrag", on_ufrag},
	{"ice-pwd", on_pwd},
	{"mid", on_mid},
	{"candidate", on_candidate},
	{"end-of-candidates", on_end_of_candidates},
};

static int parse_attribute(struct fragment_parser *parser, struct span value)
{
	struct span name = span_until(&value, ':');
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (span_equal(name, attributes[i].name))
			return attributes[i].on(parser, value);
	return 0;
}

int sdp_fragment_parse(const char *text, size_t size, struct sdp_fragment *fragment,
		       struct sdp_error *error)
{
	struct sdp_fragment parsed = {0};
	struct fragment_parser parser = {.fragment = &parsed};
	struct span value;
	char letter;
	int rc = sdp_reader_init(&parser.reader, text, size, error);
	if (rc < 0)
		return rc;
	while ((rc = sdp_reader_next(&parser.reader, &letter, &value)) > 0) {
		if (letter == 'a')
			rc = parse_attribute(&parser, value);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	if (!parsed.ice_ufrag[0] != !parsed.ice_pwd[0])
		return sdp_fail(error, 0, -EBADMSG,
				"expected a=ice-ufrag and a=ice-pwd both or neither, found one");
	*fragment = parsed;
	return 0;
}

int sdp_fragment_write(const struct sdp_local *local, const char *mid, char *text, size_t room)
{
	struct sdp_out out = {.text = text, .room = room};
	sdp_put(&out, "a=ice-lite\r\na=ice-options:trickle\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n",
		local->ice_ufrag, local->ice_pwd);
	sdp_put(&out, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\n", mid);
	sdp_put_candidates(&out, local);
	return sdp_out_bytes(&out);
}
