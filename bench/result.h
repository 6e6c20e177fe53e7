/* What a command measured: one sample per subject, case and round, their medians and ratios, and
 * the bounds they are held against. As JSON lines, which are what commands and `report` exchange,
 * or as a table for people. One thread.
 *
 * Values are named as in the JSON; a dot makes an object: "latency_ms.p99". What does not apply is
 * left out. The lines, in this order:
 *   {"type":"run","bench","version","time","host":{...},"arguments"}
 *   {"type":"sample","bench","subject","round",...}
 *   {"type":"summary","bench","subject",...: medians; "rounds"; "ratio":{OTHER SUBJECT:...}}
 *   {"type":"verdict","bench","text","value","bound","kept"} */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/histogram.h"
#include "bench/noise.h"

#define RESULT_VALUES_MAX 64
#define RESULT_TEXT_MAX   23

struct results;

/* What a sample is one of: samples that differ in the round only belong together. */
struct result_key {
	const char *subject, *mode, *profile; /* up to RESULT_TEXT_MAX; NULL: does not apply */
	unsigned int packet_bytes, viewers, publishers; /* 0: does not apply */
};

struct result_value {
	const char *name; /* borrowed for good: a literal */
	int decimals;     /* 0: a count */
	double value;     /* NAN: left out */
};

struct result_sample {
	struct result_key key;
	unsigned int round;
	bool is_rejected; /* too much noise: counts only if every other sample of its is, too */
	unsigned int n_values;
	struct result_value values[RESULT_VALUES_MAX];
	const struct histogram *latency_ns; /* borrowed; NULL: does not apply */
};

/* A column of the table: a value and what stands above it. */
struct result_column {
	const char *name, *heading;
	int decimals;
};

struct results_config {
	const char *bench;                   /* the command; a literal */
	const char *ratio;                   /* the value that subjects are compared by, or NULL */
	const struct result_column *columns; /* ends with a name of NULL; a literal */
	const char *arguments;               /* borrowed: the command line, or NULL */
	bool is_json;
	FILE *out; /* NULL: stdout */
};

/* Writes the line "run". -ENOMEM. */
int results_open(const struct results_config *config, struct results **out);
/* Takes NULL. */
void results_close(struct results *results);

void result_set(struct result_sample *sample, const char *name, int decimals, double value);
/* NAME.p50, .p90, .p99, .p999 and .max of nanoseconds, in milliseconds. `name` is a literal; of the
 * known ones only: latency_ms, unspoilt_ms, setup_ms. */
void result_set_quantiles(struct result_sample *sample, const char *name,
			  const struct histogram *histogram);
/* noise.*, and whether it is rejected. */
void result_set_noise(struct result_sample *sample, const struct noise_figures *noise);

/* Copies the sample and writes its line. */
void results_add(struct results *results, const struct result_sample *sample);
/* Of all rounds of a case; NAN when there is none. */
double results_median(const struct results *results, const struct result_key *key,
		      const char *name);
/* As above: the largest, rejected or not. */
double results_worst(const struct results *results, const struct result_key *key, const char *name);
/* The median over rounds of (the value of `key`) / (that of the same case of subject `other`); NAN
 * when no round has both. */
double results_ratio(const struct results *results, const struct result_key *key, const char *other,
		     const char *name);
/* Medians of all cases added since the last call: lines "summary", or rows of the table. */
void results_summarize(struct results *results);
/* A bound: whether it is kept (NAN never is), as a line. */
bool results_at_most(struct results *results, double value, double bound, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool results_at_least(struct results *results, double value, double bound, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Whether some bound was missed so far. */
bool results_has_missed(const struct results *results);

/* Sorts `values`. The middle one; NAN of none. */
double result_median_of(double *values, unsigned int n);
