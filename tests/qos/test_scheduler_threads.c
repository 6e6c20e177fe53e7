/* Control changes everything while the owner sends: no packet is lost or counted twice, everything
 * is given back. THREADED: control, the owner, and a reader of statistics. */
#include <sched.h>
#include <stdatomic.h>

#include "conf/clock.h"
#include "tests/qos/scheduler_fixture.h"

#define ROUNDS 60
#define PIPES  24
#define BURST  16

static int start(void)
{
	return fixture_eal_start("test_scheduler", 256);
}

/* What control and owner share: pipes that packets may be sent to. The test's barrier is `turn`:
 * control takes a pipe out and waits until the owner has begun another turn. */
struct stage {
	struct fixture *fixture;
	struct scheduler_pipe *_Atomic pipes[PIPES];
	_Atomic uint64_t turn;
	atomic_bool is_over;
	uint64_t enqueued, sent; /* the owner's, read when it has ended */
};

static void burst_enqueue(struct stage *stage, uint32_t *seed)
{
	struct rte_mbuf *packets[BURST];
	unsigned int n = 0;
	for (unsigned int i = 0; i < BURST; i++) {
		*seed = *seed * 1664525 + 1013904223;
		struct scheduler_pipe *pipe = atomic_load(&stage->pipes[(*seed >> 8) % PIPES]);
		enum traffic_class class = (*seed >> 16) % TRAFFIC_CLASSES;
		if (!pipe || !scheduler_pipe_accepts(pipe, class))
			continue;
		packets[n] = packet_alloc(stage->fixture->pool);
		if (!packets[n])
			break;
		rte_pktmbuf_append(packets[n], 400);
		struct packet_meta *meta = packet_meta(packets[n]);
		memset(meta, 0, sizeof(*meta));
		meta->tx.pipe = pipe;
		meta->tx.traffic_class = (uint8_t) class;
		n++;
	}
	stage->enqueued += n;
	scheduler_enqueue(stage->fixture->scheduler, packets, n, clock_ns());
}

static int owner_run(void *arg)
{
	struct stage *stage = arg;
	struct rte_mbuf *packets[64];
	uint32_t seed = 3;
	while (!atomic_load(&stage->is_over)) {
		atomic_fetch_add(&stage->turn, 1);
		burst_enqueue(stage, &seed);
		unsigned int n =
			scheduler_dequeue(stage->fixture->scheduler, packets, 64, clock_ns());
		stage->sent += n;
		for (unsigned int i = 0; i < n; i++)
			packet_free(packets[i]);
		scheduler_next_ns(stage->fixture->scheduler, clock_ns());
	}
	return 0;
}

static int reader_run(void *arg)
{
	struct stage *stage = arg;
	uint64_t sum = 0;
	while (!atomic_load(&stage->is_over)) {
		const struct scheduler_pipe *own =
			scheduler_default_pipe(stage->fixture->scheduler);
		const struct scheduler_slice *slice =
			scheduler_default_slice(stage->fixture->scheduler);
		for (enum traffic_class i = 0; i < TRAFFIC_CLASSES; i++) {
			sum += scheduler_stat(&scheduler_pipe_stats(own, i)->sent_packets);
			sum += scheduler_stat(&scheduler_slice_stats(slice, i)->queued_bytes);
			sum += scheduler_pipe_accepts(own, i);
		}
		sum += scheduler_pipe_class(own, FLOW_VIDEO);
	}
	return sum > 0 ? 0 : -1;
}

static void barrier_pass(struct stage *stage)
{
	uint64_t turn = atomic_load(&stage->turn);
	while (atomic_load(&stage->turn) < turn + 2)
		sched_yield();
}

static void pipe_replace(struct stage *stage, unsigned int i, struct scheduler_slice *slice,
			 int64_t max_bps)
{
	struct scheduler_pipe *old = atomic_exchange(&stage->pipes[i], NULL);
	if (old) {
		barrier_pass(stage);
		scheduler_pipe_remove(old);
	}
	atomic_store(&stage->pipes[i], fixture_pipe(stage->fixture, slice, max_bps));
}

/* Three slices are there at any time; each round one goes and one comes. */
static void control_run(struct stage *stage)
{
	struct scheduler_slice *slices[3];
	struct fixture *f = stage->fixture;
	for (unsigned int i = 0; i < 3; i++)
		slices[i] = fixture_slice(f, "s", 0, 50 * MBPS);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct scheduler_slice **worn = &slices[round % 3], *next = slices[(round + 1) % 3];
		struct scheduler_slice_config terms = {
			.name = "s", .max_bps = (20 + round % 50) * MBPS, .five_qi = 1 + round % 9};
		struct scheduler_pipe_config config = {.name = "t", .max_bps = (round % 7) * MBPS};
		CU_ASSERT_EQUAL(scheduler_slice_change(next, &terms, NULL, 0), 0);
		for (unsigned int i = 0; i < PIPES; i++) {
			struct scheduler_pipe *pipe = atomic_load(&stage->pipes[i]);
			if (!pipe || (i + round) % 4 == 0)
				pipe_replace(stage, i, next, (i % 3) * 20 * MBPS);
			else
				CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, next, &config, NULL, 0),
						0);
		}
		scheduler_slice_remove(*worn);
		*worn = fixture_slice(f, "s", MBPS, 50 * MBPS);
		barrier_pass(stage);
	}
	for (unsigned int i = 0; i < PIPES; i++) {
		struct scheduler_pipe *old = atomic_exchange(&stage->pipes[i], NULL);
		barrier_pass(stage);
		scheduler_pipe_remove(old);
	}
	for (unsigned int i = 0; i < 3; i++)
		scheduler_slice_remove(slices[i]);
	while (scheduler_collect(f->scheduler) > 0)
		barrier_pass(stage);
}

static void control_changes_while_the_owner_sends(void)
{
	struct fixture f;
	struct stage stage = {.fixture = &f};
	fixture_open(&f, 0);
	CU_ASSERT_EQUAL_FATAL(eal_lcore_start(EAL_LCORE_WORKER_FIRST, owner_run, &stage), 0);
	CU_ASSERT_EQUAL_FATAL(eal_lcore_start(EAL_LCORE_WORKER_FIRST + 1, reader_run, &stage), 0);
	control_run(&stage);
	atomic_store(&stage.is_over, true);
	CU_ASSERT_EQUAL(eal_lcore_join(EAL_LCORE_WORKER_FIRST), 0);
	CU_ASSERT_EQUAL(eal_lcore_join(EAL_LCORE_WORKER_FIRST + 1), 0);
	uint64_t lost = 0;
	for (int i = 0; i < SCHEDULER_DROPS; i++)
		lost += f.dropped[i];
	CU_ASSERT(stage.sent > 1000);
	CU_ASSERT_EQUAL(stage.sent + lost, stage.enqueued);
	CU_ASSERT_EQUAL(f.dropped[SCHEDULER_DROP_NO_PIPE], 0);
	fixture_close(&f);
}

static CU_TestInfo tests[] = {
	{"control_changes_while_the_owner_sends", control_changes_while_the_owner_sends},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler_threads", tests, start, fixture_eal_stop)
