/* The fleet: nodes, their sessions, what they tell of. Wishes of operators (end this session, drain
 * that node) are columns; triggers tell the control planes that somebody wishes. */
#include "conf/store_catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define ENDED_KEEP_MS INT64_C(86400000)
#define EVENTS_MAX    INT64_C(1000000)

/* --- Who is alive ----------------------------------------------------------------------------- */

struct node_hello {
	const char *node, *boot;
	int64_t now_ms;
	const char *document, *instance;
	/* What the store knows: */
	bool is_another_boot, is_another_instance;
	int64_t seen_at_ms;
};

static const char *instance_of(const json_t *document)
{
	const char *instance = json_string_value(json_object_get(document, "instance"));
	return instance ? instance : "";
}

static int take_node(void *context, const struct sql_value *columns, unsigned int n)
{
	struct node_hello *hello = context;
	json_t *document = json_loads(columns[1].text, 0, NULL);
	(void)n;
	hello->is_another_boot = strcmp(columns[0].text, hello->boot) != 0;
	hello->is_another_instance = strcmp(instance_of(document), hello->instance) != 0;
	hello->seen_at_ms = columns[2].integer;
	json_decref(document);
	return 0;
}

/* The row is made first, so that of two that say hello for the first time one waits. */
static int node_lock(struct sql *sql, struct node_hello *hello)
{
	int rc = sql_run(sql, "INSERT INTO nodes (id) VALUES ($1) ON CONFLICT (id) DO NOTHING",
			 SQL_VALUES(sql_text(hello->node)), NULL, NULL);
	if (rc)
		return rc;
	return sql_run(sql,
		       sql_kind(sql) == SQL_POSTGRES
			       ? "SELECT boot, document, seen_at FROM nodes WHERE id = $1"
				 " FOR UPDATE"
			       : "SELECT boot, document, seen_at FROM nodes WHERE id = $1",
		       SQL_VALUES(sql_text(hello->node)), take_node, hello);
}

static int sessions_lose(struct sql *sql, const char *node, int64_t now_ms)
{
	return sql_run(sql,
		       "UPDATE sessions SET state = 'terminated', reason = 'LOST',"
		       " changed_at = $2, ended_at = $2 WHERE node = $1 AND state <> 'terminated'",
		       SQL_VALUES(sql_text(node), sql_integer(now_ms)), NULL, NULL);
}

/* Sessions of an earlier boot are gone; nobody else can say so. */
static int node_put(struct sql *sql, void *context)
{
	struct node_hello *hello = context;
	int rc = node_lock(sql, hello);
	if (rc == 0 && hello->is_another_boot && hello->is_another_instance &&
	    hello->seen_at_ms > hello->now_ms - STORE_NODE_LEASE_MS)
		return -EBUSY;
	if (rc == 0 && hello->is_another_boot)
		rc = sessions_lose(sql, hello->node, hello->now_ms);
	if (rc)
		return rc;
	return sql_run(sql, "UPDATE nodes SET boot = $2, document = $3, seen_at = $4 WHERE id = $1",
		       SQL_VALUES(sql_text(hello->node), sql_text(hello->boot),
				  sql_text(hello->document), sql_integer(hello->now_ms)),
		       NULL, NULL);
}

int store_node_put(struct store *store, const char *node, const char *boot, int64_t now_ms,
		   const struct json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT) : strdup("{}");
	if (!text)
		return -ENOMEM;
	struct node_hello hello = {.node = node,
				   .boot = boot,
				   .now_ms = now_ms,
				   .document = text,
				   .instance = instance_of(document)};
	int rc = sql_transaction(store_sql(store), node_put, &hello);
	free(text);
	return rc;
}

int store_node_seen(struct store *store, const char *node, const char *boot, int64_t now_ms)
{
	return catalog_change(store_sql(store),
			      "UPDATE nodes SET seen_at = $3 WHERE id = $1 AND boot = $2",
			      SQL_VALUES(sql_text(node), sql_text(boot), sql_integer(now_ms)));
}

