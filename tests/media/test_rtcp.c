/* RTCP compounds: what is walked, where the walk ends, and that what is written reads back the
 * same. */
#include "media/rtcp.h"

#include <errno.h>

#include "tests/cunit.h"
#include "tests/media/rows.h"

#define SSRC(n)  0, 0, 0, n
#define ZEROS4   0, 0, 0, 0
#define REPORT   SSRC(9), 0x80, 0xff, 0xff, 0xfe, 0, 1, 0, 7, SSRC(5), SSRC(6), SSRC(7)
#define PLI      0x81, 206, 0, 2, SSRC(1), SSRC(2)
#define RR_EMPTY 0x80, 201, 0, 1, SSRC(1)

struct walk_row {
	const char *fact;
	unsigned int items; /* returned before the end or the first bad one */
	bool bad;
	const uint8_t *bytes;
	size_t size;
};

static const struct walk_row walk_rows[] = {
	{"nothing", 0, false, NULL, 0},
	{"three packets", 3, false, BYTES(RR_EMPTY, PLI, PLI)},
	{"a common header cut", 1, true, BYTES(PLI, 0x80, 201, 0)},
	{"version 1", 0, true, BYTES(0x40, 201, 0, 1, SSRC(1))},
	{"length past the end", 1, true, BYTES(PLI, 0x81, 206, 0, 3, SSRC(1), SSRC(2))},
	{"length of 65535 words", 0, true, BYTES(0x81, 206, 0xff, 0xff, SSRC(1), SSRC(2))},
	{"rr without ssrc", 0, true, BYTES(0x80, 201, 0, 0)},
	{"rr with an impossible count", 0, true, BYTES(0x82, 201, 0, 7, SSRC(1), REPORT)},
	{"rr with 31 reports in a header", 0, true, BYTES(0x9f, 201, 0, 1, SSRC(1))},
	{"rr with a profile's own words behind", 1, false,
	 BYTES(0x81, 201, 0, 8, SSRC(1), REPORT, ZEROS4)},
	{"sr without sender info", 0, true, BYTES(0x80, 200, 0, 1, SSRC(1))},
	{"sr with half of it", 0, true,
	 BYTES(0x80, 200, 0, 5, SSRC(1), ZEROS4, ZEROS4, ZEROS4, ZEROS4)},
	{"sr with an impossible count", 0, true,
	 BYTES(0x81, 200, 0, 6, SSRC(1), ZEROS4, ZEROS4, ZEROS4, ZEROS4, ZEROS4)},
	{"feedback without media ssrc", 0, true, BYTES(0x81, 206, 0, 1, SSRC(1))},
	{"app", 1, false, BYTES(0x80, 204, 0, 2, SSRC(1), 'n', 'a', 'm', 'e')},
	{"app without a name", 0, true, BYTES(0x80, 204, 0, 1, SSRC(1))},
	{"xr with a block longer than itself", 2, false,
	 BYTES(0x80, 207, 0, 2, SSRC(1), 4, 0, 0xff, 0xff, PLI)},
	{"rpsi with more padding bits than it has", 1, false,
	 BYTES(0x83, 206, 0, 3, SSRC(1), SSRC(2), 255, 0, 0, 0)},
	{"xr without ssrc", 0, true, BYTES(0x80, 207, 0, 0)},
	{"unknown types are passed over", 1, false,
	 BYTES(0x80, 199, 0, 0, 0x9f, 208, 0, 1, ZEROS4, PLI)},
	{"an unknown type past the end", 0, true, BYTES(0x80, 208, 0, 1)},
	{"padding on the last", 2, false, BYTES(PLI, 0xa0, 201, 0, 2, SSRC(1), 0, 0, 0, 4)},
	{"padding on another", 0, true, BYTES(0xa0, 201, 0, 2, SSRC(1), 0, 0, 0, 4, PLI)},
	{"padding of nothing", 0, true, BYTES(0xa0, 201, 0, 2, SSRC(1), 0, 0, 0, 0)},
	{"padding of half words", 0, true, BYTES(0xa0, 201, 0, 2, SSRC(1), 0, 0, 0, 2)},
	{"padding over the ssrc", 0, true, BYTES(0xa0, 201, 0, 2, SSRC(1), 0, 0, 0, 8)},
	{"padding longer than the packet", 0, true, BYTES(0xa0, 201, 0, 2, SSRC(1), 0, 0, 0, 12)},
	{"padding and no body", 0, true, BYTES(0xa0, 203, 0, 0)},
	{"bye of two", 1, false, BYTES(0x82, 203, 0, 2, SSRC(1), SSRC(2))},
	{"bye of none", 1, false, BYTES(0x80, 203, 0, 0)},
	{"bye with more sources than room", 0, true, BYTES(0x83, 203, 0, 2, SSRC(1), SSRC(2))},
	{"bye with a reason", 1, false, BYTES(0x81, 203, 0, 2, SSRC(1), 3, 'b', 'y', 'e')},
	{"bye whose reason is too long", 0, true,
	 BYTES(0x81, 203, 0, 2, SSRC(1), 4, 'b', 'y', 'e')},
	{"bye whose reason is 255 long", 0, true, BYTES(0x80, 203, 0, 1, 255, 'b', 'y', 'e')},
	{"sdes of none", 1, false, BYTES(0x80, 202, 0, 0)},
	{"sdes with a name", 1, false, BYTES(0x81, 202, 0, 3, SSRC(1), 1, 2, 'a', 'b', 0, 0, 0, 0)},
	{"sdes of two chunks", 1, false,
	 BYTES(0x82, 202, 0, 5, SSRC(1), 1, 1, 'a', 0, SSRC(2), 1, 3, 'a', 'b', 'c', 0, 0, 0)},
	{"sdes with an empty chunk", 1, false, BYTES(0x81, 202, 0, 2, SSRC(1), ZEROS4)},
	{"sdes item past the end", 0, true, BYTES(0x81, 202, 0, 2, SSRC(1), 1, 3, 'a', 'b')},
	{"sdes item of 255", 0, true, BYTES(0x81, 202, 0, 2, SSRC(1), 1, 255, 'a', 0)},
	{"sdes without its zero", 0, true, BYTES(0x81, 202, 0, 2, SSRC(1), 1, 2, 'a', 'b')},
	{"sdes item type in the last byte", 0, true, BYTES(0x81, 202, 0, 2, SSRC(1), 1, 1, 'a', 1)},
	{"sdes with more chunks than room", 0, true, BYTES(0x82, 202, 0, 2, SSRC(1), 1, 1, 'a', 0)},
	{"sdes chunk without ssrc", 0, true, BYTES(0x81, 202, 0, 0)},
};

