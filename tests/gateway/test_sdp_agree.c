/* What is agreed, rule by rule, over offers put together here: one m-line per letter of a plan. */
#include <errno.h>

#include "tests/gateway/sdp_fixture.h"

static struct sdp_session offer;
static struct sdp_agreement agreement;
static struct sdp_error error;

static void add_format(struct sdp_media *media, uint8_t payload_type, enum codec codec,
		       const char *fmtp)
{
	struct sdp_format *format = &media->formats[media->n_formats++];
	*format = (struct sdp_format){.payload_type = payload_type,
				      .codec = codec,
				      .rtx_of = -1,
				      .nack = true,
				      .pli = true,
				      .fir = true,
				      .transport_cc = true,
				      .remb = true};
	snprintf(format->fmtp, sizeof(format->fmtp), "%s", fmtp);
}

static void add_rtx(struct sdp_media *media, uint8_t payload_type, uint8_t of)
{
	add_format(media, payload_type, CODEC_NONE, "");
	media->formats[media->n_formats - 1].rtx_of = of;
}

static struct sdp_media *add_media(enum sdp_kind kind, enum sdp_direction direction)
{
	static const char *const names[] = {"audio", "video", "application", "text"};
	struct sdp_media *media = &offer.media[offer.n_media];
	*media = (struct sdp_media){.kind = kind, .direction = direction, .rtcp_mux = true};
	snprintf(media->mid, sizeof(media->mid), "m%u", offer.n_media);
	snprintf(media->kind_name, sizeof(media->kind_name), "%s", names[kind]);
	snprintf(media->protocol, sizeof(media->protocol), "UDP/TLS/RTP/SAVPF");
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		media->extensions.id[e] = (uint8_t)(e + 2);
	media->line = 10 * ++offer.n_media;
	return media;
}

/* a, v: audio and video of Opus and VP8 with RTX; d: data channel. */
static void make_offer(const char *plan, enum sdp_direction direction)
{
	memset(&offer, 0, sizeof(offer));
	for (; *plan; plan++) {
		if (*plan == 'd') {
			add_media(SDP_APPLICATION, SDP_SENDRECV);
			continue;
		}
		struct sdp_media *media =
			add_media(*plan == 'a' ? SDP_AUDIO : SDP_VIDEO, direction);
		add_format(media, 96, *plan == 'a' ? CODEC_OPUS : CODEC_VP8, "");
		if (*plan == 'v')
			add_rtx(media, 97, 96);
	}
}

/* One letter per line: r rejected, i inactive, else the feed's digit. */
static const char *outcome(void)
{
	static char text[SDP_MEDIA_MAX + 1];
	for (unsigned int i = 0; i < agreement.n_lines; i++) {
		const struct sdp_line *line = &agreement.lines[i];
		text[i] = (char)(!line->accepted ? 'r' : line->feed < 0 ? 'i' : '0' + line->feed);
	}
	text[agreement.n_lines] = '\0';
	return text;
}

static const struct sdp_feed feeds_av[] = {{.codec = CODEC_OPUS}, {.codec = CODEC_VP8}};
static const struct sdp_feed feeds_vav[] = {
	{.codec = CODEC_VP8}, {.codec = CODEC_OPUS}, {.codec = CODEC_VP8}};

static const struct {
	const char *plan;
	enum sdp_direction direction;
	int rc;
	const char *outcome;
} publishes[] = {
	{"av", SDP_SENDONLY, 0, "01"},
	{"av", SDP_SENDRECV, 0, "01"},
	{"vav", SDP_SENDONLY, 0, "012"},
	{"dav", SDP_SENDONLY, 0, "r01"},
	{"av", SDP_RECVONLY, -ENOTSUP, ""},
	{"av", SDP_INACTIVE, -ENOTSUP, ""},
	{"d", SDP_SENDRECV, -ENOTSUP, ""},
	{"", SDP_SENDRECV, -ENOTSUP, ""},
	{"aaaavvvv", SDP_SENDONLY, 0, "01234567"},
};

