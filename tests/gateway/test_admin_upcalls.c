/* THREADED. What a node tells its control plane, and what becomes of it while there is none. */
#include "gateway/account.h"
#include "gateway/metrics.h"
#include "slices/journal.h"
#include "tests/gateway/admin_fixture.h"

static void a_call_without_a_control_plane_is_answered_later(void)
{
	struct peer_answer answer = {0};
	admin_call(node->admin, "quota.request", json_object(), peer_on_reply, &answer);
	CU_ASSERT_FALSE(answer.is_there);
	peer_wait(answer.is_there);
	CU_ASSERT_EQUAL(answer.code, RPC_CLOSED);
	/* And one that is under way when it goes. */
	connect_control();
	answer = (struct peer_answer){0};
	admin_call(node->admin, "quota.request", json_object(), peer_on_reply, &answer);
	json_decref(answer.json);
	peer_wait(peer_find_call(&control, "quota.request"));
	lose_control();
	CU_ASSERT_TRUE(answer.is_there);
	CU_ASSERT_EQUAL(answer.code, RPC_CLOSED);
}

static json_t *event_of(int number)
{
	return json_pack("{s:s, s:i}", "type", "test", "number", number);
}

static json_int_t number_at(struct peer_call *row, size_t index)
{
	return json_integer_value(
		json_object_get(json_array_get(rows_of(row, "events"), index), "number"));
}

/* The queue is bounded while nobody listens; then all of it comes, in order, in bounded pieces. */
static void events_wait_in_a_bounded_queue(void)
{
	const int bound = 8192, beyond = 100;
	uint64_t lost = admin_counters(node->admin).events_lost;
	for (int i = 0; i < bound + beyond; i++)
		admin_event(node->admin, event_of(i));
	CU_ASSERT_EQUAL(admin_counters(node->admin).events_lost - lost, (uint64_t)beyond);
	connect_control();
	feed_demo();
	struct peer_call *row = peer_take_call(&control, "audit.report");
	CU_ASSERT_EQUAL(json_array_size(rows_of(row, "events")), ADMIN_BATCH_ROWS_MAX);
	CU_ASSERT_EQUAL(number_at(row, 0), beyond);
	/* What is not acknowledged comes again. */
	rpc_fail(row->call, RPC_UNAVAILABLE, "the store is away");
	peer_drop_call(row);
	for (json_int_t next = beyond; next < bound + beyond;) {
		row = peer_take_call(&control, "audit.report");
		CU_ASSERT_EQUAL(number_at(row, 0), next);
		CU_ASSERT_PTR_NULL(peer_find_call(&control, "audit.report"));
		next += (json_int_t)json_array_size(rows_of(row, "events"));
		answer_and_drop(row, NULL);
	}
	/* Rows that are refused for good are not kept. */
	lost = admin_counters(node->admin).events_lost;
	admin_event(node->admin, event_of(1));
	row = peer_take_call(&control, "audit.report");
	rpc_fail(row->call, RPC_INVALID_PARAMS, "no such event");
	peer_drop_call(row);
	peer_wait(admin_counters(node->admin).events_lost == lost + 1);
	lose_control();
}

static void write_record(unsigned int sequence)
{
	struct usage_record record = {
		.tenant = "demo",
		.session = "00112233445566778899aabbccddeeff",
		.epoch = 1,
		.sequence = sequence,
		.unit = USAGE_MINUTE,
		.kind = USAGE_VIDEO,
		.quantity_ms = 60000,
		.price_micros = 20000,
		.cost_micros = 20000,
		.split = "platform",
		.provider_id = "whip:live",
		.stream = "live",
		.node = "edge-1",
		.opened_at_ms = 1000,
		.closed_at_ms = 61000,
	};
	snprintf(record.boot, sizeof(record.boot), "%s", journal_boot(node->journal));
	usage_id(&record);
	journal_write(node->journal, &record, true, NULL, NULL);
}

static const char *id_at(struct peer_call *row, size_t index)
{
	return json_string_value(
		json_object_get(json_array_get(rows_of(row, "records"), index), "id"));
}

static void usage_is_reported_until_it_is_acknowledged(void)
{
	connect_control();
	feed_demo();
	/* Nothing of earlier runs is left: told once. */
	struct peer_call *row = peer_take_call(&control, "node.recovered");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row->params, "boot")),
			       journal_boot(node->journal));
	answer_and_drop(row, NULL);
	write_record(1);
	row = peer_take_call(&control, "usage.report");
	rpc_fail(row->call, RPC_UNAVAILABLE, "the store is away");
	peer_drop_call(row);
	row = peer_take_call(&control, "usage.report");
	CU_ASSERT_EQUAL(json_array_size(rows_of(row, "records")), 1);
	CU_ASSERT_STRING_EQUAL(id_at(row, 0), "demo:00112233445566778899aabbccddeeff:1:1");
	/* More come meanwhile: one call at a time. */
	write_record(2);
	write_record(3);
	json_t *result = json_pack("{s:[s], s:[]}", "acknowledged", id_at(row, 0), "refused");
	answer_and_drop(row, result);
	size_t n = 0;
	while (n < 2) {
		row = peer_take_call(&control, "usage.report");
		CU_ASSERT_PTR_NULL(peer_find_call(&control, "usage.report"));
		n += json_array_size(rows_of(row, "records"));
		json_t *refused = json_array();
		for (size_t i = 0; i < json_array_size(rows_of(row, "records")); i++)
			json_array_append_new(refused, json_string(id_at(row, i)));
		answer_and_drop(row, json_pack("{s:[], s:o}", "acknowledged", "refused", refused));
	}
	peer_wait(journal_length(node->journal) == 0);
	CU_ASSERT_EQUAL(admin_counters(node->admin).records_acknowledged, 1);
	CU_ASSERT_EQUAL(admin_counters(node->admin).records_refused, 2);
	CU_ASSERT_PTR_NULL(peer_find_call(&control, "node.recovered"));
	lose_control();
}

