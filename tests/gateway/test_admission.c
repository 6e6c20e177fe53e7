/* THREADED. Who gets in: a started node, asked through its routes as the HTTP server asks it. Every
 * gate that is there says no to what it is for, by code and number, and the methods and headers are
 * those of RFC 9725 and the WHEP draft. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "conf/jwt.h"
#include "gateway/gates.h"
#include "gateway/node.h"
#include "gateway/routes.h"
#include "gateway/session.h"
#include "tests/cunit.h"

static struct node *node;
static struct jwt_key *demo_key, *other_key, *stranger_key;
static char *publish_offer, *play_offer, *h264_play_offer;
static char folder[] = "/tmp/nn5g-admission-XXXXXX";

static char *read_offer(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), TEST_FOLDER "/sdp/%s", name);
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 65536);
	if (file && text && fread(text, 1, 65535, file) > 0)
		fclose(file);
	return text;
}

static int write_file(const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	if (!file)
		return -1;
	fputs(text, file);
	return fclose(file);
}

static void remove_file(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	remove(path);
}

static int make_key(const char *file, struct jwt_key **key)
{
	if (jwt_key_generate("dev", JWT_EDDSA, key))
		return -1;
	char *pem = jwt_key_export(*key, false);
	int rc = pem ? write_file(file, pem) : -1;
	free(pem);
	return rc;
}

static const char tenants_yaml[] =
	"tenants:\n"
	"  - id: demo\n"
	"    keys: [ { id: dev, algorithm: EdDSA, public_key_file: demo.pem } ]\n"
	"  - id: other\n"
	"    keys: [ { id: dev, algorithm: EdDSA, public_key_file: other.pem } ]\n"
	"  - id: paused\n"
	"    standing: paused\n"
	"    keys: [ { id: dev, algorithm: EdDSA, public_key_file: demo.pem } ]\n"
	"  - id: small\n"
	"    sessions_max: 1\n"
	"    keys: [ { id: dev, algorithm: EdDSA, public_key_file: demo.pem } ]\n";

static int start(void)
{
	static const char yaml[] =
		"http: {port: 0}\n"
		"media: {listen: [127.0.0.1], port: 0}\n"
		"control: {mode: none}\n"
		"node: {memory_mb: 128, packets: 4095}\n"
		"limits: {sessions: 8, sessions_per_stream: 2}\n"
		"tenants: tenants.yaml\n"
		"ice:\n  servers:\n"
		"    - url: stun:stun.example.net\n"
		"    - {url: 'turn:turn.example.net', username: u, credential: c}\n";
	char path[512];
	struct gateway_config config;
	publish_offer = read_offer("chromium_publish_vp8.sdp");
	play_offer = read_offer("chromium_play.sdp");
	h264_play_offer = read_offer("firefox_play.sdp");
	if (!mkdtemp(folder) || make_key("demo.pem", &demo_key) ||
	    make_key("other.pem", &other_key) || make_key("stranger.pem", &stranger_key) ||
	    write_file("tenants.yaml", tenants_yaml) || write_file("gateway.yaml", yaml))
		return 1;
	snprintf(path, sizeof(path), "%s/gateway.yaml", folder);
	if (config_load(path, stderr, &config))
		return 1;
	return node_start(&config, NULL, &node) ? 1 : 0;
}

static int stop(void)
{
	static const char *const files[] = {"demo.pem",     "other.pem",    "stranger.pem",
					    "tenants.yaml", "gateway.yaml", "state"};
	node_stop(node);
	jwt_key_destroy(demo_key);
	jwt_key_destroy(other_key);
	jwt_key_destroy(stranger_key);
	free(publish_offer);
	free(play_offer);
	free(h264_play_offer);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		remove_file(files[i]);
	return rmdir(folder);
}

/* Claims of a good token of `tenant`. */
static struct jwt_claims claims_of(const char *tenant)
{
	struct jwt_claims claims = {
		.audience = "nn5g",
		.scope = "publish play",
		.stream = "*",
		.issued_at = (int64_t)time(NULL),
		.expires_at = (int64_t)time(NULL) + 60,
	};
	snprintf(claims.tenant, sizeof(claims.tenant), "%s", tenant);
	snprintf(claims.issuer, sizeof(claims.issuer), "%s", tenant);
	return claims;
}

struct ask {
	enum http_method method;
	const char *path, *content_type, *body, *if_match;
	const struct jwt_key *key; /* NULL: no token */
	struct jwt_claims claims;
	const char *peer; /* NULL: 127.0.0.1 */
	bool is_tls;
};

