/* Lines in a plane, as SVG that stands within an HTML page: its colours are the page's (classes s0
 * to s7), and a dash of its own tells each line to who sees no colours. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define PLOT_SERIES_MAX 8

struct plot_point {
	double x, y;
};

struct plot_series {
	const char *name;
	const struct plot_point *points; /* in order of x; what a logarithm has no place for is
					    left out */
	unsigned int n;
};

struct plot {
	const char *title, *about; /* read out by a screen reader */
	const char *x_label, *y_label;
	bool is_log_x, is_log_y, has_marks;
	const struct plot_series *series;
	unsigned int n_series; /* up to PLOT_SERIES_MAX */
};

struct plot_bar {
	char name[128];
	double value;
};

/* A <figure>. Nothing when there is no point to show. */
void plot_write(FILE *out, const struct plot *plot);
/* Horizontal bars from zero, as a <figure>. Nothing of none. */
void plot_write_bars(FILE *out, const char *title, const struct plot_bar *bars, unsigned int n);
/* Text within HTML: nothing in it is markup. */
void plot_escape(FILE *out, const char *text);
