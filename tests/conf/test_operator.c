/* The operators' table over a store, asked through a pair of sockets: what is answered, what is
 * refused with which code, what lands in the audit trail. */
#include "tests/conf/operator_fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "conf/rpc.h"
#include "conf/usage.h"

static struct rpc *server, *client;

/* The last answer; the result is owned. */
static struct {
	bool is_there;
	json_t *result;
	int code;
	char message[512];
	int64_t left;
} answer;

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	rpc_table_dispatch(&operator_table, context, call, method, params);
}

static void on_close(void *context, const char *why)
{
	(void)context;
	(void)why;
	CU_FAIL("closed");
}

static int sockets_start(void)
{
	int fds[2];
	if (operator_fixture_start() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		return 1;
	const struct rpc_config serving = {
		.on_call = on_call, .on_close = on_close, .context = &fixture.operators};
	server = rpc_create(fds[0], &serving);
	client = rpc_create(fds[1], &serving);
	return server && client ? 0 : 1;
}

static int sockets_stop(void)
{
	json_decref(answer.result);
	rpc_destroy(client);
	rpc_destroy(server);
	return operator_fixture_stop();
}

static void on_reply(void *context, const json_t *result, const struct rpc_error *error)
{
	(void)context;
	answer.is_there = true;
	answer.result = result ? json_deep_copy(result) : NULL;
	answer.code = error ? error->code : 0;
	answer.left = error ? json_integer_value(json_object_get(error->data, "left")) : 0;
	snprintf(answer.message, sizeof(answer.message), "%s", error ? error->message : "");
}

/* Asks with parameters as JSON text and waits; the code, 0 for a result. */
static int ask(const char *method, const char *params)
{
	json_decref(answer.result);
	memset(&answer, 0, sizeof(answer));
	json_t *object = json_loads(params, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	rpc_invoke(client, method, object, on_reply, NULL);
	while (!answer.is_there)
		g_main_context_iteration(NULL, TRUE);
	return answer.code;
}

static void expect_message(const char *part)
{
	if (!strstr(answer.message, part)) {
		printf("\nsaid: \"%s\", expected \"%s\"\n", answer.message, part);
		CU_FAIL("other words");
	}
}

static const json_t *at(const char *path)
{
	const json_t *object = answer.result;
	char name[64];
	while (*path && object) {
		size_t len = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		object = json_is_array(object) ? json_array_get(object, (size_t)atoi(name))
					       : json_object_get(object, name);
		path += len + (path[len] == '.');
	}
	return object;
}

static void expect_text(const char *path, const char *text)
{
	const char *found = json_string_value(at(path));
	CU_ASSERT_STRING_EQUAL(found ? found : "nothing", text);
}

static void every_refusal_has_its_code(void)
{
	static const struct {
		const char *method, *params;
		int code;
		const char *message;
	} rows[] = {
		{"fly", "{}", RPC_NO_METHOD, "fly: no such method"},
		{"tenant.show", "{}", RPC_INVALID_PARAMS, "tenant.show: tenant: is missing"},
		{"tenant.show", "{\"tenant\": \"nobody\"}", RPC_NOT_FOUND, "no such tenant"},
		{"tenant.create", "{\"tenant\": {\"id\": \"a/b\"}}", RPC_INVALID_PARAMS,
		 "found \"a/b\""},
		{"tenant.create", "{\"tenant\": {\"id\": \"x\", \"plan\": \"none\"}}",
		 RPC_NOT_FOUND, "plan: there is no none"},
		{"tenant.set", "{\"tenant\": \"nobody\", \"changes\": {}}", RPC_NOT_FOUND,
		 "there is no nobody"},
		{"tenant.set", "{\"tenant\": \"t\", \"changes\": {\"standing\": \"exited\"}}",
		 RPC_INVALID_PARAMS, "tenant.exit ends a tenant"},
		{"tenant.exit", "{\"tenant\": \"nobody\"}", RPC_NOT_FOUND, "no such tenant"},
		{"tenant.export", "{\"tenant\": \"nobody\"}", RPC_NOT_FOUND, "no such tenant"},
		{"plan.remove", "{\"id\": \"nobody\"}", RPC_NOT_FOUND, "plan: there is no nobody"},
		{"slice.remove", "{\"id\": \"gold\"}", RPC_CONFLICT, "plans or tenants have it"},
		{"key.list", "{\"tenant\": \"nobody\"}", RPC_NOT_FOUND, "no such tenant"},
		{"key.remove", "{\"tenant\": \"nobody\", \"key\": \"k\"}", RPC_NOT_FOUND,
		 "no such key"},
		{"secret.set", "{\"tenant\": \"nobody\", \"name\": \"s\", \"text\": \"x\"}",
		 RPC_NOT_FOUND, "no such tenant"},
		{"secret.remove", "{\"tenant\": \"nobody\", \"name\": \"s\"}", RPC_NOT_FOUND,
		 "no such secret"},
		{"top-up", "{\"tenant\": \"t\", \"account\": \"gold\", \"amount\": 1}",
		 RPC_INVALID_PARAMS, "account: found \"gold\""},
		{"top-up", "{\"tenant\": \"nobody\", \"account\": \"credit\", \"amount\": 1}",
		 RPC_NOT_FOUND, "no such tenant"},
		{"top-up", "{\"tenant\": \"t\", \"account\": \"credit\", \"amount\": 0}",
		 RPC_INVALID_PARAMS, "amount"},
		{"budget", "{\"tenant\": \"nobody\"}", RPC_NOT_FOUND, "no such tenant"},
		{"usage", "{\"tenant\": \"nobody\"}", RPC_NOT_FOUND, "no such tenant"},
		{"session.kill", "{}", RPC_INVALID_PARAMS, "expected session or tenant"},
		{"session.kill", "{\"session\": \"s\", \"reason\": \"BORED\"}", RPC_INVALID_PARAMS,
		 "expected"},
		{"session.kill", "{\"session\": \"s\"}", RPC_NOT_FOUND, "no such session"},
		{"node.drain", "{\"node\": \"n\", \"drain\": true}", RPC_NOT_FOUND, "no such node"},
		{"node.remove", "{\"node\": \"n\"}", RPC_NOT_FOUND, "no such node"},
	};
	int before = fixture.changes;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(ask(rows[i].method, rows[i].params), rows[i].code);
		expect_message(rows[i].message);
	}
	CU_ASSERT_EQUAL(fixture.changes, before);
	CU_ASSERT_EQUAL(ask("events.list", "{}"), 0);
	CU_ASSERT_EQUAL(json_array_size(at("events")), 0);
}

static void help_describes_every_method(void)
{
	CU_ASSERT_EQUAL(ask("help", "{}"), 0);
	char *text = json_dumps(answer.result, 0);
	for (size_t i = 0; i < operator_table.n_methods; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, operator_table.methods[i].name));
	free(text);
}

