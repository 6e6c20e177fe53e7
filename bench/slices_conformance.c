/* Whether a slice, a tenant's ceiling, and the sum of many tenants get their rate to half a
 * percent: wire bytes at the scheduler's exit against the real time that passed, with all of them
 * at once and 1.3 times as much offered. */
#include "bench/slices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/slices_load.h"

#define WARM_NS       500000000ull /* buckets that were full at the beginning are empty then */
#define ERROR_PERCENT 0.5
#define OFFERED       1.3
#define TENANTS       100
#define PACKETS       131071
#define FLOWS         4 /* of a rate */

static const struct rate {
	const char *name;
	int64_t bps;
	bool is_ceiling; /* of a tenant, in a slice that has no limit */
} rates[] = {
	{"slice 1 Mbps", 1000000, false},     {"slice 5 Mbps", 5000000, false},
	{"slice 20 Mbps", 20000000, false},   {"slice 100 Mbps", 100000000, false},
	{"slice 500 Mbps", 500000000, false}, {"tenant 2 Mbps", 2000000, true},
	{"tenant 50 Mbps", 50000000, true},
};
#define RATES     (sizeof(rates) / sizeof(rates[0]))
#define SUM_GROUP RATES
#define SUM_BPS   100000000
#define SUM_NAME  "100 tenants, 100 Mbps"

static const uint16_t sizes[] = {100, 1200};

static int add_rate(struct rig *rig, struct load *load, unsigned int index, uint16_t bytes)
{
	const struct rate *rate = &rates[index];
	struct scheduler_slice_config config = {.five_qi = 9};
	struct source like = {.kind = FLOW_BULK, .bytes = bytes, .group = index};
	struct scheduler_slice *slice;
	snprintf(config.name, sizeof(config.name), "rate%u", index);
	if (!rate->is_ceiling)
		config.guaranteed_bps = config.max_bps = rate->bps;
	int rc = rig_add_slice(rig, &config, &slice);
	if (rc == 0)
		rc = rig_add_pipe(rig, slice, config.name, rate->is_ceiling ? rate->bps : 0,
				  &like.pipe);
	if (rc == 0)
		load_add_flows(load, &like, (int64_t)((double)rate->bps * OFFERED), FLOWS);
	return rc;
}

static int prepare_rates(struct rig *rig, struct load *load, uint16_t bytes)
{
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < RATES; i++)
		rc = add_rate(rig, load, i, bytes);
	return rc;
}

static int prepare_tenants(struct rig *rig, struct load *load, uint16_t bytes)
{
	struct scheduler_slice_config config = {
		.name = "sum", .guaranteed_bps = SUM_BPS, .max_bps = SUM_BPS, .five_qi = 9};
	struct source like = {.kind = FLOW_BULK, .bytes = bytes, .group = SUM_GROUP};
	int64_t bps = (int64_t)(SUM_BPS * OFFERED / TENANTS);
	struct scheduler_slice *slice;
	int rc = rig_add_slice(rig, &config, &slice);
	for (unsigned int i = 0; rc == 0 && i < TENANTS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "t%u", i);
		/* Not all at the same moments. */
		like.phase_ns = source_interval_ns(bps, bytes, 1) * i / TENANTS;
		rc = rig_add_pipe(rig, slice, name, 0, &like.pipe);
		if (rc == 0)
			load_add_flows(load, &like, bps, 1);
	}
	return rc;
}

static double error_percent(double measured_bps, int64_t wanted_bps)
{
	return 100 * (measured_bps - (double)wanted_bps) / (double)wanted_bps;
}

static void add_case(struct slices_run *run, const struct rig *rig, unsigned int group,
		     uint16_t bytes, uint64_t end_ns)
{
	char text[REPORT_NAME_MAX + 1];
	struct watch_totals stalls = watch_totals(run->watch);
	const char *name = group < RATES ? rates[group].name : SUM_NAME;
	int64_t wanted_bps = group < RATES ? rates[group].bps : SUM_BPS;
	double bps = timeline_bps(rig_timeline(rig, group), WARM_NS, end_ns);
	double error = error_percent(bps, wanted_bps);
	struct figure figures[] = {
		{"wanted_mbps", 1, (double)wanted_bps / 1e6},
		{"measured_mbps", 4, bps / 1e6},
		{"error_percent", 3, error},
		{"off_percent", 3, error < 0 ? -error : error},
		{"stalls", 0, stalls.stalls},
		{"longest_ms", 1, (double)stalls.longest_ns / 1e6},
		{"late_ms", 1, (double)rig_late_ns(rig) / 1e6},
	};
	snprintf(text, sizeof(text), "%s, %u B", name, bytes);
	report_add(&run->report, text, figures, sizeof(figures) / sizeof(figures[0]));
}