struct node_removal {
	const char *node;
	int64_t now_ms;
	struct store_refusal *refusal;
};

static int node_remove(struct sql *sql, void *context)
{
	static const char *const leavings[] = {
		"DELETE FROM grants WHERE node = $1",
		"DELETE FROM recalls WHERE node = $1",
		"DELETE FROM nodes WHERE id = $1",
	};
	const struct node_removal *removal = context;
	const struct sql_value node = sql_text(removal->node);
	const struct sql_value since = sql_integer(removal->now_ms - STORE_NODE_SILENT_MS);
	int64_t is_heard;
	/* Locks it, too: a hello waits, and then finds none. */
	int rc = catalog_change(sql, "UPDATE nodes SET seen_at = seen_at WHERE id = $1",
				SQL_VALUES(node));
	if (rc == 0)
		rc = catalog_integer(sql,
				     "SELECT count(*) FROM nodes WHERE id = $1 AND seen_at > $2",
				     SQL_VALUES(node, since), &is_heard);
	if (rc == 0 && is_heard)
		return catalog_refuse(removal->refusal, -EBUSY,
				      "node %s was heard of within the last %d s: stop it first",
				      removal->node, STORE_NODE_SILENT_MS / 1000);
	if (rc == 0)
		rc = sessions_lose(sql, removal->node, removal->now_ms);
	for (size_t i = 0; rc == 0 && i < sizeof(leavings) / sizeof(leavings[0]); i++)
		rc = sql_run(sql, leavings[i], SQL_VALUES(node), NULL, NULL);
	return rc;
}

int store_node_remove(struct store *store, const char *node, int64_t now_ms,
		      struct store_refusal *refusal)
{
	struct node_removal removal = {node, now_ms, refusal};
	return sql_transaction(store_sql(store), node_remove, &removal);
}

int store_node_list(struct store *store, struct json_t **out)
{
	static const struct catalog_column columns[] = {
		{"id", CATALOG_TEXT},         {"boot", CATALOG_TEXT},
		{"document", CATALOG_JSON},   {"is_draining", CATALOG_BOOLEAN},
		{"seen_at", CATALOG_INTEGER}, {"sessions", CATALOG_INTEGER},
		{NULL, CATALOG_TEXT},
	};
	static const struct catalog_query query = {
		"SELECT id, boot, document, is_draining, seen_at, (SELECT count(*) FROM sessions s"
		" WHERE s.node = nodes.id AND s.state <> 'terminated') FROM nodes ORDER BY id",
		columns};
	return catalog_list(store_sql(store), &query, NULL, 0, out);
}

int store_node_drain(struct store *store, const char *node, bool is_draining)
{
	return catalog_change(store_sql(store), "UPDATE nodes SET is_draining = $2 WHERE id = $1",
			      SQL_VALUES(sql_text(node), sql_integer(is_draining)));
}

int store_node_is_draining(struct store *store, const char *node, bool *is_draining)
{
	int64_t value;
	int rc = catalog_integer(store_sql(store), "SELECT is_draining FROM nodes WHERE id = $1",
				 SQL_VALUES(sql_text(node)), &value);
	if (rc == 0)
		*is_draining = value != 0;
	return rc;
}

