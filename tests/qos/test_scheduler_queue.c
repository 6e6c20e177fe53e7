/* The scheduler's queues: bounds in packets and age, early drops, order of classes, and that every
 * packet is counted once. Time is the test's. */
#include "tests/qos/scheduler_fixture.h"

static int start(void)
{
	return fixture_eal_start("test_scheduler", 256);
}

static uint64_t dropped(const struct scheduler_stats *stats)
{
	uint64_t sum = 0;
	for (int i = 0; i < SCHEDULER_DROPS; i++)
		sum += scheduler_stat(&stats->dropped[i]);
	return sum;
}

static void queue_takes_what_its_class_may_hold(void)
{
	struct fixture f;
	fixture_open(&f, 1 * MBPS);
	struct scheduler_pipe *pipe = fixture_pipe(&f, NULL, 0);
	for (enum traffic_class i = 0; i < TRAFFIC_CLASSES; i++) {
		const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, i);
		unsigned int room = traffic_class_rows[i].queue_packets;
		/* Nothing leaves meanwhile, so only the number bounds them. */
		fixture_put(&f, pipe, i, 500, room + 10);
		unsigned int early =
			(unsigned int)scheduler_stat(&stats->dropped[SCHEDULER_DROP_EARLY]);
		CU_ASSERT_EQUAL(scheduler_stat(&stats->dropped[SCHEDULER_DROP_FULL]) + early +
					scheduler_stat(&stats->queued_packets),
				room + 10);
		CU_ASSERT(i == CLASS_BULK || early == 0);
		CU_ASSERT(i == CLASS_BULK || scheduler_stat(&stats->queued_packets) == room);
		CU_ASSERT_EQUAL(scheduler_stat(&stats->queued_bytes),
				500 * scheduler_stat(&stats->queued_packets));
		CU_ASSERT(i == CLASS_BULK || !scheduler_pipe_accepts(pipe, i));
	}
	CU_ASSERT(f.dropped[SCHEDULER_DROP_FULL] >= 6 * 10);
	fixture_close(&f);
}

static void floods_leave_room_in_the_pool(void)
{
	enum { PIPES = 8, BOUND = 2000 };
	struct fixture f;
	struct scheduler_pipe *pipes[PIPES];
	struct scheduler_config config = {.link_bps = 1 * MBPS,
					  .packets_max = BOUND,
					  .on_drop = fixture_on_drop,
					  .context = &f};
	fixture_open(&f, 0);
	scheduler_destroy(f.scheduler);
	CU_ASSERT_EQUAL_FATAL(scheduler_create(&config, &f.scheduler), 0);
	for (unsigned int i = 0; i < PIPES; i++) {
		pipes[i] = fixture_pipe(&f, NULL, 0);
		fixture_put(&f, pipes[i], CLASS_VIDEO, 500, 1100);
	}
	CU_ASSERT(rte_mempool_in_use_count(f.pool) <= BOUND);
	/* The last that came found something, too. */
	CU_ASSERT(scheduler_stat(
			  &scheduler_pipe_stats(pipes[PIPES - 1], CLASS_VIDEO)->queued_packets) >
		  0);
	fixture_close(&f);
}

static void classes_are_strict_within_a_pipe(void)
{
	struct fixture f;
	struct rte_mbuf *out[64];
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, fixture_slice(&f, "s", 0, 10 * MBPS), 0);
	/* The bucket is emptied first, so that what follows waits. */
	fixture_put(&f, pipe, CLASS_BULK, 1200, 60);
	fixture_take(&f);
	for (int i = TRAFFIC_CLASSES - 1; i >= 0; i--)
		fixture_put(&f, pipe, (enum traffic_class)i, 1000, 3);
	unsigned int last = 0;
	for (unsigned int left = 3 * TRAFFIC_CLASSES; left > 0; f.now_ns += 100000) {
		unsigned int n = scheduler_dequeue(f.scheduler, out, 64, f.now_ns);
		for (unsigned int i = 0; i < n; i++) {
			unsigned int class = packet_tx(out[i])->traffic_class;
			/* Bulk packets that waited from before come last with the others. */
			CU_ASSERT(class >= last);
			last = class;
			packet_free(out[i]);
		}
		CU_ASSERT_FATAL(n <= left || last == CLASS_BULK);
		left -= RTE_MIN(n, left);
	}
	fixture_close(&f);
}

