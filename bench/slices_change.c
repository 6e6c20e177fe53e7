/* Plans change while packets flow: how soon a new rate is in force, what it costs the others, and
 * whether tenants that come and go leave memory behind. Slice Y sends within its guarantee all the
 * time and must lose nothing by whatever is done to X. */
#include "bench/slices.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "bench/clock.h"
#include "bench/process.h"
#include "bench/slices_load.h"

#define LINK_BPS     200000000
#define LOW_BPS      20000000
#define HIGH_BPS     60000000
#define X_OFFER_BPS  100000000
#define Y_BPS        60000000
#define Y_OFFER_BPS  50000000
#define BYTES        1200
#define FLOWS        4
#define PACKETS      32767
#define STEP_NS      300000000ull /* between two changes */
#define WINDOW_NS    10000000ull
#define NEAR         0.05 /* of the new rate: then it is in force */
#define CHANGES_MAX  1024
#define TENANTS      1000
#define ACTIVE       200 /* of the tenants: they send, too */
#define CYCLES       6
#define COLLECT_NS   10000000000ull
#define RESIDENT_KIB 4096 /* that may come and stay after the first cycle */
#define HEAP_KIB     64

enum { GROUP_X, GROUP_Y, GROUP_TENANTS };

struct change {
	struct rig *rig;
	struct scheduler_slice *slice;
	struct scheduler_pipe *pipe;
	struct load load;
	uint64_t at_ns[CHANGES_MAX]; /* after the beginning of the run */
	uint64_t y_lost;             /* in all runs */
};

static struct scheduler_slice_config slice_config(int64_t bps)
{
	return (struct scheduler_slice_config){
		.name = "x", .guaranteed_bps = bps, .max_bps = bps, .five_qi = 9};
}

static int prepare(struct change *change)
{
	struct scheduler_slice_config x = slice_config(LOW_BPS);
	struct scheduler_slice_config y = {.name = "y", .guaranteed_bps = Y_BPS, .five_qi = 7};
	struct source x_like = {.kind = FLOW_BULK, .bytes = BYTES, .group = GROUP_X};
	struct source y_like = {
		.kind = FLOW_VIDEO, .bytes = BYTES, .group = GROUP_Y, .peer = FLOWS};
	struct scheduler_slice *slice;
	int rc = rig_add_slice(change->rig, &x, &change->slice);
	if (rc == 0)
		rc = rig_add_pipe(change->rig, change->slice, "x", 0, &change->pipe);
	if (rc == 0)
		rc = rig_add_slice(change->rig, &y, &slice);
	if (rc == 0)
		rc = rig_add_pipe(change->rig, slice, "y", 0, &y_like.pipe);
	if (rc)
		return rc;
	x_like.pipe = change->pipe;
	load_add_flows(&change->load, &y_like, Y_OFFER_BPS, FLOWS);
	load_add_flows(&change->load, &x_like, X_OFFER_BPS, FLOWS);
	return 0;
}

static void count_y(struct change *change)
{
	const struct rig_counts *counts = rig_counts(change->rig, GROUP_Y);
	change->y_lost += counts->meant - counts->left;
}

static int change_slice(struct change *change, int64_t bps)
{
	char errors[256] = "";
	struct scheduler_slice_config config = slice_config(bps);
	int rc = scheduler_slice_change(change->slice, &config, errors, sizeof(errors));
	if (rc)
		fprintf(stderr, "nn5g-bench: slice: %s\n", errors);
	return rc;
}

static int change_pipe(struct change *change, int64_t bps)
{
	char errors[256] = "";
	struct scheduler_pipe_config config = {.name = "x", .max_bps = bps};
	int rc =
		scheduler_pipe_change(change->pipe, change->slice, &config, errors, sizeof(errors));
	if (rc)
		fprintf(stderr, "nn5g-bench: pipe: %s\n", errors);
	return rc;
}

