/* Sessions stay connected while the rate of the streams is looked for: in steps, each as long as
 * it takes to fill what buffers there are. Subjects take turns, round by round, each with its own
 * search and its own half. */
#include "bench/latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arena.h"
#include "bench/capacity.h"
#include "bench/matrix.h"
#include "bench/progress.h"

#define PRECISION   0.05
#define RATE_MAX    100000 /* packets a second of one stream */
#define BOUND_PEERS 8      /* capacity against a peer's */
#define BOUND_P99   1      /* ms, at half of the capacity */
#define BOUND_P999  2

static const char head[] =
	"Looks for the most packets a second that reach every viewer without one being lost: the\n"
	"rate of the streams is doubled until it fails, then narrowed down to 5 %, while all\n"
	"sessions stay connected. A rate holds when nothing is lost and 99 % of the packets take\n"
	"no longer than --queue: a longer queue is loss that has not happened yet. One that fails\n"
	"is tried twice. At half of that rate latency is measured, from the moment a packet was\n"
	"meant to leave (open loop) to the kernel's receive time. Tool and subject share the\n"
	"machine, so the figure is what both can do on it.\n"
	"\n"
	"With --at there is no search: latency at the rate given by --rate or --bitrate.\n";

static const char tail[] =
	"Columns: capacity is packets a second to all viewers together, pps and all latencies are\n"
	"those at half of it. A sample is rejected as told in 'nn5g-bench fanout --help'.\n"
	"\n"
	"Bounds that are told: nothing lost at half of the capacity; capacity at least 8 times a\n"
	"peer's; latency within --max-p99 and --max-p999. The latter two are judged without the\n"
	"packets that met a moment in which the machine stood still (unspoilt_ms), which are\n"
	"counted.\n"
	"\n"
	"Environment: NN5G_GATEWAY, NN5G_CTL: the programs, else those beside this one. TMPDIR.\n"
	"\n"
	"Exit status: 0 every bound is kept; 1 one was missed, or could not be measured; 2 usage.\n"
	"\n"
	"Examples:\n"
	"  nn5g-bench latency --viewers 100 --peer janus\n"
	"  nn5g-bench latency --at --publishers 50 --viewers 20 --audio --bitrate 500k \\\n"
	"    --workers 2 --max-p99 2 --max-p999 10\n";

struct latency_options {
	struct matrix_options matrix;
	struct arena_options arena;
	bool has_no_search;
	unsigned int step_seconds;
	double queue_ms, p99_max_ms, p999_max_ms;
};

#define AT(field) offsetof(struct latency_options, field)