static struct http_response ask(const struct ask *ask)
{
	struct http_response response = {0};
	char *token = ask->key ? jwt_sign(ask->key, &ask->claims) : NULL;
	char authorization[4096] = "";
	if (token)
		snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	struct http_request request = {
		.method = ask->method,
		.path = ask->path,
		.query = "",
		.authorization = authorization,
		.content_type = ask->content_type ? ask->content_type : "",
		.accept = "",
		.if_match = ask->if_match ? ask->if_match : "",
		.origin = "",
		.host = "",
		.body = ask->body ? ask->body : "",
		.body_bytes = ask->body ? strlen(ask->body) : 0,
		.is_tls = ask->is_tls,
	};
	address_parse_ip(&request.peer, ask->peer ? ask->peer : "127.0.0.1", 4000);
	routes_on_request(node, &request, &response);
	free(token);
	return response;
}

static void clear(struct http_response *response)
{
	for (unsigned int i = 0; i < response->n_headers; i++)
		free(response->headers[i].value);
	free(response->body);
}

static const char *header(const struct http_response *response, const char *name)
{
	for (unsigned int i = 0; i < response->n_headers; i++) {
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return NULL;
}

static struct ask publish_as(const char *tenant, const char *path)
{
	return (struct ask){
		.method = HTTP_POST,
		.path = path,
		.content_type = "application/sdp",
		.body = publish_offer,
		.key = demo_key,
		.claims = claims_of(tenant),
	};
}

static struct ask play_as(const char *tenant, const char *path)
{
	struct ask asked = publish_as(tenant, path);
	asked.body = play_offer;
	return asked;
}

struct denials {
	enum gate gate;
	const char *tenant;
	uint64_t n;
};

static void add_denial(void *context, enum gate gate, const char *tenant, uint64_t n)
{
	struct denials *denials = context;
	if (gate == denials->gate && strcmp(tenant, denials->tenant) == 0)
		denials->n += n;
}

static uint64_t count_denials(enum gate gate, const char *tenant)
{
	struct denials denials = {.gate = gate, .tenant = tenant};
	gate_counters_each(node->denials, add_denial, &denials);
	return denials.n;
}

/* The gate of a problem+json body, or 0. */
static int gate_in(const struct http_response *response)
{
	json_t *body =
		json_loadb(response->body ? response->body : "", response->body_bytes, 0, NULL);
	int gate = (int)json_integer_value(json_object_get(body, "gate"));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(body, "status")), response->status);
	json_decref(body);
	return gate;
}

static void expect_denial(const struct ask *asked, int status, enum gate gate, const char *tenant)
{
	unsigned int sessions = session_count(node->sessions);
	uint64_t before = count_denials(gate, tenant);
	struct http_response response = ask(asked);
	CU_ASSERT_EQUAL(response.status, status);
	CU_ASSERT_STRING_EQUAL(response.content_type, "application/problem+json");
	CU_ASSERT_EQUAL(gate_in(&response), (int)gate);
	CU_ASSERT_EQUAL(count_denials(gate, tenant), before + 1);
	CU_ASSERT_EQUAL(session_count(node->sessions), sessions);
	clear(&response);
}

static void gate_1_reads_the_request(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	asked.content_type = "text/plain";
	expect_denial(&asked, 415, GATE_REQUEST, "demo");
	asked.content_type = "application/sdp";
	asked.body = "";
	expect_denial(&asked, 400, GATE_REQUEST, "demo");
	asked.body = "v=0\r\nnonsense";
	expect_denial(&asked, 400, GATE_REQUEST, "demo");
	asked = publish_as("demo", "/whip/demo/li ve");
	expect_denial(&asked, 400, GATE_REQUEST, "demo");
	/* Well-formed, but without BUNDLE. */
	char *unbundled = strdup(publish_offer);
	memcpy(strstr(unbundled, "a=group:BUNDLE"), "a=graup:BUNDLE", 14);
	asked = publish_as("demo", "/whip/demo/live");
	asked.body = unbundled;
	expect_denial(&asked, 422, GATE_REQUEST, "demo");
	free(unbundled);
}

static void gate_2_refuses_while_draining(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	node->is_draining = true;
	expect_denial(&asked, 503, GATE_NODE, "demo");
	struct http_response response = ask(&asked);
	CU_ASSERT_PTR_NOT_NULL(header(&response, "retry-after"));
	clear(&response);
	node->is_draining = false;
}

