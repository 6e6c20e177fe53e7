/* Where key frames begin. The payload bytes are the beginnings of real packets: libvpx, openh264
 * and libaom behind ordinary RTP payloaders, and what Chromium's descriptors look like. */
#include "media/codec.h"

#include "tests/cunit.h"
#include "tests/media/rows.h"

struct row {
	const char *fact;
	enum codec codec;
	bool start;
	const uint8_t *bytes;
	size_t size;
};

static const struct row vp8_rows[] = {
	{"key frame, 15 bit picture id", CODEC_VP8, true,
	 BYTES(0x90, 0x80, 0x88, 0x50, 0x50, 0x90, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00)},
	{"key frame, all of I L T K", CODEC_VP8, true,
	 BYTES(0x90, 0xf0, 0x88, 0x50, 0x07, 0x20, 0x50, 0x90, 0x00, 0x9d, 0x01, 0x2a)},
	{"key frame, 7 bit picture id", CODEC_VP8, true, BYTES(0x90, 0x80, 0x08, 0x50, 0x90, 0x00)},
	{"key frame, K alone", CODEC_VP8, true, BYTES(0x90, 0x10, 0x1f, 0x50, 0x90, 0x00)},
	{"key frame, no extension", CODEC_VP8, true, BYTES(0x10, 0x50, 0x90, 0x00, 0x9d)},
	{"key frame, not a reference", CODEC_VP8, true, BYTES(0x30, 0x50, 0x90, 0x00, 0x9d)},
	{"key frame's second packet", CODEC_VP8, false,
	 BYTES(0x80, 0x80, 0x88, 0x50, 0x4c, 0xec, 0x01, 0x75)},
	{"inter frame", CODEC_VP8, false, BYTES(0x90, 0x80, 0x88, 0x51, 0x71, 0x23, 0x00, 0x11)},
	{"second partition", CODEC_VP8, false, BYTES(0x91, 0x80, 0x88, 0x50, 0x50, 0x90, 0x00)},
	{"truncated in the extension", CODEC_VP8, false, BYTES(0x90)},
	{"truncated in the picture id", CODEC_VP8, false, BYTES(0x90, 0x80, 0x88)},
	{"truncated in TL0PICIDX", CODEC_VP8, false, BYTES(0x90, 0xe0, 0x08)},
	{"truncated in TID", CODEC_VP8, false, BYTES(0x90, 0xf0, 0x08, 0x00)},
	{"descriptor and no frame", CODEC_VP8, false, BYTES(0x90, 0xf0, 0x08, 0x00, 0x20)},
};

static const struct row vp9_rows[] = {
	{"key frame, structure with sizes and a group", CODEC_VP9, true,
	 BYTES(0x8a, 0xa3, 0x1a, 0x18, 0x01, 0x40, 0x00, 0xf0, 0x01, 0x04, 0x01, 0xb1, 0x24, 0xc1)},
	{"key frame, flexible, layers", CODEC_VP9, true,
	 BYTES(0xba, 0x92, 0x34, 0x00, 0x18, 0x02, 0x80, 0x01, 0x68, 0x00, 0x82, 0x49)},
	{"key frame, not flexible, layers, TL0PICIDX", CODEC_VP9, true,
	 BYTES(0xa8, 0x92, 0x34, 0x00, 0x07, 0x82, 0x49, 0x83)},
	{"key frame, flexible, no TL0PICIDX to skip", CODEC_VP9, true,
	 BYTES(0xb8, 0x92, 0x34, 0x00, 0x82)},
	{"not flexible and no frame", CODEC_VP9, false, BYTES(0xa8, 0x92, 0x34, 0x00, 0x07)},
	{"key frame, 7 bit picture id", CODEC_VP9, true, BYTES(0x88, 0x12, 0x82, 0x49)},
	{"key frame, bare", CODEC_VP9, true, BYTES(0x08, 0x82)},
	{"key frame's second packet", CODEC_VP9, false, BYTES(0x80, 0xa3, 0x1a, 0xec, 0x55, 0xc5)},
	{"inter frame", CODEC_VP9, false, BYTES(0xc8, 0xa3, 0x1b, 0xb3, 0x00, 0x20, 0x49)},
	{"key picture's second spatial layer", CODEC_VP9, false,
	 BYTES(0xb8, 0x92, 0x34, 0x03, 0x82, 0x49)},
	{"truncated in the picture id", CODEC_VP9, false, BYTES(0x88, 0x92)},
	{"truncated in the layers", CODEC_VP9, false, BYTES(0xa8, 0x12)},
	{"truncated in TL0PICIDX", CODEC_VP9, false, BYTES(0xa8, 0x12, 0x00)},
	{"truncated in the structure's sizes", CODEC_VP9, false,
	 BYTES(0x0a, 0x30, 0x01, 0x40, 0x00, 0xf0, 0x01)},
	{"truncated in the structure's group", CODEC_VP9, false,
	 BYTES(0x0a, 0x08, 0xff, 0x0c, 0x01, 0x02)},
	{"descriptor and no frame", CODEC_VP9, false, BYTES(0x88, 0x12)},
};

