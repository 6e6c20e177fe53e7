/* The same tables as Markdown: a run's command, its bounds, its medians. */
#include <string.h>

#include "bench/report_private.h"

/* Text within a table's cell. */
static void write_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("|\\`*<>[]", *text))
			fputc('\\', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
}

/* Within the comma-separated list, or a ratio, or what says how much of it counts. */
static bool is_wanted(const char *name, const char *list)
{
	size_t size = strlen(name);
	if (!list || strncmp(name, "ratio.", 6) == 0 || strcmp(name, "rejected") == 0)
		return true;
	for (const char *at = list; (at = strstr(at, name)); at++) {
		bool begins = at == list || at[-1] == ',';
		if (begins && (at[size] == ',' || at[size] == '\0'))
			return true;
	}
	return false;
}

static void choose(struct report_columns *columns, const char *list)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < columns->n; i++) {
		if (is_wanted(columns->of[i].name, list))
			columns->of[n++] = columns->of[i];
	}
	columns->n = n;
}

static void write_head(FILE *out, const struct report_columns *columns)
{
	char heading[REPORT_LABEL_MAX];
	fputs("| load | subject |", out);
	for (unsigned int i = 0; i < columns->n; i++) {
		report_column_heading(&columns->of[i], heading);
		fputc(' ', out);
		write_text(out, heading);
		fputs(" |", out);
	}
	fputs("\n|---|---|", out);
	for (unsigned int i = 0; i < columns->n; i++)
		fputs("--:|", out);
	fputc('\n', out);
}

static void write_case(FILE *out, const struct report_case *entry,
		       const struct report_columns *columns)
{
	char label[REPORT_LABEL_MAX], text[REPORT_NUMBER_MAX];
	report_label(entry, LABEL_LOAD, label);
	fputs("| ", out);
	write_text(out, label);
	fputs(" | ", out);
	report_label(entry, LABEL_SUBJECT, label);
	write_text(out, label);
	fputs(" |", out);
	for (unsigned int i = 0; i < columns->n; i++) {
		report_column_text(&columns->of[i], entry, text);
		fprintf(out, " %s |", text);
	}
	fputc('\n', out);
}

static void write_verdicts(FILE *out, const struct report_run *run)
{
	for (unsigned int i = 0; i < run->n_verdicts; i++) {
		const struct record *verdict = run->verdicts[i];
		fputs("- ", out);
		write_text(out, record_text(verdict, "text"));
		fprintf(out, ": %.4g, bound %.4g: %s\n", record_number(verdict, "value"),
			record_number(verdict, "bound"),
			record_number(verdict, "kept") > 0 ? "kept" : "**missed**");
	}
	if (run->n_verdicts)
		fputc('\n', out);
}

static void write_run(FILE *out, const struct report_run *run)
{
	const struct record *line = run->run;
	const char *arguments = line ? record_text(line, "arguments") : NULL;
	const char *when = line ? record_text(line, "time") : NULL;
	fprintf(out, "    nn5g-bench %s %s\n\n", run->bench, arguments ? arguments : "");
	if (when)
		fprintf(out, "%s.\n\n", when);
}

void report_write_markdown(FILE *out, const struct report_runs *runs, const char *list)
{
	struct report_columns columns;
	for (unsigned int i = 0; i < runs->n; i++) {
		const struct report_run *run = &runs->of[i];
		write_run(out, run);
		write_verdicts(out, run);
		report_columns_collect(run, &columns);
		choose(&columns, list);
		if (run->n_cases)
			write_head(out, &columns);
		for (unsigned int j = 0; j < run->n_cases; j++)
			write_case(out, &run->cases[j], &columns);
		fputc('\n', out);
	}
}
