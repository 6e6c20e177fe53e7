/* Decides what is agreed for each m-line of an offer. The peer's numbers are taken over as they are
 * (payload types, extension numbers); what we choose is the codec, which extensions and feedback
 * are of use in that direction, and the SSRCs of what we send. A publisher's simulcast is not
 * agreed, so a browser that offered it sends its first encoding alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/random.h"
#include "gateway/sdp_fmtp.h"

#define STREAM_ID "nn5g"

static bool is_rtp(const struct sdp_media *media)
{
	return media->kind == SDP_AUDIO || media->kind == SDP_VIDEO;
}

static bool can_send(const struct sdp_media *media)
{
	return media->direction == SDP_SENDRECV || media->direction == SDP_SENDONLY;
}

static bool can_receive(const struct sdp_media *media)
{
	return media->direction == SDP_SENDRECV || media->direction == SDP_RECVONLY;
}

/* The line as it is answered when nothing is agreed. */
static struct sdp_line *line_open(struct sdp_agreement *agreement, const struct sdp_media *media)
{
	struct sdp_line *line = &agreement->lines[agreement->n_lines++];
	*line = (struct sdp_line){.kind = media->kind, .codec = CODEC_NONE, .feed = -1};
	memcpy(line->kind_name, media->kind_name, sizeof(line->kind_name));
	memcpy(line->mid, media->mid, sizeof(line->mid));
	memcpy(line->protocol, media->protocol, sizeof(line->protocol));
	memcpy(line->format_text, media->format_text, sizeof(line->format_text));
	return line;
}

static uint8_t rtx_payload_type(const struct sdp_media *media, const struct sdp_format *format)
{
	for (unsigned int i = 0; i < media->n_formats && format->nack; i++)
		if (media->formats[i].rtx_of == format->payload_type)
			return media->formats[i].payload_type;
	return 0;
}

static void line_accept(struct sdp_line *line, const struct sdp_media *media,
			const struct sdp_format *format)
{
	line->accepted = true;
	line->rtcp_rsize = media->rtcp_rsize;
	line->rtcp_rtt = media->rtcp_rtt;
	line->codec = format->codec;
	line->payload_type = format->payload_type;
	line->rtx_payload_type = rtx_payload_type(media, format);
	line->nack = format->nack;
	line->pli = format->pli;
	line->fir = format->fir;
	line->transport_cc = format->transport_cc;
	line->remb = format->remb;
	memcpy(line->fmtp, format->fmtp, sizeof(line->fmtp));
	if (format->codec == CODEC_OPUS)
		fmtp_add(line->fmtp, sizeof(line->fmtp), "useinbandfec", "1");
}

static const struct sdp_format *first_known(const struct sdp_media *media)
{
	for (unsigned int i = 0; i < media->n_formats; i++)
		if (media->formats[i].codec != CODEC_NONE)
			return &media->formats[i];
	return NULL;
}

/* The first H264 format with packetization-mode=1, of `profile` or (H264_OTHER) of any. */
static const struct sdp_format *first_h264(const struct sdp_media *media, enum h264_profile profile)
{
	for (unsigned int i = 0; i < media->n_formats; i++) {
		const struct sdp_format *format = &media->formats[i];
		if (format->codec == CODEC_H264 &&
		    fmtp_number(format->fmtp, "packetization-mode", 0) == 1 &&
		    (profile == H264_OTHER || fmtp_h264_profile(format->fmtp) == profile))
			return format;
	}
	return NULL;
}

static const struct sdp_format *format_to_publish(const struct sdp_media *media)
{
	const struct sdp_format *first = first_known(media), *better;
	if (!first || first->codec != CODEC_H264)
		return first;
	better = first_h264(media, H264_OTHER);
	if (!better)
		return first;
	if (fmtp_h264_profile(better->fmtp) != H264_BASELINE)
		return better;
	first = first_h264(media, H264_CONSTRAINED_BASELINE);
	return first ? first : better;
}

int sdp_agree_publish(const struct sdp_session *offer, struct sdp_agreement *agreement,
		      struct sdp_error *error)
{
	struct sdp_agreement made = {.extmap_allow_mixed = offer->extmap_allow_mixed};
	int n_feeds = 0;
	for (unsigned int i = 0; i < offer->n_media; i++) {
		const struct sdp_media *media = &offer->media[i];
		struct sdp_line *line = line_open(&made, media);
		const struct sdp_format *format = format_to_publish(media);
		if (media->rejected || !is_rtp(media) || !format)
			continue;
		line_accept(line, media, format);
		line->extensions = media->extensions;
		/* Of use only together. */
		if (!line->transport_cc || !line->extensions.id[RTP_EXT_TRANSPORT_CC]) {
			line->transport_cc = false;
			line->extensions.id[RTP_EXT_TRANSPORT_CC] = 0;
		}
		if (!can_send(media))
			continue;
		line->feed = n_feeds++;
		line->ssrc = media->ssrc;
		line->rtx_ssrc = line->rtx_payload_type ? media->rtx_ssrc : 0;
		memcpy(line->stream_id, media->stream_id, sizeof(line->stream_id));
		memcpy(line->track_id, media->track_id, sizeof(line->track_id));
	}
	if (n_feeds == 0)
		return sdp_fail(
			error, 0, -ENOTSUP,
			"expected an m-line that sends Opus, VP8, VP9, H264 or AV1, found none");
	*agreement = made;
	return 0;
}

