/* nn5gctl slice top: a node's slices as they fill, from its admin socket. */
#include "conf/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/slice_rates.h"

#define INTERVAL_MAX_S  3600
#define BAR_CELLS       20
#define LINES_UNBOUNDED 1000000
#define CLEAR           "\033[H\033[2J"

enum {
	TOP_ADMIN = CTL_SOCKET,
	TOP_JSON = CTL_JSON,
	TOP_ONCE,
	TOP_INTERVAL,
	TOP_TENANTS,
	TOP_OPTIONS
};

static const struct command_option top_options[TOP_OPTIONS] = {
	[TOP_ADMIN] = {"admin", "PATH", "where nn5g-gateway listens", NULL, false},
	[TOP_JSON] = {"json", NULL, "print JSON instead of a table", NULL, false},
	[TOP_ONCE] = {"once", NULL, "look once and end", NULL, false},
	[TOP_INTERVAL] = {"interval", "SECONDS", "time between two looks", "1", false},
	[TOP_TENANTS] = {"tenants", "COUNT", "how many, the busiest first", "20", false},
};

static int64_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* "18.2 Mbit/s": three digits are enough for what moves. */
static void rate_write(int64_t bps, char out[CTL_CELL_BYTES])
{
	static const struct {
		double size;
		const char *unit;
	} units[] = {{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}, {1, "bit/s"}};
	size_t i = 0;
	while (i < 3 && (double)bps < units[i].size)
		i++;
	double value = (double)bps / units[i].size;
	snprintf(out, CTL_CELL_BYTES, "%.*f %s",
		 value < 9.995 && i < 3 ? 2 : value < 99.95 && i < 3, value, units[i].unit);
}

static void delay_write(const json_t *us, char out[CTL_CELL_BYTES])
{
	if (json_is_integer(us))
		snprintf(out, CTL_CELL_BYTES, "%.2f ms", (double)json_integer_value(us) / 1000);
	else
		snprintf(out, CTL_CELL_BYTES, "-");
}

static void queue_write(const json_t *holder, char out[CTL_CELL_BYTES])
{
	snprintf(out, CTL_CELL_BYTES, "%" PRId64 " (%.1f kB)", number(holder, "queued_packets"),
		 (double)number(holder, "queued_bytes") / 1000);
}

/* "late 3, full 1": what is not 0; `passed` is not worth a word. */
static void counts_write(json_t *counts, const char *passed, char out[CTL_CELL_BYTES])
{
	size_t used = 0;
	snprintf(out, CTL_CELL_BYTES, "-");
	for (void *at = json_object_iter(counts); at; at = json_object_iter_next(counts, at)) {
		int64_t n = json_integer_value(json_object_iter_value(at));
		if (n > 0 && used < CTL_CELL_BYTES && strcmp(json_object_iter_key(at), passed) != 0)
			used += (size_t)snprintf(out + used, CTL_CELL_BYTES - used, "%s%s %" PRId64,
						 used ? ", " : "", json_object_iter_key(at), n);
	}
}

static void drops_write(const json_t *holder, char out[CTL_CELL_BYTES])
{
	counts_write(json_object_get(holder, "drops"), "", out);
}

static void policed_write(const json_t *holder, char out[CTL_CELL_BYTES])
{
	counts_write(json_object_get(holder, "policed"), "green", out);
}

/* What the holder may take at most: what its bar is full at. 0: nobody said. */
static int64_t ceiling_of(const json_t *holder, int64_t above_bps)
{
	int64_t max_bps = number(holder, "max_bps");
	return max_bps && (max_bps < above_bps || !above_bps) ? max_bps : above_bps;
}

