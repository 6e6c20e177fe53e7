/* Slice A's people talk, within A's guarantee; in every other half round slice B floods the node
 * with ten times its rate, in the same classes as A's and in others. The link is the bottleneck: it
 * has room for both guarantees and little more, and B takes whatever A leaves. */
#include "bench/slices.h"

#include "bench/slices_load.h"

#define LINK_BPS            200000000
#define A_BPS               100000000 /* guaranteed */
#define B_BPS               50000000
#define FLOOD_BPS           (10ll * B_BPS)
#define FLOOD_BYTES         1200
#define SESSIONS            20
#define PACKETS             32767
#define WARM_NS             200000000ull
#define SHARE_ERROR_PERCENT 0.5

enum { GROUP_A, GROUP_B };

static const enum flow_kind flood_kinds[] = {FLOW_VOICE, FLOW_VIDEO, FLOW_RETRANSMISSION,
					     FLOW_BULK};
#define FLOODS (sizeof(flood_kinds) / sizeof(flood_kinds[0]))

struct isolation {
	struct rig *rig;
	struct load quiet, flooded; /* A alone; A and B */
};

static int add_tenant(struct rig *rig, const char *name, int64_t guaranteed_bps,
		      unsigned int five_qi, struct scheduler_pipe **pipe)
{
	struct scheduler_slice_config config = {.guaranteed_bps = guaranteed_bps,
						.five_qi = five_qi};
	struct scheduler_slice *slice;
	snprintf(config.name, sizeof(config.name), "%s", name);
	int rc = rig_add_slice(rig, &config, &slice);
	return rc ? rc : rig_add_pipe(rig, slice, name, 0, pipe);
}

static int prepare(struct isolation *isolation)
{
	struct source a = {.group = GROUP_A}, b = {.group = GROUP_B, .bytes = FLOOD_BYTES};
	int rc = add_tenant(isolation->rig, "a", A_BPS, 7, &a.pipe);
	if (rc == 0)
		rc = add_tenant(isolation->rig, "b", B_BPS, 9, &b.pipe);
	if (rc)
		return rc;
	for (a.peer = 0; a.peer < SESSIONS; a.peer++)
		load_add_session(&isolation->quiet, &a, a.peer, SESSIONS, true);
	isolation->flooded = isolation->quiet;
	for (unsigned int i = 0; i < FLOODS; i++) {
		b.peer = SESSIONS + i;
		b.kind = flood_kinds[i];
		load_add_flows(&isolation->flooded, &b, FLOOD_BPS / (int64_t)FLOODS, 1);
	}
	return 0;
}

static uint64_t lost_by_tool(const struct isolation *isolation)
{
	return rig_counts(isolation->rig, GROUP_A)->no_buffer +
	       sink_overflows(rig_sink(isolation->rig));
}

static void add_a(const struct isolation *isolation, struct slices_run *run, const char *name,
		  const struct sink_delays *delays)
{
	const struct rig_counts *counts = rig_counts(isolation->rig, GROUP_A);
	struct watch_totals stalls = watch_totals(run->watch);
	struct figure figures[] = {
		{"packets", 0, (double)counts->meant},
		{"lost", 0, (double)rig_lost(isolation->rig, GROUP_A)},
		{"lost_by_tool", 0, (double)lost_by_tool(isolation)},
		{"p50_ms", 3, delays->p50_ms},
		{"p99_ms", 3, delays->p99_ms},
		{"p999_ms", 3, delays->p999_ms},
		{"max_ms", 3, delays->max_ms},
		{"late_ms", 3, (double)rig_late_ns(isolation->rig) / 1e6},
		{"stalls", 0, stalls.stalls},
		{"longest_ms", 1, (double)stalls.longest_ns / 1e6},
		{"spoilt", 0, (double)delays->n_spoilt},
		{"unspoilt_p99_ms", 3, delays->unspoilt_p99_ms},
	};
	report_add(&run->report, name, figures, sizeof(figures) / sizeof(figures[0]));
}

