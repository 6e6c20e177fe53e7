/* nn5gctl plan, slice, paths: what tenants are made of. */
#include "conf/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/assignment.h"
#include "conf/tenants.h"

/* A put is a patch of the row with that id. Exit code. */
static int row_put(const struct command_line *line, enum assignment_row kind, const char *method,
		   const char *noun)
{
	char done[128];
	if (!ctl_is_word("the id", line->words[0], TENANT_ID_MAX))
		return COMMAND_MISUSED;
	json_t *row = json_pack("{s:s}", "id", line->words[0]);
	int rc = ctl_assign(line, 1, kind, row);
	if (rc) {
		json_decref(row);
		return rc;
	}
	snprintf(done, sizeof(done), "%s %s is set", noun, line->words[0]);
	return ctl_do(line, method, json_pack("{s:o}", noun, row), done);
}

static int list_print(const struct command_line *line, const char *method, const char *name,
		      const struct ctl_column *columns, size_t n)
{
	json_t *result;
	int rc = ctl_ask(line, method, json_object(), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		ctl_rows_print(columns, n, json_object_get(result, name));
	json_decref(result);
	return COMMAND_DONE;
}

static int plan_put_run(const struct command_line *line)
{
	return row_put(line, ASSIGNMENT_PLAN, "plan.put", "plan");
}

static int plan_list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"PLAN", "id", CTL_TEXT, NULL},
		{"SLICE", "slice", CTL_TEXT, NULL},
		{"SHARE", "slice_bps", CTL_BPS, NULL},
		{"VIDEO", "policy.prices.video_micros", CTL_MONEY, "0.00"},
		{"VOICE", "policy.prices.voice_micros", CTL_MONEY, "0.00"},
		{"MONTHLY", "policy.budget.monthly_micros", CTL_MONEY, "unlimited"},
		{"SESSIONS", "policy.sessions_max", CTL_NUMBER, "any"},
		{"TENANTS", "tenants", CTL_NUMBER, NULL},
	};
	return list_print(line, "plan.list", "plans", CTL_COLUMNS(columns));
}

static int plan_remove_run(const struct command_line *line)
{
	return ctl_do(line, "plan.remove", json_pack("{s:s}", "id", line->words[0]), "removed");
}

static int slice_put_run(const struct command_line *line)
{
	return row_put(line, ASSIGNMENT_SLICE, "slice.put", "slice");
}

static int slice_list_run(const struct command_line *line)
{
	static const struct ctl_column columns[] = {
		{"SLICE", "id", CTL_TEXT, NULL},
		{"SST", "sst", CTL_NUMBER, NULL},
		{"SD", "sd", CTL_TEXT, NULL},
		{"GUARANTEED", "guaranteed_bps", CTL_BPS, NULL},
		{"PROMISED", "promised_bps", CTL_BPS, NULL},
		{"MAX", "max_bps", CTL_BPS, NULL},
		{"LATENCY_MS", "latency_ms", CTL_NUMBER, NULL},
		{"5QI", "five_qi", CTL_NUMBER, NULL},
		{"TENANTS", "tenants", CTL_NUMBER, NULL},
	};
	return list_print(line, "slice.list", "slices", CTL_COLUMNS(columns));
}

static int slice_remove_run(const struct command_line *line)
{
	return ctl_do(line, "slice.remove", json_pack("{s:s}", "id", line->words[0]), "removed");
}

static int paths_run(const struct command_line *line)
{
	enum assignment_row kind = strcmp(line->words[0], "tenant") == 0 ? ASSIGNMENT_TENANT
				   : strcmp(line->words[0], "plan") == 0 ? ASSIGNMENT_PLAN
									 : ASSIGNMENT_SLICE;
	assignment_help(kind, stdout);
	return COMMAND_DONE;
}

#define COMMON .options = ctl_common_options, .n_options = CTL_OPTIONS
static const struct command commands[] = {
	{
		.name = "plan put",
		.arguments = "PLAN [PATH=VALUE]...",
		.text = "make or change a plan",
		.detail = "Makes a plan, or changes what is named of one that is there. Its "
			  "tenants change with it.",
		.examples = "nn5gctl plan put bronze slice=silver slice_bps=1M prices.video=0.03 "
			    "budget.monthly=10.00\n"
			    "nn5gctl plan put gold sessions_max=40",
		COMMON,
		.run = plan_put_run,
	},
	{
		.name = "plan list",
		.text = "list plans",
		.detail = "Lists all plans.",
		.examples = "nn5gctl plan list",
		COMMON,
		.run = plan_list_run,
	},
	{
		.name = "plan remove",
		.arguments = "PLAN",
		.text = "remove a plan",
		.detail = "Removes a plan that no tenant has.",
		.examples = "nn5gctl plan remove bronze",
		COMMON,
		.run = plan_remove_run,
	},
	{
		.name = "slice put",
		.arguments = "SLICE [PATH=VALUE]...",
		.text = "make or change a slice",
		.detail = "Makes a network slice, or changes what is named of one that is there. "
			  "Bandwidths are wire rates: 24 bytes of framing count with every packet.",
		.examples = "nn5gctl slice put events sst=1 sd=0000a1 guaranteed=100M max=300M "
			    "latency=50 five_qi=7",
		COMMON,
		.run = slice_put_run,
	},
	{
		.name = "slice list",
		.text = "list slices",
		.detail = "Lists all slices, with what is promised of each.",
		.examples = "nn5gctl slice list",
		COMMON,
		.run = slice_list_run,
	},
	{
		.name = "slice remove",
		.arguments = "SLICE",
		.text = "remove a slice",
		.detail = "Removes a slice that no plan and no tenant has.",
		.examples = "nn5gctl slice remove events",
		COMMON,
		.run = slice_remove_run,
	},
	{
		.name = "paths",
		.arguments = "tenant|plan|slice",
		.text = "list what can be set as PATH=VALUE",
		.detail = "Lists the paths that tenant set, plan put or slice put take. The unit "
			  "at a path's end may be left out: money is then a decimal number.",
		.examples = "nn5gctl paths tenant",
		.run = paths_run,
	},
};

const struct command_group ctl_plan_commands = {
	.title = "Plans and slices",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