static unsigned int walk(const uint8_t *bytes, size_t size, bool *bad)
{
	struct rtcp_reader reader;
	struct rtcp_item item;
	unsigned int items = 0;
	rtcp_reader_init(&reader, bytes, size);
	while (rtcp_next(&reader, &item))
		items++;
	CU_ASSERT_FALSE(rtcp_next(&reader, &item));
	*bad = reader.bad;
	return items;
}

static void rtcp_walks_until_the_first_lie(void)
{
	for (size_t i = 0; i < ROWS(walk_rows); i++) {
		bool bad;
		uint8_t *bytes = bytes_copy(walk_rows[i].bytes, walk_rows[i].size);
		if (walk(bytes, walk_rows[i].size, &bad) != walk_rows[i].items ||
		    bad != walk_rows[i].bad)
			CU_FAIL(walk_rows[i].fact);
		free(bytes);
	}
}

/* Every prefix of a good compound is good exactly where a packet ends. */
static void rtcp_survives_truncation_anywhere(void)
{
	static const uint8_t whole[] = {
		0x81,   200,  0,   12, SSRC(1), ZEROS4,  ZEROS4, ZEROS4, ZEROS4,  ZEROS4,
		REPORT, 0x81, 202, 0,  3,       SSRC(1), 1,      2,      'a',     'b',
		0,      0,    0,   0,  0x81,    205,     0,      3,      SSRC(1), SSRC(2),
		0,      1,    0,   3,  PLI,     0x81,    203,    0,      1,       SSRC(1)};
	static const size_t ends[] = {0, 52, 68, 84, 96, 104};
	for (size_t size = 0; size <= sizeof(whole); size++) {
		bool bad, expected = true;
		for (size_t e = 0; e < ROWS(ends); e++)
			expected &= size != ends[e];
		uint8_t *bytes = bytes_copy(whole, size);
		walk(bytes, size, &bad);
		CU_ASSERT_EQUAL(bad, expected);
		free(bytes);
	}
}

