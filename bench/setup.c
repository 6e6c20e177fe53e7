/* A stream runs, and a crew plays it: one session after the other, then so many at a time. Subjects
 * take turns. What is possible at best is measured in the same run. */
#include "bench/setup.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arena.h"
#include "bench/bound.h"
#include "bench/crew.h"
#include "bench/hold.h"
#include "bench/interrupt.h"
#include "bench/process.h"
#include "bench/progress.h"

#define STREAM_BPS   2400000 /* 250 packets of 1,200 bytes a second */
#define PACKET_BYTES 1200
#define PATIENCE_NS  10000000000ull
#define HELD_MAX     (100 * 1024.0) /* bytes of a session */

static const char head[] =
	"Plays one running stream over and over: POST, ICE, DTLS, first authentic packet, and\n"
	"away again, one session at a time and many at a time, against a gateway of our own or\n"
	"whatever else is named below, in turns. Or holds sessions that do nothing (--hold).\n";

static const char tail[] =
	"Set-up is from before the POST to the first packet that is authentic; its steps are\n"
	"told apart: answered (HTTP), checked (ICE), connected (DTLS), media. Janus takes three\n"
	"requests for it (attach, join, start) and an event.\n"
	"\n"
	"The bound is 1 / (sign + verify + keygen + derive) of P-256, measured before as `openssl\n"
	"speed ecdsap256 ecdhp256` does it, and the key that a handshake generates: what a mutual\n"
	"handshake costs each side at least, with a core for each.\n"
	"\n"
	"Held sessions are viewers of a silent stream. Memory is what the subject has resident\n"
	"with them, less what it had before, by their number (smaps_rollup).\n"
	"\n"
	"Bounds that are told, of the first subject: many at a time make --min-part of the bound;\n"
	"one at a time has a p50 of --max-p50; nothing fails; a held session has 100 KiB at most.\n"
	"\n"
	"Exit status: 0 every bound is kept; 1 otherwise; 2 usage.\n"
	"\n"
	"Examples:\n"
	"  nn5g-bench setup --peer janus\n"
	"  nn5g-bench setup --hold 5000 --peer janus --peer-hold 300 --rounds 1\n";

static const char *const profiles[] = {"gcm128", "gcm256", "cm80", NULL};

struct setup_options {
	struct option_list parallel;
	unsigned int profile, viewers, hold, peer_hold;
	double p50_max_ms, part_min;
	struct arena_options arena;
};

#define AT(field) offsetof(struct setup_options, field)

