/* Columns are what a run's cases have numbers of: known ones first, in the order below and with
 * their unit, then whatever else there is by the name it has. */
#include <math.h>
#include <string.h>

#include "bench/report_private.h"

struct report_known {
	const char *name, *heading; /* NULL: part of a case's key, or not for this table */
	double scale;
	int decimals;
};

static const struct report_known known[] = {
	{"round", NULL, 1, 0},
	{"ratio.nn5g", NULL, 1, 0}, /* others against ours: the same once more */
	{"packet_bytes", NULL, 1, 0},
	{"viewers", NULL, 1, 0},
	{"publishers", NULL, 1, 0},
	{"rounds", "rounds", 1, 0},
	{"rejected", "rejected rounds", 1, 0},
	{"seconds", "seconds", 1, 1},
	{"sessions", "sessions", 1, 0},
	{"packets", "packets", 1, 0},
	{"lost", "lost", 1, 0},
	{"lost_by_tool", "lost by tool", 1, 0},
	{"capacity_pps", "capacity packets/s", 1, 0},
	{"pps", "packets/s", 1, 0},
	{"cpu_ns_per_packet", "CPU µs/packet", 1e-3, 2},
	{"ns_per_packet", "ns/packet", 1, 0},
	{"switches_per_packet", "switches/packet", 1, 3},
	{"latency_ms.p50", "p50 ms", 1, 3},
	{"latency_ms.p90", "p90 ms", 1, 3},
	{"latency_ms.p99", "p99 ms", 1, 3},
	{"latency_ms.p999", "p99.9 ms", 1, 3},
	{"latency_ms.max", "max ms", 1, 3},
	{"setup_ms.p50", "setup p50 ms", 1, 2},
	{"setup_ms.p90", "setup p90 ms", 1, 2},
	{"setup_ms.p99", "setup p99 ms", 1, 2},
	{"setup_ms.p999", "setup p99.9 ms", 1, 2},
	{"setup_ms.max", "setup max ms", 1, 2},
	{"quiet_ms.p99", "quiet p99 ms", 1, 3},
	{"quiet_ms.p999", "quiet p99.9 ms", 1, 3},
	{"p999_ratio", "p99.9 × quiet", 1, 2},
	{"quiet_gap_ms", "quiet gap ms", 1, 1},
	{"gap_ms", "gap ms", 1, 1},
	{"silent", "silent viewers", 1, 0},
	{"of_bound", "× P-256 bound", 1, 3},
	{"failed", "failed", 1, 0},
	{"rate", "sessions/s asked", 1, 0},
	{"cpu_us_per_session", "CPU µs/session", 1, 0},
	{"tool_cpu_us_per_session", "tool's CPU µs/session", 1, 0},
	{"threads", "threads", 1, 0},
	{"cpu_percent", "CPU %", 1, 1},
	{"sessions_per_second", "sessions/s", 1, 0},
	{"records_per_second", "records/s", 1, 0},
	{"commits_per_second", "commits/s", 1, 0},
	{"resident_bytes", "resident MiB", 1.0 / (1 << 20), 1},
	{"resident_bytes_per_session", "KiB/session", 1.0 / 1024, 1},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static const struct report_known *known_of(const char *name)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	}
	return NULL;
}

/* Noise is told beside each sample, and is no result. */
static bool is_shown(const char *name)
{
	const struct report_known *row = known_of(name);
	return row ? row->heading != NULL : strncmp(name, "noise.", 6) != 0;
}

static void note_column(void *context, const char *name)
{
	struct report_columns *columns = context;
	for (unsigned int i = 0; i < columns->n; i++) {
		if (strcmp(columns->of[i].name, name) == 0)
			return;
	}
	if (!is_shown(name) || columns->n == REPORT_COLUMNS_MAX)
		return;
	struct report_column *column = &columns->of[columns->n++];
	snprintf(column->name, sizeof(column->name), "%s", name);
	column->known = known_of(name);
}

/* The known ones in their order; stable for the rest. */
static void sort_columns(struct report_columns *columns)
{
	for (unsigned int i = 1; i < columns->n; i++) {
		struct report_column moved = columns->of[i];
		unsigned int at = i;
		while (at > 0 && moved.known &&
		       (!columns->of[at - 1].known || columns->of[at - 1].known > moved.known)) {
			columns->of[at] = columns->of[at - 1];
			at--;
		}
		columns->of[at] = moved;
	}
}