static const struct row h264_rows[] = {
	{"stap-a of sps and pps", CODEC_H264, true,
	 BYTES(0x78, 0x00, 0x0e, 0x67, 0x42, 0xc0, 0x0d, 0x8c, 0x8d, 0x40, 0xa0, 0xf9, 0x00, 0xf0,
	       0x88, 0x46, 0xa0, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80)},
	{"stap-a of pps and idr", CODEC_H264, true,
	 BYTES(0x78, 0x00, 0x02, 0x68, 0xce, 0x00, 0x02, 0x65, 0xb8)},
	{"stap-a without either", CODEC_H264, false,
	 BYTES(0x78, 0x00, 0x02, 0x68, 0xce, 0x00, 0x02, 0x61, 0xe0)},
	{"stap-a truncated in its last unit", CODEC_H264, false,
	 BYTES(0x78, 0x00, 0x04, 0x67, 0x42, 0xc0, 0x0d, 0x00, 0x04, 0x68, 0xce)},
	{"stap-a truncated in a size", CODEC_H264, false, BYTES(0x78, 0x00, 0x01, 0x67, 0x00)},
	{"stap-a ends behind a size", CODEC_H264, false, BYTES(0x78, 0x00, 0x01, 0x67, 0x00, 0x01)},
	{"stap-a with an empty unit", CODEC_H264, false, BYTES(0x78, 0x00, 0x00, 0x00, 0x01, 0x67)},
	{"stap-a of nothing", CODEC_H264, false, BYTES(0x78)},
	{"fu-a begins idr", CODEC_H264, true, BYTES(0x7c, 0x85, 0xb8, 0x00, 0x04, 0x00)},
	{"fu-a goes on with idr", CODEC_H264, false, BYTES(0x7c, 0x05, 0x6b, 0x3c)},
	{"fu-a ends idr", CODEC_H264, false, BYTES(0x7c, 0x45, 0xeb, 0x2e)},
	{"fu-a begins and ends at once", CODEC_H264, false, BYTES(0x7c, 0xc5, 0xb8, 0x00)},
	{"fu-a begins another slice", CODEC_H264, false, BYTES(0x7c, 0x81, 0xe0, 0x00, 0x40)},
	{"fu-a without its header", CODEC_H264, false, BYTES(0x7c)},
	{"fu-a without data", CODEC_H264, false, BYTES(0x7c, 0x85)},
	{"single idr", CODEC_H264, true, BYTES(0x65, 0xb8, 0x00, 0x04)},
	{"single sps", CODEC_H264, true, BYTES(0x67, 0x42, 0xc0, 0x0d)},
	{"single pps", CODEC_H264, false, BYTES(0x68, 0xce, 0x3c, 0x80)},
	{"forbidden bit", CODEC_H264, false, BYTES(0xe5, 0xb8, 0x00, 0x04)},
	{"a header alone", CODEC_H264, false, BYTES(0x65)},
};

