/* Reception of one SSRC: verdicts, requests, statistics. Time is whatever the rows say. */
#include "media/reception.h"

#include "tests/cunit.h"
#include "tests/media/rows.h"

#define MS UINT64_C(1000000)

static struct reception r;

static enum reception_verdict on(uint16_t sequence, uint64_t now_ms)
{
	int64_t index;
	return reception_on_packet(&r, sequence, (uint32_t)(now_ms * 90), now_ms * MS, false,
				   &index);
}

struct step {
	uint16_t sequence;
	enum reception_verdict verdict;
	int64_t index;
};

struct row {
	const char *fact;
	const struct step *steps;
	size_t n;
	uint64_t received, duplicates;
	const uint16_t *asked;
	size_t asked_n;
};

#define STEPS(...)                                                                                 \
	(const struct step[]){__VA_ARGS__},                                                        \
		sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step)
#define ASKED(...) (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / 2
#define NEW        RECEPTION_NEW
#define DUPLICATE  RECEPTION_DUPLICATE
#define STALE      RECEPTION_STALE

static const struct row rows[] = {
	{"in order", STEPS({1, NEW, 1}, {2, NEW, 2}, {3, NEW, 3}), 3, 0, NULL, 0},
	{"duplicates", STEPS({1, NEW, 1}, {1, DUPLICATE, 1}, {2, NEW, 2}, {1, DUPLICATE, 1}), 2, 2,
	 NULL, 0},
	{"a gap", STEPS({1, NEW, 1}, {4, NEW, 4}), 2, 0, ASKED(2, 3)},
	{"a gap partly filled", STEPS({1, NEW, 1}, {5, NEW, 5}, {3, NEW, 3}), 3, 0, ASKED(2, 4)},
	{"a reordered packet twice",
	 STEPS({1, NEW, 1}, {3, NEW, 3}, {2, NEW, 2}, {2, DUPLICATE, 2}), 3, 1, NULL, 0},
	{"the wrap", STEPS({65534, NEW, 65534}, {1, NEW, 65537}, {65535, NEW, 65535}), 3, 0,
	 ASKED(0)},
	{"before the first", STEPS({1, NEW, 1}, {65535, NEW, -1}, {65535, DUPLICATE, -1}), 2, 1,
	 ASKED(0)},
	{"a jump of the window", STEPS({0, NEW, 0}, {1, NEW, 1}, {1026, NEW, 1026}), 3, 0, NULL, 0},
	{"the window's far end",
	 STEPS({2000, NEW, 2000}, {977, NEW, 977}, {976, STALE, 976}, {977, DUPLICATE, 977}), 2, 1,
	 NULL, 1},
	{"from before a jump",
	 STEPS({0, NEW, 0}, {5000, NEW, 5000}, {0, STALE, 0}, {4000, NEW, 4000}), 3, 0, NULL, 0},
	{"half the circle behind", STEPS({0, NEW, 0}, {32768, STALE, -32768}), 1, 0, NULL, 0},
	{"half the circle ahead", STEPS({0, NEW, 0}, {32767, NEW, 32767}), 2, 0, NULL, 0},
};

static void check_asked(const struct row *row)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	unsigned int n = reception_nacks(&r, 100 * MS, 10 * MS, asked);
	/* Without a list: only that there are some, or none. */
	if (!row->asked) {
		if ((n > 0) != (row->asked_n > 0))
			CU_FAIL(row->fact);
		return;
	}
	if (n != row->asked_n || memcmp(asked, row->asked, n * sizeof(asked[0])) != 0)
		CU_FAIL(row->fact);
}

static void reception_follows_rows(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		reception_init(&r, 7, 90000);
		for (size_t s = 0; s < rows[i].n; s++) {
			int64_t index;
			if (reception_on_packet(&r, rows[i].steps[s].sequence, 0, 0, false,
						&index) != rows[i].steps[s].verdict ||
			    index != rows[i].steps[s].index)
				CU_FAIL(rows[i].fact);
		}
		if (r.received != rows[i].received || r.duplicates != rows[i].duplicates ||
		    reception_has_holes(&r) != (rows[i].asked_n > 0))
			CU_FAIL(rows[i].fact);
		check_asked(&rows[i]);
	}
}