static const struct option_row rows[] = {
	OPTION_HEADING("What:"),
	OPTION_NUMBER("parallel", "N,...", OPTION_UINTS, AT(parallel), 1, CREW_MAX,
		      "sessions that are set up at a time (1,16)"),
	OPTION_NUMBER("viewers", "N", OPTION_UINT, AT(viewers), 0, 1000,
		      "others that watch the stream all the while (1)"),
	OPTION_ONE_OF("profile", "NAME", OPTION_CHOICE, AT(profile), profiles,
		      "gcm128, gcm256, cm80 (gcm128)"),
	OPTION_NUMBER("hold", "N", OPTION_UINT, AT(hold), 1, 20000,
		      "instead: hold N sessions that do nothing"),
	OPTION_NUMBER("peer-hold", "N", OPTION_UINT, AT(peer_hold), 1, 20000,
		      "of a peer, so many (200)"),
	OPTION_HEADING("How it is judged:"),
	OPTION_VALUE("max-p50", "MS", OPTION_REAL, AT(p50_max_ms),
		     "of the set-up, one session at a time (15)"),
	OPTION_VALUE("min-part", "FRACTION", OPTION_REAL, AT(part_min),
		     "of the bound that the most sessions make (0.25)"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{rows, 0},
	{arena_subject_rows, AT(arena)},
	{arena_run_rows, AT(arena)},
	{NULL, 0},
};

static const struct option_command command = {"setup", head, tail, tables};

static const struct result_column setup_columns[] = {
	{"parallel", "parallel", 0},
	{"sessions_per_second", "sessions/s", 0},
	{"of_bound", "of bound", 3},
	{"failed", "failed", 0},
	{"setup_ms.p50", "p50 ms", 2},
	{"setup_ms.p90", "p90", 2},
	{"setup_ms.p99", "p99", 2},
	{"answered_ms.p50", "answer", 2},
	{"connected_ms.p50", "DTLS", 2},
	{"media_ms.p50", "media", 2},
	{"cpu_us_per_session", "CPU us", 0},
	{"tool_cpu_us_per_session", "tool us", 0},
	{NULL, NULL, 0},
};

static const struct result_column hold_columns[] = {
	{"sessions", "sessions", 0},
	{"failed", "failed", 0},
	{"resident_bytes", "resident", 0},
	{"resident_bytes_per_session", "B/session", 0},
	{"threads", "threads", 0},
	{"cpu_percent", "CPU %", 2},
	{"connect_per_second", "connected/s", 0},
	{NULL, NULL, 0},
};

struct setup {
	struct setup_options options;
	struct arena *arena;
	struct peer_certificate *certificate;
	struct bound bound;
	struct crew_figures figures;
	bool is_faulty; /* the first subject failed somebody */
};

static const char *profiles_of(const struct setup *setup)
{
	return load_profiles(profiles[setup->options.profile]);
}

static struct result_key key_of(const struct setup *setup, unsigned int index, unsigned int viewers)
{
	struct result_key key = {.profile = profiles[setup->options.profile],
				 .packet_bytes = PACKET_BYTES,
				 .viewers = viewers,
				 .publishers = 1};
	return arena_key(setup->arena, index, key);
}

static void tell_failures(struct setup *setup, unsigned int index, uint64_t failed, int error)
{
	char text[32];
	if (failed == 0)
		return;
	progress_clear();
	fprintf(stderr, "nn5g-bench: %s: %llu sessions failed, the last one: %s\n",
		subject_name(setup->arena->subjects[index]), (unsigned long long)failed,
		crew_error(error, text));
	setup->is_faulty |= index == 0;
}

/* What the clocks say between two moments. */
struct span {
	struct process_usage usage;
	struct noise_clock clock;
	bool has_usage;
};

static void read_span(const struct subject *subject, struct span *span)
{
	span->has_usage = subject_usage(subject, &span->usage) == 0;
	noise_clock_read(&span->clock);
}

static void fill_sample(struct setup *setup, const struct span *before, const struct span *after,
			struct result_sample *sample)
{
	const struct crew_figures *figures = &setup->figures;
	struct noise_figures noise = {0};
	bool has_usage = before->has_usage && after->has_usage;
	double done = (double)figures->done, rate = done / figures->seconds;
	uint64_t cpu_ns = has_usage ? after->usage.cpu_ns - before->usage.cpu_ns : 0;
	uint64_t own_ns = after->clock.own_ns - before->clock.own_ns;
	result_set(sample, "parallel", 0, sample->key.viewers);
	result_set(sample, "seconds", 3, figures->seconds);
	crew_fill(figures, sample);
	result_set(sample, "not_authentic", 0, (double)figures->not_authentic);
	result_set(sample, "bound_per_second", 0, setup->bound.per_second);
	result_set(sample, "of_bound", 3, rate / setup->bound.per_second);
	if (has_usage && done > 0)
		result_set(sample, "cpu_us_per_session", 0, (double)cpu_ns / 1e3 / done);
	if (done > 0)
		result_set(sample, "tool_cpu_us_per_session", 0, (double)own_ns / 1e3 / done);
	noise_compare(&before->clock, &after->clock, cpu_ns, &noise);
	noise_judge(&setup->arena->limits, 0, &noise);
	result_set_noise(sample, &noise);
}

static int run_crew(struct setup *setup, struct load *load, unsigned int index,
		    const struct result_key *key, unsigned int round)
{
	struct subject *subject = setup->arena->subjects[index];
	struct crew_config config = {
		.attempt = {.subject = subject,
			    .certificate = setup->certificate,
			    .profiles = profiles_of(setup),
			    .stream = "bench0",
			    .patience_ns = PATIENCE_NS,
			    .wants_media = true},
		.members = key->viewers,
	};
	struct crew *crew;
	struct span before, after;
	struct result_sample sample = {.key = *key, .round = round};
	read_span(subject, &before);
	int rc = crew_start(&config, &crew);
	if (rc)
		return rc;
	load_run_for(load, setup->options.arena.seconds * 1000000000ull);
	read_span(subject, &after);
	crew_stop(crew, &setup->figures);
	fill_sample(setup, &before, &after, &sample);
	progress_clear();
	results_add(setup->arena->results, &sample);
	tell_failures(setup, index, setup->figures.failed, setup->figures.error);
	return interrupt_is_pending() ? -EINTR : 0;
}

static int run_turn(struct setup *setup, unsigned int index, unsigned int parallel,
		    unsigned int round)
{
	struct load *load;
	struct result_key key = key_of(setup, index, parallel);
	struct load_config config = {.profiles = profiles_of(setup),
				     .publishers = 1,
				     .viewers = setup->options.viewers,
				     .bitrate_bps = STREAM_BPS,
				     .packet_bytes = PACKET_BYTES};
	int rc = arena_connect(setup->arena, setup->arena->subjects[index], &config, &load);
	if (rc)
		return rc;
	rc = run_crew(setup, load, index, &key, round);
	load_close(load);
	progress_step();
	return rc;
}

static int run_setups(struct setup *setup)
{
	const struct setup_options *options = &setup->options;
	int rc = bound_measure(&setup->bound);
	progress_begin(options->parallel.n * options->arena.rounds * setup->arena->n_subjects);
	for (unsigned int i = 0; i < options->parallel.n; i++) {
		for (unsigned int round = 1; round <= options->arena.rounds; round++) {
			for (unsigned int j = 0; rc == 0 && j < setup->arena->n_subjects; j++)
				rc = run_turn(setup, j, options->parallel.values[i], round);
		}
	}
	return rc;
}

static void judge_setups(struct setup *setup)
{
	const struct bound *bound = &setup->bound;
	struct results *results = setup->arena->results;
	double best = NAN;
	if (!setup->options.arena.is_json)
		printf("P-256 by OpenSSL: sign %.1f us, verify %.1f, keygen %.1f, derive "
		       "%.1f; "
		       "bound %.0f sessions/s\n",
		       bound->sign_us, bound->verify_us, bound->keygen_us, bound->derive_us,
		       bound->per_second);
	for (unsigned int i = 0; i < setup->options.parallel.n; i++) {
		unsigned int parallel = setup->options.parallel.values[i];
		struct result_key key = key_of(setup, 0, parallel);
		double part = results_median(results, &key, "of_bound");
		if (!(part <= best))
			best = part;
		if (parallel == 1)
			results_at_most(results, results_median(results, &key, "setup_ms.p50"),
					setup->options.p50_max_ms,
					"POST to first media in ms, p50, one at a time");
	}
	results_at_least(results, best, setup->options.part_min,
			 "sessions/s by the P-256 bound of %.0f/s (sign %.1f + verify %.1f + "
			 "keygen %.1f + derive %.1f us)",
			 bound->per_second, bound->sign_us, bound->verify_us, bound->keygen_us,
			 bound->derive_us);
}

static int hold_turn(struct setup *setup, unsigned int index, unsigned int round)
{
	const struct setup_options *options = &setup->options;
	struct hold_figures figures;
	struct hold_config config = {
		.subject = setup->arena->subjects[index],
		.certificate = setup->certificate,
		.profiles = profiles_of(setup),
		.sessions = index == 0 ? options->hold : options->peer_hold,
		.parallel = options->parallel.values[options->parallel.n - 1],
		.seconds = options->arena.seconds,
	};
	struct result_sample sample = {.round = round};
	int rc = hold_run(&config, &figures);
	if (rc)
		return rc;
	double sessions = figures.established;
	sample.key = key_of(setup, index, config.sessions);
	result_set(&sample, "sessions", 0, sessions);
	result_set(&sample, "failed", 0, config.sessions - sessions);
	result_set(&sample, "resident_bytes_before", 0, (double)figures.before_bytes);
	result_set(&sample, "resident_bytes", 0, (double)figures.bytes);
	if (figures.bytes && sessions > 0)
		result_set(&sample, "resident_bytes_per_session", 0,
			   ((double)figures.bytes - (double)figures.before_bytes) / sessions);
	result_set(&sample, "threads", 0, figures.threads);
	result_set(&sample, "cpu_percent", 2, figures.cpu_percent);
	result_set(&sample, "seconds", 3, figures.seconds);
	result_set(&sample, "connect_per_second", 1, sessions / figures.connect_seconds);
	results_add(setup->arena->results, &sample);
	tell_failures(setup, index, config.sessions - figures.established, figures.error);
	progress_step();
	return 0;
}

static int run_holds(struct setup *setup)
{
	int rc = 0;
	progress_begin(setup->options.arena.rounds * setup->arena->n_subjects);
	for (unsigned int round = 1; round <= setup->options.arena.rounds; round++) {
		for (unsigned int i = 0; rc == 0 && i < setup->arena->n_subjects; i++)
			rc = hold_turn(setup, i, round);
	}
	return rc;
}

static void judge_holds(struct setup *setup)
{
	struct results *results = setup->arena->results;
	struct result_key key = key_of(setup, 0, setup->options.hold);
	results_at_most(results, results_median(results, &key, "resident_bytes_per_session"),
			HELD_MAX, "resident bytes of a held session, %u of them", key.viewers);
}

static unsigned int most_sessions(const struct setup_options *options)
{
	unsigned int most = options->hold;
	for (unsigned int i = 0; i < options->parallel.n; i++) {
		if (options->parallel.values[i] > most)
			most = options->parallel.values[i];
	}
	/* Those that leave are there for a moment, too. */
	return 2 * most + options->viewers;
}

static int run(struct setup *setup, int argc, char **argv)
{
	bool holds = setup->options.hold > 0;
	struct arena_config config = {
		.options = &setup->options.arena,
		.publishers = 1,
		.viewers = most_sessions(&setup->options),
		.results = {.bench = "setup",
			    .ratio = holds ? "resident_bytes_per_session" : "sessions_per_second",
			    .columns = holds ? hold_columns : setup_columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &setup->arena);
	if (rc)
		return rc;
	setup->certificate = peer_certificate_create();
	rc = !setup->certificate ? -ENOMEM : holds ? run_holds(setup) : run_setups(setup);
	progress_clear();
	results_summarize(setup->arena->results);
	if (rc)
		fprintf(stderr, "nn5g-bench: %s\n", strerror(-rc));
	else if (holds)
		judge_holds(setup);
	else
		judge_setups(setup);
	if (rc == 0 && (setup->is_faulty || results_has_missed(setup->arena->results)))
		rc = 1;
	arena_close(setup->arena);
	peer_certificate_destroy(setup->certificate);
	return rc;
}

int setup_main(int argc, char **argv)
{
	static struct setup setup;
	setup.options = (struct setup_options){.parallel = {2, {1, 16}},
					       .viewers = 1,
					       .peer_hold = 200,
					       .p50_max_ms = 15,
					       .part_min = 0.25,
					       .arena = arena_defaults};
	int rc = options_parse(&command, argc, argv, &setup.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench setup --help'.\n", stderr);
		return 2;
	}
	if (setup.options.arena.has_floor) {
		fputs("nn5g-bench: setup: a plain relay has no set-up\n", stderr);
		return 2;
	}
	return run(&setup, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