static const struct row av1_rows[] = {
	{"new sequence, sequence header, two elements", CODEC_AV1, true,
	 BYTES(0x28, 0x0b, 0x08, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xff, 0xbf, 0x81, 0xb5, 0xf2, 0x30,
	       0x12, 0x68, 0x80)},
	{"new sequence, one element", CODEC_AV1, true, BYTES(0x18, 0x08, 0x00, 0x00, 0x00, 0x04)},
	{"new sequence, uncounted elements", CODEC_AV1, true,
	 BYTES(0x08, 0x03, 0x08, 0x00, 0x00, 0x02, 0x30, 0x12)},
	{"new sequence, three elements", CODEC_AV1, true,
	 BYTES(0x38, 0x02, 0x08, 0x00, 0x01, 0x30, 0x30, 0x12)},
	{"three elements, the first too long", CODEC_AV1, false,
	 BYTES(0x38, 0x09, 0x08, 0x00, 0x01)},
	{"sequence header without the bit", CODEC_AV1, true,
	 BYTES(0x20, 0x03, 0x08, 0x00, 0x00, 0x30, 0x12)},
	{"element goes on in the next packet", CODEC_AV1, true, BYTES(0x58, 0x08, 0x00, 0x00)},
	{"inter frame", CODEC_AV1, false, BYTES(0x10, 0x30, 0x12, 0x68)},
	{"continued element", CODEC_AV1, false, BYTES(0x90, 0x08, 0x00, 0x00)},
	{"continued and new at once", CODEC_AV1, false, BYTES(0x98, 0x08, 0x00, 0x00)},
	{"obu longer than the packet", CODEC_AV1, false, BYTES(0x28, 0x0b, 0x08, 0x00, 0x00)},
	{"obu of nothing", CODEC_AV1, false, BYTES(0x28, 0x00, 0x08)},
	{"obu with the forbidden bit", CODEC_AV1, false, BYTES(0x18, 0x88, 0x00)},
	{"length truncated", CODEC_AV1, false, BYTES(0x28, 0x80, 0x80)},
	{"length without end", CODEC_AV1, false,
	 BYTES(0x28, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x08)},
	{"length of eight bytes", CODEC_AV1, true,
	 BYTES(0x28, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x08)},
	{"length of 2^56 - 1", CODEC_AV1, false,
	 BYTES(0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x08)},
	{"aggregation header alone", CODEC_AV1, false, BYTES(0x18)},
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t *bytes = bytes_copy(rows[i].bytes, rows[i].size);
		if (codec_keyframe_start(rows[i].codec, bytes, rows[i].size) != rows[i].start)
			CU_FAIL(rows[i].fact);
		CU_ASSERT_FALSE(codec_keyframe_start(rows[i].codec, bytes, 0));
		free(bytes);
	}
}

static void vp8_key_frames_and_truncated_descriptors(void)
{
	check_rows(vp8_rows, ROWS(vp8_rows));
}

static void vp9_key_frames_and_truncated_descriptors(void)
{
	check_rows(vp9_rows, ROWS(vp9_rows));
}

static void h264_key_frames_and_truncated_stap_a_and_fu_a(void)
{
	check_rows(h264_rows, ROWS(h264_rows));
}

static void av1_key_frames_and_truncated_obus(void)
{
	check_rows(av1_rows, ROWS(av1_rows));
}

static void opus_always_starts_and_no_codec_never(void)
{
	static const uint8_t bytes[] = {0x78, 0x07, 0xc9};
	CU_ASSERT_TRUE(codec_keyframe_start(CODEC_OPUS, bytes, sizeof(bytes)));
	CU_ASSERT_FALSE(codec_keyframe_start(CODEC_NONE, bytes, sizeof(bytes)));
	CU_ASSERT_FALSE(codec_keyframe_start(CODECS, bytes, sizeof(bytes)));
}

static void codec_table_goes_both_ways(void)
{
	static const struct {
		const char *name;
		enum codec codec;
	} names[] = {
		{"opus", CODEC_OPUS}, {"OPUS", CODEC_OPUS},  {"VP8", CODEC_VP8},
		{"vp9", CODEC_VP9},   {"H264", CODEC_H264},  {"AV1", CODEC_AV1},
		{"h26", CODEC_NONE},  {"H2645", CODEC_NONE}, {"", CODEC_NONE},
		{"rtx", CODEC_NONE},
	};
	for (size_t i = 0; i < ROWS(names); i++)
		CU_ASSERT_EQUAL(codec_by_name(names[i].name, strlen(names[i].name)),
				names[i].codec);
	for (int c = 0; c < CODECS; c++) {
		const struct codec_row *row = codec_row((enum codec)c);
		CU_ASSERT_EQUAL(codec_by_name(row->name, strlen(row->name)), c);
		CU_ASSERT_EQUAL(row->clock_hz, row->kind == MEDIA_AUDIO ? 48000 : 90000);
		CU_ASSERT_EQUAL(row->channels, row->kind == MEDIA_AUDIO ? 2 : 0);
	}
	CU_ASSERT_PTR_NULL(codec_row(CODEC_NONE));
}

static CU_TestInfo tests[] = {
	{"vp8_key_frames_and_truncated_descriptors", vp8_key_frames_and_truncated_descriptors},
	{"vp9_key_frames_and_truncated_descriptors", vp9_key_frames_and_truncated_descriptors},
	{"h264_key_frames_and_truncated_stap_a_and_fu_a",
	 h264_key_frames_and_truncated_stap_a_and_fu_a},
	{"av1_key_frames_and_truncated_obus", av1_key_frames_and_truncated_obus},
	{"opus_always_starts_and_no_codec_never", opus_always_starts_and_no_codec_never},
	{"codec_table_goes_both_ways", codec_table_goes_both_ways},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("codec", tests)