static void nacks_wait_between_tries_and_give_up(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(1, 0);
	on(3, 0);
	for (unsigned int i = 0; i < RECEPTION_TRIES_MAX; i++) {
		CU_ASSERT_TRUE(reception_has_holes(&r));
		CU_ASSERT_EQUAL(reception_nacks(&r, i * 20 * MS, 20 * MS, asked), 1);
		CU_ASSERT_EQUAL(asked[0], 2);
		CU_ASSERT_EQUAL(reception_nacks(&r, (i * 20 + 19) * MS, 20 * MS, asked), 0);
	}
	CU_ASSERT_FALSE(reception_has_holes(&r));
	CU_ASSERT_EQUAL(reception_nacks(&r, 10000 * MS, 20 * MS, asked), 0);
	/* Late, but it had been asked for. */
	CU_ASSERT_EQUAL(on(2, 10000), RECEPTION_NEW);
	CU_ASSERT_EQUAL(r.recovered, 1);
}

static void what_is_forgiven_is_not_asked_for(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(1, 0);
	on(70, 0);
	reception_forgive(&r);
	CU_ASSERT_FALSE(reception_has_holes(&r));
	CU_ASSERT_EQUAL(reception_nacks(&r, 100 * MS, 20 * MS, asked), 0);
	/* It may come all the same, and what is missing later is another matter. */
	CU_ASSERT_EQUAL(on(3, 0), RECEPTION_NEW);
	on(72, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 100 * MS, 20 * MS, asked), 1);
	CU_ASSERT_EQUAL(asked[0], 71);
}

static void nacks_are_asked_at_once_with_no_wait(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(1, 0);
	on(3, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 1);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 1);
}

static void nacks_wait_no_less_than_a_part_of_a_millisecond(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(1, 0);
	on(3, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 3 * MS / 2, asked), 1);
	CU_ASSERT_EQUAL(reception_nacks(&r, MS, 3 * MS / 2, asked), 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 2 * MS, 3 * MS / 2, asked), 1);
}

/* A wait longer than what is kept of a request's time still ends. */
static void nacks_wait_half_a_minute_at_most(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(1, 0);
	on(3, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, UINT64_MAX, asked), 1);
	CU_ASSERT_EQUAL(reception_nacks(&r, 29999 * MS, UINT64_MAX, asked), 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 30000 * MS, UINT64_MAX, asked), 1);
}

static void nacks_are_bounded_in_a_round_and_oldest_first(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX + 1];
	unsigned int total = 0, n;
	reception_init(&r, 7, 90000);
	on(0, 0);
	on(RECEPTION_WINDOW, 0);
	asked[RECEPTION_NACKS_MAX] = 0xabcd;
	while ((n = reception_nacks(&r, 5 * MS, 20 * MS, asked)) > 0) {
		CU_ASSERT_FATAL(n <= RECEPTION_NACKS_MAX);
		for (unsigned int i = 0; i < n; i++)
			CU_ASSERT_EQUAL(asked[i], ++total);
	}
	CU_ASSERT_EQUAL(total, RECEPTION_WINDOW - 1);
	CU_ASSERT_EQUAL(asked[RECEPTION_NACKS_MAX], 0xabcd);
}

static void nacks_never_ask_for_more_than_the_window(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(0, 0);
	on(2, 0);
	on(3 + RECEPTION_WINDOW, 0);
	CU_ASSERT_FALSE(reception_has_holes(&r));
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 0);
	CU_ASSERT_EQUAL(on(2 + RECEPTION_WINDOW, 0), RECEPTION_NEW);
	CU_ASSERT_EQUAL(on(2 + RECEPTION_WINDOW, 0), RECEPTION_DUPLICATE);
}

static void holes_leave_with_the_window(void)
{
	reception_init(&r, 7, 90000);
	on(0, 0);
	for (unsigned int i = 2; i <= RECEPTION_WINDOW; i++)
		on((uint16_t)i, 0);
	CU_ASSERT_TRUE(reception_has_holes(&r));
	on(RECEPTION_WINDOW + 1, 0);
	CU_ASSERT_FALSE(reception_has_holes(&r));
	CU_ASSERT_EQUAL(on(1, 0), RECEPTION_STALE);
}