static void first_item(const uint8_t *bytes, size_t size, struct rtcp_item *item)
{
	struct rtcp_reader reader;
	rtcp_reader_init(&reader, bytes, size);
	CU_ASSERT_TRUE_FATAL(rtcp_next(&reader, item));
}

static void rtcp_reads_a_report(void)
{
	static const uint8_t bytes[] = {0x81, 201, 0, 7, SSRC(1), REPORT};
	struct rtcp_item item;
	struct rtcp_report report;
	first_item(bytes, sizeof(bytes), &item);
	CU_ASSERT_EQUAL(item.sender_ssrc, 1);
	CU_ASSERT_TRUE(rtcp_report_get(&item, 0, &report));
	CU_ASSERT_EQUAL(report.ssrc, 9);
	CU_ASSERT_EQUAL(report.fraction_lost, 128);
	CU_ASSERT_EQUAL(report.cumulative_lost, -2);
	CU_ASSERT_EQUAL(report.highest_sequence, 0x10007);
	CU_ASSERT_EQUAL(report.jitter, 5);
	CU_ASSERT_EQUAL(report.last_sr, 6);
	CU_ASSERT_EQUAL(report.delay_since_last_sr, 7);
	CU_ASSERT_FALSE(rtcp_report_get(&item, 1, &report));
}

static void rtcp_getters_refuse_other_types(void)
{
	static const uint8_t bytes[] = {0x84, 206, 0, 6,       SSRC(1), ZEROS4, SSRC(2), 7,
					0,    0,   0, SSRC(3), 8,       0,      0,       0};
	struct rtcp_item item;
	struct rtcp_report report;
	uint16_t sequence;
	uint32_t ssrc;
	uint8_t command;
	first_item(bytes, sizeof(bytes), &item);
	CU_ASSERT_FALSE(rtcp_report_get(&item, 0, &report));
	CU_ASSERT_FALSE(rtcp_bye_get(&item, 0, &ssrc));
	CU_ASSERT_EQUAL(rtcp_nack_get(&item, &sequence, 1), 0);
	CU_ASSERT_TRUE(rtcp_fir_get(&item, 1, &ssrc, &command));
	CU_ASSERT_EQUAL(ssrc, 3);
	CU_ASSERT_EQUAL(command, 8);
	CU_ASSERT_FALSE(rtcp_fir_get(&item, 2, &ssrc, &command));
	item.count = RTCP_FB_PLI;
	CU_ASSERT_FALSE(rtcp_fir_get(&item, 0, &ssrc, &command));
}

static void rtcp_nack_unpacks_its_bitmask(void)
{
	static const uint8_t bytes[] = {0x81, 205, 0,   5, SSRC(1), SSRC(2), 0xff, 0xfe, 0x80,
					0x03, 0,   100, 0, 0,       1,       2,    3,    4};
	static const uint16_t expected[] = {0xfffe, 0xffff, 0, 14, 100, 258, 261, 267, 268};
	struct rtcp_item item;
	uint16_t got[16];
	first_item(bytes, sizeof(bytes), &item);
	CU_ASSERT_EQUAL(item.media_ssrc, 2);
	CU_ASSERT_EQUAL_FATAL(rtcp_nack_get(&item, got, 16), ROWS(expected));
	CU_ASSERT_EQUAL(memcmp(got, expected, sizeof(expected)), 0);
}

/* 1 KB of full bitmasks asks for 4,335 packets; the caller's bound holds. */
static void rtcp_nack_flood_is_bounded_by_the_caller(void)
{
	uint8_t bytes[12 + 4 * 255];
	uint16_t got[33];
	struct rtcp_item item;
	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, (uint8_t[]){0x81, 205, 1, 1, SSRC(1), SSRC(2)}, 12);
	first_item(bytes, sizeof(bytes), &item);
	got[32] = 0xabcd;
	CU_ASSERT_EQUAL(rtcp_nack_get(&item, got, 32), 32);
	CU_ASSERT_EQUAL(got[32], 0xabcd);
	CU_ASSERT_EQUAL(rtcp_nack_get(&item, got, 0), 0);
	uint16_t all[5000];
	CU_ASSERT_EQUAL(rtcp_nack_get(&item, all, 5000), 255 * 17);
}

