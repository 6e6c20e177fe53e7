/* Tables for people: columns as rows of a table say, aligned by what is in them; colours only where
 * somebody looks (a terminal) and wants them (no NO_COLOR). Texts come from afar: what could steer
 * the terminal is shown as "?". */
#include "conf/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/money.h"

#define COLUMNS_MAX 16

static bool is_colourful(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static const json_t *member_find(const json_t *object, const char *path)
{
	while (object && *path) {
		char name[64];
		size_t len = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		object = json_object_get(object, name);
		path += len + (path[len] == '.');
	}
	return json_is_null(object) ? NULL : object;
}

static void time_write(int64_t ms, char *out)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || !strftime(out, CTL_CELL_BYTES, "%F %T UTC", &tm))
		snprintf(out, CTL_CELL_BYTES, "%" PRId64, ms);
}

static void duration_write(int64_t ms, char *out)
{
	int64_t s = ms / 1000;
	snprintf(out, CTL_CELL_BYTES, "%" PRId64 ":%02d:%02d.%03d", s / 3600, (int)(s / 60 % 60),
		 (int)(s % 60), (int)(ms % 1000));
}

/* The largest unit that shows the number exactly, up to three places. */
static void bps_write(int64_t bps, char *out)
{
	static const struct {
		int64_t size;
		const char *unit;
	} units[] = {{1000000000, "Gbit/s"}, {1000000, "Mbit/s"}, {1000, "kbit/s"}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t thousandths = units[i].size / 1000;
		if (bps < units[i].size || bps % thousandths)
			continue;
		int places = (int)(bps / thousandths % 1000);
		int n = snprintf(out, CTL_CELL_BYTES, "%" PRId64 ".%03d", bps / units[i].size,
				 places);
		while (out[n - 1] == '0')
			n--;
		n -= out[n - 1] == '.';
		snprintf(out + n, (size_t)(CTL_CELL_BYTES - n), " %s", units[i].unit);
		return;
	}
	snprintf(out, CTL_CELL_BYTES, "%" PRId64 " bit/s", bps);
}

static void text_clean(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
			*c = '?';
}

static void json_write(const json_t *value, char *out)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);
	snprintf(out, CTL_CELL_BYTES, "%s", text ? text : "");
	free(text);
}

void ctl_cell_write(enum ctl_cell cell, const struct json_t *value, char out[CTL_CELL_BYTES])
{
	int64_t n = json_integer_value(value);
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		snprintf(out, CTL_CELL_BYTES, "%s", *text ? text : "-");
	} else if (!json_is_integer(value) || cell == CTL_JSON_TEXT) {
		json_write(value, out);
	} else if (cell == CTL_MONEY) {
		money_write(n, out);
	} else if (cell == CTL_BPS) {
		bps_write(n, out);
	} else if (cell == CTL_TIME) {
		time_write(n, out);
	} else if (cell == CTL_DURATION) {
		duration_write(n, out);
	} else {
		snprintf(out, CTL_CELL_BYTES, "%" PRId64, n);
	}
	text_clean(out);
}

static void cell_write(const struct ctl_column *column, const json_t *object, char *out)
{
	const json_t *value = member_find(object, column->path);
	if (value)
		ctl_cell_write(column->cell, value, out);
	else
		snprintf(out, CTL_CELL_BYTES, "%s", column->absent ? column->absent : "-");
}

/* Characters, not bytes: continuation bytes of UTF-8 take no place. */
static int text_width(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static const char *state_colour(const char *text)
{
	static const struct {
		const char *text, *colour;
	} rows[] = {
		{"active", "\033[32m"},    {"up", "\033[32m"},        {"paused", "\033[33m"},
		{"draining", "\033[33m"},  {"genesis", "\033[36m"},   {"exited", "\033[31m"},
		{"terminated", "\033[2m"}, {"exhausted", "\033[31m"}, {"unlimited", "\033[2m"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].text, text) == 0)
			return rows[i].colour;
	return "";
}

static bool is_right_aligned(enum ctl_cell cell)
{
	return cell == CTL_RIGHT_TEXT || cell == CTL_NUMBER || cell == CTL_MONEY ||
	       cell == CTL_BPS || cell == CTL_DURATION;
}

/* One cell with its padding; the last of a line has none behind it. */
static void cell_print(const char *text, const char *colour, int width, bool is_right, bool is_last)
{
	int padding = width - text_width(text);
	if (is_right)
		printf("%*s", padding, "");
	printf("%s%s%s", colour, text, *colour ? "\033[0m" : "");
	if (!is_last)
		printf("%*s", (is_right ? 0 : padding) + 2, "");
}

void ctl_rows_print(const struct ctl_column *columns, size_t n, const struct json_t *rows)
{
	int widths[COLUMNS_MAX];
	char cell[CTL_CELL_BYTES];
	size_t i;
	const json_t *row;
	bool colourful = is_colourful();
	for (size_t c = 0; c < n; c++)
		widths[c] = text_width(columns[c].title);
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < n; c++) {
			cell_write(&columns[c], row, cell);
			if (text_width(cell) > widths[c])
				widths[c] = text_width(cell);
		}
	}
	for (size_t c = 0; c < n; c++)
		cell_print(columns[c].title, colourful ? "\033[1m" : "", widths[c],
			   is_right_aligned(columns[c].cell), c + 1 == n);
	putchar('\n');
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < n; c++) {
			bool has_colour = colourful && columns[c].cell == CTL_STATE;
			cell_write(&columns[c], row, cell);
			cell_print(cell, has_colour ? state_colour(cell) : "", widths[c],
				   is_right_aligned(columns[c].cell), c + 1 == n);
		}
		putchar('\n');
	}
}

void ctl_fields_print(const struct ctl_column *columns, size_t n, const struct json_t *object)
{
	int width = 0;
	bool colourful = is_colourful();
	for (size_t c = 0; c < n; c++)
		if (text_width(columns[c].title) > width)
			width = text_width(columns[c].title);
	for (size_t c = 0; c < n; c++) {
		char cell[CTL_CELL_BYTES];
		cell_write(&columns[c], object, cell);
		cell_print(columns[c].title, colourful ? "\033[1m" : "", width, false, false);
		cell_print(cell,
			   colourful && columns[c].cell == CTL_STATE ? state_colour(cell) : "", 0,
			   false, true);
		putchar('\n');
	}
}
