/* Slices and pipes that come, change and go while packets flow; what is refused, and with which
 * words; and that all memory returns. */
#include <errno.h>

#include "tests/qos/scheduler_fixture.h"

static int start(void)
{
	return fixture_eal_start("test_scheduler", 512);
}

static size_t heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	CU_ASSERT_EQUAL_FATAL(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

/* Lets the owner see what changed and frees what it is through with. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 4; i++) {
		fixture_take(f);
		scheduler_collect(f->scheduler);
	}
	CU_ASSERT_EQUAL(scheduler_collect(f->scheduler), 0);
}

static void thousand_tenants_come_and_go(void)
{
	enum { PIPES = 1000, ROUNDS = 4 };
	static struct scheduler_pipe *pipes[PIPES];
	struct fixture f;
	size_t after_first = 0;
	fixture_open(&f, 0);
	size_t before = heap_bytes();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
		for (unsigned int i = 0; i < PIPES; i++) {
			pipes[i] = fixture_pipe(&f, slice, i % 3 == 0 ? 10 * MBPS : 0);
			fixture_put(&f, pipes[i], CLASS_VIDEO, 500, 2);
		}
		CU_ASSERT_EQUAL(fixture_take(&f), 2 * PIPES);
		for (unsigned int i = 0; i < PIPES; i++)
			scheduler_pipe_remove(pipes[(i * 7) % PIPES]);
		scheduler_slice_remove(slice);
		settle(&f);
		if (round == 0)
			after_first = heap_bytes();
		CU_ASSERT(rte_mempool_full(f.pool));
	}
	CU_ASSERT_EQUAL(after_first, before);
	CU_ASSERT_EQUAL(heap_bytes(), before);
	fixture_close(&f);
}

/* One at a time, in the default slice: places are used again, the tree does not grow. */
static void places_are_used_again(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	settle(&f);
	size_t before = heap_bytes();
	for (unsigned int i = 0; i < 1000; i++) {
		struct scheduler_pipe *pipe = fixture_pipe(&f, NULL, 0);
		fixture_put(&f, pipe, CLASS_VOICE, 200, 1);
		CU_ASSERT_EQUAL(fixture_take(&f), 1);
		scheduler_pipe_remove(pipe);
		settle(&f);
	}
	CU_ASSERT_EQUAL(heap_bytes(), before);
	fixture_close(&f);
}

static void destroy_frees_what_is_queued_and_pending(void)
{
	struct fixture f;
	size_t before = heap_bytes();
	fixture_open(&f, 1 * MBPS);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 0);
	struct scheduler_pipe *slow = fixture_pipe(&f, slice, 8000);
	/* A queue that is full to the brim is the one that rte_sched would forget. */
	fixture_put(&f, pipe, CLASS_VIDEO, 500, traffic_class_rows[CLASS_VIDEO].queue_packets);
	fixture_put(&f, slow, CLASS_CONTROL, 500, traffic_class_rows[CLASS_CONTROL].queue_packets);
	/* The owner never sees these. */
	scheduler_pipe_remove(slow);
	fixture_pipe(&f, slice, 0);
	fixture_slice(&f, "t", 0, 0);
	fixture_close(&f);
	CU_ASSERT_EQUAL(heap_bytes(), before);
	scheduler_destroy(NULL);
}

/* The tree of a slice is rebuilt three times over, full of packets; others do not notice. */
static void slice_that_grows_loses_nothing(void)
{
	enum { PIPES = 100, EACH = 20 };
	struct fixture f;
	struct scheduler_pipe *pipes[PIPES];
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 1 * MBPS);
	for (unsigned int i = 0; i < PIPES; i++) {
		pipes[i] = fixture_pipe(&f, slice, i % 2 ? 100 * MBPS : 0);
		fixture_put(&f, pipes[i], CLASS_VIDEO, 1000, EACH);
	}
	const struct scheduler_stats *of_slice = scheduler_slice_stats(slice, CLASS_VIDEO);
	CU_ASSERT_EQUAL(scheduler_stat(&of_slice->queued_packets), PIPES * EACH);
	struct scheduler_slice_config fast = {.name = "s", .five_qi = 9};
	CU_ASSERT_EQUAL(scheduler_slice_change(slice, &fast, NULL, 0), 0);
	for (unsigned int ms = 0; ms < 250; ms++, f.now_ns += MS)
		fixture_take(&f);
	CU_ASSERT_EQUAL(scheduler_stat(&of_slice->queued_packets), 0);
	for (unsigned int i = 0; i < PIPES; i++)
		CU_ASSERT_EQUAL(
			scheduler_stat(&scheduler_pipe_stats(pipes[i], CLASS_VIDEO)->sent_packets),
			EACH);
	for (int i = 0; i < SCHEDULER_DROPS; i++)
		CU_ASSERT_EQUAL(f.dropped[i], 0);
	fixture_close(&f);
}

