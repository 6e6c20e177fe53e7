/* Pairs of measurements of the same stream with the same viewers: quiet, and then with a crew that
 * sets up sessions at a rate and ends them. The crew is nicer than all others: in the field it is
 * on other machines, and what is measured is what the subject does to its own stream. */
#include "bench/storm.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arena.h"
#include "bench/crew.h"
#include "bench/interrupt.h"
#include "bench/progress.h"

#define STREAM_BPS   2400000 /* 250 packets of 1,200 bytes a second */
#define PACKET_BYTES 1200
#define PATIENCE_NS  10000000000ull
#define MEMBERS      256

static const char head[] =
	"Measures a running stream with some viewers, first quiet and then beside a storm of\n"
	"sessions that come (POST, ICE, DTLS, keys) and go at a steady rate, open loop, again and\n"
	"again, against a gateway of our own or whatever else is named below.\n";

static const char tail[] =
	"latency is the stream's while it storms, quiet what it was before; the ratio of the two\n"
	"p99.9 is made round by round. Threads that make the storm give way to all others\n"
	"(--nice): with real clients they would be on other machines.\n"
	"\n"
	"Bounds that are told, of the first subject: the median of those ratios (--max-ratio), no\n"
	"packet lost, and sessions that come (--min-done).\n"
	"\n"
	"Exit status: 0 every bound is kept; 1 otherwise; 2 usage.\n"
	"\n"
	"Example:\n"
	"  nn5g-bench storm --rate 500 --peer janus\n";

static const char *const profiles[] = {"gcm128", "gcm256", "cm80", NULL};

struct storm_options {
	unsigned int rate, peer_rate, viewers, profile, niceness;
	double ratio_max, done_min;
	struct arena_options arena;
};

#define AT(field) offsetof(struct storm_options, field)

