/* Debits by backends: set aside, committed once whatever is repeated, cancelled, or fallen back.
 * THREADED: the journal is. */
#include <errno.h>

#include "tests/gateway/account_fixture.h"

#define S 1000000000ull
#define TURNS                                                                                      \
	"{\"prices\": {\"interaction_micros\": 10000, \"token_micros\": 1500},"                    \
	" \"budget\": {\"prepaid\": true}, \"split\": \"mini_platform\"}"

typedef void (*usage_call)(struct usage_table *table, struct tenant *tenant,
			   const struct json_t *request, usage_reply reply, void *context);

struct answer {
	unsigned int n;
	int status;
	int64_t cost_micros, quantity;
	char state[16], title[32], id[USAGE_ID_MAX + 1];
};

static void copy(char *to, size_t size, const json_t *body, const char *name)
{
	const char *text = json_string_value(json_object_get(body, name));
	snprintf(to, size, "%s", text ? text : "");
}

static void on_answer(void *context, int status, json_t *body)
{
	struct answer *answer = context;
	answer->n++;
	answer->status = status;
	answer->cost_micros = json_integer_value(json_object_get(body, "cost_micros"));
	answer->quantity = json_integer_value(json_object_get(body, "quantity"));
	copy(answer->state, sizeof(answer->state), body, "state");
	copy(answer->title, sizeof(answer->title), body, "title");
	copy(answer->id, sizeof(answer->id), body, "id");
}

static void start(int64_t micros)
{
	fixture_start(TURNS);
	fixture.available[ACCOUNT_CREDIT] = micros;
	fixture.node.usage = usage_table_create(&fixture.node);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fixture.node.usage);
}

static void stop(void)
{
	usage_table_destroy(fixture.node.usage);
	fixture_stop();
}

static void ask(usage_call call, const char *text, struct answer *answer)
{
	json_t *request = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(request);
	call(fixture.node.usage, &fixture.tenant, request, on_answer, answer);
	json_decref(request);
}

/* Asks and waits for whatever the answer waits for. */
static struct answer say(usage_call call, const char *text)
{
	struct answer answer = {0};
	ask(call, text, &answer);
	fixture_pump();
	while (answer.n == 0)
		g_main_context_iteration(NULL, TRUE);
	CU_ASSERT_EQUAL(answer.n, 1);
	return answer;
}

static struct quota *credit(void)
{
	return &fixture.tenant.quotas[ACCOUNT_CREDIT];
}

#define TURN_A   "{\"key\": \"a\", \"unit\": \"interaction_unit\", \"quantity\": 1000}"
#define TOKENS_B "{\"key\": \"b\", \"unit\": \"token_unit\", \"quantity\": 2400}"

static void authorized_then_committed(void)
{
	static struct usage_record records[4];
	start(1000000);
	struct answer answer = say(usage_authorize, TOKENS_B);
	CU_ASSERT_EQUAL(answer.status, 200);
	CU_ASSERT_STRING_EQUAL(answer.state, "authorized");
	CU_ASSERT_EQUAL(answer.cost_micros, 3600);
	CU_ASSERT_EQUAL(credit()->lent, 3600);
	answer = say(usage_commit, "{\"key\": \"b\", \"quantity\": 1830}");
	CU_ASSERT_EQUAL(answer.status, 200);
	CU_ASSERT_STRING_EQUAL(answer.state, "committed");
	CU_ASSERT_EQUAL(answer.cost_micros, 2745);
	CU_ASSERT_EQUAL(credit()->lent, 0);
	CU_ASSERT_EQUAL(credit()->used_total, 2745);
	CU_ASSERT_EQUAL_FATAL(fixture_records(records, 4), 1);
	CU_ASSERT_STRING_EQUAL(records[0].id, answer.id);
	CU_ASSERT_EQUAL(records[0].unit, USAGE_TOKEN);
	CU_ASSERT_EQUAL(records[0].quantity_ms, 1830);
	CU_ASSERT_STRING_EQUAL(records[0].split, "mini_platform");
	stop();
}

static void what_is_repeated_costs_nothing(void)
{
	static struct usage_record records[4];
	start(1000000);
	for (unsigned int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(say(usage_authorize, TURN_A).status, 200);
		CU_ASSERT_EQUAL(credit()->lent, 10000);
	}
	for (unsigned int i = 0; i < 5; i++) {
		struct answer answer = say(usage_commit, TURN_A);
		CU_ASSERT_EQUAL(answer.status, 200);
		CU_ASSERT_STRING_EQUAL(answer.state, "committed");
	}
	CU_ASSERT_STRING_EQUAL(say(usage_authorize, TURN_A).state, "committed");
	CU_ASSERT_EQUAL(credit()->used_total, 10000);
	CU_ASSERT_EQUAL(fixture_records(records, 4), 1);
	stop();
}

