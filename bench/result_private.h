/* What result.c keeps, and who writes it. */
#pragma once

#include "bench/result.h"

struct kept_sample {
	unsigned int round, n_values;
	bool is_rejected;
	struct result_value *values; /* owned */
};

struct result_case {
	char subject[RESULT_TEXT_MAX + 1], mode[RESULT_TEXT_MAX + 1], profile[RESULT_TEXT_MAX + 1];
	struct result_key key; /* texts point to the above */
	struct kept_sample *samples;
	unsigned int n_samples;
	struct histogram *latency_ns; /* of all rounds; NULL: none had one */
};

struct results {
	struct results_config config;
	struct result_case **cases;
	unsigned int n_cases, n_summarized;
	unsigned int n_rows; /* of the table, since its heading */
	bool has_missed;
};

const struct result_value *result_find(const struct kept_sample *sample, const char *name);

void result_write_run(const struct results *results);
void result_write_sample(const struct results *results, const struct result_sample *sample);
void result_write_summary(const struct results *results, const struct result_case *entry);
void result_write_verdict(const struct results *results, const char *text, double value,
			  double bound, bool is_kept);
/* Rows of all cases from `first` on. */
void result_print_table(struct results *results, unsigned int first);
