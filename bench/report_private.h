/* Parts of the page: report.c (the page), report_table.c and report_plots.c. */
#pragma once

#include "bench/plot.h"
#include "bench/report_case.h"

#define REPORT_LABEL_MAX 128

enum {
	LABEL_SUBJECT = 1,
	LABEL_PROFILE = 2,
	LABEL_PACKET = 4,
	LABEL_PEERS = 8,
	LABEL_MODE = 16,
	LABEL_LOAD = LABEL_PROFILE | LABEL_PACKET | LABEL_PEERS | LABEL_MODE,
};

/* Those parts of a case's key that it has, in words. */
void report_label(const struct report_case *entry, unsigned int parts, char out[REPORT_LABEL_MAX]);

#define REPORT_COLUMNS_MAX 48
#define REPORT_NUMBER_MAX  352 /* a double without an exponent */

struct report_column {
	char name[64];                    /* the value's */
	const struct report_known *known; /* NULL: by its name */
};

struct report_columns {
	unsigned int n;
	struct report_column of[REPORT_COLUMNS_MAX];
};

/* All that some case of the run has. */
void report_columns_collect(const struct report_run *run, struct report_columns *columns);
void report_column_heading(const struct report_column *column, char out[REPORT_LABEL_MAX]);
/* The case's value; empty if it has none, or is compared with itself. */
void report_column_text(const struct report_column *column, const struct report_case *entry,
			char out[REPORT_NUMBER_MAX]);

/* Tables alone, for README-like files; of the values in `columns` ("a,b"; NULL: all) and of ratios.
 */
void report_write_markdown(FILE *out, const struct report_runs *runs, const char *columns);

void report_write_verdicts(FILE *out, const struct report_runs *runs);
/* Medians and ratios of all cases. */
void report_write_cases(FILE *out, const struct report_run *run);
/* What there is to see of a run: nothing, if it has no such figures. -ENOMEM. */
int report_write_plots(FILE *out, const struct report_run *run);
