/* Who may say no before a packet is made, for how long, and where that is counted. */
#include "tests/qos/scheduler_fixture.h"

static int start(void)
{
	return fixture_eal_start("test_scheduler_refused", 256);
}

/* Shut by a queue that drains too slowly. */
static struct scheduler_pipe *make_shut(struct fixture *f, struct scheduler_slice *slice)
{
	struct scheduler_pipe *pipe = fixture_pipe(f, slice, 0);
	fixture_put(f, pipe, CLASS_VOICE, 1000, 100);
	f->now_ns += 70 * MS;
	fixture_take(f);
	fixture_put(f, pipe, CLASS_VOICE, 1000, 20);
	CU_ASSERT_FALSE_FATAL(scheduler_pipe_accepts(pipe, CLASS_VOICE));
	return pipe;
}

static void refused_packets_count_as_late(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 1 * MBPS);
	struct scheduler_pipe *pipe = make_shut(&f, slice);
	const uint64_t *of_pipe =
		&scheduler_pipe_stats(pipe, CLASS_VOICE)->dropped[SCHEDULER_DROP_LATE];
	const uint64_t *of_slice =
		&scheduler_slice_stats(slice, CLASS_VOICE)->dropped[SCHEDULER_DROP_LATE];
	uint64_t told = f.dropped[SCHEDULER_DROP_LATE];
	scheduler_pipe_refuse(pipe, CLASS_VOICE, 5);
	scheduler_pipe_refuse(pipe, CLASS_VOICE, 2);
	f.now_ns += 200 * MS;
	fixture_take(&f);
	CU_ASSERT(scheduler_pipe_accepts(pipe, CLASS_VOICE));
	CU_ASSERT(f.dropped[SCHEDULER_DROP_LATE] > told);
	CU_ASSERT_EQUAL(scheduler_stat(of_pipe), f.dropped[SCHEDULER_DROP_LATE] + 7);
	CU_ASSERT_EQUAL(scheduler_stat(of_slice), f.dropped[SCHEDULER_DROP_LATE] + 7);
	fixture_close(&f);
}

/* When others have taken all the room there is, a tenant with an empty queue is dropped as full;
 * but nobody would ever open it again, were it shut. */
static void an_empty_queue_is_never_shut(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	scheduler_destroy(f.scheduler);
	struct scheduler_config config = {
		.packets_max = 50, .on_drop = fixture_on_drop, .context = &f};
	CU_ASSERT_EQUAL_FATAL(scheduler_create(&config, &f.scheduler), 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 1 * MBPS);
	struct scheduler_pipe *loud = fixture_pipe(&f, slice, 0);
	struct scheduler_pipe *quiet = fixture_pipe(&f, slice, 0);
	/* Each takes no more than it leaves. */
	fixture_put(&f, loud, CLASS_VIDEO, 1000, 60);
	for (unsigned int i = 0; i < 8; i++)
		fixture_put(&f, fixture_pipe(&f, slice, 0), CLASS_VIDEO, 1000, 60);
	uint64_t full = f.dropped[SCHEDULER_DROP_FULL];
	fixture_put(&f, quiet, CLASS_VIDEO, 1000, 1);
	CU_ASSERT(full > 0);
	CU_ASSERT_EQUAL(f.dropped[SCHEDULER_DROP_FULL], full + 1);
	CU_ASSERT_FALSE(scheduler_pipe_accepts(loud, CLASS_VIDEO));
	CU_ASSERT_TRUE(scheduler_pipe_accepts(quiet, CLASS_VIDEO));
	f.now_ns += 2 * SECOND;
	fixture_take(&f);
	CU_ASSERT_TRUE(scheduler_pipe_accepts(loud, CLASS_VIDEO));
	fixture_close(&f);
}

static CU_TestInfo tests[] = {
	{"refused_packets_count_as_late", refused_packets_count_as_late},
	{"an_empty_queue_is_never_shut", an_empty_queue_is_never_shut},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("scheduler_refused", tests, start, fixture_eal_stop)
