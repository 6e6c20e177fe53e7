/* nn5gctl session, node, events: the fleet, as its nodes tell of it. */
#include "conf/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#define EVENTS_MAX 10000
#define NODE_UP_MS 30000

enum { LIST_TENANT = CTL_OPTIONS, LIST_ENDED, LIST_OPTIONS };

static const struct command_option list_options[LIST_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[LIST_TENANT] = {"tenant", "ID", "only sessions of this tenant", NULL, false},
	[LIST_ENDED] = {"ended", NULL, "also those that ended since yesterday", NULL, false},
};

static int session_list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"SESSION", "session", CTL_TEXT, NULL}, {"NODE", "node", CTL_TEXT, NULL},
		{"TENANT", "tenant", CTL_TEXT, NULL},   {"STREAM", "stream", CTL_TEXT, NULL},
		{"ROLE", "role", CTL_TEXT, NULL},       {"STATE", "state", CTL_STATE, NULL},
		{"REASON", "reason", CTL_TEXT, NULL},   {"SINCE", "created_at", CTL_TIME, NULL},
	};
	json_t *result;
	int rc = ctl_ask(line, "session.list",
			 json_pack("{s:s*, s:b}", "tenant", line->values[LIST_TENANT], "ended",
				   line->values[LIST_ENDED] != NULL),
			 &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		ctl_rows_print(CTL_COLUMNS(columns), json_object_get(result, "sessions"));
	json_decref(result);
	return COMMAND_DONE;
}

enum { KILL_TENANT = CTL_OPTIONS, KILL_REASON, KILL_OPTIONS };

static const struct command_option kill_options[KILL_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[KILL_TENANT] = {"tenant", "ID", "all sessions of this tenant", NULL, false},
	[KILL_REASON] = {"reason", "OPERATOR|USER_EXIT|COST_LIMIT", "what the browser is told",
			 "OPERATOR", false},
};

static int session_kill_run(const struct command_line *line)
{
	const char *session = line->words[0], *tenant = line->values[KILL_TENANT];
	json_t *result;
	if (!session == !tenant)
		return ctl_misuse("session kill: expected SESSION or --tenant");
	int rc = ctl_ask(line, "session.kill",
			 json_pack("{s:s*, s:s*, s:s}", "session", session, "tenant", tenant,
				   "reason", line->values[KILL_REASON]),
			 &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		printf("sessions asked to end: %" JSON_INTEGER_FORMAT "\n",
		       json_integer_value(json_object_get(result, "sessions")));
	json_decref(result);
	return COMMAND_DONE;
}

/* A word for what the row says: up, draining, silent. */
static void node_state_add(json_t *node)
{
	int64_t seen_ms = json_integer_value(json_object_get(node, "seen_at"));
	bool is_silent = (int64_t)time(NULL) * 1000 - seen_ms > NODE_UP_MS;
	const char *state = is_silent                                            ? "silent"
			    : json_is_true(json_object_get(node, "is_draining")) ? "draining"
										 : "up";
	json_object_set_new(node, "state", json_string(state));
}

static int node_list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"NODE", "id", CTL_TEXT, NULL},
		{"STATE", "state", CTL_STATE, NULL},
		{"VERSION", "document.version", CTL_TEXT, NULL},
		{"SESSIONS", "sessions", CTL_NUMBER, NULL},
		{"PORT", "document.port_bps", CTL_BPS, NULL},
		{"SEEN", "seen_at", CTL_TIME, NULL},
	};
	json_t *result, *node;
	size_t i;
	int rc = ctl_ask(line, "node.list", json_object(), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result)) {
		json_array_foreach(json_object_get(result, "nodes"), i, node)
		{
			node_state_add(node);
		}
		ctl_rows_print(CTL_COLUMNS(columns), json_object_get(result, "nodes"));
	}
	json_decref(result);
	return COMMAND_DONE;
}

enum { DRAIN_OFF = CTL_OPTIONS, DRAIN_OPTIONS };

static const struct command_option drain_options[DRAIN_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[DRAIN_OFF] = {"off", NULL, "take new sessions again", NULL, false},
};

static int node_drain_run(const struct command_line *line)
{
	bool is_off = line->values[DRAIN_OFF] != NULL;
	return ctl_do(line, "node.drain",
		      json_pack("{s:s, s:b}", "node", line->words[0], "drain", !is_off),
		      is_off ? "takes new sessions again" : "draining: no new sessions");
}