/* "[=====|    ]": how full, and with "|" how much of it is guaranteed. */
static void bar_write(const json_t *holder, int64_t ceiling_bps, char out[CTL_CELL_BYTES])
{
	int64_t rate_bps = number(holder, "rate_bps");
	int64_t guaranteed_bps = number(holder, "guaranteed_bps");
	if (!ceiling_bps)
		ceiling_bps = guaranteed_bps;
	if (!ceiling_bps) {
		snprintf(out, CTL_CELL_BYTES, "-");
		return;
	}
	double filled = (double)rate_bps * BAR_CELLS / (double)ceiling_bps;
	int mark = guaranteed_bps ? (int)((double)guaranteed_bps * BAR_CELLS / (double)ceiling_bps)
				  : -1;
	char cells[BAR_CELLS + 1];
	for (int i = 0; i < BAR_CELLS; i++)
		cells[i] = i == mark ? '|' : (double)i + 0.5 < filled ? '=' : ' ';
	cells[BAR_CELLS] = '\0';
	snprintf(out, CTL_CELL_BYTES, "[%s] %3.0f%%", cells,
		 (double)rate_bps * 100 / (double)ceiling_bps);
}

/* A line of the table, as the columns below find it. */
static void line_add(json_t *lines, const char *indent, const char *name, const json_t *holder,
		     int64_t ceiling_bps)
{
	static const struct {
		const char *member;
		void (*write)(const json_t *holder, char out[CTL_CELL_BYTES]);
	} texts[] = {{"queue", queue_write}, {"lost", drops_write}, {"policed", policed_write}};
	char cell[CTL_CELL_BYTES];
	json_t *line = json_pack("{s:o}", "name", json_sprintf("%s%s", indent, name));
	rate_write(number(holder, "rate_bps"), cell);
	json_object_set_new(line, "rate", json_string(cell));
	if (ceiling_bps >= 0) {
		bar_write(holder, ceiling_bps, cell);
		json_object_set_new(line, "share", json_string(cell));
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		texts[i].write(holder, cell);
		json_object_set_new(line, texts[i].member, json_string(cell));
	}
	delay_write(json_object_get(holder, "p50_us"), cell);
	json_object_set_new(line, "p50", json_string(cell));
	delay_write(json_object_get(holder, "p99_us"), cell);
	json_object_set_new(line, "p99", json_string(cell));
	if (number(holder, "guaranteed_bps"))
		json_object_set(line, "guaranteed", json_object_get(holder, "guaranteed_bps"));
	if (number(holder, "max_bps"))
		json_object_set(line, "max", json_object_get(holder, "max_bps"));
	json_array_append_new(lines, line);
}

static void classes_add(json_t *lines, const char *indent, const json_t *holder)
{
	const json_t *class;
	size_t i;
	json_array_foreach(json_object_get(holder, "classes"), i, class)
	{
		const char *name = json_string_value(json_object_get(class, "class"));
		line_add(lines, indent, name ? name : "?", class, -1);
	}
}

static void slice_lines_add(json_t *lines, const json_t *slice, int64_t link_bps)
{
	const char *id = json_string_value(json_object_get(slice, "id"));
	int64_t ceiling_bps = ceiling_of(slice, link_bps);
	const json_t *tenant;
	size_t i;
	line_add(lines, "", id && *id ? id : "(no slice)", slice, ceiling_bps);
	classes_add(lines, "  ", slice);
	json_array_foreach(json_object_get(slice, "tenants"), i, tenant)
	{
		const char *name = json_string_value(json_object_get(tenant, "id"));
		if (!json_is_true(json_object_get(tenant, "placed")))
			continue;
		line_add(lines, "  ", name ? name : "?", tenant, ceiling_of(tenant, ceiling_bps));
		classes_add(lines, "    ", tenant);
	}
}

static void head_print(const json_t *now)
{
	char rate[CTL_CELL_BYTES], link[CTL_CELL_BYTES] = "not known", text[32] = "";
	const char *node = json_string_value(json_object_get(now, "node"));
	int64_t link_bps = number(now, "link_bps");
	time_t at = time(NULL);
	struct tm tm;
	if (gmtime_r(&at, &tm))
		strftime(text, sizeof(text), "%H:%M:%S UTC", &tm);
	rate_write(number(now, "rate_bps"), rate);
	if (link_bps)
		ctl_cell_write(CTL_BPS, json_object_get(now, "link_bps"), link);
	printf("%s  %s  %s sent, link %s\n\n", node ? node : "", text, rate, link);
}

/* How many lines of the table the terminal has room for. */
static size_t room_of_terminal(void)
{
	struct winsize size;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 8)
		return LINES_UNBOUNDED;
	return size.ws_row - 5u;
}

