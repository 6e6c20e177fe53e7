/* Where subjects are measured against each other: a network of their own, watchers on all CPUs, the
 * subjects that the command line names, and the results. What commands that compare have in
 * common. One thread. */
#pragma once

#include <stdbool.h>

#include "bench/load.h"
#include "bench/options.h"
#include "bench/result.h"
#include "bench/subject.h"
#include "bench/watch.h"

#define ARENA_SUBJECTS_MAX OPTION_LIST_MAX

/* Options that these commands share. */
struct arena_options {
	struct signalling_target target; /* without a host: gateway of our own */
	const char *tenant, *stream, *whip_path, *whep_path;
	unsigned int pid;
	const char *media;        /* more keys of section media of our own gateway */
	struct option_list peers; /* indexes of arena_peers */
	bool has_floor, is_json, accepts_noise;
	unsigned int mode, workers, rounds, seconds;
	double noise_percent; /* CPU of others from which on a sample is rejected */
};

/* Names of subjects that are peers; ends with NULL. */
extern const char *const arena_peers[];

/* Rows of the above: whom to measure, and how. */
extern const struct option_row arena_subject_rows[], arena_run_rows[];

/* The defaults. */
extern const struct arena_options arena_defaults;

struct arena {
	const struct arena_options *options; /* borrowed */
	unsigned int n_subjects;
	struct subject *subjects[ARENA_SUBJECTS_MAX]; /* ours, or the URL's, is the first */
	struct subject_config subject_config;
	char whip_path[192], whep_path[192];
	struct watch *watch;
	struct results *results;
	struct noise_limits limits;
	char *line; /* the command line */
	struct load_figures figures;
};

/* What there will be at most, and how it is told. */
struct arena_config {
	const struct arena_options *options; /* borrowed until closed */
	unsigned int publishers, viewers;    /* viewers: of all streams together */
	struct results_config results;       /* arguments, is_json: the arena's own */
	int argc;
	char **argv;
};

/* Starts everything; before the process has threads. SIGINT and SIGTERM are noted from then on.
 * Negative errno with a line on stderr. */
int arena_open(const struct arena_config *config, struct arena **out);
/* Stops everything. Takes NULL. */
void arena_close(struct arena *arena);

/* load_open() with what is the arena's: subject, watch and limits. */
int arena_connect(struct arena *arena, struct subject *subject, const struct load_config *load,
		  struct load **out);
/* A key of the subject `index`, in the arena's mode. */
struct result_key arena_key(const struct arena *arena, unsigned int index, struct result_key key);
/* Connects, measures once and disconnects, until the machine was quiet or that was tried three
 * times; results have every sample. `load` needs no subject, watch or limits. The last figures are
 * in arena->figures. Negative errno with a line on stderr. */
int arena_measure(struct arena *arena, struct subject *subject, const struct load_config *load,
		  const struct result_key *key, unsigned int round);
