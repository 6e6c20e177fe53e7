/* One table, four readers: the check of what comes in, plain help, Markdown, and JSON for a `help`
 * method. */
#include "conf/rpc_table.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "conf/rpc.h"

#define TEXT_BYTES_MAX 255

static const char *const type_names[] = {
	[RPC_TEXT] = "text",     [RPC_INTEGER] = "integer", [RPC_BOOLEAN] = "boolean",
	[RPC_OBJECT] = "object", [RPC_LIST] = "list",
};

static int64_t field_max(const struct rpc_field *field)
{
	if (field->type == RPC_TEXT)
		return field->max ? field->max : TEXT_BYTES_MAX;
	return field->min == 0 && field->max == 0 ? INT64_MAX : field->max;
}

static bool type_fits(enum rpc_type type, const json_t *value)
{
	switch (type) {
	case RPC_TEXT:
		return json_is_string(value);
	case RPC_INTEGER:
		return json_is_integer(value);
	case RPC_BOOLEAN:
		return json_is_boolean(value);
	case RPC_OBJECT:
		return json_is_object(value);
	case RPC_LIST:
		return json_is_array(value);
	}
	return false;
}

/* What a field takes, in words: "integer 1 to 10", "text of 1 to 63 bytes". */
static void field_describe(const struct rpc_field *field, char *text, size_t size)
{
	int64_t max = field_max(field);
	const char *name = type_names[field->type];
	if (field->type == RPC_TEXT)
		snprintf(text, size, "%s of %" PRId64 " to %" PRId64 " bytes", name, field->min,
			 max);
	else if (field->type == RPC_INTEGER && max == INT64_MAX)
		snprintf(text, size, "%s from %" PRId64, name, field->min);
	else if (field->type == RPC_INTEGER)
		snprintf(text, size, "%s %" PRId64 " to %" PRId64, name, field->min, max);
	else
		snprintf(text, size, "%s", name);
}

static bool field_fits(const struct rpc_field *field, const json_t *value)
{
	if (!type_fits(field->type, value))
		return false;
	int64_t number = field->type == RPC_INTEGER ? json_integer_value(value) : 0;
	if (field->type == RPC_TEXT)
		number = (int64_t)json_string_length(value);
	else if (field->type != RPC_INTEGER)
		return true;
	return number >= field->min && number <= field_max(field);
}

static const struct rpc_field *field_find(const struct rpc_method *method, const char *name)
{
	for (size_t i = 0; i < method->n_fields; i++)
		if (strcmp(method->fields[i].name, name) == 0)
			return &method->fields[i];
	return NULL;
}

/* False: the call has been failed. */
static bool params_check(const struct rpc_method *method, struct rpc_call *call, json_t *params)
{
	const char *name;
	json_t *value;
	char expected[96];
	for (size_t i = 0; i < method->n_fields; i++) {
		const struct rpc_field *field = &method->fields[i];
		value = json_object_get(params, field->name);
		if (value ? field_fits(field, value) : !field->is_required)
			continue;
		field_describe(field, expected, sizeof(expected));
		rpc_fail(call, RPC_INVALID_PARAMS, "%s: %s: %s, expected %s", method->name,
			 field->name, value ? "found something else" : "is missing", expected);
		return false;
	}
	json_object_foreach(params, name, value)
	{
		if (field_find(method, name))
			continue;
		rpc_fail(call, RPC_INVALID_PARAMS, "%s: %.63s: no such parameter", method->name,
			 name);
		return false;
	}
	return true;
}

void rpc_table_dispatch(const struct rpc_table *table, void *context, struct rpc_call *call,
			const char *method, json_t *params)
{
	for (size_t i = 0; i < table->n_methods; i++) {
		if (strcmp(table->methods[i].name, method) != 0)
			continue;
		if (params_check(&table->methods[i], call, params))
			table->methods[i].handle(context, call, params);
		return;
	}
	rpc_fail(call, RPC_NO_METHOD, "%.63s: no such method; help lists those of the %s", method,
		 table->title);
}

void rpc_table_help(const struct rpc_table *table, FILE *out)
{
	char type[96];
	fprintf(out, "%s\n", table->title);
	for (size_t i = 0; i < table->n_methods; i++) {
		const struct rpc_method *method = &table->methods[i];
		fprintf(out, "\n%s\n    %s\n", method->name, method->text);
		for (size_t k = 0; k < method->n_fields; k++) {
			const struct rpc_field *field = &method->fields[k];
			field_describe(field, type, sizeof(type));
			fprintf(out, "    %s (%s%s): %s\n", field->name, type,
				field->is_required ? "" : ", optional", field->text);
		}
		fprintf(out, "    -> %s\n", method->result);
	}
}

void rpc_table_reference(const struct rpc_table *table, FILE *out)
{
	char type[96];
	fprintf(out, "## %s\n", table->title);
	for (size_t i = 0; i < table->n_methods; i++) {
		const struct rpc_method *method = &table->methods[i];
		fprintf(out, "\n### `%s`\n\n%s\n\n", method->name, method->text);
		if (method->n_fields)
			fputs("| parameter | type | required | meaning |\n|---|---|---|---|\n",
			      out);
		for (size_t k = 0; k < method->n_fields; k++) {
			const struct rpc_field *field = &method->fields[k];
			field_describe(field, type, sizeof(type));
			fprintf(out, "| `%s` | %s | %s | %s |\n", field->name, type,
				field->is_required ? "yes" : "no", field->text);
		}
		fprintf(out, "%sResult: %s\n", method->n_fields ? "\n" : "", method->result);
	}
}

static json_t *method_describe(const struct rpc_method *method)
{
	char type[96];
	json_t *fields = json_array();
	for (size_t i = 0; i < method->n_fields; i++) {
		const struct rpc_field *field = &method->fields[i];
		field_describe(field, type, sizeof(type));
		json_array_append_new(fields, json_pack("{s:s, s:s, s:b, s:s}", "name", field->name,
							"type", type, "required",
							field->is_required, "text", field->text));
	}
	return json_pack("{s:s, s:s, s:o, s:s}", "name", method->name, "text", method->text,
			 "params", fields, "result", method->result);
}

json_t *rpc_table_describe(const struct rpc_table *table)
{
	json_t *methods = json_array();
	for (size_t i = 0; i < table->n_methods; i++)
		json_array_append_new(methods, method_describe(&table->methods[i]));
	return json_pack("{s:s, s:o}", "title", table->title, "methods", methods);
}
