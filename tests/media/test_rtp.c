/* RTP headers: what is read, what is refused, and that what is written reads back the same. */
#include "media/rtp.h"

#include <errno.h>

#include "tests/cunit.h"
#include "tests/media/rows.h"

#define HEAD(first)      first, 0xe0, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe
#define EXTENDED(hi, lo) HEAD(0x90), hi, lo

static const struct rtp_extension_map map = {.id = {
						     [RTP_EXT_MID] = 1,
						     [RTP_EXT_TRANSPORT_CC] = 3,
						     [RTP_EXT_AUDIO_LEVEL] = 14,
						     [RTP_EXT_DEPENDENCY_DESCRIPTOR] = 200,
					     }};

struct bad_row {
	const char *fact;
	const uint8_t *bytes;
	size_t size;
};

static const struct bad_row bad_rows[] = {
	{"a byte short", BYTES(0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0)},
	{"version 1", BYTES(HEAD(0x40), 1)},
	{"version 3", BYTES(HEAD(0xc0), 1)},
	{"csrc list past the end", BYTES(HEAD(0x82), 0, 0, 0, 1, 0, 0, 0)},
	{"padding of nothing", BYTES(HEAD(0xa0), 1, 2, 3, 0)},
	{"padding longer than the payload", BYTES(HEAD(0xa0), 1, 2, 3, 5)},
	{"padding bit and no byte behind", BYTES(HEAD(0xa0))},
	{"padding into the extensions", BYTES(HEAD(0xb0), 0xbe, 0xde, 0, 1, 0, 0, 0, 0, 2)},
	{"extension bit and no block", BYTES(HEAD(0x90))},
	{"extension head cut", BYTES(HEAD(0x90), 0xbe, 0xde, 0)},
	{"extension block past the end", BYTES(EXTENDED(0xbe, 0xde), 0, 2, 0, 0, 0, 0)},
	{"extension length overflow", BYTES(EXTENDED(0xbe, 0xde), 0xff, 0xff, 0, 0, 0, 0)},
	{"one-byte element past the block", BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0x13, 'a', 'b', 'c')},
	{"one-byte element past the block, payload behind",
	 BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0x14, 'a', 'b', 'c', 'd', 'e', 'f')},
	{"one-byte head is the block's last byte",
	 BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0, 0, 0, 0x10, 'a')},
	{"two-byte element past the block", BYTES(EXTENDED(0x10, 0), 0, 1, 1, 3, 'a', 'b', 'c')},
	{"two-byte head without a length", BYTES(EXTENDED(0x10, 0), 0, 1, 0, 0, 0, 1, 'a')},
	{"unknown element past the block", BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0x94, 0, 0, 0)},
	{"cryptex, one-byte", BYTES(EXTENDED(0xc0, 0xde), 0, 0, 1)},
	{"cryptex, two-byte", BYTES(EXTENDED(0xc2, 0xde), 0, 0, 1)},
};

static void rtp_refuses_malformed_packets(void)
{
	for (size_t i = 0; i < ROWS(bad_rows); i++) {
		struct rtp_view view;
		uint8_t *bytes = bytes_copy(bad_rows[i].bytes, bad_rows[i].size);
		if (rtp_parse(bytes, bad_rows[i].size, &map, &view) != -EBADMSG)
			CU_FAIL(bad_rows[i].fact);
		if (rtp_parse(bytes, bad_rows[i].size, NULL, &view) != -EBADMSG)
			CU_FAIL(bad_rows[i].fact);
		free(bytes);
	}
}

/* CVE-2025-49140: a last byte that claims more padding than there is payload. */
static void rtp_refuses_padding_longer_than_payload(void)
{
	uint8_t bytes[] = {HEAD(0xa0), 1, 2, 3, 0};
	struct rtp_view view;
	for (unsigned int padding = 0; padding < 256; padding++) {
		bytes[sizeof(bytes) - 1] = (uint8_t)padding;
		int result = rtp_parse(bytes, sizeof(bytes), NULL, &view);
		CU_ASSERT_EQUAL(result, padding >= 1 && padding <= 4 ? 0 : -EBADMSG);
		if (result == 0)
			CU_ASSERT_EQUAL(view.payload_bytes, 4 - padding);
	}
}

