/* Format parameters (a=fmtp): which of them say whether one side's format can carry the other's
 * stream (RFC 6184 8.2.2 H264, RFC 9628 6 VP9, AV1 RTP 7.2.3, RFC 7587 7 Opus). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/sdp_text.h"

/* Copies parameters as offered but for sprop-*; false, with out[0] = 0, when they do not fit. */
bool fmtp_copy(struct span parameters, char *out, size_t room);
/* The parameter's number: the value as decimal, else `missing`. */
unsigned int fmtp_number(const char *fmtp, const char *name, unsigned int missing);
/* Adds "name=value" unless the parameter is there already or there is no room. */
void fmtp_add(char *fmtp, size_t room, const char *name, const char *value);

enum h264_profile {
	H264_CONSTRAINED_BASELINE,
	H264_BASELINE,
	H264_EXTENDED,
	H264_MAIN,
	H264_CONSTRAINED_HIGH,
	H264_HIGH,
	H264_HIGH_444,
	H264_OTHER
};

enum h264_profile fmtp_h264_profile(const char *fmtp);

/* How well a receiver's format `offered` takes a stream made under `feed`'s parameters: 0 not at
 * all, 1 its profile includes the stream's, 2 the same profile, 3 the same profile and level. */
unsigned int fmtp_match(enum codec codec, const char *feed, const char *offered);
