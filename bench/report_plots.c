/* Which figures a run has: who is compared stands in one plane, who is under another load in
 * another one. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report_private.h"

#define POINTS_MAX 4096 /* of one line: the buckets of a histogram */

/* A plane being filled. */
struct canvas {
	struct plot_series series[PLOT_SERIES_MAX];
	char names[PLOT_SERIES_MAX][REPORT_LABEL_MAX];
	struct plot_point points[PLOT_SERIES_MAX][POINTS_MAX];
	unsigned int n;
};

static void write_part(char out[REPORT_LABEL_MAX], const char *before, const char *format,
		       const char *text, double number)
{
	size_t n = strlen(out);
	const char *comma = n > 0 ? ", " : "";
	if (text)
		snprintf(out + n, REPORT_LABEL_MAX - n, "%s%s%s", comma, before, text);
	else if (!isnan(number))
		snprintf(out + n, REPORT_LABEL_MAX - n, format, comma, number);
}

void report_label(const struct report_case *entry, unsigned int parts, char out[REPORT_LABEL_MAX])
{
	const struct report_key *key = &entry->key;
	out[0] = '\0';
	if (parts & LABEL_SUBJECT)
		write_part(out, "", NULL, key->subject ? key->subject : "-", 0);
	if (parts & LABEL_PEERS) {
		if (!(key->publishers == 1 && key->viewers > 0))
			write_part(out, "", "%s%.9g publishers", NULL, key->publishers);
		write_part(out, "", key->viewers == 1 ? "%s%.9g viewer" : "%s%.9g viewers", NULL,
			   key->viewers);
	}
	if (parts & LABEL_PROFILE && key->profile)
		write_part(out, "", NULL, key->profile, 0);
	if (parts & LABEL_PACKET)
		write_part(out, "", "%s%.9g B", NULL, key->packet_bytes);
	if (parts & LABEL_MODE && key->mode)
		write_part(out, "", NULL, key->mode, 0);
}

/* The line of that name, begun if there is none. NULL: too many. */
static struct plot_series *line_of(struct canvas *canvas, const char *name)
{
	for (unsigned int i = 0; i < canvas->n; i++) {
		if (strcmp(canvas->names[i], name) == 0)
			return &canvas->series[i];
	}
	if (canvas->n == PLOT_SERIES_MAX)
		return NULL;
	unsigned int i = canvas->n++;
	snprintf(canvas->names[i], REPORT_LABEL_MAX, "%s", name);
	canvas->series[i] = (struct plot_series){canvas->names[i], canvas->points[i], 0};
	return &canvas->series[i];
}

static void add_point(struct canvas *canvas, const char *name, double x, double y)
{
	struct plot_series *line = line_of(canvas, name);
	if (!line || line->n == POINTS_MAX || isnan(x) || isnan(y))
		return;
	struct plot_point *points = canvas->points[line - canvas->series];
	unsigned int at = line->n++;
	for (; at > 0 && points[at - 1].x > x; at--)
		points[at] = points[at - 1];
	points[at] = (struct plot_point){x, y};
}

static bool has_latencies(const struct record *record)
{
	struct record_bucket bucket;
	return record_bucket(record, 0, &bucket);
}

/* What a case's distribution is taken from. */
static const struct record *distribution_of(const struct report_case *entry)
{
	if (entry->summary && has_latencies(entry->summary))
		return entry->summary;
	for (unsigned int i = entry->n_samples; i > 0; i--) {
		if (has_latencies(entry->samples[i - 1]))
			return entry->samples[i - 1];
	}
	return NULL;
}

/* Of each bucket: how long at least so large a share of the packets took. */
static void add_distribution(struct canvas *canvas, const char *name, const struct record *record)
{
	struct record_bucket bucket;
	double n = 0, below = 0;
	for (unsigned int i = 0; record_bucket(record, i, &bucket); i++)
		n += bucket.count;
	for (unsigned int i = 0; record_bucket(record, i, &bucket); i++) {
		add_point(canvas, name, bucket.upper_ms, (n - below) / n);
		below += bucket.count;
	}
}

static bool is_first_of_its_load(const struct report_run *run, unsigned int index)
{
	for (unsigned int i = 0; i < index; i++) {
		if (report_case_is_beside(&run->cases[i], &run->cases[index]) &&
		    distribution_of(&run->cases[i]))
			return false;
	}
	return distribution_of(&run->cases[index]) != NULL;
}

static void write_canvas(FILE *out, const struct canvas *canvas, struct plot *plot)
{
	plot->series = canvas->series;
	plot->n_series = canvas->n;
	plot_write(out, plot);
}

