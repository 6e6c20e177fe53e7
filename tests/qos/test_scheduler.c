/* The scheduler's arbiter, on time that the test moves: guarantees, limits and what is lent, in
 * bytes and nanoseconds. */
#include "tests/qos/scheduler_fixture.h"

#define STEP_NS    100000
#define FLOODS_MAX 8

static int start(void)
{
	return fixture_eal_start("test_scheduler", 256);
}

/* One tenant that has more to send than it may. */
struct flood {
	struct scheduler_pipe *pipe;
	uint32_t wire_bytes;
	uint64_t sent_bytes; /* result */
};

static void floods_run(struct fixture *f, struct flood *floods, unsigned int n, uint64_t for_ns)
{
	uint64_t end_ns = f->now_ns + for_ns;
	for (unsigned int i = 0; i < n; i++)
		floods[i].sent_bytes =
			fixture_sent_bytes(scheduler_pipe_stats(floods[i].pipe, CLASS_VIDEO));
	for (; f->now_ns < end_ns; f->now_ns += STEP_NS) {
		for (unsigned int i = 0; i < n; i++)
			fixture_fill(f, floods[i].pipe, CLASS_VIDEO, floods[i].wire_bytes,
				     16 + 24000 / floods[i].wire_bytes);
		fixture_take(f);
	}
	for (unsigned int i = 0; i < n; i++)
		floods[i].sent_bytes =
			fixture_sent_bytes(scheduler_pipe_stats(floods[i].pipe, CLASS_VIDEO)) -
			floods[i].sent_bytes;
}

static double bps(const struct flood *flood, uint64_t for_ns)
{
	return (double)flood->sent_bytes * 8 * 1e9 / (double)for_ns;
}

static struct scheduler_pipe *slice_pipe(struct fixture *f, int64_t guaranteed_bps, int64_t max_bps)
{
	return fixture_pipe(f, fixture_slice(f, "s", guaranteed_bps, max_bps), 0);
}

static void packet_comes_out_as_it_went_in(void)
{
	struct fixture f;
	struct rte_mbuf *out[64];
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, NULL, 0);
	struct rte_mbuf *in = fixture_packet(&f, pipe, CLASS_VOICE, 300);
	scheduler_enqueue(f.scheduler, &in, 1, f.now_ns);
	CU_ASSERT_EQUAL(scheduler_next_ns(f.scheduler, f.now_ns), f.now_ns);
	CU_ASSERT_EQUAL_FATAL(scheduler_dequeue(f.scheduler, out, 64, f.now_ns), 1);
	CU_ASSERT_PTR_EQUAL(out[0], in);
	CU_ASSERT_EQUAL(in->pkt_len, 300 - HEADERS);
	CU_ASSERT_EQUAL(packet_tx(in)->dscp, 46);
	CU_ASSERT_EQUAL(scheduler_next_ns(f.scheduler, f.now_ns), UINT64_MAX);
	CU_ASSERT_EQUAL(fixture_sent_bytes(scheduler_pipe_stats(pipe, CLASS_VOICE)), 300);
	packet_free(in);
	fixture_close(&f);
}

static void packets_of_nobody_are_the_nodes_own(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	fixture_put(&f, NULL, CLASS_CONTROL, 200, 3);
	CU_ASSERT_EQUAL(fixture_take(&f), 3);
	struct scheduler_pipe *own = scheduler_default_pipe(f.scheduler);
	CU_ASSERT_EQUAL(scheduler_stat(&scheduler_pipe_stats(own, CLASS_CONTROL)->sent_packets), 3);
	fixture_close(&f);
}

