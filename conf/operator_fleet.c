/* Money and the fleet: accounts, usage, sessions, nodes, the audit trail. */
#include "conf/operator_methods.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/rpc.h"

#define EVENTS_DEFAULT 100

static int account_by_name(const char *name)
{
	for (int i = 0; i < ACCOUNTS; i++)
		if (strcmp(account_names[i], name) == 0)
			return i;
	return -1;
}

static void top_up_answer(const struct operator* operators, struct rpc_call *call,
			  const char *tenant, bool is_added)
{
	json_t *budget = NULL;
	int rc = store_budget(operators->store, tenant, operator_now_ms(), &budget);
	operator_answer(call, rc, NULL,
			rc ? NULL : json_pack("{s:b, s:o}", "added", is_added, "budget", budget),
			"tenant");
}

void operator_top_up(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	int account = account_by_name(operator_text(params, "account"));
	if (account < 0) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "account: found \"%.40s\", expected credit, video or voice",
			 operator_text(params, "account"));
		return;
	}
	char detail[80];
	int rc = store_top_up(operators->store, tenant, (enum account)account,
			      json_integer_value(json_object_get(params, "amount")),
			      operator_text(params, "key"), operator_now_ms());
	if (rc && rc != -EALREADY) {
		operator_answer(call, rc, NULL, NULL, "tenant that has not exited");
		return;
	}
	snprintf(detail, sizeof(detail), "%s %" JSON_INTEGER_FORMAT " %s", account_names[account],
		 json_integer_value(json_object_get(params, "amount")),
		 account == ACCOUNT_CREDIT ? "micros" : "ms");
	if (rc == 0)
		operator_note(operators, "top-up", tenant, detail);
	top_up_answer(operators, call, tenant, rc == 0);
}

void operator_budget(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *budget = NULL;
	int rc = store_budget(operators->store, operator_text(params, "tenant"), operator_now_ms(),
			      &budget);
	operator_answer(call, rc, NULL, budget, "tenant");
}

void operator_usage(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	const json_t *to = json_object_get(params, "to_ms");
	json_t *sums = NULL;
	char period[STORE_PERIOD_BYTES];
	int rc = store_period(operators->store, tenant, operator_now_ms(), period);
	if (rc == 0)
		rc = store_usage_sums(operators->store, tenant,
				      json_integer_value(json_object_get(params, "from_ms")),
				      to ? json_integer_value(to) : operator_now_ms() + 1, &sums);
	operator_answer(call, rc, NULL, sums, "tenant");
}

static bool is_ended(const json_t *session)
{
	return strcmp(operator_text(session, "state"), "terminated") == 0;
}

void operator_session_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *list = NULL;
	int rc = store_session_list(operators->store, operator_text(params, "tenant"), &list);
	for (size_t i = json_array_size(list);
	     i-- > 0 && !json_is_true(json_object_get(params, "ended"));)
		if (is_ended(json_array_get(list, i)))
			json_array_remove(list, i);
	operator_answer(call, rc, "sessions", list, "sessions");
}

static bool is_reason(const char *reason)
{
	static const char *const reasons[] = {"USER_EXIT", "COST_LIMIT", "OPERATOR"};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reasons[i], reason) == 0)
			return true;
	return false;
}

void operator_session_kill(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *session = operator_text(params, "session"), *reason;
	const char *tenant = operator_text(params, "tenant");
	char detail[128];
	int64_t n = 0;
	int rc;
	reason = operator_text(params, "reason") ? operator_text(params, "reason") : "OPERATOR";
	if (!session == !tenant || !is_reason(reason)) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "expected session or tenant, and USER_EXIT, COST_LIMIT or OPERATOR as "
			 "reason");
		return;
	}
	if (session) {
		rc = store_session_kill(operators->store, session, reason);
		n = rc == 0;
	} else {
		rc = store_session_kill_all(operators->store, tenant, reason, &n);
	}
	snprintf(detail, sizeof(detail), "%s, %s", session ? session : "all", reason);
	if (n)
		operator_note(operators, "session.kill", tenant, detail);
	operator_answer(call, rc, "sessions", json_integer(n), "session that runs");
}

void operator_node_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *list = NULL;
	(void)params;
	int rc = store_node_list(operators->store, &list);
	operator_answer(call, rc, "nodes", list, "nodes");
}

void operator_node_drain(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *node = operator_text(params, "node");
	bool drain = json_is_true(json_object_get(params, "drain"));
	int rc = store_node_drain(operators->store, node, drain);
	char detail[128];
	snprintf(detail, sizeof(detail), "%s, %s", node, drain ? "on" : "off");
	operator_changed(operators, call, rc,
			 &(struct operator_change){"node.drain", NULL, NULL, "node", detail});
}

void operator_node_remove(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	struct store_refusal refusal = {0};
	int rc = store_node_remove(operators->store, operator_text(params, "node"),
				   operator_now_ms(), &refusal);
	operator_changed(operators, call, rc,
			 &(struct operator_change){"node.remove", NULL, &refusal, "node",
						   operator_text(params, "node")});
}

void operator_event_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const json_t *max = json_object_get(params, "max");
	json_t *list = NULL;
	int rc = store_event_list(operators->store, operator_text(params, "tenant"),
				  max ? (unsigned int)json_integer_value(max) : EVENTS_DEFAULT,
				  &list);
	operator_answer(call, rc, "events", list, "events");
}
