/* Names of columns are keys of JSON: whoever reads a table knows what to look for in a script. */
#include "bench/slices_report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

double median_of(double *values, unsigned int n)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void report_title(const struct report *report, const char *format, ...)
{
	if (report->is_json)
		return;
	va_list arguments;
	va_start(arguments, format);
	printf("\n%s%s%s%s: ", report->part, report->mode ? " (" : "",
	       report->mode ? report->mode : "", report->mode ? ")" : "");
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	fflush(stdout);
}

static void json_begin(const struct report *report)
{
	printf("{\"part\":\"%s\",", report->part);
	if (report->mode)
		printf("\"mode\":\"%s\",", report->mode);
}

static struct report_case *case_of(const struct report *report, const char *name)
{
	for (unsigned int i = 0; i < report->n_cases; i++) {
		if (strcmp(report->cases[i].name, name) == 0)
			return (struct report_case *)(uintptr_t)&report->cases[i];
	}
	return NULL;
}

void report_add(struct report *report, const char *name, const struct figure *figures,
		unsigned int n)
{
	struct report_case *entry = case_of(report, name);
	if (!entry) {
		assert(report->n_cases < REPORT_CASES_MAX && n <= REPORT_FIGURES_MAX);
		entry = &report->cases[report->n_cases++];
		*entry = (struct report_case){.n_figures = n};
		snprintf(entry->name, sizeof(entry->name), "%s", name);
		memcpy(entry->figures, figures, n * sizeof(*figures));
	}
	assert(entry->n_figures == n && entry->n_rounds < REPORT_ROUNDS_MAX);
	for (unsigned int i = 0; i < n; i++)
		entry->values[i][entry->n_rounds] = figures[i].value;
	entry->n_rounds++;
	if (!report->is_json)
		return;
	json_begin(report);
	printf("\"case\":\"%s\",\"round\":%u", name, entry->n_rounds);
	for (unsigned int i = 0; i < n; i++)
		printf(",\"%s\":%.*f", figures[i].name, figures[i].decimals, figures[i].value);
	puts("}");
	fflush(stdout);
}

static double median_at(const struct report_case *entry, unsigned int figure)
{
	double values[REPORT_ROUNDS_MAX];
	memcpy(values, entry->values[figure], entry->n_rounds * sizeof(*values));
	return median_of(values, entry->n_rounds);
}

static void print_json(const struct report *report, const struct report_case *entry)
{
	json_begin(report);
	printf("\"case\":\"%s\",\"median_of\":%u", entry->name, entry->n_rounds);
	for (unsigned int i = 0; i < entry->n_figures; i++)
		printf(",\"%s\":%.*f", entry->figures[i].name, entry->figures[i].decimals,
		       median_at(entry, i));
	puts("}");
}

static int width_of(const struct figure *figure)
{
	int width = (int)strlen(figure->name);
	return width < 8 ? 8 : width;
}

static bool has_other_columns(const struct report_case *entry, const struct report_case *before)
{
	if (!before || before->n_figures != entry->n_figures)
		return true;
	for (unsigned int i = 0; i < entry->n_figures; i++) {
		if (strcmp(entry->figures[i].name, before->figures[i].name) != 0)
			return true;
	}
	return false;
}

static void print_text(const struct report_case *entry, const struct report_case *before)
{
	if (has_other_columns(entry, before)) {
		printf("  %-26s", "");
		for (unsigned int i = 0; i < entry->n_figures; i++)
			printf("  %*s", width_of(&entry->figures[i]), entry->figures[i].name);
		putchar('\n');
	}
	printf("  %-26s", entry->name);
	for (unsigned int i = 0; i < entry->n_figures; i++)
		printf("  %*.*f", width_of(&entry->figures[i]), entry->figures[i].decimals,
		       median_at(entry, i));
	putchar('\n');
}

void report_medians(struct report *report)
{
	const struct report_case *before = NULL;
	for (; report->n_printed < report->n_cases; report->n_printed++) {
		const struct report_case *entry = &report->cases[report->n_printed];
		if (report->is_json)
			print_json(report, entry);
		else
			print_text(entry, before);
		before = entry;
	}
	fflush(stdout);
}

static const struct report_case *find(const struct report *report, const char *name,
				      const char *figure, unsigned int *index)
{
	const struct report_case *entry = case_of(report, name);
	for (unsigned int i = 0; entry && i < entry->n_figures; i++) {
		if (strcmp(entry->figures[i].name, figure) != 0)
			continue;
		*index = i;
		return entry;
	}
	fprintf(stderr, "nn5g-bench: no figure '%s' of '%s'\n", figure, name);
	abort();
}

double report_median(const struct report *report, const char *name, const char *figure)
{
	unsigned int index;
	const struct report_case *entry = find(report, name, figure, &index);
	return median_at(entry, index);
}

double report_worst(const struct report *report, const char *name, const char *figure)
{
	unsigned int index;
	const struct report_case *entry = find(report, name, figure, &index);
	double worst = entry->values[index][0];
	for (unsigned int i = 1; i < entry->n_rounds; i++)
		worst = entry->values[index][i] > worst ? entry->values[index][i] : worst;
	return worst;
}

static bool judge(struct report *report, const char *what, double value, double limit, bool is_most)
{
	bool is_kept = is_most ? value <= limit : value >= limit;
	const char *side = is_most ? "at most" : "at least";
	if (report->is_json) {
		json_begin(report);
		printf("\"bound\":\"%s\",\"value\":%.4f,\"%s\":%.4f,\"kept\":%s}\n", what, value,
		       is_most ? "at_most" : "at_least", limit, is_kept ? "true" : "false");
	} else {
		printf("  %-7s %s: %.4g (%s %.4g)\n", is_kept ? "kept" : "MISSED", what, value,
		       side, limit);
	}
	fflush(stdout);
	if (!is_kept)
		fprintf(stderr, "nn5g-bench: %s: missed: %s: %.4g, wanted %s %.4g\n", report->part,
			what, value, side, limit);
	report->has_missed |= !is_kept;
	return is_kept;
}

bool report_at_most(struct report *report, const char *what, double value, double limit)
{
	return judge(report, what, value, limit, true);
}

bool report_at_least(struct report *report, const char *what, double value, double limit)
{
	return judge(report, what, value, limit, false);
}
