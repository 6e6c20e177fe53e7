/* Who is connected, and which of them is the control plane. There is at most one; when it goes, the
 * node keeps what it was fed, calls of ours are answered with RPC_CLOSED, and rows for it are kept
 * for the next. */
#include "gateway/admin_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/log.h"
#include "gateway/account.h"
#include "gateway/node.h"
#include "gateway/session.h"
#include "gateway/stream.h"
#include "slices/journal.h"

static const struct admin_batch_kind event_kind = {
	.method = "audit.report",
	.member = "events",
	.interval_ms = 1000,
	.queue_max = 8192,
};

static const struct admin_batch_kind claim_kind = {
	.method = "session.claim",
	.member = "sessions",
	.interval_ms = 200,
	.queue_max = 16384,
	.key = "session",
};

static void lose_control(struct admin *admin)
{
	admin->control = NULL;
	admin->revision = 0;
	admin->has_snapshot = false;
	admin_report_reset(&admin->report);
	if (admin->node->accounts)
		account_on_control(admin->node->accounts, false);
}

static void connection_free(struct admin_connection *connection)
{
	struct admin *admin = connection->admin;
	for (unsigned int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		if (admin->connections[i] == connection)
			admin->connections[i] = NULL;
	}
	admin->counters.open--;
	if (admin->control == connection)
		lose_control(admin);
	rpc_destroy(connection->rpc);
	free(connection);
}

static void on_close(void *context, const char *why)
{
	struct admin_connection *connection = context;
	if (connection->admin->control == connection)
		log_warn(LOG_ADMIN, "the control plane is gone", "\"pid\":%d,\"cause\":\"%s\"",
			 connection->pid, log_escape(why));
	connection_free(connection);
}

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	rpc_table_dispatch(&admin_table, context, call, method, params);
}

static struct admin_connection **free_place(struct admin *admin)
{
	for (unsigned int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		if (!admin->connections[i])
			return &admin->connections[i];
	}
	return NULL;
}

static void on_accept(void *context, int fd, pid_t pid, uid_t uid)
{
	struct admin *admin = context;
	struct admin_connection **place = free_place(admin);
	struct admin_connection *connection = place ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection) {
		admin->counters.connections_refused++;
		log_warn(LOG_ADMIN, "all connections are taken", "\"pid\":%d,\"uid\":%u,\"max\":%u",
			 pid, uid, ADMIN_CONNECTIONS_MAX);
		close(fd);
		return;
	}
	connection->admin = admin;
	connection->pid = pid;
	struct rpc_config config = {
		.on_call = on_call, .on_close = on_close, .context = connection};
	connection->rpc = rpc_create(fd, &config);
	if (!connection->rpc) {
		free(connection);
		return;
	}
	*place = connection;
	admin->counters.connections++;
	admin->counters.open++;
}

bool admin_is_control(const struct admin_connection *connection, struct rpc_call *call)
{
	if (connection->admin->control == connection)
		return true;
	rpc_fail(call, RPC_CONFLICT,
		 "only the control plane may do this: say hello {\"role\":\"control\"} first");
	return false;
}

void admin_take_control(struct admin_connection *connection)
{
	struct admin *admin = connection->admin;
	if (admin->control)
		lose_control(admin);
	admin->control = connection;
	admin->counters.controls++;
}

static void claim_again(void *context, const struct session *session)
{
	admin_claim(context, session);
}

void admin_on_snapshot(struct admin *admin)
{
	bool is_first = !admin->has_snapshot;
	admin->has_snapshot = true;
	admin->is_fed = true;
	if (!is_first)
		return;
	/* What changed while nobody was there is told by what there is. */
	if (admin->node->sessions)
		session_each(admin->node->sessions, claim_again, admin);
	admin_batch_wake(&admin->events);
	admin_batch_wake(&admin->claims);
	/* What was overdrawn meanwhile is granted before its records are settled, not beside them:
	 * else it would be held for this node a second time. */
	if (admin->node->accounts)
		account_on_control(admin->node->accounts, true);
	admin_report_wake(&admin->report);
}

bool admin_has_control(const struct admin *admin)
{
	return admin && admin->control;
}

bool admin_is_fed(const struct admin *admin)
{
	return admin && admin->is_fed;
}

struct unanswered {
	rpc_reply reply;
	void *context;
};

