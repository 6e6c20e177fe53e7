/* THREADED. Quota and debits over the admin socket of a started node, with a control plane that is
 * this test. */
#include "gateway/account.h"
#include "slices/journal.h"
#include "tests/gateway/admin_fixture.h"

/* A tenant whose tokens and turns cost something, with a budget. */
static void feed_priced(void)
{
	json_t *tenant = json_pack("{s:s, s:s, s:[], s:{s:{s:I, s:I}, s:{s:I}}}", "id", "demo",
				   "standing", "active", "keys", "policy", "prices", "token_micros",
				   (json_int_t)1000, "interaction_micros", (json_int_t)500,
				   "budget", "monthly_micros", (json_int_t)1000000);
	struct peer_answer answer = feed(json_array(), json_pack("[o]", tenant));
	CU_ASSERT_EQUAL_FATAL(answer.code, 0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(answer.json, "refused")), 0);
	json_decref(answer.json);
}

static int grant(const char *tenant, const char *account, json_int_t granted_total)
{
	return peer_tell(&control, "quota.grant",
			 json_pack("{s:s, s:s, s:I}", "tenant", tenant, "account", account,
				   "granted_total", granted_total));
}

static json_int_t recall(const char *account, json_int_t amount)
{
	struct peer_answer answer =
		peer_ask(&control, "quota.recall",
			 json_pack("{s:s, s:s, s:I, s:b}", "tenant", "demo", "account", account,
				   "amount", amount, "revoke", 0));
	json_int_t total = json_integer_value(json_object_get(answer.json, "returned_total"));
	json_decref(answer.json);
	return answer.code ? -1 : total;
}

static void quota_comes_and_goes_as_totals(void)
{
	connect_control();
	feed_priced();
	const struct quota *credit = &find("demo")->quotas[ACCOUNT_CREDIT];
	CU_ASSERT_EQUAL(grant("demo", "credit", 1000), 0);
	CU_ASSERT_EQUAL(grant("demo", "credit", 1000), 0);
	CU_ASSERT_EQUAL(grant("demo", "credit", 400), 0);
	CU_ASSERT_EQUAL(credit->granted_total, 1000);
	CU_ASSERT_EQUAL(grant("demo", "gold", 1), RPC_INVALID_PARAMS);
	CU_ASSERT_EQUAL(grant("nobody", "credit", 1), RPC_NOT_FOUND);
	CU_ASSERT_EQUAL(recall("credit", 300), 300);
	CU_ASSERT_EQUAL(recall("credit", 300), 600);
	CU_ASSERT_EQUAL(recall("credit", 1000000), 1000);
	CU_ASSERT_EQUAL(recall("video", 5), 0);
	CU_ASSERT_EQUAL(recall("gold", 5), -1);
	lose_control();
	/* The next control plane learns what is held. */
	peer_connect(&control, node->config.admin.socket);
	struct peer_answer answer = peer_ask(
		&control, "hello",
		json_pack("{s:s, s:s, s:i}", "role", "control", "version", "1", "protocol", 1));
	json_t *held = json_array_get(json_object_get(answer.json, "quotas"), 0);
	const char *tenant, *account;
	json_int_t granted_total, returned_total;
	CU_ASSERT_EQUAL_FATAL(json_unpack(held, "{s:s, s:s, s:I, s:I}", "tenant", &tenant,
					  "account", &account, "granted_total", &granted_total,
					  "returned_total", &returned_total),
			      0);
	CU_ASSERT_STRING_EQUAL(tenant, "demo");
	CU_ASSERT_STRING_EQUAL(account, "credit");
	CU_ASSERT(granted_total == 1000 && returned_total == 1000);
	json_decref(answer.json);
	lose_control();
}