static bool is_called(const char *method)
{
	return peer_find_call(&control, method) != NULL;
}

/* Once a record is in the ledger its use beyond the grants is settled: whoever is granted what was
 * overdrawn only then, pays for it twice. */
static void an_overdraft_is_told_before_its_records(void)
{
	const char *first = NULL;
	connect_control();
	feed_demo();
	struct tenant *tenant = find("demo");
	account_grant(node->accounts, tenant, ACCOUNT_CREDIT, 100);
	tenant->quotas[ACCOUNT_CREDIT].used_total += 600;
	lose_control();
	write_record(4);
	peer_wait(journal_length(node->journal) == 1);
	connect_control();
	json_t *prepaid = json_pack("{s:s, s:s, s:[], s:{s:{s:b}}}", "id", "demo", "standing",
				    "active", "keys", "policy", "budget", "prepaid", 1);
	struct peer_answer answer = feed(json_array(), json_pack("[o]", prepaid));
	CU_ASSERT_EQUAL(answer.code, 0);
	json_decref(answer.json);
	peer_wait(is_called("usage.report") && is_called("quota.request"));
	for (const GList *at = control.calls.head; at && !first; at = at->next) {
		const struct peer_call *row = at->data;
		if (strcmp(row->method, "usage.report") == 0 ||
		    strcmp(row->method, "quota.request") == 0)
			first = row->method;
	}
	CU_ASSERT_STRING_EQUAL(first, "quota.request");
	struct peer_call *row = peer_take_call(&control, "usage.report");
	answer_and_drop(row, json_pack("{s:[s], s:[]}", "acknowledged", id_at(row, 0), "refused"));
	peer_wait(journal_length(node->journal) == 0);
	lose_control();
}

static void connections_are_bounded(void)
{
	static struct peer peers[ADMIN_CONNECTIONS_MAX + 1];
	for (unsigned int i = 0; i <= ADMIN_CONNECTIONS_MAX; i++)
		peer_connect(&peers[i], node->config.admin.socket);
	for (unsigned int i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
		CU_ASSERT_EQUAL(peer_tell(&peers[i], "session.list", NULL), 0);
	CU_ASSERT_EQUAL(peer_tell(&peers[ADMIN_CONNECTIONS_MAX], "session.list", NULL), RPC_CLOSED);
	CU_ASSERT_EQUAL(admin_counters(node->admin).connections_refused, 1);
	for (unsigned int i = 0; i <= ADMIN_CONNECTIONS_MAX; i++)
		peer_close(&peers[i]);
	peer_wait(admin_counters(node->admin).open == 0);
	connect_control();
	lose_control();
}

/* Is this a sample of the metric of that name and type? */
static bool is_of(const char *line, const char *name, const char *type)
{
	static const char *const parts[] = {"_bucket", "_sum", "_count"};
	size_t n = strlen(name), left = strcspn(line, "{ ");
	if (left < n || strncmp(line, name, n) != 0)
		return false;
	left -= n;
	if (strcmp(type, "histogram") != 0)
		return left == 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (left == strlen(parts[i]) && strncmp(line + n, parts[i], left) == 0)
			return true;
	}
	return false;
}

/* Each sample has its head, once, right before it. */
static void check_heads(const char *text)
{
	char name[128] = "", type[16] = "", head[128];
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		if (sscanf(line, "# TYPE %127s %15s", head, type) == 2)
			snprintf(name, sizeof(name), "%s", head);
		else if (line[0] != '#')
			CU_ASSERT(is_of(line, name, type));
	}
}

static void metrics_tell_of_control_and_slices(void)
{
	static const char *const lines[] = {
		"\nnn5g_control_connected 1\n",
		"\nnn5g_control_fed 1\n",
		"\nnn5g_tenants 1\n",
		"\nnn5g_journal_healthy 1\n",
		"\nnn5g_usage_refused_total 2\n",
		"\nnn5g_slice_guaranteed_bps{slice=\"gold\"} 6000000\n",
		"\nnn5g_slice_promised_bps{slice=\"gold\"} 0\n",
		"\nnn5g_sessions{role=\"viewer\",state=\"paused\"} 0\n",
		"\nnn5g_quota_granted_total{tenant=\"demo\",account=\"credit\"} 500\n",
	};
	connect_control();
	struct peer_answer answer = feed(json_pack("[o]", slice_of("gold", 6000000)),
					 json_pack("[o]", tenant_of("demo", "active")));
	json_decref(answer.json);
	find("demo")->quotas[ACCOUNT_CREDIT].granted_total = 500;
	size_t size;
	char *text = metrics_render(node, &size);
	CU_ASSERT_EQUAL(strlen(text), size);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strstr(text, lines[i])) {
			printf("\nno line %s", lines[i]);
			CU_FAIL("a line is missing");
		}
	}
	check_heads(text);
	free(text);
	lose_control();
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(a_call_without_a_control_plane_is_answered_later),
	ROW(events_wait_in_a_bounded_queue),
	ROW(usage_is_reported_until_it_is_acknowledged),
	ROW(an_overdraft_is_told_before_its_records),
	ROW(connections_are_bounded),
	ROW(metrics_tell_of_control_and_slices),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("admin_upcalls", tests, admin_start_node, admin_stop_node)
