/* Codec descriptors (RFC 7741 VP8, RFC 9628 VP9, RFC 6184 H264, AV1 RTP spec, RFC 7587 Opus): the
 * table of what we negotiate, and what a payload's first bytes say. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum media_kind { MEDIA_AUDIO, MEDIA_VIDEO, MEDIA_KINDS };

enum codec { CODEC_OPUS, CODEC_VP8, CODEC_VP9, CODEC_H264, CODEC_AV1, CODECS, CODEC_NONE = -1 };

struct codec_row {
	const char *name; /* SDP encoding name */
	enum media_kind kind;
	uint32_t clock_hz;
	uint8_t channels; /* audio only, else 0 */
};

/* NULL for CODEC_NONE. */
const struct codec_row *codec_row(enum codec codec);
/* Case-insensitive; CODEC_NONE when unknown. */
enum codec codec_by_name(const char *name, size_t len);

/* Whether the RTP payload begins a key frame (decoding can start here). Truncated or nonsensical
 * descriptors are false. An H264 key frame may answer true more than once: at its SPS and at each
 * IDR slice. Opus is always true. */
bool codec_keyframe_start(enum codec codec, const uint8_t *payload, size_t size);