static void share_that_is_not_left_is_told_in_numbers(void)
{
	CU_ASSERT_EQUAL(ask("slice.put", "{\"slice\": {\"id\": \"s\", \"guaranteed_bps\": 10000}}"),
			0);
	CU_ASSERT_EQUAL(ask("tenant.create", "{\"tenant\": {\"id\": \"fat\", \"slice\": \"s\","
					     " \"slice_bps\": 10001}}"),
			RPC_NO_ROOM);
	CU_ASSERT_EQUAL(answer.left, 10000);
	CU_ASSERT_EQUAL(ask("slice.remove", "{\"id\": \"s\"}"), 0);
}

static void change_wakes_the_feed_and_leaves_a_trail(void)
{
	int before = fixture.changes;
	CU_ASSERT_EQUAL(
		ask("tenant.create", "{\"tenant\": {\"id\": \"acme\", \"plan\": \"gold\"}}"), 0);
	CU_ASSERT_EQUAL(ask("tenant.set", "{\"tenant\": \"acme\", \"changes\": {\"policy\":"
					  " {\"budget\": {\"monthly_micros\": 1000000}}}}"),
			0);
	CU_ASSERT_EQUAL(ask("tenant.pause", "{\"tenant\": \"acme\"}"), 0);
	CU_ASSERT_EQUAL(ask("tenant.resume", "{\"tenant\": \"acme\"}"), 0);
	CU_ASSERT_EQUAL(fixture.changes, before + 4);
	CU_ASSERT_EQUAL(ask("events.list", "{\"tenant\": \"acme\"}"), 0);
	CU_ASSERT_EQUAL(json_array_size(at("events")), 4);
	expect_text("events.1.event.method", "tenant.set");
	expect_text("events.1.node", "n1");
	expect_text("events.0.event.detail", "gold");
	expect_text("events.1.event.detail",
		    "{\"policy\":{\"budget\":{\"monthly_micros\":1000000}}}");

	CU_ASSERT_EQUAL(ask("tenant.show", "{\"tenant\": \"acme\"}"), 0);
	expect_text("tenant.standing", "active");
	CU_ASSERT_EQUAL(json_integer_value(at("tenant.effective.budget.monthly_micros")), 1000000);
	CU_ASSERT_EQUAL(json_integer_value(at("budget.accounts.0.limit")), 1000000);
	CU_ASSERT_EQUAL(ask("tenant.list", "{}"), 0);
	CU_ASSERT_EQUAL(json_array_size(at("tenants")), 1);
}