static void rtp_refuses_packets_past_16_bit_offsets(void)
{
	uint8_t *bytes = calloc(1, UINT16_MAX + 1);
	struct rtp_view view;
	bytes[0] = 0x80;
	CU_ASSERT_EQUAL(rtp_parse(bytes, UINT16_MAX + 1, NULL, &view), -EBADMSG);
	CU_ASSERT_EQUAL(rtp_parse(bytes, UINT16_MAX, NULL, &view), 0);
	CU_ASSERT_EQUAL(view.payload_bytes, UINT16_MAX - RTP_HEADER_BYTES);
	free(bytes);
}

struct good_row {
	const char *fact;
	uint16_t payload_offset, payload_bytes;
	uint16_t mid, mid_bytes, sequence, level, descriptor; /* offsets; 0 = absent */
	const uint8_t *bytes;
	size_t size;
};

static const struct good_row good_rows[] = {
	{"nothing but a header", 12, 0, 0, 0, 0, 0, 0, BYTES(HEAD(0x80))},
	{"a payload", 12, 3, 0, 0, 0, 0, 0, BYTES(HEAD(0x80), 1, 2, 3)},
	{"two csrcs", 20, 1, 0, 0, 0, 0, 0, BYTES(HEAD(0x82), 0, 0, 0, 1, 0, 0, 0, 2, 9)},
	{"extension bit and zero words", 16, 1, 0, 0, 0, 0, 0,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 0, 7)},
	{"unknown profile", 20, 1, 0, 0, 0, 0, 0,
	 BYTES(EXTENDED(0xab, 0xac), 0, 1, 0x1f, 2, 3, 4, 9)},
	{"one-byte elements, padding between", 28, 1, 17, 2, 22, 25, 0,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 3, 0x11, 'v', '0', 0, 0, 0x31, 7, 8, 0xe0, 0x80, 0, 0, 9)},
	{"id 15 stops", 24, 0, 17, 1, 0, 0, 0,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 2, 0x10, '0', 0xff, 0x31, 7, 8, 0, 0)},
	{"padding with a length stops", 24, 0, 17, 1, 0, 0, 0,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 2, 0x10, '0', 0x05, 0x31, 7, 8, 0, 0)},
	{"id not in the map", 20, 0, 0, 0, 0, 0, 0,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0x22, 1, 2, 3)},
	{"the last of two counts", 20, 0, 19, 1, 0, 0, 0,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0x10, 'a', 0x10, 'b')},
	{"two-byte elements, one empty", 28, 1, 19, 1, 22, 0, 26,
	 BYTES(EXTENDED(0x10, 0x00), 0, 3, 0, 1, 1, 'v', 3, 2, 7, 8, 200, 2, 5, 6, 9)},
	{"two-byte element of no bytes", 20, 0, 18, 0, 0, 0, 0,
	 BYTES(EXTENDED(0x10, 0x00), 0, 1, 1, 0, 0, 0)},
	{"two-byte profile with appbits", 20, 0, 18, 1, 0, 0, 0,
	 BYTES(EXTENDED(0x10, 0x0f), 0, 1, 1, 1, 'v', 0)},
	{"padding alone", 12, 0, 0, 0, 0, 0, 0, BYTES(HEAD(0xa0), 0, 0, 0, 4)},
	{"padding behind a payload", 12, 2, 0, 0, 0, 0, 0, BYTES(HEAD(0xa0), 1, 2, 0, 2)},
};

