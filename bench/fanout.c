/* A case is a number of viewers, a size of packets and a profile. In each of its rounds every
 * subject has its turn, so that what changes on the machine changes for all; what counts is the
 * median of the rounds' ratios. */
#include "bench/fanout.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arena.h"
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
	"a packet of the tool's own left 5 ms late, or when more than 2 % of the packets met a\n"
	"moment in which the machine stood still. Rejected samples are told and do not count,\n"
	"unless there are no others.\n"
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
	struct arena_options arena;
	struct option_list viewers, packets, profiles;
	unsigned int publishers, parallel, rate, bitrate_bps;
	uint64_t loss_max;
	bool audio, verify_all, accepts_loss;
};

static const char *const profile_names[] = {"gcm256", "gcm128", "cm80", NULL};

#define AT(field) offsetof(struct fanout_options, field)

static const struct option_row load_rows[] = {
	OPTION_HEADING("What:"),
	OPTION_NUMBER("viewers", "N,...", OPTION_UINTS, AT(viewers), 1, 10000,
		      "of each stream, 1 to 10000 (100)"),
	OPTION_NUMBER("publishers", "N", OPTION_UINT, AT(publishers), 1, 1000, "streams (1)"),
	OPTION_NUMBER("packet", "BYTES,...", OPTION_UINTS, AT(packets), 64, 1300,
		      "of a video RTP packet before SRTP, 64 to 1300 (1200)"),
	OPTION_ONE_OF("profile", "P,...", OPTION_CHOICES, AT(profiles), profile_names,
		      "SRTP: gcm256, gcm128, cm80 (gcm128)"),
	OPTION_NUMBER("rate", "PPS", OPTION_UINT, AT(rate), 1, 100000,
		      "video packets a second of a stream (250)"),
	OPTION_NUMBER("bitrate", "BPS", OPTION_UINT, AT(bitrate_bps), 10000, 1000000000,
		      "the same as bits a second; k and M are taken"),
	OPTION_VALUE("audio", NULL, OPTION_FLAG, AT(audio),
		     "50 Opus-like packets a second beside the video"),
	OPTION_NUMBER("parallel", "N", OPTION_UINT, AT(parallel), 1, 10000,
		      "viewers that may be connecting at a time (32)"),
	OPTION_VALUE("verify", NULL, OPTION_FLAG, AT(verify_all),
		     "decrypt every packet, not one in 64"),
	OPTION_ROWS_END,
};

