/* What is granted never exceeds the limit, and the last micro is usable from any node. */
#include "tests/conf/control_fixture.h"

#include "conf/log.h"

static struct played_node node, other;

static json_t *ask_for(const char *account, int64_t wanted, int64_t comfort)
{
	return json_pack("{s:s, s:s, s:I, s:I}", "tenant", PLAYED_TENANT, "account", account,
			 "wanted", (json_int_t)wanted, "comfort", (json_int_t)comfort);
}

/* Asks as a node does, and keeps what it got. Returns how much more it holds. */
static int64_t take(struct played_node *who, int64_t wanted, bool *is_exhausted)
{
	json_t *result = NULL;
	CU_ASSERT_EQUAL_FATAL(
		played_ask(who, "quota.request", ask_for("credit", wanted, wanted), &result), 0);
	int64_t granted = json_integer_value(json_object_get(result, "granted_total"));
	int64_t gained = granted - who->held - who->returned - who->spent;
	who->held += gained;
	if (is_exhausted)
		*is_exhausted = json_is_true(json_object_get(result, "exhausted"));
	CU_ASSERT_FALSE(json_is_true(json_object_get(result, "unlimited")));
	json_decref(result);
	return gained;
}

static void spend(struct played_node *who, int64_t amount)
{
	who->held -= amount;
	who->spent += amount;
}

static void tenant_make(struct played_node *who, int64_t monthly_micros)
{
	char script[256];
	snprintf(script, sizeof(script),
		 "INSERT INTO tenants (id, policy) VALUES ('" PLAYED_TENANT
		 "', '{\"budget\": {\"monthly_micros\": %lld}}')",
		 (long long)monthly_micros);
	played_sql(who, script);
	PLAY_UNTIL(played_tenant(who, PLAYED_TENANT), 1000);
}

static void grants_end_at_the_limit(enum sql_kind kind)
{
	bool is_exhausted;
	played_start(&node, "edge", store_fixture_url(kind));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(take(&node, 600, &is_exhausted), 600);
	CU_ASSERT_FALSE(is_exhausted);
	CU_ASSERT_EQUAL(take(&node, 600, &is_exhausted), 400);
	CU_ASSERT_TRUE(is_exhausted);
	CU_ASSERT_EQUAL(take(&node, 1, &is_exhausted), 0);
	CU_ASSERT_TRUE(is_exhausted);
	played_fini(&node);
}

static void account_without_a_limit_is_unlimited(enum sql_kind kind)
{
	json_t *result = NULL;
	played_start(&node, "edge", store_fixture_url(kind));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(played_ask(&node, "quota.request", ask_for("video", 60000, 60000), &result),
			0);
	CU_ASSERT_TRUE(json_is_true(json_object_get(result, "unlimited")));
	CU_ASSERT_FALSE(json_is_true(json_object_get(result, "exhausted")));
	json_decref(result);
	played_fini(&node);
}

static void request_that_makes_no_sense_is_refused(void)
{
	played_start(&node, "edge", store_fixture_url(SQL_SQLITE));
	CU_ASSERT_EQUAL(played_ask(&node, "quota.request", ask_for("credit", 1, 1), NULL),
			RPC_NOT_FOUND);
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(played_ask(&node, "quota.request", ask_for("gold", 1, 1), NULL),
			RPC_INVALID_PARAMS);
	CU_ASSERT_EQUAL(played_ask(&node, "quota.request", ask_for("credit", -1, 1), NULL),
			RPC_INVALID_PARAMS);
	CU_ASSERT_EQUAL(played_ask(&node, "quota.take", ask_for("credit", 1, 1), NULL),
			RPC_NO_METHOD);
	CU_ASSERT_EQUAL(take(&node, 1000, NULL), 1000);
	played_fini(&node);
}

/* Two nodes, each with a control plane of its own, on one store. */
static void both_start(enum sql_kind kind, int64_t monthly_micros)
{
	const char *url = store_fixture_url(kind);
	played_start(&node, "edge", url);
	tenant_make(&node, monthly_micros);
	played_start(&other, "far", url);
}

static void both_fini(void)
{
	played_fini(&node);
	played_fini(&other);
}

