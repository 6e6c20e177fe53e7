/* The plane is 640 x 360 units; the page scales it. A line goes through at most one point per half
 * unit, so that a histogram of thousands of buckets stays small. */
#include "bench/plot.h"

#include <math.h>

#define WIDTH       640
#define HEIGHT      360
#define LEFT        72
#define RIGHT       16
#define TOP         12
#define BOTTOM      48
#define TICKS_MAX   12
#define STEP_LEAST  0.5
#define BAR_LEFT    280
#define BAR_LONGEST 290
#define BAR_HEIGHT  24
#define LARGEST     1e15 /* of what is shown; a NAN is not below it */

/* One axis: what lies between its ends, and where on the page they are. */
struct scale {
	double low, high, from, to;
	bool is_log;
};

void plot_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c == '\'')
			fputs("&#39;", out);
		else if (c < ' ' || c == 0x7f)
			fputc(' ', out);
		else
			fputc(c, out);
	}
}

static bool is_shown(const struct plot *plot, const struct plot_point *point)
{
	return fabs(point->x) < LARGEST && fabs(point->y) < LARGEST &&
	       (!plot->is_log_x || point->x > 1 / LARGEST) &&
	       (!plot->is_log_y || point->y > 1 / LARGEST);
}

static void widen(struct scale *scale, double value)
{
	scale->low = fmin(scale->low, value);
	scale->high = fmax(scale->high, value);
}

/* To whole decades, or from zero to a round number. */
static void round_ends(struct scale *scale)
{
	if (scale->is_log) {
		scale->low = pow(10, floor(log10(scale->low)));
		scale->high = pow(10, ceil(log10(scale->high)));
		if (scale->high <= scale->low)
			scale->high = scale->low * 10;
		return;
	}
	scale->low = fmin(scale->low, 0);
	if (scale->high <= scale->low)
		scale->high = scale->low + 1;
}

static unsigned int set_scales(const struct plot *plot, struct scale *x, struct scale *y)
{
	unsigned int n = 0;
	*x = (struct scale){INFINITY, -INFINITY, LEFT, WIDTH - RIGHT, plot->is_log_x};
	*y = (struct scale){INFINITY, -INFINITY, HEIGHT - BOTTOM, TOP, plot->is_log_y};
	for (unsigned int i = 0; i < plot->n_series; i++) {
		for (unsigned int j = 0; j < plot->series[i].n; j++) {
			const struct plot_point *point = &plot->series[i].points[j];
			if (!is_shown(plot, point))
				continue;
			widen(x, point->x);
			widen(y, point->y);
			n++;
		}
	}
	if (n > 0) {
		round_ends(x);
		round_ends(y);
	}
	return n;
}

static double place(const struct scale *scale, double value)
{
	double share = scale->is_log ? log(value / scale->low) / log(scale->high / scale->low)
				     : (value - scale->low) / (scale->high - scale->low);
	return scale->from + share * (scale->to - scale->from);
}

/* Decades, or steps of 1, 2 or 5 of one. */
static unsigned int make_ticks(const struct scale *scale, double *ticks)
{
	unsigned int n = 0;
	if (scale->is_log) {
		double decades = round(log10(scale->high / scale->low));
		double by = pow(10, ceil(decades / (TICKS_MAX - 1)));
		for (double at = scale->low; at <= scale->high * 1.01 && n < TICKS_MAX; at *= by)
			ticks[n++] = at;
		return n;
	}
	double step = pow(10, floor(log10((scale->high - scale->low) / 4)));
	while ((scale->high - scale->low) / step > 6)
		step *= (scale->high - scale->low) / step > 12 ? 5 : 2;
	for (double i = ceil(scale->low / step); i * step <= scale->high && n < TICKS_MAX; i++)
		ticks[n++] = i * step;
	return n;
}

static void write_x_axis(FILE *out, const struct plot *plot, const struct scale *x)
{
	double ticks[TICKS_MAX];
	unsigned int n = make_ticks(x, ticks);
	for (unsigned int i = 0; i < n; i++) {
		double at = place(x, ticks[i]);
		fprintf(out,
			"<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
			at, TOP, at, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 16, ticks[i]);
	}
	fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2,
		HEIGHT - 10);
	plot_escape(out, plot->x_label);
	fputs("</text>\n", out);
}

