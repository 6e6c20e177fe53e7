/* The way past the queues against the way through them: the same packets give the same order within
 * each queue, marks and totals; and it is not taken when anything could hold a packet back. */
#include "tests/qos/scheduler_fixture.h"

#define PIPES  4
#define ROUNDS 2000

static int start(void)
{
	return fixture_eal_start("test_scheduler", 256);
}

static uint32_t random_next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* A scheduler with tenants in three slices; the last pipe is nobody's. */
struct side {
	struct fixture fixture;
	struct scheduler_slice *slices[2];
	struct scheduler_pipe *pipes[PIPES + 1];
};

static void side_fill(struct side *side)
{
	for (unsigned int i = 0; i < 2; i++)
		side->slices[i] = fixture_slice(&side->fixture, i ? "a" : "b", 0, 0);
	for (unsigned int i = 0; i < PIPES; i++)
		side->pipes[i] = fixture_pipe(&side->fixture, i < 2 ? side->slices[i] : NULL, 0);
	side->pipes[PIPES] = NULL;
	/* The owner learns of them. */
	CU_ASSERT_EQUAL(fixture_take(&side->fixture), 0);
}

static void side_open(struct side *side)
{
	fixture_open(&side->fixture, 0);
	side_fill(side);
}

/* A second one over the same pool; fixture_close of the first comes after scheduler_destroy. */
static void side_open_beside(struct side *side, const struct side *first)
{
	struct scheduler_config config = {.on_drop = fixture_on_drop, .context = &side->fixture};
	side->fixture = (struct fixture){.now_ns = T0, .pool = first->fixture.pool};
	dscp_map_default(&config.dscp);
	CU_ASSERT_EQUAL_FATAL(scheduler_create(&config, &side->fixture.scheduler), 0);
	side_fill(side);
}

/* Each says by its viewer which it is. */
static unsigned int burst_make(struct side *side, struct rte_mbuf **packets, uint32_t seed)
{
	unsigned int n = 1 + random_next(&seed) % SCHEDULER_PASS_MAX;
	unsigned int n_pipes = 1 + random_next(&seed) % (PIPES + 1);
	unsigned int n_classes = 1 + random_next(&seed) % TRAFFIC_CLASSES;
	for (unsigned int i = 0; i < n; i++) {
		struct scheduler_pipe *pipe = side->pipes[PIPES - random_next(&seed) % n_pipes];
		enum traffic_class class = TRAFFIC_CLASSES - 1 - random_next(&seed) % n_classes;
		packets[i] = fixture_packet(&side->fixture, pipe, class,
					    100 + random_next(&seed) % 1300);
		packet_tx(packets[i])->color = random_next(&seed) % 3 ? COLOR_GREEN : COLOR_YELLOW;
		packet_tx(packets[i])->viewer = i + 1;
		if (random_next(&seed) % 4 == 0)
			address_parse_ip(&packet_meta(packets[i])->flow.remote, "2001:db8::1", 9);
	}
	return n;
}

static unsigned int through(struct side *side, struct rte_mbuf **packets, unsigned int n)
{
	struct rte_mbuf *out[64];
	unsigned int n_out = 0, n_taken;
	scheduler_enqueue(side->fixture.scheduler, packets, n, side->fixture.now_ns);
	while ((n_taken = scheduler_dequeue(side->fixture.scheduler, out + n_out, 64 - n_out,
					    side->fixture.now_ns)) > 0)
		n_out += n_taken;
	memcpy(packets, out, n_out * sizeof(out[0]));
	return n_out;
}

static unsigned int pipe_number(const struct side *side, struct rte_mbuf *packet)
{
	unsigned int i = 0;
	while (i < PIPES && packet_tx(packet)->pipe != side->pipes[i])
		i++;
	CU_ASSERT(i < PIPES ||
		  packet_tx(packet)->pipe == scheduler_default_pipe(side->fixture.scheduler));
	return i;
}

/* The next packet of this pipe and class from *at on, or NULL. */
static struct rte_mbuf *queue_next(const struct side *side, struct rte_mbuf **packets,
				   unsigned int n, unsigned int queue, unsigned int *at)
{
	while (*at < n && pipe_number(side, packets[*at]) * TRAFFIC_CLASSES +
					  packet_tx(packets[*at])->traffic_class !=
				  queue)
		++*at;
	return *at < n ? packets[(*at)++] : NULL;
}