/* Bulk fills the pipe; each voice packet that comes is next. */
static void voice_passes_bulk(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, fixture_slice(&f, "s", 0, 5 * MBPS), 0);
	const struct scheduler_stats *voice = scheduler_pipe_stats(pipe, CLASS_VOICE);
	const struct scheduler_stats *video = scheduler_pipe_stats(pipe, CLASS_VIDEO);
	uint64_t worst_ns = 0;
	for (unsigned int ms = 0; ms < 2000; ms++, f.now_ns += MS) {
		fixture_fill(&f, pipe, CLASS_VIDEO, 1200, 50);
		if (ms % 20 == 0) {
			uint64_t before_ns = scheduler_stat(&voice->delay_ns);
			fixture_put(&f, pipe, CLASS_VOICE, 250, 1);
			while (scheduler_stat(&voice->queued_packets) > 0) {
				fixture_take(&f);
				f.now_ns += 10000;
			}
			worst_ns = RTE_MAX(worst_ns, scheduler_stat(&voice->delay_ns) - before_ns);
		}
		fixture_take(&f);
	}
	CU_ASSERT_EQUAL(dropped(voice), 0);
	CU_ASSERT_EQUAL(scheduler_stat(&voice->sent_packets), 100);
	/* At most the packet before it: 1200 bytes at 5 Mbit/s, and a bit of rounding. */
	CU_ASSERT(worst_ns <= 2 * MS);
	CU_ASSERT(scheduler_stat(&video->sent_packets) > 900);
	fixture_close(&f);
}

static void packet_that_waited_too_long_is_dropped_and_costs_nothing(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 1 * MBPS);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 0);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, CLASS_VIDEO);
	uint64_t bound_ns = traffic_class_delay_ns(9, 0, CLASS_VIDEO);
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 200);
	fixture_take(&f);
	uint64_t sent = scheduler_stat(&stats->sent_packets);
	/* Just in time, and just too late. */
	f.now_ns = T0 + bound_ns;
	CU_ASSERT(fixture_take(&f) > 0);
	CU_ASSERT_EQUAL(dropped(stats), 0);
	f.now_ns = T0 + bound_ns + 50 * MS;
	fixture_take(&f);
	uint64_t late = scheduler_stat(&stats->dropped[SCHEDULER_DROP_LATE]);
	CU_ASSERT_EQUAL(scheduler_stat(&stats->queued_packets), 0);
	CU_ASSERT(late > 190 - sent - 3);
	CU_ASSERT_EQUAL(late, f.dropped[SCHEDULER_DROP_LATE]);
	CU_ASSERT_EQUAL(late + scheduler_stat(&stats->sent_packets), 200);
	/* The drops charged nothing: the bucket is as full as its depth allows. */
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 8);
	CU_ASSERT_EQUAL(fixture_take(&f), 4);
	fixture_close(&f);
}

static void packet_that_would_be_late_is_not_taken(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 1 * MBPS);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 0);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, CLASS_VOICE);
	uint64_t bound_ns = traffic_class_delay_ns(9, 0, CLASS_VOICE);
	uint64_t enqueued = 0;
	for (unsigned int i = 0; i < 4000; i++, f.now_ns += MS / 2) {
		/* Four times what the slice may send. */
		fixture_put(&f, pipe, CLASS_VOICE, 250, 1);
		enqueued++;
		fixture_take(&f);
		CU_ASSERT_EQUAL(scheduler_pipe_accepts(pipe, CLASS_VOICE) ||
					scheduler_stat(&stats->queued_packets) > 0,
				true);
	}
	/* All that could be sent was sent: what is late is refused on arrival, not at the end. */
	double sent = (double)scheduler_stat(&stats->sent_bytes) * 8 / 2;
	CU_ASSERT(fixture_is_near(sent, 1e6, 20));
	uint64_t refused = scheduler_stat(&stats->dropped[SCHEDULER_DROP_LATE]);
	CU_ASSERT_EQUAL(enqueued, scheduler_stat(&stats->sent_packets) + refused +
					  scheduler_stat(&stats->queued_packets));
	/* The queue is as long as the bound, not as long as it may be. */
	double queued = (double)scheduler_stat(&stats->queued_bytes);
	CU_ASSERT(queued <= 1.3e6 / 8 * (double)bound_ns / 1e9);
	CU_ASSERT(queued >= 0.5e6 / 8 * (double)bound_ns / 1e9);
	fixture_close(&f);
}

