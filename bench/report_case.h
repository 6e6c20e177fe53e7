/* A report's matter in order: each run of a command with its cases (samples that differ in the
 * round only) and its verdicts. What is behind a run's line belongs to it. One thread. */
#pragma once

#include "bench/record.h"

#define REPORT_RUNS_MAX  64
#define REPORT_CASES_MAX 512 /* of one run */

/* What tells cases apart. */
struct report_key {
	const char *subject, *mode, *profile; /* NULL: does not apply */
	double packet_bytes, viewers, publishers;
};

struct report_case {
	struct report_key key;
	const struct record *summary;  /* NULL: the run was cut off before it */
	const struct record **samples; /* owned */
	unsigned int n_samples;
};

struct report_run {
	const struct record *run; /* NULL: lines of no run */
	const char *bench;
	struct report_case *cases; /* owned */
	unsigned int n_cases;
	const struct record **verdicts; /* owned */
	unsigned int n_verdicts;
};

struct report_runs {
	struct report_run of[REPORT_RUNS_MAX];
	unsigned int n, n_left_out; /* records that found no room */
};

/* -ENOMEM. The records must outlive it. */
int report_runs_create(const struct records *records, struct report_runs **out);
/* Takes NULL. */
void report_runs_destroy(struct report_runs *runs);

/* As the summary says, else the median of the samples that were not rejected (of all, if all were).
 * NAN: no such value. */
double report_case_number(const struct report_case *entry, const char *name);
/* The same load, whoever carries it. */
bool report_case_is_beside(const struct report_case *left, const struct report_case *right);
