#include "bench/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/interrupt.h"
#include "bench/namespace.h"
#include "bench/progress.h"

#define ATTEMPTS       3
#define LAG_MS         5 /* of our own publishers, from which on a sample is rejected */
#define SPOILT_PERCENT 2

static bool has_url(const struct arena_options *options)
{
	return options->target.host[0] != '\0';
}

static void write_path(char *out, size_t room, const char *path, const char *verb,
		       const struct arena_options *options)
{
	if (path)
		snprintf(out, room, "%s", path);
	else
		snprintf(out, room, "/%s/%s/%s", verb, options->tenant,
			 options->stream ? options->stream : "{stream}");
}

static void configure(struct arena *arena, const struct arena_config *config)
{
	const struct arena_options *options = config->options;
	write_path(arena->whip_path, sizeof(arena->whip_path), options->whip_path, "whip", options);
	write_path(arena->whep_path, sizeof(arena->whep_path), options->whep_path, "whep", options);
	arena->subject_config = (struct subject_config){
		.mode = (enum bench_mode)options->mode,
		.workers = options->workers,
		.sessions = config->publishers + config->viewers,
		.streams = config->publishers,
		.media = options->media,
		.target = &options->target,
		.whip_path = arena->whip_path,
		.whep_path = arena->whep_path,
		.pid = (pid_t)options->pid,
	};
	if (!options->accepts_noise)
		arena->limits =
			(struct noise_limits){options->noise_percent, LAG_MS, SPOILT_PERCENT};
}

static int add_subject(struct arena *arena, const char *name)
{
	int rc = subject_open(name, &arena->subject_config, &arena->subjects[arena->n_subjects]);
	if (rc == 0)
		arena->n_subjects++;
	return rc;
}

static int add_subjects(struct arena *arena)
{
	const struct arena_options *options = arena->options;
	int rc = add_subject(arena, has_url(options) ? "url" : "nn5g");
	for (unsigned int i = 0; rc == 0 && i < options->peers.n; i++)
		rc = add_subject(arena, arena_peers[options->peers.values[i]]);
	if (rc == 0 && options->has_floor)
		rc = add_subject(arena, "floor");
	return rc;
}

/* A server that runs already is where it is. Cells are joined to where we are. */
static void enter_namespace(const struct arena_options *options)
{
	if (has_url(options))
		return;
	int rc = namespace_enter();
	if (rc)
		fprintf(stderr,
			"nn5g-bench: no network namespace of our own (%s): this goes over the "
			"host's loopback\n",
			strerror(-rc));
}

static int open_results(struct arena *arena, const struct arena_config *config)
{
	struct results_config results = config->results;
	arena->line = options_line(config->argc, config->argv);
	results.arguments = arena->line;
	results.is_json = config->options->is_json;
	return results_open(&results, &arena->results);
}

int arena_open(const struct arena_config *config, struct arena **out)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	if (!arena)
		return -ENOMEM;
	arena->options = config->options;
	interrupt_note();
	configure(arena, config);
	enter_namespace(config->options);
	int rc = open_results(arena, config);
	if (rc == 0)
		rc = add_subjects(arena);
	if (rc == 0)
		rc = watch_start(&arena->watch);
	if (rc) {
		arena_close(arena);
		return rc;
	}
	*out = arena;
	return 0;
}

void arena_close(struct arena *arena)
{
	if (!arena)
		return;
	watch_stop(arena->watch);
	for (unsigned int i = 0; i < arena->n_subjects; i++)
		subject_close(arena->subjects[i]);
	results_close(arena->results);
	free(arena->line);
	free(arena);
}

int arena_connect(struct arena *arena, struct subject *subject, const struct load_config *load,
		  struct load **out)
{
	struct load_config config = *load;
	config.subject = subject;
	config.watch = arena->watch;
	config.reject = &arena->limits;
	return load_open(&config, out);
}

struct result_key arena_key(const struct arena *arena, unsigned int index, struct result_key key)
{
	key.subject = subject_name(arena->subjects[index]);
	key.mode = bench_mode_names[arena->options->mode];
	return key;
}

static int measure_once(struct arena *arena, struct subject *subject,
			const struct load_config *config)
{
	struct load *load;
	int rc = arena_connect(arena, subject, config, &load);
	if (rc)
		return rc;
	rc = load_measure(load, arena->options->seconds, &arena->figures);
	load_close(load);
	return rc;
}

int arena_measure(struct arena *arena, struct subject *subject, const struct load_config *load,
		  const struct result_key *key, unsigned int round)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		int rc = measure_once(arena, subject, load);
		if (rc) {
			progress_clear();
			fprintf(stderr, "nn5g-bench: %s: %s\n", subject_name(subject),
				strerror(-rc));
			return rc;
		}
		struct result_sample sample = {.key = *key, .round = round};
		sample.key.subject = subject_name(subject);
		sample.key.mode = bench_mode_names[arena->options->mode];
		load_fill(&arena->figures, &sample);
		/* A peer that serves only some would look expensive for each of them. */
		if (subject != arena->subjects[0] &&
		    arena->figures.playing < load->publishers * load->viewers)
			sample.is_rejected = true;
		progress_clear();
		results_add(arena->results, &sample);
		if (!sample.is_rejected)
			break;
	}
	return 0;
}
