/* Paths are looked up in rows: those of the row itself, then, for tenants and plans, the policy's
 * own (policy_rows.inc), so that a key of the policy is a path here without anybody saying so. */
#include "conf/assignment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/money.h"
#include "conf/policy_schema.h"
#include "conf/slice_schema.h"

#define PATH_BYTES_MAX  127
#define VALUE_BYTES_MAX 65536

static const struct schema_row own_rows[] = {
	{.path = "name", .type = SCHEMA_TEXT, .text = "What people call it."},
	{.path = "issuer", .type = SCHEMA_TEXT, .text = "The `iss` of its tokens."},
	{.path = "plan", .type = SCHEMA_TEXT, .text = "Its plan."},
	{.path = "slice", .type = SCHEMA_TEXT, .text = "Its slice."},
	{.path = "slice_bps",
	 .type = SCHEMA_NUMBER,
	 .unit = "bit/s",
	 .text = "Its share of the slice's guaranteed bandwidth."},
};
#define PLAN_ROWS (&own_rows[3])

#define POLICY_PATH(name)             name
#define POLICY_AT(member)             .offset = 0
#define POLICY_LIST_AT(member, count) .offset = 0
static const struct schema_row policy_rows[] = {
#include "conf/policy_rows.inc"
};

/* Which rows a path may name: the row's own, and the policy's or not. */
struct table {
	const struct schema_row *rows;
	size_t n;
	bool has_policy;
};

static struct table table_of(enum assignment_row kind)
{
	switch (kind) {
	case ASSIGNMENT_TENANT:
		return (struct table){own_rows, sizeof(own_rows) / sizeof(own_rows[0]), true};
	case ASSIGNMENT_PLAN:
		return (struct table){PLAN_ROWS, 2, true};
	default:
		return (struct table){slice_schema.rows, slice_schema.n_rows, false};
	}
}
#define POLICY_ROWS (sizeof(policy_rows) / sizeof(policy_rows[0]))

/* A slice's id and the line it stands on are no paths. */
static bool is_path(const struct schema_row *row)
{
	return row->type != SCHEMA_LINE && !row->is_required;
}

/* Ends of names that are units: they may be left out. */
static const char *const units[] = {"_micros", "_bps", "_minutes", "_ms"};

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), len = strlen(end);
	return n > len && strcmp(text + n - len, end) == 0;
}

/* Is `path` the row's, to the letter or but for its unit? */
static bool path_fits(const struct schema_row *row, const char *path, bool is_short)
{
	if (!is_short)
		return strcmp(row->path, path) == 0;
	size_t len = strlen(path);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (ends_with(row->path, units[i]) && strlen(row->path) == len + strlen(units[i]) &&
		    strncmp(row->path, path, len) == 0)
			return true;
	return false;
}

struct target {
	const struct schema_row *row;
	bool is_policy, is_short;
};

/* What is named to the letter comes first: budget.outage is not budget.outage_micros. */
static bool target_find(enum assignment_row kind, const char *path, struct target *out)
{
	const struct table table = table_of(kind);
	for (int is_short = 0; is_short <= 1; is_short++) {
		for (size_t i = 0; i < table.n; i++) {
			*out = (struct target){&table.rows[i], false, is_short};
			if (is_path(out->row) && path_fits(out->row, path, is_short))
				return true;
		}
		for (size_t i = 0; table.has_policy && i < POLICY_ROWS; i++) {
			*out = (struct target){&policy_rows[i], true, is_short};
			if (path_fits(out->row, path, is_short))
				return true;
		}
	}
	return false;
}

/* A number, with k, M or G after it where bits are counted. */
static json_t *number_read(const char *text, bool has_scale)
{
	static const struct {
		const char *end;
		int64_t scale;
	} scales[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}};
	size_t digits = strspn(text, "0123456789");
	errno = 0;
	long long value = digits ? strtoll(text, NULL, 10) : -1;
	for (size_t i = 0; i < (has_scale ? 4 : 1) && value >= 0 && !errno; i++)
		if (strcmp(text + digits, scales[i].end) == 0)
			return value <= INT64_MAX / scales[i].scale
				       ? json_integer(value * scales[i].scale)
				       : NULL;
	return NULL;
}

