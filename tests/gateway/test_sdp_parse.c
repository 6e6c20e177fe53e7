/* What a description may not be. Each row changes one line of a good offer and names the error, the
 * line and the reason it must get. */
#include <errno.h>
#include <stdlib.h>

#include "tests/gateway/sdp_fixture.h"

static const char *const good[] = {
	/*  1 */ "v=0",
	/*  2 */ "o=- 1 1 IN IP4 127.0.0.1",
	/*  3 */ "s=-",
	/*  4 */ "t=0 0",
	/*  5 */ "a=group:BUNDLE 0 1",
	/*  6 */ "a=ice-ufrag:abcd",
	/*  7 */ "a=ice-pwd:0123456789abcdefghijkl",
	/*  8 */ "a=fingerprint:sha-256 " FIXTURE_FINGERPRINT,
	/*  9 */ "a=setup:actpass",
	/* 10 */ "m=audio 9 UDP/TLS/RTP/SAVPF 111",
	/* 11 */ "a=mid:0",
	/* 12 */ "a=sendonly",
	/* 13 */ "a=rtcp-mux",
	/* 14 */ "a=rtpmap:111 opus/48000/2",
	/* 15 */ "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
	/* 16 */ "a=mid:1",
	/* 17 */ "a=sendonly",
	/* 18 */ "a=rtcp-mux",
	/* 19 */ "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
	/* 20 */ "a=rtpmap:96 VP8/90000",
	/* 21 */ "a=rtcp-fb:96 nack",
	/* 22 */ "a=rtpmap:97 rtx/90000",
	/* 23 */ "a=fmtp:97 apt=96",
};
#define GOOD_LINES (sizeof(good) / sizeof(good[0]))

static char body[SDP_BYTES_MAX + 64];
static struct sdp_session session;
static struct sdp_error error;

/* The good offer with line `line` replaced; NULL leaves it out. Returns the size. */
static size_t build(unsigned int line, const char *replacement, const char *end)
{
	size_t used = 0;
	for (unsigned int i = 1; i <= GOOD_LINES; i++) {
		const char *text = i == line ? replacement : good[i - 1];
		if (text)
			used += (size_t)snprintf(body + used, sizeof(body) - used, "%s%s", text,
						 end);
	}
	return used;
}

static int parse(size_t size)
{
	/* An exact heap copy: reading past the end is seen by ASan. */
	char *copy = malloc(size ? size : 1);
	memcpy(copy, body, size);
	error = (struct sdp_error){.line = 9999};
	int rc = sdp_parse(copy, size, &session, &error);
	free(copy);
	return rc;
}

static void good_offer_is_read(void)
{
	CU_ASSERT_EQUAL_FATAL(parse(build(0, NULL, "\r\n")), 0);
	CU_ASSERT_EQUAL(session.n_media, 2);
	CU_ASSERT_EQUAL(session.media[0].line, 10);
	CU_ASSERT_EQUAL(session.media[0].formats[0].codec, CODEC_OPUS);
	CU_ASSERT_EQUAL(session.media[0].formats[0].clock_hz, 48000);
	CU_ASSERT_EQUAL(session.media[1].formats[1].rtx_of, 96);
	CU_ASSERT_EQUAL(session.media[1].formats[1].codec, CODEC_NONE);
	CU_ASSERT_TRUE(session.media[1].formats[0].nack);
	CU_ASSERT_FALSE(session.media[1].formats[0].pli);
	CU_ASSERT_EQUAL(session.media[1].extensions.id[RTP_EXT_MID], 4);
	CU_ASSERT_STRING_EQUAL(session.ice_pwd, "0123456789abcdefghijkl");
}

static void bare_lf_reads_like_crlf(void)
{
	CU_ASSERT_EQUAL(parse(build(0, NULL, "\n")), 0);
	CU_ASSERT_EQUAL(session.n_media, 2);
	size_t size = build(0, NULL, "\n");
	CU_ASSERT_EQUAL(parse(size - 1), 0);
	CU_ASSERT_STRING_EQUAL(session.media[1].formats[1].fmtp, "apt=96");
	memcpy(body + size, "\r\n\r\n", 4);
	CU_ASSERT_EQUAL(parse(size + 4), 0);
}