static const struct option_row rows[] = {
	OPTION_HEADING("What:"),
	OPTION_NUMBER("rate", "N", OPTION_UINT, AT(rate), 1, 100000,
		      "sessions that begin each second (500)"),
	OPTION_NUMBER("peer-rate", "N", OPTION_UINT, AT(peer_rate), 1, 100000,
		      "the same of a peer (200)"),
	OPTION_NUMBER("viewers", "N", OPTION_UINT, AT(viewers), 1, 1000, "of the stream (20)"),
	OPTION_ONE_OF("profile", "NAME", OPTION_CHOICE, AT(profile), profiles,
		      "gcm128, gcm256, cm80 (gcm128)"),
	OPTION_NUMBER("nice", "N", OPTION_UINT, AT(niceness), 0, 19,
		      "of the threads that make the storm; 0: they take the\n"
		      "CPU like the subject itself (10)"),
	OPTION_HEADING("How it is judged:"),
	OPTION_VALUE("max-ratio", "FACTOR", OPTION_REAL, AT(ratio_max),
		     "of the stream's p99.9 in the storm by that before (2)"),
	OPTION_VALUE("min-done", "FRACTION", OPTION_REAL, AT(done_min),
		     "of the sessions that must come (0.99)"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{rows, 0},
	{arena_subject_rows, AT(arena)},
	{arena_run_rows, AT(arena)},
	{NULL, 0},
};

static const struct option_command command = {"storm", head, tail, tables};

static const struct result_column columns[] = {
	{"quiet_ms.p50", "quiet p50", 3},
	{"quiet_ms.p99", "p99", 3},
	{"quiet_ms.p999", "p99.9", 3},
	{"latency_ms.p50", "storm p50", 3},
	{"latency_ms.p99", "p99", 3},
	{"latency_ms.p999", "p99.9", 3},
	{"p999_ratio", "ratio", 2},
	{"lost", "lost", 0},
	{"sessions_per_second", "sessions/s", 0},
	{"failed", "failed", 0},
	{"setup_ms.p50", "setup ms", 1},
	{"setup_ms.p99", "p99", 1},
	{NULL, NULL, 0},
};

struct storm {
	struct storm_options options;
	struct arena *arena;
	struct peer_certificate *certificate;
	struct load_figures quiet, stormy;
	struct crew_figures crew;
};

static struct result_key key_of(const struct storm *storm, unsigned int index)
{
	struct result_key key = {.profile = profiles[storm->options.profile],
				 .packet_bytes = PACKET_BYTES,
				 .viewers = storm->options.viewers,
				 .publishers = 1};
	return arena_key(storm->arena, index, key);
}

static double ms(const struct load_figures *figures, double fraction)
{
	return (double)histogram_quantile(&figures->totals.latency_ns, fraction) / 1e6;
}

static void fill_quiet(const struct storm *storm, struct result_sample *sample)
{
	const struct load_figures *quiet = &storm->quiet, *stormy = &storm->stormy;
	result_set(sample, "quiet_ms.p50", 3, ms(quiet, 0.5));
	result_set(sample, "quiet_ms.p99", 3, ms(quiet, 0.99));
	result_set(sample, "quiet_ms.p999", 3, ms(quiet, 0.999));
	result_set(sample, "quiet_ms.max", 3, (double)quiet->totals.latency_ns.max / 1e6);
	result_set(sample, "quiet_lost", 0, (double)quiet->totals.lost);
	result_set(sample, "p999_ratio", 3, ms(stormy, 0.999) / ms(quiet, 0.999));
}

/* The crew's own set-ups, and of the stream what tells of it. */
static void add_sample(struct storm *storm, unsigned int index, unsigned int round)
{
	const struct load_figures *stormy = &storm->stormy;
	const struct viewer_totals *totals = &stormy->totals;
	struct result_sample sample = {.key = key_of(storm, index), .round = round};
	result_set(&sample, "rate", 0, index ? storm->options.peer_rate : storm->options.rate);
	result_set(&sample, "seconds", 3, stormy->seconds);
	result_set(&sample, "packets", 0, (double)totals->packets);
	result_set(&sample, "lost", 0, (double)totals->lost);
	result_set(&sample, "lost_by_tool", 0, (double)totals->lost_by_tool);
	result_set_quantiles(&sample, "latency_ms", &totals->latency_ns);
	result_set_quantiles(&sample, "unspoilt_ms", &totals->unspoilt_ns);
	fill_quiet(storm, &sample);
	crew_fill(&storm->crew, &sample);
	result_set_noise(&sample, &stormy->noise);
	sample.is_rejected |= storm->quiet.noise.is_rejected;
	sample.latency_ns = &totals->latency_ns;
	progress_clear();
	results_add(storm->arena->results, &sample);
}

static int measure_stormy(struct storm *storm, struct load *load, unsigned int index)
{
	unsigned int seconds = storm->options.arena.seconds;
	struct crew_config config = {
		.attempt = {.subject = storm->arena->subjects[index],
			    .certificate = storm->certificate,
			    .profiles = load_profiles(profiles[storm->options.profile]),
			    .stream = "bench0",
			    .patience_ns = PATIENCE_NS},
		.members = MEMBERS,
		.rate = index ? storm->options.peer_rate : storm->options.rate,
		.niceness = (int)storm->options.niceness,
	};
	struct crew *crew;
	int rc = crew_start(&config, &crew);
	if (rc)
		return rc;
	rc = load_measure(load, seconds, &storm->stormy);
	crew_stop(crew, &storm->crew);
	return rc;
}

static int run_turn(struct storm *storm, unsigned int index, unsigned int round)
{
	struct load *load;
	char text[32];
	struct load_config config = {.profiles = load_profiles(profiles[storm->options.profile]),
				     .publishers = 1,
				     .viewers = storm->options.viewers,
				     .bitrate_bps = STREAM_BPS,
				     .packet_bytes = PACKET_BYTES};
	int rc = arena_connect(storm->arena, storm->arena->subjects[index], &config, &load);
	if (rc)
		return rc;
	rc = load_measure(load, storm->options.arena.seconds, &storm->quiet);
	if (rc == 0)
		rc = measure_stormy(storm, load, index);
	load_close(load);
	if (rc)
		return rc;
	add_sample(storm, index, round);
	if (storm->crew.failed)
		fprintf(stderr, "nn5g-bench: %s: %llu sessions failed, the last one: %s\n",
			subject_name(storm->arena->subjects[index]),
			(unsigned long long)storm->crew.failed,
			crew_error(storm->crew.error, text));
	progress_step();
	return interrupt_is_pending() ? -EINTR : 0;
}

static int run_rounds(struct storm *storm)
{
	int rc = 0;
	progress_begin(storm->options.arena.rounds * storm->arena->n_subjects);
	for (unsigned int round = 1; round <= storm->options.arena.rounds; round++) {
		for (unsigned int i = 0; rc == 0 && i < storm->arena->n_subjects; i++)
			rc = run_turn(storm, i, round);
	}
	return rc;
}

static void judge(struct storm *storm)
{
	struct results *results = storm->arena->results;
	struct result_key key = key_of(storm, 0);
	unsigned int rate = storm->options.rate;
	results_at_most(results, results_median(results, &key, "p999_ratio"),
			storm->options.ratio_max,
			"p99.9 beside %u sessions/s by that of the quiet stream", rate);
	results_at_most(results, results_worst(results, &key, "lost"), 0,
			"most packets lost beside %u sessions/s", rate);
	results_at_least(results,
			 results_median(results, &key, "sessions_per_second") / (double)rate,
			 storm->options.done_min, "sessions that came, of %u/s", rate);
}

static int run(struct storm *storm, int argc, char **argv)
{
	struct arena_config config = {
		.options = &storm->options.arena,
		.publishers = 1,
		.viewers = storm->options.viewers + 4 * MEMBERS,
		.results = {.bench = "storm", .ratio = "latency_ms.p999", .columns = columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &storm->arena);
	if (rc)
		return rc;
	storm->certificate = peer_certificate_create();
	rc = storm->certificate ? run_rounds(storm) : -ENOMEM;
	progress_clear();
	results_summarize(storm->arena->results);
	if (rc)
		fprintf(stderr, "nn5g-bench: %s\n", strerror(-rc));
	else
		judge(storm);
	if (rc == 0 && results_has_missed(storm->arena->results))
		rc = 1;
	arena_close(storm->arena);
	peer_certificate_destroy(storm->certificate);
	return rc;
}

int storm_main(int argc, char **argv)
{
	static struct storm storm;
	storm.options = (struct storm_options){.rate = 500,
					       .peer_rate = 200,
					       .viewers = 20,
					       .niceness = 10,
					       .ratio_max = 2,
					       .done_min = 0.99,
					       .arena = arena_defaults};
	int rc = options_parse(&command, argc, argv, &storm.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench storm --help'.\n", stderr);
		return 2;
	}
	if (storm.options.arena.has_floor) {
		fputs("nn5g-bench: storm: a plain relay has no set-up\n", stderr);
		return 2;
	}
	return run(&storm, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