static void rtcp_transport_cc_is_seen_as_a_body(void)
{
	static const uint8_t bytes[] = {0x8f, 205, 0, 5, SSRC(1), SSRC(2), 0xff, 0xff, 0xff,
					0xff, 0,   0, 1, 0,       0x3f,    0xff, 0,    0};
	struct rtcp_item item;
	uint16_t sequence;
	first_item(bytes, sizeof(bytes), &item);
	CU_ASSERT_EQUAL(item.count, RTCP_FB_TRANSPORT_CC);
	CU_ASSERT_PTR_EQUAL(item.body, bytes + 12);
	CU_ASSERT_EQUAL(item.body_bytes, 12);
	CU_ASSERT_EQUAL(rtcp_nack_get(&item, &sequence, 1), 0);
}

static void rtcp_padding_is_taken_off_the_body(void)
{
	static const uint8_t bytes[] = {0xa1, 205, 0, 5, SSRC(1), SSRC(2), 0, 1, 0,
					0,    0,   0, 0, 0,       0,       0, 0, 8};
	struct rtcp_item item;
	uint16_t got[8];
	first_item(bytes, sizeof(bytes), &item);
	CU_ASSERT_EQUAL(item.body_bytes, 4);
	CU_ASSERT_EQUAL(rtcp_nack_get(&item, got, 8), 1);
}

static const struct rtcp_report reports[2] = {
	{.ssrc = 9, .fraction_lost = 255, .cumulative_lost = -5, .highest_sequence = 0x1ffff},
	{.ssrc = 8,
	 .cumulative_lost = 0x7fffff,
	 .jitter = 3,
	 .last_sr = 4,
	 .delay_since_last_sr = 5},
};
static const struct rtcp_sender_info info = {UINT64_C(0x0123456789abcdef), 1, 2, 3};

static void check_report(const struct rtcp_report *got, const struct rtcp_report *expected)
{
	CU_ASSERT_EQUAL(got->ssrc, expected->ssrc);
	CU_ASSERT_EQUAL(got->fraction_lost, expected->fraction_lost);
	CU_ASSERT_EQUAL(got->cumulative_lost, expected->cumulative_lost);
	CU_ASSERT_EQUAL(got->highest_sequence, expected->highest_sequence);
	CU_ASSERT_EQUAL(got->jitter, expected->jitter);
	CU_ASSERT_EQUAL(got->last_sr, expected->last_sr);
	CU_ASSERT_EQUAL(got->delay_since_last_sr, expected->delay_since_last_sr);
}

static void rtcp_reports_read_back(void)
{
	uint8_t out[128];
	struct rtcp_item item;
	struct rtcp_report report;
	CU_ASSERT_EQUAL(rtcp_write_sr(out, sizeof(out), 7, &info, reports, 2), 76);
	first_item(out, 76, &item);
	CU_ASSERT_EQUAL(item.type, RTCP_SR);
	CU_ASSERT_EQUAL(item.sender_ssrc, 7);
	CU_ASSERT_EQUAL(item.sender.ntp, info.ntp);
	CU_ASSERT_EQUAL(item.sender.rtp_timestamp, info.rtp_timestamp);
	CU_ASSERT_EQUAL(item.sender.packets, info.packets);
	CU_ASSERT_EQUAL(item.sender.octets, info.octets);
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(rtcp_report_get(&item, i, &report));
		check_report(&report, &reports[i]);
	}
	CU_ASSERT_EQUAL(rtcp_write_rr(out, sizeof(out), 7, reports, 2), 56);
	first_item(out, 56, &item);
	CU_ASSERT_TRUE(rtcp_report_get(&item, 1, &report));
	check_report(&report, &reports[1]);
}