static void top_up_is_added_once(void)
{
	const char *params = "{\"tenant\": \"acme\", \"account\": \"credit\", \"amount\": 500000,"
			     " \"key\": \"i1\"}";
	CU_ASSERT_EQUAL(ask("top-up", params), 0);
	CU_ASSERT_TRUE(json_is_true(at("added")));
	CU_ASSERT_EQUAL(json_integer_value(at("budget.accounts.0.limit")), 1500000);
	CU_ASSERT_EQUAL(ask("top-up", params), 0);
	CU_ASSERT_TRUE(json_is_false(at("added")));
	CU_ASSERT_EQUAL(json_integer_value(at("budget.accounts.0.limit")), 1500000);
}

static void secrets_are_sealed_and_never_shown(void)
{
	uint8_t *sealed, *text;
	size_t size, text_size;
	CU_ASSERT_EQUAL(ask("secret.set",
			    "{\"tenant\": \"acme\", \"name\": \"openai\", \"text\": \"hush\"}"),
			0);
	CU_ASSERT_EQUAL_FATAL(store_secret_get(fixture.store, "acme", "openai", &sealed, &size), 0);
	CU_ASSERT_PTR_NULL(memmem(sealed, size, "hush", 4));
	CU_ASSERT_EQUAL_FATAL(
		secret_open(fixture.secret_key, "acme/openai", sealed, size, &text, &text_size), 0);
	CU_ASSERT(text_size == 4 && memcmp(text, "hush", 4) == 0);
	CU_ASSERT_EQUAL(ask("secret.list", "{\"tenant\": \"acme\"}"), 0);
	expect_text("secrets.0.name", "openai");
	char *shown = json_dumps(answer.result, 0);
	CU_ASSERT_PTR_NULL(strstr(shown, "hush"));
	free(shown);
	free(sealed);
	free(text);
}

static void claims_put(const char *text)
{
	json_t *claims = json_loads(text, 0, NULL);
	CU_ASSERT_EQUAL(store_sessions_put(fixture.store, "n1", claims), 0);
	json_decref(claims);
}

