/* Policers on a clock of the test's own. */
#include <errno.h>
#include <string.h>

#include "qos/policer.h"
#include "tests/cunit.h"

#define NS_PER_S     1000000000ull
#define NS_PER_MS    1000000ull
#define START_NS     (7 * NS_PER_S)
#define PACKET_BYTES 1250u

static struct policer limited(int64_t committed_bps, int64_t peak_bps, unsigned int burst_ms)
{
	struct policer policer = {0};
	struct policer_config config = {committed_bps, peak_bps, burst_ms};
	CU_ASSERT_EQUAL_FATAL(policer_set(&policer, &config, START_NS), 0);
	return policer;
}

/* Offers packets at `bps` for `ns`; returns the time of the end. */
static uint64_t offer(struct policer *policer, int64_t bps, uint32_t bytes, uint64_t now_ns,
		      uint64_t ns)
{
	/* The n-th packet's time is computed, not summed up: no rounding drifts. */
	unsigned __int128 packet_bits_ns = (unsigned __int128)bytes * 8 * NS_PER_S;
	uint64_t at_ns = 0;
	for (uint64_t i = 0; at_ns < ns; i++) {
		at_ns = (uint64_t)(packet_bits_ns * i / (uint64_t)bps);
		policer_color(policer, bytes, now_ns + at_ns);
	}
	return now_ns + ns;
}

static void is_near(double value, double expected)
{
	CU_ASSERT_DOUBLE_EQUAL(value / expected, 1.0, 0.005);
}

static void unlimited_is_green_and_counted(void)
{
	struct policer policer = {0};
	CU_ASSERT_EQUAL(policer_color(&policer, 1200, START_NS), COLOR_GREEN);
	CU_ASSERT_EQUAL(policer_set(&policer, &(struct policer_config){0}, START_NS), 0);
	for (unsigned int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(policer_color(&policer, 1200, START_NS), COLOR_GREEN);
	CU_ASSERT_EQUAL(policer_total(&policer.packets[COLOR_GREEN]), 1001);
	CU_ASSERT_EQUAL(policer_total(&policer.bytes[COLOR_GREEN]), 1001 * 1200);
	CU_ASSERT_EQUAL(policer_total(&policer.packets[COLOR_RED]), 0);
}

static void empty(struct policer *policer, uint32_t bytes, uint64_t now_ns)
{
	while (policer_color(policer, bytes, now_ns) != COLOR_RED)
		;
}

/* Five times the committed rate is offered to empty buckets, for so long that 10,000 packets are
 * green. */
static void rate_holds(int64_t committed_bps, uint32_t packet_bytes)
{
	struct policer policer = limited(committed_bps, 2 * committed_bps, 40);
	uint64_t run_ns = (uint64_t)((unsigned __int128)packet_bytes * 8 * 10000 * NS_PER_S /
				     (uint64_t)committed_bps);
	run_ns = run_ns > NS_PER_MS ? run_ns : NS_PER_MS;
	empty(&policer, packet_bytes, START_NS);
	uint64_t green = policer.bytes[COLOR_GREEN], yellow = policer.bytes[COLOR_YELLOW];
	offer(&policer, 5 * committed_bps, packet_bytes, START_NS, run_ns);
	double seconds = (double)run_ns / (double)NS_PER_S;
	is_near((double)(policer.bytes[COLOR_GREEN] - green) * 8 / seconds, (double)committed_bps);
	is_near((double)(policer.bytes[COLOR_YELLOW] - yellow) * 8 / seconds,
		(double)committed_bps);
	CU_ASSERT(policer.bytes[COLOR_RED] > 0);
}

static void rates_hold_from_8_kbps_to_100_gbps(void)
{
	static const int64_t rates[] = {
		8000,     10007,     64000,      500000,      500001,        1700000,
		9999999,  20000000,  100000000,  223456789,   1000000000,    2400000001,
		10000003, 333333333, 9999999967, 10000000000, 40000000000ll, 100000000000ll,
	};
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		rate_holds(rates[i], 1286);
		rate_holds(rates[i], 186);
	}
}

/* After the buckets have been full: so does libwebrtc send a frame. */
static void burst_has(int64_t committed_bps, unsigned int burst_ms, unsigned int factor_tenths,
		      enum packet_color worst)
{
	struct policer policer = limited(committed_bps, 0, burst_ms);
	offer(&policer, committed_bps * factor_tenths / 10, PACKET_BYTES, START_NS,
	      burst_ms * NS_PER_MS);
	for (unsigned int color = 0; color < PACKET_COLORS; color++)
		CU_ASSERT_EQUAL(policer.packets[color] > 0, color <= worst);
}

static void burst_at_paced_rate_is_green(void)
{
	static const int64_t rates[] = {500000, 1700000, 8000000, 100000000, 10000000000};
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		burst_has(rates[i], 40, 25, COLOR_GREEN);
		burst_has(rates[i], 100, 25, COLOR_GREEN);
	}
	/* Three times longer than promised, or so much quicker, it is not. */
	burst_has(1700000, 40, 75, COLOR_RED);
	burst_has(8000000, 40, 48, COLOR_YELLOW);
}