static void packet_compare(struct rte_mbuf *a, struct rte_mbuf *b)
{
	const struct packet_tx *x = packet_tx(a), *y = packet_tx(b);
	CU_ASSERT_EQUAL(x->viewer, y->viewer);
	CU_ASSERT_EQUAL(x->traffic_class, y->traffic_class);
	CU_ASSERT_EQUAL(x->color, y->color);
	CU_ASSERT_EQUAL(x->dscp, y->dscp);
	CU_ASSERT_EQUAL(a->pkt_len, b->pkt_len);
	CU_ASSERT_EQUAL(a->data_len, b->data_len);
}

/* Within each queue. Between classes rte_sched is not always strict: where a pipe's credit ends, a
 * small packet may leave before a large one that is more urgent. */
static void order_compare(const struct side *sides, struct rte_mbuf *packets[2][64], unsigned int n)
{
	for (unsigned int queue = 0; queue < (PIPES + 1) * TRAFFIC_CLASSES; queue++) {
		struct rte_mbuf *a, *b;
		unsigned int at[2] = {0};
		do {
			a = queue_next(&sides[0], packets[0], n, queue, &at[0]);
			b = queue_next(&sides[1], packets[1], n, queue, &at[1]);
			CU_ASSERT_EQUAL_FATAL(!a, !b);
			if (a)
				packet_compare(a, b);
		} while (a);
	}
}

static bool is_by_class(struct rte_mbuf **packets, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++)
		if (packet_tx(packets[i])->traffic_class < packet_tx(packets[i - 1])->traffic_class)
			return false;
	return true;
}

static void stats_compare(const struct scheduler_stats *a, const struct scheduler_stats *b)
{
	CU_ASSERT(a->sent_packets > 0 && a->yellow_packets > 0);
	CU_ASSERT_EQUAL(memcmp(a, b, sizeof(*a)), 0);
}

static void totals_compare(struct side *sides)
{
	struct side *a = &sides[0], *b = &sides[1];
	for (enum traffic_class class = 0; class < TRAFFIC_CLASSES; class ++) {
		for (unsigned int i = 0; i < PIPES; i++)
			stats_compare(scheduler_pipe_stats(a->pipes[i], class),
				      scheduler_pipe_stats(b->pipes[i], class));
		for (unsigned int i = 0; i < 2; i++)
			stats_compare(scheduler_slice_stats(a->slices[i], class),
				      scheduler_slice_stats(b->slices[i], class));
		struct scheduler *x = a->fixture.scheduler, *y = b->fixture.scheduler;
		stats_compare(scheduler_pipe_stats(scheduler_default_pipe(x), class),
			      scheduler_pipe_stats(scheduler_default_pipe(y), class));
		stats_compare(scheduler_slice_stats(scheduler_default_slice(x), class),
			      scheduler_slice_stats(scheduler_default_slice(y), class));
	}
}

static void packets_free(struct rte_mbuf **packets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		packet_free(packets[i]);
}

static void burst_past_is_as_burst_through(void)
{
	struct side sides[2];
	struct rte_mbuf *packets[2][64];
	uint32_t seed = 7;
	side_open(&sides[0]);
	side_open_beside(&sides[1], &sides[0]);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint32_t of_round = random_next(&seed);
		unsigned int n = burst_make(&sides[0], packets[0], of_round);
		CU_ASSERT_EQUAL_FATAL(burst_make(&sides[1], packets[1], of_round), n);
		CU_ASSERT_EQUAL_FATAL(through(&sides[0], packets[0], n), n);
		/* Both ways in turn leave it as if it were always the same. */
		if (round % 5 == 4) {
			CU_ASSERT_EQUAL_FATAL(through(&sides[1], packets[1], n), n);
		} else {
			CU_ASSERT_FATAL(scheduler_pass(sides[1].fixture.scheduler, packets[1], n));
			CU_ASSERT(is_by_class(packets[1], n));
		}
		order_compare(sides, packets, n);
		packets_free(packets[0], n);
		packets_free(packets[1], n);
		sides[0].fixture.now_ns += MS;
		sides[1].fixture.now_ns += MS;
	}
	totals_compare(sides);
	scheduler_destroy(sides[1].fixture.scheduler);
	fixture_close(&sides[0].fixture);
}

/* The shortest queue and the colour that RED drops first: it is left alone the other way, too. */
static void longest_burst_of_one_class_would_not_be_dropped(void)
{
	for (enum traffic_class class = 0; class < TRAFFIC_CLASSES; class ++) {
		struct side side;
		struct rte_mbuf *packets[64];
		side_open(&side);
		for (unsigned int round = 0; round < 100; round++) {
			for (unsigned int i = 0; i < SCHEDULER_PASS_MAX; i++) {
				packets[i] =
					fixture_packet(&side.fixture, side.pipes[0], class, 1300);
				packet_tx(packets[i])->color = COLOR_YELLOW;
			}
			CU_ASSERT_EQUAL(through(&side, packets, SCHEDULER_PASS_MAX),
					SCHEDULER_PASS_MAX);
			packets_free(packets, SCHEDULER_PASS_MAX);
		}
		fixture_close(&side.fixture);
	}
}

