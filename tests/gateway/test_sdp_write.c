/* The text of what we answer and offer, to the letter. */
#include <errno.h>

#include "tests/gateway/sdp_fixture.h"

static struct sdp_session offer;
static struct sdp_agreement agreement;

#define TRANSPORT                                                                                  \
	"a=ice-ufrag:abcdEFGH1234\r\n"                                                             \
	"a=ice-pwd:abcdefghijklmnopqrstuvwxyz+/0123\r\n"                                           \
	"a=fingerprint:sha-256 " FIXTURE_FINGERPRINT "\r\n"                                        \
	"a=setup:passive\r\n"
#define CANDIDATES                                                                                 \
	"a=candidate:1 1 udp 1694498815 192.0.2.1 8443 typ host\r\n"                               \
	"a=candidate:2 1 udp 1694498559 2001:db8::1 8443 typ host\r\n"                             \
	"a=end-of-candidates\r\n"

static const char publish_answer[] =
	"v=0\r\n"
	"o=- 4711 1 IN IP4 127.0.0.1\r\n"
	"s=-\r\n"
	"t=0 0\r\n"
	"a=group:BUNDLE 0 1\r\n"
	"a=msid-semantic:WMS *\r\n"
	"a=ice-lite\r\n"
	"a=ice-options:trickle\r\n"
	"a=extmap-allow-mixed\r\n"
	"m=audio 8443 UDP/TLS/RTP/SAVPF 111\r\n"
	"c=IN IP4 192.0.2.1\r\n" CANDIDATES TRANSPORT "a=mid:0\r\n"
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
	"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
	"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
	"a=recvonly\r\n"
	"a=rtcp-mux\r\n"
	"a=rtcp-rsize\r\n"
	"a=rtpmap:111 opus/48000/2\r\n"
	"a=rtcp-fb:111 transport-cc\r\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\r\n"
	"m=video 8443 UDP/TLS/RTP/SAVPF 98 99\r\n"
	"c=IN IP4 192.0.2.1\r\n" TRANSPORT "a=mid:1\r\n"
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	"a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
	"a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
	"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
	"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
	"a=extmap:13 urn:3gpp:video-orientation\r\n"
	"a=recvonly\r\n"
	"a=rtcp-mux\r\n"
	"a=rtcp-rsize\r\n"
	"a=rtpmap:98 VP9/90000\r\n"
	"a=rtcp-fb:98 transport-cc\r\n"
	"a=rtcp-fb:98 goog-remb\r\n"
	"a=rtcp-fb:98 ccm fir\r\n"
	"a=rtcp-fb:98 nack\r\n"
	"a=rtcp-fb:98 nack pli\r\n"
	"a=fmtp:98 profile-id=0\r\n"
	"a=rtpmap:99 rtx/90000\r\n"
	"a=fmtp:99 apt=98\r\n";

static void expect(const char *expected)
{
	if (strcmp(fixture_text, expected) != 0)
		printf("\nwrote:\n%s\n", fixture_text);
	CU_ASSERT_STRING_EQUAL(fixture_text, expected);
}

static void answer_to_a_publisher_is_exact(void)
{
	struct sdp_local local = fixture_local(true);
	fixture_parse("chromium_publish_vp9", &offer);
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &fixture_error), 0);
	int n = sdp_write(&agreement, &local, fixture_text, sizeof(fixture_text));
	CU_ASSERT_EQUAL(n, (int)strlen(publish_answer));
	expect(publish_answer);
}

/* Viewer of VP8 only, who also asked for audio and a data channel. */
static const char play_answer[] = "v=0\r\n"
				  "o=- 4711 1 IN IP4 127.0.0.1\r\n"
				  "s=-\r\n"
				  "t=0 0\r\n"
				  "a=group:BUNDLE 0 1\r\n"
				  "a=msid-semantic:WMS *\r\n"
				  "a=ice-lite\r\n"
				  "a=ice-options:trickle\r\n"
				  "a=extmap-allow-mixed\r\n"
				  "m=audio 8443 UDP/TLS/RTP/SAVPF 111\r\n"
				  "c=IN IP4 192.0.2.1\r\n" CANDIDATES TRANSPORT "a=mid:0\r\n"
				  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
				  "a=inactive\r\n"
				  "a=rtcp-mux\r\n"
				  "a=rtcp-rsize\r\n"
				  "a=rtcp-xr:rcvr-rtt=all\r\n"
				  "a=rtpmap:111 opus/48000/2\r\n"
				  "a=fmtp:111 minptime=10;useinbandfec=1\r\n"
				  "m=video 8443 UDP/TLS/RTP/SAVPF 96 97\r\n"
				  "c=IN IP4 192.0.2.1\r\n" TRANSPORT "a=mid:1\r\n"
				  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
				  "a=extmap:13 urn:3gpp:video-orientation\r\n"
				  "a=sendonly\r\n"
				  "a=rtcp-mux\r\n"
				  "a=rtcp-rsize\r\n"
				  "a=rtcp-xr:rcvr-rtt=all\r\n"
				  "a=rtpmap:96 VP8/90000\r\n"
				  "a=rtcp-fb:96 ccm fir\r\n"
				  "a=rtcp-fb:96 nack\r\n"
				  "a=rtcp-fb:96 nack pli\r\n"
				  "a=rtpmap:97 rtx/90000\r\n"
				  "a=fmtp:97 apt=96\r\n"
				  "a=msid:nn5g nn5g-0\r\n"
				  "a=ssrc-group:FID 1111 2222\r\n"
				  "a=ssrc:1111 cname:node\r\n"
				  "a=ssrc:2222 cname:node\r\n"
				  "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
				  "c=IN IP4 0.0.0.0\r\n"
				  "a=inactive\r\n"
				  "a=mid:2\r\n";