static const struct option_row own_rows[] = {
	OPTION_HEADING("What is looked for:"),
	OPTION_VALUE("at", NULL, OPTION_FLAG, AT(has_no_search),
		     "no search: latency at the rate that is given"),
	OPTION_NUMBER("step", "S", OPTION_UINT, AT(step_seconds), 1, 60,
		      "seconds of each step of the search (2)"),
	OPTION_VALUE("queue", "MS", OPTION_REAL, AT(queue_ms),
		     "p99 latency up to which a rate holds (50)"),
	OPTION_VALUE("max-p99", "MS", OPTION_REAL, AT(p99_max_ms), "bound of p99 (1)"),
	OPTION_VALUE("max-p999", "MS", OPTION_REAL, AT(p999_max_ms), "bound of p99.9 (2)"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{matrix_rows, AT(matrix)},
	{arena_subject_rows, AT(arena)},
	{own_rows, 0},
	{arena_run_rows, AT(arena)},
	{NULL, 0},
};

static const struct option_command command = {"latency", head, tail, tables};

static const struct result_column columns[] = {
	{"capacity_pps", "capacity", 0},
	{"pps", "at pkts/s", 0},
	{"lost", "lost", 0},
	{"cpu_ns_per_packet", "CPU ns/p", 0},
	{"latency_ms.p50", "p50 ms", 3},
	{"latency_ms.p99", "p99", 3},
	{"latency_ms.p999", "p99.9", 3},
	{"latency_ms.max", "max", 2},
	{"unspoilt_ms.p99", "unsp. p99", 3},
	{"unspoilt_ms.p999", "p99.9", 3},
	{NULL, NULL, 0},
};

struct latency {
	struct latency_options options;
	struct arena *arena;
};

/* Of a stream, as bits. */
static uint32_t bitrate_of(double rate_pps, const struct matrix_case *at)
{
	return (uint32_t)(rate_pps * at->packet_bytes * 8);
}

static bool holds(const struct latency *latency, const struct load_figures *figures)
{
	const struct viewer_totals *totals = &figures->totals;
	double p99_ms = (double)histogram_quantile(&totals->latency_ns, 0.99) / 1e6;
	return totals->packets > 0 && totals->lost == 0 && p99_ms <= latency->options.queue_ms;
}

/* The highest rate of a stream that holds, 0 when none does; negative errno. */
static int search(struct latency *latency, struct load *load, const struct matrix_case *at,
		  double *rate_pps)
{
	struct capacity capacity;
	struct load_figures *figures = &latency->arena->figures;
	struct load_config config = matrix_load(&latency->options.matrix, at);
	capacity_begin(&capacity, (double)config.bitrate_bps / 8 / at->packet_bytes, PRECISION);
	do {
		load_set_bitrate(load, bitrate_of(capacity.next, at));
		int rc = load_measure(load, latency->options.step_seconds, figures);
		if (rc)
			return rc;
	} while (capacity_tell(&capacity, holds(latency, figures)) && capacity.next <= RATE_MAX);
	*rate_pps = capacity.low;
	return 0;
}

static double capacity_of(const struct latency *latency, const struct matrix_case *at,
			  double rate_pps)
{
	const struct matrix_options *matrix = &latency->options.matrix;
	double audio_pps = matrix->audio && rate_pps > 0 ? 50 : 0;
	return (rate_pps + audio_pps) * at->viewers * matrix->publishers;
}

static int measure_connected(struct latency *latency, struct load *load, unsigned int subject,
			     const struct matrix_case *at, unsigned int round)
{
	struct arena *arena = latency->arena;
	struct result_sample sample = {.round = round};
	double rate_pps = NAN;
	if (!latency->options.has_no_search) {
		int rc = search(latency, load, at, &rate_pps);
		if (rc)
			return rc;
		if (rate_pps > 0)
			load_set_bitrate(load, bitrate_of(rate_pps / 2, at));
	}
	int rc = load_measure(load, latency->options.arena.seconds, &arena->figures);
	if (rc)
		return rc;
	sample.key = arena_key(arena, subject, matrix_key(&latency->options.matrix, at));
	result_set(&sample, "capacity_pps", 0, capacity_of(latency, at, rate_pps));
	load_fill(&arena->figures, &sample);
	progress_clear();
	results_add(arena->results, &sample);
	return 0;
}

static int measure_subject(struct latency *latency, unsigned int subject,
			   const struct matrix_case *at, unsigned int round)
{
	struct load *load;
	struct load_config config = matrix_load(&latency->options.matrix, at);
	int rc = arena_connect(latency->arena, latency->arena->subjects[subject], &config, &load);
	if (rc)
		return rc;
	rc = measure_connected(latency, load, subject, at, round);
	load_close(load);
	if (rc) {
		progress_clear();
		fprintf(stderr, "nn5g-bench: %s: %s\n",
			subject_name(latency->arena->subjects[subject]), strerror(-rc));
	}
	return rc;
}

static int run_case(void *context, const struct matrix_case *at)
{
	struct latency *latency = context;
	for (unsigned int round = 1; round <= latency->options.arena.rounds; round++) {
		for (unsigned int i = 0; i < latency->arena->n_subjects; i++) {
			int rc = measure_subject(latency, i, at, round);
			if (rc)
				return rc;
			progress_step();
		}
	}
	return 0;
}

static void judge_capacity(struct latency *latency, const struct result_key *key)
{
	struct results *results = latency->arena->results;
	for (unsigned int i = 1; i < latency->arena->n_subjects; i++) {
		const char *other = subject_name(latency->arena->subjects[i]);
		if (strcmp(other, "floor") == 0)
			continue;
		results_at_least(results, results_ratio(results, key, other, "capacity_pps"),
				 BOUND_PEERS, "capacity against %s, %u x %u viewers, %s, %u B",
				 other, key->publishers, key->viewers, key->profile,
				 key->packet_bytes);
	}
}

static int judge_case(void *context, const struct matrix_case *at)
{
	struct latency *latency = context;
	const struct latency_options *options = &latency->options;
	struct results *results = latency->arena->results;
	struct result_key key = arena_key(latency->arena, 0, matrix_key(&options->matrix, at));
	results_at_most(results, results_worst(results, &key, "lost"), 0,
			"most packets lost in a round, %u x %u viewers, %s, %u B", key.publishers,
			key.viewers, key.profile, key.packet_bytes);
	results_at_most(results, results_median(results, &key, "unspoilt_ms.p99"),
			options->p99_max_ms, "p99 latency in ms, %u x %u viewers, %s, %u B",
			key.publishers, key.viewers, key.profile, key.packet_bytes);
	results_at_most(results, results_median(results, &key, "unspoilt_ms.p999"),
			options->p999_max_ms, "p99.9 latency in ms, %u x %u viewers, %s, %u B",
			key.publishers, key.viewers, key.profile, key.packet_bytes);
	if (!options->has_no_search)
		judge_capacity(latency, &key);
	return 0;
}

static int run(struct latency *latency, int argc, char **argv)
{
	const struct latency_options *options = &latency->options;
	struct arena_config config = {
		.options = &options->arena,
		.publishers = options->matrix.publishers,
		.viewers = matrix_most_viewers(&options->matrix),
		.results = {.bench = "latency",
			    .ratio = options->has_no_search ? NULL : "capacity_pps",
			    .columns = columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &latency->arena);
	if (rc)
		return rc;
	progress_begin(matrix_size(&options->matrix) * options->arena.rounds *
		       latency->arena->n_subjects);
	rc = matrix_for_each(&options->matrix, run_case, latency);
	progress_clear();
	results_summarize(latency->arena->results);
	if (rc == 0)
		matrix_for_each(&options->matrix, judge_case, latency);
	if (rc == 0 && results_has_missed(latency->arena->results))
		rc = 1;
	arena_close(latency->arena);
	return rc;
}

int latency_main(int argc, char **argv)
{
	struct latency latency = {.options = {.matrix = matrix_defaults,
					      .arena = arena_defaults,
					      .step_seconds = 2,
					      .queue_ms = 50,
					      .p99_max_ms = BOUND_P99,
					      .p999_max_ms = BOUND_P999}};
	int rc = options_parse(&command, argc, argv, &latency.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench latency --help'.\n", stderr);
		return 2;
	}
	return run(&latency, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
