/* What the node reports goes to the store in one transaction, and is acknowledged only then; what
 * operators wish of the node (sessions that are to end, draining) comes back the other way. */
#include "conf/control_private.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/usage.h"

#define RECORDS_MAX 256

struct control_usage {
	struct control *control; /* parent */
	GHashTable *kills;       /* sessions that the node was asked to end, by id */
	int drain;               /* what it was told last; -1: nothing */
};

struct control_usage *control_usage_create(struct control *control)
{
	struct control_usage *usage = g_new0(struct control_usage, 1);
	usage->control = control;
	usage->kills = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	usage->drain = -1;
	return usage;
}

void control_usage_destroy(struct control_usage *usage)
{
	g_hash_table_unref(usage->kills);
	g_free(usage);
}

void control_usage_forget(struct control_usage *usage)
{
	g_hash_table_remove_all(usage->kills);
	usage->drain = -1;
}

/* --- Reports ---------------------------------------------------------------------------------- */

/* Ids are the node's to remember: a record that makes no sense is refused under the one it has. */
static void record_refuse(const json_t *object, const char *why, json_t *refused)
{
	const char *id = json_string_value(json_object_get(object, "id"));
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);
	log_error(LOG_ACCOUNT, "a usage record makes no sense",
		  "\"cause\":\"%s\",\"record\":\"%s\"", log_escape(why), log_escape(text));
	g_free(text);
	if (id)
		json_array_append_new(refused, json_string(id));
}

void control_usage_report(struct control *control, struct rpc_call *call, const json_t *params)
{
	const json_t *list = json_object_get(params, "records");
	size_t i, size = json_array_size(list);
	const json_t *object;
	if (size > RECORDS_MAX) {
		rpc_fail(call, RPC_INVALID_PARAMS, "records: found %zu, expected at most %d", size,
			 RECORDS_MAX);
		return;
	}
	struct usage_record *records = g_new(struct usage_record, size + 1);
	enum store_verdict verdicts[RECORDS_MAX + 1];
	json_t *acknowledged = json_array(), *refused = json_array(), *elsewhere = json_array();
	unsigned int n = 0;
	json_array_foreach((json_t *)list, i, object)
	{
		const char *why = NULL;
		if (usage_read(object, &records[n], &why) == 0)
			n++;
		else
			record_refuse(object, why, refused);
	}
	int rc = n ? store_usage_commit(control->store, records, n, verdicts) : 0;
	for (i = 0; rc == 0 && i < n; i++) {
		json_array_append_new(verdicts[i] == STORE_REFUSED ? refused : acknowledged,
				      json_string(records[i].id));
		if (verdicts[i] == STORE_ELSEWHERE)
			json_array_append_new(elsewhere, json_string(records[i].id));
	}
	json_t *answer = json_pack("{s:o, s:o, s:o}", "acknowledged", acknowledged, "refused",
				   refused, "elsewhere", elsewhere);
	g_free(records);
	if (control_store_did(control, rc, "usage.report")) {
		rpc_answer(call, answer);
		return;
	}
	json_decref(answer);
	rpc_fail(call, RPC_UNAVAILABLE, "the store did not take it: %s", strerror(-rc));
}

void control_usage_sign(struct control *control)
{
	if (control_store(control))
		control_store_did(
			control,
			store_ledger_sign(control->store, control->ledger_key, control_now_ms()),
			"ledger heads");
}

/* --- What operators wish ---------------------------------------------------------------------- */

struct kill {
	struct control *control;
	char session[CONTROL_SESSION_MAX + 1];
	char reason[32];
};

/* It ended without our hearing of it: the store is told, or it would wish on. */
static int session_end(struct control *control, const struct kill *kill)
{
	int rc = store_session_end(control->store, kill->session, kill->reason, control_now_ms());
	return rc == -ENOENT ? 0 : rc;
}

static void on_killed(void *context, const json_t *result, const struct rpc_error *error)
{
	struct kill *kill = context;
	struct control *control = kill->control;
	(void)result;
	if (error && error->code == RPC_NOT_FOUND && control_is_whole(control)) {
		control_store_did(control, session_end(control, kill), "session.kill");
	} else if (error && error->code != RPC_CLOSED) {
		log_error(LOG_SESSION, "the node does not end a session",
			  "\"session\":\"%s\",\"cause\":\"%s\"", log_escape(kill->session),
			  log_escape(error->message));
		g_hash_table_remove(control->usage->kills, kill->session); /* asked again */
	}
	g_free(kill);
}

static void kill_take(void *context, const char *session, const char *reason)
{
	GPtrArray *kills = context;
	struct kill *kill = g_new0(struct kill, 1);
	g_strlcpy(kill->session, session, sizeof(kill->session));
	g_strlcpy(kill->reason, reason && *reason ? reason : "OPERATOR", sizeof(kill->reason));
	g_ptr_array_add(kills, kill);
}

static void kills_look(struct control_usage *usage)
{
	struct control *control = usage->control;
	GPtrArray *kills = g_ptr_array_new();
	int rc = store_session_kills(control->store, control->node_id, kill_take, kills);
	control_store_did(control, rc, "session.kill");
	for (unsigned int i = 0; i < kills->len; i++) {
		struct kill *kill = kills->pdata[i];
		if (rc || !g_hash_table_add(usage->kills, g_strdup(kill->session))) {
			g_free(kill);
			continue;
		}
		kill->control = control;
		rpc_invoke(
			control->node, "session.terminate",
			json_pack("{s:s, s:s}", "session", kill->session, "reason", kill->reason),
			on_killed, kill);
	}
	g_ptr_array_unref(kills);
}

static void on_drained(void *context, const json_t *result, const struct rpc_error *error)
{
	struct control_usage *usage = context;
	(void)result;
	if (!error || error->code == RPC_CLOSED)
		return;
	log_error(LOG_ADMIN, "the node does not drain", "\"cause\":\"%s\"",
		  log_escape(error->message));
	usage->drain = -1; /* told again with the next look */
}

static void drain_look(struct control_usage *usage)
{
	struct control *control = usage->control;
	bool is_draining;
	int rc = store_node_is_draining(control->store, control->node_id, &is_draining);
	if (!control_store_did(control, rc, "node.drain") || usage->drain == (int)is_draining)
		return;
	bool is_news = is_draining || usage->drain >= 0; /* a node starts as not draining */
	usage->drain = is_draining;
	if (is_news)
		rpc_invoke(control->node, "node.drain", json_pack("{s:b}", "drain", is_draining),
			   on_drained, usage);
}

void control_usage_look(struct control_usage *usage)
{
	kills_look(usage);
	if (control_is_whole(usage->control))
		drain_look(usage);
}