static void table_print(const json_t *now, size_t room)
{
	static const struct ctl_column columns[] = {
		{"SLICE / TENANT / CLASS", "name", CTL_TEXT, NULL},
		{"RATE", "rate", CTL_RIGHT_TEXT, NULL},
		{"SHARE", "share", CTL_TEXT, ""},
		{"GUARANTEED", "guaranteed", CTL_BPS, ""},
		{"MAX", "max", CTL_BPS, ""},
		{"QUEUED", "queue", CTL_RIGHT_TEXT, NULL},
		{"P50", "p50", CTL_RIGHT_TEXT, NULL},
		{"P99", "p99", CTL_RIGHT_TEXT, NULL},
		{"DROPPED", "lost", CTL_TEXT, NULL},
		{"POLICED", "policed", CTL_TEXT, NULL},
	};
	json_t *lines = json_array();
	const json_t *slice;
	size_t i;
	head_print(now);
	json_array_foreach(json_object_get(now, "slices"), i, slice)
	{
		slice_lines_add(lines, slice, number(now, "link_bps"));
	}
	size_t n = json_array_size(lines);
	while (json_array_size(lines) > room)
		json_array_remove(lines, json_array_size(lines) - 1);
	ctl_rows_print(CTL_COLUMNS(columns), lines);
	int64_t left_out = number(now, "tenants_left_out");
	if (n > room)
		printf("... and %zu more lines\n", n - room);
	else if (left_out)
		printf("... and %" PRId64 " more tenants (--tenants)\n", left_out);
	json_decref(lines);
}

static void look_print(const struct command_line *line, const json_t *now)
{
	bool is_live = !line->values[TOP_ONCE] && isatty(STDOUT_FILENO);
	if (line->values[TOP_JSON]) {
		json_dumpf(now, stdout, line->values[TOP_ONCE] ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
	} else {
		fputs(is_live ? CLEAR : "", stdout);
		table_print(now, is_live ? room_of_terminal() : LINES_UNBOUNDED);
		fputs(is_live || line->values[TOP_ONCE] ? "" : "\n", stdout);
	}
	fflush(stdout);
}

static int look(const struct command_line *line, int64_t tenants, json_t **out)
{
	return ctl_ask_node(line, "stats.slices",
			    json_pack("{s:I}", "tenants", (json_int_t)tenants), out);
}

static int slice_top_run(const struct command_line *line)
{
	int64_t interval_s, tenants;
	json_t *before = NULL, *now;
	if (!ctl_integer("--interval", line->values[TOP_INTERVAL], 1, INTERVAL_MAX_S,
			 &interval_s) ||
	    !ctl_integer("--tenants", line->values[TOP_TENANTS], 0, 100000, &tenants))
		return COMMAND_MISUSED;
	int rc = look(line, tenants, &before);
	while (rc == COMMAND_DONE) {
		sleep((unsigned int)interval_s);
		rc = look(line, tenants, &now);
		if (rc)
			break;
		json_t *shown = json_deep_copy(now);
		if (shown && slice_rates_add(shown, before))
			rc = ctl_fail("the node's answer makes no sense");
		else if (shown)
			look_print(line, shown);
		json_decref(shown);
		json_decref(before);
		before = now;
		if (line->values[TOP_ONCE] || ferror(stdout))
			break;
	}
	json_decref(before);
	return rc;
}

static const struct command commands[] = {
	{
		.name = "slice top",
		.text = "watch the slices of a node",
		.detail =
			"Shows what the slices of a node and their tenants send, until it is "
			"interrupted: rates on the wire, the share of what each may take at most "
			"(\"|\" marks what is guaranteed), what waits, how long it waits, what was "
			"dropped for which reason and what publishers sent over their rates since "
			"the look before. Asks the admin "
			"socket of a gateway on this machine.",
		.examples = "nn5gctl slice top\n"
			    "nn5gctl slice top --once --json\n"
			    "nn5gctl slice top --interval 5 --tenants 100",
		.options = top_options,
		.n_options = TOP_OPTIONS,
		.run = slice_top_run,
	},
};

const struct command_group ctl_top_commands = {
	.title = "Watching",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