static const struct {
	const char *fact;
	unsigned int line;
	const char *replacement;
	int rc;
	unsigned int error_line;
	const char *reason;
} bad[] = {
	{"no v=", 1, NULL, -EBADMSG, 1, "expected v=0 in front, found \"o=- 1"},
	{"v=1", 1, "v=1", -EBADMSG, 1, "expected one v=0, in front, found \"1\""},
	{"second v=", 3, "v=0", -EBADMSG, 3, "one v=0"},
	{"no o=", 2, NULL, -EBADMSG, 9, "expected o= before the first m="},
	{"short o=", 2, "o=- 1 1 IN IP4", -EBADMSG, 2, "6 fields"},
	{"no s=", 3, NULL, -EBADMSG, 9, "expected s="},
	{"no t=", 4, NULL, -EBADMSG, 9, "expected t="},
	{"short t=", 4, "t=0", -EBADMSG, 4, "2 times"},
	{"t= after m=", 12, "t=0 0", -EBADMSG, 12, "after an m=, found \"t=0 0\""},
	{"not a line", 12, "sendonly", -EBADMSG, 12, "\"sendonly\" is no line of SDP"},
	{"unknown letter", 12, "x=sendonly", -EBADMSG, 12, "no line of SDP"},
	{"empty line inside", 12, "", -EBADMSG, 12, "no line of SDP"},
	{"CR inside", 12, "a=send\ronly", -EBADMSG, 12, "control character 0x0d at column 7"},
	{"escape inside", 12, "a=\x1b[2J", -EBADMSG, 12, "control character 0x1b"},
	{"m= without port", 10, "m=audio", -EBADMSG, 10, "port of 0 to 65535, found \"\""},
	{"m= port 65536", 10, "m=audio 65536 UDP/TLS/RTP/SAVPF 111", -EBADMSG, 10, "\"65536\""},
	{"m= without protocol", 10, "m=audio 9", -EBADMSG, 10, "protocol"},
	{"m= without formats", 10, "m=audio 9 UDP/TLS/RTP/SAVPF", -EBADMSG, 10, "formats"},
	{"m= kind no token", 10, "m=a:b 9 UDP/TLS/RTP/SAVPF 1", -EBADMSG, 10, "\"a:b\""},
	{"m= kind long", 10, "m=abcdefghijklmnop 9 x 1", -EBADMSG, 10, "kind of media"},
	{"payload type 128", 15, "m=video 9 UDP/TLS/RTP/SAVPF 96 128", -EBADMSG, 15, "\"128\""},
	{"payload type -1", 15, "m=video 9 UDP/TLS/RTP/SAVPF -1", -EBADMSG, 15, "\"-1\""},
	{"payload type huge", 15, "m=video 9 UDP/TLS/RTP/SAVPF 18446744073709551712", -EBADMSG, 15,
	 "0 to 127"},
	{"payload type twice", 15, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 96", -EBADMSG, 15,
	 "each payload type once, found \"96\""},
	{"rtpmap 128", 20, "a=rtpmap:128 VP8/90000", -EBADMSG, 20, "0 to 127"},
	{"rtpmap no clock", 20, "a=rtpmap:96 VP8", -EBADMSG, 20, "name/clock"},
	{"rtpmap bad clock", 20, "a=rtpmap:96 VP8/fast", -EBADMSG, 20, "name/clock"},
	{"fmtp no number", 23, "a=fmtp:apt=96", -EBADMSG, 23, "payload type"},
	{"rtcp-fb no number", 21, "a=rtcp-fb:x nack", -EBADMSG, 21, "payload type"},
	{"extension 0", 19, "a=extmap:0 urn:x", -EBADMSG, 19, "1 to 255, found \"0\""},
	{"extension 256", 19, "a=extmap:256 urn:x", -EBADMSG, 19, "\"256\""},
	{"extension 4352", 19, "a=extmap:4352 urn:x", -EBADMSG, 19, "\"4352\""},
	{"extension twice", 19, "a=extmap:4 urn:x\r\na=extmap:4 urn:y", -EBADMSG, 20,
	 "each extension number once, found \"4\""},
	{"extension without URI", 19, "a=extmap:4", -EBADMSG, 19, "URI"},
	{"mid twice", 16, "a=mid:0", -EBADMSG, 16, "each a=mid once, found \"0\""},
	{"two mids", 12, "a=mid:2", -EBADMSG, 12, "one a=mid in an m-line"},
	{"mid empty", 16, "a=mid:", -EBADMSG, 16, "token"},
	{"mid no token", 16, "a=mid:a b", -EBADMSG, 16,
	 "token of 1 to 32 characters, found \"a b\""},
	{"mid long", 16, "a=mid:123456789012345678901234567890123", -EBADMSG, 16, "1 to 32"},
	{"ufrag short", 6, "a=ice-ufrag:abc", -EBADMSG, 6, "4 to 256"},
	{"ufrag no ice-char", 6, "a=ice-ufrag:ab-d", -EBADMSG, 6, "\"ab-d\""},
	{"pwd short", 7, "a=ice-pwd:0123456789abcdefghijk", -EBADMSG, 7, "22 to 256"},
	{"fingerprint short", 8, "a=fingerprint:sha-256 A0:99", -EBADMSG, 8, "sha-256 AB:CD"},
	{"fingerprint empty", 8, "a=fingerprint:", -EBADMSG, 8, "found \"\""},
	{"setup unknown", 9, "a=setup:later", -EBADMSG, 9, "found \"later\""},
	{"ssrc of 33 bits", 17, "a=ssrc:4294967296 cname:x", -EBADMSG, 17, "32-bit"},
	{"FID of one", 17, "a=ssrc-group:FID 1", -EBADMSG, 17, "two 32-bit"},
	{"setup holdconn", 9, "a=setup:holdconn", -ENOTSUP, 9, "found holdconn"},
	{"no BUNDLE", 5, NULL, -ENOTSUP, 9, "mid \"0\": expected to be in a=group:BUNDLE"},
	{"half a BUNDLE", 5, "a=group:BUNDLE 0", -ENOTSUP, 15, "mid \"1\": expected to be in"},
	{"other group", 5, "a=group:LS 0 1", -ENOTSUP, 10, "BUNDLE"},
	{"two BUNDLEs", 5, "a=group:BUNDLE 0\r\na=group:BUNDLE 1", -ENOTSUP, 16, "BUNDLE"},
	{"no mid", 16, NULL, -ENOTSUP, 15, "mid \"\": expected to be in"},
	{"no rtcp-mux", 13, NULL, -ENOTSUP, 10, "mid \"0\": expected a=rtcp-mux"},
	{"no ufrag", 6, NULL, -ENOTSUP, 9, "expected a=ice-ufrag"},
	{"no pwd", 7, NULL, -ENOTSUP, 9, "expected a=ice-pwd"},
	{"no fingerprint", 8, NULL, -ENOTSUP, 9, "expected a=fingerprint"},
	{"MD5 only", 8, "a=fingerprint:md5 00:11", -ENOTSUP, 10, "expected a=fingerprint"},
	{"SHA-1 only", 8,
	 "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:99",
	 -ENOTSUP, 10, "found SHA-1"},
	{"lite peer", 9, "a=ice-lite", -ENOTSUP, 0, "found a=ice-lite"},
	{"mid extension differs", 12, "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid", -ENOTSUP,
	 15, "one number for the mid extension"},
};

