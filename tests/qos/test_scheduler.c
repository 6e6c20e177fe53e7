/* The scheduler's arbiter, on time that the test moves: guarantees, limits, what is lent, in bytes
 * and nanoseconds. */
#include <errno.h>

#include "tests/qos/scheduler_fixture.h"

#define STEP_NS 100000

static int start(void)
{
	return fixture_eal_start("test_scheduler", 256);
}

/* Keeps both pipes' video queues full for a while; *a and *b: wire bytes each sent. */
static void both_flood(struct fixture *fixture, struct scheduler_pipe *a, struct scheduler_pipe *b,
		       uint64_t for_ns, uint64_t *a_bytes, uint64_t *b_bytes)
{
	const struct scheduler_stats *of_a = scheduler_pipe_stats(a, CLASS_VIDEO);
	const struct scheduler_stats *of_b = b ? scheduler_pipe_stats(b, CLASS_VIDEO) : of_a;
	uint64_t end_ns = fixture->now_ns + for_ns;
	*a_bytes = fixture_sent_bytes(of_a);
	*b_bytes = fixture_sent_bytes(of_b);
	for (; fixture->now_ns < end_ns; fixture->now_ns += STEP_NS) {
		fixture_fill(fixture, a, CLASS_VIDEO, 1200, 40);
		if (b)
			fixture_fill(fixture, b, CLASS_VIDEO, 1200, 40);
		fixture_take(fixture);
	}
	*a_bytes = fixture_sent_bytes(of_a) - *a_bytes;
	*b_bytes = fixture_sent_bytes(of_b) - *b_bytes;
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

static void limit_holds_to_the_byte(void)
{
	static const int64_t rates[] = {1 * MBPS, 10 * MBPS, 100 * MBPS};
	for (unsigned int i = 0; i < RTE_DIM(rates); i++) {
		struct fixture f;
		uint64_t a, b;
		fixture_open(&f, 0);
		struct scheduler_slice *slice = fixture_slice(&f, "a", 0, rates[i]);
		struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 0);
		both_flood(&f, pipe, NULL, SECOND, &a, &b);
		both_flood(&f, pipe, NULL, 10 * SECOND, &a, &b);
		CU_ASSERT(fixture_is_near((double)a * 8 / 10, (double)rates[i], 1));
		fixture_close(&f);
	}
}

static CU_TestInfo tests[] = {
	{"packet_comes_out_as_it_went_in", packet_comes_out_as_it_went_in},
	{"limit_holds_to_the_byte", limit_holds_to_the_byte},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler", tests, start, fixture_eal_stop)