static void recovered_counts_only_what_was_asked_for(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	int64_t index;
	reception_init(&r, 7, 90000);
	on(1, 0);
	on(4, 0);
	on(2, 0);
	CU_ASSERT_EQUAL(r.recovered, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 1);
	CU_ASSERT_EQUAL(reception_on_packet(&r, 3, 0, 0, true, &index), RECEPTION_NEW);
	CU_ASSERT_EQUAL(r.recovered, 1);
	CU_ASSERT_FALSE(reception_has_holes(&r));
}

/* What was asked of a slot's last index says nothing about its next one. */
static void requests_leave_with_the_window(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(0, 0);
	on(3, 0);
	for (unsigned int i = 0; i < RECEPTION_TRIES_MAX; i++)
		CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 2);
	for (unsigned int i = 4; i <= RECEPTION_WINDOW + 1; i++)
		on((uint16_t)i, 0);
	CU_ASSERT_EQUAL(r.recovered, 0);
	on(RECEPTION_WINDOW + 3, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 1000 * MS, asked), 1);
	CU_ASSERT_EQUAL(asked[0], RECEPTION_WINDOW + 2);
}

static void requests_leave_with_a_jump(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(0, 0);
	on(2, 0);
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 1);
	on(2 + 2 * RECEPTION_WINDOW, 0);
	on(1 + 2 * RECEPTION_WINDOW, 0);
	CU_ASSERT_EQUAL(r.recovered, 0);
}

struct loss_row {
	const char *fact;
	uint16_t from, to, every; /* packets from..to; each `every`th is lost (0: none) */
	uint8_t fraction;
	int32_t cumulative;
	uint32_t highest;
};

/* One reception; a report after each row. */
static const struct loss_row loss_rows[] = {
	{"no loss", 65500, 65535, 0, 0, 0, 65535},
	{"a quarter", 0, 99, 4, 64, 25, 0x10000 + 99},
	{"none again", 100, 199, 0, 0, 25, 0x10000 + 199},
	{"nearly all", 200, 1199, 1, 255, 25 + 999, 0x10000 + 1199},
	{"the late ones of before", 1100, 1150, 0, 0, 25 + 999 - 51, 0x10000 + 1199},
	{"nothing", 1, 0, 0, 0, 25 + 999 - 51, 0x10000 + 1199},
};

static void report_fraction_and_loss_follow_a3(void)
{
	struct rtcp_report report;
	reception_init(&r, 7, 90000);
	for (size_t i = 0; i < ROWS(loss_rows); i++) {
		const struct loss_row *row = &loss_rows[i];
		for (unsigned int s = row->from; s <= row->to; s++) {
			if (row->every == 0 || s % row->every != 0 || s == row->to)
				on((uint16_t)s, 0);
		}
		reception_report(&r, 0, &report);
		if (report.fraction_lost != row->fraction ||
		    report.cumulative_lost != row->cumulative ||
		    report.highest_sequence != row->highest || report.ssrc != 7)
			CU_FAIL(row->fact);
	}
}

static void report_loss_is_clamped_to_24_bits(void)
{
	struct rtcp_report report;
	reception_init(&r, 7, 90000);
	for (unsigned int i = 0; i < 300; i++)
		on((uint16_t)(i * 32767), 0);
	reception_report(&r, 0, &report);
	CU_ASSERT_EQUAL(report.cumulative_lost, 0x7fffff);
	CU_ASSERT_EQUAL(report.fraction_lost, 255);
}

static void report_is_empty_before_the_first_packet(void)
{
	struct rtcp_report report;
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	reception_report(&r, 5 * MS, &report);
	CU_ASSERT_EQUAL(report.ssrc, 7);
	CU_ASSERT_EQUAL(report.highest_sequence, 0);
	CU_ASSERT_EQUAL(report.fraction_lost, 0);
	CU_ASSERT_FALSE(reception_has_holes(&r));
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 0);
}