static void bad_offers_are_refused(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = parse(build(bad[i].line, bad[i].replacement, "\r\n"));
		bool same = rc == bad[i].rc && error.line == bad[i].error_line &&
			    strstr(error.reason, bad[i].reason);
		if (!same)
			printf("\n%s: rc %d, line %u: %s\n", bad[i].fact, rc, error.line,
			       rc ? error.reason : "accepted");
		CU_ASSERT_TRUE(same);
	}
}

static const struct {
	const char *fact;
	unsigned int line;
	const char *replacement;
} fine[] = {
	{"no setup", 9, NULL},
	{"setup active", 9, "a=setup:active"},
	{"session lines", 4, "i=x\r\nu=http://x/\r\nb=AS:1\r\nt=0 0\r\nr=1\r\nz=1"},
	{"unknown attributes", 12, "a=x-later:1\r\na=y"},
	{"attribute of an unlisted payload type", 20, "a=rtpmap:96 VP8/90000\r\na=fmtp:99 x=1"},
	{"two fingerprints", 8,
	 "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:99\r\n"
	 "a=fingerprint:sha-256 " FIXTURE_FINGERPRINT},
	{"extension number for choice", 19, "a=extmap:4100 urn:ietf:params:rtp-hdrext:sdes:mid"},
	{"tab", 12, "a=x-later:a\tb"},
	{"UTF-8 name", 3, "s=\xc3\xa9"},
};