static void write_latency(FILE *out, const struct report_run *run, unsigned int index,
			  struct canvas *canvas)
{
	char load[REPORT_LABEL_MAX], title[REPORT_LABEL_MAX + 32], name[REPORT_LABEL_MAX];
	canvas->n = 0;
	for (unsigned int i = index; i < run->n_cases; i++) {
		const struct report_case *entry = &run->cases[i];
		const struct record *record = distribution_of(entry);
		report_label(entry, LABEL_SUBJECT, name);
		if (record && report_case_is_beside(entry, &run->cases[index]))
			add_distribution(canvas, name, record);
	}
	report_label(&run->cases[index], LABEL_LOAD, load);
	snprintf(title, sizeof(title), "Latency: %s", load);
	write_canvas(out, canvas,
		     &(struct plot){
			     .title = title,
			     .about = "For each latency, the share of packets that took that long "
				      "or longer, on logarithmic axes",
			     .x_label = "milliseconds",
			     .y_label = "share that took as long",
			     .is_log_x = true,
			     .is_log_y = true,
		     });
}

static bool is_same_plane(const struct report_case *left, const struct report_case *right)
{
	struct report_case one = *left, two = *right;
	one.key.profile = two.key.profile = NULL;
	one.key.viewers = two.key.viewers = 0;
	return report_case_is_beside(&one, &two);
}

/* CPU per packet over viewers, one plane for each size and mode, if viewers were varied. */
static void write_cpu(FILE *out, const struct report_run *run, unsigned int index,
		      struct canvas *canvas)
{
	char load[REPORT_LABEL_MAX], title[REPORT_LABEL_MAX + 32], name[REPORT_LABEL_MAX];
	bool is_varied = false;
	canvas->n = 0;
	for (unsigned int i = 0; i < run->n_cases; i++) {
		const struct report_case *entry = &run->cases[i];
		if (!is_same_plane(entry, &run->cases[index]))
			continue;
		if (i < index)
			return;
		report_label(entry, LABEL_SUBJECT | LABEL_PROFILE, name);
		is_varied |= entry->key.viewers != run->cases[index].key.viewers;
		add_point(canvas, name, entry->key.viewers,
			  report_case_number(entry, "cpu_ns_per_packet") / 1000);
	}
	report_label(&run->cases[index], LABEL_PACKET | LABEL_MODE, load);
	snprintf(title, sizeof(title), "CPU per forwarded packet: %s", load);
	if (!is_varied)
		return;
	write_canvas(out, canvas,
		     &(struct plot){
			     .title = title,
			     .about = "Microseconds of CPU per forwarded packet by number of "
				      "viewers, on logarithmic axes",
			     .x_label = "viewers",
			     .y_label = "µs per packet",
			     .is_log_x = true,
			     .is_log_y = true,
			     .has_marks = true,
		     });
}

static double sessions_of(const struct report_case *entry)
{
	double sessions = report_case_number(entry, "sessions");
	return isnan(sessions) ? entry->key.viewers : sessions;
}

static void write_memory(FILE *out, const struct report_run *run, struct canvas *canvas)
{
	char name[REPORT_LABEL_MAX];
	canvas->n = 0;
	for (unsigned int i = 0; i < run->n_cases; i++) {
		const struct report_case *entry = &run->cases[i];
		double bytes = report_case_number(entry, "resident_bytes_per_session");
		report_label(entry, LABEL_SUBJECT, name);
		if (!isnan(bytes))
			add_point(canvas, name, sessions_of(entry), bytes / 1024);
	}
	write_canvas(out, canvas,
		     &(struct plot){
			     .title = "Resident memory per session",
			     .about = "KiB of resident memory per session by number of sessions",
			     .x_label = "sessions",
			     .y_label = "KiB per session",
			     .is_log_x = true,
			     .has_marks = true,
		     });
}

/* One value of all cases that have it, side by side. */
static void write_bars(FILE *out, const struct report_run *run, const char *value,
		       const char *title)
{
	struct plot_bar *bars = calloc(run->n_cases + 1, sizeof(*bars));
	unsigned int n = 0;
	for (unsigned int i = 0; bars && i < run->n_cases; i++) {
		double number = report_case_number(&run->cases[i], value);
		if (isnan(number))
			continue;
		report_label(&run->cases[i], LABEL_SUBJECT | LABEL_LOAD, bars[n].name);
		bars[n++].value = number;
	}
	plot_write_bars(out, title, bars, n);
	free(bars);
}

int report_write_plots(FILE *out, const struct report_run *run)
{
	struct canvas *canvas = malloc(sizeof(*canvas));
	if (!canvas)
		return -ENOMEM;
	fputs("<div class=\"plots\">\n", out);
	for (unsigned int i = 0; i < run->n_cases; i++)
		write_cpu(out, run, i, canvas);
	write_memory(out, run, canvas);
	write_bars(out, run, "sessions_per_second", "Sessions per second");
	write_bars(out, run, "setup_ms.p50", "From request to first media, median, ms");
	if (strcmp(run->bench, "storm") == 0)
		write_bars(out, run, "latency_ms.p999", "Latency of 99.9 % of the packets, ms");
	for (unsigned int i = 0; i < run->n_cases; i++) {
		if (is_first_of_its_load(run, i))
			write_latency(out, run, i, canvas);
	}
	fputs("</div>\n", out);
	free(canvas);
	return 0;
}
