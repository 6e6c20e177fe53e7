/* Transport-wide feedback: exact bytes for small patterns, and everything read back by an
 * independent decoder. */
#include "media/twcc.h"

#include <errno.h>

#include "tests/cunit.h"
#include "tests/media/feedback_reader.h"
#include "tests/media/rows.h"

#define TICK_NS UINT64_C(250000)
#define ROOM    1200

struct arrival {
	uint16_t sequence;
	uint32_t tick;
};

#define ARRIVALS(...)                                                                              \
	(const struct arrival[]){__VA_ARGS__},                                                     \
		sizeof((const struct arrival[]){__VA_ARGS__}) / sizeof(struct arrival)

struct row {
	const char *fact;
	const struct arrival *arrivals;
	size_t n;
	const uint8_t *bytes; /* of the first feedback, behind the SSRCs */
	size_t size;
};

static const struct row rows[] = {
	{"one packet at time zero", ARRIVALS({7, 0}), BYTES(0, 7, 0, 1, 0, 0, 0, 0, 0x20, 1, 0, 0)},
	{"a run", ARRIVALS({1, 256}, {2, 257}, {3, 258}),
	 BYTES(0, 1, 0, 3, 0, 0, 1, 0, 0x20, 3, 0, 1, 1, 0, 0, 0)},
	{"a loss between", ARRIVALS({1, 512}, {3, 514}),
	 BYTES(0, 1, 0, 3, 0, 0, 2, 0, 0xa8, 0, 0, 2)},
	{"a large delta", ARRIVALS({1, 5}, {2, 5 + 256}),
	 BYTES(0, 1, 0, 2, 0, 0, 0, 0, 0xd8, 0, 5, 1, 0, 0, 0, 0)},
	{"the largest small delta", ARRIVALS({1, 0}, {2, 255}),
	 BYTES(0, 1, 0, 2, 0, 0, 0, 0, 0x20, 2, 0, 255)},
	{"a negative delta", ARRIVALS({1, 300}, {3, 301}, {2, 302}),
	 BYTES(0, 1, 0, 3, 0, 0, 1, 0, 0xd6, 0, 44, 2, 0xff, 0xff, 0, 0)},
	{"sequence wrap", ARRIVALS({65535, 0}, {0, 1}),
	 BYTES(0xff, 0xff, 0, 2, 0, 0, 0, 0, 0x20, 2, 0, 1)},
	{"a packet from before the first", ARRIVALS({0, 0}, {65535, 1}),
	 BYTES(0xff, 0xff, 0, 2, 0, 0, 0, 0, 0xd8, 0, 1, 0xff, 0xff, 0, 0, 0)},
	{"reference time is 24 bits of 64 ms", ARRIVALS({1, 0xfffffe07}),
	 BYTES(0, 1, 0, 1, 0xff, 0xff, 0xfe, 0, 0x20, 1, 7, 0)},
	{"a delta of 32767 fits", ARRIVALS({1, 0}, {2, 32767}),
	 BYTES(0, 1, 0, 2, 0, 0, 0, 0, 0xd8, 0, 0, 0x7f, 0xff, 0, 0, 0)},
	{"a delta of 32768 does not", ARRIVALS({1, 0}, {2, 32768}),
	 BYTES(0, 1, 0, 1, 0, 0, 0, 0, 0x20, 1, 0, 0)},
	{"a duplicate keeps the first time", ARRIVALS({1, 3}, {1, 9}),
	 BYTES(0, 1, 0, 1, 0, 0, 0, 0, 0x20, 1, 3, 0)},
};

static void twcc_writes_exact_bytes(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct twcc twcc;
		uint8_t out[ROOM];
		twcc_init(&twcc);
		for (size_t a = 0; a < rows[i].n; a++)
			twcc_on_packet(&twcc, rows[i].arrivals[a].sequence,
				       rows[i].arrivals[a].tick * TICK_NS);
		int size = twcc_write(&twcc, out, sizeof(out), 0x11223344, 0x55667788);
		if (size != (int)rows[i].size + 12 ||
		    memcmp(out + 12, rows[i].bytes, rows[i].size) != 0)
			CU_FAIL(rows[i].fact);
		uint8_t head[12] = {0x8f, 205,  0,    (uint8_t)(size / 4 - 1),
				    0x11, 0x22, 0x33, 0x44,
				    0x55, 0x66, 0x77, 0x88};
		CU_ASSERT_EQUAL(memcmp(out, head, sizeof(head)), 0);
	}
}

