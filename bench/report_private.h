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

void report_write_verdicts(FILE *out, const struct report_runs *runs);
/* Medians and ratios of all cases. */
void report_write_cases(FILE *out, const struct report_run *run);
/* What there is to see of a run: nothing, if it has no such figures. -ENOMEM. */
int report_write_plots(FILE *out, const struct report_run *run);
