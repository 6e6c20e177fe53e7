/* The table of methods, and those of operators: sessions, draining, statistics. */
#include "gateway/admin_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/usage.h"
#include "gateway/account.h"
#include "gateway/feed.h"
#include "gateway/gates.h"
#include "gateway/memory.h"
#include "gateway/node.h"
#include "gateway/profile_report.h"
#include "gateway/session.h"
#include "gateway/slicing_report.h"
#include "gateway/usage.h"
#include "slices/journal.h"
#include "slices/slice.h"
#include "slices/tenant.h"

static struct node *node_of(void *context)
{
	struct admin_connection *connection = context;
	return connection->admin->node;
}

static const char *text_of(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

/* NULL: not found, and the call was failed. */
static struct session *find_session(struct node *node, struct rpc_call *call, const json_t *params)
{
	const char *id = text_of(params, "session");
	struct session *session = session_find(node->sessions, id);
	if (!session)
		rpc_fail(call, RPC_NOT_FOUND, "no open session '%.32s' on this node", id);
	return session;
}

struct listing {
	const char *tenant; /* NULL: all */
	json_t *sessions;
};

static void list_session(void *context, const struct session *session)
{
	struct listing *listing = context;
	if (!listing->tenant || strcmp(listing->tenant, session->tenant->id) == 0)
		json_array_append_new(listing->sessions, admin_describe_session(session));
}

static void on_session_list(void *context, struct rpc_call *call, json_t *params)
{
	struct listing listing = {text_of(params, "tenant"), json_array()};
	session_each(node_of(context)->sessions, list_session, &listing);
	rpc_answer(call, json_pack("{s:o}", "sessions", listing.sessions));
}

static json_int_t stat_of(const struct session *session, enum transport_stat stat)
{
	return (json_int_t)atomic_load_explicit(&session->transport->stats[stat],
						memory_order_relaxed);
}

static void on_session_get(void *context, struct rpc_call *call, json_t *params)
{
	struct session *session = find_session(node_of(context), call, params);
	if (!session)
		return;
	json_t *document = admin_describe_session(session);
	json_object_set_new(
		document, "seconds",
		json_integer((json_int_t)((clock_ns() - session->created_ns) / 1000000000u)));
	if (session->slice)
		json_object_set_new(document, "slice",
				    json_pack("{s:s, s:I}", "id", session->slice->config.id,
					      "promised_bps", (json_int_t)session->slice_bps));
	if (session->transport)
		json_object_set_new(document, "transport",
				    json_pack("{s:I, s:I, s:I, s:I, s:I}", "rx_packets",
					      stat_of(session, STAT_RX_PACKETS), "rx_bytes",
					      stat_of(session, STAT_RX_BYTES), "tx_packets",
					      stat_of(session, STAT_TX_PACKETS), "tx_bytes",
					      stat_of(session, STAT_TX_BYTES), "lost",
					      stat_of(session, STAT_LOST)));
	rpc_answer(call, document);
}

static void on_session_pause(void *context, struct rpc_call *call, json_t *params)
{
	struct session *session = find_session(node_of(context), call, params);
	if (!session)
		return;
	session_pause(session, PAUSE_OPERATOR); /* -EALREADY: as it is to be */
	rpc_answer(call, admin_describe_session(session));
}

/* The gates that said no, as their denials say it. */
static void deny_resume(struct rpc_call *call, const struct session *session, int rc)
{
	const char *id = session->tenant->id;
	enum gate gate = rc == -EPERM ? GATE_STANDING : rc == -EBUSY ? GATE_RATE : GATE_BUDGET;
	int status = rc == -EPERM ? 403 : rc == -EBUSY ? 429 : 402;
	json_t *data = json_pack("{s:i, s:s, s:i}", "gate", (int)gate, "gate_name", gate_name(gate),
				 "status", status);
	if (rc == -EPERM)
		rpc_fail_with(call, RPC_DENIED, data, "tenant '%s' is not active", id);
	else if (rc == -EBUSY)
		rpc_fail_with(call, RPC_DENIED, data, "tenant '%s' is over its rate", id);
	else
		rpc_fail_with(call, RPC_DENIED, data, "tenant '%s' has nothing left to pay with",
			      id);
}

static void on_session_resume(void *context, struct rpc_call *call, json_t *params)
{
	struct session *session = find_session(node_of(context), call, params);
	if (!session)
		return;
	int rc = session_resume(session, PAUSE_OPERATOR);
	if (rc && rc != -EALREADY)
		deny_resume(call, session, rc);
	else
		rpc_answer(call, admin_describe_session(session));
}

static bool read_reason(const json_t *params, enum session_reason *reason)
{
	static const enum session_reason allowed[] = {REASON_USER_EXIT, REASON_COST_LIMIT,
						      REASON_OPERATOR};
	const char *name = text_of(params, "reason");
	*reason = REASON_OPERATOR;
	for (size_t i = 0; name && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		*reason = allowed[i];
		if (strcmp(name, session_reason_names[allowed[i]]) == 0)
			return true;
	}
	return name == NULL;
}

static void on_session_terminate(void *context, struct rpc_call *call, json_t *params)
{
	struct node *node = node_of(context);
	const char *id = text_of(params, "tenant");
	enum session_reason reason;
	unsigned int n = 1;
	if (!read_reason(params, &reason)) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "session.terminate: reason: found \"%.31s\", expected USER_EXIT, "
			 "COST_LIMIT or OPERATOR",
			 text_of(params, "reason"));
		return;
	}
	if (!id == !text_of(params, "session")) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "session.terminate: expected either session or tenant");
		return;
	}
	if (id) {
		const struct tenant *tenant = tenant_find(node->tenants, id, strlen(id));
		n = tenant ? feed_terminate(node, tenant, reason) : 0;
	} else {
		struct session *session = find_session(node, call, params);
		if (!session)
			return;
		session_terminate(session, reason);
	}
	rpc_answer(call, json_pack("{s:i}", "terminated", (int)n));
}

