/* Which protocol a datagram is: every first byte, and the shortest packet of each protocol. */
#include "media/demux.h"

#include "tests/cunit.h"
#include "tests/media/rows.h"

struct row {
	const char *fact;
	enum demux_kind kind;
	const uint8_t *bytes;
	size_t size;
};

#define COOKIE 0x21, 0x12, 0xa4, 0x42
#define ZEROS4 0, 0, 0, 0

static const struct row rows[] = {
	{"stun with its cookie", DEMUX_STUN, BYTES(0, 1, 0, 0, COOKIE, ZEROS4, ZEROS4, ZEROS4)},
	{"stun a byte short", DEMUX_UNKNOWN, BYTES(0, 1, 0, 0, COOKIE, ZEROS4, ZEROS4, 0, 0, 0)},
	{"stun without cookie", DEMUX_UNKNOWN, BYTES(0, 1, 0, 0, ZEROS4, ZEROS4, ZEROS4, ZEROS4)},
	{"first byte 4", DEMUX_UNKNOWN, BYTES(4, 1, 0, 0, COOKIE, ZEROS4, ZEROS4, ZEROS4)},
	{"dtls record header", DEMUX_DTLS, BYTES(22, 254, 253, 0, 0, ZEROS4, 0, 0, 0, 0)},
	{"dtls a byte short", DEMUX_UNKNOWN, BYTES(22, 254, 253, 0, 0, ZEROS4, 0, 0, 0)},
	{"rtp header", DEMUX_RTP, BYTES(0x80, 96, 0, 1, ZEROS4, ZEROS4)},
	{"rtp with marker", DEMUX_RTP, BYTES(0x80, 0x80 | 96, 0, 1, ZEROS4, ZEROS4)},
	{"rtp a byte short", DEMUX_UNKNOWN, BYTES(0x80, 96, 0, 1, ZEROS4, 0, 0, 0)},
	{"payload type 63", DEMUX_RTP, BYTES(0x80, 63, 0, 1, ZEROS4, ZEROS4)},
	{"payload type 64", DEMUX_RTCP, BYTES(0x80, 64, 0, 1, ZEROS4)},
	{"payload type 95", DEMUX_RTCP, BYTES(0x80, 95, 0, 1, ZEROS4)},
	{"rtcp sr", DEMUX_RTCP, BYTES(0x80, 200, 0, 1, ZEROS4)},
	{"rtcp xr", DEMUX_RTCP, BYTES(0x80, 207, 0, 1, ZEROS4)},
	{"rtcp a byte short", DEMUX_UNKNOWN, BYTES(0x80, 200, 0, 1, 0, 0, 0)},
	{"one byte", DEMUX_UNKNOWN, BYTES(0x80)},
};

static void demux_names_rows(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t *bytes = bytes_copy(rows[i].bytes, rows[i].size);
		if (demux_classify(bytes, rows[i].size) != rows[i].kind)
			CU_FAIL(rows[i].fact);
		free(bytes);
	}
	CU_ASSERT_EQUAL(demux_classify(NULL, 0), DEMUX_UNKNOWN);
}

/* RFC 7983 7, as ranges; ZRTP and TURN channels are not ours. */
static void demux_follows_rfc7983_ranges(void)
{
	uint8_t bytes[32] = {[4] = 0x21, 0x12, 0xa4, 0x42};
	for (unsigned int first = 0; first < 256; first++) {
		bytes[0] = (uint8_t)first;
		enum demux_kind kind = DEMUX_UNKNOWN;
		if (first <= 3)
			kind = DEMUX_STUN;
		if (first >= 20 && first <= 63)
			kind = DEMUX_DTLS;
		if (first >= 128 && first <= 191)
			kind = DEMUX_RTP;
		CU_ASSERT_EQUAL(demux_classify(bytes, sizeof(bytes)), kind);
	}
}

static void demux_never_reads_past_the_end(void)
{
	static const uint8_t firsts[] = {0, 22, 0x80};
	for (size_t f = 0; f < sizeof(firsts); f++) {
		for (size_t size = 1; size < 24; size++) {
			uint8_t bytes[24] = {firsts[f]};
			uint8_t *copy = bytes_copy(bytes, size);
			enum demux_kind kind = demux_classify(copy, size);
			CU_ASSERT(kind != DEMUX_RTP || size >= 12);
			CU_ASSERT(kind != DEMUX_DTLS || size >= 13);
			free(copy);
		}
	}
}

static CU_TestInfo tests[] = {
	{"demux_names_rows", demux_names_rows},
	{"demux_follows_rfc7983_ranges", demux_follows_rfc7983_ranges},
	{"demux_never_reads_past_the_end", demux_never_reads_past_the_end},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("demux", tests)