static void a_key_means_one_thing(void)
{
	start(1000000);
	say(usage_authorize, TURN_A);
	CU_ASSERT_EQUAL(say(usage_authorize, "{\"key\": \"a\", \"unit\": \"token_unit\","
					     " \"quantity\": 1000}")
				.status,
			409);
	CU_ASSERT_EQUAL(say(usage_authorize, "{\"key\": \"a\", \"unit\": \"interaction_unit\","
					     " \"quantity\": 2000}")
				.status,
			409);
	CU_ASSERT_EQUAL(say(usage_commit, "{\"key\": \"a\", \"quantity\": 1001}").status, 409);
	CU_ASSERT_EQUAL(say(usage_commit, "{\"key\": \"a\"}").status, 200);
	CU_ASSERT_EQUAL(say(usage_commit, "{\"key\": \"a\", \"quantity\": 500}").status, 409);
	CU_ASSERT_EQUAL(say(usage_cancel, "{\"key\": \"a\"}").status, 409);
	stop();
}

static void cancelled_money_is_free_again(void)
{
	start(10000);
	say(usage_authorize, TURN_A);
	CU_ASSERT_STRING_EQUAL(say(usage_cancel, "{\"key\": \"a\"}").state, "cancelled");
	CU_ASSERT_EQUAL(credit()->lent, 0);
	CU_ASSERT_EQUAL(say(usage_cancel, "{\"key\": \"a\"}").status, 404);
	CU_ASSERT_EQUAL(say(usage_commit, "{\"key\": \"a\"}").status, 404);
	CU_ASSERT_EQUAL(say(usage_commit, TURN_A).status, 200);
	stop();
}

static void what_is_not_committed_falls_back(void)
{
	start(10000);
	say(usage_authorize, TURN_A);
	usage_tick(fixture.node.usage, fixture.now_ns + USAGE_HOLD_S * S - 1);
	CU_ASSERT_EQUAL(credit()->lent, 10000);
	usage_tick(fixture.node.usage, fixture.now_ns + USAGE_HOLD_S * S);
	CU_ASSERT_EQUAL(credit()->lent, 0);
	CU_ASSERT_EQUAL(say(usage_commit, "{\"key\": \"a\"}").status, 404);
	stop();
}

static void a_hundred_cents_are_a_hundred_turns(void)
{
	start(1000000);
	for (unsigned int i = 0; i < 101; i++) {
		char text[96];
		snprintf(text, sizeof(text),
			 "{\"key\": \"turn-%u\", \"unit\": \"interaction_unit\", \"quantity\": "
			 "1000}",
			 i);
		struct answer answer = say(usage_commit, text);
		CU_ASSERT_EQUAL(answer.status, i < 100 ? 200 : 402);
		if (i == 100)
			CU_ASSERT_STRING_EQUAL(answer.title, "Twin is sleeping");
	}
	CU_ASSERT_EQUAL(credit()->used_total, 1000000);
	stop();
}