static void colours_follow_the_rate(void)
{
	static const struct {
		int64_t bps;
		bool seen[PACKET_COLORS];
	} rows[] = {
		{900000, {true, false, false}},
		{1500000, {true, true, false}},
		{2900000, {true, true, true}},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policer policer = limited(1000000, 2000000, 100);
		offer(&policer, rows[i].bps, PACKET_BYTES, START_NS, 10 * NS_PER_S);
		for (unsigned int color = 0; color < PACKET_COLORS; color++)
			CU_ASSERT_EQUAL(policer.packets[color] > 0, rows[i].seen[color]);
	}
}

static void peak_is_twice_the_committed_rate_unless_said(void)
{
	struct policer policer = limited(1000000, 0, 100);
	CU_ASSERT_EQUAL(policer.config.peak_bps, 2000000);
	policer = limited(1000000, 1000000, 100);
	offer(&policer, 3000000, PACKET_BYTES, START_NS, 10 * NS_PER_S);
	/* One rate: what is not green is red. */
	CU_ASSERT_EQUAL(policer.packets[COLOR_YELLOW], 0);
	CU_ASSERT(policer.packets[COLOR_RED] > 0);
}

static void change_keeps_totals_and_takes_hold(void)
{
	struct policer policer = limited(1000000, 0, 100);
	uint64_t now_ns = offer(&policer, 8000000, PACKET_BYTES, START_NS, NS_PER_S);
	struct policer before = policer;
	struct policer_config faster = {4000000, 0, 100};
	CU_ASSERT_EQUAL(policer_set(&policer, &faster, now_ns), 0);
	CU_ASSERT_EQUAL(memcmp(policer.packets, before.packets, sizeof(before.packets)), 0);
	CU_ASSERT_EQUAL(memcmp(policer.bytes, before.bytes, sizeof(before.bytes)), 0);
	/* Its buckets were empty, and a change does not fill them. */
	now_ns = offer(&policer, 40000000, PACKET_BYTES, now_ns, 10 * NS_PER_S);
	is_near((double)(policer.bytes[COLOR_GREEN] - before.bytes[COLOR_GREEN]) * 8 / 10, 4000000);
	before = policer;
	struct policer_config slower = {500000, 0, 100};
	CU_ASSERT_EQUAL(policer_set(&policer, &slower, now_ns), 0);
	now_ns = offer(&policer, 8000000, PACKET_BYTES, now_ns, 40 * NS_PER_S);
	is_near((double)(policer.bytes[COLOR_GREEN] - before.bytes[COLOR_GREEN]) * 8 / 40, 500000);
	CU_ASSERT_EQUAL(policer_set(&policer, &(struct policer_config){0}, now_ns), 0);
	CU_ASSERT_EQUAL(policer_color(&policer, 65535, now_ns), COLOR_GREEN);
}

static void many_changes_make_no_tokens(void)
{
	struct policer policer = limited(1000000, 0, 100);
	uint64_t now_ns = offer(&policer, 8000000, PACKET_BYTES, START_NS, NS_PER_S);
	uint64_t green = policer.bytes[COLOR_GREEN];
	for (unsigned int i = 0; i < 1000; i++) {
		struct policer_config config = {i % 2 ? 1000000 : 999000, 0, 100};
		CU_ASSERT_EQUAL(policer_set(&policer, &config, now_ns), 0);
		now_ns = offer(&policer, 8000000, PACKET_BYTES, now_ns, 10 * NS_PER_MS);
	}
	is_near((double)(policer.bytes[COLOR_GREEN] - green) * 8 / 10, 1000000);
}

static void impossible_rates_are_refused(void)
{
	static const struct policer_config rows[] = {
		{-1, 0, 100},
		{1, 0, 100},
		{7999, 0, 100},
		{POLICER_BPS_MAX + 1, 0, 100},
		{INT64_MAX, 0, 100},
		{1000000, 999999, 100},
		{1000000, -2000000, 100},
		{1000000, INT64_MAX, 100},
		{1000000, 2000000, POLICER_BURST_MS_MIN - 1},
		{1000000, 2000000, 0},
		{1000000, 2000000, POLICER_BURST_MS_MAX + 1},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policer policer = limited(1000000, 0, 100), before = policer;
		CU_ASSERT_EQUAL(policer_set(&policer, &rows[i], START_NS), -EINVAL);
		CU_ASSERT_EQUAL(memcmp(&policer, &before, sizeof(policer)), 0);
	}
	struct signalling_policer policer;
	CU_ASSERT_EQUAL(signalling_policer_set(&policer, 0, 65536, START_NS), -EINVAL);
	CU_ASSERT_EQUAL(signalling_policer_set(&policer, -1, 65536, START_NS), -EINVAL);
	struct policer largest = limited(POLICER_BPS_MAX, 0, POLICER_BURST_MS_MAX);
	CU_ASSERT_EQUAL(largest.config.peak_bps, POLICER_BPS_MAX);
}