static void other_node_gives_back_what_it_does_not_need(enum sql_kind kind)
{
	bool is_exhausted;
	both_start(kind, 1000);
	CU_ASSERT_EQUAL(take(&other, 1000, NULL), 1000);
	spend(&other, 300); /* used, and not reported yet */
	int64_t began = g_get_monotonic_time();
	CU_ASSERT_EQUAL(take(&node, 100, &is_exhausted), 100);
	CU_ASSERT_FALSE(is_exhausted);
	CU_ASSERT(g_get_monotonic_time() - began < 1500000);
	printf(" %lld ms ", (long long)(g_get_monotonic_time() - began) / 1000);
	CU_ASSERT_EQUAL(other.returned, 100);
	CU_ASSERT_EQUAL(other.revokes, 0);
	/* To the last micro that is not used. */
	CU_ASSERT_EQUAL(take(&node, 600, &is_exhausted), 600);
	CU_ASSERT_EQUAL(other.held, 0);
	/* And back again. */
	CU_ASSERT_EQUAL(take(&other, 50, NULL) > 0, true);
	CU_ASSERT_EQUAL(node.held + node.returned, 700);
	both_fini();
}

static void nodes_together_never_get_more_than_the_limit(enum sql_kind kind)
{
	int64_t used = 0;
	both_start(kind, 100);
	/* Fifty times two, and one more of each, who waits for the other in vain. */
	for (int i = 0; i < 52; i++) {
		struct played_node *who = i % 2 ? &node : &other;
		if (who->held < 2)
			take(who, 2 - who->held, NULL);
		int64_t spent = MIN(who->held, 2);
		spend(who, spent);
		used += spent;
	}
	CU_ASSERT_EQUAL(used, 100);
	both_fini();
}

static void node_that_gives_nothing_back_is_waited_for_two_seconds(void)
{
	bool is_exhausted;
	both_start(SQL_SQLITE, 1000);
	CU_ASSERT_EQUAL(take(&other, 1000, NULL), 1000);
	other.is_greedy = true;
	int64_t began = g_get_monotonic_time();
	CU_ASSERT_EQUAL(take(&node, 100, &is_exhausted), 0);
	int64_t took_ms = (g_get_monotonic_time() - began) / 1000;
	CU_ASSERT_TRUE(is_exhausted);
	CU_ASSERT(took_ms >= 1900 && took_ms < 3000);
	CU_ASSERT(other.recalls >= 1);
	both_fini();
}

static void lowered_limit_is_taken_back(enum sql_kind kind)
{
	both_start(kind, 1000);
	CU_ASSERT_EQUAL(take(&node, 400, NULL), 400);
	CU_ASSERT_EQUAL(take(&other, 600, NULL), 600);
	spend(&other, 100);
	played_sql(&node, "UPDATE tenants SET policy = '{\"budget\": {\"monthly_micros\": 300}}'");
	PLAY_UNTIL(node.revokes == 1 && other.revokes == 1, 1000);
	CU_ASSERT_EQUAL(node.held, 0);
	CU_ASSERT_EQUAL(other.held, 0);
	/* 300 less the 100 that may have been used: what both can have again. */
	int64_t again = take(&node, 150, NULL);
	again += take(&other, 150, NULL);
	CU_ASSERT(again >= 200); /* more went back and forth, but: */
	CU_ASSERT_EQUAL(node.held + other.held, 200);
	both_fini();
}

/* The answer to a request was lost with the connection: the node does not know it has more. */
static void grant_that_never_arrived_is_available_again(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(take(&node, 300, NULL), 300);
	CU_ASSERT_EQUAL(take(&node, 700, NULL), 700);
	rpc_destroy(node.rpc);
	node.rpc = NULL;
	json_array_append_new(node.quotas,
			      json_pack("{s:s, s:s, s:i, s:i}", "tenant", PLAYED_TENANT, "account",
					"credit", "granted_total", 300, "returned_total", 100));
	PLAY_UNTIL(node.snapshots == 2 && control_is_fed(node.control), 5000);
	node.held = 200;
	node.returned = 100;
	played_start(&other, "far", node.url);
	CU_ASSERT_EQUAL(take(&other, 800, NULL), 800);
	both_fini();
}

static void grant_that_is_not_even_listed_is_available_again(void)
{
	played_start(&node, "edge", store_fixture_url(SQL_SQLITE));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(take(&node, 1000, NULL), 1000);
	rpc_destroy(node.rpc);
	node.rpc = NULL;
	PLAY_UNTIL(node.snapshots == 2 && control_is_fed(node.control), 5000);
	played_start(&other, "far", node.url);
	CU_ASSERT_EQUAL(take(&other, 1000, NULL), 1000);
	both_fini();
}