static void on_drain(void *context, struct rpc_call *call, json_t *params)
{
	struct node *node = node_of(context);
	bool is_draining = json_is_true(json_object_get(params, "drain"));
	if (is_draining != node->is_draining)
		log_info(LOG_NODE, is_draining ? "draining" : "taking sessions again", NULL);
	node->is_draining = is_draining;
	rpc_answer(call, json_pack("{s:b, s:i}", "draining", is_draining, "sessions",
				   (int)session_count(node->sessions)));
}

static void add_tenant(void *context, struct tenant *tenant)
{
	json_array_append_new(context, json_pack("{s:s, s:b, s:o, s:i}", "id", tenant->id,
						 "configured", tenant->config != NULL, "accounts",
						 account_describe(tenant), "sessions",
						 (int)tenant->n_sessions));
}

static void add_slice(void *context, const struct slice *slice)
{
	json_array_append_new(context,
			      json_pack("{s:s, s:I, s:I, s:i}", "id", slice->config.id,
					"guaranteed_bps", (json_int_t)slice->config.guaranteed_bps,
					"promised_bps", (json_int_t)slice->promised_bps, "sessions",
					(int)slice->n_sessions));
}

static json_t *describe_journal(struct journal *journal)
{
	if (!journal)
		return json_null();
	struct journal_counters counters = journal_counters(journal);
	return json_pack("{s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I}", "length",
			 (json_int_t)journal_length(journal), "inherited",
			 (json_int_t)journal_inherited(journal), "health", journal_health(journal),
			 "written", (json_int_t)counters.written, "syncs",
			 (json_int_t)counters.syncs, "failed", (json_int_t)counters.failed,
			 "acknowledged", (json_int_t)counters.acknowledged, "recovered",
			 (json_int_t)counters.recovered);
}

static json_t *describe_sessions(struct node *node)
{
	const struct session_counters *counters = session_counters(node->sessions);
	json_t *sessions = json_object();
	for (unsigned int state = 0; state < SESSION_STATES; state++) {
		unsigned int n = 0;
		for (unsigned int role = 0; role < SESSION_ROLES; role++)
			n += counters->open[role][state];
		json_object_set_new(sessions, session_state_names[state], json_integer(n));
	}
	return sessions;
}

static json_t *describe_control(const struct admin *admin)
{
	struct admin_counters counters = admin_counters(admin);
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "connected",
			 admin->control != NULL, "fed", admin->is_fed, "revision",
			 (json_int_t)admin->revision, "calls", (json_int_t)counters.calls,
			 "events_lost", (json_int_t)counters.events_lost, "claims_lost",
			 (json_int_t)counters.claims_lost, "records_acknowledged",
			 (json_int_t)counters.records_acknowledged, "records_refused",
			 (json_int_t)counters.records_refused);
}

static void on_stats(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct node *node = connection->admin->node;
	json_t *tenants = json_array(), *slices = json_array();
	(void)params;
	tenant_each(node->tenants, add_tenant, tenants);
	slice_each(node->slices, add_slice, slices);
	rpc_answer(call, json_pack("{s:s, s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o, s:o}", "node",
				   node->config.node.name, "version", NN5G_VERSION, "boot",
				   node->journal ? journal_boot(node->journal) : "", "uptime_s",
				   (json_int_t)((clock_ns() - node->started_ns) / 1000000000u),
				   "draining", node->is_draining, "control",
				   describe_control(connection->admin), "sessions",
				   describe_sessions(node), "tenants", tenants, "slices", slices,
				   "journal", describe_journal(node->journal)));
}

