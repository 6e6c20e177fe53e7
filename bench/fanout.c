/* A case is a number of viewers, a size of packets and a profile. In each of its rounds every
 * subject has its turn, so that what changes on the machine changes for all; what counts is the
 * median of the rounds' ratios. */
#include "bench/fanout.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arena.h"
#include "bench/matrix.h"
#include "bench/progress.h"

#define BOUND_VIEWERS 100 /* the bounds below are told for so many */
#define BOUND_PEER    0.1 /* CPU per packet against a peer */
#define BOUND_FLOOR   1.6 /* against the floor, with AES-GCM */

static const char head[] =
	"Publishes streams over WHIP and plays each with many viewers over WHEP, all in this\n"
	"process: against a gateway of our own, which is started for it in a network namespace\n"
	"with nothing but loopback, and if asked for against a peer and a plain relay, in turns.\n"
	"Every packet of every viewer is counted and timed, from the moment it was meant to\n"
	"leave (open loop) to the kernel's receive time; a sample is decrypted.\n"
	"\n"
	"Lists make cases: every number of viewers with every size and profile.\n";

static const char tail[] =
	"Lost are packets that a publisher sent in the measured time and a viewer did not get,\n"
	"the last ones included. Setup is from before the POST to the first media that is\n"
	"authentic. CPU is that of all threads of a subject, per packet that viewers got.\n"
	"\n"
	"A sample is rejected, and taken again up to twice, when others use much CPU time, when\n"
	"a packet of the tool's own left 5 ms late, when more than 2 % of the packets met a\n"
	"moment in which the machine stood still, or when not all viewers of a peer play.\n"
	"Rejected samples are told and do not count, unless there are no others. What others\n"
	"use is not judged beside a server (--url) whose --pid is not given.\n"
	"\n"
	"Bounds that are told: no more lost than --max-loss; at 100 viewers CPU per packet at\n"
	"most 1/10 of a peer's, and with AES-GCM at most 1.6 times the plain relay's.\n"
	"\n"
	"Environment: NN5G_GATEWAY, NN5G_CTL: the programs, else those beside this one. TMPDIR.\n"
	"\n"
	"Exit status: 0 all viewers played, nothing was forged or corrupt, every bound is kept;\n"
	"1 otherwise; 2 usage.\n"
	"\n"
	"Examples:\n"
	"  nn5g-bench fanout --viewers 1,10,100 --profile gcm128,cm80 --peer janus --floor\n"
	"  nn5g-bench fanout --publishers 50 --viewers 20 --audio --workers 2\n"
	"  nn5g-bench fanout --url http://127.0.0.1:8080 --token-file token --viewers 300 \\\n"
	"    --rounds 1 --pid $(pidof nn5g-gateway)\n";

struct fanout_options {
	struct matrix_options matrix;
	struct arena_options arena;
	uint64_t loss_max;
	double p99_max_ms; /* 0: not judged */
	bool accepts_loss;
};

#define AT(field) offsetof(struct fanout_options, field)

