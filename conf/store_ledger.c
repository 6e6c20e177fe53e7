/* Reading ledgers, and signing their heads. A ledger may be long: it is read in pages. */
#include "conf/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "conf/log.h"
#include "conf/sql.h"
#include "conf/store_audit.h"

#define PAGE_ROWS 1000

struct page {
	int (*each)(void *context, const struct ledger_row *row);
	void *context;
	int64_t next; /* sequence */
	unsigned int rows;
	bool is_last; /* its end is no place to go on from */
};

static int give_row(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct page *page = context;
	struct ledger_row row;
	store_audit_read(columns, &row);
	page->is_last = row.sequence < page->next || row.sequence == INT64_MAX;
	page->next = page->is_last ? page->next : row.sequence + 1;
	page->rows++;
	return page->each(page->context, &row);
}

int store_ledger_rows(struct store *store, const char *tenant, int64_t from,
		      int (*each)(void *context, const struct ledger_row *row), void *context)
{
	struct page page = {.each = each, .context = context, .next = from};
	int rc;
	do {
		page.rows = 0;
		rc = sql_run(store_sql(store),
			     "SELECT " STORE_AUDIT_COLUMNS " FROM audit_logs"
			     " WHERE tenant = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3",
			     SQL_VALUES(sql_text(tenant), sql_integer(page.next),
					sql_integer(PAGE_ROWS)),
			     give_row, &page);
	} while (rc == 0 && page.rows == PAGE_ROWS && !page.is_last);
	return rc;
}

struct heads {
	int (*each)(void *context, const struct ledger_head *head);
	void *context;
};

/* A text or blob that does not fit is left out, which makes the signature fail. */
static int give_head(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct heads *heads = context;
	struct ledger_head head = {.size = (uint64_t)columns[1].integer,
				   .signed_at_ms = columns[3].integer};
	g_strlcpy(head.tenant, columns[0].text, sizeof(head.tenant));
	store_hash_read(&columns[2], &head.root);
	if (columns[4].type == SQL_TEXT && columns[4].bytes == sizeof(head.key_id) - 1)
		memcpy(head.key_id, columns[4].text, columns[4].bytes);
	if (columns[5].type == SQL_BLOB && columns[5].bytes == sizeof(head.signature))
		memcpy(head.signature, columns[5].text, sizeof(head.signature));
	return heads->each(heads->context, &head);
}

int store_ledger_heads(struct store *store, const char *tenant,
		       int (*each)(void *context, const struct ledger_head *head), void *context)
{
	struct heads heads = {each, context};
	return sql_run(store_sql(store),
		       "SELECT tenant, size, root, signed_at, key_id, signature FROM ledger_heads"
		       " WHERE tenant = $1 ORDER BY size",
		       SQL_VALUES(sql_text(tenant)), give_head, &heads);
}

struct state {
	int64_t *size;
	struct merkle_hash *last;
};

static int take_state(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct state *state = context;
	*state->size = columns[0].integer;
	store_hash_read(&columns[1], state->last);
	return 0;
}

int store_ledger_state(struct store *store, const char *tenant, int64_t *size,
		       struct merkle_hash *last)
{
	struct state state = {size, last};
	*size = 0;
	memset(last, 0, sizeof(*last));
	return sql_run(store_sql(store), "SELECT size, last_hash FROM ledgers WHERE tenant = $1",
		       SQL_VALUES(sql_text(tenant)), take_state, &state);
}

static int take_signed(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(uint64_t *)context = (uint64_t)MAX(columns[0].integer, 0);
	return 0;
}

int store_ledger_signed(struct store *store, const char *tenant, uint64_t *size)
{
	*size = 0;
	return sql_run(store_sql(store), "SELECT head_size FROM ledgers WHERE tenant = $1",
		       SQL_VALUES(sql_text(tenant)), take_signed, size);
}

struct tenants {
	int (*each)(void *context, const char *tenant);
	void *context;
};

static int give_tenant(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct tenants *tenants = context;
	return tenants->each(tenants->context, columns[0].text);
}

/* Whoever has rows, heads or a state: one that lost some of them is to be found too. */
int store_ledger_tenants(struct store *store, int (*each)(void *context, const char *tenant),
			 void *context)
{
	struct tenants tenants = {each, context};
	return sql_run(store_sql(store),
		       "SELECT tenant FROM ledgers UNION SELECT tenant FROM ledger_heads"
		       " UNION SELECT tenant FROM audit_logs ORDER BY 1",
		       NULL, 0, give_tenant, &tenants);
}

struct keys {
	int (*each)(void *context, const char *id, const char *pem);
	void *context;
};

static int give_key(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct keys *keys = context;
	return keys->each(keys->context, columns[0].text, columns[1].text);
}

int store_ledger_keys(struct store *store,
		      int (*each)(void *context, const char *id, const char *pem), void *context)
{
	struct keys keys = {each, context};
	return sql_run(store_sql(store), "SELECT id, public_key FROM ledger_keys ORDER BY id", NULL,
		       0, give_key, &keys);
}

/* --- Signing ---------------------------------------------------------------------------------- */

struct signing {
	const struct ledger_key *key;
	const char *tenant;
	int64_t now_ms, size;
	struct merkle_edge edge; /* of the newest head, then of the one that is made */
};

/* The edge is kept so that a head costs what was added since the last. It needs no trust: a head
 * over other rows than the ledger's is found by whoever verifies. */
