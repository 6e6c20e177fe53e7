/* THREADED. The admin socket of a started node, with a control plane that is this test: what it may
 * feed, in what order, what it is told, and what happens while it is away. */
#include <sys/stat.h>

#include "gateway/admin.h"
#include "gateway/session.h"
#include "gateway/stream.h"
#include "media/profile.h"
#include "slices/journal.h"
#include "slices/slice.h"
#include "tests/gateway/admin_fixture.h"

static struct session *open_session(const char *tenant, const char *name)
{
	struct sdp_agreement *nothing = calloc(1, sizeof(*nothing));
	struct session *session = NULL;
	struct stream *stream = stream_prepare(node->streams, tenant, name, nothing);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	free(nothing);
	CU_ASSERT_EQUAL_FATAL(
		session_create(node->sessions, SESSION_VIEWER, find(tenant), stream, &session), 0);
	return session;
}

static void the_socket_is_its_owners(void)
{
	struct stat status;
	CU_ASSERT_EQUAL(stat(node->config.admin.socket, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(stat(node->config.node.state, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0700);
	CU_ASSERT_FALSE(admin_is_fed(node->admin));
	CU_ASSERT_FALSE(admin_has_control(node->admin));
	CU_ASSERT_FALSE(admin_is_fed(NULL));
}

static void hello_tells_who_the_node_is(void)
{
	peer_connect(&control, node->config.admin.socket);
	struct peer_answer answer = peer_ask(
		&control, "hello",
		json_pack("{s:s, s:s, s:i}", "role", "control", "version", "1.2", "protocol", 1));
	const char *name, *boot;
	json_int_t protocol, port_bps, have;
	json_t *quotas, *journal;
	CU_ASSERT_EQUAL(answer.code, 0);
	CU_ASSERT_EQUAL(json_unpack(answer.json, "{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "node",
				    &name, "boot", &boot, "protocol", &protocol, "port_bps",
				    &port_bps, "revision", &have, "quotas", &quotas, "journal",
				    &journal),
			0);
	CU_ASSERT_STRING_EQUAL(name, "edge-1");
	CU_ASSERT_STRING_EQUAL(boot, journal_boot(node->journal));
	CU_ASSERT(protocol == 1 && port_bps == 10000000 && have == 0);
	CU_ASSERT_EQUAL(json_array_size(quotas), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(journal, "pending")), 0);
	CU_ASSERT_TRUE(admin_has_control(node->admin));
	CU_ASSERT_FALSE(admin_is_fed(node->admin));
	json_decref(answer.json);
	lose_control();
}

/* Method and parameters of who did not say hello, or not well; the code. */
static const struct {
	const char *method, *params;
	int code;
} strangers[] = {
	{"tenant.snapshot", "{\"revision\":1,\"slices\":[],\"tenants\":[]}", RPC_CONFLICT},
	{"tenant.put", "{\"revision\":1,\"tenant\":{}}", RPC_CONFLICT},
	{"tenant.remove", "{\"revision\":1,\"id\":\"demo\"}", RPC_CONFLICT},
	{"slice.put", "{\"revision\":1,\"slice\":{}}", RPC_CONFLICT},
	{"slice.remove", "{\"revision\":1,\"id\":\"gold\"}", RPC_CONFLICT},
	{"hello", "{\"role\":\"king\",\"version\":\"1\",\"protocol\":1}", RPC_INVALID_PARAMS},
	{"hello", "{\"role\":\"control\",\"version\":\"1\",\"protocol\":2}", RPC_INVALID_PARAMS},
	{"hello", "{\"role\":\"control\"}", RPC_INVALID_PARAMS},
	{"session.get", "{\"session\":\"0123\"}", RPC_NOT_FOUND},
	{"session.terminate", "{\"session\":\"0123\"}", RPC_NOT_FOUND},
	{"session.terminate", "{}", RPC_INVALID_PARAMS},
	{"session.terminate", "{\"session\":\"0\",\"tenant\":\"a\"}", RPC_INVALID_PARAMS},
	{"session.terminate", "{\"tenant\":\"a\",\"reason\":\"LOST\"}", RPC_INVALID_PARAMS},
	{"session.terminate", "{\"tenant\":\"nobody\"}", 0},
	{"session.list", "{\"tenant\":5}", RPC_INVALID_PARAMS},
	{"node.drain", "{}", RPC_INVALID_PARAMS},
	{"no.such", "{}", RPC_NO_METHOD},
	{"help", "{}", 0},
	{"stats", "{}", 0},
	{"stats.profile", "{}", 0},
	{"session.list", "{}", 0},
};

static void strangers_may_look_but_not_feed(void)
{
	struct peer stranger;
	peer_connect(&stranger, node->config.admin.socket);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		int code = peer_tell(&stranger, strangers[i].method,
				     json_loads(strangers[i].params, 0, NULL));
		if (code != strangers[i].code) {
			printf("\n%s %s: %d", strangers[i].method, strangers[i].params, code);
			CU_FAIL("another code");
		}
	}
	CU_ASSERT_FALSE(admin_has_control(node->admin));
	peer_close(&stranger);
}

/* By name, in the order of a packet's way; here a sample of rounds, as --profile was not given. */
static void the_profile_has_every_stage(void)
{
	struct peer peer;
	peer_connect(&peer, node->config.admin.socket);
	struct peer_answer answer = peer_ask(&peer, "stats.profile", NULL);
	json_t *stages = json_object_get(answer.json, "stages");
	CU_ASSERT_EQUAL(answer.code, 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "every")), PROFILE_EVERY);
	CU_ASSERT_EQUAL(json_array_size(stages), PROFILE_STAGES);
	for (unsigned int i = 0; i < PROFILE_STAGES; i++) {
		const char *name = "";
		json_int_t packets, instructions;
		double seconds = -1;
		CU_ASSERT_EQUAL(json_unpack(json_array_get(stages, i), "{s:s, s:f, s:I, s:I}",
					    "stage", &name, "seconds", &seconds, "packets",
					    &packets, "instructions", &instructions),
				0);
		CU_ASSERT_STRING_EQUAL(name, profile_stage_names[i]);
		CU_ASSERT_TRUE(seconds >= 0);
	}
	json_decref(answer.json);
	peer_close(&peer);
}