static struct feedback feedback;

/* Writes and reads one feedback; the number of statuses. */
static unsigned int take(struct twcc *twcc, size_t room)
{
	uint8_t *out = malloc(room);
	int size = twcc_write(twcc, out, room, 1, 2);
	bool good = size > 0 && feedback_read(out, (size_t)size, &feedback);
	free(out);
	CU_ASSERT_TRUE_FATAL(good);
	return feedback.n;
}

static void twcc_has_nothing_to_say_at_first(void)
{
	struct twcc twcc;
	uint8_t out[ROOM];
	twcc_init(&twcc);
	CU_ASSERT_FALSE(twcc_pending(&twcc));
	CU_ASSERT_EQUAL(twcc_write(&twcc, out, sizeof(out), 1, 2), 0);
	twcc_on_packet(&twcc, 5, 0);
	CU_ASSERT_TRUE(twcc_pending(&twcc));
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 1);
	CU_ASSERT_FALSE(twcc_pending(&twcc));
	CU_ASSERT_EQUAL(twcc_write(&twcc, out, sizeof(out), 1, 2), 0);
}

static void twcc_counts_its_feedback_modulo_256(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	for (unsigned int i = 0; i < 300; i++) {
		twcc_on_packet(&twcc, (uint16_t)i, i * TICK_NS);
		take(&twcc, ROOM);
		CU_ASSERT_EQUAL(feedback.count, i % 256);
		CU_ASSERT_EQUAL(feedback.status[0].sequence, i);
	}
}

static void twcc_splits_where_a_delta_does_not_fit(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	twcc_on_packet(&twcc, 1, 0);
	twcc_on_packet(&twcc, 3, 40000 * TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 2);
	CU_ASSERT_FALSE(feedback.status[1].received);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 1);
	CU_ASSERT_EQUAL(feedback.status[0].sequence, 3);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 40000);
	CU_ASSERT_FALSE(twcc_pending(&twcc));
}

static void twcc_splits_where_a_delta_is_too_negative(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	twcc_on_packet(&twcc, 2, 0);
	twcc_on_packet(&twcc, 1, 40000 * TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 1);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 40000);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 1);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 0);
}

static void twcc_reports_a_late_packet_again(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	twcc_on_packet(&twcc, 1, 0);
	twcc_on_packet(&twcc, 3, 20 * TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 3);
	CU_ASSERT_FALSE(feedback.status[1].received);
	twcc_on_packet(&twcc, 2, 30 * TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 2);
	CU_ASSERT_EQUAL(feedback.status[0].sequence, 2);
	CU_ASSERT_TRUE(feedback.status[0].received);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 30);
	CU_ASSERT_TRUE(feedback.status[1].received);
	CU_ASSERT_EQUAL(feedback.status[1].ticks, 20);
	twcc_on_packet(&twcc, 2, 40 * TICK_NS);
	CU_ASSERT_FALSE(twcc_pending(&twcc));
}

static void twcc_jump_behind_the_window_is_ignored(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	twcc_on_packet(&twcc, 5000, 0);
	take(&twcc, ROOM);
	twcc_on_packet(&twcc, 5000 - TWCC_WINDOW, 0);
	CU_ASSERT_FALSE(twcc_pending(&twcc));
	twcc_on_packet(&twcc, 5000 - TWCC_WINDOW + 1, 0);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), TWCC_WINDOW);
}

/* Huge counts: a hostile jump costs one status, not 65,535. */
static void twcc_jump_ahead_of_the_window_begins_anew(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	twcc_on_packet(&twcc, 1, 0);
	twcc_on_packet(&twcc, 2 + TWCC_WINDOW, TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 1);
	CU_ASSERT_EQUAL(feedback.status[0].sequence, 2 + TWCC_WINDOW);
	twcc_on_packet(&twcc, 2 + 2 * TWCC_WINDOW, TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), TWCC_WINDOW);
	CU_ASSERT_FALSE(feedback.status[TWCC_WINDOW - 2].received);
	CU_ASSERT_TRUE(feedback.status[TWCC_WINDOW - 1].received);
}