static void odd_offers_are_read(void)
{
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		int rc = parse(build(fine[i].line, fine[i].replacement, "\r\n"));
		if (rc != 0)
			printf("\n%s: rc %d, line %u: %s\n", fine[i].fact, rc, error.line,
			       error.reason);
		CU_ASSERT_EQUAL(rc, 0);
		CU_ASSERT_EQUAL(session.fingerprint.hash, DTLS_HASH_SHA256);
	}
}

static void empty_bodies_are_refused(void)
{
	CU_ASSERT_EQUAL(parse(0), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "empty"));
	memcpy(body, "\r\n\r\n", 4);
	CU_ASSERT_EQUAL(parse(4), -EBADMSG);
	size_t size =
		(size_t)snprintf(body, sizeof(body), "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n");
	CU_ASSERT_EQUAL(parse(size), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "expected an m= line"));
}

static void nul_byte_is_refused(void)
{
	size_t size = build(12, "a=sendonlyX", "\r\n");
	char *x = memchr(body, 'X', size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(x);
	*x = '\0';
	CU_ASSERT_EQUAL(parse(size), -EBADMSG);
	CU_ASSERT_EQUAL(error.line, 12);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "control character 0x00 at column 11"));
}

static void reasons_are_printable(void)
{
	CU_ASSERT_EQUAL(parse(build(16, "a=mid:\xff\xfe\xc3", "\r\n")), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "found \"???\""));
	char text[300];
	memset(text, '"', sizeof(text));
	memcpy(text, "a=mid:", 6);
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_EQUAL(parse(build(16, text, "\r\n")), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "...\""));
	CU_ASSERT(strlen(error.reason) < sizeof(error.reason));
}

/* `count` repetitions of `text` behind the good offer. */
static size_t build_tail(const char *text, unsigned int count)
{
	size_t used = build(0, NULL, "\n");
	for (unsigned int i = 0; i < count; i++)
		used += (size_t)snprintf(body + used, sizeof(body) - used, "%s\n", text);
	return used;
}

static void lines_are_capped(void)
{
	unsigned int left = SDP_LINES_MAX - (unsigned int)GOOD_LINES;
	CU_ASSERT_EQUAL(parse(build_tail("a=x", left)), 0);
	CU_ASSERT_EQUAL(parse(build_tail("a=x", left + 1)), -EBADMSG);
	CU_ASSERT_EQUAL(error.line, SDP_LINES_MAX + 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "more than 4000 lines"));
}

static void line_length_is_capped(void)
{
	static char text[SDP_LINE_BYTES_MAX + 2];
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "a=", 2);
	text[SDP_LINE_BYTES_MAX] = '\0';
	CU_ASSERT_EQUAL(parse(build(12, text, "\r\n")), 0);
	text[SDP_LINE_BYTES_MAX] = 'x';
	CU_ASSERT_EQUAL(parse(build(12, text, "\r\n")), -EBADMSG);
	CU_ASSERT_EQUAL(error.line, 12);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "a line of 4097 bytes"));
}

static void body_size_is_capped(void)
{
	memset(body, 'a', SDP_BYTES_MAX + 1);
	CU_ASSERT_EQUAL(parse(SDP_BYTES_MAX + 1), -EBADMSG);
	CU_ASSERT_EQUAL(error.line, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "at most 262144"));
}

static void media_lines_are_capped(void)
{
	CU_ASSERT_EQUAL(parse(build_tail("m=audio 0 RTP/SAVPF 0", SDP_MEDIA_MAX - 2)), 0);
	CU_ASSERT_EQUAL(session.n_media, SDP_MEDIA_MAX);
	CU_ASSERT_EQUAL(parse(build_tail("m=audio 0 RTP/SAVPF 0", SDP_MEDIA_MAX - 1)), -ENOTSUP);
	CU_ASSERT_EQUAL(error.line, GOOD_LINES + SDP_MEDIA_MAX - 1);
	CU_ASSERT_EQUAL(parse(build_tail("m=audio 0 RTP/SAVPF 0", 3900)), -ENOTSUP);
}