static void sessions_end_when_asked(void)
{
	claims_put("[{\"session\": \"s1\", \"tenant\": \"acme\", \"epoch\": 0, \"state\":"
		   " \"active\", \"at_ms\": 1000}, {\"session\": \"s2\", \"tenant\": \"acme\","
		   " \"epoch\": 0, \"state\": \"active\", \"at_ms\": 1000}, {\"session\": \"s3\","
		   " \"tenant\": \"acme\", \"epoch\": 0, \"state\": \"terminated\", \"at_ms\":"
		   " 1000}]");
	CU_ASSERT_EQUAL(ask("session.list", "{\"tenant\": \"acme\"}"), 0);
	CU_ASSERT_EQUAL(json_array_size(at("sessions")), 2);
	CU_ASSERT_EQUAL(ask("session.list", "{\"ended\": true}"), 0);
	CU_ASSERT_EQUAL(json_array_size(at("sessions")), 3);
	CU_ASSERT_EQUAL(ask("session.kill", "{\"tenant\": \"acme\"}"), 0);
	CU_ASSERT_EQUAL(json_integer_value(at("sessions")), 2);
	CU_ASSERT_EQUAL(ask("session.list", "{}"), 0);
	expect_text("sessions.0.wanted", "OPERATOR");
}

/* Grants 100 micros to the node and uses 60 of them. */
static void usage_make(void)
{
	struct store_grant grant = {.tenant = "acme",
				    .node = "n1",
				    .boot = "b1",
				    .account = ACCOUNT_CREDIT,
				    .wanted = 100,
				    .comfort = 100,
				    .now_ms = 1764000000000};
	CU_ASSERT_EQUAL(store_grant(fixture.store, &grant), 0);
	CU_ASSERT_EQUAL(grant.granted_total, 100);
	struct usage_record record = {
		.tenant = "acme",
		.session = "s1",
		.unit = USAGE_MINUTE,
		.kind = USAGE_VIDEO,
		.quantity_ms = 60000,
		.price_micros = 60,
		.cost_micros = 60,
		.split = "imvu",
		.provider_id = "whip:live",
		.stream = "live",
		.slice = "gold",
		.node = "n1",
		.boot = "b1",
		.opened_at_ms = 1764000000000,
		.closed_at_ms = 1764000060000,
	};
	enum store_verdict verdict;
	usage_id(&record);
	CU_ASSERT_EQUAL(store_usage_commit(fixture.store, &record, 1, &verdict), 0);
	CU_ASSERT_EQUAL(verdict, STORE_COMMITTED);
}

static void expect_exit(bool is_settled, int64_t sessions, int64_t outstanding)
{
	CU_ASSERT_EQUAL_FATAL(ask("tenant.exit", "{\"tenant\": \"acme\"}"), 0);
	CU_ASSERT_EQUAL(json_is_true(at("settled")), is_settled);
	CU_ASSERT_EQUAL(json_integer_value(at("sessions")), sessions);
	CU_ASSERT_EQUAL(json_integer_value(at("outstanding.credit")), outstanding);
}

static void wished_add(void *context, const struct store_recall *recall)
{
	if (strcmp(recall->tenant, "acme") == 0 && recall->account == ACCOUNT_CREDIT)
		*(int64_t *)context += recall->amount;
}

/* What a node that holds the tenant's credit is asked to give back. */
static void expect_wish(int64_t amount)
{
	int64_t wished = 0;
	CU_ASSERT_EQUAL(store_recalls(fixture.store, "n1", 0, wished_add, &wished), 0);
	CU_ASSERT_EQUAL(wished, amount);
}

static void exit_waits_until_all_is_settled(void)
{
	char path[128];
	struct stat status;
	usage_make();
	CU_ASSERT_EQUAL(ask("usage", "{\"tenant\": \"acme\", \"to_ms\": 1764000060001}"), 0);
	CU_ASSERT_EQUAL(json_integer_value(at("cost_micros")), 60);
	CU_ASSERT_EQUAL(json_integer_value(at("creator_micros")), 33);

	expect_exit(false, 2, 40);
	expect_exit(false, 2, 40);
	claims_put("[{\"session\": \"s1\", \"tenant\": \"acme\", \"epoch\": 0, \"state\":"
		   " \"terminated\", \"at_ms\": 2000}, {\"session\": \"s2\", \"tenant\": \"acme\","
		   " \"epoch\": 0, \"state\": \"terminated\", \"at_ms\": 2000}]");
	expect_exit(false, 0, 40);
	expect_wish(40);
	CU_ASSERT_EQUAL(store_grant_return(fixture.store, "acme", "n1", "b1", ACCOUNT_CREDIT, 40),
			0);
	/* Nothing is left, but a moment of quiet is. */
	expect_exit(false, 0, 0);
	expect_wish(0);
	CU_ASSERT_PTR_NULL(at("export"));
	snprintf(path, sizeof(path), "%s/exports/acme.jsonl", fixture.folder);
	CU_ASSERT_NOT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(ask("tenant.exit", "{\"tenant\": \"acme\", \"force\": true}"), 0);
	expect_text("export", path);
	CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(ask("tenant.show", "{\"tenant\": \"acme\"}"), 0);
	expect_text("tenant.standing", "exited");
	CU_ASSERT_EQUAL(json_integer_value(at("tenant.slice_bps")), 0);
	CU_ASSERT_EQUAL(ask("tenant.resume", "{\"tenant\": \"acme\"}"), RPC_CONFLICT);
}