/* A queue that was slow once is not shut for ever. */
static void empty_queue_forgets_how_slow_it_was(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, fixture_slice(&f, "s", 0, 1 * MBPS), 0);
	fixture_put(&f, pipe, CLASS_VOICE, 1000, 100);
	f.now_ns += 70 * MS;
	fixture_take(&f);
	fixture_put(&f, pipe, CLASS_VOICE, 1000, 20);
	CU_ASSERT(!scheduler_pipe_accepts(pipe, CLASS_VOICE));
	f.now_ns += 100 * MS;
	fixture_take(&f);
	CU_ASSERT(scheduler_pipe_accepts(pipe, CLASS_VOICE));
	f.now_ns += 20 * MS;
	fixture_put(&f, pipe, CLASS_VOICE, 1000, 1);
	CU_ASSERT_EQUAL(fixture_take(&f), 1);
	fixture_close(&f);
}

/* `n` of the color on top of a queue of `there`; how many of them RED drops. */
static uint64_t early_drops(enum traffic_class class, enum packet_color color, unsigned int there,
			    unsigned int n)
{
	struct fixture f;
	fixture_open(&f, 1 * MBPS);
	struct scheduler_pipe *pipe = fixture_pipe(&f, NULL, 0);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, class);
	fixture_put(&f, pipe, class, 300, there);
	uint64_t before = scheduler_stat(&stats->dropped[SCHEDULER_DROP_EARLY]);
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *packet = fixture_packet(&f, pipe, class, 300);
		packet_tx(packet)->color = (uint8_t)color;
		scheduler_enqueue(f.scheduler, &packet, 1, f.now_ns);
	}
	uint64_t early = scheduler_stat(&stats->dropped[SCHEDULER_DROP_EARLY]) - before;
	fixture_close(&f);
	return early;
}

static void yellow_goes_first_and_green_media_never(void)
{
	/* Video holds 1024: below a quarter, between, above a half. */
	CU_ASSERT_EQUAL(early_drops(CLASS_VIDEO, COLOR_YELLOW, 100, 100), 0);
	uint64_t some = early_drops(CLASS_VIDEO, COLOR_YELLOW, 400, 100);
	CU_ASSERT(some > 1 && some < 50);
	CU_ASSERT_EQUAL(early_drops(CLASS_VIDEO, COLOR_YELLOW, 800, 100), 100);
	CU_ASSERT_EQUAL(early_drops(CLASS_VIDEO, COLOR_GREEN, 800, 100), 0);
	CU_ASSERT_EQUAL(early_drops(CLASS_VOICE, COLOR_GREEN, 200, 56), 0);
	CU_ASSERT_EQUAL(early_drops(CLASS_BULK, COLOR_GREEN, 10, 10), 0);
}

/* A little more than may leave, for long: the queue stays below full by early drops. */
static void green_bulk_is_thinned(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, fixture_slice(&f, "s", 0, 7800000), 0);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, CLASS_BULK);
	for (unsigned int i = 0; i < 6000; i++, f.now_ns += MS) {
		fixture_put(&f, pipe, CLASS_BULK, 1000, 1);
		fixture_take(&f);
	}
	CU_ASSERT(scheduler_stat(&stats->dropped[SCHEDULER_DROP_EARLY]) > 80);
	CU_ASSERT_EQUAL(scheduler_stat(&stats->dropped[SCHEDULER_DROP_FULL]), 0);
	CU_ASSERT(fixture_is_near((double)scheduler_stat(&stats->sent_bytes) * 8 / 6, 7.8e6, 5));
	fixture_close(&f);
}

static void yellow_is_marked_and_counted(void)
{
	struct fixture f;
	struct rte_mbuf *packets[2], *out[2];
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, NULL, 0);
	for (int i = 0; i < 2; i++)
		packets[i] = fixture_packet(&f, pipe, CLASS_INTERACTIVE_VIDEO, 1200);
	packet_tx(packets[1])->color = COLOR_YELLOW;
	scheduler_enqueue(f.scheduler, packets, 2, f.now_ns);
	CU_ASSERT_EQUAL_FATAL(scheduler_dequeue(f.scheduler, out, 2, f.now_ns), 2);
	CU_ASSERT_EQUAL(packet_tx(out[0])->dscp, 34);
	CU_ASSERT_EQUAL(packet_tx(out[1])->dscp, 36);
	CU_ASSERT_EQUAL(
		scheduler_stat(
			&scheduler_pipe_stats(pipe, CLASS_INTERACTIVE_VIDEO)->yellow_packets),
		1);
	packet_free(out[0]);
	packet_free(out[1]);
	fixture_close(&f);
}

