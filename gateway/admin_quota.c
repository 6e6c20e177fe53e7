/* Quota from the control plane, and debits by backends, which wait for the journal's disk. A debit
 * that is still open when the socket goes is answered as best we can: it may have happened, and its
 * key tells when it is asked again. */
#include "gateway/admin_private.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/account.h"
#include "gateway/node.h"
#include "gateway/usage.h"
#include "slices/tenant.h"

struct admin_debit {
	TAILQ_ENTRY(admin_debit) link;
	struct admin *admin; /* parent */
	struct rpc_call *call;
	bool is_answered; /* before it was put into the list */
	bool is_waiting;
};

static const char *text_of(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

/* NULL: unknown, and the call was failed. */
static struct tenant *find_tenant(struct admin *admin, struct rpc_call *call, const json_t *params)
{
	const char *id = text_of(params, "tenant");
	struct tenant *tenant = tenant_find(admin->node->tenants, id, strlen(id));
	if (!tenant)
		rpc_fail(call, RPC_NOT_FOUND, "no tenant '%.63s' on this node", id);
	return tenant;
}

/* False: no such account, and the call was failed. */
static bool find_account(struct rpc_call *call, const json_t *params, enum account *account)
{
	const char *name = text_of(params, "account");
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		if (strcmp(name, account_names[i]) != 0)
			continue;
		*account = (enum account)i;
		return true;
	}
	rpc_fail(call, RPC_INVALID_PARAMS,
		 "account: found \"%.31s\", expected credit, video or voice", name);
	return false;
}

void admin_quota_grant(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	enum account account;
	if (!admin_is_control(connection, call) || !find_account(call, params, &account))
		return;
	struct tenant *tenant = find_tenant(admin, call, params);
	if (!tenant)
		return;
	account_grant(admin->node->accounts, tenant, account,
		      json_integer_value(json_object_get(params, "granted_total")));
	rpc_answer(call, NULL);
}

static void on_returned(void *context, int64_t returned_total)
{
	rpc_answer(context, json_pack("{s:I}", "returned_total", (json_int_t)returned_total));
}

/* Answered when what sessions were lent is back, so that control has the whole of it before any of
 * them asks again. */
void admin_quota_recall(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	struct account_recall recall = {
		.amount = json_integer_value(json_object_get(params, "amount")),
		.is_revoked = json_is_true(json_object_get(params, "revoke")),
		.done = on_returned,
		.context = call,
	};
	if (!admin_is_control(connection, call) || !find_account(call, params, &recall.account))
		return;
	recall.tenant = find_tenant(admin, call, params);
	if (recall.tenant)
		account_recall(admin->node->accounts, &recall);
}

static enum rpc_code code_of(int status)
{
	switch (status) {
	case 400:
		return RPC_INVALID_PARAMS;
	case 404:
		return RPC_NOT_FOUND;
	case 409:
		return RPC_CONFLICT;
	case 503:
		return RPC_UNAVAILABLE;
	default:
		return RPC_DENIED; /* 402, 403, 429 */
	}
}

static void answer_debit(struct rpc_call *call, int status, json_t *body)
{
	const char *detail = text_of(body, "detail");
	if (status == 200)
		rpc_answer(call, json_incref(body));
	else
		rpc_fail_with(call, code_of(status), json_pack("{s:i}", "status", status), "%s",
			      detail ? detail : "refused");
}

static void on_debited(void *context, int status, json_t *body)
{
	struct admin_debit *debit = context;
	answer_debit(debit->call, status, body);
	debit->is_answered = true;
	if (!debit->is_waiting)
		return;
	TAILQ_REMOVE(&debit->admin->debits, debit, link);
	free(debit);
}

typedef void (*usage_verb)(struct usage_table *table, struct tenant *tenant, const json_t *request,
			   usage_reply reply, void *context);

static void debit_by(struct admin *admin, struct rpc_call *call, json_t *params, usage_verb verb)
{
	struct tenant *tenant = find_tenant(admin, call, params);
	if (!tenant)
		return;
	struct admin_debit *debit = calloc(1, sizeof(*debit));
	if (!debit) {
		rpc_fail(call, RPC_INTERNAL, "out of memory");
		return;
	}
	*debit = (struct admin_debit){.admin = admin, .call = call};
	/* The tenant was ours to find; the request is what is left. */
	json_t *request = json_copy(params);
	json_object_del(request, "tenant");
	verb(admin->node->usage, tenant, request, on_debited, debit);
	json_decref(request);
	if (debit->is_answered) {
		free(debit);
		return;
	}
	debit->is_waiting = true;
	TAILQ_INSERT_TAIL(&admin->debits, debit, link);
}

void admin_usage_authorize(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	debit_by(connection->admin, call, params, usage_authorize);
}

void admin_usage_commit(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	debit_by(connection->admin, call, params, usage_commit);
}

void admin_usage_cancel(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	debit_by(connection->admin, call, params, usage_cancel);
}

void admin_debits_end(struct admin *admin)
{
	struct admin_debit *debit;
	while ((debit = TAILQ_FIRST(&admin->debits))) {
		TAILQ_REMOVE(&admin->debits, debit, link);
		usage_forget(admin->node->usage, debit);
		rpc_fail(debit->call, RPC_UNAVAILABLE, "the node stops; ask again with this key");
		free(debit);
	}
}