static const struct option_row bound_rows[] = {
	OPTION_HEADING("How it is judged:"),
	OPTION_NUMBER("max-loss", "N", OPTION_UINT64, AT(loss_max), 0, INT64_MAX,
		      "packets that may be missing in a round of the first\nsubject (0)"),
	OPTION_VALUE("any-loss", NULL, OPTION_FLAG, AT(accepts_loss),
		     "loss is told, but not judged"),
	OPTION_VALUE("max-p99", "MS", OPTION_REAL, AT(p99_max_ms),
		     "latency that 99 % of the packets must be within"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{matrix_rows, AT(matrix)},
	{arena_subject_rows, AT(arena)},
	{bound_rows, 0},
	{arena_run_rows, AT(arena)},
	{NULL, 0},
};

static const struct option_command command = {"fanout", head, tail, tables};

static const struct result_column columns[] = {
	{"pps", "pkts/s", 0},
	{"lost", "lost", 0},
	{"cpu_ns_per_packet", "CPU ns/p", 0},
	{"cpu_percent", "CPU %", 0},
	{"switches_per_packet", "switch/p", 3},
	{"latency_ms.p50", "p50 ms", 3},
	{"latency_ms.p99", "p99", 3},
	{"latency_ms.p999", "p99.9", 3},
	{"latency_ms.max", "max", 2},
	{"setup_ms.p50", "setup ms", 1},
	{NULL, NULL, 0},
};

struct fanout {
	struct fanout_options options;
	struct arena *arena;
	bool is_faulty; /* something did not play, or was not what was sent */
};

/* Peers may fail; that is told. The first subject must not. */
static void look_for_faults(struct fanout *fanout, const struct subject *subject,
			    const struct matrix_case *at)
{
	const struct load_figures *figures = &fanout->arena->figures;
	const struct viewer_totals *totals = &figures->totals;
	unsigned int viewers = at->viewers * fanout->options.matrix.publishers;
	bool is_good = figures->playing == viewers && totals->not_authentic == 0 &&
		       totals->corrupt == 0 && totals->packets > 0;
	if (!is_good)
		fprintf(stderr,
			"nn5g-bench: %s: %u of %u viewers play; of %llu packets %llu not "
			"authentic, %llu corrupt\n",
			subject_name(subject), figures->playing, viewers,
			(unsigned long long)totals->packets,
			(unsigned long long)totals->not_authentic,
			(unsigned long long)totals->corrupt);
	fanout->is_faulty |= !is_good && subject == fanout->arena->subjects[0];
}

static int run_case(void *context, const struct matrix_case *at)
{
	struct fanout *fanout = context;
	struct arena *arena = fanout->arena;
	struct load_config load = matrix_load(&fanout->options.matrix, at);
	struct result_key key = matrix_key(&fanout->options.matrix, at);
	for (unsigned int round = 1; round <= fanout->options.arena.rounds; round++) {
		for (unsigned int i = 0; i < arena->n_subjects; i++) {
			int rc = arena_measure(arena, arena->subjects[i], &load, &key, round);
			if (rc)
				return rc;
			look_for_faults(fanout, arena->subjects[i], at);
			progress_step();
		}
	}
	return 0;
}

static void judge_ratios(struct fanout *fanout, const struct result_key *key)
{
	struct results *results = fanout->arena->results;
	for (unsigned int i = 1; i < fanout->arena->n_subjects; i++) {
		const char *other = subject_name(fanout->arena->subjects[i]);
		double ratio = results_ratio(results, key, other, "cpu_ns_per_packet");
		bool is_floor = strcmp(other, "floor") == 0;
		if (is_floor && strncmp(key->profile, "gcm", 3) != 0)
			continue;
		results_at_most(results, ratio, is_floor ? BOUND_FLOOR : BOUND_PEER,
				"CPU per packet against %s, %u viewers, %s, %u B", other,
				key->viewers, key->profile, key->packet_bytes);
	}
}

static int judge_case(void *context, const struct matrix_case *at)
{
	struct fanout *fanout = context;
	const struct fanout_options *options = &fanout->options;
	struct results *results = fanout->arena->results;
	struct result_key key = arena_key(fanout->arena, 0, matrix_key(&options->matrix, at));
	if (!options->accepts_loss)
		results_at_most(results, results_worst(results, &key, "lost"),
				(double)options->loss_max,
				"most packets lost in a round, %u x %u viewers, %s, %u B",
				key.publishers, key.viewers, key.profile, key.packet_bytes);
	if (options->p99_max_ms > 0)
		results_at_most(results, results_median(results, &key, "latency_ms.p99"),
				options->p99_max_ms, "p99 latency in ms, %u x %u viewers, %s, %u B",
				key.publishers, key.viewers, key.profile, key.packet_bytes);
	if (key.viewers * key.publishers == BOUND_VIEWERS)
		judge_ratios(fanout, &key);
	return 0;
}

static int run(struct fanout *fanout, int argc, char **argv)
{
	const struct fanout_options *options = &fanout->options;
	struct arena_config config = {
		.options = &options->arena,
		.publishers = options->matrix.publishers,
		.viewers = matrix_most_viewers(&options->matrix),
		.results = {.bench = "fanout", .ratio = "cpu_ns_per_packet", .columns = columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &fanout->arena);
	if (rc)
		return rc;
	progress_begin(matrix_size(&options->matrix) * options->arena.rounds *
		       fanout->arena->n_subjects);
	rc = matrix_for_each(&options->matrix, run_case, fanout);
	progress_clear();
	results_summarize(fanout->arena->results);
	if (rc == 0)
		matrix_for_each(&options->matrix, judge_case, fanout);
	if (rc == 0 && (fanout->is_faulty || results_has_missed(fanout->arena->results)))
		rc = 1;
	arena_close(fanout->arena);
	return rc;
}

int fanout_main(int argc, char **argv)
{
	struct fanout fanout = {.options = {.matrix = matrix_defaults, .arena = arena_defaults}};
	int rc = options_parse(&command, argc, argv, &fanout.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench fanout --help'.\n", stderr);
		return 2;
	}
	return run(&fanout, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