static bool ssrc_is_free(const struct sdp_agreement *agreement, uint32_t ssrc)
{
	for (unsigned int i = 0; i < agreement->n_lines; i++)
		if (agreement->lines[i].ssrc == ssrc || agreement->lines[i].rtx_ssrc == ssrc)
			return false;
	return ssrc != 0;
}

static uint32_t draw_ssrc(const struct sdp_agreement *agreement)
{
	uint32_t drawn;
	do {
		drawn = random_u32();
	} while (!ssrc_is_free(agreement, drawn));
	return drawn;
}

/* What we tell of a line we send on. */
static void line_send(struct sdp_agreement *agreement, struct sdp_line *line, int feed)
{
	line->ssrc = draw_ssrc(agreement);
	if (line->rtx_payload_type)
		line->rtx_ssrc = draw_ssrc(agreement);
	line->feed = feed;
	(void)snprintf(line->stream_id, sizeof(line->stream_id), STREAM_ID);
	(void)snprintf(line->track_id, sizeof(line->track_id), STREAM_ID "-%d", feed);
}

/* What a viewer has use for; congestion is judged from its receiver reports. */
static bool is_for_viewers(enum rtp_extension extension, const struct sdp_feed *feed)
{
	switch (extension) {
	case RTP_EXT_MID:
		return true;
	case RTP_EXT_RID:
	case RTP_EXT_REPAIRED_RID:
	case RTP_EXT_TRANSPORT_CC:
		return false;
	default:
		return feed && feed->has_extension[extension];
	}
}

static const struct sdp_format *format_to_play(const struct sdp_media *media,
					       const struct sdp_feed *feed)
{
	const struct sdp_format *best = NULL;
	unsigned int best_match = 0;
	for (unsigned int i = 0; i < media->n_formats; i++) {
		const struct sdp_format *format = &media->formats[i];
		if (format->codec != feed->codec)
			continue;
		unsigned int match = fmtp_match(feed->codec, feed->fmtp, format->fmtp);
		if (match > best_match) {
			best = format;
			best_match = match;
		}
	}
	return best;
}

/* The next feed of this kind after *index, which is moved on to it. */
static const struct sdp_feed *next_feed(const struct sdp_feed *feeds, unsigned int n_feeds,
					enum sdp_kind kind, int *index)
{
	enum media_kind wanted = kind == SDP_AUDIO ? MEDIA_AUDIO : MEDIA_VIDEO;
	while (++*index < (int)n_feeds)
		if (codec_row(feeds[*index].codec)->kind == wanted)
			return &feeds[*index];
	return NULL;
}

static int play_line(struct sdp_agreement *agreement, const struct sdp_media *media,
		     const struct sdp_feed *feed, int index, struct sdp_error *error)
{
	struct sdp_line *line = &agreement->lines[agreement->n_lines - 1];
	const struct sdp_format *format = feed ? format_to_play(media, feed) : first_known(media);
	if (!format && feed)
		return sdp_fail(error, media->line, -ENOTSUP,
				"mid %s: expected a format for the stream's %s%s%.80s, found none",
				media->mid, codec_row(feed->codec)->name, feed->fmtp[0] ? " " : "",
				feed->fmtp);
	if (!format)
		return 0;
	line_accept(line, media, format);
	line->transport_cc = line->remb = false;
	/* We repeat packets as RTX alone, so a viewer without it must not wait for a repetition. */
	line->nack &= line->rtx_payload_type != 0;
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		if (is_for_viewers(e, feed))
			line->extensions.id[e] = media->extensions.id[e];
	if (feed)
		line_send(agreement, line, index);
	return 0;
}

int sdp_agree_play(const struct sdp_session *offer, const struct sdp_feed *feeds,
		   unsigned int n_feeds, struct sdp_agreement *agreement, struct sdp_error *error)
{
	struct sdp_agreement made = {.extmap_allow_mixed = offer->extmap_allow_mixed};
	int index[2] = {-1, -1}; /* last feed taken, of audio and of video */
	unsigned int n_playing = 0;
	for (unsigned int i = 0; i < offer->n_media; i++) {
		const struct sdp_media *media = &offer->media[i];
		const struct sdp_feed *feed = NULL;
		(void)line_open(&made, media);
		if (media->rejected || !is_rtp(media))
			continue;
		int *last = &index[media->kind == SDP_VIDEO];
		if (can_receive(media))
			feed = next_feed(feeds, n_feeds, media->kind, last);
		int rc = play_line(&made, media, feed, *last, error);
		if (rc < 0)
			return rc;
		n_playing += feed != NULL;
	}
	if (n_playing == 0)
		return sdp_fail(error, 0, -ENOTSUP,
				"expected an m-line that receives audio or video the stream has, "
				"found none");
	*agreement = made;
	return 0;
}

