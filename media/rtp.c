/* The names of the header extensions: what SDP writes in a=extmap lines. What runs per packet is in
 * rtp_dp.c. */
#include "media/rtp.h"

#include <assert.h>
#include <string.h>

static const char *const uris[] = {
	[RTP_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
	[RTP_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
	[RTP_EXT_REPAIRED_RID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
	[RTP_EXT_TRANSPORT_CC] = "http://www.ietf.org/id/"
				 "draft-holmer-rmcat-transport-wide-cc-extensions-01",
	[RTP_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	[RTP_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	[RTP_EXT_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
	[RTP_EXT_DEPENDENCY_DESCRIPTOR] = "https://aomediacodec.github.io/av1-rtp-spec/"
					  "#dependency-descriptor-rtp-header-extension",
};
static_assert(sizeof(uris) / sizeof(uris[0]) == RTP_EXTENSIONS, "one URI per extension");

const char *rtp_extension_uri(enum rtp_extension extension)
{
	assert(extension < RTP_EXTENSIONS);
	return uris[extension];
}

int rtp_extension_by_uri(const char *uri, size_t uri_len)
{
	for (int e = 0; e < RTP_EXTENSIONS; e++) {
		if (strlen(uris[e]) == uri_len && memcmp(uris[e], uri, uri_len) == 0)
			return e;
	}
	return -1;
}
