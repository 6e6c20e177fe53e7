/* Tenants as operators see them: the row, and what comes of it with the plan beneath. */
#include "conf/store_catalog.h"

#include <errno.h>
#include <stdio.h>

#include <jansson.h>

#include "conf/policy.h"

#define ROW(MORE)                                                                                  \
	"SELECT t.id, t.name, t.plan, t.slice, t.slice_bps, t.issuer, t.standing, t.revision,"     \
	" t.created_at, t.changed_at, COALESCE(t.slice, p.slice), (SELECT count(*)"                \
	" FROM sessions s WHERE s.tenant = t.id AND s.state <> 'terminated')" MORE                 \
	" FROM tenants t LEFT JOIN plans p ON p.id = t.plan"
static const struct catalog_column row_columns[] = {
	{"id", CATALOG_TEXT},
	{"name", CATALOG_TEXT},
	{"plan", CATALOG_TEXT},
	{"slice", CATALOG_TEXT},
	{"slice_bps", CATALOG_INTEGER},
	{"issuer", CATALOG_TEXT},
	{"standing", CATALOG_TEXT},
	{"revision", CATALOG_INTEGER},
	{"created_at", CATALOG_INTEGER},
	{"changed_at", CATALOG_INTEGER},
	{"effective_slice", CATALOG_TEXT},
	{"sessions", CATALOG_INTEGER},
	{"policy", CATALOG_JSON}, /* where it is asked for */
	{NULL, CATALOG_TEXT},
};

/* The whole policy with its defaults, or what there is if somebody wrote nonsense by hand. */
static json_t *policy_complete(const json_t *merged)
{
	struct policy policy;
	FILE *errors = fopen("/dev/null", "w");
	int rc = errors ? policy_read(merged, "policy", errors, &policy) : -errno;
	if (errors)
		fclose(errors);
	if (rc)
		return json_deep_copy(merged);
	json_t *complete = policy_write(&policy);
	policy_free(&policy);
	return complete;
}

int store_tenant_get(struct store *store, const char *id, struct json_t **out)
{
	static const struct catalog_query query = {ROW(", t.policy") " WHERE t.id = $1",
						   row_columns};
	json_t *row, *document = NULL;
	int rc = catalog_get(store_sql(store), &query, SQL_VALUES(sql_text(id)), &row);
	if (rc)
		return rc;
	rc = store_tenant_document(store, id, &document);
	if (rc == 0 && (json_object_set_new(row, "effective",
					    policy_complete(json_object_get(document, "policy"))) ||
			json_object_set(row, "keys", json_object_get(document, "keys"))))
		rc = -ENOMEM;
	json_decref(document);
	if (rc)
		json_decref(row);
	else
		*out = row;
	return rc;
}

int store_tenant_list(struct store *store, struct json_t **out)
{
	static const struct catalog_query query = {ROW("") " ORDER BY t.id", row_columns};
	return catalog_list(store_sql(store), &query, NULL, 0, out);
}