static void gate_3_wants_tls_off_loopback(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	asked.peer = "192.0.2.7";
	expect_denial(&asked, 403, GATE_TRANSPORT, "demo");
}

static void gate_4_wants_a_genuine_token(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	asked.key = NULL;
	expect_denial(&asked, 401, GATE_TOKEN, "demo");
	struct http_response response = ask(&asked);
	CU_ASSERT_STRING_EQUAL(header(&response, "www-authenticate"), "Bearer realm=\"nn5g\"");
	clear(&response);
	asked.key = stranger_key;
	expect_denial(&asked, 401, GATE_TOKEN, "demo");
	/* A token that claims a tenant whose keys did not sign it. */
	asked = publish_as("demo", "/whip/demo/live");
	asked.key = other_key;
	expect_denial(&asked, 401, GATE_TOKEN, "demo");
	asked = publish_as("nobody", "/whip/demo/live");
	expect_denial(&asked, 401, GATE_TOKEN, "demo");
}

static void gate_5_wants_a_fresh_token(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	asked.claims.expires_at = (int64_t)time(NULL) - 1;
	expect_denial(&asked, 401, GATE_FRESHNESS, "demo");
	asked.claims.expires_at = 0;
	expect_denial(&asked, 401, GATE_FRESHNESS, "demo");
	asked = publish_as("demo", "/whip/demo/live");
	asked.claims.not_before = (int64_t)time(NULL) + 600;
	expect_denial(&asked, 401, GATE_FRESHNESS, "demo");
	asked = publish_as("demo", "/whip/demo/live");
	asked.claims.issued_at = (int64_t)time(NULL) + 600;
	expect_denial(&asked, 401, GATE_FRESHNESS, "demo");
}

static void gate_6_wants_our_issuer_and_audience(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	strcpy(asked.claims.audience, "elsewhere");
	expect_denial(&asked, 401, GATE_AUDIENCE, "demo");
	asked = publish_as("demo", "/whip/demo/live");
	strcpy(asked.claims.issuer, "somebody");
	expect_denial(&asked, 401, GATE_AUDIENCE, "demo");
}

static void gates_7_to_9_guard_the_target(void)
{
	struct ask asked = publish_as("demo", "/whip/nobody/live");
	expect_denial(&asked, 403, GATE_TENANT, "");
	asked = publish_as("demo", "/whip/paused/live");
	expect_denial(&asked, 403, GATE_STANDING, "paused");
	asked = publish_as("demo", "/whip/other/live");
	expect_denial(&asked, 403, GATE_ISOLATION, "other");
	asked = publish_as("demo", "/whip/demo/live");
	strcpy(asked.claims.stream, "another");
	expect_denial(&asked, 403, GATE_ISOLATION, "demo");
}

static void gate_11_wants_the_scope(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/live");
	strcpy(asked.claims.scope, "play publisher");
	expect_denial(&asked, 403, GATE_SCOPE, "demo");
	asked = play_as("demo", "/whep/demo/live");
	strcpy(asked.claims.scope, "publish");
	expect_denial(&asked, 403, GATE_SCOPE, "demo");
}

/* Posts, and returns the session's path (to be freed); the rest of a 201 is checked here. */
static char *expect_created(const struct ask *asked)
{
	struct http_response response = ask(asked);
	char *location = NULL;
	CU_ASSERT_EQUAL(response.status, 201);
	if (response.status == 201) {
		CU_ASSERT_STRING_EQUAL(response.content_type, "application/sdp");
		CU_ASSERT_PTR_NOT_NULL(strstr(response.body, "a=ice-lite"));
		CU_ASSERT_EQUAL(header(&response, "etag")[0], '"');
		location = strdup(header(&response, "location"));
		CU_ASSERT_EQUAL(strncmp(location, "/session/", 9), 0);
	}
	clear(&response);
	return location;
}

/* Lets the media plane finish what it takes apart. */
static void settle(unsigned int sessions)
{
	while (session_count(node->sessions) > sessions)
		g_main_context_iteration(NULL, TRUE);
}

static int status_of(const struct ask *asked)
{
	struct http_response response = ask(asked);
	int status = response.status;
	clear(&response);
	return status;
}

static void end(char *path)
{
	struct ask asked = publish_as("demo", path);
	asked.method = HTTP_DELETE;
	unsigned int before = session_count(node->sessions);
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	CU_ASSERT_EQUAL(status_of(&asked), 404);
	settle(before - 1);
	free(path);
}

