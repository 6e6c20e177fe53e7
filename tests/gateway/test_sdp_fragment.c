/* SDP fragments: the shapes of RFC 8840 9 and RFC 9725 4.3, what is refused, and what we write. */
#include <errno.h>
#include <stdlib.h>

#include "tests/gateway/sdp_fixture.h"

static struct sdp_fragment fragment;
static struct sdp_error error;

static int parse(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);
	memcpy(copy, text, size);
	error = (struct sdp_error){.line = 9999};
	int rc = sdp_fragment_parse(copy, size, &fragment, &error);
	free(copy);
	return rc;
}

/* One m-line that stands for the BUNDLE group, credentials in it. */
static const char trickle[] =
	"a=group:BUNDLE 0 1\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
	"a=mid:0\r\n"
	"a=ice-ufrag:Yh7k\r\n"
	"a=ice-pwd:Qm9zL2xvY2FsL3BlZXIvMQ\r\n"
	"a=candidate:1387637174 1 udp 2122260223 192.0.2.7 61764 typ host generation 0 ufrag "
	"Yh7k\r\n"
	"a=candidate:2 1 udp 1685987071 198.51.100.9 61764 typ srflx raddr 192.0.2.7 rport "
	"61764\r\n"
	"a=candidate:473322822 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n"
	"a=candidate:4 1 udp 2122262783 8f2c0a51-7d3e-4c2b-9f0e-1a2b3c4d5e6f.local 50000 typ "
	"host\r\n"
	"a=end-of-candidates\r\n";

/* Two m-lines, credentials at session level. */
static const char session_level[] = "a=ice-pwd:Qm9zL2xvY2FsL3BlZXIvMQ\n"
				    "a=ice-ufrag:Yh7k\n"
				    "m=audio 9 RTP/AVP 0\n"
				    "a=mid:1\n"
				    "a=candidate:1 1 UDP 2130706432 2001:db8::7 5000 typ host\n"
				    "a=candidate:1 2 UDP 2130706431 2001:db8::7 5001 typ host\n"
				    "m=audio 9 RTP/AVP 0\n"
				    "a=mid:2\n"
				    "a=candidate:1 1 UDP 2130706432 2001:db8::7 5004 typ host\n";

static const char restart[] = "a=ice-options:trickle ice2\r\n"
			      "a=group:BUNDLE 0 1\r\n"
			      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
			      "a=mid:0\r\n"
			      "a=ice-ufrag:nEw1\r\n"
			      "a=ice-pwd:bmV3L3Bhc3N3b3JkL29uZQ\r\n";

static const struct {
	const char *text, *ufrag, *pwd, *mid;
	unsigned int n_candidates;
	bool end_of_candidates;
} good[] = {
	{trickle, "Yh7k", "Qm9zL2xvY2FsL3BlZXIvMQ", "0", 4, true},
	{session_level, "Yh7k", "Qm9zL2xvY2FsL3BlZXIvMQ", "1", 3, false},
	{restart, "nEw1", "bmV3L3Bhc3N3b3JkL29uZQ", "0", 0, false},
	{"a=end-of-candidates", "", "", "", 0, true},
	{"a=x-later:1\r\nb=AS:1\r\n", "", "", "", 0, false},
};

static void fragments_are_read(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL(parse(good[i].text, strlen(good[i].text)), 0);
		CU_ASSERT_STRING_EQUAL(fragment.ice_ufrag, good[i].ufrag);
		CU_ASSERT_STRING_EQUAL(fragment.ice_pwd, good[i].pwd);
		CU_ASSERT_STRING_EQUAL(fragment.mid, good[i].mid);
		CU_ASSERT_EQUAL(fragment.n_candidates, good[i].n_candidates);
		CU_ASSERT_EQUAL(fragment.end_of_candidates, good[i].end_of_candidates);
	}
}