static void there_is_one_control_plane(void)
{
	struct peer second;
	connect_control();
	peer_connect(&second, node->config.admin.socket);
	CU_ASSERT_EQUAL(peer_hello(&second), RPC_CONFLICT);
	/* The first may say so again. */
	CU_ASSERT_EQUAL(peer_hello(&control), 0);
	lose_control();
	CU_ASSERT_EQUAL(peer_hello(&second), 0);
	peer_close(&second);
	peer_wait(!admin_has_control(node->admin));
	CU_ASSERT_EQUAL(admin_counters(node->admin).controls_refused, 1);
}

static void a_gap_asks_for_a_snapshot(void)
{
	connect_control();
	revision = 0;
	struct peer_answer answer = put_tenant(tenant_of("demo", "active"));
	CU_ASSERT_EQUAL(answer.code, RPC_REVISION_GAP);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "have")), 0);
	json_decref(answer.json);
	feed_demo();
	CU_ASSERT_TRUE(admin_is_fed(node->admin));
	answer = put_tenant(tenant_of("next", "active"));
	CU_ASSERT_EQUAL(answer.code, 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "revision")), 101);
	json_decref(answer.json);
	revision++;
	answer = put_tenant(tenant_of("late", "active"));
	CU_ASSERT_EQUAL(answer.code, RPC_REVISION_GAP);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "have")), 101);
	json_decref(answer.json);
	CU_ASSERT_PTR_NULL(find("late"));
	CU_ASSERT_PTR_NOT_NULL(find("next"));
	feed_demo();
	CU_ASSERT_PTR_NULL(find("next"));
	CU_ASSERT_PTR_NOT_NULL(find("demo"));
	lose_control();
	/* What was fed stays, the revisions begin anew. */
	CU_ASSERT_PTR_NOT_NULL(find("demo"));
	CU_ASSERT_TRUE(admin_is_fed(node->admin));
	connect_control();
	revision = 100;
	CU_ASSERT_EQUAL(put_code(tenant_of("next", "active")), RPC_REVISION_GAP);
	lose_control();
}

static void what_is_wrong_is_left_out_and_told(void)
{
	connect_control();
	struct peer_answer answer =
		feed(json_pack("[o, o, o]", slice_of("gold", 6000000), slice_of("big", 5000000),
			       json_object()),
		     json_pack("[o, o]", tenant_of("demo", "active"), tenant_of("a b", "active")));
	CU_ASSERT_EQUAL(answer.code, 0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(answer.json, "refused")), 3);
	json_decref(answer.json);
	CU_ASSERT_PTR_NOT_NULL(slice_find(node->slices, "gold"));
	CU_ASSERT_PTR_NULL(slice_find(node->slices, "big"));
	/* A slice that is there stays as it was when its row is wrong, and goes with its row. */
	json_t *odd = slice_of("gold", 7000000);
	json_object_set_new(odd, "five_qi", json_integer(11));
	answer = feed(json_pack("[o]", odd), json_pack("[o]", tenant_of("demo", "active")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(answer.json, "refused")), 1);
	json_decref(answer.json);
	CU_ASSERT_PTR_NOT_NULL_FATAL(slice_find(node->slices, "gold"));
	CU_ASSERT_EQUAL(slice_find(node->slices, "gold")->config.guaranteed_bps, 6000000);
	feed_demo();
	CU_ASSERT_PTR_NULL(slice_find(node->slices, "gold"));
	/* One that is put uses its revision up. */
	CU_ASSERT_EQUAL(put_code(tenant_of("demo", "asleep")), RPC_INVALID_PARAMS);
	CU_ASSERT_EQUAL(find("demo")->config->standing, TENANT_ACTIVE);
	CU_ASSERT_EQUAL(peer_tell(&control, "tenant.remove",
				  json_pack("{s:I, s:s}", "revision", (json_int_t)++revision, "id",
					    "demo")),
			0);
	CU_ASSERT_PTR_NULL(find("demo"));
	lose_control();
}

