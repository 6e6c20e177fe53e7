#include "bench/signalling.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cunit.h"

#define HEAD      "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define AUDIO     "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ssrc:7 cname:x\r\n"
#define VIDEO     "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ssrc:4294967295 cname:x\r\n"
#define UFRAG     "a=ice-ufrag:abcd\r\n"
#define PWD       "a=ice-pwd:abcdefghijklmnopqrstuv\r\n"
#define PRINT     "a=fingerprint:sha-256 AB:CD\r\n"
#define CANDIDATE "a=candidate:1 1 udp 2130706431 192.0.2.1 8443 typ host\r\n"

static void a_whole_answer_is_read(void)
{
	struct answer answer;
	CU_ASSERT_EQUAL_FATAL(signalling_read_answer(HEAD AUDIO VIDEO UFRAG PWD PRINT
						     "a=setup:active\r\n" CANDIDATE,
						     &answer),
			      0);
	const struct sockaddr_in *address = (const struct sockaddr_in *)&answer.address;
	CU_ASSERT_STRING_EQUAL(answer.ufrag, "abcd");
	CU_ASSERT_STRING_EQUAL(answer.pwd, "abcdefghijklmnopqrstuv");
	CU_ASSERT_STRING_EQUAL(answer.fingerprint, "AB:CD");
	CU_ASSERT_TRUE(answer.is_dtls_active);
	CU_ASSERT_EQUAL(answer.audio_ssrc, 7);
	CU_ASSERT_EQUAL(answer.video_ssrc, 4294967295u);
	CU_ASSERT_EQUAL(address->sin_family, AF_INET);
	CU_ASSERT_EQUAL(address->sin_addr.s_addr, inet_addr("192.0.2.1"));
	CU_ASSERT_EQUAL(ntohs(address->sin_port), 8443);
}

static void what_is_missing_makes_a_bad_answer(void)
{
	static const char *const texts[] = {
		"",
		HEAD PWD PRINT CANDIDATE,
		HEAD UFRAG PRINT CANDIDATE,
		HEAD UFRAG PWD CANDIDATE,
		HEAD UFRAG PWD PRINT,
		HEAD UFRAG PWD PRINT "a=candidate:1 1 udp 1 a.local 8443 typ host\r\n",
		HEAD UFRAG PWD PRINT "a=candidate:1 1 udp\r\n",
		HEAD UFRAG PWD "a=fingerprint:sha-1 AB:CD\r\n" CANDIDATE,
	};
	struct answer answer;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(signalling_read_answer(texts[i], &answer), -EBADMSG);
}

static void locations_lead_to_a_path(void)
{
	static const struct {
		const char *path, *location, *expected; /* NULL: nowhere */
	} rows[] = {
		{"/whep/a/b", "/whep/a/b/1", "/whep/a/b/1"},
		{"/whep/a/b", "http://127.0.0.1:8080/s/1", "/s/1"},
		{"/whep/a/b", "https://[::1]/s/1", "/s/1"},
		{"/whep/a/b", "1?x=y", "/whep/a/1?x=y"},
		{"/whep/a/b", "http://127.0.0.1", NULL},
		{"/whep/a/b", "", NULL},
		{"/whep/a/b", "/a/path/that/has/no/room", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[16] = "";
		bool leads = signalling_locate(rows[i].path, rows[i].location, out, sizeof(out));
		CU_ASSERT_EQUAL(leads, rows[i].expected != NULL);
		if (leads && rows[i].expected)
			CU_ASSERT_STRING_EQUAL(out, rows[i].expected);
	}
}

static void urls_name_a_server(void)
{
	struct signalling_target target = {0};
	CU_ASSERT_EQUAL(signalling_parse_url("http://[::1]:8080", &target), 0);
	CU_ASSERT_STRING_EQUAL(target.host, "::1");
	CU_ASSERT_EQUAL(signalling_parse_url("http://localhost:80/", &target), 0);
	CU_ASSERT_STRING_EQUAL(target.host, "localhost");
	CU_ASSERT_STRING_EQUAL(target.port, "80");
	CU_ASSERT_EQUAL(signalling_parse_url("https://localhost:80", &target), -EINVAL);
}

static CU_TestInfo tests[] = {
	{"a_whole_answer_is_read", a_whole_answer_is_read},
	{"what_is_missing_makes_a_bad_answer", what_is_missing_makes_a_bad_answer},
	{"locations_lead_to_a_path", locations_lead_to_a_path},
	{"urls_name_a_server", urls_name_a_server},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("signalling", tests)
