/* What a part measured: a figure has one value a round, and its median is what counts and what is
 * held against a bound. As a table for people, or as JSON lines (each round, the medians, the
 * bounds). One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define REPORT_ROUNDS_MAX  64
#define REPORT_CASES_MAX   48
#define REPORT_FIGURES_MAX 12
#define REPORT_NAME_MAX    47

/* `name` carries the unit ("p99_ms") and is column and JSON key; a literal. */
struct figure {
	const char *name;
	int decimals;
	double value;
};

/* All that was measured of one case ("A beside the flood"). */
struct report_case {
	char name[REPORT_NAME_MAX + 1];
	unsigned int n_figures, n_rounds;
	struct figure figures[REPORT_FIGURES_MAX];
	double values[REPORT_FIGURES_MAX][REPORT_ROUNDS_MAX];
};

struct report {
	const char *part, *mode; /* borrowed */
	bool is_json, has_missed;
	unsigned int n_cases, n_printed; /* of the cases, those whose medians were printed */
	struct report_case cases[REPORT_CASES_MAX];
};

/* A line that says what follows; text only. */
void report_title(const struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A case's next round. The figures are the same in each round. */
void report_add(struct report *report, const char *name, const struct figure *figures,
		unsigned int n);
/* A table of all cases since the last one. */
void report_medians(struct report *report);
/* Of a case that was added; aborts when there is none: it is a slip of the part. */
double report_median(const struct report *report, const char *name, const char *figure);
/* As above: the largest of all rounds. */
double report_worst(const struct report *report, const char *name, const char *figure);
/* Both tell whether the bound is kept; one that is not makes the command fail. */
bool report_at_most(struct report *report, const char *what, double value, double limit);
bool report_at_least(struct report *report, const char *what, double value, double limit);

/* Sorts `values`. The middle one; 0 of none. */
double median_of(double *values, unsigned int n);