static json_t *list_read(const char *text)
{
	json_t *list = json_array();
	for (const char *at = text; list && *at;) {
		size_t len = strcspn(at, ",");
		json_array_append_new(list, json_stringn(at, len));
		at += len + (at[len] == ',');
	}
	return list;
}

static bool is_unlimitable(const struct schema_row *row)
{
	return row->fallback_text && strcmp(row->fallback_text, "unlimited") == 0;
}

/* The value as JSON, or NULL and what was expected. */
static json_t *value_read(const struct target *target, const char *text, const char **expected)
{
	const struct schema_row *row = target->row;
	int64_t micros;
	*expected = "UTF-8";
	switch (row->type) {
	case SCHEMA_NUMBER:
		if (is_unlimitable(row) && strcmp(text, "unlimited") == 0)
			return json_string(text);
		if (target->is_short && ends_with(row->path, "_micros")) {
			*expected = is_unlimitable(row)
					    ? "money like 1.00, up to 6 places, or unlimited"
					    : "money like 1.00, up to 6 places";
			return money_parse(text, &micros) ? NULL : json_integer(micros);
		}
		*expected = ends_with(row->path, "_bps") ? "a number of bit/s, like 2500000 or 2M"
			    : is_unlimitable(row)        ? "a whole number, or unlimited"
							 : "a whole number";
		return number_read(text, ends_with(row->path, "_bps"));
	case SCHEMA_BOOL:
		*expected = "true or false";
		return strcmp(text, "true") == 0    ? json_true()
		       : strcmp(text, "false") == 0 ? json_false()
						    : NULL;
	case SCHEMA_TEXTS:
		return list_read(text);
	case SCHEMA_ROWS:
		*expected = "a JSON list of objects";
		return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	default:
		return json_string(text);
	}
}

/* Sets object.a.b of "a.b", making what is not there. Takes over `value`. */
static int member_set(json_t *object, const char *path, json_t *value)
{
	const char *dot;
	while ((dot = strchr(path, '.'))) {
		char name[PATH_BYTES_MAX + 1];
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		json_t *next = json_object_get(object, name);
		if (!next) {
			next = json_object();
			json_object_set_new(object, name, next);
		}
		object = next;
		path = dot + 1;
	}
	return json_object_set_new(object, path, value) ? -ENOMEM : 0;
}