struct claims {
	const char *node;
	const json_t *list;
};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* An older epoch's word about a session that has moved on counts no more. */
static int claim_write(struct sql *sql, const char *node, const json_t *claim)
{
	int64_t at_ms = json_integer_value(json_object_get(claim, "at_ms"));
	const json_t *since = json_object_get(claim, "since_ms");
	int64_t since_ms = json_is_integer(since) ? json_integer_value(since) : at_ms;
	bool is_ended = strcmp(text_of(claim, "state"), "terminated") == 0;
	return sql_run(
		sql,
		"INSERT INTO sessions (id, node, tenant, stream, role, epoch, state, reason,"
		" provider_id, created_at, changed_at, ended_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
		" ON CONFLICT (id) DO UPDATE SET node = excluded.node, epoch = excluded.epoch,"
		" state = excluded.state, reason = excluded.reason,"
		" provider_id = excluded.provider_id, changed_at = excluded.changed_at,"
		" ended_at = excluded.ended_at WHERE sessions.epoch <= excluded.epoch",
		SQL_VALUES(sql_text(text_of(claim, "session")), sql_text(node),
			   sql_text(text_of(claim, "tenant")), sql_text(text_of(claim, "stream")),
			   sql_text(text_of(claim, "role")), catalog_number(claim, "epoch"),
			   sql_text(text_of(claim, "state")), sql_text(text_of(claim, "reason")),
			   sql_text(text_of(claim, "provider_id")), sql_integer(since_ms),
			   sql_integer(at_ms), is_ended ? sql_integer(at_ms) : sql_text(NULL)),
		NULL, NULL);
}

static int sessions_put(struct sql *sql, void *context)
{
	const struct claims *claims = context;
	size_t i;
	const json_t *claim;
	int64_t latest_ms = 0;
	int rc = 0;
	json_array_foreach(claims->list, i, claim)
	{
		int64_t at_ms = json_integer_value(json_object_get(claim, "at_ms"));
		if (rc == 0 && *text_of(claim, "session"))
			rc = claim_write(sql, claims->node, claim);
		latest_ms = at_ms > latest_ms ? at_ms : latest_ms;
	}
	if (rc || !latest_ms)
		return rc;
	return sql_run(sql, "DELETE FROM sessions WHERE ended_at < $1",
		       SQL_VALUES(sql_integer(latest_ms - ENDED_KEEP_MS)), NULL, NULL);
}

int store_sessions_put(struct store *store, const char *node, const struct json_t *sessions)
{
	struct claims claims = {node, sessions};
	return sql_transaction(store_sql(store), sessions_put, &claims);
}

#define SESSIONS                                                                                   \
	"SELECT id, node, tenant, stream, role, epoch, state, reason, provider_id, wanted,"        \
	" created_at, changed_at, ended_at FROM sessions"
#define ORDER " ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, ended_at DESC, id LIMIT $1"
static const struct catalog_column session_columns[] = {
	{"session", CATALOG_TEXT},       {"node", CATALOG_TEXT},
	{"tenant", CATALOG_TEXT},        {"stream", CATALOG_TEXT},
	{"role", CATALOG_TEXT},          {"epoch", CATALOG_INTEGER},
	{"state", CATALOG_TEXT},         {"reason", CATALOG_TEXT},
	{"provider_id", CATALOG_TEXT},   {"wanted", CATALOG_TEXT},
	{"created_at", CATALOG_INTEGER}, {"changed_at", CATALOG_INTEGER},
	{"ended_at", CATALOG_INTEGER},   {NULL, CATALOG_TEXT},
};

int store_session_list(struct store *store, const char *tenant, struct json_t **out)
{
	static const struct catalog_query all = {SESSIONS ORDER, session_columns};
	static const struct catalog_query some = {SESSIONS " WHERE tenant = $2" ORDER,
						  session_columns};
	const struct sql_value max = sql_integer(STORE_SESSIONS_MAX);
	if (!tenant || !*tenant)
		return catalog_list(store_sql(store), &all, SQL_VALUES(max), out);
	return catalog_list(store_sql(store), &some, SQL_VALUES(max, sql_text(tenant)), out);
}

int store_session_kill(struct store *store, const char *session, const char *reason)
{
	return catalog_change(
		store_sql(store),
		"UPDATE sessions SET wanted = $2 WHERE id = $1 AND state <> 'terminated'",
		SQL_VALUES(sql_text(session), sql_text(reason)));
}