void report_columns_collect(const struct report_run *run, struct report_columns *columns)
{
	columns->n = 0;
	for (unsigned int i = 0; i < run->n_cases; i++) {
		const struct report_case *entry = &run->cases[i];
		if (entry->summary)
			record_each_number(entry->summary, note_column, columns);
		for (unsigned int j = 0; !entry->summary && j < entry->n_samples; j++)
			record_each_number(entry->samples[j], note_column, columns);
	}
	sort_columns(columns);
}

void report_column_heading(const struct report_column *column, char out[REPORT_LABEL_MAX])
{
	bool is_ratio = strncmp(column->name, "ratio.", 6) == 0;
	snprintf(out, REPORT_LABEL_MAX, "%s%s", is_ratio ? "× " : "",
		 column->known ? column->known->heading : column->name + (is_ratio ? 6 : 0));
}

void report_column_text(const struct report_column *column, const struct report_case *entry,
			char out[REPORT_NUMBER_MAX])
{
	double value = report_case_number(entry, column->name);
	const char *subject = entry->key.subject ? entry->key.subject : "";
	bool is_own_ratio =
		strncmp(column->name, "ratio.", 6) == 0 && strcmp(column->name + 6, subject) == 0;
	out[0] = '\0';
	if (isnan(value) || is_own_ratio)
		return;
	if (column->known)
		snprintf(out, REPORT_NUMBER_MAX, "%.*f", column->known->decimals,
			 value * column->known->scale);
	else
		snprintf(out, REPORT_NUMBER_MAX, "%.4g", value);
}

static void write_heading(FILE *out, const struct report_column *column)
{
	char heading[REPORT_LABEL_MAX];
	report_column_heading(column, heading);
	fputs("<th scope=\"col\">", out);
	plot_escape(out, heading);
	fputs("</th>", out);
}

static void write_cell(FILE *out, const struct report_column *column,
		       const struct report_case *entry)
{
	char text[REPORT_NUMBER_MAX];
	report_column_text(column, entry, text);
	fprintf(out, "<td>%s</td>", text);
}

void report_write_cases(FILE *out, const struct report_run *run)
{
	struct report_columns columns;
	char label[REPORT_LABEL_MAX];
	if (run->n_cases == 0)
		return;
	report_columns_collect(run, &columns);
	fputs("<div class=\"wide\" tabindex=\"0\"><table>\n<caption>Medians of the rounds; × is "
	      "the median ratio of pairs to another subject</caption>\n<tr><th scope=\"col\">load"
	      "</th><th scope=\"col\">subject</th>",
	      out);
	for (unsigned int i = 0; i < columns.n; i++)
		write_heading(out, &columns.of[i]);
	fputs("</tr>\n", out);
	for (unsigned int i = 0; i < run->n_cases; i++) {
		const struct report_case *entry = &run->cases[i];
		fputs("<tr><th scope=\"row\">", out);
		report_label(entry, LABEL_LOAD, label);
		plot_escape(out, label);
		fputs("</th><th scope=\"row\">", out);
		report_label(entry, LABEL_SUBJECT, label);
		plot_escape(out, label);
		fputs("</th>", out);
		for (unsigned int j = 0; j < columns.n; j++)
			write_cell(out, &columns.of[j], entry);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void write_number(FILE *out, double value)
{
	if (isnan(value))
		fputs("<td></td>", out);
	else
		fprintf(out, "<td>%.6g</td>", value);
}

static void write_verdict(FILE *out, const struct record *verdict)
{
	bool is_kept = record_number(verdict, "kept") > 0;
	fprintf(out, "<tr class=\"%s\"><th scope=\"row\">", is_kept ? "kept" : "missed");
	plot_escape(out, record_text(verdict, "bench"));
	fputs("</th><td class=\"text\">", out);
	plot_escape(out, record_text(verdict, "text"));
	fputs("</td>", out);
	write_number(out, record_number(verdict, "value"));
	write_number(out, record_number(verdict, "bound"));
	fprintf(out, "<td>%s</td></tr>\n", is_kept ? "kept" : "missed");
}

void report_write_verdicts(FILE *out, const struct report_runs *runs)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < runs->n; i++)
		n += runs->of[i].n_verdicts;
	if (n == 0)
		return;
	fputs("<h2>Bounds</h2>\n<div class=\"wide\" tabindex=\"0\"><table>\n"
	      "<tr><th scope=\"col\">command</th><th scope=\"col\">what</th>"
	      "<th scope=\"col\">value</th><th scope=\"col\">bound</th>"
	      "<th scope=\"col\">verdict</th></tr>\n",
	      out);
	for (unsigned int i = 0; i < runs->n; i++) {
		for (unsigned int j = 0; j < runs->of[i].n_verdicts; j++)
			write_verdict(out, runs->of[i].verdicts[j]);
	}
	fputs("</table></div>\n", out);
}