static void ceilings_change_as_often_as_one_likes(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	struct scheduler_pipe *other = fixture_pipe(&f, slice, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 0);
	settle(&f);
	size_t before = heap_bytes();
	for (unsigned int i = 1; i <= 1000; i++) {
		struct scheduler_pipe_config config = {.name = "t", .max_bps = i * MBPS};
		fixture_put(&f, other, CLASS_VOICE, 200, 1);
		CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, slice, &config, NULL, 0), 0);
		CU_ASSERT_EQUAL(fixture_take(&f), 1);
	}
	settle(&f);
	CU_ASSERT_EQUAL(heap_bytes(), before);
	fixture_close(&f);
}

static void every_pipe_has_a_ceiling_of_its_own(void)
{
	enum { PIPES = 90 };
	struct fixture f;
	struct scheduler_pipe *pipes[PIPES];
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	for (unsigned int i = 0; i < PIPES; i++)
		pipes[i] = fixture_pipe(&f, slice, (50 + i) * MBPS);
	for (unsigned int i = 0; i < PIPES; i++)
		fixture_put(&f, pipes[i], CLASS_VOICE, 200, 2);
	CU_ASSERT_EQUAL(fixture_take(&f), 2 * PIPES);
	fixture_close(&f);
}

static void pipe_moves_with_packets_in_both_places(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *a = fixture_slice(&f, "a", 0, 1 * MBPS);
	struct scheduler_slice *b = fixture_slice(&f, "b", 0, 0);
	struct scheduler_pipe_config config = {.name = "t"};
	struct scheduler_pipe *pipe = fixture_pipe(&f, a, 0);
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 30);
	fixture_take(&f);
	uint64_t left = scheduler_stat(&scheduler_slice_stats(a, CLASS_VIDEO)->queued_packets);
	CU_ASSERT(left > 20);
	CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, b, &config, NULL, 0), 0);
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 10);
	/* The new ones leave at once; the old ones by the pace of the slice they are in. */
	CU_ASSERT_EQUAL(fixture_take(&f), 10);
	CU_ASSERT_EQUAL(scheduler_stat(&scheduler_slice_stats(b, CLASS_VIDEO)->sent_packets), 10);
	CU_ASSERT_EQUAL(scheduler_stat(&scheduler_slice_stats(a, CLASS_VIDEO)->queued_packets),
			left);
	/* And back, while the old place still drains; the slice it left goes. */
	CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, NULL, &config, NULL, 0), 0);
	scheduler_slice_remove(a);
	scheduler_slice_remove(b);
	CU_ASSERT(scheduler_collect(f.scheduler) > 0);
	for (int i = 0; i < 400; i++, f.now_ns += MS)
		fixture_take(&f);
	settle(&f);
	CU_ASSERT_EQUAL(scheduler_stat(&scheduler_pipe_stats(pipe, CLASS_VIDEO)->sent_packets) +
				f.dropped[SCHEDULER_DROP_LATE],
			40);
	CU_ASSERT_EQUAL(f.dropped[SCHEDULER_DROP_LATE], 0);
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 1);
	CU_ASSERT_EQUAL(fixture_take(&f), 1);
	fixture_close(&f);
}

