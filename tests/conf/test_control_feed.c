/* What the store says of tenants and slices is what the node has, however it came about. */
#include "tests/conf/control_fixture.h"

#include "conf/log.h"

static struct played_node node;

static void snapshot_follows_hello(enum sql_kind kind)
{
	played_init(&node, "edge", store_fixture_url(kind));
	played_sql(&node, "INSERT INTO tenants (id, plan) VALUES ('acme', 'gold')");
	played_listen(&node);
	played_control(&node, NULL);
	PLAY_UNTIL(control_is_fed(node.control), 5000);
	CU_ASSERT_EQUAL(node.hellos, 1);
	CU_ASSERT_EQUAL(node.snapshots, 1);
	CU_ASSERT_EQUAL(node.puts, 0);
	CU_ASSERT_EQUAL(json_object_size(node.slices), 3);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(played_tenant(&node, "acme"), "slice")), "gold");
	CU_ASSERT_EQUAL(played_policy(&node, "acme", "prices", "video_micros"), 15000);
	played_fini(&node);
}

/* Written straight into the database by somebody else; the bound is a second, the aim a fifth. */
static void change_by_others_arrives(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	int64_t began = g_get_monotonic_time();
	played_sql(&node, "INSERT INTO tenants (id, plan) VALUES ('acme', 'gold')");
	PLAY_UNTIL(played_tenant(&node, "acme"), 1000);
	played_sql(&node, "UPDATE tenants SET policy = '{\"prices\": {\"video_micros\": 7}}'");
	PLAY_UNTIL(played_policy(&node, "acme", "prices", "video_micros") == 7, 1000);
	int64_t took_us = (g_get_monotonic_time() - began) / 2;
	CU_ASSERT(took_us < 500000);
	printf(" %lld ms ", (long long)took_us / 1000);
	CU_ASSERT_EQUAL(node.snapshots, 1);
	CU_ASSERT_EQUAL(node.puts, 2);
	played_fini(&node);
}

static void only_what_changed_is_sent(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('a'), ('b'), ('c')");
	PLAY_UNTIL(json_object_size(node.tenants) == 3, 1000);
	node.puts = 0;
	played_sql(&node, "UPDATE tenants SET standing = 'paused' WHERE id = 'b'");
	PLAY_UNTIL(node.puts > 0, 1000);
	PLAY_UNTIL(control_is_fed(node.control), 1000);
	CU_ASSERT_EQUAL(node.puts, 1);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(played_tenant(&node, "b"), "standing")),
		"paused");
	/* A plan is in the documents of all its tenants. */
	played_sql(&node, "UPDATE tenants SET plan = 'silver' WHERE id IN ('a', 'c')");
	PLAY_UNTIL(played_policy(&node, "c", "prices", "video_micros") == 20000, 1000);
	PLAY_UNTIL(played_policy(&node, "a", "prices", "video_micros") == 20000, 1000);
	played_sql(&node, "UPDATE plans SET policy = '{\"prices\": {\"video_micros\": 1}}'"
			  " WHERE id = 'silver'");
	PLAY_UNTIL(played_policy(&node, "c", "prices", "video_micros") == 1, 1000);
	PLAY_UNTIL(played_policy(&node, "a", "prices", "video_micros") == 1, 1000);
	CU_ASSERT_EQUAL(played_policy(&node, "b", "prices", "video_micros"), -1);
	played_fini(&node);
}

static void rows_that_go_are_removed(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	played_sql(&node, "INSERT INTO slices (id) VALUES ('thin')");
	played_sql(&node, "INSERT INTO tenants (id, slice) VALUES ('acme', 'thin')");
	PLAY_UNTIL(json_object_get(node.slices, "thin") && played_tenant(&node, "acme"), 1000);
	played_sql(&node, "UPDATE slices SET max_bps = 1000000 WHERE id = 'thin'");
	PLAY_UNTIL(json_integer_value(json_object_get(json_object_get(node.slices, "thin"),
						      "max_bps")) == 1000000,
		   1000);
	played_sql(&node, "DELETE FROM tenants; DELETE FROM slices WHERE id = 'thin'");
	PLAY_UNTIL(!json_object_get(node.slices, "thin") && !played_tenant(&node, "acme"), 1000);
	CU_ASSERT_EQUAL(node.removes, 2);
	CU_ASSERT_EQUAL(node.snapshots, 1);
	played_fini(&node);
}

static void gap_is_answered_with_a_snapshot(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	node.is_forgetful = true;
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('a'), ('b'), ('c')");
	PLAY_UNTIL(node.snapshots == 2, 1000);
	PLAY_UNTIL(control_is_fed(node.control), 1000);
	CU_ASSERT_EQUAL(json_object_size(node.tenants), 3);
	CU_ASSERT_EQUAL(node.snapshots, 2);
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('d')");
	PLAY_UNTIL(played_tenant(&node, "d"), 1000);
	CU_ASSERT_EQUAL(node.snapshots, 2);
	played_fini(&node);
}

