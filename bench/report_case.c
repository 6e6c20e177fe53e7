#include "bench/report_case.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/result.h"

static struct report_key key_of(const struct record *record)
{
	return (struct report_key){
		.subject = record_text(record, "subject"),
		.mode = record_text(record, "mode"),
		.profile = record_text(record, "profile"),
		.packet_bytes = record_number(record, "packet_bytes"),
		.viewers = record_number(record, "viewers"),
		.publishers = record_number(record, "publishers"),
	};
}

static bool is_same_text(const char *left, const char *right)
{
	return strcmp(left ? left : "", right ? right : "") == 0;
}

static bool is_same_number(double left, double right)
{
	return left == right || (isnan(left) && isnan(right));
}

static bool is_same_load(const struct report_key *left, const struct report_key *right)
{
	return is_same_text(left->mode, right->mode) &&
	       is_same_text(left->profile, right->profile) &&
	       is_same_number(left->packet_bytes, right->packet_bytes) &&
	       is_same_number(left->viewers, right->viewers) &&
	       is_same_number(left->publishers, right->publishers);
}

bool report_case_is_beside(const struct report_case *left, const struct report_case *right)
{
	return is_same_load(&left->key, &right->key);
}

static struct report_case *find_case(const struct report_run *run, const struct report_key *key)
{
	for (unsigned int i = 0; i < run->n_cases; i++) {
		struct report_case *entry = &run->cases[i];
		if (is_same_text(entry->key.subject, key->subject) &&
		    is_same_load(&entry->key, key))
			return entry;
	}
	return NULL;
}

static int append(const struct record ***rows, unsigned int *n, const struct record *record)
{
	const struct record **more = reallocarray(*rows, *n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	*rows = more;
	more[(*n)++] = record;
	return 0;
}

/* -ENOSPC: no room for one more. */
static int add_case(struct report_run *run, const struct report_key *key, struct report_case **out)
{
	*out = find_case(run, key);
	if (*out)
		return 0;
	if (run->n_cases == REPORT_CASES_MAX)
		return -ENOSPC;
	struct report_case *more = reallocarray(run->cases, run->n_cases + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	run->cases = more;
	*out = &more[run->n_cases++];
	**out = (struct report_case){.key = *key};
	return 0;
}

static int add_to_run(struct report_run *run, const struct record *record)
{
	struct report_case *entry;
	struct report_key key = key_of(record);
	if (record_type(record) == RECORD_VERDICT)
		return append(&run->verdicts, &run->n_verdicts, record);
	int rc = add_case(run, &key, &entry);
	if (rc)
		return rc;
	if (record_type(record) == RECORD_SAMPLE)
		return append(&entry->samples, &entry->n_samples, record);
	entry->summary = record;
	return 0;
}

/* The run that the record belongs to; NULL when there are too many. */
static struct report_run *run_for(struct report_runs *runs, const struct record *record)
{
	struct report_run *last = runs->n ? &runs->of[runs->n - 1] : NULL;
	const char *bench = record_text(record, "bench");
	bool is_run = record_type(record) == RECORD_RUN;
	if (last && !is_run && strcmp(last->bench, bench) == 0)
		return last;
	if (runs->n == REPORT_RUNS_MAX)
		return NULL;
	last = &runs->of[runs->n++];
	*last = (struct report_run){.run = is_run ? record : NULL, .bench = bench};
	return last;
}

int report_runs_create(const struct records *records, struct report_runs **out)
{
	int rc = 0;
	struct report_runs *runs = calloc(1, sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	for (unsigned int i = 0; rc == 0 && i < records_count(records); i++) {
		const struct record *record = records_at(records, i);
		struct report_run *run = run_for(runs, record);
		if (run && record_type(record) != RECORD_RUN)
			rc = add_to_run(run, record);
		if (!run || rc == -ENOSPC) {
			runs->n_left_out++;
			rc = 0;
		}
	}
	if (rc) {
		report_runs_destroy(runs);
		return rc;
	}
	*out = runs;
	return 0;
}

void report_runs_destroy(struct report_runs *runs)
{
	if (!runs)
		return;
	for (unsigned int i = 0; i < runs->n; i++) {
		for (unsigned int j = 0; j < runs->of[i].n_cases; j++)
			free(runs->of[i].cases[j].samples);
		free(runs->of[i].cases);
		free(runs->of[i].verdicts);
	}
	free(runs);
}

static double median_of_samples(const struct report_case *entry, const char *name, bool is_rejected)
{
	unsigned int n = 0;
	double *values = calloc(entry->n_samples + 1, sizeof(*values));
	if (!values)
		return NAN;
	for (unsigned int i = 0; i < entry->n_samples; i++) {
		double value = record_number(entry->samples[i], name);
		bool rejected = record_number(entry->samples[i], "noise.rejected") > 0;
		if (!isnan(value) && rejected == is_rejected)
			values[n++] = value;
	}
	double median = result_median_of(values, n);
	free(values);
	return median;
}

double report_case_number(const struct report_case *entry, const char *name)
{
	if (entry->summary)
		return record_number(entry->summary, name);
	double median = median_of_samples(entry, name, false);
	return isnan(median) ? median_of_samples(entry, name, true) : median;
}