static void a_token_with_jti_is_good_once(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/once");
	strcpy(asked.claims.id, "one-time");
	char *path = expect_created(&asked);
	expect_denial(&asked, 401, GATE_FRESHNESS, "demo");
	end(path);
}

static void gate_15_caps_a_tenant(void)
{
	struct ask asked = publish_as("small", "/whip/small/live");
	char *path = expect_created(&asked);
	asked.path = "/whip/small/second";
	expect_denial(&asked, 429, GATE_CONCURRENCY, "small");
	asked.path = path;
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	settle(0);
	asked = publish_as("small", "/whip/small/live");
	free(path);
	path = expect_created(&asked);
	asked.path = path;
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	settle(0);
	free(path);
}

static void viewers_of_one_stream_are_capped(void)
{
	struct ask publish = publish_as("demo", "/whip/demo/full");
	struct ask play = play_as("demo", "/whep/demo/full");
	char *publisher = expect_created(&publish);
	char *first = expect_created(&play), *second = expect_created(&play);
	expect_denial(&play, 503, GATE_NODE, "demo");
	end(first);
	end(second);
	end(publisher);
}

static void nothing_published_is_409_with_retry_after(void)
{
	struct ask asked = play_as("demo", "/whep/demo/empty");
	struct http_response response = ask(&asked);
	CU_ASSERT_EQUAL(response.status, 409);
	CU_ASSERT_PTR_NOT_NULL(header(&response, "retry-after"));
	clear(&response);
}

static void options_say_what_is_taken(void)
{
	struct ask asked = {.method = HTTP_OPTIONS, .path = "/whip/demo/live"};
	struct http_response response = ask(&asked);
	CU_ASSERT_EQUAL(response.status, 204);
	CU_ASSERT_STRING_EQUAL(header(&response, "accept-post"), "application/sdp");
	CU_ASSERT_STRING_EQUAL(header(&response, "access-control-allow-origin"), "*");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(header(&response, "access-control-allow-headers"), "Authorization"));
	clear(&response);
	asked.method = HTTP_GET;
	CU_ASSERT_EQUAL(status_of(&asked), 405);
	asked.path = "/session/0123";
	CU_ASSERT_EQUAL(status_of(&asked), 405);
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 404);
	asked.path = "/nothing/of/that/kind";
	CU_ASSERT_EQUAL(status_of(&asked), 404);
}

static void ice_servers_are_told(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/links");
	struct http_response response = ask(&asked);
	bool stun = false, turn = false;
	for (unsigned int i = 0; i < response.n_headers; i++) {
		const char *value = response.headers[i].value;
		stun |= strcmp(value, "<stun:stun.example.net>; rel=\"ice-server\"") == 0;
		turn |= strcmp(value,
			       "<turn:turn.example.net>; rel=\"ice-server\"; username=\"u\"; "
			       "credential=\"c\"; credential-type=\"password\"") == 0;
	}
	CU_ASSERT_TRUE(stun && turn);
	CU_ASSERT_EQUAL_FATAL(response.status, 201);
	end(strdup(header(&response, "location")));
	clear(&response);
}

#define RESTART "a=ice-ufrag:freshone\r\na=ice-pwd:0123456789abcdef0123456789\r\n"

static void patch_trickles_and_restarts(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/patched");
	struct http_response response = ask(&asked);
	CU_ASSERT_EQUAL_FATAL(response.status, 201);
	char *path = strdup(header(&response, "location"));
	char *etag = strdup(header(&response, "etag"));
	clear(&response);

	asked.method = HTTP_PATCH;
	asked.path = path;
	CU_ASSERT_EQUAL(status_of(&asked), 422);
	asked.content_type = "text/plain";
	CU_ASSERT_EQUAL(status_of(&asked), 415);
	asked.body = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n";
	asked.content_type = "application/trickle-ice-sdpfrag";
	CU_ASSERT_EQUAL(status_of(&asked), 428);
	asked.if_match = "\"other\"";
	CU_ASSERT_EQUAL(status_of(&asked), 412);
	asked.if_match = etag;
	CU_ASSERT_EQUAL(status_of(&asked), 204);
	asked.body = RESTART;
	CU_ASSERT_EQUAL(status_of(&asked), 412);
	asked.if_match = "*";
	response = ask(&asked);
	CU_ASSERT_EQUAL(response.status, 200);
	CU_ASSERT_STRING_EQUAL(response.content_type, "application/trickle-ice-sdpfrag");
	CU_ASSERT_PTR_NOT_NULL(strstr(response.body, "a=ice-ufrag:"));
	CU_ASSERT_STRING_NOT_EQUAL(header(&response, "etag"), etag);
	clear(&response);
	/* The old entity tag is gone with the old credentials. */
	asked.if_match = etag;
	asked.body = "a=end-of-candidates\r\n";
	CU_ASSERT_EQUAL(status_of(&asked), 412);
	/* The session may outlast its token. */
	asked.claims.expires_at = (int64_t)time(NULL) - 1;
	asked.if_match = "*";
	CU_ASSERT_EQUAL(status_of(&asked), 204);
	/* Neither a stranger nor another tenant may touch the session. */
	asked.method = HTTP_DELETE;
	asked.key = NULL;
	CU_ASSERT_EQUAL(status_of(&asked), 401);
	asked.key = other_key;
	asked.claims = claims_of("other");
	CU_ASSERT_EQUAL(status_of(&asked), 403);
	free(etag);
	end(path);
}

