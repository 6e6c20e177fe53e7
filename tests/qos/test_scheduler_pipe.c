/* Pipes of one slice: all that have packets are served, in equal parts, and each keeps to its
 * ceiling. Time is the test's. */
#include "tests/qos/scheduler_fixture.h"

#define PIPES_MAX 200

static int start(void)
{
	return fixture_eal_start("test_scheduler", 256);
}

/* `n` pipes flood a slice; the shares of the least and the most served, of an equal one. */
static void shares_measure(unsigned int n, int64_t max_bps, uint64_t for_ns, double *least,
			   double *most)
{
	static struct scheduler_pipe *pipes[PIPES_MAX];
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, max_bps);
	for (unsigned int i = 0; i < n; i++)
		pipes[i] = fixture_pipe(&f, slice, 0);
	uint64_t end_ns = f.now_ns + for_ns;
	for (; f.now_ns < end_ns; f.now_ns += 200000) {
		for (unsigned int i = 0; i < n; i++)
			fixture_fill(&f, pipes[i], CLASS_BULK, 1200, 20);
		fixture_take(&f);
	}
	*least = 1e9;
	*most = 0;
	for (unsigned int i = 0; i < n; i++) {
		double sent =
			(double)fixture_sent_bytes(scheduler_pipe_stats(pipes[i], CLASS_BULK));
		double share = sent * 8 * 1e9 / (double)for_ns / (double)max_bps * n;
		*least = RTE_MIN(*least, share);
		*most = RTE_MAX(*most, share);
	}
	fixture_close(&f);
}

static void pipes_share_equally_however_many_they_are(void)
{
	static const struct {
		unsigned int n;
		int64_t max_bps;
		uint64_t for_ns;
	} rows[] = {{2, 10 * MBPS, 2 * SECOND},   {7, 50 * MBPS, 2 * SECOND},
		    {9, 50 * MBPS, 2 * SECOND},   {12, 2 * MBPS, 20 * SECOND},
		    {12, 50 * MBPS, 2 * SECOND},  {33, 50 * MBPS, 5 * SECOND},
		    {100, 50 * MBPS, 5 * SECOND}, {200, 400 * MBPS, 2 * SECOND}};
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		double least, most;
		shares_measure(rows[i].n, rows[i].max_bps, rows[i].for_ns, &least, &most);
		CU_ASSERT(least > 0.97);
		CU_ASSERT(most < 1.03);
	}
}

struct tenant {
	int64_t max_bps;
	uint32_t wire_bytes;
	struct scheduler_pipe *pipe;
	uint64_t before_bytes;
};

static void tenants_flood(struct fixture *f, struct tenant *tenants, unsigned int n,
			  uint64_t for_ns)
{
	uint64_t end_ns = f->now_ns + for_ns;
	for (unsigned int i = 0; i < n; i++)
		tenants[i].before_bytes =
			fixture_sent_bytes(scheduler_pipe_stats(tenants[i].pipe, CLASS_VIDEO));
	for (; f->now_ns < end_ns; f->now_ns += 100000) {
		for (unsigned int i = 0; i < n; i++)
			fixture_fill(f, tenants[i].pipe, CLASS_VIDEO, tenants[i].wire_bytes,
				     10 + 9000 / tenants[i].wire_bytes);
		fixture_take(f);
	}
}

static double tenant_bps(const struct tenant *tenant, uint64_t for_ns)
{
	uint64_t now = fixture_sent_bytes(scheduler_pipe_stats(tenant->pipe, CLASS_VIDEO));
	return (double)(now - tenant->before_bytes) * 8 * 1e9 / (double)for_ns;
}

static void ceilings_hold_to_the_byte(void)
{
	struct tenant tenants[] = {{.max_bps = 300000, .wire_bytes = 100},
				   {.max_bps = 1 * MBPS, .wire_bytes = 1200},
				   {.max_bps = 10 * MBPS, .wire_bytes = 300},
				   {.max_bps = 200 * MBPS, .wire_bytes = 1200}};
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	for (unsigned int i = 0; i < RTE_DIM(tenants); i++)
		tenants[i].pipe = fixture_pipe(&f, slice, tenants[i].max_bps);
	tenants_flood(&f, tenants, RTE_DIM(tenants), SECOND / 2);
	tenants_flood(&f, tenants, RTE_DIM(tenants), 8 * SECOND);
	for (unsigned int i = 0; i < RTE_DIM(tenants); i++) {
		/* One credit may be used now that is paid for later. */
		double credit = 2304.0 / (double)tenants[i].max_bps * 1000;
		CU_ASSERT(fixture_is_near(tenant_bps(&tenants[i], 8 * SECOND),
					  (double)tenants[i].max_bps, RTE_MAX(credit, 1)));
	}
	fixture_close(&f);
}

