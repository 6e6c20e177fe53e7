/* What the node reports is in the store before it is acknowledged, once; what operators wish
 * reaches the node. */
#include "tests/conf/control_fixture.h"

#include "conf/log.h"
#include "conf/usage.h"

static struct played_node node;

static int take_number(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static int64_t number(const char *statement)
{
	int64_t value = -1;
	CU_ASSERT_EQUAL(sql_run(store_sql(node.store), statement, NULL, 0, take_number, &value), 0);
	return value;
}

static json_t *record_of(uint32_t sequence, const char *tenant, int64_t quantity_ms)
{
	struct usage_record record = {
		.session = "0123456789abcdef0123456789abcdef",
		.sequence = sequence,
		.unit = USAGE_MINUTE,
		.kind = USAGE_VIDEO,
		.quantity_ms = quantity_ms,
		.price_micros = 20000,
		.cost_micros = usage_cost(USAGE_MINUTE, quantity_ms, 20000),
		.split = "imvu",
		.provider_id = "whip:live",
		.stream = "live",
		.node = "edge",
		.boot = "boot-edge",
		.opened_at_ms = 1700000000000,
		.closed_at_ms = 1700000060000,
	};
	strcpy(record.tenant, tenant);
	usage_id(&record);
	return usage_write(&record);
}

static void start(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('acme')");
	PLAY_UNTIL(played_tenant(&node, "acme"), 1000);
}

/* Reports; how many ids came back as acknowledged and refused. */
static void report(json_t *records, size_t acknowledged, size_t refused)
{
	json_t *result = NULL;
	CU_ASSERT_EQUAL_FATAL(
		played_ask(&node, "usage.report", json_pack("{s:o}", "records", records), &result),
		0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "acknowledged")), acknowledged);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "refused")), refused);
	json_decref(result);
}

static void report_is_acknowledged_once_it_is_in_the_ledger(enum sql_kind kind)
{
	start(kind);
	report(json_pack("[o, o]", record_of(1, "acme", 60000), record_of(2, "acme", 30000)), 2, 0);
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM audit_logs"), 2);
	CU_ASSERT_EQUAL(number("SELECT CAST(sum(cost_micros) AS BIGINT) FROM audit_logs"), 30000);
	/* Said twice, it is acknowledged again and changes nothing. */
	report(json_pack("[o, o]", record_of(2, "acme", 30000), record_of(3, "acme", 60000)), 2, 0);
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM audit_logs"), 3);
	report(json_array(), 0, 0);
	played_fini(&node);
}

static void record_that_makes_no_sense_is_refused_alone(enum sql_kind kind)
{
	start(kind);
	json_t *odd = record_of(7, "acme", 1000);
	json_object_set_new(odd, "unit", json_string("furlong"));
	report(json_pack("[o, o, o, i]", odd, record_of(1, "nobody", 60000),
			 record_of(2, "acme", 60000), 7),
	       1, 2);
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM audit_logs"), 1);
	json_t *many = json_array();
	for (int i = 0; i < 257; i++)
		json_array_append_new(many, json_integer(i));
	CU_ASSERT_EQUAL(
		played_ask(&node, "usage.report", json_pack("{s:o}", "records", many), NULL),
		RPC_INVALID_PARAMS);
	played_fini(&node);
}

static json_t *session_row(const char *id, const char *state)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:I}", "session", id, "tenant",
			 "acme", "stream", "live", "role", "play", "epoch", 3, "state", state,
			 "reason", "", "provider_id", "whip:live", "at_ms",
			 (json_int_t)(g_get_real_time() / 1000));
}

static void claim(const char *id, const char *state)
{
	json_t *params = json_pack("{s:[o]}", "sessions", session_row(id, state));
	CU_ASSERT_EQUAL(played_ask(&node, "session.claim", params, NULL), 0);
}

static void session_that_is_killed_is_ended_by_its_node(enum sql_kind kind)
{
	start(kind);
	claim("s1", "active");
	claim("s2", "active");
	CU_ASSERT_EQUAL(store_session_kill(node.store, "s2", "COST_LIMIT"), 0);
	PLAY_UNTIL(json_object_size(node.terminated) == 1, 1000);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(node.terminated, "s2")),
			       "COST_LIMIT");
	claim("s2", "terminated");
	/* One the node does not know any more is told to the store as ended. */
	node.has_no_sessions = true;
	CU_ASSERT_EQUAL(store_session_kill(node.store, "s1", "OPERATOR"), 0);
	PLAY_UNTIL(number("SELECT count(*) FROM sessions WHERE state = 'terminated'") == 2, 2000);
	played_fini(&node);
}

static void node_is_told_to_drain_and_to_go_on(enum sql_kind kind)
{
	start(kind);
	CU_ASSERT_EQUAL(node.drain, -1);
	CU_ASSERT_EQUAL(store_node_drain(node.store, "edge", true), 0);
	PLAY_UNTIL(node.drain == 1, 1000);
	CU_ASSERT_EQUAL(store_node_drain(node.store, "edge", false), 0);
	PLAY_UNTIL(node.drain == 0, 1000);
	CU_ASSERT_EQUAL(store_node_drain(node.store, "edge", true), 0);
	PLAY_UNTIL(node.drain == 1, 1000);
	/* A node that was started again is told again. */
	node.drain = -1;
	rpc_destroy(node.rpc);
	node.rpc = NULL;
	PLAY_UNTIL(node.drain == 1, 5000);
	played_fini(&node);
}

static void audit_trail_is_kept(enum sql_kind kind)
{
	start(kind);
	json_t *events = json_pack("[{s:I, s:s, s:s, s:i}]", "at_ms", (json_int_t)1700000000000,
				   "type", "denied", "tenant", "acme", "gate", 9);
	CU_ASSERT_EQUAL(
		played_ask(&node, "audit.report", json_pack("{s:o}", "events", events), NULL), 0);
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM events WHERE tenant = 'acme'"), 1);
	CU_ASSERT_EQUAL(
		number("SELECT count(*) FROM nodes WHERE id = 'edge' AND boot = 'boot-edge'"), 1);
	played_fini(&node);
}

static void heads_are_signed_at_the_end(enum sql_kind kind)
{
	start(kind);
	report(json_pack("[o]", record_of(1, "acme", 60000)), 1, 0);
	control_destroy(node.control);
	node.control = NULL;
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM ledger_heads WHERE tenant = 'acme'"), 1);
	played_fini(&node);
}

static int quiet_start(void)
{
	log_set_level(LOG_STORE, LOG_WARN);
	log_set_level(LOG_ADMIN, LOG_ERROR);
	return store_fixture_start();
}

ON_BOTH(report_is_acknowledged_once_it_is_in_the_ledger)
ON_BOTH(record_that_makes_no_sense_is_refused_alone)
ON_BOTH(session_that_is_killed_is_ended_by_its_node)
ON_BOTH(node_is_told_to_drain_and_to_go_on)
ON_BOTH(audit_trail_is_kept)
ON_BOTH(heads_are_signed_at_the_end)

static CU_TestInfo tests[] = {
	ROWS_OF(report_is_acknowledged_once_it_is_in_the_ledger),
	ROWS_OF(record_that_makes_no_sense_is_refused_alone),
	ROWS_OF(session_that_is_killed_is_ended_by_its_node),
	ROWS_OF(node_is_told_to_drain_and_to_go_on),
	ROWS_OF(audit_trail_is_kept),
	ROWS_OF(heads_are_signed_at_the_end),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("control_usage", tests, quiet_start, store_fixture_stop)