static void grants_of_earlier_boots_end_when_the_node_has_recovered(enum sql_kind kind)
{
	played_start(&node, "edge", store_fixture_url(kind));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(take(&node, 1000, NULL), 1000);
	rpc_destroy(node.rpc);
	node.rpc = NULL;
	strcpy(node.boot, "boot-two");
	node.held = node.returned = 0;
	PLAY_UNTIL(node.snapshots == 2 && control_is_fed(node.control), 5000);
	CU_ASSERT_EQUAL(take(&node, 10, NULL), 0);
	CU_ASSERT_EQUAL(
		played_ask(&node, "node.recovered", json_pack("{s:s}", "boot", "boot-one"), NULL),
		RPC_CONFLICT);
	CU_ASSERT_EQUAL(
		played_ask(&node, "node.recovered", json_pack("{s:s}", "boot", "boot-two"), NULL),
		0);
	CU_ASSERT_EQUAL(take(&node, 1000, NULL), 1000);
	played_fini(&node);
}

static void grants_of_a_node_that_ends_are_free(enum sql_kind kind)
{
	both_start(kind, 1000);
	CU_ASSERT_EQUAL(take(&node, 1000, NULL), 1000);
	CU_ASSERT_EQUAL(
		played_ask(&node, "node.ended", json_pack("{s:s}", "boot", "boot-two"), NULL),
		RPC_CONFLICT);
	CU_ASSERT_EQUAL(
		played_ask(&node, "node.ended", json_pack("{s:s}", "boot", node.boot), NULL), 0);
	CU_ASSERT_EQUAL(take(&other, 1000, NULL), 1000);
	both_fini();
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

/* Cold: the account of a tenant nobody asked for before. The bound is the issue's; a build with
 * sanitizers on a busy machine keeps it at the median. */
static void cold_request_is_quick(enum sql_kind kind)
{
	enum { TENANTS = 200 };
	int64_t took_us[TENANTS];
	played_start(&node, "edge", store_fixture_url(kind));
	for (int i = 0; i < TENANTS; i++) {
		char script[160];
		snprintf(script, sizeof(script),
			 "INSERT INTO tenants (id, policy) VALUES ('t%d',"
			 " '{\"budget\": {\"monthly_micros\": 1000}}')",
			 i);
		played_sql(&node, script);
	}
	PLAY_UNTIL(json_object_size(node.tenants) == TENANTS, 5000);
	for (int i = 0; i < TENANTS; i++) {
		char id[16];
		snprintf(id, sizeof(id), "t%d", i);
		json_t *params = json_pack("{s:s, s:s, s:i, s:i}", "tenant", id, "account",
					   "credit", "wanted", 10, "comfort", 100);
		int64_t began = g_get_monotonic_time();
		CU_ASSERT_EQUAL(played_ask(&node, "quota.request", params, NULL), 0);
		took_us[i] = g_get_monotonic_time() - began;
	}
	qsort(took_us, TENANTS, sizeof(took_us[0]), compare);
	printf(" p50 %lld us, p99 %lld us ", (long long)took_us[TENANTS / 2],
	       (long long)took_us[TENANTS * 99 / 100]);
	CU_ASSERT(took_us[TENANTS / 2] < 10000);
	played_fini(&node);
}

/* The server ends between a grant and its answer: what nobody was told of is nobody's. */
static void grant_that_was_lost_with_the_store_is_available_again(void)
{
	struct store_grant grant = {.tenant = PLAYED_TENANT,
				    .node = "edge",
				    .boot = "boot-edge",
				    .account = ACCOUNT_CREDIT,
				    .now_ms = g_get_real_time() / 1000};
	log_set_level(LOG_STORE, LOG_LEVELS);
	played_start(&node, "edge", store_fixture_url(SQL_POSTGRES));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(take(&node, 100, NULL), 100);
	played_sql(&node, "UPDATE grants SET granted = 400;"
			  "INSERT INTO grants (tenant, account, node, boot, granted)"
			  " VALUES ('" PLAYED_TENANT "', 'video', 'edge', 'boot-edge', 7);"
			  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
			  " WHERE pid <> pg_backend_pid() AND datname = current_database()");
	PLAY_UNTIL(store_grant_look(node.store, &grant) == 0 && grant.available == 900, 5000);
	grant.account = ACCOUNT_VIDEO;
	PLAY_UNTIL(store_grant_look(node.store, &grant) == 0 && grant.granted_total == 0, 5000);
	CU_ASSERT_EQUAL(take(&node, 50, NULL), 50);
	played_fini(&node);
	log_set_level(LOG_STORE, LOG_WARN);
}

/* The second of one name would void what the first holds; it is not let in while that lives. */
static void node_whose_name_is_taken_gets_nothing(enum sql_kind kind)
{
	struct store_grant grant = {.tenant = PLAYED_TENANT,
				    .node = "edge",
				    .boot = "boot-edge",
				    .account = ACCOUNT_CREDIT,
				    .now_ms = g_get_real_time() / 1000};
	log_set_level(LOG_ADMIN, LOG_LEVELS);
	played_start(&node, "edge", store_fixture_url(kind));
	tenant_make(&node, 1000);
	CU_ASSERT_EQUAL(take(&node, 600, NULL), 600);
	played_init(&other, "edge", node.url);
	snprintf(other.boot, sizeof(other.boot), "boot-other");
	played_listen(&other);
	played_control(&other, NULL);
	PLAY_UNTIL(other.hellos >= 2, 5000); /* it is turned away, and tried again */
	CU_ASSERT_FALSE(control_is_fed(other.control));
	CU_ASSERT_EQUAL(other.snapshots, 0);
	CU_ASSERT_EQUAL(store_grant_look(node.store, &grant), 0);
	CU_ASSERT_EQUAL(grant.available, 400);
	/* The first falls silent, as far as the store knows. */
	control_destroy(node.control);
	node.control = NULL;
	played_sql(&other, "UPDATE nodes SET seen_at = 0");
	PLAY_UNTIL(control_is_fed(other.control), 5000);
	/* And is back: now it has to wait. */
	played_control(&node, NULL);
	unsigned int hellos = node.hellos;
	PLAY_UNTIL(node.hellos >= hellos + 2, 5000);
	CU_ASSERT_FALSE(control_is_fed(node.control));
	played_fini(&other);
	played_fini(&node);
	log_set_level(LOG_ADMIN, LOG_ERROR);
}

/* Its row went while it lives: its next sign of life is a hello, and what it holds counts. */
static void node_that_was_removed_says_hello_again(enum sql_kind kind)
{
	log_set_level(LOG_ADMIN, LOG_LEVELS);
	played_start(&node, "edge", store_fixture_url(kind));
	unsigned int hellos = node.hellos;
	played_sql(&node, "DELETE FROM nodes");
	PLAY_UNTIL(node.hellos > hellos && control_is_fed(node.control), 10000);
	played_fini(&node);
	log_set_level(LOG_ADMIN, LOG_ERROR);
}

static int quiet_start(void)
{
	log_set_level(LOG_STORE, LOG_WARN);
	log_set_level(LOG_ADMIN, LOG_ERROR);
	log_set_level(LOG_ACCOUNT, LOG_ERROR);
	return store_fixture_start();
}

ON_BOTH(grants_end_at_the_limit)
ON_BOTH(account_without_a_limit_is_unlimited)
ON_BOTH(other_node_gives_back_what_it_does_not_need)
ON_BOTH(nodes_together_never_get_more_than_the_limit)
ON_BOTH(lowered_limit_is_taken_back)
ON_BOTH(grant_that_never_arrived_is_available_again)
ON_BOTH(grants_of_earlier_boots_end_when_the_node_has_recovered)
ON_BOTH(grants_of_a_node_that_ends_are_free)
ON_BOTH(node_whose_name_is_taken_gets_nothing)
ON_BOTH(node_that_was_removed_says_hello_again)
ON_BOTH(cold_request_is_quick)

static CU_TestInfo tests[] = {
	ROWS_OF(grants_end_at_the_limit),
	ROWS_OF(account_without_a_limit_is_unlimited),
	{"request_that_makes_no_sense_is_refused", request_that_makes_no_sense_is_refused},
	ROWS_OF(other_node_gives_back_what_it_does_not_need),
	ROWS_OF(nodes_together_never_get_more_than_the_limit),
	{"node_that_gives_nothing_back_is_waited_for_two_seconds",
	 node_that_gives_nothing_back_is_waited_for_two_seconds},
	ROWS_OF(lowered_limit_is_taken_back),
	ROWS_OF(grant_that_never_arrived_is_available_again),
	{"grant_that_is_not_even_listed_is_available_again",
	 grant_that_is_not_even_listed_is_available_again},
	{"grant_that_was_lost_with_the_store_is_available_again",
	 grant_that_was_lost_with_the_store_is_available_again},
	ROWS_OF(grants_of_earlier_boots_end_when_the_node_has_recovered),
	ROWS_OF(grants_of_a_node_that_ends_are_free),
	ROWS_OF(node_whose_name_is_taken_gets_nothing),
	ROWS_OF(node_that_was_removed_says_hello_again),
	ROWS_OF(cold_request_is_quick),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("control_quota", tests, quiet_start, store_fixture_stop)