/* The largest and the smallest packets that there are. */
static void limit_holds_to_the_byte(void)
{
	static const struct {
		int64_t bps;
		uint32_t wire_bytes;
	} rows[] = {
		{1 * MBPS, 1200},  {1 * MBPS, 100},   {10 * MBPS, 1200},
		{10 * MBPS, 2100}, {100 * MBPS, 100}, {500 * MBPS, 1200},
	};
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fixture f;
		uint64_t for_ns = rows[i].bps > 10 * MBPS ? 2 * SECOND : 10 * SECOND;
		fixture_open(&f, 0);
		struct flood flood = {slice_pipe(&f, 0, rows[i].bps), rows[i].wire_bytes, 0};
		floods_run(&f, &flood, 1, SECOND / 2);
		floods_run(&f, &flood, 1, for_ns);
		/* One grant may be sent now that is paid for later. */
		double grant = 2304.0 * 8 * 1e9 / (double)for_ns / (double)rows[i].bps * 1000;
		CU_ASSERT(fixture_is_near(bps(&flood, for_ns), (double)rows[i].bps,
					  RTE_MAX(1, grant)));
		fixture_close(&f);
	}
}

static void link_holds_to_the_byte(void)
{
	struct fixture f;
	fixture_open(&f, 50 * MBPS);
	struct flood flood = {fixture_pipe(&f, NULL, 0), 1200, 0};
	floods_run(&f, &flood, 1, SECOND / 2);
	floods_run(&f, &flood, 1, 5 * SECOND);
	CU_ASSERT(fixture_is_near(bps(&flood, 5 * SECOND), 50e6, 1));
	fixture_close(&f);
}

/* 20 of 100 are guaranteed to a, who shares the other 80 with two others besides. */
static void guarantee_comes_first_and_the_rest_is_shared(void)
{
	struct fixture f;
	fixture_open(&f, 100 * MBPS);
	struct flood floods[] = {
		{slice_pipe(&f, 20 * MBPS, 0), 1200, 0},
		{slice_pipe(&f, 0, 0), 1200, 0},
		{slice_pipe(&f, 0, 0), 300, 0},
		{slice_pipe(&f, 0, 5 * MBPS), 1200, 0},
	};
	floods_run(&f, floods, 4, SECOND / 2);
	floods_run(&f, floods, 4, 5 * SECOND);
	CU_ASSERT(fixture_is_near(bps(&floods[0], 5 * SECOND), 45e6, 1));
	CU_ASSERT(fixture_is_near(bps(&floods[1], 5 * SECOND), 25e6, 1));
	CU_ASSERT(fixture_is_near(bps(&floods[2], 5 * SECOND), 25e6, 1));
	CU_ASSERT(fixture_is_near(bps(&floods[3], 5 * SECOND), 5e6, 1));
	fixture_close(&f);
}

static void guarantees_fill_the_link(void)
{
	struct fixture f;
	fixture_open(&f, 100 * MBPS);
	struct flood floods[] = {
		{slice_pipe(&f, 10 * MBPS, 0), 1200, 0},
		{slice_pipe(&f, 30 * MBPS, 30 * MBPS), 150, 0},
		{slice_pipe(&f, 60 * MBPS, 0), 1400, 0},
		{slice_pipe(&f, 0, 0), 1200, 0},
	};
	floods_run(&f, floods, 4, SECOND);
	floods_run(&f, floods, 4, 5 * SECOND);
	CU_ASSERT(fixture_is_near(bps(&floods[0], 5 * SECOND), 10e6, 1));
	CU_ASSERT(fixture_is_near(bps(&floods[1], 5 * SECOND), 30e6, 1));
	CU_ASSERT(fixture_is_near(bps(&floods[2], 5 * SECOND), 60e6, 1));
	/* What the link saved while it was idle at first, and no more. */
	CU_ASSERT(bps(&floods[3], 5 * SECOND) < 0.1e6);
	fixture_close(&f);
}

static void idle_guarantee_is_lent_and_taken_back_within_a_token_period(void)
{
	struct fixture f;
	fixture_open(&f, 100 * MBPS);
	struct flood owner = {slice_pipe(&f, 80 * MBPS, 0), 1200, 0};
	struct flood borrower = {slice_pipe(&f, 0, 0), 1200, 0};
	struct flood both[2];
	floods_run(&f, &borrower, 1, SECOND);
	floods_run(&f, &borrower, 1, 2 * SECOND);
	CU_ASSERT(fixture_is_near(bps(&borrower, 2 * SECOND), 100e6, 1));
	/* The owner returns: all that it has a right to, from the first token period on. */
	both[0] = owner;
	both[1] = borrower;
	floods_run(&f, both, 2, 5 * MS);
	CU_ASSERT(bps(&both[0], 5 * MS) >= 80e6);
	uint64_t sum = both[0].sent_bytes + both[1].sent_bytes;
	floods_run(&f, both, 2, 20 * MS);
	/* What the link then owed for a moment was paid. */
	sum += both[0].sent_bytes + both[1].sent_bytes;
	CU_ASSERT(fixture_is_near((double)sum * 8 / 0.025, 100e6, 10));
	floods_run(&f, both, 2, SECOND);
	CU_ASSERT(fixture_is_near(bps(&both[0], SECOND), 90e6, 5));
	CU_ASSERT(fixture_is_near(bps(&both[1], SECOND), 10e6, 20));
	fixture_close(&f);
}