static int put_slice(const char *id, json_int_t guaranteed_bps, json_int_t *left_bps)
{
	struct peer_answer answer =
		peer_ask(&control, "slice.put",
			 json_pack("{s:I, s:o}", "revision", (json_int_t)++revision, "slice",
				   slice_of(id, guaranteed_bps)));
	*left_bps = json_integer_value(json_object_get(answer.json, "left"));
	json_decref(answer.json);
	return answer.code;
}

static void slices_share_the_port(void)
{
	json_int_t left_bps;
	connect_control();
	feed_demo();
	CU_ASSERT_PTR_NULL(slice_find(node->slices, "gold"));
	CU_ASSERT_EQUAL(put_slice("gold", 7000000, &left_bps), 0);
	CU_ASSERT_EQUAL(put_slice("silver", 4000000, &left_bps), RPC_NO_ROOM);
	CU_ASSERT_EQUAL(left_bps, 3000000);
	CU_ASSERT_EQUAL(put_slice("silver", 3000000, &left_bps), 0);
	CU_ASSERT_EQUAL(put_slice("a b", 0, &left_bps), RPC_INVALID_PARAMS);
	CU_ASSERT_EQUAL(peer_tell(&control, "slice.remove",
				  json_pack("{s:I, s:s}", "revision", (json_int_t)++revision, "id",
					    "gold")),
			0);
	CU_ASSERT_EQUAL(put_slice("silver", 10000000, &left_bps), 0);
	lose_control();
}

static void sessions_are_listed_claimed_and_ended(void)
{
	connect_control();
	feed_demo();
	struct session *session = open_session("demo", "live");
	char id[SESSION_ID_BYTES];
	memcpy(id, session->id, sizeof(id));
	struct peer_answer answer =
		peer_ask(&control, "session.list", json_pack("{s:s}", "tenant", "demo"));
	json_t *list = json_object_get(answer.json, "sessions");
	const char *found, *stream, *provider;
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 1);
	CU_ASSERT_EQUAL(json_unpack(json_array_get(list, 0), "{s:s, s:s, s:s}", "session", &found,
				    "stream", &stream, "provider_id", &provider),
			0);
	CU_ASSERT_STRING_EQUAL(found, id);
	CU_ASSERT_STRING_EQUAL(stream, "live");
	CU_ASSERT_STRING_EQUAL(provider, "whip:live");
	json_decref(answer.json);
	CU_ASSERT_EQUAL(peer_tell(&control, "session.get", json_pack("{s:s}", "session", id)), 0);
	/* A control plane that comes is told what there is. */
	lose_control();
	connect_control();
	feed_demo();
	struct peer_call *claim = peer_take_call(&control, "session.claim");
	CU_ASSERT(json_array_size(rows_of(claim, "sessions")) >= 1);
	answer_and_drop(claim, NULL);
	CU_ASSERT_EQUAL(peer_tell(&control, "session.terminate", json_pack("{s:s}", "session", id)),
			0);
	CU_ASSERT_PTR_NULL(session_find(node->sessions, id));
	lose_control();
}

/* The only row about a session; rows about others may be there. */
static json_t *only_row(struct peer_call *claim, const char *id)
{
	json_t *found = NULL, *row;
	size_t i;
	unsigned int n = 0;
	json_array_foreach(rows_of(claim, "sessions"), i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "session")), id) != 0)
			continue;
		found = row;
		n++;
	}
	CU_ASSERT_EQUAL(n, 1);
	return found;
}

