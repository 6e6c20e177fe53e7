/* nn5gctl stats profile: where a node's time goes, from its admin socket. */
#include "conf/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#define INTERVAL_MAX_S 3600

enum { PROFILE_ADMIN = CTL_SOCKET, PROFILE_JSON = CTL_JSON, PROFILE_INTERVAL, PROFILE_OPTIONS };

static const struct command_option profile_options[PROFILE_OPTIONS] = {
	[PROFILE_ADMIN] = {"admin", "PATH", "where nn5g-gateway listens", NULL, false},
	[PROFILE_JSON] = {"json", NULL, "print JSON instead of a table", NULL, false},
	[PROFILE_INTERVAL] = {"interval", "SECONDS", "how long to look", "5", false},
};

/* What one stage did between two looks. */
struct stage {
	const char *name;
	double seconds;
	int64_t packets, instructions;
};

/* False: the answers do not belong together. */
static bool stage_between(const json_t *before, const json_t *now, size_t i, struct stage *out)
{
	const json_t *a = json_array_get(json_object_get(before, "stages"), i);
	const json_t *b = json_array_get(json_object_get(now, "stages"), i);
	const char *name = json_string_value(json_object_get(a, "stage"));
	const char *name_now = json_string_value(json_object_get(b, "stage"));
	if (!name || !name_now || strcmp(name, name_now) != 0)
		return false;
	*out = (struct stage){
		.name = name_now,
		.seconds = json_real_value(json_object_get(b, "seconds")) -
			   json_real_value(json_object_get(a, "seconds")),
		.packets = json_integer_value(json_object_get(b, "packets")) -
			   json_integer_value(json_object_get(a, "packets")),
		.instructions = json_integer_value(json_object_get(b, "instructions")) -
				json_integer_value(json_object_get(a, "instructions")),
	};
	return out->seconds >= 0 && out->packets >= 0;
}

/* The share of all threads' time, and what a packet of the stage took of it. */
static json_t *row_of(const struct stage *stage, double whole, double seconds,
		      bool has_instructions)
{
	char cell[CTL_CELL_BYTES];
	json_t *row = json_pack("{s:s}", "stage", stage->name);
	snprintf(cell, sizeof(cell), "%.2f %%", whole > 0 ? stage->seconds / whole * 100 : 0);
	json_object_set_new(row, "share", json_string(cell));
	snprintf(cell, sizeof(cell), "%.2f", stage->seconds / seconds * 1000);
	json_object_set_new(row, "ms", json_string(cell));
	if (stage->packets == 0)
		return row;
	double packets = (double)stage->packets;
	snprintf(cell, sizeof(cell), "%.0f", packets / seconds);
	json_object_set_new(row, "packets", json_string(cell));
	snprintf(cell, sizeof(cell), "%.0f", stage->seconds * 1e9 / packets);
	json_object_set_new(row, "ns", json_string(cell));
	snprintf(cell, sizeof(cell), "%.0f", (double)stage->instructions / packets);
	if (has_instructions)
		json_object_set_new(row, "instructions", json_string(cell));
	return row;
}

static int profile_print(const json_t *before, const json_t *now)
{
	static const struct ctl_column columns[] = {
		{"STAGE", "stage", CTL_TEXT, NULL},
		{"SHARE", "share", CTL_RIGHT_TEXT, NULL},
		{"MS/S", "ms", CTL_RIGHT_TEXT, NULL},
		{"PACKETS/S", "packets", CTL_RIGHT_TEXT, NULL},
		{"NS/PACKET", "ns", CTL_RIGHT_TEXT, NULL},
		{"INSTRUCTIONS", "instructions", CTL_RIGHT_TEXT, NULL},
	};
	size_t n = json_array_size(json_object_get(now, "stages"));
	bool has_instructions = json_is_true(json_object_get(now, "has_instructions"));
	json_int_t every = json_integer_value(json_object_get(now, "every"));
	double seconds = (double)(json_integer_value(json_object_get(now, "at_ns")) -
				  json_integer_value(json_object_get(before, "at_ns"))) /
			 1e9;
	json_t *rows = json_array();
	struct stage stage;
	double whole = 0;
	bool is_sound = seconds > 0;
	for (size_t i = 0; i < n && is_sound; i++) {
		is_sound = stage_between(before, now, i, &stage);
		whole += is_sound ? stage.seconds : 0;
	}
	for (size_t i = 0; i < n && is_sound; i++) {
		stage_between(before, now, i, &stage);
		json_array_append_new(rows, row_of(&stage, whole, seconds, has_instructions));
	}
	if (is_sound)
		ctl_rows_print(CTL_COLUMNS(columns), rows);
	json_decref(rows);
	if (!is_sound)
		return ctl_fail("the node's answer makes no sense");
	if (every > 1)
		printf("estimated from one round in %" JSON_INTEGER_FORMAT
		       "; nn5g-gateway --profile measures all\n",
		       every);
	else if (!has_instructions)
		puts("this machine, or the rights of the gateway on it, give no count of "
		     "instructions");
	return COMMAND_DONE;
}

static int profile_run(const struct command_line *line)
{
	int64_t interval_s;
	json_t *before, *now;
	if (!ctl_integer("--interval", line->values[PROFILE_INTERVAL], 1, INTERVAL_MAX_S,
			 &interval_s))
		return COMMAND_MISUSED;
	int rc = ctl_ask_node(line, "stats.profile", NULL, &before);
	if (rc)
		return rc;
	if (ctl_json(line, before)) {
		json_decref(before);
		return COMMAND_DONE;
	}
	sleep((unsigned int)interval_s);
	rc = ctl_ask_node(line, "stats.profile", NULL, &now);
	if (rc == COMMAND_DONE) {
		rc = profile_print(before, now);
		json_decref(now);
	}
	json_decref(before);
	return rc;
}

static const struct command commands[] = {
	{
		.name = "stats profile",
		.text = "show where a node's packet path spends its time",
		.detail = "Looks twice and shows, by stage, the share of all workers' time, the "
			  "milliseconds of each second, how many packets passed and what one took. "
			  "With --json it shows the totals since the start, at once. Asks the "
			  "admin socket of a gateway on this machine.",
		.examples = "nn5gctl stats profile\n"
			    "nn5gctl stats profile --interval 30\n"
			    "nn5gctl stats profile --json",
		.options = profile_options,
		.n_options = PROFILE_OPTIONS,
		.run = profile_run,
	},
};

const struct command_group ctl_profile_commands = {
	.title = "Profile",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
