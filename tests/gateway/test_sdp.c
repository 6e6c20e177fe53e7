/* Offers of real browsers and clients, from the body to our answer and back. */
#include "tests/gateway/sdp_fixture.h"

static struct sdp_session offer, back;
static struct sdp_agreement agreement;

struct expected_line {
	enum codec codec; /* CODEC_NONE: rejected */
	uint8_t payload_type, rtx_payload_type;
	int feed;
	uint32_t ssrc, rtx_ssrc;
};

static void check_line(const char *name, unsigned int i, const struct expected_line *expected)
{
	const struct sdp_line *line = &agreement.lines[i];
	bool same = line->accepted == (expected->codec != CODEC_NONE) &&
		    line->codec == expected->codec &&
		    line->payload_type == expected->payload_type &&
		    line->rtx_payload_type == expected->rtx_payload_type &&
		    line->feed == expected->feed;
	if (!same)
		printf("\n%s m-line %u: accepted %d codec %d pt %u rtx %u feed %d\n", name, i,
		       line->accepted, line->codec, line->payload_type, line->rtx_payload_type,
		       line->feed);
	CU_ASSERT_TRUE(same);
}

/* The answer says of each line what was agreed, and BUNDLE names the accepted ones. */
static void check_answer(bool publish)
{
	struct sdp_local local = fixture_local(publish);
	fixture_write_and_parse(&agreement, &local, &back);
	CU_ASSERT_EQUAL_FATAL(back.n_media, agreement.n_lines);
	for (unsigned int i = 0; i < back.n_media; i++) {
		const struct sdp_line *line = &agreement.lines[i];
		const struct sdp_media *media = &back.media[i];
		enum sdp_direction active = publish ? SDP_RECVONLY : SDP_SENDONLY;
		CU_ASSERT_EQUAL(media->rejected, !line->accepted);
		CU_ASSERT_EQUAL(media->bundled, line->accepted);
		CU_ASSERT_STRING_EQUAL(media->mid, line->mid);
		CU_ASSERT_STRING_EQUAL(media->kind_name, offer.media[i].kind_name);
		CU_ASSERT_STRING_EQUAL(media->protocol, offer.media[i].protocol);
		CU_ASSERT_EQUAL(media->direction, line->feed >= 0 ? active : SDP_INACTIVE);
		if (!line->accepted)
			continue;
		CU_ASSERT_EQUAL(media->formats[0].codec, line->codec);
		CU_ASSERT_EQUAL(media->formats[0].payload_type, line->payload_type);
		CU_ASSERT_STRING_EQUAL(media->formats[0].fmtp, line->fmtp);
		CU_ASSERT_EQUAL(media->formats[0].nack, line->nack);
		CU_ASSERT_EQUAL(media->formats[0].pli, line->pli);
		CU_ASSERT_EQUAL(media->formats[0].fir, line->fir);
		CU_ASSERT_EQUAL(media->formats[0].transport_cc, line->transport_cc);
		CU_ASSERT_EQUAL(media->formats[0].remb, line->remb);
		CU_ASSERT_EQUAL(media->n_formats, line->rtx_payload_type ? 2 : 1);
		CU_ASSERT_EQUAL(
			memcmp(&media->extensions, &line->extensions, sizeof(line->extensions)), 0);
		CU_ASSERT_EQUAL(media->ssrc, publish ? 0 : line->ssrc);
		CU_ASSERT_EQUAL(media->rtx_ssrc, publish ? 0 : line->rtx_ssrc);
	}
}

#define REJECTED                                                                                   \
	{                                                                                          \
		.codec = CODEC_NONE, .feed = -1                                                    \
	}

