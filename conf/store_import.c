/* One table, imports: (source, kind, id) -> document. */
#include "conf/store_import.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "conf/sql.h"
#include "conf/store.h"

static int take(void *context, const struct sql_value *columns, unsigned int n)
{
	json_t *kinds = context;
	(void)n;
	json_t *document = json_loads(columns[2].text, 0, NULL);
	if (!document)
		return 0; /* as if it had never been imported */
	json_t *kind = json_object_get(kinds, columns[0].text);
	if (!kind) {
		kind = json_object();
		if (json_object_set_new(kinds, columns[0].text, kind)) {
			json_decref(document);
			return -ENOMEM;
		}
	}
	return json_object_set_new(kind, columns[1].text, document) ? -ENOMEM : 0;
}

int store_import_list(struct store *store, const char *source, json_t **out)
{
	json_t *kinds = json_object();
	int rc = sql_run(store_sql(store),
			 "SELECT kind, id, document FROM imports WHERE source = $1",
			 SQL_VALUES(sql_text(source)), take, kinds);
	if (rc)
		json_decref(kinds);
	else
		*out = kinds;
	return rc;
}

int store_import_put(struct store *store, const char *source, const char *kind, const char *id,
		     const json_t *document)
{
	if (!document)
		return sql_run(store_sql(store),
			       "DELETE FROM imports WHERE source = $1 AND kind = $2 AND id = $3",
			       SQL_VALUES(sql_text(source), sql_text(kind), sql_text(id)), NULL,
			       NULL);
	char *text = json_dumps(document, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	int rc = sql_run(store_sql(store),
			 "INSERT INTO imports (source, kind, id, document) VALUES ($1, $2, $3, $4)"
			 " ON CONFLICT (source, kind, id) DO UPDATE SET document ="
			 " excluded.document",
			 SQL_VALUES(sql_text(source), sql_text(kind), sql_text(id), sql_text(text)),
			 NULL, NULL);
	free(text);
	return rc;
}