static void removed_pipe_drains_and_takes_nothing_more(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 1 * MBPS);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 0);
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 10);
	unsigned int sent = fixture_take(&f);
	scheduler_pipe_remove(pipe);
	fixture_put(&f, pipe, CLASS_VIDEO, 1000, 1);
	CU_ASSERT_EQUAL(f.dropped[SCHEDULER_DROP_NO_PIPE], 1);
	CU_ASSERT_EQUAL(scheduler_collect(f.scheduler), 1);
	for (int i = 0; i < 100; i++, f.now_ns += MS)
		sent += fixture_take(&f);
	CU_ASSERT_EQUAL(sent, 10);
	settle(&f);
	fixture_close(&f);
}

static void class_follows_the_slice(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice_config config = {.name = "s", .five_qi = 7};
	struct scheduler_pipe_config pipe_config = {.name = "t"};
	struct scheduler_slice *s = fixture_slice(&f, "s", 0, 0), *t = fixture_slice(&f, "t", 0, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, s, 0);
	CU_ASSERT_EQUAL(scheduler_pipe_class(pipe, FLOW_VIDEO), CLASS_VIDEO);
	CU_ASSERT_EQUAL(scheduler_slice_change(s, &config, NULL, 0), 0);
	CU_ASSERT_EQUAL(scheduler_pipe_class(pipe, FLOW_VIDEO), CLASS_INTERACTIVE_VIDEO);
	CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, t, &pipe_config, NULL, 0), 0);
	CU_ASSERT_EQUAL(scheduler_pipe_class(pipe, FLOW_VIDEO), CLASS_VIDEO);
	CU_ASSERT_EQUAL(scheduler_pipe_class(pipe, FLOW_VOICE), CLASS_VOICE);
	fixture_close(&f);
}

static void bad_slices_are_refused_with_the_reason(void)
{
	static const struct {
		struct scheduler_slice_config config;
		int rc;
		const char *text;
	} rows[] = {
		{{.name = "x", .guaranteed_bps = -1, .five_qi = 9}, -EINVAL, "guaranteed_bps"},
		{{.name = "x", .max_bps = 7999, .five_qi = 9}, -EINVAL, "found 7999"},
		{{.name = "x", .max_bps = INT64_MAX, .five_qi = 9}, -EINVAL, "max_bps"},
		{{.name = "x", .guaranteed_bps = 2 * MBPS, .max_bps = MBPS, .five_qi = 9},
		 -EINVAL,
		 "at most max_bps, which is 1000000"},
		{{.name = "x", .five_qi = 0}, -EINVAL, "five_qi: found 0"},
		{{.name = "x", .five_qi = 68}, -EINVAL, "five_qi: found 68"},
		{{.name = "x", .guaranteed_bps = 41 * MBPS, .five_qi = 9},
		 -ENOSPC,
		 "only 40000000 of the link's 100000000 are left"},
	};
	struct fixture f;
	struct scheduler_slice *slice = NULL;
	fixture_open(&f, 100 * MBPS);
	struct scheduler_slice *a = fixture_slice(&f, "a", 60 * MBPS, 0);
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		int rc = scheduler_slice_add(f.scheduler, &rows[i].config, f.errors,
					     sizeof(f.errors), &slice);
		CU_ASSERT_EQUAL(rc, rows[i].rc);
		CU_ASSERT_PTR_NOT_NULL(strstr(f.errors, rows[i].text));
		CU_ASSERT_PTR_NOT_NULL(strstr(f.errors, "slice x"));
		CU_ASSERT_PTR_NULL(slice);
	}
	/* Its own share counts as free when a slice changes; that of one that leaves, too. */
	struct scheduler_slice_config config = {
		.name = "a", .guaranteed_bps = 100 * MBPS, .five_qi = 9};
	CU_ASSERT_EQUAL(scheduler_slice_change(a, &config, NULL, 0), 0);
	config.guaranteed_bps++;
	CU_ASSERT_EQUAL(scheduler_slice_change(a, &config, NULL, 0), -ENOSPC);
	scheduler_slice_remove(a);
	fixture_slice(&f, "b", 100 * MBPS, 0);
	fixture_close(&f);
}