static void publish_numbers_feeds_in_order(void)
{
	for (size_t i = 0; i < sizeof(publishes) / sizeof(publishes[0]); i++) {
		make_offer(publishes[i].plan, publishes[i].direction);
		memset(&agreement, 0, sizeof(agreement));
		int rc = sdp_agree_publish(&offer, &agreement, &error);
		CU_ASSERT_EQUAL(rc, publishes[i].rc);
		CU_ASSERT_STRING_EQUAL(outcome(), publishes[i].outcome);
	}
	CU_ASSERT_EQUAL(error.line, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.reason, "Opus, VP8, VP9, H264 or AV1"));
}

static void publish_holds_what_is_not_sent(void)
{
	make_offer("avv", SDP_SENDONLY);
	offer.media[0].direction = SDP_RECVONLY;
	offer.media[1].direction = SDP_INACTIVE;
	offer.media[1].ssrc = 77;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
	CU_ASSERT_STRING_EQUAL(outcome(), "ii0");
	CU_ASSERT_EQUAL(agreement.lines[1].ssrc, 0);
	offer.media[0].rejected = true;
	offer.media[1].formats[0].codec = CODEC_NONE;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
	CU_ASSERT_STRING_EQUAL(outcome(), "rr0");
}

static void publish_takes_the_first_codec_known(void)
{
	make_offer("v", SDP_SENDONLY);
	struct sdp_media *media = &offer.media[0];
	media->n_formats = 0;
	add_format(media, 100, CODEC_NONE, "");
	add_format(media, 101, CODEC_AV1, "profile=0");
	add_format(media, 102, CODEC_VP8, "");
	add_rtx(media, 103, 102);
	add_rtx(media, 104, 101);
	media->ssrc = 1;
	media->rtx_ssrc = 2;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
	const struct sdp_line *line = &agreement.lines[0];
	CU_ASSERT_EQUAL(line->codec, CODEC_AV1);
	CU_ASSERT_EQUAL(line->payload_type, 101);
	CU_ASSERT_EQUAL(line->rtx_payload_type, 104);
	CU_ASSERT_STRING_EQUAL(line->fmtp, "profile=0");
	CU_ASSERT_EQUAL(line->rtx_ssrc, 2);
	/* RTX answers NACKs: of no use without them. */
	media->formats[1].nack = false;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
	CU_ASSERT_EQUAL(line->rtx_payload_type, 0);
	CU_ASSERT_EQUAL(line->rtx_ssrc, 0);
}

#define BASELINE_1    "packetization-mode=1;profile-level-id=42001f"
#define CONSTRAINED_0 "packetization-mode=0;profile-level-id=42e01f"
#define CONSTRAINED_1 "packetization-mode=1;profile-level-id=42e01f"
#define MAIN_1        "packetization-mode=1;profile-level-id=4d001f"
#define HIGH_1        "packetization-mode=1;profile-level-id=64001f"

static const struct {
	const char *offered[4];
	unsigned int chosen;
} h264_choices[] = {
	{{CONSTRAINED_1, HIGH_1}, 0},
	{{HIGH_1, CONSTRAINED_1}, 0},
	{{CONSTRAINED_0, HIGH_1}, 1},
	{{CONSTRAINED_0}, 0},
	{{BASELINE_1, CONSTRAINED_0, CONSTRAINED_1}, 2},
	{{BASELINE_1, CONSTRAINED_0, MAIN_1}, 0},
	{{"", BASELINE_1}, 1},
};

static void publish_picks_among_h264_formats(void)
{
	for (size_t i = 0; i < sizeof(h264_choices) / sizeof(h264_choices[0]); i++) {
		make_offer("v", SDP_SENDONLY);
		struct sdp_media *media = &offer.media[0];
		media->n_formats = 0;
		for (uint8_t k = 0; k < 4 && h264_choices[i].offered[k]; k++)
			add_format(media, (uint8_t)(100 + k), CODEC_H264,
				   h264_choices[i].offered[k]);
		add_format(media, 96, CODEC_VP8, "");
		CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
		CU_ASSERT_EQUAL(agreement.lines[0].payload_type, 100 + h264_choices[i].chosen);
	}
}

