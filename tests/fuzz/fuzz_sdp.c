/* A description from a stranger: read it, agree to it both ways, and read back what we answer. What
 * we write must always be readable and say what was agreed. */
#include <stdlib.h>
#include <string.h>

#include "gateway/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sdp_session session, back;
static struct sdp_agreement agreement;
static struct sdp_error error;
static char text[128 * 1024];

static void check_written(bool publish)
{
	static const struct sdp_candidate candidate = {
		.address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2}, .port = 8443}};
	struct sdp_local local = {
		.ice_ufrag = "abcdefghijkl",
		.ice_pwd = "abcdefghijklmnopqrstuvwxyz012345",
		.fingerprint =
			"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:"
			"77:88:99:AA:BB:CC:DD:EE:FF",
		.setup = SDP_PASSIVE,
		.candidates = &candidate,
		.n_candidates = 1,
		.publish = publish,
		.cname = "node",
	};
	int written = sdp_write(&agreement, &local, text, sizeof(text));
	if (written < 0)
		abort();
	/* Our peers are never lite; without that line our own text must do. */
	char *lite = strstr(text, "a=ice-lite\r\n");
	if (!lite)
		abort();
	memmove(lite, lite + 12, strlen(lite + 12) + 1);
	if (sdp_parse(text, (size_t)written - 12, &back, &error) < 0)
		abort();
	for (unsigned int i = 0; i < agreement.n_lines; i++) {
		const struct sdp_line *line = &agreement.lines[i];
		const struct sdp_media *media = &back.media[i];
		if (media->rejected == line->accepted || strcmp(media->mid, line->mid) != 0)
			abort();
		if (line->accepted && (media->formats[0].codec != line->codec ||
				       strcmp(media->formats[0].fmtp, line->fmtp) != 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sdp_feed videos[] = {
		{.codec = CODEC_VP8,
		 .has_extension = {true, true, true, true, true, true, true, true}},
		{.codec = CODEC_VP9, .fmtp = "profile-id=2"},
		{.codec = CODEC_H264, .fmtp = "packetization-mode=1;profile-level-id=42e01f"},
		{.codec = CODEC_AV1},
	};
	if (sdp_parse((const char *)data, size, &session, &error) < 0) {
		if (error.reason[0] == '\0' || strlen(error.reason) >= sizeof(error.reason))
			abort();
		return 0;
	}
	if (sdp_agree_publish(&session, &agreement, &error) == 0)
		check_written(true);
	for (size_t i = 0; i < sizeof(videos) / sizeof(videos[0]); i++) {
		struct sdp_feed feeds[2] = {{.codec = CODEC_OPUS}, videos[i]};
		if (sdp_agree_play(&session, feeds, 2, &agreement, &error) == 0)
			check_written(false);
		sdp_propose_play(feeds, 2, &agreement);
		if (sdp_take_answer(&session, &agreement, &error) == 0)
			check_written(false);
	}
	return 0;
}