/* A packet within its guarantee is not held up by a flood, whatever the link owes. */
static void packet_within_its_guarantee_leaves_at_once(void)
{
	struct fixture f;
	fixture_open(&f, 20 * MBPS);
	struct scheduler_pipe *calm = slice_pipe(&f, 2 * MBPS, 0);
	struct flood flood = {slice_pipe(&f, 0, 0), 1200, 0};
	const struct scheduler_stats *stats = scheduler_pipe_stats(calm, CLASS_VOICE);
	floods_run(&f, &flood, 1, 300 * MS);
	for (unsigned int i = 1; i <= 50; i++) {
		fixture_put(&f, calm, CLASS_VOICE, 250, 1);
		fixture_take(&f);
		CU_ASSERT_EQUAL(scheduler_stat(&stats->sent_packets), i);
		floods_run(&f, &flood, 1, 20 * MS);
	}
	CU_ASSERT_EQUAL(scheduler_stat(&stats->delay_ns), 0);
	fixture_close(&f);
}

static void limit_holds_for_a_guarantee_too(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct flood flood = {slice_pipe(&f, 10 * MBPS, 10 * MBPS), 1200, 0};
	floods_run(&f, &flood, 1, SECOND);
	floods_run(&f, &flood, 1, 5 * SECOND);
	CU_ASSERT(fixture_is_near(bps(&flood, 5 * SECOND), 10e6, 1));
	fixture_close(&f);
}

static void new_terms_hold_at_once(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 10 * MBPS);
	struct scheduler_slice_config config = {.name = "s", .max_bps = 40 * MBPS, .five_qi = 9};
	struct flood flood = {fixture_pipe(&f, slice, 0), 1200, 0};
	floods_run(&f, &flood, 1, SECOND);
	CU_ASSERT_EQUAL(scheduler_slice_change(slice, &config, NULL, 0), 0);
	floods_run(&f, &flood, 1, SECOND);
	CU_ASSERT(fixture_is_near(bps(&flood, SECOND), 40e6, 3));
	config.max_bps = 2 * MBPS;
	CU_ASSERT_EQUAL(scheduler_slice_change(slice, &config, NULL, 0), 0);
	floods_run(&f, &flood, 1, SECOND);
	floods_run(&f, &flood, 1, 4 * SECOND);
	CU_ASSERT(fixture_is_near(bps(&flood, 4 * SECOND), 2e6, 3));
	fixture_close(&f);
}

/* Asked only when it says so, the scheduler loses nothing of a rate. */
static void next_time_loses_nothing(void)
{
	struct fixture f;
	unsigned int calls = 0;
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = slice_pipe(&f, 0, 500 * MBPS);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, CLASS_VIDEO);
	uint64_t end_ns = f.now_ns + SECOND;
	while (f.now_ns < end_ns) {
		do { /* what the bucket had saved leaves first */
			fixture_fill(&f, pipe, CLASS_VIDEO, 1200, 40);
			fixture_take(&f);
		} while (scheduler_stat(&stats->queued_packets) == 0);
		uint64_t next_ns = scheduler_next_ns(f.scheduler, f.now_ns);
		CU_ASSERT_FATAL(next_ns > f.now_ns && next_ns < f.now_ns + MS);
		f.now_ns = next_ns;
		calls++;
	}
	CU_ASSERT(fixture_is_near((double)fixture_sent_bytes(stats) * 8, 500e6, 11));
	/* Some packets at a time, not a timer for each. */
	CU_ASSERT(calls < scheduler_stat(&stats->sent_packets) / 5);
	fixture_close(&f);
}

