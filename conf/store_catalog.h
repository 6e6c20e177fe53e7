/* What the files of the catalogue share: results as JSON, refusals in words, documents. Not for
 * others: they see conf/store.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/sql.h"
#include "conf/store.h"

enum catalog_cell { CATALOG_TEXT, CATALOG_INTEGER, CATALOG_BOOLEAN, CATALOG_JSON };

/* What a column of a result is called and holds. */
struct catalog_column {
	const char *name;
	enum catalog_cell cell;
};

struct catalog_query {
	const char *statement;
	const struct catalog_column *columns; /* a NULL name at the end */
};

/* All rows as an array of objects; what is NULL is absent. -EBADMSG: JSON that is none. */
int catalog_list(struct sql *sql, const struct catalog_query *query, const struct sql_value *values,
		 unsigned int n_values, struct json_t **out);
/* The one row as an object. -ENOENT. */
int catalog_get(struct sql *sql, const struct catalog_query *query, const struct sql_value *values,
		unsigned int n_values, struct json_t **out);
/* The one integer of the one row; 0 for no row and NULL. */
int catalog_integer(struct sql *sql, const char *statement, const struct sql_value *values,
		    unsigned int n_values, int64_t *out);
/* A statement that changes rows: -ENOENT when it changed none. */
int catalog_change(struct sql *sql, const char *statement, const struct sql_value *values,
		   unsigned int n_values);
/* Makes those who change the catalogue wait for each other: the first step of a transaction. */
int catalog_lock(struct sql *sql);

/* Returns `rc`; says why, if anybody listens. */
int catalog_refuse(struct store_refusal *refusal, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What a reader says of faults becomes the refusal's why. */
FILE *catalog_why_open(struct store_refusal *refusal);
void catalog_why_close(FILE *errors, struct store_refusal *refusal);

/* One change of a row, the context of its transaction; there always is a refusal. */
struct catalog_change {
	struct store *store;
	const char *id;
	const struct json_t *document;
	struct store_refusal *refusal;
};
int catalog_change_run(struct catalog_change *change, int (*body)(struct sql *sql, void *context));

/* A member that a document may have. */
struct catalog_member {
	const char *name;
	enum catalog_cell cell;
	bool is_fixed; /* not to be null */
};
/* Are all members known (a NULL name ends the list) and of their type? -EINVAL, told. */
int catalog_members_check(const struct json_t *document, const struct catalog_member *members,
			  struct store_refusal *refusal);
/* The id of a document: 1 to 63 letters, digits, _ and -; NULL and told. */
const char *catalog_id(const struct json_t *document, const char *noun,
		       struct store_refusal *refusal);

/* Turns "unlimited" into null, everywhere below. */
void catalog_policy_unbind(struct json_t *policy);
/* Would a node take the tenant? -EINVAL with the node's own words. */
int catalog_tenant_check(struct store *store, const char *id, struct store_refusal *refusal);
/* Does a slice (NULL: none) promise more than it has? -ENOSPC, told: as it asks for `share_bps`
 * more (already counted), or, with 0, in general. */
int catalog_shares_check(struct sql *sql, const char *slice, int64_t share_bps,
			 struct store_refusal *refusal);
/* What is promised of slice s: the shares of its tenants, wherever they have it from. */
#define CATALOG_PROMISED                                                                           \
	"CAST(COALESCE((SELECT SUM(t.slice_bps) FROM tenants t LEFT JOIN plans p ON p.id = t.plan" \
	" WHERE COALESCE(t.slice, p.slice) = s.id), 0) AS BIGINT)"
/* -ENOENT, told, when a slice or plan is named that is not there; NULL is none. */
int catalog_slice_exists(struct sql *sql, const char *id, struct store_refusal *refusal);
int catalog_plan_exists(struct sql *sql, const char *id, struct store_refusal *refusal);

/* Members of a JSON object as parameters; what is absent is NULL. */
struct sql_value catalog_text(const struct json_t *object, const char *name);
struct sql_value catalog_number(const struct json_t *object, const char *name);
