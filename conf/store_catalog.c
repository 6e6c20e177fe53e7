/* Rows as JSON and back, and what the catalogue's files check in common. What is written is checked
 * after it was written, inside the transaction, by the words of those who will read it: a tenant by
 * the reader of the node, the shares of slices by one query over all of them. So no check is ever
 * about something else than what is committed. */
#include "conf/store_catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/schema.h"
#include "conf/slice_config.h"
#include "conf/tenants.h"

static json_t *cell_read(const struct catalog_column *column, const struct sql_value *value)
{
	switch (column->cell) {
	case CATALOG_INTEGER:
		return json_integer(value->integer);
	case CATALOG_BOOLEAN:
		return json_boolean(value->integer != 0);
	case CATALOG_JSON:
		return json_loads(value->text, 0, NULL);
	default:
		return json_string(value->text);
	}
}

struct listing {
	const struct catalog_column *columns;
	json_t *list;
};

static int row_add(void *context, const struct sql_value *values, unsigned int n)
{
	struct listing *listing = context;
	json_t *object = json_object();
	for (unsigned int i = 0; i < n && listing->columns[i].name; i++) {
		const struct catalog_column *column = &listing->columns[i];
		if (values[i].type == SQL_NULL)
			continue;
		json_t *value = cell_read(column, &values[i]);
		if (!value || json_object_set_new(object, column->name, value)) {
			json_decref(object);
			return -EBADMSG;
		}
	}
	return json_array_append_new(listing->list, object) ? -ENOMEM : 0;
}

int catalog_list(struct sql *sql, const struct catalog_query *query, const struct sql_value *values,
		 unsigned int n_values, struct json_t **out)
{
	struct listing listing = {.columns = query->columns, .list = json_array()};
	if (!listing.list)
		return -ENOMEM;
	int rc = sql_run(sql, query->statement, values, n_values, row_add, &listing);
	if (rc)
		json_decref(listing.list);
	else
		*out = listing.list;
	return rc;
}

int catalog_get(struct sql *sql, const struct catalog_query *query, const struct sql_value *values,
		unsigned int n_values, struct json_t **out)
{
	json_t *list;
	int rc = catalog_list(sql, query, values, n_values, &list);
	if (rc)
		return rc;
	json_t *row = json_array_get(list, 0);
	if (row)
		*out = json_incref(row);
	json_decref(list);
	return row ? 0 : -ENOENT;
}

static int integer_take(void *context, const struct sql_value *values, unsigned int n)
{
	(void)n;
	*(int64_t *)context = values[0].type == SQL_INTEGER ? values[0].integer : 0;
	return 0;
}

int catalog_integer(struct sql *sql, const char *statement, const struct sql_value *values,
		    unsigned int n_values, int64_t *out)
{
	*out = 0;
	return sql_run(sql, statement, values, n_values, integer_take, out);
}

int catalog_change(struct sql *sql, const char *statement, const struct sql_value *values,
		   unsigned int n_values)
{
	int rc = sql_run(sql, statement, values, n_values, NULL, NULL);
	if (rc)
		return rc;
	return sql_changes(sql) > 0 ? 0 : -ENOENT;
}

int catalog_lock(struct sql *sql)
{
	if (sql_kind(sql) == SQL_SQLITE)
		return 0; /* its transactions write one after the other */
	return sql_script(sql, "LOCK TABLE slices IN SHARE ROW EXCLUSIVE MODE");
}

int catalog_refuse(struct store_refusal *refusal, int rc, const char *format, ...)
{
	if (!refusal)
		return rc;
	va_list args;
	va_start(args, format);
	vsnprintf(refusal->why, sizeof(refusal->why), format, args);
	va_end(args);
	return rc;
}

int catalog_change_run(struct catalog_change *change, int (*body)(struct sql *sql, void *context))
{
	struct store_refusal unheard;
	if (!change->refusal)
		change->refusal = &unheard;
	*change->refusal = (struct store_refusal){0};
	return sql_transaction(store_sql(change->store), body, change);
}

static bool member_fits(const struct catalog_member *member, const json_t *value)
{
	if (json_is_null(value))
		return !member->is_fixed;
	switch (member->cell) {
	case CATALOG_INTEGER:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case CATALOG_BOOLEAN:
		return json_is_boolean(value);
	case CATALOG_JSON:
		return json_is_object(value) || json_is_array(value);
	default:
		return json_is_string(value) && json_string_length(value) <= SCHEMA_TEXT_MAX &&
		       strlen(json_string_value(value)) == json_string_length(value);
	}
}