static void more_urgent_classes_come_first(void)
{
	struct side side;
	struct rte_mbuf *packets[TRAFFIC_CLASSES * 2];
	side_open(&side);
	for (unsigned int i = 0; i < 2 * TRAFFIC_CLASSES; i++) {
		enum traffic_class class = (2 * TRAFFIC_CLASSES - 1 - i) % TRAFFIC_CLASSES;
		packets[i] = fixture_packet(&side.fixture, side.pipes[i % 2], class, 300);
		packet_tx(packets[i])->viewer = i;
	}
	CU_ASSERT(scheduler_pass(side.fixture.scheduler, packets, 2 * TRAFFIC_CLASSES));
	for (unsigned int i = 0; i < 2 * TRAFFIC_CLASSES; i++) {
		const struct packet_tx *tx = packet_tx(packets[i]);
		CU_ASSERT_EQUAL(tx->traffic_class, i / 2);
		CU_ASSERT(i % 2 == 0 || tx->viewer > packet_tx(packets[i - 1])->viewer);
	}
	packets_free(packets, 2 * TRAFFIC_CLASSES);
	fixture_close(&side.fixture);
}

/* Whether a packet of the pipe passes, among others that would. One that does not is untouched. */
static bool passes(struct side *side, struct scheduler_pipe *pipe)
{
	struct rte_mbuf *packets[3], *came[3];
	for (unsigned int i = 0; i < 3; i++) {
		enum traffic_class class = CLASS_BULK - i;
		came[i] = packets[i] =
			fixture_packet(&side->fixture, i == 1 ? pipe : NULL, class, 300);
	}
	bool is_passed = scheduler_pass(side->fixture.scheduler, packets, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct packet_tx *tx = packet_tx(packets[i]);
		CU_ASSERT_PTR_EQUAL(packets[i], came[is_passed ? 2 - i : i]);
		CU_ASSERT_EQUAL(tx->dscp != 0, is_passed);
		CU_ASSERT(is_passed || tx->pipe == (i == 1 ? pipe : NULL));
	}
	packets_free(packets, 3);
	return is_passed;
}

static void pipe_set(struct side *side, struct scheduler_pipe *pipe, struct scheduler_slice *slice,
		     int64_t max_bps)
{
	struct scheduler_pipe_config config = {.name = "tenant", .max_bps = max_bps};
	CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, slice, &config, NULL, 0), 0);
	CU_ASSERT(!passes(side, side->pipes[3])); /* a change waits */
	fixture_take(&side->fixture);
}

static void slice_set(struct side *side, struct scheduler_slice *slice, int64_t guaranteed_bps,
		      int64_t max_bps)
{
	struct scheduler_slice_config config = {
		.name = "a", .guaranteed_bps = guaranteed_bps, .max_bps = max_bps, .five_qi = 9};
	CU_ASSERT_EQUAL(scheduler_slice_change(slice, &config, NULL, 0), 0);
	CU_ASSERT(!passes(side, side->pipes[3]));
	fixture_take(&side->fixture);
}

static void rates_go_through_the_queues(void)
{
	struct side side;
	side_open(&side);
	CU_ASSERT(passes(&side, side.pipes[0]));
	pipe_set(&side, side.pipes[0], side.slices[0], 2 * MBPS);
	CU_ASSERT(!passes(&side, side.pipes[0]));
	CU_ASSERT(passes(&side, side.pipes[1]));
	pipe_set(&side, side.pipes[0], side.slices[0], 0);
	CU_ASSERT(passes(&side, side.pipes[0]));

	slice_set(&side, side.slices[1], 0, 2 * MBPS);
	CU_ASSERT(!passes(&side, side.pipes[1]));
	CU_ASSERT(passes(&side, side.pipes[0]));
	pipe_set(&side, side.pipes[0], side.slices[1], 0);
	CU_ASSERT(!passes(&side, side.pipes[0]));
	slice_set(&side, side.slices[1], 2 * MBPS, 0);
	CU_ASSERT(!passes(&side, side.pipes[1]));
	slice_set(&side, side.slices[1], 0, 0);
	CU_ASSERT(passes(&side, side.pipes[1]));
	fixture_close(&side.fixture);
}