static void propose_line(struct sdp_agreement *agreement, const struct sdp_feed *feed, int index)
{
	struct sdp_line *line = &agreement->lines[agreement->n_lines++];
	const struct codec_row *row = codec_row(feed->codec);
	bool is_video = row->kind == MEDIA_VIDEO;
	*line = (struct sdp_line){
		.accepted = true,
		.rtcp_rsize = true,
		.rtcp_rtt = true,
		.kind = is_video ? SDP_VIDEO : SDP_AUDIO,
		.codec = feed->codec,
		.payload_type = (uint8_t)(96 + 2 * index),
		.rtx_payload_type = is_video ? (uint8_t)(97 + 2 * index) : 0,
		.nack = is_video,
		.pli = is_video,
		.fir = is_video,
	};
	memcpy(line->fmtp, feed->fmtp, sizeof(line->fmtp));
	(void)snprintf(line->kind_name, sizeof(line->kind_name), is_video ? "video" : "audio");
	(void)snprintf(line->mid, sizeof(line->mid), "%d", index);
	(void)snprintf(line->protocol, sizeof(line->protocol), "UDP/TLS/RTP/SAVPF");
	(void)snprintf(line->format_text, sizeof(line->format_text), "%d", line->payload_type);
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		if (is_for_viewers(e, feed))
			line->extensions.id[e] = (uint8_t)(e + 1);
}

void sdp_propose_play(const struct sdp_feed *feeds, unsigned int n_feeds,
		      struct sdp_agreement *agreement)
{
	*agreement = (struct sdp_agreement){.extmap_allow_mixed = true};
	for (unsigned int i = 0; i < n_feeds && i < SDP_MEDIA_MAX; i++) {
		propose_line(agreement, &feeds[i], (int)i);
		line_send(agreement, &agreement->lines[i], (int)i);
	}
}

static int answer_fail(struct sdp_error *error, const struct sdp_media *media, const char *reason)
{
	return sdp_fail(error, media->line, -ENOTSUP, "the answer does not fit the offer: %s",
			reason);
}

static const struct sdp_format *format_find(const struct sdp_media *media, uint8_t payload_type)
{
	for (unsigned int i = 0; i < media->n_formats; i++)
		if (media->formats[i].payload_type == payload_type)
			return &media->formats[i];
	return NULL;
}

static int take_line(struct sdp_line *line, const struct sdp_media *media, struct sdp_error *error)
{
	if (media->kind != line->kind || strcmp(media->mid, line->mid) != 0)
		return answer_fail(error, media, "expected the offer's m-lines and mids");
	if (media->rejected) {
		line->accepted = false;
		line->feed = -1;
		return 0;
	}
	const struct sdp_format *format = format_find(media, line->payload_type);
	if (!format || format->codec != line->codec ||
	    fmtp_match(line->codec, line->fmtp, format->fmtp) == 0)
		return answer_fail(error, media, "expected the payload type and codec offered");
	if (!can_receive(media))
		line->feed = -1;
	line->rtcp_rsize &= media->rtcp_rsize;
	line->rtcp_rtt &= media->rtcp_rtt;
	line->nack &= format->nack;
	line->pli &= format->pli;
	line->fir &= format->fir;
	if (line->rtx_payload_type != rtx_payload_type(media, format))
		line->rtx_payload_type = 0;
	if (!line->rtx_payload_type) {
		line->rtx_ssrc = 0;
		line->nack = false;
	}
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		if (line->extensions.id[e] != media->extensions.id[e])
			line->extensions.id[e] = 0;
	return 0;
}

int sdp_take_answer(const struct sdp_session *answer, struct sdp_agreement *agreement,
		    struct sdp_error *error)
{
	struct sdp_agreement taken = *agreement;
	unsigned int n_playing = 0;
	if (answer->n_media != taken.n_lines)
		return sdp_fail(error, 0, -ENOTSUP, "expected an answer of %u m-lines, found %u",
				taken.n_lines, answer->n_media);
	if (answer->setup == SDP_ACTPASS)
		return sdp_fail(error, 0, -ENOTSUP,
				"expected an answer with a=setup:active or passive");
	for (unsigned int i = 0; i < taken.n_lines; i++) {
		int rc = take_line(&taken.lines[i], &answer->media[i], error);
		if (rc < 0)
			return rc;
		n_playing += taken.lines[i].feed >= 0;
	}
	if (n_playing == 0)
		return sdp_fail(error, 0, -ENOTSUP, "the answer takes none of the stream's feeds");
	taken.extmap_allow_mixed &= answer->extmap_allow_mixed;
	*agreement = taken;
	return 0;
}
