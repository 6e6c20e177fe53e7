/* Within one tenant the classes are strict: what its voice has to wait while bulk saturates the
 * tenant's ceiling, and what is left for the lower classes. Strict means that video beyond the
 * ceiling leaves bulk nothing; a policer on the way in is what bounds that. */
#include "bench/slices.h"

#include "bench/clock.h"
#include "bench/slices_load.h"

#define LINK_BPS    200000000
#define SLICE_BPS   100000000
#define CEILING_BPS 50000000
#define POLICED_BPS 30000000
#define BULK_BPS    (2ll * CEILING_BPS)
#define VIDEO_BPS   (2ll * CEILING_BPS)
#define BYTES       1200
#define SESSIONS    10
#define FLOWS       4
#define PACKETS     32767
#define WARM_NS     300000000ull
/* What may already be on its way when voice comes: a packet of bulk, at the ceiling's rate. */
#define PACKET_MS (1e3 * 8 * (BYTES + 66) / CEILING_BPS)

enum { GROUP_VOICE, GROUP_VIDEO, GROUP_BULK };
enum { VOICE, VOICE_BULK, VOICE_POLICED_VIDEO_BULK, VOICE_VIDEO_BULK, CASES };

static const struct {
	const char *name;
	bool has_bulk, has_video, is_policed;
} cases[CASES] = {
	[VOICE] = {"voice alone", false, false, false},
	[VOICE_BULK] = {"voice, bulk at 2x ceiling", true, false, false},
	[VOICE_POLICED_VIDEO_BULK] = {"and video, policed", true, true, true},
	[VOICE_VIDEO_BULK] = {"and video, not policed", true, true, false},
};

struct classes {
	struct rig *rig;
	struct scheduler_pipe *pipe;
	struct policer policer;
	struct load load;
};

static int prepare(struct classes *classes)
{
	struct scheduler_slice_config config = {
		.name = "slice", .guaranteed_bps = SLICE_BPS, .five_qi = 7};
	struct policer_config limit = {.committed_bps = POLICED_BPS,
				       .peak_bps = POLICED_BPS,
				       .burst_ms = POLICER_BURST_MS_MIN};
	struct scheduler_slice *slice;
	int rc = rig_add_slice(classes->rig, &config, &slice);
	if (rc == 0)
		rc = rig_add_pipe(classes->rig, slice, "tenant", CEILING_BPS, &classes->pipe);
	return rc ? rc : policer_set(&classes->policer, &limit, clock_ns());
}

static void make_load(struct classes *classes, unsigned int index)
{
	struct source voice = {.pipe = classes->pipe, .group = GROUP_VOICE};
	struct source video = {.pipe = classes->pipe,
			       .kind = FLOW_VIDEO,
			       .bytes = BYTES,
			       .group = GROUP_VIDEO,
			       .peer = SESSIONS,
			       .policer = cases[index].is_policed ? &classes->policer : NULL};
	struct source bulk = {.pipe = classes->pipe,
			      .kind = FLOW_BULK,
			      .bytes = BYTES,
			      .group = GROUP_BULK,
			      .peer = SESSIONS};
	classes->load.n = 0;
	for (voice.peer = 0; voice.peer < SESSIONS; voice.peer++)
		load_add_session(&classes->load, &voice, voice.peer, SESSIONS, false);
	if (cases[index].has_video)
		load_add_flows(&classes->load, &video, VIDEO_BPS, FLOWS);
	if (cases[index].has_bulk)
		load_add_flows(&classes->load, &bulk, BULK_BPS, FLOWS);
}

