/* nn5gctl stats memory: where a node's memory is, from its admin socket. */
#include "conf/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

enum { MEMORY_ADMIN = CTL_SOCKET, MEMORY_JSON = CTL_JSON, MEMORY_OPTIONS };

static const struct command_option options[MEMORY_OPTIONS] = {
	[MEMORY_ADMIN] = {"admin", "PATH", "where nn5g-gateway listens", NULL, false},
	[MEMORY_JSON] = {"json", NULL, "print JSON instead of a table", NULL, false},
};

/* "12.3 KiB" */
static json_t *size_text(const json_t *bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
	if (!json_is_integer(bytes))
		return json_string("");
	double size = (double)json_integer_value(bytes);
	size_t i = 0;
	while (i < 3 && size >= 1024) {
		size /= 1024;
		i++;
	}
	return json_sprintf("%.*f %s", i > 0, size, units[i]);
}

static void table_print(const json_t *result)
{
	static const struct ctl_column columns[] = {
		{"OWNER", "owner", CTL_TEXT, NULL},
		{"RESIDENT", "resident", CTL_RIGHT_TEXT, NULL},
		{"A SESSION", "session", CTL_RIGHT_TEXT, ""},
		{"WHAT", "text", CTL_TEXT, NULL},
	};
	json_t *lines = json_array();
	const json_t *owner;
	size_t i;
	json_array_foreach(json_object_get(result, "owners"), i, owner)
	{
		json_array_append_new(
			lines,
			json_pack("{s:O, s:o, s:o, s:O}", "owner", json_object_get(owner, "owner"),
				  "resident", size_text(json_object_get(owner, "bytes")), "session",
				  size_text(json_object_get(owner, "session_bytes")), "text",
				  json_object_get(owner, "text")));
	}
	int64_t sessions = json_integer_value(json_object_get(result, "sessions"));
	json_t *growth = sessions > 0 ? size_text(json_object_get(result, "session_bytes"))
				      : json_string("");
	json_array_append_new(
		lines,
		json_pack("{s:s, s:o, s:o, s:o}", "owner", "all", "resident",
			  size_text(json_object_get(result, "resident_bytes")), "session", growth,
			  "text",
			  json_sprintf("%" PRId64 " sessions; a session is the growth since the "
				       "start by them",
				       sessions)));
	ctl_rows_print(CTL_COLUMNS(columns), lines);
	json_decref(lines);
}

static int stats_memory_run(const struct command_line *line)
{
	json_t *result;
	int rc = ctl_ask_node(line, "stats.memory", json_object(), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		table_print(result);
	json_decref(result);
	return COMMAND_DONE;
}

static const struct command commands[] = {
	{
		.name = "stats memory",
		.text = "where the memory of a node is, and what a session costs",
		.detail =
			"Shows the resident memory of a node by owner, as its admin socket tells, "
			"and what of it grows with sessions also for each of them. Owners add "
			"up to all; the last line's share of a session is what the process has "
			"grown by since its start.",
		.examples = "nn5gctl stats memory\n"
			    "nn5gctl stats memory --json",
		.options = options,
		.n_options = MEMORY_OPTIONS,
		.run = stats_memory_run,
	},
};

const struct command_group ctl_memory_commands = {
	.title = "Memory",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