static void on_stats_slices(void *context, struct rpc_call *call, json_t *params)
{
	const json_t *tenants = json_object_get(params, "tenants");
	json_int_t max = tenants ? json_integer_value(tenants) : SLICING_TENANTS_MAX;
	json_t *report = slicing_report(node_of(context), (unsigned int)max);
	if (report)
		rpc_answer(call, report);
	else
		rpc_fail(call, RPC_INTERNAL, "out of memory");
}

static void on_stats_memory(void *context, struct rpc_call *call, json_t *params)
{
	json_t *report = memory_describe(node_of(context));
	(void)params;
	if (report)
		rpc_answer(call, report);
	else
		rpc_fail(call, RPC_INTERNAL, "the kernel does not say what is resident");
}

static void on_stats_profile(void *context, struct rpc_call *call, json_t *params)
{
	json_t *report = profile_report(node_of(context));
	(void)params;
	if (report)
		rpc_answer(call, report);
	else
		rpc_fail(call, RPC_INTERNAL, "out of memory");
}

static void on_help(void *context, struct rpc_call *call, json_t *params)
{
	(void)context;
	(void)params;
	rpc_answer(call, rpc_table_describe(&admin_table));
}

#define FIELDS(list) .fields = list, .n_fields = sizeof(list) / sizeof(list[0])
#define ID           .type = RPC_TEXT, .min = 1, .max = 63
#define REQUIRED     .is_required = true

static const struct rpc_field hello_fields[] = {
	{.name = "role", ID, REQUIRED, .text = "`control`"},
	{.name = "version", ID, REQUIRED, .text = "Of the program."},
	{.name = "pid", .type = RPC_INTEGER, .text = "Of the process."},
	{.name = "protocol", .type = RPC_INTEGER, REQUIRED, .text = "1"},
};

#define REVISION                                                                                   \
	{                                                                                          \
		.name = "revision", .type = RPC_INTEGER, REQUIRED,                                 \
		.text = "One more than the last on this connection."                               \
	}
static const struct rpc_field snapshot_fields[] = {
	{.name = "revision", .type = RPC_INTEGER, REQUIRED, .text = "Any; changes count on."},
	{.name = "slices", .type = RPC_LIST, REQUIRED, .text = "All of them."},
	{.name = "tenants", .type = RPC_LIST, REQUIRED, .text = "All of them."},
};
static const struct rpc_field tenant_put_fields[] = {
	REVISION,
	{.name = "tenant",
	 .type = RPC_OBJECT,
	 REQUIRED,
	 .text = "`id`, `name`, `standing`, `issuer`, `slice`, `keys`, `policy`."},
};
static const struct rpc_field slice_put_fields[] = {
	REVISION,
	{.name = "slice",
	 .type = RPC_OBJECT,
	 REQUIRED,
	 .text = "`id`, `sst`, `sd`, `guaranteed_bps`, `max_bps`, `latency_ms`, `five_qi`."},
};
static const struct rpc_field remove_fields[] = {
	REVISION,
	{.name = "id", ID, REQUIRED, .text = "Which."},
};
static const struct rpc_field grant_fields[] = {
	{.name = "tenant", ID, REQUIRED, .text = "Whose."},
	{.name = "account",
	 ID,
	 REQUIRED,
	 .text = "`credit` (micros), `video` or `voice` (ms of stream)."},
	{.name = "granted_total", .type = RPC_INTEGER, REQUIRED, .text = "All of it."},
};
static const struct rpc_field recall_fields[] = {
	{.name = "tenant", ID, REQUIRED, .text = "Whose."},
	{.name = "account", ID, REQUIRED, .text = "As above."},
	{.name = "amount", .type = RPC_INTEGER, REQUIRED, .text = "At most this much."},
	{.name = "revoke", .type = RPC_BOOLEAN, .text = "Also what is lent."},
};
static const struct rpc_field debit_fields[] = {
	{.name = "tenant", ID, REQUIRED, .text = "Who pays."},
	{.name = "key",
	 .type = RPC_TEXT,
	 .min = 1,
	 .max = USAGE_KEY_MAX,
	 REQUIRED,
	 .text = "Idempotency key, the caller's own."},
	{.name = "unit", ID, .text = "`token_unit` or `interaction_unit`."},
	{.name = "quantity",
	 .type = RPC_INTEGER,
	 .min = 0,
	 .max = USAGE_QUANTITY_MAX,
	 .text = "Thousandths of the unit: tokens, or 1000 for one turn."},
	{.name = "session", ID, .text = "Of which it is a part."},
	{.name = "provider_id",
	 .type = RPC_TEXT,
	 .min = 1,
	 .max = USAGE_TEXT_MAX,
	 .text = "Who provided it."},
};
static const struct rpc_field list_fields[] = {
	{.name = "tenant", ID, .text = "Only its sessions."},
};
static const struct rpc_field session_fields[] = {
	{.name = "session", ID, REQUIRED, .text = "Its id."},
};
static const struct rpc_field terminate_fields[] = {
	{.name = "session", ID, .text = "Which, or"},
	{.name = "tenant", ID, .text = "whose."},
	{.name = "reason",
	 ID,
	 .text = "`USER_EXIT`, `COST_LIMIT` or `OPERATOR` (the default): what browsers are told."},
};
static const struct rpc_field drain_fields[] = {
	{.name = "drain", .type = RPC_BOOLEAN, REQUIRED, .text = "Or take sessions again."},
};

