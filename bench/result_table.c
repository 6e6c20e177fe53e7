/* Medians for people: what was asked for to the left, what came out to the right, then how much of
 * another subject's that is. */
#include <math.h>
#include <string.h>

#include "bench/result_private.h"

#define OTHERS_MAX 4

struct layout {
	int mode_width; /* 0: all have the same, or none */
	bool has_profile, has_packet, has_publishers, has_viewers;
	unsigned int n_others;
	const char *others[OTHERS_MAX]; /* subjects that the first one is compared with */
};

static bool is_known(const struct layout *layout, const char *subject)
{
	for (unsigned int i = 0; i < layout->n_others; i++) {
		if (strcmp(layout->others[i], subject) == 0)
			return true;
	}
	return false;
}

static void look_at(const struct results *results, unsigned int first, struct layout *layout)
{
	*layout = (struct layout){0};
	for (unsigned int i = first; i < results->n_cases; i++) {
		const struct result_key *key = &results->cases[i]->key;
		if (key->mode && strcmp(key->mode, "socket") != 0 &&
		    (int)strlen(key->mode) + 1 > layout->mode_width)
			layout->mode_width = (int)strlen(key->mode) + 1;
		layout->has_profile |= key->profile != NULL;
		layout->has_packet |= key->packet_bytes > 0;
		layout->has_publishers |= key->publishers > 1;
		layout->has_viewers |= key->viewers > 0;
		if (results->config.ratio && key->subject &&
		    strcmp(key->subject, results->cases[first]->key.subject) != 0 &&
		    layout->n_others < OTHERS_MAX && !is_known(layout, key->subject))
			layout->others[layout->n_others++] = key->subject;
	}
}

static int width_of(const struct result_column *column)
{
	int width = (int)strlen(column->heading);
	return width < 8 ? 8 : width;
}

static void print_heading(const struct results *results, const struct layout *layout)
{
	FILE *out = results->config.out;
	if (layout->mode_width)
		fprintf(out, "%-*s", layout->mode_width, "mode");
	if (layout->has_publishers)
		fprintf(out, "%10s  ", "publishers");
	if (layout->has_viewers)
		fprintf(out, "%7s  ", "viewers");
	if (layout->has_packet)
		fprintf(out, "%6s  ", "packet");
	if (layout->has_profile)
		fprintf(out, "%-7s ", "profile");
	fprintf(out, "%-7s", "subject");
	for (const struct result_column *column = results->config.columns; column->name; column++)
		fprintf(out, "  %*s", width_of(column), column->heading);
	for (unsigned int i = 0; i < layout->n_others; i++)
		fprintf(out, "  / %-6s", layout->others[i]);
	fputc('\n', out);
}

static void print_key(FILE *out, const struct layout *layout, const struct result_key *key)
{
	if (layout->mode_width)
		fprintf(out, "%-*s", layout->mode_width, key->mode ? key->mode : "");
	if (layout->has_publishers)
		fprintf(out, "%10u  ", key->publishers);
	if (layout->has_viewers)
		fprintf(out, "%7u  ", key->viewers);
	if (layout->has_packet)
		fprintf(out, "%6u  ", key->packet_bytes);
	if (layout->has_profile)
		fprintf(out, "%-7s ", key->profile ? key->profile : "");
	fprintf(out, "%-7s", key->subject ? key->subject : "");
}

static void print_row(const struct results *results, const struct layout *layout,
		      const struct result_case *entry)
{
	FILE *out = results->config.out;
	print_key(out, layout, &entry->key);
	for (const struct result_column *column = results->config.columns; column->name; column++) {
		double value = results_median(results, &entry->key, column->name);
		if (isnan(value))
			fprintf(out, "  %*s", width_of(column), "-");
		else
			fprintf(out, "  %*.*f", width_of(column), column->decimals, value);
	}
	for (unsigned int i = 0; i < layout->n_others; i++) {
		double ratio = results_ratio(results, &entry->key, layout->others[i],
					     results->config.ratio);
		if (isnan(ratio) || strcmp(layout->others[i], entry->key.subject) == 0)
			fprintf(out, "  %8s", "-");
		else
			fprintf(out, "  %8.3f", ratio);
	}
	fputc('\n', out);
}

static void tell_rejected(const struct results *results, unsigned int first)
{
	unsigned int n = 0, of = 0;
	for (unsigned int i = first; i < results->n_cases; i++) {
		const struct result_case *entry = results->cases[i];
		of += entry->n_samples;
		for (unsigned int j = 0; j < entry->n_samples; j++)
			n += entry->samples[j].is_rejected;
	}
	if (n)
		fprintf(results->config.out,
			"%u of %u samples were rejected: the machine was not quiet (noise, in "
			"--json)\n",
			n, of);
}

void result_print_table(struct results *results, unsigned int first)
{
	struct layout layout;
	if (first == results->n_cases || !results->config.columns)
		return;
	look_at(results, first, &layout);
	print_heading(results, &layout);
	for (unsigned int i = first; i < results->n_cases; i++)
		print_row(results, &layout, results->cases[i]);
	tell_rejected(results, first);
	fflush(results->config.out);
}