static void write_y_axis(FILE *out, const struct plot *plot, const struct scale *y)
{
	double ticks[TICKS_MAX];
	unsigned int n = make_ticks(y, ticks);
	int middle = (TOP + HEIGHT - BOTTOM) / 2;
	for (unsigned int i = 0; i < n; i++) {
		double at = place(y, ticks[i]);
		fprintf(out,
			"<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
			LEFT, at, WIDTH - RIGHT, at, LEFT - 6, at + 4, ticks[i]);
	}
	fprintf(out,
		"<text x=\"16\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 16 %d)\">",
		middle, middle);
	plot_escape(out, plot->y_label);
	fputs("</text>\n", out);
}

static void write_mark(FILE *out, const struct plot_series *series, const struct plot_point *point,
		       const struct plot_point *at)
{
	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>", at->x, at->y);
	plot_escape(out, series->name);
	fprintf(out, ": %.4g at %g", point->y, point->x);
	fputs("</title></circle>\n", out);
}

static void write_series(FILE *out, const struct plot *plot, unsigned int index,
			 const struct scale *x, const struct scale *y)
{
	const struct plot_series *series = &plot->series[index];
	struct plot_point last = {-WIDTH, -HEIGHT};
	fprintf(out, "<g class=\"s%u\"><polyline points=\"", index);
	for (unsigned int i = 0; i < series->n; i++) {
		if (!is_shown(plot, &series->points[i]))
			continue;
		struct plot_point at = {place(x, series->points[i].x),
					place(y, series->points[i].y)};
		if (fabs(at.x - last.x) < STEP_LEAST && fabs(at.y - last.y) < STEP_LEAST &&
		    i + 1 < series->n)
			continue;
		fprintf(out, "%.1f,%.1f ", at.x, at.y);
		last = at;
	}
	fputs("\"/>\n", out);
	for (unsigned int i = 0; plot->has_marks && i < series->n; i++) {
		const struct plot_point *point = &series->points[i];
		if (is_shown(plot, point))
			write_mark(out, series, point,
				   &(struct plot_point){place(x, point->x), place(y, point->y)});
	}
	fputs("</g>\n", out);
}

static void write_legend(FILE *out, const struct plot *plot)
{
	fputs("<figcaption><strong>", out);
	plot_escape(out, plot->title);
	fputs("</strong>", out);
	for (unsigned int i = 0; i < plot->n_series; i++) {
		fprintf(out,
			" <span class=\"key\"><svg class=\"s%u\" width=\"28\" height=\"8\" "
			"aria-hidden=\"true\"><polyline points=\"0,4 28,4\"/></svg> ",
			i);
		plot_escape(out, plot->series[i].name);
		fputs("</span>", out);
	}
	fputs("</figcaption>\n", out);
}

void plot_write(FILE *out, const struct plot *plot)
{
	struct scale x, y;
	if (set_scales(plot, &x, &y) == 0)
		return;
	fputs("<figure>\n", out);
	write_legend(out, plot);
	fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
	plot_escape(out, plot->title);
	fputs("\"><desc>", out);
	plot_escape(out, plot->about);
	fputs("</desc>\n", out);
	write_x_axis(out, plot, &x);
	write_y_axis(out, plot, &y);
	for (unsigned int i = 0; i < plot->n_series; i++)
		write_series(out, plot, i, &x, &y);
	fputs("</svg>\n</figure>\n", out);
}

void plot_write_bars(FILE *out, const char *title, const struct plot_bar *bars, unsigned int n)
{
	double most = 0;
	for (unsigned int i = 0; i < n; i++)
		most = fmax(most, fmin(bars[i].value, LARGEST));
	if (most <= 0)
		return;
	fputs("<figure>\n<figcaption><strong>", out);
	plot_escape(out, title);
	fprintf(out,
		"</strong></figcaption>\n<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"",
		WIDTH, n * BAR_HEIGHT);
	plot_escape(out, title);
	fputs("\">\n", out);
	for (unsigned int i = 0; i < n; i++) {
		double width = fmax(0, bars[i].value / most) * BAR_LONGEST;
		unsigned int top = i * BAR_HEIGHT;
		fprintf(out, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">", BAR_LEFT - 6,
			top + 16);
		plot_escape(out, bars[i].name);
		fprintf(out,
			"</text><g class=\"s0\"><rect x=\"%d\" y=\"%u\" width=\"%.1f\" "
			"height=\"%d\"/></g><text x=\"%.1f\" y=\"%u\">%.4g</text>\n",
			BAR_LEFT, top + 4, width, BAR_HEIGHT - 8, BAR_LEFT + width + 6, top + 16,
			bars[i].value);
	}
	fputs("</svg>\n</figure>\n", out);
}