static void rtcp_report_clamps_to_24_bits(void)
{
	static const struct {
		int32_t lost, written;
	} rows[] = {{0x800000, 0x7fffff},   {INT32_MAX, 0x7fffff},  {-0x800000, -0x800000},
		    {INT32_MIN, -0x800000}, {-0x800001, -0x800000}, {-1, -1}};
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t out[32];
		struct rtcp_item item;
		struct rtcp_report report = {.cumulative_lost = rows[i].lost};
		CU_ASSERT_EQUAL(rtcp_write_rr(out, sizeof(out), 7, &report, 1), 32);
		first_item(out, sizeof(out), &item);
		CU_ASSERT_TRUE(rtcp_report_get(&item, 0, &report));
		CU_ASSERT_EQUAL(report.cumulative_lost, rows[i].written);
	}
}

struct reference_row {
	const char *fact;
	bool found;
	const uint8_t *bytes;
	size_t size;
};

/* |4 0 0 2| NTP | among other blocks; a length that lies ends the walk. */
static const struct reference_row reference_rows[] = {
	{"alone", true, BYTES(0x80, 207, 0, 4, SSRC(1), 4, 0, 0, 2, SSRC(7), SSRC(8))},
	{"behind another block", true,
	 BYTES(0x80, 207, 0, 6, SSRC(1), 42, 0, 0, 1, ZEROS4, 4, 0, 0, 2, SSRC(7), SSRC(8))},
	{"no block", false, BYTES(0x80, 207, 0, 1, SSRC(1))},
	{"another block only", false, BYTES(0x80, 207, 0, 3, SSRC(1), 42, 0, 0, 1, ZEROS4)},
	{"one word short", false, BYTES(0x80, 207, 0, 3, SSRC(1), 4, 0, 0, 1, SSRC(7))},
	{"longer than the packet", false, BYTES(0x80, 207, 0, 3, SSRC(1), 4, 0, 0, 2, SSRC(7))},
	{"behind a block that lies", false,
	 BYTES(0x80, 207, 0, 5, SSRC(1), 42, 0, 0, 9, 4, 0, 0, 2, SSRC(7), SSRC(8))},
	{"another type", false, BYTES(PLI)},
};

static void rtcp_finds_the_reference_time(void)
{
	for (size_t i = 0; i < ROWS(reference_rows); i++) {
		const struct reference_row *row = &reference_rows[i];
		struct rtcp_reader reader;
		struct rtcp_item item;
		uint64_t ntp = 0;
		rtcp_reader_init(&reader, row->bytes, row->size);
		CU_ASSERT_TRUE_FATAL(rtcp_next(&reader, &item));
		if (rtcp_rrtr_get(&item, &ntp) != row->found)
			CU_FAIL(row->fact);
		CU_ASSERT_EQUAL(ntp, row->found ? (7ull << 32 | 8) : 0);
	}
}

struct written {
	const char *fact;
	int size;
	uint8_t bytes[32];
};

static void check_written(const uint8_t *out, int size, const struct written *expected)
{
	if (size != expected->size || memcmp(out, expected->bytes, (size_t)size) != 0)
		CU_FAIL(expected->fact);
}