static const struct rpc_field stats_slices_fields[] = {
	{.name = "tenants",
	 .type = RPC_INTEGER,
	 .min = 0,
	 .max = TENANTS_MAX * 2,
	 .text = "How many to tell of, the busiest first; 256."},
};

#define REVISION_RESULT "`revision`"
#define USAGE_RESULT    "`key`, `state`, `unit`, `quantity`, `cost_micros`"
#define SESSION_RESULT                                                                             \
	"`session`, `tenant`, `stream`, `role`, `epoch`, `state`, `reason`, `provider_id`, "       \
	"`at_ms`"

static const struct rpc_method methods[] = {
	{.name = "hello",
	 .text = "The caller is the control plane: it may feed this node and gets the upcalls. One "
		 "at a time.",
	 .result = "`node`, `boot`, `instance` (the journal's: the same over boots), `version`, "
		   "`protocol`, `port_bps`, `revision`; `quotas`: what is held, as [{`tenant`, "
		   "`account`, `granted_total`, `returned_total`}]; "
		   "`journal`: {`pending`, `inherited`}",
	 FIELDS(hello_fields),
	 .handle = admin_hello},
	{.name = "tenant.snapshot",
	 .text = "Replaces all tenants and slices. Rows that are wrong or do not fit are left out.",
	 .result = "`revision`; `refused`: [{`id`, `fault`}]",
	 FIELDS(snapshot_fields),
	 .handle = admin_tenant_snapshot},
	{.name = "tenant.put",
	 .text = "Adds or changes one tenant; also says that its credit grew. Any answer but a "
		 "revision gap uses the revision up.",
	 .result = REVISION_RESULT,
	 FIELDS(tenant_put_fields),
	 .handle = admin_tenant_put},
	{.name = "tenant.remove",
	 .text = "Removes one and ends its sessions.",
	 .result = REVISION_RESULT,
	 FIELDS(remove_fields),
	 .handle = admin_tenant_remove},
	{.name = "slice.put",
	 .text = "Adds or changes one slice. Refused with what is left (`left`) when the port "
		 "cannot guarantee it.",
	 .result = REVISION_RESULT,
	 FIELDS(slice_put_fields),
	 .handle = admin_slice_put},
	{.name = "slice.remove",
	 .text = "Removes one; its share of the port is free when its last session is gone.",
	 .result = REVISION_RESULT,
	 FIELDS(remove_fields),
	 .handle = admin_slice_remove},
	{.name = "quota.grant",
	 .text = "The tenant may use this much since the node's start. Older totals change "
		 "nothing.",
	 .result = "nothing",
	 FIELDS(grant_fields),
	 .handle = admin_quota_grant},
	{.name = "quota.recall",
	 .text = "Gives back what is free, and with `revoke` also what sessions were lent and have "
		 "not used.",
	 .result = "`returned_total` since the node's start",
	 FIELDS(recall_fields),
	 .handle = admin_quota_recall},
	{.name = "usage.authorize",
	 .text = "Sets credit aside for a debit, for a minute. The same key again gets the same "
		 "answer.",
	 .result = USAGE_RESULT,
	 FIELDS(debit_fields),
	 .handle = admin_usage_authorize},
	{.name = "usage.commit",
	 .text = "Debits what was authorized, or less; without an authorization both in one. "
		 "Answered when it is on disk.",
	 .result = USAGE_RESULT ", `id` of the record",
	 FIELDS(debit_fields),
	 .handle = admin_usage_commit},
	{.name = "usage.cancel",
	 .text = "Lets go of what was authorized.",
	 .result = USAGE_RESULT,
	 FIELDS(debit_fields),
	 .handle = admin_usage_cancel},
	{.name = "session.list",
	 .text = "Sessions that are open.",
	 .result = "`sessions`: [{" SESSION_RESULT "}]",
	 FIELDS(list_fields),
	 .handle = on_session_list},
	{.name = "session.get",
	 .text = "One of them.",
	 .result = SESSION_RESULT ", `seconds`, `slice`, `transport`",
	 FIELDS(session_fields),
	 .handle = on_session_get},
	{.name = "session.pause",
	 .text = "Holds a session's media back; connection and event channel stay.",
	 .result = SESSION_RESULT,
	 FIELDS(session_fields),
	 .handle = on_session_pause},
	{.name = "session.resume",
	 .text = "Standing and budget permitting its media goes on, unless its tenant is paused.",
	 .result = SESSION_RESULT,
	 FIELDS(session_fields),
	 .handle = on_session_resume},
	{.name = "session.terminate",
	 .text = "Ends one session, or all of a tenant, at once.",
	 .result = "`terminated`: how many",
	 FIELDS(terminate_fields),
	 .handle = on_session_terminate},
	{.name = "node.drain",
	 .text = "New sessions are refused with 503, those that are open go on.",
	 .result = "`draining`, `sessions`",
	 FIELDS(drain_fields),
	 .handle = on_drain},
	{.name = "stats",
	 .text = "What this node counts.",
	 .result = "`node`, `version`, `boot`, `uptime_s`, `draining`, `control`, `sessions` by "
		   "state, `tenants`, `slices`, `journal`",
	 .handle = on_stats},
	{.name = "stats.slices",
	 .text = "What slices, tenants and traffic classes sent, as totals, and what waits. `GET "
		 "/slices` says the same. The slice with `default` is of tenants that have none.",
	 .result =
		 "`node`, `link_bps` (0: not known), `at_ns`, `delay_bounds_ns` (upper; the "
		 "last bin has none), `tenants_left_out`, `slices`: [{`id`, `default`, `removed`, "
		 "`sst`, `sd`, `guaranteed_bps`, `promised_bps`, `max_bps`, `latency_ms`, "
		 "`five_qi`, `sessions`, `classes`, `tenants`: [{`id`, `max_bps` (0: what the "
		 "slice gives), `sessions`, `placed` (has a place in the scheduler), "
		 "`policer` (`packets` and `bytes` of its publishers by colour), `classes`}]}]; "
		 "`classes`, those that were used: [{`class`, `sent_packets`, "
		 "`sent_bytes` (on the wire), `yellow_packets`, `dropped` (packets by reason), "
		 "`queued_packets`, `queued_bytes`, `delay_ns` (sum), `delay_bins` (packets sent "
		 "by the time they waited)}]",
	 FIELDS(stats_slices_fields),
	 .handle = on_stats_slices},
	{.name = "stats.memory",
	 .text = "Where the memory of this node is. What sessions and streams hold is counted, not "
		 "sampled; `rest` is what no owner is known of.",
	 .result = "`node`, `resident_bytes` (hugepages too), `start_bytes` (the same at the "
		   "start), `sessions`, `session_bytes` (growth since the start by session; 0: "
		   "there are none), `allocator`: {`used_bytes`, `free_bytes`}, `owners`, which "
		   "add up to what is resident: [{`owner`, `bytes`, `session_bytes` (null: does "
		   "not grow with them), `text`}]",
	 .handle = on_stats_memory},
	{.name = "stats.profile",
	 .text = "Where the time of workers and egress goes, as totals.",
	 .result =
		 "`node`, `at_ns`, `every` (1: all rounds were measured, with "
		 "`nn5g-gateway --profile`; 64: one in 64 was, and counts for 64), "
		 "`has_instructions` (the machine counts them, and all rounds were measured), "
		 "`stages`: [{`stage`, `seconds`, `packets`, `instructions`}]: `receive`, `demux`, "
		 "`unprotect`, `track`, `copy`, `protect`, `schedule`, `send`, `report` (RTCP in), "
		 "`messages` (of other threads), `timers` (RTCP out, consent, paced video), "
		 "`sleep`",
	 .handle = on_stats_profile},
	{.name = "help", .text = "This table.", .result = "`methods`", .handle = on_help},
};

const struct rpc_table admin_table = {
	.title = "Admin socket of nn5g-gateway",
	.methods = methods,
	.n_methods = sizeof(methods) / sizeof(methods[0]),
};