int catalog_members_check(const struct json_t *document, const struct catalog_member *members,
			  struct store_refusal *refusal)
{
	static const char *const expected[] = {
		[CATALOG_TEXT] = "a text",
		[CATALOG_INTEGER] = "a whole number, 0 or more",
		[CATALOG_BOOLEAN] = "true or false",
		[CATALOG_JSON] = "an object or list",
	};
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)document, name, value)
	{
		const struct catalog_member *member = members;
		while (member->name && strcmp(member->name, name) != 0)
			member++;
		if (!member->name)
			return catalog_refuse(refusal, -EINVAL, "%.64s: unknown key", name);
		if (!member_fits(member, value))
			return catalog_refuse(refusal, -EINVAL, "%s: expected %s", name,
					      expected[member->cell]);
	}
	return 0;
}

const char *catalog_id(const struct json_t *document, const char *noun,
		       struct store_refusal *refusal)
{
	const char *id = json_string_value(json_object_get(document, "id"));
	size_t len = id ? strlen(id) : 0;
	if (len >= 1 && len <= TENANT_ID_MAX && !schema_check_id(id))
		return id;
	catalog_refuse(refusal, -EINVAL,
		       "%s: found \"%.80s\", expected 1 to %d letters, digits, _ and -", noun,
		       id ? id : "", TENANT_ID_MAX);
	return NULL;
}

void catalog_policy_unbind(struct json_t *policy)
{
	const char *name;
	json_t *value;
	json_object_foreach(policy, name, value)
	{
		const char *text = json_string_value(value);
		if (json_is_object(value))
			catalog_policy_unbind(value);
		else if (text && strcmp(text, "unlimited") == 0)
			json_object_set_new(policy, name, json_null());
	}
}

FILE *catalog_why_open(struct store_refusal *refusal)
{
	memset(refusal->why, 0, sizeof(refusal->why));
	return fmemopen(refusal->why, sizeof(refusal->why) - 1, "w");
}

/* A reader's "tenant:1: key: ..." is of a file with lines; there is none here. */
void catalog_why_close(FILE *errors, struct store_refusal *refusal)
{
	char *why = refusal->why;
	if (errors)
		fclose(errors);
	size_t len = strlen(why), noun = strcspn(why, ":");
	if (strncmp(why + noun, ":1: ", 4) == 0)
		memmove(why + noun, why + noun + 2, len - noun - 1);
	for (len = strlen(why); len && why[len - 1] == '\n'; len--)
		why[len - 1] = '\0';
	for (char *c = why; (c = strchr(c, '\n'));)
		*c = ';';
}

int catalog_tenant_check(struct store *store, const char *id, struct store_refusal *refusal)
{
	json_t *document;
	struct tenant_config tenant;
	int rc = store_tenant_document(store, id, &document);
	if (rc)
		return rc;
	FILE *errors = catalog_why_open(refusal);
	rc = errors ? tenant_config_read(document, errors, &tenant) : -ENOMEM;
	catalog_why_close(errors, refusal);
	json_decref(document);
	if (rc == 0)
		tenant_config_free(&tenant);
	return rc;
}

int catalog_shares_check(struct sql *sql, const char *slice, int64_t share_bps,
			 struct store_refusal *refusal)
{
	int64_t missing_bps;
	int rc = catalog_integer(
		sql, "SELECT " CATALOG_PROMISED " - s.guaranteed_bps FROM slices s WHERE s.id = $1",
		SQL_VALUES(sql_text(slice)), &missing_bps);
	if (rc || missing_bps <= 0)
		return rc;
	int64_t left = share_bps > missing_bps ? share_bps - missing_bps : 0;
	refusal->left_bps = left;
	if (share_bps)
		return catalog_refuse(refusal, -ENOSPC,
				      "slice %s: found a share of %" PRId64
				      " bit/s, expected at most the %" PRId64 " bit/s it has left",
				      slice, share_bps, left);
	return catalog_refuse(refusal, -ENOSPC,
			      "slice %s would promise %" PRId64 " bit/s more than it has", slice,
			      missing_bps);
}

static int row_exists(struct sql *sql, const char *statement, const char *noun, const char *id,
		      struct store_refusal *refusal)
{
	int64_t n;
	int rc = id ? catalog_integer(sql, statement, SQL_VALUES(sql_text(id)), &n) : 0;
	if (rc || !id || n)
		return rc;
	return catalog_refuse(refusal, -ENOENT, "%s: there is no %.64s", noun, id);
}

int catalog_slice_exists(struct sql *sql, const char *id, struct store_refusal *refusal)
{
	return row_exists(sql, "SELECT count(*) FROM slices WHERE id = $1", "slice", id, refusal);
}

int catalog_plan_exists(struct sql *sql, const char *id, struct store_refusal *refusal)
{
	return row_exists(sql, "SELECT count(*) FROM plans WHERE id = $1", "plan", id, refusal);
}

struct sql_value catalog_text(const struct json_t *object, const char *name)
{
	return sql_text(json_string_value(json_object_get(object, name)));
}

struct sql_value catalog_number(const struct json_t *object, const char *name)
{
	return sql_integer(json_integer_value(json_object_get(object, name)));
}