static void delays_are_counted_in_bins(void)
{
	struct fixture f;
	unsigned int bin = 0;
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, NULL, 0);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, CLASS_VIDEO);
	CU_ASSERT_EQUAL(scheduler_delay_bin_ns(SCHEDULER_DELAY_BINS - 1), UINT64_MAX);
	for (unsigned int i = 1; i < SCHEDULER_DELAY_BINS; i++)
		CU_ASSERT(scheduler_delay_bin_ns(i - 1) < scheduler_delay_bin_ns(i));
	fixture_put(&f, pipe, CLASS_VIDEO, 1200, 1);
	f.now_ns += 4 * MS;
	fixture_take(&f);
	while (scheduler_delay_bin_ns(bin) < 4 * MS)
		bin++;
	CU_ASSERT_EQUAL(scheduler_stat(&stats->delay_bins[bin]), 1);
	CU_ASSERT_EQUAL(scheduler_stat(&stats->delay_ns), 4 * MS);
	fixture_close(&f);
}

/* Everything at random: whatever happens to it, a packet is counted, and counted once; the slice
 * counts what its pipes do. */
static void every_packet_is_counted_once(void)
{
	enum { PIPES = 10 };
	struct fixture f;
	struct scheduler_pipe *pipes[PIPES];
	uint32_t seed = 7;
	uint64_t enqueued[TRAFFIC_CLASSES] = {0};
	fixture_open(&f, 20 * MBPS);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 10 * MBPS);
	for (unsigned int i = 0; i < PIPES; i++)
		pipes[i] = fixture_pipe(&f, slice, 0);
	for (unsigned int round = 0; round < 20000; round++) {
		seed = seed * 1664525 + 1013904223;
		enum traffic_class class = (seed >> 8) % TRAFFIC_CLASSES;
		struct rte_mbuf *packet = fixture_packet(&f, pipes[(seed >> 12) % PIPES], class,
							 100 + (seed >> 16) % 1300);
		packet_tx(packet)->color = (seed >> 28) % 4 == 0;
		scheduler_enqueue(f.scheduler, &packet, 1, f.now_ns);
		enqueued[class]++;
		f.now_ns += (seed >> 10) % 800000;
		if (seed >> 30 == 0)
			fixture_take(&f);
	}
	for (enum traffic_class class = 0; class < TRAFFIC_CLASSES; class ++) {
		const struct scheduler_stats *of_slice = scheduler_slice_stats(slice, class);
		uint64_t sent = 0, queued = 0, lost = 0, bins = 0;
		for (unsigned int i = 0; i < PIPES; i++) {
			const struct scheduler_stats *stats = scheduler_pipe_stats(pipes[i], class);
			sent += scheduler_stat(&stats->sent_packets);
			queued += scheduler_stat(&stats->queued_packets);
			lost += dropped(stats);
		}
		for (int i = 0; i < SCHEDULER_DELAY_BINS; i++)
			bins += scheduler_stat(&of_slice->delay_bins[i]);
		CU_ASSERT_EQUAL(sent + queued + lost, enqueued[class]);
		CU_ASSERT_EQUAL(scheduler_stat(&of_slice->sent_packets), sent);
		CU_ASSERT_EQUAL(scheduler_stat(&of_slice->queued_packets), queued);
		CU_ASSERT_EQUAL(dropped(of_slice), lost);
		CU_ASSERT_EQUAL(bins, sent);
	}
	fixture_close(&f);
}

static CU_TestInfo tests[] = {
	{"queue_takes_what_its_class_may_hold", queue_takes_what_its_class_may_hold},
	{"floods_leave_room_in_the_pool", floods_leave_room_in_the_pool},
	{"classes_are_strict_within_a_pipe", classes_are_strict_within_a_pipe},
	{"voice_passes_bulk", voice_passes_bulk},
	{"packet_that_waited_too_long_is_dropped_and_costs_nothing",
	 packet_that_waited_too_long_is_dropped_and_costs_nothing},
	{"packet_that_would_be_late_is_not_taken", packet_that_would_be_late_is_not_taken},
	{"empty_queue_forgets_how_slow_it_was", empty_queue_forgets_how_slow_it_was},
	{"yellow_goes_first_and_green_media_never", yellow_goes_first_and_green_media_never},
	{"green_bulk_is_thinned", green_bulk_is_thinned},
	{"yellow_is_marked_and_counted", yellow_is_marked_and_counted},
	{"delays_are_counted_in_bins", delays_are_counted_in_bins},
	{"every_packet_is_counted_once", every_packet_is_counted_once},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler_queue", tests, start, fixture_eal_stop)