static void rtcp_writes_exact_bytes(void)
{
	static const uint16_t some[] = {0xffff, 0, 15, 16};
	static const struct written rows[] = {
		{"pli", 12, {PLI}},
		{"fir", 20, {0x84, 206, 0, 4, SSRC(1), ZEROS4, SSRC(2), 9, 0, 0, 0}},
		{"bye", 8, {0x81, 203, 0, 1, SSRC(1)}},
		{"rr of none", 8, {RR_EMPTY}},
		{"nack",
		 20,
		 {0x81, 205, 0, 4, SSRC(1), SSRC(2), 0xff, 0xff, 0x80, 0x01, 0, 16, 0, 0}},
		{"nack of none", 0, {0}},
		{"sdes", 16, {0x81, 202, 0, 3, SSRC(1), 1, 2, 'a', 'b', 0, 0, 0, 0}},
		{"sdes of three", 16, {0x81, 202, 0, 3, SSRC(1), 1, 3, 'a', 'b', 'c', 0, 0, 0}},
		{"sdes of five", 16, {0x81, 202, 0, 3, SSRC(1), 1, 5, 'a', 'b', 'c', 'd', 'e', 0}},
		{"sdes of nothing", 12, {0x81, 202, 0, 2, SSRC(1), 1, 0, 0, 0}},
		{"dlrr", 24, {0x80, 207, 0, 5, SSRC(1), 5, 0, 0, 3, SSRC(2), SSRC(3), SSRC(4)}},
		{"remb of 500,000",
		 28,
		 {0x8f, 206, 0, 6, SSRC(1), SSRC(0), 'R', 'E', 'M', 'B', 0x02, 0x07, 0xd0, 0x90,
		  SSRC(2), SSRC(3)}},
		{"remb of 262,143",
		 20,
		 {0x8f, 206, 0, 4, SSRC(1), SSRC(0), 'R', 'E', 'M', 'B', 0, 3, 0xff, 0xff}},
		{"remb of 2^64 - 1",
		 20,
		 {0x8f, 206, 0, 4, SSRC(1), SSRC(0), 'R', 'E', 'M', 'B', 0, 0xbb, 0xff, 0xff}},
	};
	static const uint32_t ssrcs[] = {2, 3};
	uint8_t out[32];
	size_t room = sizeof(out);
	check_written(out, rtcp_write_pli(out, room, 1, 2), &rows[0]);
	check_written(out, rtcp_write_fir(out, room, 1, 2, 9), &rows[1]);
	check_written(out, rtcp_write_bye(out, room, 1), &rows[2]);
	check_written(out, rtcp_write_rr(out, room, 1, NULL, 0), &rows[3]);
	check_written(out, rtcp_write_nack(out, room, 1, 2, some, 4), &rows[4]);
	check_written(out, rtcp_write_nack(out, room, 1, 2, some, 0), &rows[5]);
	check_written(out, rtcp_write_sdes_cname(out, room, 1, "ab"), &rows[6]);
	check_written(out, rtcp_write_sdes_cname(out, room, 1, "abc"), &rows[7]);
	check_written(out, rtcp_write_sdes_cname(out, room, 1, "abcde"), &rows[8]);
	check_written(out, rtcp_write_sdes_cname(out, room, 1, ""), &rows[9]);
	check_written(out, rtcp_write_dlrr(out, room, 1, 2, 3, 4), &rows[10]);
	check_written(out, rtcp_write_remb(out, room, 1, 500000, ssrcs, 2), &rows[11]);
	check_written(out, rtcp_write_remb(out, room, 1, 262143, NULL, 0), &rows[12]);
	check_written(out, rtcp_write_remb(out, room, 1, UINT64_MAX, NULL, 0), &rows[13]);
}

/* Written into a heap block one byte too small: -ENOSPC, and ASan sees a byte too far. */
static void rtcp_writers_never_write_past_the_room(void)
{
	static const uint16_t far[] = {1, 100, 200};
	static const uint32_t ssrcs[] = {1, 2, 3};
	for (size_t room = 0; room < 80; room++) {
		uint8_t *out = malloc(room ? room : 1);
		CU_ASSERT_EQUAL(rtcp_write_sr(out, room, 1, &info, reports, 2),
				room < 76 ? -ENOSPC : 76);
		CU_ASSERT_EQUAL(rtcp_write_rr(out, room, 1, reports, 2), room < 56 ? -ENOSPC : 56);
		CU_ASSERT_EQUAL(rtcp_write_sdes_cname(out, room, 1, "nn5g"),
				room < 16 ? -ENOSPC : 16);
		CU_ASSERT_EQUAL(rtcp_write_bye(out, room, 1), room < 8 ? -ENOSPC : 8);
		CU_ASSERT_EQUAL(rtcp_write_pli(out, room, 1, 2), room < 12 ? -ENOSPC : 12);
		CU_ASSERT_EQUAL(rtcp_write_fir(out, room, 1, 2, 3), room < 20 ? -ENOSPC : 20);
		CU_ASSERT_EQUAL(rtcp_write_nack(out, room, 1, 2, far, 3), room < 24 ? -ENOSPC : 24);
		CU_ASSERT_EQUAL(rtcp_write_dlrr(out, room, 1, 2, 3, 4), room < 24 ? -ENOSPC : 24);
		CU_ASSERT_EQUAL(rtcp_write_remb(out, room, 1, 2, ssrcs, 3),
				room < 32 ? -ENOSPC : 32);
		free(out);
	}
}