static void publish_agrees_to_offered_extensions(void)
{
	make_offer("av", SDP_SENDONLY);
	offer.media[1].extensions.id[RTP_EXT_TRANSPORT_CC] = 0;
	offer.extmap_allow_mixed = true;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
	CU_ASSERT_EQUAL(memcmp(&agreement.lines[0].extensions, &offer.media[0].extensions,
			       sizeof(struct rtp_extension_map)),
			0);
	CU_ASSERT_TRUE(agreement.lines[0].transport_cc);
	CU_ASSERT_TRUE(agreement.lines[0].remb);
	CU_ASSERT_TRUE(agreement.extmap_allow_mixed);
	/* The feedback without the extension, and the other way round, is none. */
	CU_ASSERT_FALSE(agreement.lines[1].transport_cc);
	make_offer("v", SDP_SENDONLY);
	offer.media[0].formats[0].transport_cc = false;
	CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
	CU_ASSERT_EQUAL(agreement.lines[0].extensions.id[RTP_EXT_TRANSPORT_CC], 0);
	CU_ASSERT_FALSE(agreement.extmap_allow_mixed);
}

static void opus_is_asked_for_error_correction(void)
{
	static const char *const rows[][2] = {
		{"", "useinbandfec=1"},
		{"minptime=10", "minptime=10;useinbandfec=1"},
		{"minptime=10;useinbandfec=1", "minptime=10;useinbandfec=1"},
		{"useinbandfec=0;stereo=1", "useinbandfec=0;stereo=1"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_offer("a", SDP_SENDONLY);
		offer.media[0].n_formats = 0;
		add_format(&offer.media[0], 111, CODEC_OPUS, rows[i][0]);
		CU_ASSERT_EQUAL(sdp_agree_publish(&offer, &agreement, &error), 0);
		CU_ASSERT_STRING_EQUAL(agreement.lines[0].fmtp, rows[i][1]);
	}
}

static const struct {
	const char *plan;
	enum sdp_direction direction;
	const struct sdp_feed *feeds;
	unsigned int n_feeds;
	int rc;
	const char *outcome;
} plays[] = {
	{"av", SDP_RECVONLY, feeds_av, 2, 0, "01"},
	{"va", SDP_RECVONLY, feeds_av, 2, 0, "10"},
	{"av", SDP_SENDRECV, feeds_av, 2, 0, "01"},
	{"avvd", SDP_RECVONLY, feeds_av, 2, 0, "01ir"},
	{"avv", SDP_RECVONLY, feeds_vav, 3, 0, "102"},
	{"v", SDP_RECVONLY, feeds_vav, 3, 0, "0"},
	{"aav", SDP_RECVONLY, feeds_vav, 3, 0, "1i0"},
	{"av", SDP_RECVONLY, feeds_av, 1, 0, "0i"},
	{"v", SDP_RECVONLY, feeds_av, 1, -ENOTSUP, ""},
	{"av", SDP_RECVONLY, feeds_av, 0, -ENOTSUP, ""},
	{"av", SDP_SENDONLY, feeds_av, 2, -ENOTSUP, ""},
	{"av", SDP_INACTIVE, feeds_av, 2, -ENOTSUP, ""},
	{"d", SDP_SENDRECV, feeds_av, 2, -ENOTSUP, ""},
};

static void play_maps_lines_to_feeds_by_kind(void)
{
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		make_offer(plays[i].plan, plays[i].direction);
		memset(&agreement, 0, sizeof(agreement));
		int rc = sdp_agree_play(&offer, plays[i].feeds, plays[i].n_feeds, &agreement,
					&error);
		CU_ASSERT_EQUAL(rc, plays[i].rc);
		CU_ASSERT_STRING_EQUAL(outcome(), plays[i].outcome);
	}
}

static void play_passes_over_lines_that_do_not_receive(void)
{
	make_offer("vvv", SDP_RECVONLY);
	offer.media[0].rejected = true;
	offer.media[1].direction = SDP_SENDONLY;
	CU_ASSERT_EQUAL(sdp_agree_play(&offer, feeds_vav, 3, &agreement, &error), 0);
	CU_ASSERT_STRING_EQUAL(outcome(), "ri0");
	CU_ASSERT_EQUAL(agreement.lines[1].ssrc, 0);
}

