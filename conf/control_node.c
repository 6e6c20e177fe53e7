/* The connection to the node's admin socket: made again and again until it stands, hello first, and
 * then calls of both sides. What the node said of itself is brought to the store as soon as there
 * is one; before that it is granted nothing, for what it already holds is not known. */
#include "conf/control_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/log.h"

#define BEAT_TICKS      5
#define PAUSE_STEADY_MS 1000 /* a connection that was refused is not tried at once */

static void node_retry(struct control *control);

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* --- Upcalls ---------------------------------------------------------------------------------- */

/* The answer to a call that only writes to the store. */
static void answer_stored(struct control *control, struct rpc_call *call, int rc, const char *what)
{
	if (control_store_did(control, rc, what))
		rpc_answer(call, NULL);
	else if (rc == -EINVAL)
		rpc_fail(call, RPC_INVALID_PARAMS, "%s: the store refuses it as ill-formed", what);
	else
		rpc_fail(call, RPC_UNAVAILABLE, "%s: the store did not take it", what);
}

static bool is_available(struct control *control, struct rpc_call *call)
{
	if (control_is_whole(control))
		return true;
	rpc_fail(call, RPC_UNAVAILABLE, "the store is away");
	return false;
}

static void on_quota_request(void *context, struct rpc_call *call, json_t *params)
{
	struct control *control = context;
	if (is_available(control, call))
		control_quota_request(control->quota, call, params);
}

static void on_usage_report(void *context, struct rpc_call *call, json_t *params)
{
	if (is_available(context, call))
		control_usage_report(context, call, params);
}

static bool is_of_this_boot(struct control *control, struct rpc_call *call, const json_t *params)
{
	if (!is_available(control, call))
		return false;
	if (strcmp(text_of(params, "boot"), control->boot) == 0)
		return true;
	rpc_fail(call, RPC_CONFLICT, "boot: expected that of hello, %s", control->boot);
	return false;
}

static void on_recovered(void *context, struct rpc_call *call, json_t *params)
{
	struct control *control = context;
	if (is_of_this_boot(control, call, params))
		answer_stored(control, call,
			      store_grants_release(control->store, control->node_id, control->boot),
			      "node.recovered");
}

static void on_ended(void *context, struct rpc_call *call, json_t *params)
{
	struct control *control = context;
	if (is_of_this_boot(control, call, params))
		answer_stored(control, call,
			      store_grants_end(control->store, control->node_id, control->boot),
			      "node.ended");
}

static void on_claim(void *context, struct rpc_call *call, json_t *params)
{
	struct control *control = context;
	const json_t *sessions = json_object_get(params, "sessions");
	if (is_available(control, call))
		answer_stored(control, call,
			      store_sessions_put(control->store, control->node_id, sessions),
			      "session.claim");
}

static void on_audit(void *context, struct rpc_call *call, json_t *params)
{
	struct control *control = context;
	const json_t *events = json_object_get(params, "events");
	if (is_available(control, call))
		answer_stored(control, call,
			      store_events_put(control->store, control->node_id, events),
			      "audit.report");
}

static void on_help(void *context, struct rpc_call *call, json_t *params);

#define FIELDS(rows) rows, sizeof(rows) / sizeof(rows[0])

static const struct rpc_field quota_fields[] = {
	{"tenant", RPC_TEXT, true, 1, CONTROL_TENANT_MAX, "Whose."},
	{"account", RPC_TEXT, true, 1, 16, "`credit` (micros), `video` or `voice` (ms of stream)."},
	{"wanted", RPC_INTEGER, true, 0, 0, "At least this much more."},
	{"comfort", RPC_INTEGER, false, 0, 0, "Up to this much if there is plenty."},
};
static const struct rpc_field report_fields[] = {
	{"records", RPC_LIST, true, 0, 0, "At most 256 closed usage records."},
};
static const struct rpc_field recovered_fields[] = {
	{"boot", RPC_TEXT, true, 1, 32, "This run of the node."},
};
static const struct rpc_field claim_fields[] = {
	{"sessions", RPC_LIST, true, 0, 0,
	 "Rows as session.list has them, oldest first; `since_ms`: when it began, if that is not "
	 "told before."},
};
static const struct rpc_field audit_fields[] = {
	{"events", RPC_LIST, true, 0, 0, "Denials and changes."},
};

static const struct rpc_method upcalls[] = {
	{"quota.request",
	 "More of an account is wanted. May take up to two seconds, when other nodes have to give "
	 "back first.",
	 "`granted_total` of this boot, `unlimited`, `exhausted`", FIELDS(quota_fields),
	 on_quota_request},
	{"usage.report",
	 "Usage for the ledger. What is neither acknowledged nor refused is to come again.",
	 "`acknowledged`, `refused`: ids, both to be forgotten", FIELDS(report_fields),
	 on_usage_report},
	{"node.recovered",
	 "All usage of earlier boots of this node was acknowledged: their grants are void.",
	 "nothing", FIELDS(recovered_fields), on_recovered},
	{"node.ended",
	 "This boot of the node ends and all its usage was acknowledged: its grants are void.",
	 "nothing", FIELDS(recovered_fields), on_ended},
	{"session.claim", "Sessions that came, changed or ended.", "nothing", FIELDS(claim_fields),
	 on_claim},
	{"audit.report", "The audit trail.", "nothing", FIELDS(audit_fields), on_audit},
	{"help", "This table.", "the table", NULL, 0, on_help},
};
static const struct rpc_table upcall_table = {
	"nn5g-control, to its node",
	upcalls,
	sizeof(upcalls) / sizeof(upcalls[0]),
};