/* Who is below an equal part by its ceiling leaves the rest to the others, equally. */
static void ceilings_within_a_slice_leave_the_rest_to_others(void)
{
	enum { N = 12 };
	struct tenant tenants[N];
	struct fixture f;
	double sum = 0;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 50 * MBPS);
	for (unsigned int i = 0; i < N; i++) {
		tenants[i] = (struct tenant){.max_bps = i < 2   ? MBPS
							: i < 8 ? 10 * MBPS
								: 0,
					     .wire_bytes = 200 + 100 * i};
		tenants[i].pipe = fixture_pipe(&f, slice, tenants[i].max_bps);
	}
	tenants_flood(&f, tenants, N, SECOND);
	tenants_flood(&f, tenants, N, 5 * SECOND);
	for (unsigned int i = 0; i < N; i++) {
		double bps = tenant_bps(&tenants[i], 5 * SECOND);
		CU_ASSERT(fixture_is_near(bps, i < 2 ? 1e6 : 4.8e6, 5));
		sum += bps;
	}
	CU_ASSERT(fixture_is_near(sum, 50e6, 1));
	fixture_close(&f);
}

/* Asked only when it says so, the scheduler loses nothing of a ceiling. */
static void next_time_knows_of_ceilings(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, slice, 4 * MBPS);
	const struct scheduler_stats *stats = scheduler_pipe_stats(pipe, CLASS_VIDEO);
	uint64_t end_ns = f.now_ns + 4 * SECOND;
	while (f.now_ns < end_ns) {
		fixture_fill(&f, pipe, CLASS_VIDEO, 1200, 10);
		fixture_take(&f);
		uint64_t next_ns = scheduler_next_ns(f.scheduler, f.now_ns);
		CU_ASSERT_FATAL(next_ns > f.now_ns && next_ns < f.now_ns + 10 * MS);
		f.now_ns = next_ns;
	}
	CU_ASSERT(fixture_is_near((double)fixture_sent_bytes(stats) * 8 / 4, 4e6, 4));
	fixture_close(&f);
}

/* A pipe at its ceiling does not hold up one that is not. */
static void pipe_at_its_ceiling_holds_up_nobody(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_slice *slice = fixture_slice(&f, "s", 0, 0);
	struct tenant slow = {.max_bps = 100000, .wire_bytes = 1200};
	struct scheduler_pipe *fast = fixture_pipe(&f, slice, 0);
	slow.pipe = fixture_pipe(&f, slice, slow.max_bps);
	tenants_flood(&f, &slow, 1, SECOND);
	for (unsigned int i = 0; i < 100; i++) {
		CU_ASSERT(scheduler_next_ns(f.scheduler, f.now_ns) > f.now_ns);
		fixture_put(&f, fast, CLASS_VOICE, 250, 1);
		CU_ASSERT_EQUAL(scheduler_next_ns(f.scheduler, f.now_ns), f.now_ns);
		CU_ASSERT_EQUAL(fixture_take(&f), 1);
	}
	fixture_close(&f);
}

/* The same tenant's voice, while its bulk takes all that the ceiling leaves. */
static void voice_passes_bulk_below_a_ceiling(void)
{
	struct fixture f;
	fixture_open(&f, 0);
	struct scheduler_pipe *pipe = fixture_pipe(&f, fixture_slice(&f, "s", 0, 0), 5 * MBPS);
	const struct scheduler_stats *voice = scheduler_pipe_stats(pipe, CLASS_VOICE);
	for (unsigned int ms = 0; ms < 2000; ms++) {
		fixture_fill(&f, pipe, CLASS_VIDEO, 1200, 50);
		if (ms % 20 == 0)
			fixture_put(&f, pipe, CLASS_VOICE, 250, 1);
		for (unsigned int i = 0; i < 10; i++, f.now_ns += MS / 10)
			fixture_take(&f);
	}
	CU_ASSERT_EQUAL(scheduler_stat(&voice->sent_packets), 100);
	CU_ASSERT_EQUAL(scheduler_stat(&voice->delay_bins[SCHEDULER_DELAY_BINS - 1]), 0);
	/* Never longer than the debt of two packets. */
	uint64_t within_4ms = 0;
	for (unsigned int i = 0; scheduler_delay_bin_ns(i) <= 5 * MS; i++)
		within_4ms += scheduler_stat(&voice->delay_bins[i]);
	CU_ASSERT_EQUAL(within_4ms, 100);
	fixture_close(&f);
}

static CU_TestInfo tests[] = {
	{"pipes_share_equally_however_many_they_are", pipes_share_equally_however_many_they_are},
	{"ceilings_hold_to_the_byte", ceilings_hold_to_the_byte},
	{"ceilings_within_a_slice_leave_the_rest_to_others",
	 ceilings_within_a_slice_leave_the_rest_to_others},
	{"next_time_knows_of_ceilings", next_time_knows_of_ceilings},
	{"pipe_at_its_ceiling_holds_up_nobody", pipe_at_its_ceiling_holds_up_nobody},
	{"voice_passes_bulk_below_a_ceiling", voice_passes_bulk_below_a_ceiling},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("scheduler_pipe", tests, start, fixture_eal_stop)
