/* Two slices share a link half and half. B falls silent and comes back, over and over: A has the
 * whole link while B is away, and B has its guarantee again within milliseconds, although A never
 * stops asking for everything. */
#include "bench/slices.h"

#include "bench/slices_load.h"

#define LINK_BPS      100000000
#define GUARANTEE_BPS 50000000
#define A_OFFER_BPS   150000000
#define B_OFFER_BPS   75000000
#define BYTES         1200
#define FLOWS         4
#define PACKETS       32767
#define PERIOD_NS     600000000ull /* B's sender is away in the first half of it */
#define AWAY_NS       300000000ull
#define WINDOW_NS     10000000ull
#define SETTLE_NS     (2 * WINDOW_NS)
#define AWAY_MIN_NS   (10 * WINDOW_NS) /* what B left queued has gone so long before it returns */
#define BACK_FRACTION 0.98             /* a packet more or less is 1 % of a window */
#define RETURNS_MAX   1024

enum { GROUP_A, GROUP_B };

static int add(struct rig *rig, struct load *load, const char *name, struct source *like,
	       int64_t offer_bps)
{
	struct scheduler_slice_config config = {.guaranteed_bps = GUARANTEE_BPS, .five_qi = 9};
	struct scheduler_slice *slice;
	snprintf(config.name, sizeof(config.name), "%s", name);
	int rc = rig_add_slice(rig, &config, &slice);
	if (rc == 0)
		rc = rig_add_pipe(rig, slice, name, 0, &like->pipe);
	if (rc == 0)
		load_add_flows(load, like, offer_bps, FLOWS);
	return rc;
}

struct returns {
	double back_ms[RETURNS_MAX]; /* from B's return until it has its own */
	double lent_ms[RETURNS_MAX]; /* from B's last packet until A has all */
	unsigned int n, n_spoilt;
	double worst_back_ms;
	double idle_bps; /* A's, while B is away; the mean */
};

static double reached_ms(const struct timeline *timeline, uint64_t from_ns, double low_bps)
{
	double bounds[2] = {low_bps * BACK_FRACTION, 1e12};
	uint64_t ns = timeline_reached_ns(timeline, from_ns, from_ns + PERIOD_NS - AWAY_NS,
					  WINDOW_NS, bounds);
	return ns == UINT64_MAX ? 1e3 : (double)ns / 1e6;
}

/* When the last of what B had queued was sent: B is not away before. */
static uint64_t emptied_ns(const struct timeline *b, uint64_t gone_ns, uint64_t back_ns)
{
	uint64_t at_ns = back_ns;
	while (at_ns > gone_ns && timeline_bps(b, at_ns - TIMELINE_BIN_NS, at_ns) <= 0)
		at_ns -= TIMELINE_BIN_NS;
	return at_ns;
}

/* Each period: B goes at its beginning and comes back at AWAY_NS. The first has no going. */
static void read_returns(const struct rig *rig, const struct watch *watch, unsigned int n_periods,
			 struct returns *returns)
{
	const struct timeline *a = rig_timeline(rig, GROUP_A), *b = rig_timeline(rig, GROUP_B);
	*returns = (struct returns){0};
	for (unsigned int i = 1; i < n_periods && i <= RETURNS_MAX; i++) {
		uint64_t gone_ns = i * PERIOD_NS, back_ns = gone_ns + AWAY_NS;
		uint64_t real_ns = rig_begin_ns(rig) + back_ns;
		double back_ms = reached_ms(b, back_ns, GUARANTEE_BPS);
		returns->n_spoilt += watch_is_spoilt(watch, real_ns, real_ns + 2 * WINDOW_NS);
		returns->back_ms[returns->n] = back_ms;
		uint64_t empty_ns = emptied_ns(b, gone_ns, back_ns - AWAY_MIN_NS);
		returns->lent_ms[returns->n++] = reached_ms(a, empty_ns, LINK_BPS);
		if (back_ms > returns->worst_back_ms)
			returns->worst_back_ms = back_ms;
		returns->idle_bps += timeline_bps(a, empty_ns + SETTLE_NS, back_ns);
	}
	if (returns->n)
		returns->idle_bps /= returns->n;
}

static int run_round(struct rig *rig, struct load *load, struct slices_run *run)
{
	static struct returns returns;
	unsigned int n_periods =
		(unsigned int)(run->options.seconds * 1000000000ull / PERIOD_NS) + 1;
	watch_reset(run->watch);
	int rc = rig_run(rig, load->sources, load->n, n_periods * PERIOD_NS);
	if (rc)
		return rc;
	read_returns(rig, run->watch, n_periods, &returns);
	struct figure figures[] = {
		{"returns", 0, returns.n},
		{"back_ms", 1, median_of(returns.back_ms, returns.n)},
		{"worst_back_ms", 1, returns.worst_back_ms},
		{"lent_ms", 1, median_of(returns.lent_ms, returns.n)},
		{"a_alone_mbps", 2, returns.idle_bps / 1e6},
		{"stalls", 0, watch_totals(run->watch).stalls},
		{"spoilt", 0, returns.n_spoilt},
	};
	report_add(&run->report, "B goes and returns", figures,
		   sizeof(figures) / sizeof(figures[0]));
	return 0;
}

int slices_conservation(struct slices_run *run)
{
	static struct load load;
	struct source a = {.kind = FLOW_BULK, .bytes = BYTES, .group = GROUP_A};
	struct source b = {.kind = FLOW_VIDEO,
			   .bytes = BYTES,
			   .group = GROUP_B,
			   .peer = FLOWS,
			   .period_ns = PERIOD_NS,
			   .silent_ns = AWAY_NS};
	struct rig_config config = {
		.link_bps = LINK_BPS, .packets = PACKETS, .is_realtime = run->options.is_realtime};
	struct rig *rig = NULL;
	report_title(&run->report,
		     "a link of %d Mbps, two slices with %d guaranteed each; at the scheduler's "
		     "exit, in windows of %llu ms;\n  medians of %u rounds of %u s",
		     LINK_BPS / 1000000, GUARANTEE_BPS / 1000000, WINDOW_NS / 1000000,
		     run->options.rounds, run->options.seconds);
	int rc = rig_create(&config, &rig);
	if (rc == 0)
		rc = add(rig, &load, "a", &a, A_OFFER_BPS);
	if (rc == 0)
		rc = add(rig, &load, "b", &b, B_OFFER_BPS);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++)
		rc = run_round(rig, &load, run);
	if (rc == 0) {
		const char *name = "B goes and returns";
		report_medians(&run->report);
		report_at_most(&run->report,
			       "B has its guarantee again after ms, the worst of a round",
			       report_median(&run->report, name, "worst_back_ms"), 20);
		report_at_least(&run->report, "A's rate while B is away, Mbps: 99 % of the link",
				report_median(&run->report, name, "a_alone_mbps"),
				0.99 * LINK_BPS / 1e6);
	}
	rig_destroy(rig);
	return rc;
}
