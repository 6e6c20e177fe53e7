/* Format parameters: read, copied, compared. */
#include <stdio.h>
#include <string.h>

#include "gateway/sdp_fmtp.h"
#include "tests/cunit.h"

static const struct {
	const char *id;
	enum h264_profile profile;
} profiles[] = {
	{"42e01f", H264_CONSTRAINED_BASELINE},
	{"42c00b", H264_CONSTRAINED_BASELINE},
	{"424015", H264_CONSTRAINED_BASELINE},
	{"4d8028", H264_CONSTRAINED_BASELINE},
	{"58f01f", H264_CONSTRAINED_BASELINE},
	{"42001f", H264_BASELINE},
	{"428014", H264_BASELINE},
	{"58801f", H264_BASELINE},
	{"58001f", H264_EXTENDED},
	{"4d001f", H264_MAIN},
	{"4D401F", H264_MAIN},
	{"640028", H264_HIGH},
	{"640c28", H264_CONSTRAINED_HIGH},
	{"f4001f", H264_HIGH_444},
	{"6e001f", H264_OTHER},
	{"xx001f", H264_BASELINE},
	{"4d", H264_BASELINE},
};

static void h264_profiles_are_told_apart(void)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		char fmtp[64];
		snprintf(fmtp, sizeof(fmtp), "x=1; Profile-Level-Id=%s", profiles[i].id);
		CU_ASSERT_EQUAL(fmtp_h264_profile(fmtp), profiles[i].profile);
	}
	CU_ASSERT_EQUAL(
		fmtp_match(CODEC_H264, "profile-level-id=6e001f", "profile-level-id=6e0020"), 2);
	CU_ASSERT_EQUAL(
		fmtp_match(CODEC_H264, "profile-level-id=6e001f", "profile-level-id=7a001f"), 0);
}

static const struct {
	const char *offered, *copied;
} copies[] = {
	{"apt=96", "apt=96"},
	{"minptime=10; useinbandfec=1", "minptime=10;useinbandfec=1"},
	{";; a = b ;;c;", "a = b;c"},
	{"sprop-stereo=0;SPROP-maxcapturerate=48000", ""},
	{"packetization-mode=1;sprop-parameter-sets=Z0LAH9kA,aMuDyyA=;profile-level-id=42c01f",
	 "packetization-mode=1;profile-level-id=42c01f"},
	{"111/111", "111/111"},
	{"", ""},
};

static void parameters_are_copied_without_sprop(void)
{
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		char out[64];
		struct span span = {copies[i].offered, strlen(copies[i].offered)};
		CU_ASSERT_TRUE(fmtp_copy(span, out, sizeof(out)));
		CU_ASSERT_STRING_EQUAL(out, copies[i].copied);
	}
	char small[8] = "#######";
	CU_ASSERT_TRUE(fmtp_copy((struct span){"a=1;b=2", 7}, small, sizeof(small)));
	CU_ASSERT_STRING_EQUAL(small, "a=1;b=2");
	CU_ASSERT_FALSE(fmtp_copy((struct span){"a=1;b=23", 8}, small, sizeof(small)));
	CU_ASSERT_STRING_EQUAL(small, "");
}

static void parameters_are_found_by_name(void)
{
	CU_ASSERT_EQUAL(fmtp_number("a=1;bb=2", "bb", 9), 2);
	CU_ASSERT_EQUAL(fmtp_number("A=1;bb=2", "a", 9), 1);
	CU_ASSERT_EQUAL(fmtp_number("a=1;bb=2", "b", 9), 9);
	CU_ASSERT_EQUAL(fmtp_number("a=", "a", 9), 9);
	CU_ASSERT_EQUAL(fmtp_number("a=-1", "a", 9), 9);
	CU_ASSERT_EQUAL(fmtp_number("a=99999999999", "a", 9), 9);
	CU_ASSERT_EQUAL(fmtp_number("", "a", 9), 9);
}

static void parameter_is_added_once_and_if_it_fits(void)
{
	char fmtp[10] = "";
	fmtp_add(fmtp, sizeof(fmtp), "a", "1");
	CU_ASSERT_STRING_EQUAL(fmtp, "a=1");
	fmtp_add(fmtp, sizeof(fmtp), "a", "2");
	CU_ASSERT_STRING_EQUAL(fmtp, "a=1");
	fmtp_add(fmtp, sizeof(fmtp), "b", "2345");
	CU_ASSERT_STRING_EQUAL(fmtp, "a=1");
	fmtp_add(fmtp, sizeof(fmtp), "b", "234");
	CU_ASSERT_STRING_EQUAL(fmtp, "a=1;b=234");
}

static CU_TestInfo tests[] = {
	{"h264_profiles_are_told_apart", h264_profiles_are_told_apart},
	{"parameters_are_copied_without_sprop", parameters_are_copied_without_sprop},
	{"parameters_are_found_by_name", parameters_are_found_by_name},
	{"parameter_is_added_once_and_if_it_fits", parameter_is_added_once_and_if_it_fits},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("sdp_fmtp", tests)