static void a_viewer_without_the_codec_gets_a_counter_offer(void)
{
	struct ask publish = publish_as("demo", "/whip/demo/h264");
	publish.body = read_offer("chromium_publish_h264.sdp");
	char *publisher = expect_created(&publish);
	struct ask play = play_as("demo", "/whep/demo/h264");
	play.body = h264_play_offer;
	struct http_response response = ask(&play);
	CU_ASSERT_EQUAL(response.status, 406);
	CU_ASSERT_STRING_EQUAL(response.content_type, "application/sdp");
	CU_ASSERT_PTR_NOT_NULL_FATAL(header(&response, "location"));
	CU_ASSERT_PTR_NOT_NULL(strstr(response.body, "a=setup:actpass"));
	char *path = strdup(header(&response, "location"));
	clear(&response);
	struct ask patch = play_as("demo", path);
	patch.method = HTTP_PATCH;
	patch.body = "v=0\r\n";
	CU_ASSERT_EQUAL(status_of(&patch), 400);
	end(path);
	end(publisher);
	free((char *)(uintptr_t)publish.body);
}

static void a_second_publisher_replaces_the_first(void)
{
	struct ask publish = publish_as("demo", "/whip/demo/again");
	struct ask play = play_as("demo", "/whep/demo/again");
	char *first = expect_created(&publish);
	char *viewer = expect_created(&play);
	char *second = expect_created(&publish);
	struct ask gone = publish_as("demo", first);
	gone.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&gone), 404);
	free(first);
	CU_ASSERT_PTR_NOT_NULL(session_find(node->sessions, viewer + strlen("/session/")));
	end(second);
	CU_ASSERT_PTR_NOT_NULL(session_find(node->sessions, viewer + strlen("/session/")));
	end(viewer);
}

static CU_TestInfo tests[] = {
	{"gate_1_reads_the_request", gate_1_reads_the_request},
	{"gate_2_refuses_while_draining", gate_2_refuses_while_draining},
	{"gate_3_wants_tls_off_loopback", gate_3_wants_tls_off_loopback},
	{"gate_4_wants_a_genuine_token", gate_4_wants_a_genuine_token},
	{"gate_5_wants_a_fresh_token", gate_5_wants_a_fresh_token},
	{"gate_6_wants_our_issuer_and_audience", gate_6_wants_our_issuer_and_audience},
	{"gates_7_to_9_guard_the_target", gates_7_to_9_guard_the_target},
	{"gate_11_wants_the_scope", gate_11_wants_the_scope},
	{"a_token_with_jti_is_good_once", a_token_with_jti_is_good_once},
	{"gate_15_caps_a_tenant", gate_15_caps_a_tenant},
	{"viewers_of_one_stream_are_capped", viewers_of_one_stream_are_capped},
	{"nothing_published_is_409_with_retry_after", nothing_published_is_409_with_retry_after},
	{"options_say_what_is_taken", options_say_what_is_taken},
	{"ice_servers_are_told", ice_servers_are_told},
	{"patch_trickles_and_restarts", patch_trickles_and_restarts},
	{"a_viewer_without_the_codec_gets_a_counter_offer",
	 a_viewer_without_the_codec_gets_a_counter_offer},
	{"a_second_publisher_replaces_the_first", a_second_publisher_replaces_the_first},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("admission", tests, start, stop)