static const struct {
	const char *name;
	unsigned int n_lines;
	struct expected_line lines[3];
} published[] = {
	{"chromium_publish",
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 1727525196, 0}, {CODEC_VP8, 96, 97, 1, 939834585, 2924020175}}},
	{"chromium_publish_vp8", 2, {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP8, 96, 97, 1, 0, 0}}},
	{"chromium_publish_vp9", 2, {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP9, 98, 99, 1, 0, 0}}},
	{"chromium_publish_h264",
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_H264, 108, 109, 1, 0, 0}}},
	{"chromium_publish_av1", 2, {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_AV1, 45, 46, 1, 0, 0}}},
	{"chromium_publish_sendrecv",
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP8, 96, 97, 1, 0, 0}}},
	{"chromium_publish_data",
	 3,
	 {{CODEC_OPUS, 111, 0, 0, 1395572328, 0},
	  {CODEC_VP8, 96, 97, 1, 4294830845, 1010977255},
	  REJECTED}},
	{"chromium_publish_simulcast",
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 1794440559, 0}, {CODEC_VP8, 96, 97, 1, 0, 0}}},
	{"chromium_publish_two_videos",
	 3,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0},
	  {CODEC_VP8, 96, 97, 1, 0, 0},
	  {CODEC_VP8, 96, 97, 2, 0, 0}}},
	{"chromium_publish_audio", 1, {{CODEC_OPUS, 111, 0, 0, 0, 0}}},
	{"firefox_publish",
	 2,
	 {{CODEC_OPUS, 109, 0, 0, 2725386061, 0},
	  {CODEC_VP8, 120, 124, 1, 1370265185, 2912196418}}},
	{"firefox_publish_data",
	 3,
	 {{CODEC_OPUS, 109, 0, 0, 0, 0},
	  {CODEC_VP8, 120, 124, 1, 1157415055, 195110304},
	  REJECTED}},
	{"firefox_publish_simulcast",
	 2,
	 {{CODEC_OPUS, 109, 0, 0, 0, 0}, {CODEC_VP8, 120, 124, 1, 1350244778, 3336888966}}},
	{"firefox_publish_two_videos",
	 3,
	 {{CODEC_OPUS, 109, 0, 0, 0, 0},
	  {CODEC_VP8, 120, 124, 1, 0, 0},
	  {CODEC_VP8, 120, 124, 2, 0, 0}}},
	{"firefox_publish_av1", 2, {{CODEC_OPUS, 109, 0, 0, 0, 0}, {CODEC_AV1, 99, 100, 1, 0, 0}}},
	{"aiortc_publish",
	 2,
	 {{CODEC_OPUS, 96, 0, 0, 2908695543, 0}, {CODEC_VP8, 97, 98, 1, 2550945365, 2039957885}}},
	{"gstreamer_publish",
	 2,
	 {{CODEC_OPUS, 97, 0, 0, 1236030446, 0}, {CODEC_VP8, 96, 0, 1, 3408475877, 0}}},
};

static void published_offers_are_agreed(void)
{
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		fixture_parse(published[i].name, &offer);
		CU_ASSERT_EQUAL_FATAL(sdp_agree_publish(&offer, &agreement, &fixture_error), 0);
		CU_ASSERT_EQUAL_FATAL(agreement.n_lines, published[i].n_lines);
		for (unsigned int k = 0; k < agreement.n_lines; k++) {
			const struct expected_line *expected = &published[i].lines[k];
			check_line(published[i].name, k, expected);
			if (!expected->ssrc)
				continue;
			CU_ASSERT_EQUAL(agreement.lines[k].ssrc, expected->ssrc);
			CU_ASSERT_EQUAL(agreement.lines[k].rtx_ssrc, expected->rtx_ssrc);
		}
		check_answer(true);
	}
}