/* Answers what the node asks for until the call is answered itself. */
static struct peer_answer debit(const char *method, const char *key, json_int_t quantity)
{
	struct peer_answer answer = {0};
	rpc_invoke(control.rpc, method,
		   json_pack("{s:s, s:s, s:s, s:I}", "tenant", "demo", "key", key, "unit",
			     "interaction_unit", "quantity", quantity),
		   peer_on_reply, &answer);
	struct peer_call *row = NULL;
	peer_wait(answer.is_there || (row = peer_find_call(&control, "quota.request")));
	if (row) {
		g_queue_remove(&control.calls, row);
		json_int_t wanted = json_integer_value(json_object_get(row->params, "wanted"));
		json_int_t total = find("demo")->quotas[ACCOUNT_CREDIT].granted_total + wanted;
		answer_and_drop(row, json_pack("{s:I, s:b, s:b}", "granted_total", total,
					       "unlimited", 0, "exhausted", 0));
		peer_wait(answer.is_there);
	}
	return answer;
}

static const char *state_of(const struct peer_answer *answer)
{
	const char *state = json_string_value(json_object_get(answer->json, "state"));
	return state ? state : "";
}

static void backends_debit_under_a_key(void)
{
	connect_control();
	feed_priced();
	struct peer_answer answer = debit("usage.authorize", "turn-1", 2000);
	CU_ASSERT_EQUAL(answer.code, 0);
	CU_ASSERT_STRING_EQUAL(state_of(&answer), "authorized");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "cost_micros")), 1000);
	json_decref(answer.json);
	for (int i = 0; i < 2; i++) {
		answer = debit("usage.commit", "turn-1", 2000);
		CU_ASSERT_EQUAL(answer.code, 0);
		CU_ASSERT_STRING_EQUAL(state_of(&answer), "committed");
		CU_ASSERT_PTR_NOT_NULL(json_object_get(answer.json, "id"));
		json_decref(answer.json);
	}
	answer = debit("usage.cancel", "turn-1", 2000);
	CU_ASSERT_EQUAL(answer.code, RPC_CONFLICT);
	json_decref(answer.json);
	answer = debit("usage.cancel", "turn-2", 2000);
	CU_ASSERT_EQUAL(answer.code, RPC_NOT_FOUND);
	json_decref(answer.json);
	CU_ASSERT_EQUAL(find("demo")->quotas[ACCOUNT_CREDIT].used_total, 1000);
	/* It is on its way to the ledger, once. */
	struct peer_call *row = peer_take_call(&control, "usage.report");
	CU_ASSERT_EQUAL(json_array_size(rows_of(row, "records")), 1);
	json_t *id = json_object_get(json_array_get(rows_of(row, "records"), 0), "id");
	answer_and_drop(row, json_pack("{s:[O], s:[]}", "acknowledged", id, "refused"));
	peer_wait(journal_length(node->journal) == 0);
	lose_control();
}

static void nothing_left_is_denied_with_the_gate(void)
{
	struct peer_answer answer = {0};
	connect_control();
	feed_priced();
	rpc_invoke(control.rpc, "usage.authorize",
		   json_pack("{s:s, s:s, s:s, s:i}", "tenant", "demo", "key", "big", "unit",
			     "interaction_unit", "quantity", 1000000),
		   peer_on_reply, &answer);
	struct peer_call *row = peer_take_call(&control, "quota.request");
	answer_and_drop(row,
			json_pack("{s:I, s:b, s:b}", "granted_total",
				  (json_int_t)find("demo")->quotas[ACCOUNT_CREDIT].granted_total,
				  "unlimited", 0, "exhausted", 1));
	peer_wait(answer.is_there);
	CU_ASSERT_EQUAL(answer.code, RPC_DENIED);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "status")), 402);
	json_decref(answer.json);
	lose_control();
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(quota_comes_and_goes_as_totals),
	ROW(backends_debit_under_a_key),
	ROW(nothing_left_is_denied_with_the_gate),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("admin_quota", tests, admin_start_node, admin_stop_node)
