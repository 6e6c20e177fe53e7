/* nn5gctl top-up, budget, usage: what a tenant has and what it used. */
#include "conf/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "conf/money.h"

#define MINUTES_MAX      1000000000
#define SECONDS_BACK_MAX (3650LL * 86400)

/* Members of accounts are money of credit and time of the others: two columns each, of which one
 * is there. */
static json_t *account_row(const json_t *account)
{
	static const char *const names[] = {"limit",     "used_month",  "used_total",
					    "topped_up", "outstanding", "available"};
	const char *name = json_string_value(json_object_get(account, "account"));
	json_t *row = json_pack("{s:s}", "account", name ? name : "");
	bool is_money = name && strcmp(name, "credit") == 0;
	for (size_t i = 0; row && i < sizeof(names) / sizeof(names[0]); i++) {
		char text[CTL_CELL_BYTES];
		const json_t *value = json_object_get(account, names[i]);
		if (!value)
			continue;
		ctl_cell_write(is_money ? CTL_MONEY : CTL_DURATION, value, text);
		json_object_set_new(row, names[i], json_string(text));
	}
	return row;
}

void ctl_budget_print(const struct json_t *budget)
{
	char account_title[32];
	const struct ctl_column columns[] = {
		{account_title, "account", CTL_TEXT, NULL},
		{"LIMIT", "limit", CTL_RIGHT_TEXT, "unlimited"},
		{"USED", "used_month", CTL_RIGHT_TEXT, NULL},
		{"EVER", "used_total", CTL_RIGHT_TEXT, NULL},
		{"TOPPED UP", "topped_up", CTL_RIGHT_TEXT, NULL},
		{"WITH NODES", "outstanding", CTL_RIGHT_TEXT, NULL},
		{"AVAILABLE", "available", CTL_RIGHT_TEXT, "unlimited"},
	};
	const char *month = json_string_value(json_object_get(budget, "month"));
	json_t *rows = json_array(), *account;
	size_t i;
	snprintf(account_title, sizeof(account_title), "%.16s", month ? month : "ACCOUNT");
	json_array_foreach(json_object_get(budget, "accounts"), i, account)
	{
		json_array_append_new(rows, account_row(account));
	}
	ctl_rows_print(CTL_COLUMNS(columns), rows);
	json_decref(rows);
}

static int budget_run(const struct command_line *line)
{
	json_t *result;
	int rc = ctl_ask(line, "budget", json_pack("{s:s}", "tenant", line->words[0]), &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		ctl_budget_print(result);
	json_decref(result);
	return COMMAND_DONE;
}

enum { TOP_UP_KEY = CTL_OPTIONS, TOP_UP_OPTIONS };

static const struct command_option top_up_options[TOP_UP_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[TOP_UP_KEY] = {"key", "TEXT", "idempotency key: repeating it adds nothing", NULL, false},
};

/* Money, or time: a plain number is minutes. Negative: neither. */
static int64_t amount_parse(const char *account, const char *text)
{
	int64_t value;
	if (strcmp(account, "credit") == 0)
		return money_parse(text, &value) || value == 0 ? -1 : value;
	if (*text && text[strspn(text, "0123456789")] == '\0') {
		value = strtoll(text, NULL, 10);
		return value < 1 || value > MINUTES_MAX ? -1 : value * 60000;
	}
	value = ctl_duration(text, MINUTES_MAX * INT64_C(60));
	return value < 0 ? -1 : value * 1000;
}

static int top_up_run(const struct command_line *line)
{
	const char *tenant = line->words[0], *account = line->words[1], *text = line->words[2];
	int64_t amount = amount_parse(account, text);
	json_t *result;
	if (amount < 0)
		return ctl_misuse("AMOUNT: found \"%.40s\", expected %s", text,
				  strcmp(account, "credit") == 0
					  ? "money like 1.00, up to 6 places"
					  : "minutes, or a time like 90s, 2h");
	int rc = ctl_ask(line, "top-up",
			 json_pack("{s:s, s:s, s:I, s:s*}", "tenant", tenant, "account", account,
				   "amount", (json_int_t)amount, "key", line->values[TOP_UP_KEY]),
			 &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result)) {
		if (!json_is_true(json_object_get(result, "added")))
			fputs("nn5gctl: nothing added: the key was used before\n", stderr);
		ctl_budget_print(json_object_get(result, "budget"));
	}
	json_decref(result);
	return COMMAND_DONE;
}

enum { USAGE_FROM = CTL_OPTIONS, USAGE_TO, USAGE_OPTIONS };

static const struct command_option usage_options[USAGE_OPTIONS] = {
	CTL_COMMON_OPTIONS,
	[USAGE_FROM] = {"from", "TIME", "from this time on: 2026-11-01, 2026-11-01T12:00:00Z, 7d",
			NULL, false},
	[USAGE_TO] = {"to", "TIME", "before this time", NULL, false},
};

