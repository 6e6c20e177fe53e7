/* What Janus says, and the answer made of its offer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/janus_message.h"
#include "bench/peers/janus_sdp.h"
#include "tests/cunit.h"

static int read_text(const char *text, struct janus_message *messages, unsigned int max)
{
	return janus_message_read(text, strlen(text), messages, max);
}

static void messages_are_told_apart(void)
{
	static const struct {
		const char *text;
		enum janus_kind kind;
		const char *transaction;
		uint64_t id;
		int code;
	} rows[] = {
		{"{\"janus\":\"ack\",\"transaction\":\"t1\"}", JANUS_ACK, "t1", 0, 0},
		{"{\"janus\":\"success\",\"data\":{\"id\":5}}", JANUS_SUCCESS, "", 5, 0},
		{"{\"janus\":\"keepalive\"}", JANUS_OTHER, "", 0, 0},
		{"{\"janus\":\"error\",\"transaction\":\"t2\",\"error\":{\"code\":458,"
		 "\"reason\":\"No such session\"}}",
		 JANUS_ERROR, "t2", 0, 458},
		{"{\"janus\":\"event\",\"transaction\":\"t3\",\"plugindata\":{\"data\":"
		 "{\"videoroom\":\"event\",\"error_code\":426,\"error\":\"No such room\"}}}",
		 JANUS_ERROR, "t3", 0, 426},
		{"{\"janus\":\"error\",\"error\":{\"code\":1}}", JANUS_ERROR, "", 0, 1},
		{"{\"janus\":\"event\",\"jsep\":[],\"plugindata\":7}", JANUS_EVENT, "", 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct janus_message message;
		CU_ASSERT_EQUAL_FATAL(read_text(rows[i].text, &message, 1), 1);
		CU_ASSERT_EQUAL(message.kind, rows[i].kind);
		CU_ASSERT_STRING_EQUAL(message.transaction, rows[i].transaction);
		CU_ASSERT_EQUAL(message.id, rows[i].id);
		CU_ASSERT_EQUAL(message.error_code, rows[i].code);
		janus_message_free(&message);
	}
}

static void arrays_are_read_as_far_as_there_is_room(void)
{
	static const char text[] =
		"[{\"janus\":\"event\",\"jsep\":{\"type\":\"offer\",\"sdp\":\"v=0\\r\\n\"}},"
		"{\"janus\":\"media\"},{\"janus\":\"ack\"}]";
	struct janus_message messages[2];
	CU_ASSERT_EQUAL_FATAL(read_text(text, messages, 2), 2);
	CU_ASSERT_STRING_EQUAL(messages[0].sdp, "v=0\r\n");
	CU_ASSERT_EQUAL(messages[1].kind, JANUS_OTHER);
	janus_message_free(&messages[0]);
	CU_ASSERT_EQUAL(read_text("[]", messages, 2), 0);
}

static void what_is_no_message_is_refused(void)
{
	static const char *const texts[] = {
		"",
		"7",
		"{",
		"{}",
		"{\"janus\":1}",
		"[{\"janus\":\"event\",\"jsep\":{\"sdp\":\"freed\"}},{\"no\":\"message\"}]"};
	struct janus_message messages[2];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(read_text(texts[i], messages, 2), -EBADMSG);
}

static char *answer_to(const char *theirs, int *rc)
{
	char *text = NULL;
	size_t size;
	struct offer ours = {.ufrag = "uuuu", .pwd = "pppp", .fingerprint = "AA:BB"};
	FILE *out = open_memstream(&text, &size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	*rc = janus_sdp_answer(theirs, &ours, out);
	fclose(out);
	return text;
}

#define OFFER                                                                                      \
	"v=0\r\na=group:BUNDLE 0\r\na=ice-lite\r\na=fingerprint:sha-256 11:22\r\n"                 \
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=sendonly\r\na=mid:0\r\na=rtcp-mux\r\n"             \
	"a=ice-ufrag:tttt\r\na=ice-pwd:theirs\r\na=setup:actpass\r\na=rtpmap:96 VP8/90000\r\n"     \
	"a=rtcp-fb:96 nack\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"                  \
	"a=extmap:3 urn:3gpp:video-orientation\r\na=ssrc:1 cname:janus\r\n"                        \
	"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"

static void an_answer_takes_what_is_offered_and_says_who_we_are(void)
{
	static const char *const has[] = {
		"a=group:BUNDLE 0\r\n",
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n",
		"a=recvonly\r\n",
		"a=ice-ufrag:uuuu\r\n",
		"a=ice-pwd:pppp\r\n",
		"a=fingerprint:sha-256 AA:BB\r\n",
		"a=setup:active\r\n",
		"a=mid:0\r\n",
		"a=rtpmap:96 VP8/90000\r\n",
		"a=rtcp-fb:96 nack\r\n",
		"a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
	};
	static const char *const has_not[] = {
		"tttt",     "theirs", "11:22", "a=ssrc", "lite", "sendonly", "video-orientation",
		"192.0.2.1"};
	int rc;
	char *text = answer_to(OFFER, &rc);
	CU_ASSERT_EQUAL(rc, 0);
	for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, has[i]));
	for (size_t i = 0; i < sizeof(has_not) / sizeof(has_not[0]); i++)
		CU_ASSERT_PTR_NULL(strstr(text, has_not[i]));
	free(text);
}

static void an_offer_of_nothing_has_no_answer(void)
{
	int rc;
	free(answer_to("v=0\r\na=group:BUNDLE 0\r\n", &rc));
	CU_ASSERT_EQUAL(rc, -EBADMSG);
}

static CU_TestInfo tests[] = {
	{"messages_are_told_apart", messages_are_told_apart},
	{"arrays_are_read_as_far_as_there_is_room", arrays_are_read_as_far_as_there_is_room},
	{"what_is_no_message_is_refused", what_is_no_message_is_refused},
	{"an_answer_takes_what_is_offered_and_says_who_we_are",
	 an_answer_takes_what_is_offered_and_says_who_we_are},
	{"an_offer_of_nothing_has_no_answer", an_offer_of_nothing_has_no_answer},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("janus_message", tests)