static void tell_unanswered(struct admin *admin, unsigned int n)
{
	static const struct rpc_error error = {.code = RPC_CLOSED,
					       .message = "no control plane is connected"};
	while (n-- > 0) {
		struct unanswered *unanswered = g_queue_pop_head(admin->unanswered);
		admin->counters.calls_failed++;
		unanswered->reply(unanswered->context, NULL, &error);
		g_free(unanswered);
	}
}

/* Those that a reply asks anew wait for the next turn. */
static gboolean on_unanswered(gpointer context)
{
	struct admin *admin = context;
	admin->unanswered_source = 0;
	tell_unanswered(admin, admin->unanswered->length);
	return G_SOURCE_REMOVE;
}

void admin_call(struct admin *admin, const char *method, json_t *params, rpc_reply reply,
		void *context)
{
	admin->counters.calls++;
	if (admin->control) {
		rpc_invoke(admin->control->rpc, method, params, reply, context);
		return;
	}
	json_decref(params);
	struct unanswered *unanswered = g_new(struct unanswered, 1);
	*unanswered = (struct unanswered){reply, context};
	g_queue_push_tail(admin->unanswered, unanswered);
	if (!admin->unanswered_source)
		admin->unanswered_source = g_idle_add(on_unanswered, admin);
}

void admin_event(struct admin *admin, json_t *event)
{
	if (!admin || config_control_mode(&admin->node->config) == CONTROL_NONE)
		json_decref(event);
	else
		admin_batch_push(&admin->events, event);
}

json_t *admin_describe_session(const struct session *session)
{
	const char *name = strchr(session->stream->key, '/') + 1;
	char provider[STREAM_NAME_MAX + 8];
	snprintf(provider, sizeof(provider), "whip:%s", name);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:I}", "session", session->id,
			 "tenant", session->tenant->id, "stream", name, "role",
			 session_role_names[session->role], "epoch", (int)session->epoch, "state",
			 session_state_names[session->state], "reason",
			 session_reason_names[session->reason], "provider_id", provider, "at_ms",
			 (json_int_t)(g_get_real_time() / 1000));
}

void admin_claim(struct admin *admin, const struct session *session)
{
	if (admin && config_control_mode(&admin->node->config) != CONTROL_NONE)
		admin_batch_push(&admin->claims, admin_describe_session(session));
}

static void on_pending(void *context)
{
	struct admin *admin = context;
	admin_report_wake(&admin->report);
}

int admin_start(struct node *node, struct admin **out)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	if (!admin)
		return -ENOMEM;
	admin->node = node;
	admin->unanswered = g_queue_new();
	TAILQ_INIT(&admin->debits);
	admin_batch_init(&admin->events, &event_kind, admin);
	admin_batch_init(&admin->claims, &claim_kind, admin);
	struct rpc_listener_config config = {.path = node->config.admin.socket,
					     .group = node->config.admin.group,
					     .on_accept = on_accept,
					     .context = admin};
	int rc = admin_report_init(&admin->report, admin);
	if (rc == 0)
		rc = rpc_listen(&config, &admin->listener);
	if (rc) {
		admin_stop(admin);
		return rc;
	}
	if (node->journal)
		journal_on_pending(node->journal, on_pending, admin);
	*out = admin;
	return 0;
}

void admin_stop(struct admin *admin)
{
	if (!admin)
		return;
	if (admin->node->journal)
		journal_on_pending(admin->node->journal, NULL, NULL);
	rpc_listener_destroy(admin->listener);
	admin_debits_end(admin);
	for (unsigned int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		if (admin->connections[i])
			connection_free(admin->connections[i]);
	}
	if (admin->unanswered_source)
		g_source_remove(admin->unanswered_source);
	tell_unanswered(admin, admin->unanswered->length);
	admin_batch_fini(&admin->events);
	admin_batch_fini(&admin->claims);
	admin_report_fini(&admin->report);
	g_queue_free_full(admin->unanswered, g_free);
	free(admin);
}

struct admin_counters admin_counters(const struct admin *admin)
{
	if (!admin)
		return (struct admin_counters){0};
	struct admin_counters counters = admin->counters;
	counters.events_sent = admin->events.sent;
	counters.events_lost = admin->events.lost;
	counters.claims_sent = admin->claims.sent;
	counters.claims_lost = admin->claims.lost;
	counters.records_acknowledged = admin->report.acknowledged;
	counters.records_refused = admin->report.refused;
	counters.reports_failed = admin->report.failures;
	counters.peers_refused = rpc_listener_refused(admin->listener);
	return counters;
}