static const struct sdp_feed opus = {.codec = CODEC_OPUS};
static const struct sdp_feed vp8 = {.codec = CODEC_VP8};
static const struct sdp_feed vp9_2 = {.codec = CODEC_VP9, .fmtp = "profile-id=2"};
static const struct sdp_feed h264 = {
	.codec = CODEC_H264,
	.fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"};
static const struct sdp_feed av1 = {.codec = CODEC_AV1, .fmtp = "level-idx=5;profile=0;tier=0"};

static const struct {
	const char *name;
	const struct sdp_feed *video;
	unsigned int n_lines;
	struct expected_line lines[3];
} played[] = {
	{"chromium_play", &vp8, 2, {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP8, 96, 97, 1, 0, 0}}},
	{"chromium_play",
	 &vp9_2,
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP9, 100, 101, 1, 0, 0}}},
	{"chromium_play",
	 &h264,
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_H264, 108, 109, 1, 0, 0}}},
	{"chromium_play", &av1, 2, {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_AV1, 45, 46, 1, 0, 0}}},
	{"chromium_play_sendrecv",
	 &vp8,
	 2,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP8, 96, 97, 1, 0, 0}}},
	{"chromium_play_data",
	 &vp8,
	 3,
	 {{CODEC_OPUS, 111, 0, 0, 0, 0}, {CODEC_VP8, 96, 97, 1, 0, 0}, REJECTED}},
	{"chromium_play_three",
	 &vp8,
	 3,
	 {{CODEC_VP8, 96, 97, 1, 0, 0},
	  {CODEC_OPUS, 111, 0, 0, 0, 0},
	  {CODEC_VP8, 96, 97, -1, 0, 0}}},
	{"firefox_play", &vp8, 2, {{CODEC_OPUS, 109, 0, 0, 0, 0}, {CODEC_VP8, 120, 124, 1, 0, 0}}},
	{"firefox_play_data",
	 &av1,
	 3,
	 {{CODEC_OPUS, 109, 0, 0, 0, 0}, {CODEC_AV1, 99, 100, 1, 0, 0}, REJECTED}},
	{"aiortc_play", &h264, 2, {{CODEC_OPUS, 96, 0, 0, 0, 0}, {CODEC_H264, 101, 102, 1, 0, 0}}},
	{"gstreamer_play", &h264, 2, {{CODEC_OPUS, 97, 0, 0, 0, 0}, {CODEC_H264, 96, 0, 1, 0, 0}}},
};

static void played_offers_are_agreed(void)
{
	for (size_t i = 0; i < sizeof(played) / sizeof(played[0]); i++) {
		struct sdp_feed feeds[2] = {opus, *played[i].video};
		fixture_parse(played[i].name, &offer);
		CU_ASSERT_EQUAL_FATAL(sdp_agree_play(&offer, feeds, 2, &agreement, &fixture_error),
				      0);
		CU_ASSERT_EQUAL_FATAL(agreement.n_lines, played[i].n_lines);
		for (unsigned int k = 0; k < agreement.n_lines; k++)
			check_line(played[i].name, k, &played[i].lines[k]);
		check_answer(false);
	}
}

static void transport_is_read(void)
{
	fixture_parse("chromium_publish", &offer);
	CU_ASSERT_STRING_EQUAL(offer.ice_ufrag, "iw7M");
	CU_ASSERT_STRING_EQUAL(offer.ice_pwd, "KgVpyNjGK5kckBjpqjipg0+M");
	CU_ASSERT_EQUAL(offer.fingerprint.hash, DTLS_HASH_SHA256);
	CU_ASSERT_EQUAL(offer.fingerprint.bytes[0], 0x37);
	CU_ASSERT_EQUAL(offer.fingerprint.bytes[31], 0x68);
	CU_ASSERT_EQUAL(offer.setup, SDP_ACTPASS);
	CU_ASSERT_FALSE(offer.ice_lite);
	CU_ASSERT_TRUE(offer.extmap_allow_mixed);
	CU_ASSERT_STRING_EQUAL(offer.media[1].stream_id, "d618715a-ff3a-4821-acad-87b67088a4ea");
	CU_ASSERT_STRING_EQUAL(offer.media[1].track_id, "82328df7-5d4f-4a21-ae5e-bf2e853f6995");
	/* Firefox: the fingerprint at session level. aiortc: another ufrag in each m-line. */
	fixture_parse("firefox_publish", &offer);
	CU_ASSERT_STRING_EQUAL(offer.ice_ufrag, "d482b7dc");
	CU_ASSERT_EQUAL(offer.fingerprint.bytes[0], 0xa0);
	fixture_parse("aiortc_publish", &offer);
	CU_ASSERT_STRING_EQUAL(offer.ice_ufrag, "5lUV");
	CU_ASSERT_FALSE(offer.extmap_allow_mixed);
	/* webrtcbin: the second line has port 0 but is bundle-only, msid stands in a=ssrc. */
	fixture_parse("gstreamer_publish", &offer);
	CU_ASSERT_FALSE(offer.media[1].rejected);
	CU_ASSERT_STRING_EQUAL(offer.media[1].track_id, "webrtctransceiver1");
}