static const struct {
	const char *text;
	unsigned int line;
	const char *reason;
} bad[] = {
	{"", 0, "empty"},
	{"hello", 1, "\"hello\" is no line of SDP"},
	{"{\"candidate\":\"\"}", 1, "no line of SDP"},
	{"a=ice-ufrag:Yh7k\r\n", 0, "both or neither"},
	{"a=ice-pwd:Qm9zL2xvY2FsL3BlZXIvMQ\r\n", 0, "both or neither"},
	{"a=x\na=ice-ufrag:Yh\n", 2, "4 to 256"},
	{"a=ice-ufrag:Yh7k\na=ice-pwd:short\n", 2, "22 to 256"},
	{"a=ice-ufrag:Yh\"k\n", 1, "4 to 256"},
	{"a=mid:a b\n", 1, "token"},
	{"a=candidate:\n", 1, "RFC 8839"},
	{"a=candidate:1 1 udp 2122260223 192.0.2.7 61764\n", 1, "RFC 8839"},
	{"a=candidate:1 1 udp 2122260223 192.0.2.7 65536 typ host\n", 1, "RFC 8839"},
	{"a=candidate:1 1 udp 4294967296 192.0.2.7 9 typ host\n", 1, "RFC 8839"},
	{"a=candidate:1 257 udp 1 192.0.2.7 9 typ host\n", 1, "RFC 8839"},
	{"a=candidate:- 1 udp 1 192.0.2.7 9 typ host\n", 1, "RFC 8839"},
	{"a=candidate:1 1 udp 1 192.0.2.7 9 type host\n", 1, "RFC 8839"},
	{"a=mid:0\n\na=mid:1\n", 2, "no line of SDP"},
};

static void malformed_fragments_are_refused(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = parse(bad[i].text, strlen(bad[i].text));
		if (rc != -EBADMSG || error.line != bad[i].line ||
		    !strstr(error.reason, bad[i].reason))
			printf("\n%s: rc %d, line %u: %s\n", bad[i].text, rc, error.line,
			       error.reason);
		CU_ASSERT_EQUAL(rc, -EBADMSG);
		CU_ASSERT_EQUAL(error.line, bad[i].line);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, bad[i].reason));
	}
	CU_ASSERT_EQUAL(parse("a=mid:0\0a=mid:1\n", 16), -EBADMSG);
}

static void failure_leaves_the_fragment_alone(void)
{
	CU_ASSERT_EQUAL(parse(restart, strlen(restart)), 0);
	struct sdp_fragment before = fragment;
	CU_ASSERT_EQUAL(parse("a=ice-ufrag:other\nx\n", 19), -EBADMSG);
	CU_ASSERT_EQUAL(memcmp(&before, &fragment, sizeof(before)), 0);
}

static const char written[] = "a=ice-lite\r\n"
			      "a=ice-options:trickle\r\n"
			      "a=ice-ufrag:abcdEFGH1234\r\n"
			      "a=ice-pwd:abcdefghijklmnopqrstuvwxyz+/0123\r\n"
			      "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
			      "a=mid:audio0\r\n"
			      "a=candidate:1 1 udp 1694498815 192.0.2.1 8443 typ host\r\n"
			      "a=candidate:2 1 udp 1694498559 2001:db8::1 8443 typ host\r\n"
			      "a=end-of-candidates\r\n";

static void our_fragment_is_exact(void)
{
	static char out[sizeof(written) + 1];
	struct sdp_local local = fixture_local(true);
	CU_ASSERT_EQUAL(sdp_fragment_write(&local, "audio0", out, sizeof(written)),
			(int)sizeof(written) - 1);
	CU_ASSERT_STRING_EQUAL(out, written);
	for (size_t room = 0; room < sizeof(written); room++)
		CU_ASSERT_EQUAL(sdp_fragment_write(&local, "audio0", out, room), -ENOSPC);
	CU_ASSERT_EQUAL(parse(written, strlen(written)), 0);
	CU_ASSERT_STRING_EQUAL(fragment.ice_ufrag, local.ice_ufrag);
	CU_ASSERT_STRING_EQUAL(fragment.ice_pwd, local.ice_pwd);
	CU_ASSERT_EQUAL(fragment.n_candidates, 2);
	CU_ASSERT_TRUE(fragment.end_of_candidates);
}

static CU_TestInfo tests[] = {
	{"fragments_are_read", fragments_are_read},
	{"malformed_fragments_are_refused", malformed_fragments_are_refused},
	{"failure_leaves_the_fragment_alone", failure_leaves_the_fragment_alone},
	{"our_fragment_is_exact", our_fragment_is_exact},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp_fragment", tests)