/* A date, a time (UTC), or how long ago. False: none. */
static bool time_parse(const char *text, int64_t *ms)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"};
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = {0};
		const char *end = strptime(text, formats[i], &tm);
		if (!end || *end)
			continue;
		*ms = (int64_t)timegm(&tm) * 1000;
		return *ms >= 0;
	}
	int64_t seconds = ctl_duration(text, SECONDS_BACK_MAX);
	*ms = ((int64_t)time(NULL) - seconds) * 1000;
	return seconds > 0;
}

static int time_option(const struct command_line *line, int option, const char *name,
		       const char *member, json_t *params)
{
	int64_t ms;
	if (!line->values[option])
		return COMMAND_DONE;
	if (!time_parse(line->values[option], &ms))
		return ctl_misuse("%s: found %.40s, expected a time like 2026-11-01, "
				  "2026-11-01T12:00:00Z or 7d",
				  name, line->values[option]);
	json_object_set_new(params, member, json_integer(ms));
	return COMMAND_DONE;
}

/* Thousandths of a part, in what people count: time, tokens, turns. */
static void quantity_add(json_t *row)
{
	const char *unit = json_string_value(json_object_get(row, "unit"));
	const json_t *quantity = json_object_get(row, "quantity_ms");
	int64_t n = json_integer_value(quantity);
	char text[CTL_CELL_BYTES];
	if (unit && strcmp(unit, "minute_unit") == 0)
		ctl_cell_write(CTL_DURATION, quantity, text);
	else if (unit && strcmp(unit, "interaction_unit") == 0)
		snprintf(text, sizeof(text), "%" PRId64 ".%03d turns", n / 1000, (int)(n % 1000));
	else
		snprintf(text, sizeof(text), "%" PRId64 " tokens", n);
	json_object_set_new(row, "quantity", json_string(text));
}

static void usage_print(const json_t *result)
{
	static const struct ctl_column columns[] = {
		{"UNIT", "unit", CTL_TEXT, NULL},
		{"KIND", "kind", CTL_TEXT, NULL},
		{"PROVIDER", "provider_id", CTL_TEXT, NULL},
		{"ROWS", "rows", CTL_NUMBER, NULL},
		{"QUANTITY", "quantity", CTL_RIGHT_TEXT, NULL},
		{"COST", "cost_micros", CTL_MONEY, NULL},
		{"CREATOR", "creator_micros", CTL_MONEY, NULL},
		{"PLATFORM", "platform_micros", CTL_MONEY, NULL},
	};
	json_t *rows = json_deep_copy(json_object_get(result, "usage")), *row;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		quantity_add(row);
	}
	json_t *total = json_pack("{s:s}", "unit", "total");
	json_object_update_missing(total, (json_t *)(uintptr_t)result);
	json_array_append_new(rows, total);
	ctl_rows_print(CTL_COLUMNS(columns), rows);
	json_decref(rows);
}

static int usage_run(const struct command_line *line)
{
	json_t *result, *params = json_pack("{s:s}", "tenant", line->words[0]);
	int rc = params ? COMMAND_DONE : ctl_fail("a text is not UTF-8");
	if (rc == COMMAND_DONE)
		rc = time_option(line, USAGE_FROM, "--from", "from_ms", params);
	if (rc == COMMAND_DONE)
		rc = time_option(line, USAGE_TO, "--to", "to_ms", params);
	if (rc) {
		json_decref(params);
		return rc;
	}
	rc = ctl_ask(line, "usage", params, &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		usage_print(result);
	json_decref(result);
	return COMMAND_DONE;
}

static const struct command commands[] = {
	{
		.name = "top-up",
		.arguments = "TENANT credit|video|voice AMOUNT",
		.text = "add to an account of a tenant",
		.detail = "Adds money to a tenant's credit, or time to its video or voice minutes "
			  "of this month (a plain number is minutes). Sessions that fell for want "
			  "of it rise again.",
		.examples = "nn5gctl top-up acme credit 25.00 --key invoice-4711\n"
			    "nn5gctl top-up acme video 90",
		.options = top_up_options,
		.n_options = TOP_UP_OPTIONS,
		.run = top_up_run,
	},
	{
		.name = "budget",
		.arguments = "TENANT",
		.text = "show a tenant's accounts",
		.detail = "Shows limits, what was used this month and ever, what nodes hold, and "
			  "what is left.",
		.examples = "nn5gctl budget acme",
		.options = ctl_common_options,
		.n_options = CTL_OPTIONS,
		.run = budget_run,
	},
	{
		.name = "usage",
		.arguments = "TENANT",
		.text = "sum up what a tenant used",
		.detail = "Sums up a tenant's ledger by unit, kind and provider, for records "
			  "closed in the time given.",
		.examples = "nn5gctl usage acme --from 2026-11-01 --to 2026-12-01\n"
			    "nn5gctl usage acme --from 24h --json",
		.options = usage_options,
		.n_options = USAGE_OPTIONS,
		.run = usage_run,
	},
};

const struct command_group ctl_budget_commands = {
	.title = "Money and usage",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