int assignment_parse(enum assignment_row kind, const char *text, FILE *errors, struct json_t *patch)
{
	char path[PATH_BYTES_MAX + 1], full[PATH_BYTES_MAX + 16];
	const char *equals = strchr(text, '='), *expected = "a value";
	struct target target;
	if (!equals || equals == text || equals - text > PATH_BYTES_MAX ||
	    strlen(equals) > VALUE_BYTES_MAX) {
		fprintf(errors, "found \"%.60s\", expected PATH=VALUE, like budget.monthly=1.00\n",
			text);
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%.*s", (int)(equals - text), text);
	if (!target_find(kind, path, &target)) {
		fprintf(errors, "%.60s: no such path; see nn5gctl paths\n", path);
		return -EINVAL;
	}
	json_t *value = equals[1] ? value_read(&target, equals + 1, &expected) : json_null();
	if (!value) {
		fprintf(errors, "%s: found \"%.60s\", expected %s\n", path, equals + 1, expected);
		return -EINVAL;
	}
	snprintf(full, sizeof(full), "%s%s", target.is_policy ? "policy." : "", target.row->path);
	return member_set(patch, full, value);
}

static void row_print(const struct schema_row *row, FILE *out)
{
	fprintf(out, "  %-36s %-10s %s", row->path, row->unit ? row->unit : "", row->text);
	for (size_t i = 0; row->choices && row->choices[i]; i++)
		fprintf(out, "%s%s", i ? ", " : " (", row->choices[i]);
	fputs(row->choices ? ")\n" : "\n", out);
}

void assignment_help(enum assignment_row kind, FILE *out)
{
	const struct table table = table_of(kind);
	for (size_t i = 0; i < table.n; i++)
		if (is_path(&table.rows[i]))
			row_print(&table.rows[i], out);
	for (size_t i = 0; table.has_policy && i < POLICY_ROWS; i++)
		row_print(&policy_rows[i], out);
}

/* Is it named by its short path, or would that name another row? */
static bool has_short_path(const struct schema_row *row, char path[PATH_BYTES_MAX + 1])
{
	snprintf(path, PATH_BYTES_MAX + 1, "%s", row->path);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (ends_with(row->path, units[i]))
			path[strlen(row->path) - strlen(units[i])] = '\0';
	struct target target;
	if (strcmp(path, row->path) != 0 && target_find(ASSIGNMENT_TENANT, path, &target) &&
	    target.row == row)
		return true;
	snprintf(path, PATH_BYTES_MAX + 1, "%s", row->path);
	return false;
}

static json_t *number_write(const struct schema_row *row, int64_t value, bool is_short)
{
	static const struct {
		int64_t scale;
		const char *end;
	} scales[] = {{1000000000, "G"}, {1000000, "M"}, {1000, "k"}, {1, ""}};
	char money[MONEY_TEXT_MAX];
	size_t i = 0;
	if (is_short && ends_with(row->path, "_micros"))
		return json_string(money_write(value, money));
	if (!ends_with(row->path, "_bps") || value == 0)
		return json_sprintf("%" PRId64, value);
	while (value % scales[i].scale)
		i++;
	return json_sprintf("%" PRId64 "%s", value / scales[i].scale, scales[i].end);
}

static json_t *list_write(const json_t *list)
{
	char text[VALUE_BYTES_MAX] = "";
	size_t i, n = 0;
	const json_t *item;
	json_array_foreach(list, i, item)
	{
		int more = snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "",
				    json_string_value(item));
		if (more < 0 || (size_t)more >= sizeof(text) - n)
			break;
		n += (size_t)more;
	}
	return json_string(text);
}

static json_t *value_write(const struct schema_row *row, const json_t *value, bool is_short)
{
	if (!value && is_unlimitable(row))
		return json_string("unlimited");
	if (json_is_integer(value))
		return number_write(row, json_integer_value(value), is_short);
	if (json_is_boolean(value))
		return json_string(json_is_true(value) ? "true" : "false");
	if (row->type == SCHEMA_TEXTS)
		return list_write(value);
	if (row->type != SCHEMA_ROWS)
		return value ? json_copy((json_t *)(uintptr_t)value) : json_string("");
	char *text = json_dumps(value, JSON_COMPACT);
	json_t *written = text ? json_string(text) : NULL;
	free(text);
	return written;
}

static json_t *member_get(const json_t *object, const char *path)
{
	const char *dot = strchr(path, '.');
	char section[PATH_BYTES_MAX + 1];
	if (!dot)
		return json_object_get(object, path);
	snprintf(section, sizeof(section), "%.*s", (int)(dot - path), path);
	return json_object_get(json_object_get(object, section), dot + 1);
}

struct json_t *assignment_write(const struct json_t *effective, const struct json_t *own)
{
	json_t *rows = json_array();
	for (size_t i = 0; rows && i < POLICY_ROWS; i++) {
		const struct schema_row *row = &policy_rows[i];
		char path[PATH_BYTES_MAX + 1];
		bool is_short = has_short_path(row, path);
		json_t *value = value_write(row, member_get(effective, row->path), is_short);
		json_array_append_new(
			rows, json_pack("{s:s, s:o, s:s}", "path", path, "value", value, "from",
					member_get(own, row->path) ? "tenant" : "plan"));
	}
	return rows;
}