static const struct option_row bound_rows[] = {
	OPTION_HEADING("How it is judged:"),
	OPTION_NUMBER("max-loss", "N", OPTION_UINT64, AT(loss_max), 0, INT64_MAX,
		      "packets that may be missing in a round of the first\nsubject (0)"),
	OPTION_VALUE("any-loss", NULL, OPTION_FLAG, AT(accepts_loss),
		     "loss is told, but not judged"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{load_rows, 0},  {arena_subject_rows, AT(arena)},
	{bound_rows, 0}, {arena_run_rows, AT(arena)},
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

/* What a turn is about. */
struct fanout_case {
	unsigned int viewers, packet, profile;
};

static struct result_key key_of(const struct fanout *fanout, const struct fanout_case *at)
{
	return (struct result_key){
		.mode = bench_mode_names[fanout->options.arena.mode],
		.profile = profile_names[at->profile],
		.packet_bytes = at->packet,
		.viewers = at->viewers,
		.publishers = fanout->options.publishers,
	};
}

static struct load_config load_of(const struct fanout *fanout, const struct fanout_case *at)
{
	const struct fanout_options *options = &fanout->options;
	uint32_t bitrate_bps =
		options->bitrate_bps ? options->bitrate_bps : options->rate * at->packet * 8;
	return (struct load_config){
		.profiles = load_profiles(profile_names[at->profile]),
		.publishers = options->publishers,
		.viewers = at->viewers,
		.parallel = options->parallel,
		.bitrate_bps = bitrate_bps,
		.packet_bytes = (uint16_t)at->packet,
		.audio = options->audio,
		.verify_all = options->verify_all,
	};
}

/* Peers may fail; that is told. The first subject must not. */
static void look_for_faults(struct fanout *fanout, const struct subject *subject,
			    const struct fanout_case *at)
{
	const struct load_figures *figures = &fanout->arena->figures;
	const struct viewer_totals *totals = &figures->totals;
	unsigned int viewers = at->viewers * fanout->options.publishers;
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

static int run_case(struct fanout *fanout, const struct fanout_case *at)
{
	struct arena *arena = fanout->arena;
	struct load_config load = load_of(fanout, at);
	struct result_key key = key_of(fanout, at);
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

static void judge_case(struct fanout *fanout, const struct fanout_case *at)
{
	const struct fanout_options *options = &fanout->options;
	struct result_key key = key_of(fanout, at);
	key.subject = subject_name(fanout->arena->subjects[0]);
	if (!options->accepts_loss)
		results_at_most(fanout->arena->results,
				results_worst(fanout->arena->results, &key, "lost"),
				(double)options->loss_max,
				"most packets lost in a round, %u x %u viewers, %s, %u B",
				key.publishers, key.viewers, key.profile, key.packet_bytes);
	if (key.viewers * key.publishers == BOUND_VIEWERS)
		judge_ratios(fanout, &key);
}

static int for_each_case(struct fanout *fanout,
			 int (*call)(struct fanout *fanout, const struct fanout_case *at))
{
	const struct fanout_options *options = &fanout->options;
	struct fanout_case at;
	int rc = 0;
	for (unsigned int i = 0; i < options->profiles.n; i++) {
		at.profile = options->profiles.values[i];
		for (unsigned int j = 0; j < options->packets.n; j++) {
			at.packet = options->packets.values[j];
			for (unsigned int k = 0; rc == 0 && k < options->viewers.n; k++) {
				at.viewers = options->viewers.values[k];
				rc = call(fanout, &at);
			}
		}
	}
	return rc;
}

static int judge_one(struct fanout *fanout, const struct fanout_case *at)
{
	judge_case(fanout, at);
	return 0;
}

static unsigned int most_viewers(const struct fanout_options *options)
{
	unsigned int most = 0;
	for (unsigned int i = 0; i < options->viewers.n; i++)
		most = options->viewers.values[i] > most ? options->viewers.values[i] : most;
	return most * options->publishers;
}

static int run(struct fanout *fanout, int argc, char **argv)
{
	const struct fanout_options *options = &fanout->options;
	struct arena_config config = {
		.options = &options->arena,
		.publishers = options->publishers,
		.viewers = most_viewers(options),
		.results = {.bench = "fanout", .ratio = "cpu_ns_per_packet", .columns = columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &fanout->arena);
	if (rc)
		return rc;
	progress_begin(options->profiles.n * options->packets.n * options->viewers.n *
		       options->arena.rounds * fanout->arena->n_subjects);
	rc = for_each_case(fanout, run_case);
	progress_clear();
	results_summarize(fanout->arena->results);
	if (rc == 0)
		for_each_case(fanout, judge_one);
	if (rc == 0 && (fanout->is_faulty || results_has_missed(fanout->arena->results)))
		rc = 1;
	arena_close(fanout->arena);
	return rc;
}

int fanout_main(int argc, char **argv)
{
	struct fanout fanout = {.options = {
					.arena = arena_defaults,
					.viewers = {1, {100}},
					.packets = {1, {1200}},
					.profiles = {1, {1}},
					.publishers = 1,
					.parallel = 32,
					.rate = 250,
				}};
	int rc = options_parse(&command, argc, argv, &fanout.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench fanout --help'.\n", stderr);
		return 2;
	}
	return run(&fanout, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