/* When the rate was there, counted from before the call; 1e4: not at all. */
static void read_forces(const struct change *change, unsigned int n, double *force_ms)
{
	for (unsigned int i = 0; i < n; i++) {
		double bps = i % 2 ? LOW_BPS : HIGH_BPS;
		double bounds[2] = {bps * (1 - NEAR), bps * (1 + NEAR)};
		uint64_t ns =
			timeline_reached_ns(rig_timeline(change->rig, GROUP_X), change->at_ns[i],
					    change->at_ns[i] + STEP_NS, WINDOW_NS, bounds);
		force_ms[i] = ns == UINT64_MAX ? 1e4 : (double)ns / 1e6;
	}
}

/* Rates go up and down, one change a step. */
static int run_changes(struct change *change, const char *name,
		       int (*apply)(struct change *change, int64_t bps), struct slices_run *run)
{
	double force_ms[CHANGES_MAX], call_ms = 0, worst_ms = 0;
	unsigned int n = (unsigned int)(run->options.seconds * 1000000000ull / STEP_NS) & ~1u;
	n = n < 2 ? 2 : n > CHANGES_MAX ? CHANGES_MAX : n;
	uint64_t end_ns = (n + 1) * STEP_NS;
	watch_reset(run->watch);
	int rc = apply(change, LOW_BPS);
	if (rc == 0)
		rc = rig_begin(change->rig, change->load.sources, change->load.n, end_ns);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < n && rc == 0; i++) {
		rig_wait(change->rig, (i + 1) * STEP_NS);
		uint64_t before_ns = clock_ns();
		change->at_ns[i] = before_ns - rig_begin_ns(change->rig);
		rc = apply(change, i % 2 ? LOW_BPS : HIGH_BPS);
		call_ms += (double)(clock_ns() - before_ns) / 1e6;
	}
	rig_wait(change->rig, end_ns);
	rig_end(change->rig);
	count_y(change);
	scheduler_collect(rig_scheduler(change->rig));
	read_forces(change, n, force_ms);
	for (unsigned int i = 0; i < n; i++)
		worst_ms = force_ms[i] > worst_ms ? force_ms[i] : worst_ms;
	struct figure figures[] = {
		{"changes", 0, n},
		{"call_ms", 3, call_ms / n},
		{"in_force_ms", 1, median_of(force_ms, n)},
		{"worst_ms", 1, worst_ms},
		{"others_lost", 0, (double)change->y_lost},
		{"stalls", 0, watch_totals(run->watch).stalls},
	};
	report_add(&run->report, name, figures, sizeof(figures) / sizeof(figures[0]));
	return rc;
}

struct memory {
	double dpdk_kib, heap_kib, resident_kib;
};

static struct memory memory_now(void)
{
	struct rte_malloc_socket_stats dpdk = {0};
	struct process_usage usage = {0};
	rte_malloc_get_socket_stats(0, &dpdk);
	process_usage(getpid(), &usage);
	struct mallinfo2 heap = mallinfo2();
	return (struct memory){
		.dpdk_kib = (double)dpdk.heap_allocsz_bytes / 1024,
		.heap_kib = (double)heap.uordblks / 1024,
		.resident_kib = (double)usage.resident_bytes / 1024,
	};
}

static int add_tenants(struct change *change, struct scheduler_pipe **pipes)
{
	int rc = rig_begin(change->rig, change->load.sources, change->load.n, 1000000000ull);
	for (unsigned int i = 0; rc == 0 && i < TENANTS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "t%u", i);
		rc = rig_add_pipe(change->rig, change->slice, name, i % 2 ? LOW_BPS : 0, &pipes[i]);
	}
	rig_end(change->rig);
	count_y(change);
	return rc;
}

static int use_tenants(struct change *change, struct scheduler_pipe **pipes)
{
	struct load load = change->load;
	struct source like = {.kind = FLOW_VIDEO, .bytes = BYTES, .group = GROUP_TENANTS};
	for (unsigned int i = 0; i < ACTIVE; i++) {
		like.pipe = pipes[i * (TENANTS / ACTIVE)];
		like.phase_ns = i * 100000ull;
		load_add_flows(&load, &like, X_OFFER_BPS / ACTIVE, 1);
	}
	int rc = rig_run(change->rig, load.sources, load.n, 300000000ull);
	count_y(change);
	return rc;
}