static void link_rate_goes_through_the_queues(void)
{
	struct side side = {0};
	fixture_open(&side.fixture, 100 * MBPS);
	fixture_take(&side.fixture);
	CU_ASSERT(!passes(&side, NULL));
	fixture_close(&side.fixture);
}

/* Nobody overtakes; and who was shut out meanwhile is let in again. */
static void nothing_passes_what_is_queued(void)
{
	struct side side;
	side_open(&side);
	pipe_set(&side, side.pipes[0], side.slices[0], MBPS);
	fixture_put(&side.fixture, side.pipes[0], CLASS_VIDEO, 1200, 1200);
	CU_ASSERT(!scheduler_pipe_accepts(side.pipes[0], CLASS_VIDEO));
	CU_ASSERT(!passes(&side, side.pipes[1]));
	fixture_take(&side.fixture);
	CU_ASSERT(!passes(&side, side.pipes[1]));
	side.fixture.now_ns += SECOND; /* all are late now */
	fixture_take(&side.fixture);
	while (scheduler_next_ns(side.fixture.scheduler, side.fixture.now_ns) != UINT64_MAX) {
		side.fixture.now_ns += MS;
		fixture_take(&side.fixture);
	}
	CU_ASSERT(scheduler_pipe_accepts(side.pipes[0], CLASS_VIDEO));
	CU_ASSERT(passes(&side, side.pipes[1]));
	CU_ASSERT(!passes(&side, side.pipes[0]));
	fixture_close(&side.fixture);
}

static void packets_of_a_tenant_that_is_gone_go_through_the_queues(void)
{
	struct side side;
	side_open(&side);
	struct scheduler_pipe *gone = side.pipes[0];
	scheduler_pipe_remove(gone);
	CU_ASSERT(!passes(&side, side.pipes[1])); /* the change waits */
	fixture_take(&side.fixture);
	CU_ASSERT(!passes(&side, gone));
	CU_ASSERT(passes(&side, side.pipes[1]));
	fixture_close(&side.fixture);
}

static void more_than_the_pool_may_lend_go_through_the_queues(void)
{
	struct side side = {0};
	struct rte_mbuf *packets[SCHEDULER_PASS_MAX + 1];
	struct scheduler_config config = {
		.packets_max = 20, .on_drop = fixture_on_drop, .context = &side.fixture};
	fixture_open(&side.fixture, 0);
	for (unsigned int i = 0; i <= SCHEDULER_PASS_MAX; i++)
		packets[i] = fixture_packet(&side.fixture, NULL, CLASS_VIDEO, 300);
	fixture_take(&side.fixture);
	CU_ASSERT(!scheduler_pass(side.fixture.scheduler, packets, SCHEDULER_PASS_MAX + 1));
	CU_ASSERT(scheduler_pass(side.fixture.scheduler, packets, SCHEDULER_PASS_MAX));
	packets_free(packets, SCHEDULER_PASS_MAX + 1);
	scheduler_destroy(side.fixture.scheduler);
	CU_ASSERT_EQUAL_FATAL(scheduler_create(&config, &side.fixture.scheduler), 0);
	fixture_take(&side.fixture);
	for (unsigned int n = 1; n < 20; n++) {
		for (unsigned int i = 0; i < n; i++)
			packets[i] = fixture_packet(&side.fixture, NULL, CLASS_VIDEO, 300);
		bool is_passed = scheduler_pass(side.fixture.scheduler, packets, n);
		CU_ASSERT_EQUAL(is_passed, n <= 10);
		CU_ASSERT_EQUAL(through(&side, packets, n) == n, n <= 10);
		packets_free(packets, RTE_MIN(n, 10u));
	}
	fixture_close(&side.fixture);
}

static CU_TestInfo tests[] = {
	{"burst_past_is_as_burst_through", burst_past_is_as_burst_through},
	{"longest_burst_of_one_class_would_not_be_dropped",
	 longest_burst_of_one_class_would_not_be_dropped},
	{"more_urgent_classes_come_first", more_urgent_classes_come_first},
	{"rates_go_through_the_queues", rates_go_through_the_queues},
	{"link_rate_goes_through_the_queues", link_rate_goes_through_the_queues},
	{"nothing_passes_what_is_queued", nothing_passes_what_is_queued},
	{"packets_of_a_tenant_that_is_gone_go_through_the_queues",
	 packets_of_a_tenant_that_is_gone_go_through_the_queues},
	{"more_than_the_pool_may_lend_go_through_the_queues",
	 more_than_the_pool_may_lend_go_through_the_queues},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler_pass", tests, start, fixture_eal_stop)