static void on_help(void *context, struct rpc_call *call, json_t *params)
{
	(void)context;
	(void)params;
	rpc_answer(call, rpc_table_describe(&upcall_table));
}

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	rpc_table_dispatch(&upcall_table, context, call, method, params);
}

/* --- Hello ------------------------------------------------------------------------------------ */

static void node_drop(struct control *control)
{
	struct rpc *node = control->node;
	control->node = NULL;
	control->is_greeted = control->is_presented = false;
	rpc_destroy(node);
	control_quota_forget(control->quota);
	control_usage_forget(control->usage);
	control_feed_reset(control->feed);
	json_decref(control->hello);
	control->hello = NULL;
}

static void on_close(void *context, const char *why)
{
	struct control *control = context;
	log_warn(LOG_ADMIN, "the node is away", "\"node\":\"%s\",\"cause\":\"%s\"",
		 log_escape(control->node_id), log_escape(why));
	node_drop(control);
	node_retry(control);
}

static void on_hello(void *context, const json_t *result, const struct rpc_error *error)
{
	struct control *control = context;
	const char *node = text_of(result, "node"), *boot = text_of(result, "boot");
	if (error && error->code == RPC_CLOSED)
		return; /* on_close follows, or it was us */
	if (error || !*node || strlen(node) > CONTROL_TENANT_MAX || strlen(boot) > 32) {
		log_error(LOG_ADMIN, "the node does not take this control plane",
			  "\"path\":\"%s\",\"cause\":\"%s\"", log_escape(control->config.admin),
			  log_escape(error ? error->message : "its hello makes no sense"));
		control->node_pause_ms = PAUSE_STEADY_MS;
		node_drop(control);
		node_retry(control);
		return;
	}
	strcpy(control->node_id, node);
	strcpy(control->boot, boot);
	control->hello = json_deep_copy(result);
	control->is_greeted = control->hello != NULL;
	control->node_pause_ms = 0;
	log_info(LOG_ADMIN, "the node says hello", "\"node\":\"%s\",\"boot\":\"%s\"",
		 log_escape(node), log_escape(boot));
	control_look(control);
}

/* What the node told of itself, for the store: without what is accounted elsewhere. */
static int node_put(struct control *control)
{
	json_t *document = json_copy(control->hello);
	json_object_del(document, "quotas");
	json_object_del(document, "revision");
	int rc = store_node_put(control->store, control->node_id, control->boot, control_now_ms(),
				document);
	json_decref(document);
	return rc;
}

/* The store has this node as another one. What ours said it holds is old by the time it may speak
 * again, so it is to say hello anew. */
static void node_disown(struct control *control, const char *why, const char *expected)
{
	log_error(LOG_ADMIN, why, "\"node\":\"%s\",\"boot\":\"%s\",\"expected\":\"%s\"",
		  log_escape(control->node_id), log_escape(control->boot), expected);
	node_drop(control);
	control->node_pause_ms = PAUSE_STEADY_MS;
	node_retry(control);
}

void control_node_present(struct control *control)
{
	if (!control_store(control) || !control->is_greeted || control->is_presented)
		return;
	int rc = node_put(control);
	if (rc == -EBUSY)
		node_disown(control, "another node of this name is alive: this one gets no quota",
			    "a node.name of its own; when its state folder was lost, patience of "
			    "15 s");
	if (rc == -EBUSY || !control_store_did(control, rc, "node"))
		return;
	rc = control_quota_reconcile(control->quota, json_object_get(control->hello, "quotas"));
	control->is_presented = control_store_did(control, rc, "grants");
}

void control_node_beat(struct control *control)
{
	if (control->ticks % BEAT_TICKS != 0 || !control_is_whole(control))
		return;
	int rc = store_node_seen(control->store, control->node_id, control->boot, control_now_ms());
	if (rc == -ENOENT)
		node_disown(control, "the store knows this node no more: it says hello again",
			    "a node.name of its own, and not to be removed while it runs");
	else
		control_store_did(control, rc, "node");
}

/* --- Connecting ------------------------------------------------------------------------------- */

static void node_try(struct control *control)
{
	const struct rpc_config config = {
		.on_call = on_call, .on_close = on_close, .context = control};
	int fd = rpc_connect(control->config.admin);
	if (fd < 0) {
		if (control->node_pause_ms == 0)
			log_info(LOG_ADMIN, "the node is waited for",
				 "\"path\":\"%s\",\"cause\":\"%s\"",
				 log_escape(control->config.admin), strerror(-fd));
		node_retry(control);
		return;
	}
	control->node = rpc_create(fd, &config);
	if (control->node)
		rpc_invoke(control->node, "hello",
			   json_pack("{s:s, s:s, s:i, s:i}", "role", "control", "version",
				     NN5G_VERSION, "pid", (int)getpid(), "protocol",
				     CONTROL_PROTOCOL),
			   on_hello, control);
	else
		node_retry(control);
}

static gboolean on_retry(gpointer user)
{
	struct control *control = user;
	control_timer_set(&control->node_retry, 0, NULL, NULL);
	node_try(control);
	return G_SOURCE_REMOVE;
}

static void node_retry(struct control *control)
{
	control_timer_set(&control->node_retry, control_pause_grow(&control->node_pause_ms),
			  on_retry, control);
}

void control_node_start(struct control *control)
{
	node_try(control);
}

void control_node_stop(struct control *control)
{
	control_timer_set(&control->node_retry, 0, NULL, NULL);
	node_drop(control);
}