/* B's share is its guarantee and what A leaves of the link. */
static void add_b(const struct isolation *isolation, struct report *report, uint64_t end_ns)
{
	const struct rig_counts *counts = rig_counts(isolation->rig, GROUP_B);
	double a_bps = timeline_bps(rig_timeline(isolation->rig, GROUP_A), WARM_NS, end_ns);
	double b_bps = timeline_bps(rig_timeline(isolation->rig, GROUP_B), WARM_NS, end_ns);
	double share_bps = LINK_BPS - a_bps, error = 100 * (b_bps - share_bps) / share_bps;
	uint64_t arrived = sink_packets(rig_sink(isolation->rig), GROUP_B);
	struct figure figures[] = {
		{"offered_mbps", 1, FLOOD_BPS / 1e6},
		{"share_mbps", 2, share_bps / 1e6},
		{"got_mbps", 2, b_bps / 1e6},
		{"off_percent", 3, error < 0 ? -error : error},
		{"dropped", 0, (double)(counts->meant - counts->left)},
		{"lost_behind", 0, (double)(counts->left > arrived ? counts->left - arrived : 0)},
	};
	report_add(report, "B floods", figures, sizeof(figures) / sizeof(figures[0]));
}

static int run_half(struct isolation *isolation, struct slices_run *run, struct load *load)
{
	uint64_t end_ns = WARM_NS + run->options.seconds * 1000000000ull;
	struct sink_delays delays;
	bool is_flooded = load == &isolation->flooded;
	watch_reset(run->watch);
	int rc = rig_run(isolation->rig, load->sources, load->n, end_ns);
	if (rc == 0)
		rc = sink_delays(rig_sink(isolation->rig), GROUP_A, run->watch, &delays);
	if (rc)
		return rc;
	add_a(isolation, run, is_flooded ? "A while B floods" : "A alone", &delays);
	if (is_flooded)
		add_b(isolation, &run->report, end_ns);
	return 0;
}

/* Not one packet in any round; of times, the medians. */
static void judge(struct report *report)
{
	double alone_ms = report_median(report, "A alone", "p99_ms");
	double flooded_ms = report_median(report, "A while B floods", "p99_ms");
	report_at_most(report, "A alone: most packets lost in a round",
		       report_worst(report, "A alone", "lost"), 0);
	report_at_most(report, "A while B floods: most packets lost in a round",
		       report_worst(report, "A while B floods", "lost"), 0);
	report_at_most(report, "A's p99 while B floods, ms: twice that of A alone", flooded_ms,
		       2 * alone_ms);
	report_at_most(report, "A's p99 while B floods, ms", flooded_ms, 10);
	report_at_most(report, "B's rate against its share: error in percent",
		       report_median(report, "B floods", "off_percent"), SHARE_ERROR_PERCENT);
}

int slices_isolation(struct slices_run *run)
{
	static struct isolation isolation;
	struct rig_config config = {
		.mode = run->options.mode,
		.has_port = true,
		.veth = run->veth,
		.link_bps = LINK_BPS,
		.packets = PACKETS,
		.n_peers = SESSIONS + FLOODS,
		.timed_groups = 1u << GROUP_A,
		.is_realtime = run->options.is_realtime,
	};
	report_title(&run->report,
		     "a link of %d Mbps; slice A: %d sessions of voice and video within %d Mbps; "
		     "slice B: %d Mbps guaranteed, %lld Mbps sent;\n  medians of %u rounds of %u "
		     "s without and %u s with the flood",
		     LINK_BPS / 1000000, SESSIONS, A_BPS / 1000000, B_BPS / 1000000,
		     FLOOD_BPS / 1000000, run->options.rounds, run->options.seconds,
		     run->options.seconds);
	int rc = rig_create(&config, &isolation.rig);
	if (rc == 0)
		rc = prepare(&isolation);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++) {
		rc = run_half(&isolation, run, &isolation.quiet);
		if (rc == 0)
			rc = run_half(&isolation, run, &isolation.flooded);
	}
	if (rc == 0) {
		report_medians(&run->report);
		judge(&run->report);
	}
	rig_destroy(isolation.rig);
	return rc;
}