static void formats_past_the_cap_are_passed_over(void)
{
	char line[1024] = "m=video 9 UDP/TLS/RTP/SAVPF 96 97";
	for (unsigned int pt = 0; pt < 96; pt++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %u", pt);
	CU_ASSERT_EQUAL(parse(build(15, line, "\r\n")), 0);
	CU_ASSERT_EQUAL(session.media[1].n_formats, SDP_FORMATS_MAX);
	CU_ASSERT_EQUAL(session.media[1].formats[0].codec, CODEC_VP8);
}

static void long_parameters_make_a_format_unknown(void)
{
	char line[600] = "a=fmtp:96 x=";
	memset(line + strlen(line), 'y', SDP_FMTP_MAX - 3);
	CU_ASSERT_EQUAL(parse(build(21, line, "\r\n")), 0);
	CU_ASSERT_EQUAL(session.media[1].formats[0].codec, CODEC_VP8);
	line[strlen(line)] = 'y';
	CU_ASSERT_EQUAL(parse(build(21, line, "\r\n")), 0);
	CU_ASSERT_EQUAL(session.media[1].formats[0].codec, CODEC_NONE);
	/* ... but what an answer would not repeat does not count. */
	memcpy(line, "a=fmtp:96 sprop-parameter-sets=", 31);
	CU_ASSERT_EQUAL(parse(build(21, line, "\r\n")), 0);
	CU_ASSERT_EQUAL(session.media[1].formats[0].codec, CODEC_VP8);
	CU_ASSERT_STRING_EQUAL(session.media[1].formats[0].fmtp, "");
}

static const struct {
	const char *fact;
	unsigned int line;
	const char *replacement;
	unsigned int media;
	enum codec codec;
} codecs[] = {
	{"upper case", 14, "a=rtpmap:111 OPUS/48000/2", 0, CODEC_OPUS},
	{"mono Opus is none", 14, "a=rtpmap:111 opus/48000", 0, CODEC_NONE},
	{"Opus at 8000 is none", 14, "a=rtpmap:111 opus/8000/2", 0, CODEC_NONE},
	{"video in audio", 14, "a=rtpmap:111 VP8/90000", 0, CODEC_NONE},
	{"audio in video", 20, "a=rtpmap:96 opus/48000/2", 1, CODEC_NONE},
	{"VP8 at 8000", 20, "a=rtpmap:96 VP8/8000", 1, CODEC_NONE},
	{"unknown", 20, "a=rtpmap:96 H265/90000", 1, CODEC_NONE},
};

static void codecs_are_recognised(void)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		CU_ASSERT_EQUAL(parse(build(codecs[i].line, codecs[i].replacement, "\r\n")), 0);
		enum codec codec = session.media[codecs[i].media].formats[0].codec;
		if (codec != codecs[i].codec)
			printf("\n%s: codec %d\n", codecs[i].fact, codec);
		CU_ASSERT_EQUAL(codec, codecs[i].codec);
	}
	/* 72 with the marker bit would be taken for RTCP. */
	CU_ASSERT_EQUAL(
		parse(build(15, "m=video 9 UDP/TLS/RTP/SAVPF 72\r\na=rtpmap:72 VP8/90000", "\r\n")),
		0);
	CU_ASSERT_EQUAL(session.media[1].formats[0].codec, CODEC_NONE);
}

static const struct {
	const char *replacement; /* of the fmtp line */
	int rtx_of;
} retransmissions[] = {
	{"a=fmtp:97 apt=96", 96},      {"a=fmtp:97 rtx-time=3000; apt=96", 96},
	{"a=fmtp:97 apt=97", -1},      {"a=fmtp:97 apt=98", -1},
	{"a=fmtp:97 apt=ninety", -1},  {"a=fmtp:97 x", -1},
	{"a=fmtp:97 apt=9999999", -1}, {NULL, -1},
};

static void rtx_is_bound_to_a_listed_format(void)
{
	for (size_t i = 0; i < sizeof(retransmissions) / sizeof(retransmissions[0]); i++) {
		CU_ASSERT_EQUAL(parse(build(23, retransmissions[i].replacement, "\r\n")), 0);
		CU_ASSERT_EQUAL(session.media[1].formats[1].rtx_of, retransmissions[i].rtx_of);
	}
}

static void port_zero_is_rejected_unless_bundle_only(void)
{
	CU_ASSERT_EQUAL(parse(build(15, "m=video 0 UDP/TLS/RTP/SAVPF 96 97", "\r\n")), 0);
	CU_ASSERT_TRUE(session.media[1].rejected);
	CU_ASSERT_EQUAL(
		parse(build(15, "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=bundle-only", "\r\n")), 0);
	CU_ASSERT_FALSE(session.media[1].rejected);
	CU_ASSERT_EQUAL(parse(build_tail("", 0)), 0);
	size_t size = build(10, "m=audio 0 UDP/TLS/RTP/SAVPF 111", "\n");
	char *video = strstr(body, "m=video 9");
	CU_ASSERT_PTR_NOT_NULL_FATAL(video);
	video[8] = '0';
	CU_ASSERT_EQUAL(parse(size), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "every m-line has port 0"));
}