static const struct {
	enum codec codec;
	const char *feed;
	const char *offered[3];
	int chosen; /* -1: refused */
} formats[] = {
	{CODEC_VP9, "profile-id=0", {"profile-id=2", "profile-id=0"}, 1},
	{CODEC_VP9, "", {"profile-id=2", ""}, 1},
	{CODEC_VP9, "profile-id=2", {"profile-id=0", ""}, -1},
	{CODEC_AV1, "level-idx=5;profile=0;tier=0", {"profile=1", ""}, 1},
	{CODEC_AV1, "profile=1", {"profile=0"}, -1},
	{CODEC_VP8, "max-fs=1", {"max-fs=12288"}, 0},
	{CODEC_H264, CONSTRAINED_1, {BASELINE_1, CONSTRAINED_0, CONSTRAINED_1}, 2},
	{CODEC_H264, CONSTRAINED_1, {HIGH_1, "packetization-mode=1;profile-level-id=42c034"}, 1},
	{CODEC_H264, CONSTRAINED_1, {CONSTRAINED_0, HIGH_1}, 1},
	{CODEC_H264, CONSTRAINED_1, {CONSTRAINED_0}, -1},
	{CODEC_H264, HIGH_1, {CONSTRAINED_1, MAIN_1}, -1},
	{CODEC_H264, MAIN_1, {CONSTRAINED_1, HIGH_1}, 1},
	{CODEC_H264, BASELINE_1, {CONSTRAINED_1}, -1},
	{CODEC_H264, "", {"profile-level-id=42000a"}, 0},
};

static void play_needs_a_format_that_can_decode(void)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct sdp_feed feed = {.codec = formats[i].codec};
		snprintf(feed.fmtp, sizeof(feed.fmtp), "%s", formats[i].feed);
		make_offer("v", SDP_RECVONLY);
		for (uint8_t k = 0; k < 3 && formats[i].offered[k]; k++)
			add_format(&offer.media[0], (uint8_t)(100 + k), feed.codec,
				   formats[i].offered[k]);
		if (feed.codec == CODEC_VP8)
			offer.media[0].formats[0].codec = CODEC_NONE;
		int rc = sdp_agree_play(&offer, &feed, 1, &agreement, &error);
		CU_ASSERT_EQUAL(rc, formats[i].chosen < 0 ? -ENOTSUP : 0);
		if (rc == 0)
			CU_ASSERT_EQUAL(agreement.lines[0].payload_type, 100 + formats[i].chosen);
	}
	struct sdp_feed vp9 = {.codec = CODEC_VP9, .fmtp = "profile-id=2"};
	make_offer("v", SDP_RECVONLY);
	CU_ASSERT_EQUAL(sdp_agree_play(&offer, &vp9, 1, &agreement, &error), -ENOTSUP);
	CU_ASSERT_EQUAL(error.line, 10);
	CU_ASSERT_STRING_EQUAL(error.reason, "mid m0: expected a format for the stream's VP9 "
					     "profile-id=2, found none");
}

static void play_agrees_to_extensions_the_feed_has(void)
{
	struct sdp_feed feed = {.codec = CODEC_VP8};
	make_offer("v", SDP_RECVONLY);
	CU_ASSERT_EQUAL(sdp_agree_play(&offer, &feed, 1, &agreement, &error), 0);
	struct rtp_extension_map mid_only = {.id[RTP_EXT_MID] = 2};
	CU_ASSERT_EQUAL(memcmp(&agreement.lines[0].extensions, &mid_only, sizeof(mid_only)), 0);
	CU_ASSERT_FALSE(agreement.lines[0].transport_cc);
	CU_ASSERT_FALSE(agreement.lines[0].remb);
	CU_ASSERT_TRUE(agreement.lines[0].nack && agreement.lines[0].pli && agreement.lines[0].fir);
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		feed.has_extension[e] = true;
	offer.media[0].extensions.id[RTP_EXT_AUDIO_LEVEL] = 0;
	CU_ASSERT_EQUAL(sdp_agree_play(&offer, &feed, 1, &agreement, &error), 0);
	struct rtp_extension_map expected = offer.media[0].extensions;
	expected.id[RTP_EXT_TRANSPORT_CC] = 0;
	expected.id[RTP_EXT_RID] = expected.id[RTP_EXT_REPAIRED_RID] = 0;
	CU_ASSERT_EQUAL(memcmp(&agreement.lines[0].extensions, &expected, sizeof(expected)), 0);
}