static void bad_pipes_are_refused_with_the_reason(void)
{
	struct fixture f;
	struct scheduler_pipe_config config = {.name = "acme", .max_bps = 12};
	struct scheduler_pipe *pipe = NULL, *good;
	fixture_open(&f, 0);
	good = fixture_pipe(&f, NULL, 0);
	int rc = scheduler_pipe_add(f.scheduler, NULL, &config, f.errors, sizeof(f.errors), &pipe);
	CU_ASSERT_EQUAL(rc, -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.errors, "tenant acme: max_bps: found 12"));
	CU_ASSERT_PTR_NULL(pipe);
	rc = scheduler_pipe_change(good, NULL, &config, f.errors, sizeof(f.errors));
	CU_ASSERT_EQUAL(rc, -EINVAL);
	/* The same without a place for words. */
	CU_ASSERT_EQUAL(scheduler_pipe_add(f.scheduler, NULL, &config, NULL, 0, &pipe), -EINVAL);
	fixture_put(&f, good, CLASS_VOICE, 200, 1);
	CU_ASSERT_EQUAL(fixture_take(&f), 1);
	fixture_close(&f);
}

static void slices_are_bounded(void)
{
	struct fixture f;
	struct scheduler_slice *slices[SCHEDULER_SLICES_MAX] = {NULL};
	struct scheduler_slice_config config = {.name = "one more", .five_qi = 9};
	unsigned int n = 0;
	fixture_open(&f, 0);
	for (; n < SCHEDULER_SLICES_MAX - 1; n++)
		slices[n] = fixture_slice(&f, "s", 0, 0);
	int rc = scheduler_slice_add(f.scheduler, &config, f.errors, sizeof(f.errors), &slices[n]);
	CU_ASSERT_EQUAL(rc, -EMFILE);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.errors, "one more"));
	scheduler_slice_remove(slices[0]);
	settle(&f);
	slices[n] = fixture_slice(&f, "s", 0, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slices[n], 0);
	fixture_put(&f, pipe, CLASS_VOICE, 200, 1);
	CU_ASSERT_EQUAL(fixture_take(&f), 1);
	fixture_close(&f);
}

/* When no memory is left, what runs is as it was. */
static void no_memory_is_told_and_harms_nobody(void)
{
	struct fixture f;
	struct scheduler_pipe *pipe = NULL, *first;
	struct scheduler_pipe_config config = {.name = "acme"};
	int rc = 0;
	unsigned int n = 0;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	first = fixture_pipe(&f, slice, 0);
	for (; n < SCHEDULER_PIPES_MAX && rc == 0; n++)
		rc = scheduler_pipe_add(f.scheduler, slice, &config, f.errors, sizeof(f.errors),
					&pipe);
	CU_ASSERT_EQUAL(rc, -ENOMEM);
	CU_ASSERT(n > 1000);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.errors, "tenant acme: no memory"));
	fixture_put(&f, first, CLASS_VOICE, 200, 1);
	CU_ASSERT_EQUAL(fixture_take(&f), 1);
	fixture_close(&f);
}

static CU_TestInfo tests[] = {
	{"thousand_tenants_come_and_go", thousand_tenants_come_and_go},
	{"places_are_used_again", places_are_used_again},
	{"destroy_frees_what_is_queued_and_pending", destroy_frees_what_is_queued_and_pending},
	{"slice_that_grows_loses_nothing", slice_that_grows_loses_nothing},
	{"ceilings_change_as_often_as_one_likes", ceilings_change_as_often_as_one_likes},
	{"every_pipe_has_a_ceiling_of_its_own", every_pipe_has_a_ceiling_of_its_own},
	{"pipe_moves_with_packets_in_both_places", pipe_moves_with_packets_in_both_places},
	{"removed_pipe_drains_and_takes_nothing_more", removed_pipe_drains_and_takes_nothing_more},
	{"class_follows_the_slice", class_follows_the_slice},
	{"bad_slices_are_refused_with_the_reason", bad_slices_are_refused_with_the_reason},
	{"bad_pipes_are_refused_with_the_reason", bad_pipes_are_refused_with_the_reason},
	{"slices_are_bounded", slices_are_bounded},
	{"no_memory_is_told_and_harms_nobody", no_memory_is_told_and_harms_nobody},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler_change", tests, start, fixture_eal_stop)