static void feedback_and_extensions_are_read(void)
{
	fixture_parse("chromium_publish", &offer);
	const struct sdp_media *video = &offer.media[1];
	CU_ASSERT_TRUE(video->formats[0].nack && video->formats[0].pli && video->formats[0].fir);
	CU_ASSERT_TRUE(video->formats[0].transport_cc);
	CU_ASSERT_TRUE(video->formats[0].remb);
	CU_ASSERT_EQUAL(video->formats[1].rtx_of, 96);
	CU_ASSERT_EQUAL(video->n_formats, 23);
	CU_ASSERT_EQUAL(video->extensions.id[RTP_EXT_MID], 4);
	CU_ASSERT_EQUAL(video->extensions.id[RTP_EXT_TRANSPORT_CC], 3);
	CU_ASSERT_EQUAL(video->extensions.id[RTP_EXT_VIDEO_ORIENTATION], 13);
	CU_ASSERT_EQUAL(video->extensions.id[RTP_EXT_AUDIO_LEVEL], 0);
	CU_ASSERT_EQUAL(offer.media[0].extensions.id[RTP_EXT_AUDIO_LEVEL], 1);
	CU_ASSERT_FALSE(offer.media[0].formats[0].nack);
	/* Firefox offers these one way only when it simulcasts. */
	fixture_parse("firefox_publish_simulcast", &offer);
	CU_ASSERT_EQUAL(offer.media[1].extensions.id[RTP_EXT_RID], 0);
	CU_ASSERT_EQUAL(offer.media[1].extensions.id[RTP_EXT_DEPENDENCY_DESCRIPTOR], 0);
	CU_ASSERT_EQUAL(offer.media[1].extensions.id[RTP_EXT_TRANSPORT_CC], 7);
}

static void counter_offer_is_answered_by_chromium(void)
{
	struct sdp_feed feeds[2] = {opus, vp8};
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		feeds[0].has_extension[e] = feeds[1].has_extension[e] = true;
	fixture_parse("chromium_answer", &offer);
	sdp_propose_play(feeds, 2, &agreement);
	CU_ASSERT_EQUAL_FATAL(sdp_take_answer(&offer, &agreement, &fixture_error), 0);
	const struct sdp_line *video = &agreement.lines[1];
	check_line("chromium_answer", 0, &(struct expected_line){CODEC_OPUS, 96, 0, 0, 0, 0});
	check_line("chromium_answer", 1, &(struct expected_line){CODEC_VP8, 98, 99, 1, 0, 0});
	CU_ASSERT_TRUE(video->nack && video->pli && video->fir);
	CU_ASSERT_EQUAL(video->extensions.id[RTP_EXT_VIDEO_ORIENTATION], 7);
	CU_ASSERT_EQUAL(video->extensions.id[RTP_EXT_AUDIO_LEVEL], 0);
	CU_ASSERT_EQUAL(agreement.lines[0].extensions.id[RTP_EXT_AUDIO_LEVEL], 6);
}

static CU_TestInfo tests[] = {
	{"transport_is_read", transport_is_read},
	{"feedback_and_extensions_are_read", feedback_and_extensions_are_read},
	{"published_offers_are_agreed", published_offers_are_agreed},
	{"played_offers_are_agreed", played_offers_are_agreed},
	{"counter_offer_is_answered_by_chromium", counter_offer_is_answered_by_chromium},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp", tests)
