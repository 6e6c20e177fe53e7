/* The table of the operators' methods, and how results of the store become answers. */
#include "conf/operator_methods.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/policy_schema.h"
#include "conf/rpc.h"

#define SECRET_BYTES_MAX 16384
#define EVENTS_MAX       10000
#define DETAIL_BYTES_MAX 1024
#define TIME_MS_MAX      INT64_C(253402300799999) /* the end of the year 9999 */

int64_t operator_now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const char *operator_text(const struct json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

static void answer_refusal(struct rpc_call *call, int rc, const struct store_refusal *refusal,
			   const char *what)
{
	const char *why = refusal && refusal->why[0] ? refusal->why : NULL;
	switch (rc) {
	case -ENOENT:
		rpc_fail(call, RPC_NOT_FOUND, why ? "%s" : "there is no such %s", why ? why : what);
		return;
	case -EEXIST:
	case -EBUSY:
	case -EALREADY:
		rpc_fail(call, RPC_CONFLICT, why ? "%s" : "%s: not as it stands", why ? why : what);
		return;
	case -EINVAL:
	case -ERANGE:
		rpc_fail(call, RPC_INVALID_PARAMS, why ? "%s" : "%s: not a value it can have",
			 why ? why : what);
		return;
	case -ENOSPC:
		if (why)
			rpc_fail_with(call, RPC_NO_ROOM,
				      json_pack("{s:I}", "left", (json_int_t)refusal->left_bps),
				      "%s", why);
		else
			rpc_fail(call, RPC_NO_ROOM, "the store's disk is full");
		return;
	case -ENOTCONN:
	case -EAGAIN:
		rpc_fail(call, RPC_UNAVAILABLE, "the store is away; try again");
		return;
	default:
		rpc_fail(call, RPC_INTERNAL, "%s: %s; see the log of nn5g-control", what,
			 strerror(-rc));
	}
}

void operator_answer(struct rpc_call *call, int rc, const char *name, struct json_t *value,
		     const char *what)
{
	if (rc) {
		json_decref(value);
		answer_refusal(call, rc, NULL, what);
		return;
	}
	rpc_answer(call, name ? json_pack("{s:o}", name, value) : value);
}

/* A trail that cannot be written is told, but does not undo what was done. */
void operator_note(const struct operator* operators, const char *method, const char *tenant,
		   const char *detail)
{
	const char *of = tenant ? tenant : "";
	if (detail && strlen(detail) > DETAIL_BYTES_MAX)
		detail = "too long to be repeated here";
	const char *node = operators->node && *operators->node ? operators->node : "control";
	json_t *event =
		json_pack("[{s:s, s:s, s:s, s:s*, s:I}]", "type", "operator", "method", method,
			  "tenant", of, "detail", detail, "at_ms", (json_int_t)operator_now_ms());
	log_info(LOG_ADMIN, "changed by an operator", "\"method\":\"%s\",\"tenant\":\"%s\"", method,
		 log_escape(of));
	int rc = event ? store_events_put(operators->store, node, event) : -ENOMEM;
	if (rc)
		log_error(LOG_STORE, "a change is missing in the audit trail",
			  "\"method\":\"%s\",\"tenant\":\"%s\",\"error\":\"%s\"", method,
			  log_escape(of), strerror(-rc));
	json_decref(event);
	if (operators->on_change)
		operators->on_change(operators->context);
}

void operator_changed(const struct operator* operators, struct rpc_call *call, int rc,
		      const struct operator_change *change)
{
	if (rc) {
		answer_refusal(call, rc, change->refusal, change->what);
		return;
	}
	operator_note(operators, change->method, change->tenant, change->detail);
	rpc_answer(call, NULL);
}

static void help(void *context, struct rpc_call *call, struct json_t *params)
{
	(void)context;
	(void)params;
	rpc_answer(call, rpc_table_describe(&operator_table));
}

#define TENANT                                                                                     \
	{                                                                                          \
		"tenant", RPC_TEXT, true, 1, 63, "Its id."                                         \
	}
#define WORD(field, what)                                                                          \
	{                                                                                          \
		field, RPC_TEXT, true, 1, 63, what                                                 \
	}

static const struct rpc_field tenant_fields[] = {TENANT};
static const struct rpc_field create_fields[] = {
	{"tenant", RPC_OBJECT, true, 0, 0,
	 "{id, plan, slice, slice_bps, name, issuer, standing, policy, keys}."},
};
static const struct rpc_field set_fields[] = {
	TENANT,
	{"changes", RPC_OBJECT, true, 0, 0,
	 "An RFC 7396 patch of its row: name, issuer, plan, slice, slice_bps, policy."},
};
static const struct rpc_field exit_fields[] = {
	TENANT,
	{"force", RPC_BOOLEAN, false, 0, 0,
	 "Do not wait for sessions and grants of nodes that are gone for good."},
};
static const struct rpc_field plan_fields[] = {
	{"plan", RPC_OBJECT, true, 0, 0, "An RFC 7396 patch: {id, slice, slice_bps, policy}."}};
static const struct rpc_field slice_fields[] = {
	{"slice", RPC_OBJECT, true, 0, 0,
	 "An RFC 7396 patch: {id, sst, sd, guaranteed_bps, max_bps, latency_ms, five_qi}."}};
static const struct rpc_field id_fields[] = {WORD("id", "Its id.")};
static const struct rpc_field key_fields[] = {
	TENANT, {"key", RPC_OBJECT, true, 0, 0, "{id, algorithm, public_key: PEM or JWK}."}};
static const struct rpc_field key_remove_fields[] = {
	TENANT, {"key", RPC_TEXT, true, 1, 127, "The key's id."}};
static const struct rpc_field secret_fields[] = {
	TENANT,
	WORD("name", "What it is called."),
	{"text", RPC_TEXT, true, 1, SECRET_BYTES_MAX, "The secret. It is sealed, never shown."},
};
static const struct rpc_field secret_remove_fields[] = {TENANT, WORD("name", "What it is called.")};
static const struct rpc_field top_up_fields[] = {
	TENANT,
	{"account", RPC_TEXT, true, 1, 16, "credit, video or voice."},
	{"amount", RPC_INTEGER, true, 1, POLICY_BUDGET_MAX, "Micros, or ms of stream."},
	{"key", RPC_TEXT, false, 1, 128, "Idempotency key: a repetition adds nothing."},
};
static const struct rpc_field used_fields[] = {
	TENANT,
	{"from_ms", RPC_INTEGER, false, 0, TIME_MS_MAX, "Closed at this time or later."},
	{"to_ms", RPC_INTEGER, false, 0, TIME_MS_MAX, "And before this one; default: now."},
};
static const struct rpc_field session_list_fields[] = {
	{"tenant", RPC_TEXT, false, 1, 63, "Only its sessions."},
	{"ended", RPC_BOOLEAN, false, 0, 0, "Also those that ended since yesterday."},
};
static const struct rpc_field kill_fields[] = {
	{"session", RPC_TEXT, false, 1, 64, "One session,"},
	{"tenant", RPC_TEXT, false, 1, 63, "or all of a tenant."},
	{"reason", RPC_TEXT, false, 1, 16, "USER_EXIT, COST_LIMIT or OPERATOR (the default)."},
};
static const struct rpc_field drain_fields[] = {
	{"node", RPC_TEXT, true, 1, 64, "Its id."},
	{"drain", RPC_BOOLEAN, true, 0, 0, "true: no new sessions; false: as before."},
};
static const struct rpc_field node_fields[] = {{"node", RPC_TEXT, true, 1, 64, "Its id."}};
static const struct rpc_field event_fields[] = {
	{"tenant", RPC_TEXT, false, 1, 63, "Only its events."},
	{"max", RPC_INTEGER, false, 1, EVENTS_MAX, "How many of the latest; default 100."},
};

#define FIELDS(rows) rows, sizeof(rows) / sizeof((rows)[0])
#define NO_FIELDS    NULL, 0

static const struct rpc_method methods[] = {
	{"tenant.create",
	 "Makes a tenant: its share of the slice, its keys and its policy in one step. Without "
	 "slice and slice_bps it has the plan's.",
	 "nothing; no_room with {left} when the slice has less than slice_bps left",
	 FIELDS(create_fields), operator_tenant_create},
	{"tenant.set", "Changes a tenant. In force on running sessions within a second.", "nothing",
	 FIELDS(set_fields), operator_tenant_set},
	{"tenant.show", "One tenant.",
	 "{tenant}: its row, keys, the policy in force as \"effective\"; {budget}",
	 FIELDS(tenant_fields), operator_tenant_show},
	{"tenant.list", "All tenants.", "{tenants: [...]}", NO_FIELDS, operator_tenant_list},
	{"tenant.pause", "No new sessions; those that run are paused.", "nothing",
	 FIELDS(tenant_fields), operator_tenant_pause},
	{"tenant.resume", "Active again.", "nothing", FIELDS(tenant_fields),
	 operator_tenant_resume},
	{"tenant.exit",
	 "Ends a tenant for good: its sessions end, then what they used is settled. To be "
	 "asked again until it is settled; then its slice share is released, a final head signed "
	 "and an export written.",
	 "{settled, sessions, outstanding: {account: amount}}, and when settled {export: FILE}",
	 FIELDS(exit_fields), operator_tenant_exit},
	{"tenant.export", "Writes configuration and ledger with its proofs to a file.",
	 "{export: FILE}", FIELDS(tenant_fields), operator_tenant_export},
	{"plan.put", "Makes or changes a plan. Its tenants change with it.", "nothing",
	 FIELDS(plan_fields), operator_plan_put},
	{"plan.list", "All plans.", "{plans: [...]}", NO_FIELDS, operator_plan_list},
	{"plan.remove", "Removes a plan that no tenant has.", "nothing", FIELDS(id_fields),
	 operator_plan_remove},
	{"slice.put", "Makes or changes a slice.", "nothing", FIELDS(slice_fields),
	 operator_slice_put},
	{"slice.list", "All slices.", "{slices: [...]}, with promised_bps and tenants", NO_FIELDS,
	 operator_slice_list},
	{"slice.remove", "Removes a slice that nobody has.", "nothing", FIELDS(id_fields),
	 operator_slice_remove},
	{"key.add", "Lets a key sign a tenant's tokens.", "nothing", FIELDS(key_fields),
	 operator_key_add},
	{"key.list", "A tenant's keys.", "{keys: [...]}", FIELDS(tenant_fields), operator_key_list},
	{"key.remove", "Takes a key away.", "nothing", FIELDS(key_remove_fields),
	 operator_key_remove},
	{"secret.set", "Seals a tenant's secret and keeps it.", "nothing", FIELDS(secret_fields),
	 operator_secret_set},
	{"secret.list", "Names of a tenant's secrets.", "{secrets: [...]}", FIELDS(tenant_fields),
	 operator_secret_list},
	{"secret.remove", "Forgets a secret.", "nothing", FIELDS(secret_remove_fields),
	 operator_secret_remove},
	{"top-up", "Adds to an account of a tenant.",
	 "{added}: false when the key was used before; {budget}", FIELDS(top_up_fields),
	 operator_top_up},
	{"budget", "A tenant's accounts.", "{month, accounts: [...]}", FIELDS(tenant_fields),
	 operator_budget},
	{"usage", "What a tenant used, by unit, kind and provider.",
	 "{rows, cost_micros, creator_micros, platform_micros, usage: [...]}", FIELDS(used_fields),
	 operator_usage},
	{"session.list", "Sessions of the whole fleet.", "{sessions: [...]}",
	 FIELDS(session_list_fields), operator_session_list},
	{"session.kill", "Ends sessions, wherever they are.", "{sessions}: how many were asked to",
	 FIELDS(kill_fields), operator_session_kill},
	{"node.list", "Nodes that ever said hello.", "{nodes: [...]}", NO_FIELDS,
	 operator_node_list},
	{"node.drain", "A node takes no new sessions, or does again.", "nothing",
	 FIELDS(drain_fields), operator_node_drain},
	{"node.remove",
	 "Forgets a node that never comes back, and was silent for a minute: its sessions are "
	 "lost, "
	 "what it was granted is free again.",
	 "nothing; conflict while it is heard of", FIELDS(node_fields), operator_node_remove},
	{"events.list", "The latest of the audit trail: denials and changes, oldest first.",
	 "{events: [...]}", FIELDS(event_fields), operator_event_list},
	{"ledger.sign", "Publishes heads of all ledgers that grew, now.", "nothing", NO_FIELDS,
	 operator_ledger_sign},
	{"help", "This table.", "{methods: [...]}", NO_FIELDS, help},
};

const struct rpc_table operator_table = {
	.title = "control socket",
	.methods = methods,
	.n_methods = sizeof(methods) / sizeof(methods[0]),
};