static void rtp_reads_packets(void)
{
	for (size_t i = 0; i < ROWS(good_rows); i++) {
		const struct good_row *row = &good_rows[i];
		struct rtp_view view;
		uint8_t *bytes = bytes_copy(row->bytes, row->size);
		if (rtp_parse(bytes, row->size, &map, &view) != 0 ||
		    view.payload_offset != row->payload_offset ||
		    view.payload_bytes != row->payload_bytes ||
		    view.extension[RTP_EXT_MID].offset != row->mid ||
		    view.extension[RTP_EXT_MID].bytes != row->mid_bytes ||
		    view.extension[RTP_EXT_TRANSPORT_CC].offset != row->sequence ||
		    view.extension[RTP_EXT_AUDIO_LEVEL].offset != row->level ||
		    view.extension[RTP_EXT_DEPENDENCY_DESCRIPTOR].offset != row->descriptor ||
		    view.extension[RTP_EXT_RID].offset != 0)
			CU_FAIL(row->fact);
		free(bytes);
	}
}

static void rtp_reads_the_fixed_header(void)
{
	static const uint8_t bytes[] = {HEAD(0x80)};
	struct rtp_view view;
	CU_ASSERT_EQUAL(rtp_parse(bytes, sizeof(bytes), NULL, &view), 0);
	CU_ASSERT_EQUAL(view.ssrc, 0xcafebabe);
	CU_ASSERT_EQUAL(view.timestamp, 0xdeadbeef);
	CU_ASSERT_EQUAL(view.sequence, 0x1234);
	CU_ASSERT_EQUAL(view.payload_type, 0x60);
	CU_ASSERT_TRUE(view.marker);
}

static const struct rtp_header header = {
	.ssrc = 0xcafebabe,
	.timestamp = 0xdeadbeef,
	.sequence = 0x1234,
	.payload_type = 0x60,
	.marker = true,
};

struct write_row {
	const char *fact;
	struct rtp_element elements[3];
	unsigned int n;
	const uint8_t *bytes;
	size_t size;
};

static const uint8_t letters[] = "abcdefghijklmnopqrstuvwxyz";

static const struct write_row write_rows[] = {
	{"no elements, no block", {{0}}, 0, BYTES(HEAD(0x80))},
	{"one-byte form",
	 {{1, 1, letters}, {14, 3, letters}},
	 2,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 2, 0x10, 'a', 0xe2, 'a', 'b', 'c', 0, 0)},
	{"one-byte form fills its words",
	 {{1, 3, letters}},
	 1,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 1, 0x12, 'a', 'b', 'c')},
	{"room left for the caller is zeroed",
	 {{3, 2, NULL}, {1, 1, letters}},
	 2,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 2, 0x31, 0, 0, 0x10, 'a', 0, 0, 0)},
	{"16 bytes are the most of the one-byte form",
	 {{1, 16, letters}},
	 1,
	 BYTES(EXTENDED(0xbe, 0xde), 0, 5, 0x1f, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
	       'k', 'l', 'm', 'n', 'o', 'p', 0, 0, 0)},
	{"17 bytes ask for the two-byte form",
	 {{1, 17, letters}},
	 1,
	 BYTES(EXTENDED(0x10, 0x00), 0, 5, 1, 17, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
	       'k', 'l', 'm', 'n', 'o', 'p', 'q', 0)},
	{"id 15 asks for the two-byte form",
	 {{15, 1, letters}, {1, 1, letters}},
	 2,
	 BYTES(EXTENDED(0x10, 0x00), 0, 2, 15, 1, 'a', 1, 1, 'a', 0, 0)},
	{"an empty element asks for the two-byte form",
	 {{1, 0, NULL}},
	 1,
	 BYTES(EXTENDED(0x10, 0x00), 0, 1, 1, 0, 0, 0)},
};