static void twcc_forgets_what_leaves_the_window_unreported(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	for (unsigned int i = 0; i < TWCC_WINDOW + 100; i++)
		twcc_on_packet(&twcc, (uint16_t)i, i * TICK_NS);
	unsigned int n = take(&twcc, ROOM);
	CU_ASSERT_EQUAL(n, TWCC_WINDOW);
	CU_ASSERT_EQUAL(feedback.status[0].sequence, 100);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 100);
	CU_ASSERT_EQUAL(feedback.status[n - 1].ticks, TWCC_WINDOW + 99);
}

static void twcc_keeps_exactly_the_window(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	for (unsigned int i = 0; i <= TWCC_WINDOW; i++)
		twcc_on_packet(&twcc, (uint16_t)i, i * TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), TWCC_WINDOW);
	CU_ASSERT_EQUAL(feedback.status[0].sequence, 1);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 1);
	/* The slot of a packet a window ago does not speak for one that is lost. */
	twcc_on_packet(&twcc, TWCC_WINDOW + 2, TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 2);
	CU_ASSERT_FALSE(feedback.status[0].received);
}

/* Each room that is granted gives whole feedback of at least one status, and all of it in the end.
 */
static void twcc_fits_any_room(void)
{
	for (size_t room = 0; room < 200; room++) {
		struct twcc twcc;
		unsigned int next = 0;
		twcc_init(&twcc);
		for (unsigned int i = 0; i < 200; i++) {
			if (i % 5 != 3 && (i < 50 || i > 120))
				twcc_on_packet(&twcc, (uint16_t)i, i * (i % 7 ? 1u : 5u) * TICK_NS);
		}
		if (room < 24) {
			uint8_t out[24];
			CU_ASSERT_EQUAL(twcc_write(&twcc, out, room, 1, 2), -ENOSPC);
			continue;
		}
		while (twcc_pending(&twcc)) {
			unsigned int n = take(&twcc, room);
			for (unsigned int i = 0; i < n; i++, next++) {
				const struct feedback_status *s = &feedback.status[i];
				CU_ASSERT_EQUAL(s->sequence, next);
				CU_ASSERT_EQUAL(s->received,
						next % 5 != 3 && (next < 50 || next > 120));
				if (s->received)
					CU_ASSERT_EQUAL(s->ticks, next * (next % 7 ? 1u : 5u));
			}
		}
		CU_ASSERT_EQUAL(next, 200);
	}
}

static void twcc_time_wraps_without_a_split(void)
{
	struct twcc twcc;
	twcc_init(&twcc);
	twcc_on_packet(&twcc, 1, (UINT64_C(1) << 32) * TICK_NS - TICK_NS);
	twcc_on_packet(&twcc, 2, (UINT64_C(1) << 32) * TICK_NS + TICK_NS);
	CU_ASSERT_EQUAL(take(&twcc, ROOM), 2);
	CU_ASSERT_EQUAL(feedback.status[0].ticks, 0xffffffff);
	CU_ASSERT_EQUAL(feedback.status[1].ticks, INT64_C(0x100000001));
}

static CU_TestInfo tests[] = {
	{"twcc_writes_exact_bytes", twcc_writes_exact_bytes},
	{"twcc_has_nothing_to_say_at_first", twcc_has_nothing_to_say_at_first},
	{"twcc_counts_its_feedback_modulo_256", twcc_counts_its_feedback_modulo_256},
	{"twcc_splits_where_a_delta_does_not_fit", twcc_splits_where_a_delta_does_not_fit},
	{"twcc_splits_where_a_delta_is_too_negative", twcc_splits_where_a_delta_is_too_negative},
	{"twcc_reports_a_late_packet_again", twcc_reports_a_late_packet_again},
	{"twcc_jump_behind_the_window_is_ignored", twcc_jump_behind_the_window_is_ignored},
	{"twcc_jump_ahead_of_the_window_begins_anew", twcc_jump_ahead_of_the_window_begins_anew},
	{"twcc_forgets_what_leaves_the_window_unreported",
	 twcc_forgets_what_leaves_the_window_unreported},
	{"twcc_keeps_exactly_the_window", twcc_keeps_exactly_the_window},
	{"twcc_fits_any_room", twcc_fits_any_room},
	{"twcc_time_wraps_without_a_split", twcc_time_wraps_without_a_split},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("twcc", tests)
