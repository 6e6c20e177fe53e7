/* Format parameters. A stream is forwarded as it was encoded, so what matters is what the receiver
 * must be able to decode: profile and packetization. Levels are left aside: browsers negotiate them
 * asymmetrically, and their decoders take what comes. */
#include "gateway/sdp_fmtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Takes the next "name=value" off *rest; false at the end. */
static bool parameter_next(struct span *rest, struct span *name, struct span *value)
{
	while (rest->size) {
		struct span parameter = span_until(rest, ';');
		while (parameter.size && *parameter.at == ' ') {
			parameter.at++;
			parameter.size--;
		}
		while (parameter.size && parameter.at[parameter.size - 1] == ' ')
			parameter.size--;
		if (parameter.size == 0)
			continue;
		*value = parameter;
		*name = span_until(value, '=');
		return true;
	}
	return false;
}

static bool parameter_find(const char *fmtp, const char *wanted, struct span *value)
{
	struct span rest = {fmtp, strlen(fmtp)}, name;
	while (parameter_next(&rest, &name, value))
		if (name.size == strlen(wanted) && strncasecmp(name.at, wanted, name.size) == 0)
			return true;
	return false;
}

bool fmtp_copy(struct span parameters, char *out, size_t room)
{
	size_t used = 0;
	struct span name, value;
	out[0] = '\0';
	while (parameter_next(&parameters, &name, &value)) {
		if (name.size >= 6 && strncasecmp(name.at, "sprop-", 6) == 0)
			continue;
		/* name and value are neighbours in the body, '=' between them. */
		size_t size = (size_t)(value.at + value.size - name.at);
		if (used + (used > 0) + size + 1 > room) {
			out[0] = '\0';
			return false;
		}
		if (used)
			out[used++] = ';';
		memcpy(out + used, name.at, size);
		used += size;
		out[used] = '\0';
	}
	return true;
}

unsigned int fmtp_number(const char *fmtp, const char *name, unsigned int missing)
{
	struct span value;
	uint64_t number;
	if (!parameter_find(fmtp, name, &value) || !span_number(value, 1000000, &number))
		return missing;
	return (unsigned int)number;
}

void fmtp_add(char *fmtp, size_t room, const char *name, const char *value)
{
	struct span present;
	size_t used = strlen(fmtp);
	if (parameter_find(fmtp, name, &present) || used + strlen(name) + strlen(value) + 3 > room)
		return;
	(void)snprintf(fmtp + used, room - used, "%s%s=%s", used ? ";" : "", name, value);
}

/* profile-level-id as 24 bits; RFC 6184 8.1 says what its absence means. */
static unsigned int profile_level_id(const char *fmtp)
{
	char text[7], *end;
	struct span value;
	if (!parameter_find(fmtp, "profile-level-id", &value) || value.size != 6 ||
	    !span_copy(value, text, sizeof(text)))
		return 0x42000a;
	unsigned long id = strtoul(text, &end, 16);
	return *end == '\0' ? (unsigned int)id : 0x42000a;
}

/* RFC 6184 table 5: profile_idc, and the profile-iop bits that tell profiles apart. */
static const struct {
	uint8_t idc, mask, iop;
	enum h264_profile profile;
} profiles[] = {
	{0x42, 0x4f, 0x40, H264_CONSTRAINED_BASELINE},
	{0x4d, 0x8f, 0x80, H264_CONSTRAINED_BASELINE},
	{0x58, 0xcf, 0xc0, H264_CONSTRAINED_BASELINE},
	{0x42, 0x4f, 0x00, H264_BASELINE},
	{0x58, 0xcf, 0x80, H264_BASELINE},
	{0x58, 0xcf, 0x00, H264_EXTENDED},
	{0x4d, 0xaf, 0x00, H264_MAIN},
	{0x64, 0xff, 0x0c, H264_CONSTRAINED_HIGH},
	{0x64, 0xff, 0x00, H264_HIGH},
	{0xf4, 0xff, 0x00, H264_HIGH_444},
};

enum h264_profile fmtp_h264_profile(const char *fmtp)
{
	unsigned int id = profile_level_id(fmtp), idc = id >> 16, iop = id >> 8 & 0xff;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (profiles[i].idc == idc && (iop & profiles[i].mask) == profiles[i].iop)
			return profiles[i].profile;
	return H264_OTHER;
}

/* The profiles whose decoders also decode the one the row is for (ITU-T H.264 annex A). */
static const unsigned int included_in[] = {
	[H264_CONSTRAINED_BASELINE] = 1u << H264_BASELINE | 1u << H264_EXTENDED | 1u << H264_MAIN |
				      1u << H264_CONSTRAINED_HIGH | 1u << H264_HIGH |
				      1u << H264_HIGH_444,
	[H264_BASELINE] = 1u << H264_EXTENDED,
	[H264_MAIN] = 1u << H264_HIGH | 1u << H264_HIGH_444,
	[H264_CONSTRAINED_HIGH] = 1u << H264_HIGH | 1u << H264_HIGH_444,
	[H264_HIGH] = 1u << H264_HIGH_444,
	[H264_OTHER] = 0,
};

static unsigned int h264_match(const char *feed, const char *offered)
{
	enum h264_profile from = fmtp_h264_profile(feed), to = fmtp_h264_profile(offered);
	if (fmtp_number(feed, "packetization-mode", 0) !=
	    fmtp_number(offered, "packetization-mode", 0))
		return 0;
	if (profile_level_id(feed) == profile_level_id(offered))
		return 3;
	if (from == H264_OTHER && to == H264_OTHER)
		return profile_level_id(feed) >> 8 == profile_level_id(offered) >> 8 ? 2 : 0;
	if (from == to)
		return 2;
	return included_in[from] & 1u << to ? 1 : 0;
}

unsigned int fmtp_match(enum codec codec, const char *feed, const char *offered)
{
	const char *profile = codec == CODEC_VP9 ? "profile-id" : "profile";
	if (codec == CODEC_H264)
		return h264_match(feed, offered);
	if (codec != CODEC_VP9 && codec != CODEC_AV1)
		return 3;
	return fmtp_number(feed, profile, 0) == fmtp_number(offered, profile, 0) ? 3 : 0;
}
