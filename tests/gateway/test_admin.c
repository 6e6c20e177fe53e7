/* THREADED. The admin socket of a started node, with a control plane that is this test: what it may
 * feed, in what order, what it is told, and what happens while it is away. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/admin_private.h"
#include "gateway/node.h"
#include "gateway/session.h"
#include "gateway/stream.h"
#include "slices/journal.h"
#include "slices/slice.h"
#include "slices/tenant.h"
#include "tests/gateway/control_peer.h"

static struct node *node;
static struct peer control;
static int64_t revision;
static char folder[] = "/tmp/nn5g-admin-XXXXXX";

static int start(void)
{
	char yaml[512];
	struct gateway_config config;
	if (!mkdtemp(folder))
		return 1;
	int n = snprintf(yaml, sizeof(yaml),
			 "http: {port: 0}\n"
			 "media: {listen: [127.0.0.1], port: 0}\n"
			 "node: {name: edge-1, memory_mb: 128, packets: 4095, port_mbps: 10, "
			 "state: %s/state}\n"
			 "control: {mode: external}\n",
			 folder);
	if (config_parse("gateway.yaml", yaml, (size_t)n, stderr, &config))
		return 1;
	return node_start(&config, NULL, &node) ? 1 : 0;
}

static int stop(void)
{
	static const char *const files[] = {"state/journal.db", "state/journal.db-wal",
					    "state/journal.db-shm", "state"};
	char path[512];
	node_stop(node);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		remove(path);
	}
	return rmdir(folder);
}

static void connect_control(void)
{
	peer_connect(&control, node->config.admin.socket);
	CU_ASSERT_EQUAL_FATAL(peer_hello(&control), 0);
}

static void lose_control(void)
{
	peer_close(&control);
	peer_wait(!admin_has_control(node->admin));
}

static json_t *tenant_of(const char *id, const char *standing)
{
	return json_pack("{s:s, s:s, s:[], s:{}}", "id", id, "standing", standing, "keys",
			 "policy");
}

static json_t *slice_of(const char *id, json_int_t guaranteed_bps)
{
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:i, s:i}", "id", id, "sst", 1, "sd", "000001",
			 "guaranteed_bps", guaranteed_bps, "max_bps", (json_int_t)0, "latency_ms",
			 20, "five_qi", 7);
}

/* Takes over both. */
static struct peer_answer feed(json_t *slices, json_t *tenants)
{
	revision = 100;
	return peer_ask(&control, "tenant.snapshot",
			json_pack("{s:I, s:o, s:o}", "revision", (json_int_t)revision, "slices",
				  slices, "tenants", tenants));
}

static void feed_demo(void)
{
	struct peer_answer answer =
		feed(json_array(), json_pack("[o]", tenant_of("demo", "active")));
	CU_ASSERT_EQUAL_FATAL(answer.code, 0);
	json_decref(answer.json);
}

/* Takes over `tenant`. */
static struct peer_answer put_tenant(json_t *tenant)
{
	return peer_ask(
		&control, "tenant.put",
		json_pack("{s:I, s:o}", "revision", (json_int_t)++revision, "tenant", tenant));
}

static int put_code(json_t *tenant)
{
	struct peer_answer answer = put_tenant(tenant);
	json_decref(answer.json);
	return answer.code;
}

static struct tenant *find(const char *id)
{
	return tenant_find(node->tenants, id, strlen(id));
}

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

static json_t *rows_of(struct peer_call *row, const char *member)
{
	return json_object_get(row->params, member);
}

static void answer_and_drop(struct peer_call *row, json_t *result)
{
	rpc_answer(row->call, result);
	peer_drop_call(row);
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
	ROW(there_is_one_control_plane),
	ROW(a_gap_asks_for_a_snapshot),
	ROW(what_is_wrong_is_left_out_and_told),
	ROW(slices_share_the_port),
	ROW(sessions_are_listed_claimed_and_ended),
	ROW(a_tenant_that_exits_or_goes_ends_its_sessions),
	ROW(draining_can_be_taken_back),
	ROW(a_call_without_a_control_plane_is_answered_later),
	ROW(events_wait_in_a_bounded_queue),
	ROW(usage_is_reported_until_it_is_acknowledged),
	ROW(connections_are_bounded),
	ROW(the_reference_is_as_printed),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("admin", tests, start, stop)
