/* The end of a tenant. tenant.exit is asked until it is settled, and may be repeated at any time:
 * every step finds out by itself whether it is still to be done. What is settled: no session of the
 * tenant runs, no node holds a grant of it, and for a moment nothing has changed, so that records
 * on their way have arrived. */
#include "conf/operator_methods.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "conf/policy.h"
#include "conf/rpc.h"

#define QUIET_MS 2000
#define NOBODY   "" /* no node's name */

void operator_ledger_sign(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	(void)params;
	int rc = store_ledger_sign(operators->store, operators->ledger_key, operator_now_ms());
	operator_answer(call, rc, NULL, NULL, "ledger");
}

/* How far it is. */
struct settling {
	int64_t sessions, changed_at_ms;
	json_t *outstanding; /* {account: amount}, of those with any; owned */
};

static int sessions_count(struct store *store, const char *id, struct settling *settling)
{
	json_t *list, *session;
	size_t i;
	int rc = store_session_list(store, id, &list);
	if (rc)
		return rc;
	json_array_foreach(list, i, session)
	{
		int64_t at = json_integer_value(json_object_get(session, "changed_at"));
		settling->sessions += strcmp(operator_text(session, "state"), "terminated") != 0;
		settling->changed_at_ms =
			at > settling->changed_at_ms ? at : settling->changed_at_ms;
	}
	json_decref(list);
	return 0;
}

/* What nodes still hold of an account is wished back, for nobody in particular: without sessions
 * they have no use for it, and would keep it until they end. */
static int outstanding_wish(struct store *store, const char *id, enum account account,
			    int64_t amount)
{
	if (amount > 0)
		return store_recall_wish(store, id, account, NOBODY, amount, operator_now_ms());
	return store_recall_done(store, id, account, NOBODY);
}

static int outstanding_read(struct store *store, const char *id, struct settling *settling)
{
	json_t *budget, *account, *amount;
	size_t i;
	int rc = store_budget(store, id, operator_now_ms(), &budget);
	if (rc)
		return rc;
	json_array_foreach(json_object_get(budget, "accounts"), i, account)
	{
		amount = json_object_get(account, "outstanding");
		if (json_integer_value(amount) > 0)
			json_object_set(settling->outstanding, operator_text(account, "account"),
					amount);
	}
	json_decref(budget);
	for (int a = 0; a < ACCOUNTS && rc == 0; a++) {
		amount = json_object_get(settling->outstanding, account_names[a]);
		rc = outstanding_wish(store, id, (enum account)a, json_integer_value(amount));
	}
	return rc;
}

/* Says that it leaves, if nobody has yet. */
static int standing_end(const struct operator* operators, const char *id, struct settling *settling,
			struct store_refusal *refusal)
{
	json_t *tenant;
	int rc = store_tenant_get(operators->store, id, &tenant);
	if (rc)
		return rc;
	settling->changed_at_ms = json_integer_value(json_object_get(tenant, "changed_at"));
	bool is_new = strcmp(operator_text(tenant, "standing"), "exited") != 0;
	json_decref(tenant);
	if (!is_new)
		return 0;
	settling->changed_at_ms = operator_now_ms();
	json_t *changes = json_pack("{s:s}", "standing", "exited");
	rc = changes ? store_tenant_change(operators->store, id, changes, refusal) : -ENOMEM;
	json_decref(changes);
	if (rc == 0)
		operator_note(operators, "tenant.exit", id, NULL);
	return rc;
}

static void exit_answer(struct operator* operators, struct rpc_call *call, const char *id,
			struct settling *settling, bool is_forced)
{
	bool is_quiet = operator_now_ms() - settling->changed_at_ms >= QUIET_MS;
	bool is_settled = is_forced || (is_quiet && settling->sessions == 0 &&
					json_object_size(settling->outstanding) == 0);
	json_t *answer =
		json_pack("{s:b, s:I, s:O}", "settled", is_settled, "sessions",
			  (json_int_t)settling->sessions, "outstanding", settling->outstanding);
	int rc = answer ? 0 : -ENOMEM;
	if (rc == 0 && is_settled) {
		rc = store_tenant_release(operators->store, id);
		rc = rc == -ENOENT ? 0 : rc; /* done before */
	}
	if (rc == 0 && is_settled) {
		operator_export(operators, call, id, answer);
		return;
	}
	if (rc)
		json_decref(answer);
	operator_answer(call, rc, NULL, rc ? NULL : answer, "tenant");
}

void operator_tenant_exit(void *context, struct rpc_call *call, struct json_t *params)
{
	struct operator* operators = context;
	const char *id = operator_text(params, "tenant");
	struct store_refusal refusal = {0};
	struct settling settling = {.outstanding = json_object()};
	int rc = settling.outstanding ? standing_end(operators, id, &settling, &refusal) : -ENOMEM;
	if (rc == 0)
		rc = sessions_count(operators->store, id, &settling);
	if (rc == 0)
		rc = outstanding_read(operators->store, id, &settling);
	if (rc)
		operator_answer(call, rc, NULL, NULL, "tenant");
	else
		exit_answer(operators, call, id, &settling,
			    json_is_true(json_object_get(params, "force")));
	json_decref(settling.outstanding);
}