static void slow_limit_passes_a_large_packet(void)
{
	struct policer policer = limited(8000, 0, 40);
	CU_ASSERT_EQUAL(policer_color(&policer, 2134, START_NS), COLOR_GREEN);
}

static void earlier_colour_never_gets_better(void)
{
	struct policer policer = limited(1000000, 0, 100);
	uint64_t tokens = policer.meter.tc, peak_tokens = policer.meter.tp;
	CU_ASSERT_EQUAL(policer_color_aware(&policer, 1000, false, COLOR_RED, START_NS), COLOR_RED);
	CU_ASSERT_EQUAL(policer.meter.tp, peak_tokens);
	CU_ASSERT_EQUAL(policer_color_aware(&policer, 1000, false, COLOR_YELLOW, START_NS),
			COLOR_YELLOW);
	CU_ASSERT_EQUAL(policer.meter.tc, tokens);
	CU_ASSERT_EQUAL(policer.meter.tp, peak_tokens - 1000);
	CU_ASSERT_EQUAL(policer_color_aware(&policer, 1000, false, COLOR_GREEN, START_NS),
			COLOR_GREEN);
	CU_ASSERT_EQUAL(policer.meter.tc, tokens - 1000);
	struct policer unlimited = {0};
	CU_ASSERT_EQUAL(policer_color_aware(&unlimited, 1000, false, COLOR_YELLOW, START_NS),
			COLOR_YELLOW);
}

/* 50 packets of voice a second beside video at four times the peak rate. */
static void voice_passes_where_video_is_red(void)
{
	struct policer policer = limited(500000, 1000000, 40);
	uint64_t red_video = 0, worst_voice = COLOR_GREEN;
	for (uint64_t ms = 0; ms < 10000; ms++) {
		uint64_t now_ns = START_NS + ms * NS_PER_MS;
		if (ms % 20 == 0) {
			enum packet_color color =
				policer_color_aware(&policer, 186, true, COLOR_GREEN, now_ns);
			worst_voice = color > worst_voice ? color : worst_voice;
		}
		for (unsigned int i = 0; i < 2; i++)
			red_video += policer_color(&policer, 250, now_ns) == COLOR_RED;
	}
	CU_ASSERT(red_video > 10000);
	CU_ASSERT(worst_voice != COLOR_RED);
}

static void time_that_runs_backwards_makes_no_tokens(void)
{
	struct policer policer = limited(1000000, 0, 100);
	empty(&policer, PACKET_BYTES, START_NS);
	CU_ASSERT_EQUAL(policer_color(&policer, PACKET_BYTES, START_NS - 1), COLOR_RED);
	CU_ASSERT_EQUAL(policer_color(&policer, PACKET_BYTES, 0), COLOR_RED);
	struct policer_config config = {1000000, 0, 100};
	CU_ASSERT_EQUAL(policer_set(&policer, &config, 0), 0);
	CU_ASSERT_EQUAL(policer_color(&policer, PACKET_BYTES, 0), COLOR_RED);
}

static void signalling_flood_gets_its_rate(void)
{
	struct signalling_policer policer = {0};
	CU_ASSERT_EQUAL_FATAL(signalling_policer_set(&policer, 10000000, 65536, START_NS), 0);
	uint64_t passed = 0, dropped = 0, bursts = 2 * 65536;
	for (uint64_t us = 0; us < 10000000; us++) {
		enum packet_color color =
			signalling_policer_color(&policer, 186, START_NS + us * 1000);
		passed += color != COLOR_RED;
		dropped += color == COLOR_RED;
	}
	is_near((double)(passed * 186 - bursts) * 8 / 10, 10000000);
	CU_ASSERT_EQUAL(policer_total(&policer.dropped), dropped);
}

static CU_TestInfo tests[] = {
	{"unlimited_is_green_and_counted", unlimited_is_green_and_counted},
	{"rates_hold_from_8_kbps_to_100_gbps", rates_hold_from_8_kbps_to_100_gbps},
	{"burst_at_paced_rate_is_green", burst_at_paced_rate_is_green},
	{"colours_follow_the_rate", colours_follow_the_rate},
	{"peak_is_twice_the_committed_rate_unless_said",
	 peak_is_twice_the_committed_rate_unless_said},
	{"change_keeps_totals_and_takes_hold", change_keeps_totals_and_takes_hold},
	{"many_changes_make_no_tokens", many_changes_make_no_tokens},
	{"impossible_rates_are_refused", impossible_rates_are_refused},
	{"slow_limit_passes_a_large_packet", slow_limit_passes_a_large_packet},
	{"earlier_colour_never_gets_better", earlier_colour_never_gets_better},
	{"voice_passes_where_video_is_red", voice_passes_where_video_is_red},
	{"time_that_runs_backwards_makes_no_tokens", time_that_runs_backwards_makes_no_tokens},
	{"signalling_flood_gets_its_rate", signalling_flood_gets_its_rate},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("policer", tests)