static void viewers_ask_again_only_with_rtx(void)
{
	make_offer("v", SDP_RECVONLY);
	CU_ASSERT_EQUAL(sdp_agree_play(&offer, &feeds_av[1], 1, &agreement, &error), 0);
	CU_ASSERT_TRUE(agreement.lines[0].nack);
	offer.media[0].n_formats = 1;
	CU_ASSERT_EQUAL(sdp_agree_play(&offer, &feeds_av[1], 1, &agreement, &error), 0);
	CU_ASSERT_EQUAL(agreement.lines[0].rtx_payload_type, 0);
	CU_ASSERT_TRUE(!agreement.lines[0].nack && agreement.lines[0].pli);
}

static void play_draws_distinct_sources(void)
{
	uint32_t seen[64];
	unsigned int n = 0;
	for (unsigned int round = 0; round < 4; round++) {
		make_offer("avv", SDP_RECVONLY);
		CU_ASSERT_EQUAL(sdp_agree_play(&offer, feeds_vav, 3, &agreement, &error), 0);
		for (unsigned int i = 0; i < 3; i++) {
			const struct sdp_line *line = &agreement.lines[i];
			CU_ASSERT_EQUAL(line->rtx_ssrc != 0, line->kind == SDP_VIDEO);
			CU_ASSERT_STRING_EQUAL(line->stream_id, agreement.lines[0].stream_id);
			seen[n++] = line->ssrc;
			if (line->rtx_ssrc)
				seen[n++] = line->rtx_ssrc;
		}
		CU_ASSERT_STRING_NOT_EQUAL(agreement.lines[1].track_id,
					   agreement.lines[2].track_id);
	}
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT_NOT_EQUAL(seen[i], 0);
		for (unsigned int k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(seen[i], seen[k]);
	}
}

/* The answer of a browser that takes everything of our offer, read back from its text. */
static void answer_everything(void)
{
	struct sdp_local local = fixture_local(true);
	local.setup = SDP_ACTIVE;
	fixture_write_and_parse(&agreement, &local, &offer);
}

static void propose(void)
{
	static struct sdp_feed feeds[3];
	for (unsigned int i = 0; i < 3; i++) {
		feeds[i] = feeds_vav[i];
		feeds[i].has_extension[RTP_EXT_ABS_SEND_TIME] = true;
	}
	sdp_propose_play(feeds, 3, &agreement);
	answer_everything();
}

static void proposal_numbers_everything(void)
{
	propose();
	CU_ASSERT_STRING_EQUAL(outcome(), "012");
	static const uint8_t types[3][2] = {{96, 97}, {98, 0}, {100, 101}};
	for (unsigned int i = 0; i < 3; i++) {
		const struct sdp_line *line = &agreement.lines[i];
		CU_ASSERT_EQUAL(line->payload_type, types[i][0]);
		CU_ASSERT_EQUAL(line->rtx_payload_type, types[i][1]);
		CU_ASSERT_EQUAL(line->extensions.id[RTP_EXT_MID], 1);
		CU_ASSERT_EQUAL(line->extensions.id[RTP_EXT_ABS_SEND_TIME], 5);
		CU_ASSERT_EQUAL(line->extensions.id[RTP_EXT_TRANSPORT_CC], 0);
	}
	static struct sdp_feed many[SDP_MEDIA_MAX + 1];
	for (unsigned int i = 0; i <= SDP_MEDIA_MAX; i++)
		many[i].codec = CODEC_VP8;
	sdp_propose_play(many, SDP_MEDIA_MAX + 1, &agreement);
	CU_ASSERT_EQUAL(agreement.n_lines, SDP_MEDIA_MAX);
	CU_ASSERT_EQUAL(agreement.lines[SDP_MEDIA_MAX - 1].rtx_payload_type, 127);
}