int store_session_kill_all(struct store *store, const char *tenant, const char *reason, int64_t *n)
{
	int rc = sql_run(store_sql(store),
			 "UPDATE sessions SET wanted = $2 WHERE tenant = $1"
			 " AND state <> 'terminated'",
			 SQL_VALUES(sql_text(tenant), sql_text(reason)), NULL, NULL);
	if (rc == 0)
		*n = sql_changes(store_sql(store));
	return rc;
}

int store_session_end(struct store *store, const char *session, const char *reason, int64_t now_ms)
{
	return catalog_change(store_sql(store),
			      "UPDATE sessions SET state = 'terminated', reason = $2,"
			      " changed_at = $3, ended_at = $3 WHERE id = $1"
			      " AND state <> 'terminated'",
			      SQL_VALUES(sql_text(session), sql_text(reason), sql_integer(now_ms)));
}

struct kills {
	void (*each)(void *context, const char *session, const char *reason);
	void *context;
};

static int kill_tell(void *context, const struct sql_value *values, unsigned int n)
{
	const struct kills *kills = context;
	(void)n;
	kills->each(kills->context, values[0].text, values[1].text);
	return 0;
}

int store_session_kills(struct store *store, const char *node,
			void (*each)(void *context, const char *session, const char *reason),
			void *context)
{
	struct kills kills = {each, context};
	return sql_run(store_sql(store),
		       "SELECT id, wanted FROM sessions WHERE node = $1 AND wanted IS NOT NULL"
		       " AND state <> 'terminated' ORDER BY id",
		       SQL_VALUES(sql_text(node)), kill_tell, &kills);
}

/* The event itself is kept whole; tenant and time are columns to look it up by. */
static int event_write(struct sql *sql, const char *node, const json_t *event)
{
	char *text = json_dumps(event, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	int rc =
		sql_run(sql, "INSERT INTO events (node, tenant, at, event) VALUES ($1, $2, $3, $4)",
			SQL_VALUES(sql_text(node), sql_text(text_of(event, "tenant")),
				   catalog_number(event, "at_ms"), sql_text(text)),
			NULL, NULL);
	free(text);
	return rc;
}

static int events_put(struct sql *sql, void *context)
{
	const struct claims *claims = context;
	size_t i;
	const json_t *event;
	int rc = 0;
	json_array_foreach(claims->list, i, event)
	{
		if (rc == 0 && json_is_object(event))
			rc = event_write(sql, claims->node, event);
	}
	if (rc)
		return rc;
	return sql_run(sql, "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - $1",
		       SQL_VALUES(sql_integer(EVENTS_MAX)), NULL, NULL);
}

int store_events_put(struct store *store, const char *node, const struct json_t *events)
{
	struct claims claims = {node, events};
	return sql_transaction(store_sql(store), events_put, &claims);
}

#define EVENTS "SELECT id, node, tenant, at, event FROM events"
static const struct catalog_column event_columns[] = {
	{"id", CATALOG_INTEGER}, {"node", CATALOG_TEXT},  {"tenant", CATALOG_TEXT},
	{"at", CATALOG_INTEGER}, {"event", CATALOG_JSON}, {NULL, CATALOG_TEXT},
};

int store_event_list(struct store *store, const char *tenant, unsigned int max, struct json_t **out)
{
	static const struct catalog_query all = {
		"SELECT * FROM (" EVENTS " ORDER BY id DESC LIMIT $1) AS latest ORDER BY id",
		event_columns};
	static const struct catalog_query some = {
		"SELECT * FROM (" EVENTS " WHERE tenant = $2 ORDER BY id DESC LIMIT $1) AS latest"
		" ORDER BY id",
		event_columns};
	if (!tenant || !*tenant)
		return catalog_list(store_sql(store), &all, SQL_VALUES(sql_integer(max)), out);
	return catalog_list(store_sql(store), &some, SQL_VALUES(sql_integer(max), sql_text(tenant)),
			    out);
}