static void report_tells_the_last_sr_and_its_age(void)
{
	static const struct {
		uint64_t now_ns;
		uint32_t delay;
	} ages[] = {
		{1000 * MS, 0}, {1500 * MS, 0x8000},         {2000 * MS, 0x10000},
		{500 * MS, 0},  {65536999 * MS, 0xffffffbe}, {65537000 * MS, UINT32_MAX},
	};
	const struct rtcp_sender_info sr = {.ntp = UINT64_C(0x0123456789abcdef)};
	struct rtcp_report report;
	reception_init(&r, 7, 90000);
	on(1, 0);
	reception_report(&r, 0, &report);
	CU_ASSERT_EQUAL(report.last_sr, 0);
	CU_ASSERT_EQUAL(report.delay_since_last_sr, 0);
	reception_on_sr(&r, &sr, 1000 * MS);
	for (size_t i = 0; i < ROWS(ages); i++) {
		reception_report(&r, ages[i].now_ns, &report);
		CU_ASSERT_EQUAL(report.last_sr, 0x456789ab);
		CU_ASSERT_EQUAL(report.delay_since_last_sr, ages[i].delay);
	}
}

struct jitter_row {
	uint32_t timestamp;
	uint64_t arrival_us;
	bool repaired;
	uint32_t jitter; /* after it */
};

/* By hand from RFC 3550 A.8 with its 4 bit scaling; 90 kHz. Timestamps wrap on the way. */
static const struct jitter_row jitter_rows[] = {
	{UINT32_MAX - 2999, 0, false, 0}, {0, 33333, false, 0},        {3000, 66666, false, 0},
	{6000, 116666, false, 93},        {9000, 150000, false, 88},   {12000, 900000, true, 88},
	{12000, 183333, false, 82},       {15000, 200000, false, 171},
};

static void report_jitter_follows_a8(void)
{
	struct rtcp_report report;
	int64_t index;
	reception_init(&r, 7, 90000);
	for (size_t i = 0; i < ROWS(jitter_rows); i++) {
		const struct jitter_row *row = &jitter_rows[i];
		reception_on_packet(&r, (uint16_t)i, row->timestamp, row->arrival_us * 1000,
				    row->repaired, &index);
		reception_report(&r, 0, &report);
		CU_ASSERT_EQUAL(report.jitter, row->jitter);
	}
}

/* One late packet of 24 units fades by the rounded sixteenth: 24 22 21 20 19 18 17 16 15 of 16. */
static void report_jitter_rounds_as_a8(void)
{
	struct rtcp_report report;
	int64_t index;
	reception_init(&r, 7, 1000000);
	for (uint16_t i = 0; i < 10; i++) {
		uint64_t late_ns = i > 0 ? 24000 : 0;
		reception_on_packet(&r, i, i * 1000, i * MS + late_ns, false, &index);
		reception_report(&r, 0, &report);
		CU_ASSERT_EQUAL(report.jitter, i > 0 && i < 9 ? 1 : 0);
	}
}

/* After days of uptime the clock in clock units does not overflow. */
static void report_jitter_is_steady_at_any_uptime(void)
{
	struct rtcp_report report;
	int64_t index;
	uint64_t start_ns = UINT64_C(1) << 62;
	reception_init(&r, 7, 90000);
	for (uint32_t i = 0; i < 100; i++)
		reception_on_packet(&r, (uint16_t)i, i * 90000, start_ns + i * UINT64_C(1000000000),
				    false, &index);
	reception_report(&r, 0, &report);
	CU_ASSERT_EQUAL(report.jitter, 0);
}

static void duplicates_do_not_count_for_jitter(void)
{
	struct rtcp_report report;
	int64_t index;
	reception_init(&r, 7, 90000);
	reception_on_packet(&r, 1, 0, 0, false, &index);
	reception_on_packet(&r, 1, 0, 5000 * MS, false, &index);
	reception_on_packet(&r, 2, 0, 0, false, &index);
	reception_report(&r, 0, &report);
	CU_ASSERT_EQUAL(report.jitter, 0);
}