static void rtp_writes_exact_bytes(void)
{
	for (size_t i = 0; i < ROWS(write_rows); i++) {
		const struct write_row *row = &write_rows[i];
		uint8_t *out = malloc(row->size);
		uint16_t offsets[3];
		memset(out, 0xaa, row->size);
		int size = rtp_write(out, row->size, &header, row->elements, row->n, offsets);
		if (size != (int)row->size || memcmp(out, row->bytes, row->size) != 0)
			CU_FAIL(row->fact);
		for (unsigned int e = 0; e < row->n; e++) {
			const struct rtp_element *element = &row->elements[e];
			if (element->value &&
			    memcmp(out + offsets[e], element->value, element->bytes) != 0)
				CU_FAIL(row->fact);
		}
		/* Not one byte less, and nothing is written then. */
		uint8_t *less = malloc(row->size - 1);
		CU_ASSERT_EQUAL(
			rtp_write(less, row->size - 1, &header, row->elements, row->n, NULL),
			-ENOSPC);
		free(less);
		free(out);
	}
}

static void rtp_write_refuses_more_than_offsets_reach(void)
{
	static uint8_t out[1 << 17];
	static uint8_t value[255];
	static struct rtp_element elements[300];
	for (size_t i = 0; i < ROWS(elements); i++)
		elements[i] = (struct rtp_element){.id = 1, .bytes = 255, .value = value};
	CU_ASSERT_EQUAL(rtp_write(out, sizeof(out), &header, elements, 300, NULL), -ENOSPC);
	CU_ASSERT_EQUAL(rtp_write(out, sizeof(out), &header, elements, 254, NULL), 65296);
}

static void rtp_extension_uris_go_both_ways(void)
{
	for (int e = 0; e < RTP_EXTENSIONS; e++) {
		const char *uri = rtp_extension_uri((enum rtp_extension)e);
		CU_ASSERT_EQUAL(rtp_extension_by_uri(uri, strlen(uri)), e);
		CU_ASSERT_EQUAL(rtp_extension_by_uri(uri, strlen(uri) - 1), -1);
	}
	CU_ASSERT_EQUAL(rtp_extension_by_uri("urn:3gpp:video-orientations", 27), -1);
	CU_ASSERT_EQUAL(rtp_extension_by_uri("urn:3gpp:video-orientation:6", 26),
			RTP_EXT_VIDEO_ORIENTATION);
	CU_ASSERT_EQUAL(rtp_extension_by_uri("", 0), -1);
}

static void rtp_unwrap_takes_the_nearest_index(void)
{
	static const struct {
		int64_t reference;
		uint16_t sequence;
		int64_t index;
	} rows[] = {
		{100, 101, 101},
		{100, 99, 99},
		{65535, 0, 65536},
		{65536, 65535, 65535},
		{65530, 5, 65541},
		{5, 65530, -6},
		{-6, 5, 5},
		{0x10000, 0x7fff, 0x17fff},
		{0x10000, 0x8001, 0x8001},
		{INT64_C(0x123456789a0000), 0xffff, INT64_C(0x1234567899ffff)},
	};
	for (size_t i = 0; i < ROWS(rows); i++)
		CU_ASSERT_EQUAL(rtp_unwrap(rows[i].reference, rows[i].sequence), rows[i].index);
}

static CU_TestInfo tests[] = {
	{"rtp_refuses_malformed_packets", rtp_refuses_malformed_packets},
	{"rtp_refuses_padding_longer_than_payload", rtp_refuses_padding_longer_than_payload},
	{"rtp_refuses_packets_past_16_bit_offsets", rtp_refuses_packets_past_16_bit_offsets},
	{"rtp_reads_packets", rtp_reads_packets},
	{"rtp_reads_the_fixed_header", rtp_reads_the_fixed_header},
	{"rtp_writes_exact_bytes", rtp_writes_exact_bytes},
	{"rtp_write_refuses_more_than_offsets_reach", rtp_write_refuses_more_than_offsets_reach},
	{"rtp_extension_uris_go_both_ways", rtp_extension_uris_go_both_ways},
	{"rtp_unwrap_takes_the_nearest_index", rtp_unwrap_takes_the_nearest_index},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("rtp", tests)