/* Every slice that there may be, unequal packets, a window that is cut into calls of few packets.
 */
static void many_slices_share_equally(void)
{
	enum { SLICES = FLOODS_MAX };
	struct fixture f;
	struct flood floods[SLICES];
	fixture_open(&f, 80 * MBPS);
	for (unsigned int i = 0; i < SLICES; i++)
		floods[i] = (struct flood){slice_pipe(&f, 0, 0), 150 + i * 200, 0};
	floods_run(&f, floods, SLICES, SECOND);
	floods_run(&f, floods, SLICES, 4 * SECOND);
	for (unsigned int i = 0; i < SLICES; i++)
		CU_ASSERT(fixture_is_near(bps(&floods[i], 4 * SECOND), 10e6, 2));
	fixture_close(&f);
}

/* No link rate: whoever calls is the limit, and takes a few packets at a time. */
static void small_calls_share_equally(void)
{
	struct fixture f;
	struct flood floods[3];
	uint64_t sent[3];
	fixture_open(&f, 0);
	for (unsigned int i = 0; i < 3; i++)
		floods[i] = (struct flood){slice_pipe(&f, 0, 0), 1200, 0};
	for (unsigned int round = 0; round < 3000; round++, f.now_ns += 1000) {
		struct rte_mbuf *packets[7];
		for (unsigned int i = 0; i < 3; i++)
			fixture_fill(&f, floods[i].pipe, CLASS_VIDEO, 1200, 100);
		unsigned int n = scheduler_dequeue(f.scheduler, packets, 7, f.now_ns);
		CU_ASSERT_EQUAL(n, 7);
		for (unsigned int i = 0; i < n; i++)
			packet_free(packets[i]);
	}
	for (unsigned int i = 0; i < 3; i++) {
		sent[i] = fixture_sent_bytes(scheduler_pipe_stats(floods[i].pipe, CLASS_VIDEO));
		CU_ASSERT(fixture_is_near((double)sent[i], 7000.0 * 1200, 10));
	}
	fixture_close(&f);
}

/* The machine stood still: a bucket is full then, and no more than that. */
static void stall_is_not_made_up_for(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct flood flood = {slice_pipe(&f, 0, 8 * MBPS), 1200, 0};
	const struct scheduler_stats *stats = scheduler_pipe_stats(flood.pipe, CLASS_VIDEO);
	floods_run(&f, &flood, 1, SECOND);
	uint64_t before = fixture_sent_bytes(stats);
	f.now_ns += 200 * MS;
	fixture_take(&f);
	CU_ASSERT(fixture_sent_bytes(stats) - before <= 8 * MBPS / 8 / 100 + 2304);
	fixture_close(&f);
}

static CU_TestInfo tests[] = {
	{"packet_comes_out_as_it_went_in", packet_comes_out_as_it_went_in},
	{"packets_of_nobody_are_the_nodes_own", packets_of_nobody_are_the_nodes_own},
	{"limit_holds_to_the_byte", limit_holds_to_the_byte},
	{"link_holds_to_the_byte", link_holds_to_the_byte},
	{"guarantee_comes_first_and_the_rest_is_shared",
	 guarantee_comes_first_and_the_rest_is_shared},
	{"guarantees_fill_the_link", guarantees_fill_the_link},
	{"idle_guarantee_is_lent_and_taken_back_within_a_token_period",
	 idle_guarantee_is_lent_and_taken_back_within_a_token_period},
	{"packet_within_its_guarantee_leaves_at_once", packet_within_its_guarantee_leaves_at_once},
	{"limit_holds_for_a_guarantee_too", limit_holds_for_a_guarantee_too},
	{"new_terms_hold_at_once", new_terms_hold_at_once},
	{"next_time_loses_nothing", next_time_loses_nothing},
	{"many_slices_share_equally", many_slices_share_equally},
	{"small_calls_share_equally", small_calls_share_equally},
	{"stall_is_not_made_up_for", stall_is_not_made_up_for},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler", tests, start, fixture_eal_stop)