static void session_level_is_the_default(void)
{
	CU_ASSERT_EQUAL(parse(build(9, "a=recvonly\na=extmap:7 urn:3gpp:video-orientation", "\n")),
			0);
	CU_ASSERT_EQUAL(session.media[0].direction, SDP_SENDONLY);
	CU_ASSERT_EQUAL(session.media[1].extensions.id[RTP_EXT_VIDEO_ORIENTATION], 7);
	CU_ASSERT_EQUAL(session.setup, SDP_ACTPASS);
	size_t size = build(12, "a=x", "\n");
	CU_ASSERT_EQUAL(parse(size), 0);
	CU_ASSERT_EQUAL(session.media[0].direction, SDP_SENDRECV);
	CU_ASSERT_EQUAL(parse(build(21, "a=rtcp-fb:* nack pli", "\n")), 0);
	CU_ASSERT_TRUE(session.media[1].formats[0].pli);
	CU_ASSERT_FALSE(session.media[1].formats[0].nack);
	CU_ASSERT_EQUAL(parse(build(11,
				    "a=mid:0\na=setup:passive\na=ice-ufrag:wxyz\n"
				    "a=ice-pwd:zyxwvutsrqponmlkjihgfe",
				    "\n")),
			0);
	CU_ASSERT_EQUAL(session.setup, SDP_PASSIVE);
	CU_ASSERT_STRING_EQUAL(session.ice_ufrag, "wxyz");
	CU_ASSERT_STRING_EQUAL(session.ice_pwd, "zyxwvutsrqponmlkjihgfe");
}

/* The number 2 is audio-level in the first m-line: what the second has it for is not agreed. */
static void extension_number_means_one_thing_in_a_bundle(void)
{
	const char *const offers[] = {
		"a=sendonly\na=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
		"a=sendonly\na=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
		"a=sendonly\na=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	};
	const uint8_t second[] = {0, 2, 2};
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		size_t size = build(12, offers[i], "\n");
		const char *more = "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/"
				   "abs-send-time\n";
		memcpy(body + size, more, strlen(more));
		CU_ASSERT_EQUAL(parse(size + strlen(more)), 0);
		CU_ASSERT_EQUAL(session.media[1].extensions.id[RTP_EXT_ABS_SEND_TIME], second[i]);
		CU_ASSERT_EQUAL(session.media[1].extensions.id[RTP_EXT_MID], 4);
	}
	CU_ASSERT_EQUAL(session.media[0].extensions.id[RTP_EXT_ABS_SEND_TIME], 2);
}

static void every_prefix_is_read_safely(void)
{
	size_t size = build(0, NULL, "\r\n");
	for (size_t n = 0; n < size; n++)
		(void)parse(n);
	CU_ASSERT_EQUAL(parse(size), 0);
}

static CU_TestInfo tests[] = {
	{"good_offer_is_read", good_offer_is_read},
	{"bare_lf_reads_like_crlf", bare_lf_reads_like_crlf},
	{"bad_offers_are_refused", bad_offers_are_refused},
	{"odd_offers_are_read", odd_offers_are_read},
	{"empty_bodies_are_refused", empty_bodies_are_refused},
	{"nul_byte_is_refused", nul_byte_is_refused},
	{"reasons_are_printable", reasons_are_printable},
	{"lines_are_capped", lines_are_capped},
	{"line_length_is_capped", line_length_is_capped},
	{"body_size_is_capped", body_size_is_capped},
	{"media_lines_are_capped", media_lines_are_capped},
	{"formats_past_the_cap_are_passed_over", formats_past_the_cap_are_passed_over},
	{"long_parameters_make_a_format_unknown", long_parameters_make_a_format_unknown},
	{"codecs_are_recognised", codecs_are_recognised},
	{"rtx_is_bound_to_a_listed_format", rtx_is_bound_to_a_listed_format},
	{"port_zero_is_rejected_unless_bundle_only", port_zero_is_rejected_unless_bundle_only},
	{"session_level_is_the_default", session_level_is_the_default},
	{"extension_number_means_one_thing_in_a_bundle",
	 extension_number_means_one_thing_in_a_bundle},
	{"every_prefix_is_read_safely", every_prefix_is_read_safely},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp_parse", tests)