static void what_was_policed_is_lost_and_not_asked_for(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	struct rtcp_report report;
	reception_init(&r, 7, 90000);
	CU_ASSERT_FALSE(reception_on_policed(&r, 9)); /* of a source that nothing came from yet */
	on(10, 0);
	CU_ASSERT_TRUE(reception_on_policed(&r, 11));
	CU_ASSERT_TRUE(reception_on_policed(&r, 14)); /* 12 and 13 are holes before it */
	on(15, 0);
	CU_ASSERT_FALSE(reception_on_policed(&r, 15)); /* has come before */
	CU_ASSERT_EQUAL(reception_nacks(&r, 100 * MS, 20 * MS, asked), 2);
	CU_ASSERT_EQUAL(asked[0], 12);
	CU_ASSERT_EQUAL(asked[1], 13);
	/* Its repetition is over the rate too: that was the last time it was asked for. */
	CU_ASSERT_TRUE(reception_on_policed(&r, 12));
	CU_ASSERT_EQUAL(reception_nacks(&r, 200 * MS, 20 * MS, asked), 1);
	CU_ASSERT_EQUAL(asked[0], 13);
	reception_report(&r, 200 * MS, &report);
	CU_ASSERT_EQUAL(report.cumulative_lost, 4);
	CU_ASSERT_EQUAL(report.highest_sequence, 15);
	/* It comes again after all, and passes. */
	CU_ASSERT_EQUAL(on(11, 300), RECEPTION_NEW);
	CU_ASSERT_EQUAL(on(11, 300), RECEPTION_DUPLICATE);
	reception_report(&r, 300 * MS, &report);
	CU_ASSERT_EQUAL(report.cumulative_lost, 3);
}

static void all_policed_is_all_lost(void)
{
	struct rtcp_report report;
	reception_init(&r, 7, 90000);
	on(10, 0);
	reception_report(&r, 0, &report);
	for (uint16_t i = 11; i < 20; i++)
		CU_ASSERT_TRUE(reception_on_policed(&r, i));
	reception_report(&r, 1000 * MS, &report);
	CU_ASSERT_EQUAL(report.fraction_lost, 255);
}

static void policed_packets_move_the_window(void)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	reception_init(&r, 7, 90000);
	on(0, 0);
	on(2, 0);
	for (unsigned int i = 3; i < 3 + RECEPTION_WINDOW; i++)
		CU_ASSERT_TRUE(reception_on_policed(&r, (uint16_t)i));
	CU_ASSERT_FALSE(reception_has_holes(&r));
	CU_ASSERT_FALSE(reception_on_policed(&r, 1)); /* behind the window */
	CU_ASSERT_TRUE(reception_on_policed(&r, 20000));
	CU_ASSERT_EQUAL(reception_nacks(&r, 0, 0, asked), 0);
	CU_ASSERT_EQUAL(on(20001, 0), NEW);
}

static CU_TestInfo tests[] = {
	{"reception_follows_rows", reception_follows_rows},
	{"nacks_wait_between_tries_and_give_up", nacks_wait_between_tries_and_give_up},
	{"what_is_forgiven_is_not_asked_for", what_is_forgiven_is_not_asked_for},
	{"what_was_policed_is_lost_and_not_asked_for", what_was_policed_is_lost_and_not_asked_for},
	{"all_policed_is_all_lost", all_policed_is_all_lost},
	{"policed_packets_move_the_window", policed_packets_move_the_window},
	{"nacks_are_asked_at_once_with_no_wait", nacks_are_asked_at_once_with_no_wait},
	{"nacks_wait_no_less_than_a_part_of_a_millisecond",
	 nacks_wait_no_less_than_a_part_of_a_millisecond},
	{"requests_leave_with_the_window", requests_leave_with_the_window},
	{"requests_leave_with_a_jump", requests_leave_with_a_jump},
	{"nacks_wait_half_a_minute_at_most", nacks_wait_half_a_minute_at_most},
	{"nacks_are_bounded_in_a_round_and_oldest_first",
	 nacks_are_bounded_in_a_round_and_oldest_first},
	{"nacks_never_ask_for_more_than_the_window", nacks_never_ask_for_more_than_the_window},
	{"holes_leave_with_the_window", holes_leave_with_the_window},
	{"recovered_counts_only_what_was_asked_for", recovered_counts_only_what_was_asked_for},
	{"report_fraction_and_loss_follow_a3", report_fraction_and_loss_follow_a3},
	{"report_loss_is_clamped_to_24_bits", report_loss_is_clamped_to_24_bits},
	{"report_is_empty_before_the_first_packet", report_is_empty_before_the_first_packet},
	{"report_tells_the_last_sr_and_its_age", report_tells_the_last_sr_and_its_age},
	{"report_jitter_follows_a8", report_jitter_follows_a8},
	{"report_jitter_rounds_as_a8", report_jitter_rounds_as_a8},
	{"report_jitter_is_steady_at_any_uptime", report_jitter_is_steady_at_any_uptime},
	{"duplicates_do_not_count_for_jitter", duplicates_do_not_count_for_jitter},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("reception", tests)
