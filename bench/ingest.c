/* What it takes to receive, authenticate and account for a packet that is sent to nobody. The same
 * publishers go to each subject in turn; numbers of publishers are cases. */
#include "bench/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arena.h"
#include "bench/progress.h"

static const char head[] =
	"Publishes streams that nobody watches: what receiving, decrypting and accounting for\n"
	"a packet takes by itself. Against a gateway of our own, a peer and the plain relay "
	"(which\n"
	"only receives), in turns. Lists make cases.\n"
	"\n";

static const char tail[] =
	"CPU is that of all threads of a subject, per packet that was sent to it. Lost are\n"
	"packets that its own reports (RTCP) say never came; what is lost in the last second of\n"
	"a round may be told too late.\n"
	"\n"
	"Exit status: 0; 1 when a subject fails or ours loses more than --max-loss; 2 usage.\n"
	"\n"
	"Example:\n"
	"  nn5g-bench ingest --publishers 1,50,200 --peer janus --floor\n";

struct ingest_options {
	struct arena_options arena;
	struct option_list publishers, packets, profiles;
	unsigned int rate_pps;
	uint64_t loss_max;
	bool audio;
};

static const char *const profile_names[] = {"gcm256", "gcm128", "cm80", NULL};

#define AT(field) offsetof(struct ingest_options, field)

static const struct option_row load_rows[] = {
	OPTION_HEADING("What:"),
	OPTION_NUMBER("publishers", "N,...", OPTION_UINTS, AT(publishers), 1, 1000,
		      "streams, 1 to 1000 (50)"),
	OPTION_NUMBER("packet", "BYTES,...", OPTION_UINTS, AT(packets), 64, 1300,
		      "of a video RTP packet before SRTP, 64 to 1300 (1200)"),
	OPTION_ONE_OF("profile", "P,...", OPTION_CHOICES, AT(profiles), profile_names,
		      "SRTP: gcm256, gcm128, cm80 (gcm128)"),
	OPTION_NUMBER("rate", "PPS", OPTION_UINT, AT(rate_pps), 1, 100000,
		      "video packets a second of a stream (250)"),
	OPTION_VALUE("audio", NULL, OPTION_FLAG, AT(audio),
		     "50 Opus-like packets a second beside the video"),
	OPTION_NUMBER("max-loss", "N", OPTION_UINT64, AT(loss_max), 0, INT64_MAX,
		      "packets that may be missing in a round (0)"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{load_rows, 0},
	{arena_subject_rows, AT(arena)},
	{arena_run_rows, AT(arena)},
	{NULL, 0},
};

static const struct option_command command = {"ingest", head, tail, tables};

static const struct result_column columns[] = {
	{"pps", "pkts/s", 0},
	{"lost", "lost", 0},
	{"cpu_ns_per_packet", "CPU ns/p", 0},
	{"cpu_percent", "CPU %", 0},
	{"switches_per_packet", "switch/p", 3},
	{NULL, NULL, 0},
};

struct ingest {
	struct ingest_options options;
	struct arena *arena;
};

struct ingest_case {
	unsigned int publishers, packet;
	const char *profile;
};

static struct result_key key_of(const struct ingest *ingest, const struct ingest_case *at)
{
	return (struct result_key){
		.mode = bench_mode_names[ingest->options.arena.mode],
		.profile = at->profile,
		.packet_bytes = at->packet,
		.publishers = at->publishers,
	};
}

static int run_case(struct ingest *ingest, const struct ingest_case *at)
{
	const struct ingest_options *options = &ingest->options;
	struct arena *arena = ingest->arena;
	struct result_key key = key_of(ingest, at);
	struct load_config load = {
		.profiles = load_profiles(at->profile),
		.publishers = at->publishers,
		.bitrate_bps = options->rate_pps * at->packet * 8,
		.packet_bytes = (uint16_t)at->packet,
		.audio = options->audio,
	};
	for (unsigned int round = 1; round <= options->arena.rounds; round++) {
		for (unsigned int i = 0; i < arena->n_subjects; i++) {
			int rc = arena_measure(arena, arena->subjects[i], &load, &key, round);
			if (rc)
				return rc;
			progress_step();
		}
	}
	return 0;
}

static int judge_case(struct ingest *ingest, const struct ingest_case *at)
{
	struct results *results = ingest->arena->results;
	struct result_key key = key_of(ingest, at);
	key.subject = subject_name(ingest->arena->subjects[0]);
	results_at_most(results, results_worst(results, &key, "lost"),
			(double)ingest->options.loss_max,
			"most packets lost in a round, %u publishers, %s, %u B", at->publishers,
			at->profile, at->packet);
	return 0;
}

static int for_each_case(struct ingest *ingest,
			 int (*call)(struct ingest *ingest, const struct ingest_case *at))
{
	const struct ingest_options *options = &ingest->options;
	int rc = 0;
	for (unsigned int i = 0; i < options->profiles.n; i++) {
		for (unsigned int j = 0; j < options->packets.n; j++) {
			for (unsigned int k = 0; rc == 0 && k < options->publishers.n; k++)
				rc = call(ingest,
					  &(struct ingest_case){
						  options->publishers.values[k],
						  options->packets.values[j],
						  profile_names[options->profiles.values[i]]});
		}
	}
	return rc;
}

static unsigned int most_publishers(const struct option_list *list)
{
	unsigned int most = 0;
	for (unsigned int i = 0; i < list->n; i++)
		most = list->values[i] > most ? list->values[i] : most;
	return most;
}

static int run(struct ingest *ingest, int argc, char **argv)
{
	const struct ingest_options *options = &ingest->options;
	struct arena_config config = {
		.options = &options->arena,
		.publishers = most_publishers(&options->publishers),
		.results = {.bench = "ingest", .ratio = "cpu_ns_per_packet", .columns = columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &ingest->arena);
	if (rc)
		return rc;
	progress_begin(options->profiles.n * options->packets.n * options->publishers.n *
		       options->arena.rounds * ingest->arena->n_subjects);
	rc = for_each_case(ingest, run_case);
	progress_clear();
	results_summarize(ingest->arena->results);
	if (rc == 0)
		for_each_case(ingest, judge_case);
	if (rc == 0 && results_has_missed(ingest->arena->results))
		rc = 1;
	arena_close(ingest->arena);
	return rc;
}

int ingest_main(int argc, char **argv)
{
	struct ingest ingest = {.options = {.arena = arena_defaults,
					    .publishers = {1, {50}},
					    .packets = {1, {1200}},
					    .profiles = {1, {1}},
					    .rate_pps = 250}};
	int rc = options_parse(&command, argc, argv, &ingest.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench ingest --help'.\n", stderr);
		return 2;
	}
	return run(&ingest, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
