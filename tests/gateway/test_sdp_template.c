/* What a template writes is what sdp_write writes, for everybody it fits; and whom it fits. */
#include "gateway/sdp_template.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/gateway/sdp_fixture.h"

static struct sdp_session offer;
static char expected[SDP_TEMPLATE_BYTES_MAX];

static const struct sdp_feed feeds[] = {
	{.codec = CODEC_OPUS, .fmtp = "minptime=10;useinbandfec=1"},
	{.codec = CODEC_VP8, .has_extension[RTP_EXT_VIDEO_ORIENTATION] = true},
};

static struct sdp_agreement agree(const char *name)
{
	struct sdp_agreement agreement;
	fixture_parse(name, &offer);
	CU_ASSERT_EQUAL_FATAL(sdp_agree_play(&offer, feeds, 2, &agreement, &fixture_error), 0);
	return agreement;
}

/* Another session's own. */
static struct sdp_local other_local(void)
{
	struct sdp_local local = fixture_local(false);
	local.session_id = UINT64_MAX;
	local.version = 77;
	local.ice_ufrag = "a";
	local.ice_pwd = "anotherpasswordofanothersessionthatislonger";
	local.cname = "somebody.else";
	return local;
}

static void expect_same(const struct sdp_template *made, const struct sdp_agreement *agreement,
			const struct sdp_local *local)
{
	int size = sdp_write(agreement, local, expected, sizeof(expected));
	CU_ASSERT_TRUE_FATAL(size > 0);
	CU_ASSERT_TRUE(sdp_template_fits(made, agreement, local));
	CU_ASSERT_EQUAL(
		sdp_template_write(made, agreement, local, fixture_text, sizeof(fixture_text)),
		size);
	CU_ASSERT_STRING_EQUAL(fixture_text, expected);
}

static const char *const offers[] = {"chromium_play", "chromium_play_data", "chromium_play_three",
				     "chromium_play_sendrecv", "firefox_play"};

static void next_viewer_gets_what_would_be_written(void)
{
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct sdp_local local = fixture_local(false), other = other_local();
		struct sdp_agreement first = agree(offers[i]);
		struct sdp_template *made = sdp_template_create(&first, &local);
		CU_ASSERT_PTR_NOT_NULL_FATAL(made);
		expect_same(made, &first, &local);
		/* With SSRCs of its own. */
		struct sdp_agreement second = agree(offers[i]);
		CU_ASSERT_NOT_EQUAL(memcmp(&first, &second, sizeof(first)), 0);
		expect_same(made, &second, &other);
		sdp_template_destroy(made);
	}
}

static void sources_are_told_apart(void)
{
	struct sdp_local local = fixture_local(false);
	struct sdp_agreement agreement = agree("chromium_play");
	struct sdp_template *made = sdp_template_create(&agreement, &local);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	for (unsigned int i = 0; i < agreement.n_lines; i++) {
		agreement.lines[i].ssrc = 10 + i;
		if (agreement.lines[i].rtx_ssrc)
			agreement.lines[i].rtx_ssrc = 4000000000 + i;
	}
	expect_same(made, &agreement, &local);
	agreement.lines[1].rtx_ssrc = 0;
	CU_ASSERT_FALSE(sdp_template_fits(made, &agreement, &local));
	sdp_template_destroy(made);
}

/* Each change of what is said to a viewer makes it fit no more. */
static void change_codec(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)local;
	agreement->lines[1].codec = CODEC_VP9;
}

static void change_fmtp(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)local;
	agreement->lines[0].fmtp[0] ^= 1;
}

static void change_payload_type(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)local;
	agreement->lines[1].payload_type ^= 1;
}

static void change_extension(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)local;
	agreement->lines[1].extensions.id[RTP_EXT_VIDEO_ORIENTATION] = 0;
}

static void change_feed(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)local;
	agreement->lines[0].feed = -1;
}

static void change_lines(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)local;
	agreement->n_lines--;
}

static void change_setup(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)agreement;
	local->setup = SDP_ACTIVE;
}

static void change_candidates(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)agreement;
	local->n_candidates--;
}

static void change_fingerprint(struct sdp_agreement *agreement, struct sdp_local *local)
{
	(void)agreement;
	local->fingerprint = "AA:BB";
}

static void what_differs_does_not_fit(void)
{
	static void (*const changes[])(struct sdp_agreement * agreement,
				       struct sdp_local * local) = {
		change_codec, change_fmtp,  change_payload_type, change_extension,  change_feed,
		change_lines, change_setup, change_candidates,   change_fingerprint};
	struct sdp_local local = fixture_local(false);
	struct sdp_agreement agreement = agree("chromium_play");
	struct sdp_template *made = sdp_template_create(&agreement, &local);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct sdp_agreement changed = agreement;
		struct sdp_local changed_local = local;
		changes[i](&changed, &changed_local);
		CU_ASSERT_FALSE(sdp_template_fits(made, &changed, &changed_local));
	}
	CU_ASSERT_TRUE(sdp_template_fits(made, &agreement, &local));
	sdp_template_destroy(made);
}

static void too_little_room_is_told(void)
{
	struct sdp_local local = fixture_local(false);
	struct sdp_agreement agreement = agree("chromium_play");
	struct sdp_template *made = sdp_template_create(&agreement, &local);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	int size = sdp_write(&agreement, &local, expected, sizeof(expected));
	for (int room = 0; room <= size; room++) {
		char *out = malloc((size_t)room + 1);
		out[room] = '#';
		CU_ASSERT_EQUAL(sdp_template_write(made, &agreement, &local, out, (size_t)room),
				-ENOSPC);
		CU_ASSERT_EQUAL(out[room], '#');
		free(out);
	}
	sdp_template_destroy(made);
}

static CU_TestInfo tests[] = {
	{"next_viewer_gets_what_would_be_written", next_viewer_gets_what_would_be_written},
	{"sources_are_told_apart", sources_are_told_apart},
	{"what_differs_does_not_fit", what_differs_does_not_fit},
	{"too_little_room_is_told", too_little_room_is_told},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp_template", tests)