static int node_remove_run(const struct command_line *line)
{
	return ctl_do(line, "node.remove", json_pack("{s:s}", "node", line->words[0]),
		      "removed; what it was granted is free again");
}

enum { EVENTS_TENANT = CTL_OPTIONS, EVENTS_COUNT, EVENTS_OPTIONS };

static const struct command_option events_options[EVENTS_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[EVENTS_TENANT] = {"tenant", "ID", "only events of this tenant", NULL, false},
	[EVENTS_COUNT] = {"max", "COUNT", "how many of the latest", "100", false},
};

static int events_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"TIME", "at", CTL_TIME, NULL},
		{"NODE", "node", CTL_TEXT, NULL},
		{"TENANT", "tenant", CTL_TEXT, NULL},
		{"TYPE", "event.type", CTL_TEXT, NULL},
		{"WHAT", "what", CTL_TEXT, NULL},
		{"STATUS", "event.status", CTL_NUMBER, NULL},
		{"STREAM", "event.stream", CTL_TEXT, NULL},
		{"DETAIL", "event.detail", CTL_TEXT, NULL},
	};
	int64_t max;
	json_t *result, *row;
	size_t i;
	if (!ctl_integer("--max", line->values[EVENTS_COUNT], 1, EVENTS_MAX, &max))
		return COMMAND_MISUSED;
	int rc = ctl_ask(line, "events.list",
			 json_pack("{s:s*, s:I}", "tenant", line->values[EVENTS_TENANT], "max",
				   (json_int_t)max),
			 &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result)) {
		json_array_foreach(json_object_get(result, "events"), i, row)
		{
			const json_t *event = json_object_get(row, "event");
			json_t *what = json_object_get(event, "gate_name");
			if (!what)
				what = json_object_get(event, "method");
			json_object_set(row, "what", what ? what : json_object_get(event, "slice"));
		}
		ctl_rows_print(CTL_COLUMNS(columns), json_object_get(result, "events"));
	}
	json_decref(result);
	return COMMAND_DONE;
}

static const struct command commands[] = {
	{
		.name = "session list",
		.text = "list sessions of the fleet",
		.detail = "Lists the sessions that run, on whichever node.",
		.examples = "nn5gctl session list --tenant acme",
		.options = list_options,
		.n_options = LIST_OPTIONS,
		.run = session_list_run,
	},
	{
		.name = "session kill",
		.arguments = "[SESSION]",
		.text = "end sessions",
		.detail = "Ends a session, or all of a tenant, on whichever node they are.",
		.examples = "nn5gctl session kill 1f0c2a64e9d14b0c8a52f7b3c6d7e8f9\n"
			    "nn5gctl session kill --tenant acme --reason COST_LIMIT",
		.options = kill_options,
		.n_options = KILL_OPTIONS,
		.run = session_kill_run,
	},
	{
		.name = "node list",
		.text = "list nodes",
		.detail = "Lists the nodes that ever said hello to the store.",
		.examples = "nn5gctl node list",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = node_list_run,
	},
	{
		.name = "node drain",
		.arguments = "NODE",
		.text = "let a node take no new sessions",
		.detail = "Makes a node refuse new sessions; those that run go on.",
		.examples = "nn5gctl node drain edge-7\nnn5gctl node drain edge-7 --off",
		.options = drain_options,
		.n_options = DRAIN_OPTIONS,
		.run = node_drain_run,
	},
	{
		.name = "node remove",
		.arguments = "NODE",
		.text = "forget a node that never comes back",
		.detail =
			"Forgets a node whose machine or state folder is lost: its sessions end as "
			"lost, and what it was granted is free again for other nodes. Refused "
			"until it was silent for a minute. Be sure that it is stopped: cut off "
			"from the store, it would go on to spend what it holds, which others may "
			"then spend too. Should it come back after all, its usage is billed, what "
			"it holds counts again, and what exceeds a limit is taken back from it.",
		.examples = "nn5gctl node remove edge-7",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = node_remove_run,
	},
	{
		.name = "events",
		.text = "show the audit trail",
		.detail = "Shows the latest denials and changes, and which slices were given and "
			  "taken, oldest first.",
		.examples = "nn5gctl events --tenant acme --max 20",
		.options = events_options,
		.n_options = EVENTS_OPTIONS,
		.run = events_run,
	},
};

const struct command_group ctl_session_commands = {
	.title = "Sessions and nodes",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