static void node_that_comes_back_is_fed_anew(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	rpc_destroy(node.rpc);
	node.rpc = NULL;
	rpc_listener_destroy(node.listener);
	node.listener = NULL;
	PLAY_UNTIL(!control_is_fed(node.control), 1000);
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('acme')");
	played_listen(&node);
	PLAY_UNTIL(control_is_fed(node.control), 5000);
	CU_ASSERT_EQUAL(node.snapshots, 2);
	CU_ASSERT_PTR_NOT_NULL(played_tenant(&node, "acme"));
	played_fini(&node);
}

static void control_waits_for_a_node_that_is_not_there_yet(void)
{
	played_init(&node, "edge", store_fixture_url(SQL_SQLITE));
	played_control(&node, NULL);
	g_main_context_iteration(NULL, TRUE);
	CU_ASSERT_FALSE(control_is_fed(node.control));
	node.refuses_hello = true;
	played_listen(&node);
	PLAY_UNTIL(node.hellos == 1, 5000);
	node.refuses_hello = false;
	PLAY_UNTIL(control_is_fed(node.control), 5000);
	CU_ASSERT(node.hellos >= 2);
	played_fini(&node);
}

static void row_that_makes_no_sense_keeps_nobody_out(void)
{
	played_start(&node, "edge", store_fixture_url(SQL_SQLITE));
	played_sql(&node, "INSERT INTO tenants (id, policy) VALUES"
			  " ('odd', '{\"a\": 1, \"a\": 2}')");
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('even')");
	PLAY_UNTIL(played_tenant(&node, "even"), 1000);
	CU_ASSERT_PTR_NULL(played_tenant(&node, "odd"));
	node.is_forgetful = true;
	played_sql(&node, "UPDATE tenants SET name = 'x' WHERE id = 'even'");
	PLAY_UNTIL(node.snapshots == 2, 1000);
	CU_ASSERT_PTR_NOT_NULL(played_tenant(&node, "even"));
	played_sql(&node, "UPDATE tenants SET policy = '{}' WHERE id = 'odd'");
	PLAY_UNTIL(played_tenant(&node, "odd"), 1000);
	played_fini(&node);
}

static void operators_are_answered_on_their_socket(void)
{
	struct played_answer answer = {0};
	struct rpc *operators;
	played_start(&node, "edge", store_fixture_url(SQL_SQLITE));
	const struct rpc_config config = {.on_call = played_on_call, .on_close = played_on_close};
	operators = rpc_create(rpc_connect(node.operators), &config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(operators);
	rpc_invoke(operators, "poke", NULL, played_on_answer, &answer);
	PLAY_UNTIL(answer.is_there, 5000);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(answer.result, "node")), "edge");
	json_decref(answer.result);
	rpc_destroy(operators);
	played_fini(&node);
}

/* The server is killed under a running control plane, and comes back with a change made meanwhile
 * by nobody: what was fed stays fed, what comes after arrives. */
static void store_that_was_killed_is_found_again(void)
{
	played_start(&node, "edge", store_fixture_url(SQL_POSTGRES));
	CU_ASSERT_TRUE_FATAL(postgres_fixture_kill());
	json_t *ask = json_pack("{s:s, s:s, s:i, s:i}", "tenant", "acme", "account", "credit",
				"wanted", 1, "comfort", 1);
	CU_ASSERT_EQUAL(played_ask(&node, "quota.request", ask, NULL), RPC_UNAVAILABLE);
	CU_ASSERT_TRUE_FATAL(postgres_fixture_restart());
	PLAY_UNTIL(control_is_fed(node.control), 10000);
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('acme')");
	PLAY_UNTIL(played_tenant(&node, "acme"), 1000);
	CU_ASSERT_EQUAL(node.hellos, 1);
	CU_ASSERT_EQUAL(node.snapshots, 1);
	played_fini(&node);
}

static int quiet_start(void)
{
	log_set_level(LOG_STORE, LOG_WARN);
	log_set_level(LOG_ADMIN, LOG_WARN);
	return store_fixture_start();
}

ON_BOTH(snapshot_follows_hello)
ON_BOTH(change_by_others_arrives)
ON_BOTH(only_what_changed_is_sent)
ON_BOTH(rows_that_go_are_removed)
ON_BOTH(gap_is_answered_with_a_snapshot)
ON_BOTH(node_that_comes_back_is_fed_anew)

static CU_TestInfo tests[] = {
	ROWS_OF(snapshot_follows_hello),
	ROWS_OF(change_by_others_arrives),
	ROWS_OF(only_what_changed_is_sent),
	ROWS_OF(rows_that_go_are_removed),
	ROWS_OF(gap_is_answered_with_a_snapshot),
	ROWS_OF(node_that_comes_back_is_fed_anew),
	{"control_waits_for_a_node_that_is_not_there_yet",
	 control_waits_for_a_node_that_is_not_there_yet},
	{"row_that_makes_no_sense_keeps_nobody_out", row_that_makes_no_sense_keeps_nobody_out},
	{"operators_are_answered_on_their_socket", operators_are_answered_on_their_socket},
	{"store_that_was_killed_is_found_again", store_that_was_killed_is_found_again},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("control_feed", tests, quiet_start, store_fixture_stop)