/* Tenants are more than there are groups: each one's share is what its pipe says it sent. */
static uint64_t sent_bytes(const struct scheduler_pipe *pipe)
{
	uint64_t bytes = 0;
	for (enum traffic_class c = 0; c < TRAFFIC_CLASSES; c++)
		bytes += scheduler_stat(&scheduler_pipe_stats(pipe, c)->sent_bytes);
	return bytes;
}

/* Jain's index: 1 when all have the same; and how far the least has less than the mean. */
static void add_evenness(struct report *report, const double *bytes, uint16_t size)
{
	char text[REPORT_NAME_MAX + 1];
	double sum = 0, squares = 0, least = bytes[0], most = bytes[0];
	for (unsigned int i = 0; i < TENANTS; i++) {
		sum += bytes[i];
		squares += bytes[i] * bytes[i];
		least = bytes[i] < least ? bytes[i] : least;
		most = bytes[i] > most ? bytes[i] : most;
	}
	struct figure figures[] = {
		{"jain_index", 6, sum * sum / (TENANTS * squares)},
		{"least_percent", 2, 100 * least * TENANTS / sum},
		{"most_percent", 2, 100 * most * TENANTS / sum},
	};
	snprintf(text, sizeof(text), "share of a tenant, %u B", size);
	report_add(report, text, figures, sizeof(figures) / sizeof(figures[0]));
}

static int measure(struct rig *rig, struct load *load, struct slices_run *run)
{
	uint64_t end_ns = WARM_NS + run->options.seconds * 1000000000ull;
	const struct source *tenants = &load->sources[load->n - TENANTS];
	uint16_t size = tenants->bytes;
	double bytes[TENANTS];
	watch_reset(run->watch);
	int rc = rig_begin(rig, load->sources, load->n, end_ns);
	if (rc)
		return rc;
	rig_wait(rig, WARM_NS);
	for (unsigned int i = 0; i < TENANTS; i++)
		bytes[i] = -(double)sent_bytes(tenants[i].pipe);
	rig_wait(rig, end_ns);
	for (unsigned int i = 0; i < TENANTS; i++)
		bytes[i] += (double)sent_bytes(tenants[i].pipe);
	rig_end(rig);
	for (unsigned int i = 0; i <= SUM_GROUP; i++)
		add_case(run, rig, i, size, end_ns);
	add_evenness(&run->report, bytes, size);
	return 0;
}

/* A fresh scheduler for each size: what one leaves behind is not the next one's. */
static int run_size(struct slices_run *run, uint16_t bytes)
{
	static struct load load;
	struct rig_config config = {.packets = PACKETS, .is_realtime = run->options.is_realtime};
	struct rig *rig;
	int rc = rig_create(&config, &rig);
	if (rc)
		return rc;
	load.n = 0;
	rc = prepare_rates(rig, &load, bytes);
	if (rc == 0)
		rc = prepare_tenants(rig, &load, bytes);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++)
		rc = measure(rig, &load, run);
	rig_destroy(rig);
	return rc;
}

static void judge_size(struct report *report, uint16_t bytes)
{
	char name[REPORT_NAME_MAX + 1], text[96];
	for (unsigned int i = 0; i <= RATES; i++) {
		snprintf(name, sizeof(name), "%s, %u B", i < RATES ? rates[i].name : SUM_NAME,
			 bytes);
		snprintf(text, sizeof(text), "%s: error in percent", name);
		report_at_most(report, text, report_median(report, name, "off_percent"),
			       ERROR_PERCENT);
	}
	snprintf(name, sizeof(name), "share of a tenant, %u B", bytes);
	snprintf(text, sizeof(text), "%s: Jain's index", name);
	report_at_least(report, text, report_median(report, name, "jain_index"), 0.99);
}

int slices_conformance(struct slices_run *run)
{
	report_title(&run->report,
		     "rates at the scheduler's exit over %u s, all at once, 1.3 times as much "
		     "offered; medians of %u",
		     run->options.seconds, run->options.rounds);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int rc = run_size(run, sizes[i]);
		if (rc)
			return rc;
	}
	report_medians(&run->report);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		judge_size(&run->report, sizes[i]);
	return 0;
}