static void answer_takes_what_it_takes(void)
{
	propose();
	CU_ASSERT_EQUAL(sdp_take_answer(&offer, &agreement, &error), 0);
	CU_ASSERT_STRING_EQUAL(outcome(), "012");
	CU_ASSERT_EQUAL(agreement.lines[0].rtx_payload_type, 97);
	CU_ASSERT_TRUE(agreement.lines[0].nack);
	offer.media[0].n_formats = 1;
	CU_ASSERT_EQUAL(sdp_take_answer(&offer, &agreement, &error), 0);
	CU_ASSERT_FALSE(agreement.lines[0].nack);
	offer.media[0].rejected = true;
	offer.media[1].direction = SDP_INACTIVE;
	offer.media[2].formats[0].nack = false;
	offer.media[2].formats[0].fir = false;
	offer.media[2].extensions.id[RTP_EXT_ABS_SEND_TIME] = 9;
	CU_ASSERT_EQUAL(sdp_take_answer(&offer, &agreement, &error), 0);
	CU_ASSERT_STRING_EQUAL(outcome(), "ri2");
	const struct sdp_line *line = &agreement.lines[2];
	CU_ASSERT_TRUE(!line->nack && line->pli && !line->fir);
	CU_ASSERT_EQUAL(line->rtx_payload_type, 0);
	CU_ASSERT_EQUAL(line->rtx_ssrc, 0);
	CU_ASSERT_EQUAL(line->extensions.id[RTP_EXT_MID], 1);
	CU_ASSERT_EQUAL(line->extensions.id[RTP_EXT_ABS_SEND_TIME], 0);
}

static void spoil_count(void)
{
	offer.n_media = 2;
}

static void spoil_setup(void)
{
	offer.setup = SDP_ACTPASS;
}

static void spoil_mid(void)
{
	offer.media[1].mid[0] = 'x';
}

static void spoil_kind(void)
{
	offer.media[1].kind = SDP_VIDEO;
}

static void spoil_payload_type(void)
{
	offer.media[2].formats[0].payload_type = 110;
}

static void spoil_codec(void)
{
	offer.media[2].formats[0].codec = CODEC_VP9;
}

static void spoil_all(void)
{
	for (unsigned int i = 0; i < 3; i++)
		offer.media[i].rejected = true;
}

static void answer_must_fit_the_offer(void)
{
	static void (*const spoils[])(void) = {spoil_count, spoil_setup,        spoil_mid,
					       spoil_kind,  spoil_payload_type, spoil_codec,
					       spoil_all};
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		propose();
		struct sdp_agreement before = agreement;
		spoils[i]();
		error.reason[0] = '\0';
		CU_ASSERT_EQUAL(sdp_take_answer(&offer, &agreement, &error), -ENOTSUP);
		CU_ASSERT_NOT_EQUAL(error.reason[0], '\0');
		CU_ASSERT_EQUAL(memcmp(&before, &agreement, sizeof(before)), 0);
	}
}

static CU_TestInfo tests[] = {
	{"publish_numbers_feeds_in_order", publish_numbers_feeds_in_order},
	{"publish_holds_what_is_not_sent", publish_holds_what_is_not_sent},
	{"publish_takes_the_first_codec_known", publish_takes_the_first_codec_known},
	{"publish_picks_among_h264_formats", publish_picks_among_h264_formats},
	{"publish_agrees_to_offered_extensions", publish_agrees_to_offered_extensions},
	{"opus_is_asked_for_error_correction", opus_is_asked_for_error_correction},
	{"play_maps_lines_to_feeds_by_kind", play_maps_lines_to_feeds_by_kind},
	{"play_passes_over_lines_that_do_not_receive", play_passes_over_lines_that_do_not_receive},
	{"play_needs_a_format_that_can_decode", play_needs_a_format_that_can_decode},
	{"play_agrees_to_extensions_the_feed_has", play_agrees_to_extensions_the_feed_has},
	{"viewers_ask_again_only_with_rtx", viewers_ask_again_only_with_rtx},
	{"play_draws_distinct_sources", play_draws_distinct_sources},
	{"proposal_numbers_everything", proposal_numbers_everything},
	{"answer_takes_what_it_takes", answer_takes_what_it_takes},
	{"answer_must_fit_the_offer", answer_must_fit_the_offer},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp_agree", tests)