/* Until nothing is on its way out any more. */
static int remove_tenants(struct change *change, struct scheduler_pipe **pipes, unsigned int *left)
{
	struct scheduler *scheduler = rig_scheduler(change->rig);
	int rc = rig_begin(change->rig, change->load.sources, change->load.n, 1000000000ull);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < TENANTS; i++)
		scheduler_pipe_remove(pipes[i]);
	uint64_t until_ns = clock_ns() + COLLECT_NS;
	while ((*left = scheduler_collect(scheduler)) > 0 && clock_ns() < until_ns)
		clock_sleep_until(clock_ns() + 1000000);
	rig_end(change->rig);
	count_y(change);
	return 0;
}

static int run_tenants(struct change *change, struct report *report)
{
	static struct scheduler_pipe *pipes[TENANTS];
	struct memory first = {0};
	for (unsigned int cycle = 0; cycle < CYCLES; cycle++) {
		unsigned int left = 0;
		uint64_t begin_ns = clock_ns();
		int rc = add_tenants(change, pipes);
		double add_ms = (double)(clock_ns() - begin_ns) / 1e6;
		if (rc == 0)
			rc = use_tenants(change, pipes);
		begin_ns = clock_ns();
		if (rc == 0)
			rc = remove_tenants(change, pipes, &left);
		double remove_ms = (double)(clock_ns() - begin_ns) / 1e6;
		if (rc)
			return rc;
		struct memory now = memory_now();
		first = cycle ? first : now;
		struct figure figures[] = {
			{"add_ms", 1, add_ms},
			{"remove_ms", 1, remove_ms},
			{"left_over", 0, left},
			{"dpdk_more_kib", 0, now.dpdk_kib - first.dpdk_kib},
			{"heap_more_kib", 0, now.heap_kib - first.heap_kib},
			{"rss_more_kib", 0, now.resident_kib - first.resident_kib},
			{"others_lost", 0, (double)change->y_lost},
		};
		report_add(report, "1000 tenants come and go", figures,
			   sizeof(figures) / sizeof(figures[0]));
	}
	return 0;
}

static void judge(struct report *report, const struct change *change)
{
	static const char *const rates[] = {"slice's rate", "tenant's ceiling"};
	const char *tenants = "1000 tenants come and go";
	for (unsigned int i = 0; i < 2; i++) {
		char text[96];
		snprintf(text, sizeof(text), "%s in force after ms, the worst", rates[i]);
		report_at_most(report, text, report_median(report, rates[i], "worst_ms"), 1000);
	}
	report_at_most(report, "packets lost by the other slice", (double)change->y_lost, 0);
	report_at_most(report, "pipes that never went", report_worst(report, tenants, "left_over"),
		       0);
	report_at_most(report, "memory of DPDK that stays, KiB",
		       report_worst(report, tenants, "dpdk_more_kib"), HEAP_KIB);
	report_at_most(report, "heap that stays, KiB",
		       report_worst(report, tenants, "heap_more_kib"), HEAP_KIB);
	report_at_most(report, "resident memory that stays, KiB",
		       report_worst(report, tenants, "rss_more_kib"), RESIDENT_KIB);
}

int slices_change(struct slices_run *run)
{
	static struct change change;
	struct rig_config config = {
		.link_bps = LINK_BPS, .packets = PACKETS, .is_realtime = run->options.is_realtime};
	report_title(&run->report,
		     "slice X, sending all it may, goes from %d to %d Mbps and back while Y sends "
		     "within its guarantee;\n  medians of %u rounds of %u s, and of %d cycles",
		     LOW_BPS / 1000000, HIGH_BPS / 1000000, run->options.rounds,
		     run->options.seconds, CYCLES);
	int rc = rig_create(&config, &change.rig);
	if (rc == 0)
		rc = prepare(&change);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++)
		rc = run_changes(&change, "slice's rate", change_slice, run);
	if (rc == 0)
		rc = change_slice(&change, HIGH_BPS);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++)
		rc = run_changes(&change, "tenant's ceiling", change_pipe, run);
	if (rc == 0)
		rc = run_tenants(&change, &run->report);
	if (rc == 0) {
		report_medians(&run->report);
		judge(&run->report, &change);
	}
	rig_destroy(change.rig);
	return rc;
}