static void requests_for_the_same_key_are_answered_together(void)
{
	struct answer answers[10] = {0};
	start(1000000);
	for (unsigned int i = 0; i < 10; i++)
		ask(usage_commit, TURN_A, &answers[i]);
	CU_ASSERT_EQUAL(answers[8].status, 429);
	CU_ASSERT_EQUAL(answers[9].status, 429);
	CU_ASSERT_EQUAL(answers[0].n, 0);
	usage_forget(fixture.node.usage, &answers[1]);
	fixture_pump();
	while (answers[7].n == 0)
		g_main_context_iteration(NULL, TRUE);
	for (unsigned int i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(answers[i].n, i != 1);
	CU_ASSERT_EQUAL(credit()->used_total, 10000);
	stop();
}

static void without_control_or_standing_nothing_goes(void)
{
	start(1000000);
	fixture.has_control = false;
	CU_ASSERT_EQUAL(say(usage_authorize, TURN_A).status, 503);
	fixture.has_control = true;
	fixture.config.standing = TENANT_PAUSED;
	CU_ASSERT_EQUAL(say(usage_authorize, TURN_A).status, 403);
	stop();
}

#define LONG_SESSION                                                                               \
	"{\"key\": \"a\", \"unit\": \"token_unit\", \"quantity\": 1, \"session\":"                 \
	" \"0123456789012345678901234567890123456789\"}"

static void wrong_requests_are_refused(void)
{
	static const char *const rows[] = {
		"{}",
		"{\"key\": \"\", \"unit\": \"token_unit\", \"quantity\": 1}",
		"{\"key\": 7, \"unit\": \"token_unit\", \"quantity\": 1}",
		"{\"key\": \"a\", \"unit\": \"minute_unit\", \"quantity\": 1}",
		"{\"key\": \"a\", \"unit\": \"token_unit\", \"quantity\": 0}",
		"{\"key\": \"a\", \"unit\": \"token_unit\", \"quantity\": -5}",
		"{\"key\": \"a\", \"unit\": \"token_unit\", \"quantity\": \"9\"}",
		"{\"key\": \"a\", \"unit\": \"token_unit\", \"quantity\": 1.5}",
		"{\"key\": \"a\", \"unit\": \"token_unit\", \"quantity\": 1000000000001}",
		LONG_SESSION,
		"{\"key\": \"a\", \"quantity\": 1}",
		"{\"key\": \"a\", \"unit\": \"token_unit\"}",
		"[]",
	};
	start(1000000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT_EQUAL(say(usage_authorize, rows[i]).status, 400);
	CU_ASSERT_EQUAL(credit()->lent, 0);
	stop();
}

/* The table forgets; the journal does not. */
static void the_journal_remembers_the_key(void)
{
	static struct usage_record records[4];
	start(1000000);
	struct answer answer = say(usage_commit, TURN_A);
	usage_table_destroy(fixture.node.usage);
	fixture.node.usage = usage_table_create(&fixture.node);
	struct answer again = say(usage_commit, TURN_A);
	CU_ASSERT_EQUAL(again.status, 200);
	CU_ASSERT_STRING_EQUAL(again.id, answer.id);
	/* Nor can it be authorized for less, and its record be written over. */
	again = say(usage_authorize,
		    "{\"key\": \"a\", \"unit\": \"interaction_unit\", \"quantity\": 500}");
	CU_ASSERT_STRING_EQUAL(again.state, "committed");
	say(usage_commit, "{\"key\": \"a\", \"quantity\": 500}");
	CU_ASSERT_EQUAL_FATAL(fixture_records(records, 4), 1);
	CU_ASSERT_EQUAL(records[0].quantity_ms, 1000);
	CU_ASSERT_EQUAL(credit()->used_total, 10000);
	stop();
}

static void only_what_was_lent_draws_on_a_grant(void)
{
	static struct usage_record records[4];
	start(1000000);
	say(usage_commit, TURN_A);
	fixture_policy("{\"prices\": {\"token_micros\": 1500}}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	say(usage_commit, TOKENS_B);
	CU_ASSERT_EQUAL_FATAL(fixture_records(records, 4), 2);
	CU_ASSERT_STRING_EQUAL(records[0].boot, journal_boot(fixture.node.journal));
	CU_ASSERT_STRING_EQUAL(records[1].boot, "");
	CU_ASSERT_EQUAL(records[1].cost_micros, 3600);
	CU_ASSERT_EQUAL(credit()->used_total, 10000);
	stop();
}

static void the_table_is_bounded(void)
{
	start(1);
	fixture_policy("{}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	struct answer answer = {0};
	for (unsigned int i = 0; i < USAGE_OPEN_MAX; i++) {
		char text[96];
		snprintf(text, sizeof(text),
			 "{\"key\": \"%u\", \"unit\": \"token_unit\", \"quantity\": 1}", i);
		ask(usage_authorize, text, &answer);
	}
	CU_ASSERT_EQUAL(answer.n, USAGE_OPEN_MAX);
	CU_ASSERT_EQUAL(answer.status, 200);
	CU_ASSERT_EQUAL(say(usage_authorize, TURN_A).status, 429);
	CU_ASSERT_EQUAL(say(usage_commit, "{\"key\": \"5\"}").status, 200);
	/* A committed one makes room. */
	CU_ASSERT_EQUAL(say(usage_authorize, TURN_A).status, 200);
	stop();
}

static CU_TestInfo tests[] = {
	{"authorized_then_committed", authorized_then_committed},
	{"what_is_repeated_costs_nothing", what_is_repeated_costs_nothing},
	{"a_key_means_one_thing", a_key_means_one_thing},
	{"cancelled_money_is_free_again", cancelled_money_is_free_again},
	{"what_is_not_committed_falls_back", what_is_not_committed_falls_back},
	{"a_hundred_cents_are_a_hundred_turns", a_hundred_cents_are_a_hundred_turns},
	{"requests_for_the_same_key_are_answered_together",
	 requests_for_the_same_key_are_answered_together},
	{"without_control_or_standing_nothing_goes", without_control_or_standing_nothing_goes},
	{"wrong_requests_are_refused", wrong_requests_are_refused},
	{"the_journal_remembers_the_key", the_journal_remembers_the_key},
	{"only_what_was_lent_draws_on_a_grant", only_what_was_lent_draws_on_a_grant},
	{"the_table_is_bounded", the_table_is_bounded},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("usage", tests)