static void answer_to_a_viewer_is_exact(void)
{
	static const struct sdp_feed feed = {.codec = CODEC_VP8,
					     .has_extension[RTP_EXT_VIDEO_ORIENTATION] = true};
	struct sdp_local local = fixture_local(false);
	fixture_parse("chromium_play_data", &offer);
	CU_ASSERT_EQUAL_FATAL(sdp_agree_play(&offer, &feed, 1, &agreement, &fixture_error), 0);
	agreement.lines[1].ssrc = 1111;
	agreement.lines[1].rtx_ssrc = 2222;
	CU_ASSERT(sdp_write(&agreement, &local, fixture_text, sizeof(fixture_text)) > 0);
	expect(play_answer);
}

static void address_lines_follow_the_first_candidate(void)
{
	struct sdp_local local = fixture_local(true);
	struct sdp_candidate ipv6 = local.candidates[1];
	fixture_parse("chromium_publish_audio", &offer);
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &fixture_error), 0);
	local.candidates = &ipv6;
	local.n_candidates = 1;
	CU_ASSERT(sdp_write(&agreement, &local, fixture_text, sizeof(fixture_text)) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture_text, "\r\nc=IN IP6 2001:db8::1\r\n"));
	local.n_candidates = 0;
	CU_ASSERT(sdp_write(&agreement, &local, fixture_text, sizeof(fixture_text)) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture_text, "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
						    "c=IN IP4 0.0.0.0\r\na=end-of-candidates\r\n"));
}

static void candidates_are_capped(void)
{
	static struct sdp_candidate many[SDP_CANDIDATES_MAX + 1];
	struct sdp_local local = fixture_local(true);
	unsigned int n = 0;
	for (unsigned int i = 0; i <= SDP_CANDIDATES_MAX; i++)
		many[i] = local.candidates[0];
	local.candidates = many;
	local.n_candidates = SDP_CANDIDATES_MAX + 1;
	fixture_parse("chromium_publish_audio", &offer);
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &fixture_error), 0);
	CU_ASSERT(sdp_write(&agreement, &local, fixture_text, sizeof(fixture_text)) > 0);
	for (const char *at = fixture_text; (at = strstr(at, "a=candidate:")); at++)
		n++;
	CU_ASSERT_EQUAL(n, SDP_CANDIDATES_MAX);
}

static void candidates_stand_in_the_first_accepted_line(void)
{
	struct sdp_local local = fixture_local(true);
	fixture_parse("chromium_publish", &offer);
	offer.media[0].rejected = true;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &fixture_error), 0);
	CU_ASSERT(sdp_write(&agreement, &local, fixture_text, sizeof(fixture_text)) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture_text, "a=group:BUNDLE 1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(fixture_text, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"));
	const char *video = strstr(fixture_text, "m=video 8443");
	CU_ASSERT_PTR_NOT_NULL_FATAL(video);
	CU_ASSERT_PTR_NOT_NULL(strstr(video, "a=candidate:1 "));
	CU_ASSERT_PTR_EQUAL(strstr(fixture_text, "a=candidate:1 "),
			    strstr(video, "a=candidate:1 "));
}

static void too_little_room_is_told(void)
{
	static char out[sizeof(publish_answer) + 8];
	struct sdp_local local = fixture_local(true);
	fixture_parse("chromium_publish_vp9", &offer);
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &fixture_error), 0);
	for (size_t room = 0; room < sizeof(publish_answer); room++) {
		memset(out, '#', sizeof(out));
		CU_ASSERT_EQUAL(sdp_write(&agreement, &local, out, room), -ENOSPC);
		CU_ASSERT_EQUAL(out[room], '#');
	}
	CU_ASSERT_EQUAL(sdp_write(&agreement, &local, out, sizeof(publish_answer)),
			(int)sizeof(publish_answer) - 1);
}

static void offers_name_actpass_and_sources(void)
{
	static const struct sdp_feed feeds[2] = {{.codec = CODEC_OPUS, .fmtp = "useinbandfec=1"},
						 {.codec = CODEC_AV1, .fmtp = "profile=0"}};
	struct sdp_local local = fixture_local(false);
	local.setup = SDP_ACTPASS;
	sdp_propose_play(feeds, 2, &agreement);
	fixture_write_and_parse(&agreement, &local, &offer);
	CU_ASSERT_EQUAL(offer.setup, SDP_ACTPASS);
	CU_ASSERT_EQUAL(offer.media[1].direction, SDP_SENDONLY);
	CU_ASSERT_EQUAL(offer.media[1].formats[0].codec, CODEC_AV1);
	CU_ASSERT_STRING_EQUAL(offer.media[1].formats[0].fmtp, "profile=0");
	CU_ASSERT_EQUAL(offer.media[1].formats[1].rtx_of, 98);
	CU_ASSERT_EQUAL(offer.media[1].ssrc, agreement.lines[1].ssrc);
	CU_ASSERT_EQUAL(offer.media[1].rtx_ssrc, agreement.lines[1].rtx_ssrc);
	CU_ASSERT_STRING_EQUAL(offer.media[0].stream_id, offer.media[1].stream_id);
}

static CU_TestInfo tests[] = {
	{"answer_to_a_publisher_is_exact", answer_to_a_publisher_is_exact},
	{"answer_to_a_viewer_is_exact", answer_to_a_viewer_is_exact},
	{"address_lines_follow_the_first_candidate", address_lines_follow_the_first_candidate},
	{"candidates_are_capped", candidates_are_capped},
	{"candidates_stand_in_the_first_accepted_line",
	 candidates_stand_in_the_first_accepted_line},
	{"too_little_room_is_told", too_little_room_is_told},
	{"offers_name_actpass_and_sources", offers_name_actpass_and_sources},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp_write", tests)