static void export_has_all_but_secrets(void)
{
	char path[128], text[65536];
	CU_ASSERT_EQUAL(ask("tenant.export", "{\"tenant\": \"acme\"}"), 0);
	snprintf(path, sizeof(path), "%s/exports/acme.jsonl", fixture.folder);
	FILE *file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	static const char *const parts[] = {"\"type\":\"tenant\"", "\"type\":\"plan\"",
					    "\"type\":\"slice\"",  "\"type\":\"ledger_key\"",
					    "\"type\":\"row\"",    "\"type\":\"head\"",
					    "\"type\":\"end\"",    "whip:live"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, parts[i]));
	CU_ASSERT_PTR_NULL(strstr(text, "hush"));
	CU_ASSERT_PTR_NULL(strstr(text, "PRIVATE"));
}

static unsigned int answers;

static void on_export(void *context, const json_t *result, const struct rpc_error *error)
{
	json_t **file = context;
	CU_ASSERT_PTR_NULL(error);
	*file = json_incref(json_object_get(result, "export"));
	answers++;
}

static void on_budget(void *context, const json_t *result, const struct rpc_error *error)
{
	(void)result;
	CU_ASSERT_PTR_NULL(error);
	*(unsigned int *)context = answers++;
}

static void on_second(void *context, const json_t *result, const struct rpc_error *error)
{
	(void)result;
	*(int *)context = error ? error->code : 0;
	answers++;
}

/* Others are answered while an export is being written, and of one tenant there is one at a time.
 */
static void export_holds_nobody_up(void)
{
	json_t *file = NULL;
	unsigned int place = 99;
	int code = 0;
	answers = 0;
	rpc_invoke(client, "tenant.export", json_pack("{s:s}", "tenant", "acme"), on_export, &file);
	rpc_invoke(client, "tenant.export", json_pack("{s:s}", "tenant", "acme"), on_second, &code);
	rpc_invoke(client, "budget", json_pack("{s:s}", "tenant", "acme"), on_budget, &place);
	while (answers < 3)
		g_main_context_iteration(NULL, TRUE);
	CU_ASSERT_EQUAL(place, 1);
	CU_ASSERT_EQUAL(code, RPC_CONFLICT);
	CU_ASSERT_EQUAL(access(json_string_value(file), R_OK), 0);
	json_decref(file);
}

static CU_TestInfo tests[] = {
	{"every_refusal_has_its_code", every_refusal_has_its_code},
	{"help_describes_every_method", help_describes_every_method},
	{"share_that_is_not_left_is_told_in_numbers", share_that_is_not_left_is_told_in_numbers},
	{"change_wakes_the_feed_and_leaves_a_trail", change_wakes_the_feed_and_leaves_a_trail},
	{"top_up_is_added_once", top_up_is_added_once},
	{"secrets_are_sealed_and_never_shown", secrets_are_sealed_and_never_shown},
	{"sessions_end_when_asked", sessions_end_when_asked},
	{"exit_waits_until_all_is_settled", exit_waits_until_all_is_settled},
	{"export_has_all_but_secrets", export_has_all_but_secrets},
	{"export_holds_nobody_up", export_holds_nobody_up},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("operator", tests, sockets_start, sockets_stop)
