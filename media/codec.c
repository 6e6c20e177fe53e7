/* The codecs a gateway may negotiate. It decodes none of them: see codec_dp.c for the few bits it
 * reads of a payload. */
#include "media/codec.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const struct codec_row rows[] = {
	[CODEC_OPUS] = {"opus", MEDIA_AUDIO, 48000, 2}, /* RFC 7587 7: always two channels */
	[CODEC_VP8] = {"VP8", MEDIA_VIDEO, 90000, 0},
	[CODEC_VP9] = {"VP9", MEDIA_VIDEO, 90000, 0},
	[CODEC_H264] = {"H264", MEDIA_VIDEO, 90000, 0},
	[CODEC_AV1] = {"AV1", MEDIA_VIDEO, 90000, 0},
};
static_assert(sizeof(rows) / sizeof(rows[0]) == CODECS, "one row per codec");

const struct codec_row *codec_row(enum codec codec)
{
	return (unsigned int)codec < CODECS ? &rows[codec] : NULL;
}

enum codec codec_by_name(const char *name, size_t len)
{
	for (int c = 0; c < CODECS; c++) {
		if (strlen(rows[c].name) == len && strncasecmp(rows[c].name, name, len) == 0)
			return (enum codec)c;
	}
	return CODEC_NONE;
}