static void rtcp_writers_refuse_what_fields_cannot_hold(void)
{
	static uint8_t out[1 << 19];
	static struct rtcp_report many[RTCP_REPORTS_MAX + 1];
	static uint16_t far[1 << 17];
	char name[RTCP_SDES_CNAME_MAX + 2];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	CU_ASSERT_EQUAL(rtcp_write_sdes_cname(out, sizeof(out), 1, name), -EINVAL);
	name[RTCP_SDES_CNAME_MAX] = 0;
	CU_ASSERT_EQUAL(rtcp_write_sdes_cname(out, sizeof(out), 1, name), 76);
	CU_ASSERT_EQUAL(rtcp_write_rr(out, sizeof(out), 1, many, 32), -EINVAL);
	static uint32_t ssrcs[RTCP_REMB_SSRCS_MAX + 1];
	CU_ASSERT_EQUAL(rtcp_write_remb(out, sizeof(out), 1, 2, ssrcs, 256), -EINVAL);
	CU_ASSERT_EQUAL(rtcp_write_remb(out, sizeof(out), 1, 2, ssrcs, 255), 20 + 255 * 4);
	CU_ASSERT_EQUAL(rtcp_write_sr(out, sizeof(out), 1, &info, many, 32), -EINVAL);
	CU_ASSERT_EQUAL(rtcp_write_rr(out, sizeof(out), 1, many, 31), 8 + 31 * 24);
	for (size_t i = 0; i < ROWS(far); i++)
		far[i] = (uint16_t)(i * 17);
	CU_ASSERT_EQUAL(rtcp_write_nack(out, sizeof(out), 1, 2, far, 1 << 17), -ENOSPC);
	CU_ASSERT_EQUAL(rtcp_write_nack(out, sizeof(out), 1, 2, far, 65533), 4 << 16);
}

static void ntp_counts_from_1900(void)
{
	CU_ASSERT_EQUAL(rtcp_ntp_from_unix_ns(0), UINT64_C(2208988800) << 32);
	CU_ASSERT_EQUAL(rtcp_ntp_from_unix_ns(500000000), UINT64_C(2208988800) << 32 | 0x80000000);
	CU_ASSERT_EQUAL(rtcp_ntp_from_unix_ns(UINT64_C(1700000000999999999)),
			UINT64_C(3908988800) << 32 | 0xfffffffb);
	CU_ASSERT_EQUAL(rtcp_ntp_middle(UINT64_C(0x0123456789abcdef)), 0x456789ab);
}

static CU_TestInfo tests[] = {
	{"rtcp_walks_until_the_first_lie", rtcp_walks_until_the_first_lie},
	{"rtcp_survives_truncation_anywhere", rtcp_survives_truncation_anywhere},
	{"rtcp_reads_a_report", rtcp_reads_a_report},
	{"rtcp_getters_refuse_other_types", rtcp_getters_refuse_other_types},
	{"rtcp_nack_unpacks_its_bitmask", rtcp_nack_unpacks_its_bitmask},
	{"rtcp_nack_flood_is_bounded_by_the_caller", rtcp_nack_flood_is_bounded_by_the_caller},
	{"rtcp_transport_cc_is_seen_as_a_body", rtcp_transport_cc_is_seen_as_a_body},
	{"rtcp_padding_is_taken_off_the_body", rtcp_padding_is_taken_off_the_body},
	{"rtcp_reports_read_back", rtcp_reports_read_back},
	{"rtcp_report_clamps_to_24_bits", rtcp_report_clamps_to_24_bits},
	{"rtcp_finds_the_reference_time", rtcp_finds_the_reference_time},
	{"rtcp_writes_exact_bytes", rtcp_writes_exact_bytes},
	{"rtcp_writers_never_write_past_the_room", rtcp_writers_never_write_past_the_room},
	{"rtcp_writers_refuse_what_fields_cannot_hold",
	 rtcp_writers_refuse_what_fields_cannot_hold},
	{"ntp_counts_from_1900", ntp_counts_from_1900},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("rtcp", tests)