static int run_case(struct classes *classes, unsigned int index, struct slices_run *run)
{
	uint64_t end_ns = WARM_NS + run->options.seconds * 1000000000ull;
	struct sink_delays delays;
	make_load(classes, index);
	watch_reset(run->watch);
	int rc = rig_run(classes->rig, classes->load.sources, classes->load.n, end_ns);
	if (rc == 0)
		rc = sink_delays(rig_sink(classes->rig), GROUP_VOICE, run->watch, &delays);
	if (rc)
		return rc;
	double mbps[RIG_GROUPS];
	for (unsigned int i = 0; i < RIG_GROUPS; i++)
		mbps[i] = timeline_bps(rig_timeline(classes->rig, i), WARM_NS, end_ns) / 1e6;
	struct figure figures[] = {
		{"voice_lost", 0, (double)rig_lost(classes->rig, GROUP_VOICE)},
		{"p50_ms", 3, delays.p50_ms},
		{"p99_ms", 3, delays.p99_ms},
		{"p999_ms", 3, delays.p999_ms},
		{"max_ms", 3, delays.max_ms},
		{"voice_mbps", 2, mbps[GROUP_VOICE]},
		{"video_mbps", 2, mbps[GROUP_VIDEO]},
		{"bulk_mbps", 2, mbps[GROUP_BULK]},
		{"sum_mbps", 2, mbps[GROUP_VOICE] + mbps[GROUP_VIDEO] + mbps[GROUP_BULK]},
		{"stalls", 0, watch_totals(run->watch).stalls},
		{"spoilt", 0, (double)delays.n_spoilt},
	};
	report_add(&run->report, cases[index].name, figures, sizeof(figures) / sizeof(figures[0]));
	return 0;
}

static void judge(struct report *report)
{
	const char *alone = cases[VOICE].name, *bulk = cases[VOICE_BULK].name;
	const char *policed = cases[VOICE_POLICED_VIDEO_BULK].name;
	double alone_ms = report_median(report, alone, "p99_ms");
	double left_mbps =
		(CEILING_BPS - POLICED_BPS) / 1e6 - report_median(report, policed, "voice_mbps");
	report_at_most(report, "voice beside bulk: most packets lost in a round",
		       report_worst(report, bulk, "voice_lost"), 0);
	report_at_most(report,
		       "voice's p99 beside bulk, ms: twice that of voice alone, and a packet of "
		       "bulk at the ceiling",
		       report_median(report, bulk, "p99_ms"), 2 * alone_ms + PACKET_MS);
	report_at_most(report, "voice's p99 beside video and bulk, ms",
		       report_median(report, policed, "p99_ms"), 10);
	for (unsigned int i = VOICE_BULK; i < CASES; i++) {
		char text[96];
		snprintf(text, sizeof(text), "%s: all classes together, Mbps", cases[i].name);
		report_at_most(report, text, report_median(report, cases[i].name, "sum_mbps"),
			       1.005 * CEILING_BPS / 1e6);
	}
	report_at_least(report, "bulk beside video that is policed, Mbps: 95 % of what is left",
			report_median(report, policed, "bulk_mbps"), 0.95 * left_mbps);
}

int slices_classes(struct slices_run *run)
{
	static struct classes classes;
	struct rig_config config = {
		.mode = run->options.mode,
		.has_port = true,
		.veth = run->veth,
		.link_bps = LINK_BPS,
		.packets = PACKETS,
		.n_peers = SESSIONS + FLOWS,
		.timed_groups = 1u << GROUP_VOICE,
		.is_realtime = run->options.is_realtime,
	};
	report_title(&run->report,
		     "a tenant with a ceiling of %d Mbps: %d voices, bulk and video of %lld Mbps "
		     "each,\n  the latter policed to %d Mbps or not; medians of %u rounds of %u s",
		     CEILING_BPS / 1000000, SESSIONS, BULK_BPS / 1000000, POLICED_BPS / 1000000,
		     run->options.rounds, run->options.seconds);
	int rc = rig_create(&config, &classes.rig);
	if (rc == 0)
		rc = prepare(&classes);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++) {
		for (unsigned int i = 0; rc == 0 && i < CASES; i++)
			rc = run_case(&classes, i, run);
	}
	if (rc == 0) {
		report_medians(&run->report);
		judge(&run->report);
	}
	rig_destroy(classes.rig);
	return rc;
}