static int take_edge(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct signing *signing = context;
	signing->size = columns[0].integer;
	signing->edge.n = (uint64_t)columns[1].integer;
	size_t bytes = (size_t)__builtin_popcountll(signing->edge.n) * MERKLE_BYTES;
	if (bytes != (columns[2].type == SQL_BLOB ? columns[2].bytes : 0))
		return -EBADMSG;
	if (bytes)
		memcpy(signing->edge.roots, columns[2].text, bytes);
	return 0;
}

static int add_leaf(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct signing *signing = context;
	struct ledger_row row;
	if (columns[0].integer != (int64_t)signing->edge.n ||
	    !store_hash_read(&columns[1], &row.hash))
		return -EBADMSG;
	struct merkle_hash leaf = ledger_row_leaf(&row);
	merkle_edge_add(&signing->edge, &leaf);
	return 0;
}

static int leaves_add(struct sql *sql, struct signing *signing)
{
	int rc = 0;
	while (rc == 0 && (int64_t)signing->edge.n < signing->size) {
		uint64_t before = signing->edge.n;
		rc = sql_run(sql,
			     "SELECT sequence, hash FROM audit_logs WHERE tenant = $1"
			     " AND sequence >= $2 AND sequence < $3 ORDER BY sequence LIMIT $4",
			     SQL_VALUES(sql_text(signing->tenant),
					sql_integer((int64_t)signing->edge.n),
					sql_integer(signing->size), sql_integer(PAGE_ROWS)),
			     add_leaf, signing);
		if (rc == 0 && signing->edge.n == before)
			rc = -EBADMSG;
	}
	return rc;
}

static int head_write(struct sql *sql, struct signing *signing)
{
	struct ledger_head head = {.size = signing->edge.n,
				   .root = merkle_edge_root(&signing->edge),
				   .signed_at_ms = signing->now_ms};
	g_strlcpy(head.tenant, signing->tenant, sizeof(head.tenant));
	int rc = ledger_head_sign(&head, signing->key);
	if (rc)
		return rc;
	rc = sql_run(sql,
		     "INSERT INTO ledger_heads (tenant, size, root, signed_at, key_id, signature)"
		     " VALUES ($1, $2, $3, $4, $5, $6)",
		     SQL_VALUES(sql_text(head.tenant), sql_integer((int64_t)head.size),
				sql_blob(head.root.bytes, MERKLE_BYTES),
				sql_integer(head.signed_at_ms), sql_text(head.key_id),
				sql_blob(head.signature, sizeof(head.signature))),
		     NULL, NULL);
	if (rc)
		return rc;
	return sql_run(sql, "UPDATE ledgers SET head_size = $2, head_edge = $3 WHERE tenant = $1",
		       SQL_VALUES(sql_text(head.tenant), sql_integer((int64_t)head.size),
				  sql_blob(signing->edge.roots,
					   (size_t)__builtin_popcountll(head.size) * MERKLE_BYTES)),
		       NULL, NULL);
}

/* Of two that sign at once the second finds nothing left to do. */
static int sign_one(struct sql *sql, void *context)
{
	struct signing *signing = context;
	signing->size = 0;
	signing->edge.n = 0;
	int rc = sql_run(sql,
			 sql_kind(sql) == SQL_POSTGRES
				 ? "SELECT size, head_size, head_edge FROM ledgers"
				   " WHERE tenant = $1 FOR UPDATE"
				 : "SELECT size, head_size, head_edge FROM ledgers"
				   " WHERE tenant = $1",
			 SQL_VALUES(sql_text(signing->tenant)), take_edge, signing);
	if (rc || (int64_t)signing->edge.n >= signing->size)
		return rc;
	rc = leaves_add(sql, signing);
	return rc ? rc : head_write(sql, signing);
}

static int take_grown(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	g_ptr_array_add(context, g_strdup(columns[0].text));
	return 0;
}

static int key_publish(struct store *store, const struct ledger_key *key)
{
	char *pem = ledger_key_public(key);
	if (!pem)
		return -ENOMEM;
	int rc = sql_run(store_sql(store),
			 "INSERT INTO ledger_keys (id, public_key) VALUES ($1, $2)"
			 " ON CONFLICT (id) DO NOTHING",
			 SQL_VALUES(sql_text(ledger_key_id(key)), sql_text(pem)), NULL, NULL);
	free(pem);
	return rc;
}

/* A ledger that cannot be signed does not keep the others from it; the first error is returned. */
int store_ledger_sign(struct store *store, const struct ledger_key *key, int64_t now_ms)
{
	GPtrArray *grown = g_ptr_array_new_with_free_func(g_free);
	int first = sql_run(store_sql(store),
			    "SELECT tenant FROM ledgers WHERE size > head_size ORDER BY tenant",
			    NULL, 0, take_grown, grown);
	if (first == 0 && grown->len > 0)
		first = key_publish(store, key);
	for (unsigned int i = 0; first != -ENOTCONN && i < grown->len; i++) {
		struct signing signing = {
			.key = key, .tenant = g_ptr_array_index(grown, i), .now_ms = now_ms};
		int rc = sql_transaction(store_sql(store), sign_one, &signing);
		if (rc == -EBADMSG)
			log_error(LOG_STORE, "a ledger's rows are not all there: not signed",
				  "\"tenant\":\"%s\"", log_escape(signing.tenant));
		first = first ? first : rc;
	}
	g_ptr_array_unref(grown);
	return first;
}