/* Of what changes while the control plane cannot be told it hears the end, and since when. */
static void what_waits_about_a_session_is_one_row(void)
{
	char id[SESSION_ID_BYTES];
	connect_control();
	feed_demo();
	struct session *session = open_session("demo", "live");
	memcpy(id, session->id, sizeof(id));
	admin_claim(node->admin, session);
	struct peer_call *claim = peer_take_call(&control, "session.claim");
	json_t *at = json_incref(json_object_get(only_row(claim, id), "at_ms"));
	admin_claim(node->admin, session);
	session_terminate(session, REASON_OPERATOR);
	rpc_fail(claim->call, RPC_UNAVAILABLE, "not now");
	peer_drop_call(claim);
	claim = peer_take_call(&control, "session.claim");
	json_t *row = only_row(claim, id);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "state")), "terminated");
	CU_ASSERT(json_is_integer(at) && json_equal(json_object_get(row, "since_ms"), at));
	json_decref(at);
	answer_and_drop(claim, NULL);
	lose_control();
}

static void a_tenant_that_exits_or_goes_ends_its_sessions(void)
{
	connect_control();
	feed_demo();
	uint64_t before = session_counters(node->sessions)->terminated[REASON_USER_EXIT];
	open_session("demo", "one");
	open_session("demo", "two");
	CU_ASSERT_EQUAL(put_code(tenant_of("demo", "exited")), 0);
	CU_ASSERT_EQUAL(session_counters(node->sessions)->terminated[REASON_USER_EXIT], before + 2);
	CU_ASSERT_EQUAL(put_code(tenant_of("demo", "active")), 0);
	open_session("demo", "three");
	struct peer_answer answer = feed(json_array(), json_array());
	json_decref(answer.json);
	CU_ASSERT_EQUAL(session_counters(node->sessions)->terminated[REASON_USER_EXIT], before + 3);
	CU_ASSERT_EQUAL(session_count(node->sessions), 0);
	lose_control();
}

static void a_paused_tenants_sessions_pause(void)
{
	connect_control();
	feed_demo();
	struct session *session = open_session("demo", "live");
	CU_ASSERT_EQUAL(put_code(tenant_of("demo", "paused")), 0);
	CU_ASSERT_EQUAL(session->paused_by, PAUSE_TENANT);
	json_t *id = json_pack("{s:s}", "session", session->id);
	CU_ASSERT_EQUAL(peer_tell(&control, "session.pause", json_incref(id)), 0);
	CU_ASSERT_EQUAL(peer_tell(&control, "session.pause", json_incref(id)), 0);
	/* Gate 8 again. */
	struct peer_answer answer = peer_ask(&control, "session.resume", json_incref(id));
	CU_ASSERT_EQUAL(answer.code, RPC_DENIED);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "gate")), 8);
	json_decref(answer.json);
	CU_ASSERT_EQUAL(put_code(tenant_of("demo", "active")), 0);
	CU_ASSERT_EQUAL(session->paused_by, PAUSE_OPERATOR);
	CU_ASSERT_EQUAL(peer_tell(&control, "session.resume", json_incref(id)), 0);
	CU_ASSERT_EQUAL(session->paused_by, 0);
	CU_ASSERT_EQUAL(peer_tell(&control, "session.terminate", id), 0);
	lose_control();
}

static void draining_can_be_taken_back(void)
{
	struct peer operator_peer;
	peer_connect(&operator_peer, node->config.admin.socket);
	CU_ASSERT_EQUAL(peer_tell(&operator_peer, "node.drain", json_pack("{s:b}", "drain", 1)), 0);
	CU_ASSERT_TRUE(node->is_draining);
	CU_ASSERT_EQUAL(peer_tell(&operator_peer, "node.drain", json_pack("{s:b}", "drain", 0)), 0);
	CU_ASSERT_FALSE(node->is_draining);
	peer_close(&operator_peer);
}

static void the_reference_is_as_printed(void)
{
	char *text, *on_disk;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	admin_reference(file);
	fclose(file);
	CU_ASSERT_TRUE_FATAL(
		g_file_get_contents(TEST_FOLDER "/../../gateway/ADMIN.md", &on_disk, NULL, NULL));
	CU_ASSERT_STRING_EQUAL(text, on_disk);
	g_free(on_disk);
	free(text);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(the_socket_is_its_owners),
	ROW(hello_tells_who_the_node_is),
	ROW(strangers_may_look_but_not_feed),
	ROW(the_profile_has_every_stage),
	ROW(there_is_one_control_plane),
	ROW(a_gap_asks_for_a_snapshot),
	ROW(what_is_wrong_is_left_out_and_told),
	ROW(slices_share_the_port),
	ROW(sessions_are_listed_claimed_and_ended),
	ROW(what_waits_about_a_session_is_one_row),
	ROW(a_tenant_that_exits_or_goes_ends_its_sessions),
	ROW(a_paused_tenants_sessions_pause),
	ROW(draining_can_be_taken_back),
	ROW(the_reference_is_as_printed),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("admin", tests, admin_start_node, admin_stop_node)
