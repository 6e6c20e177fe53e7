/* For the tests of admission: a started node, asked through its routes as the HTTP server asks it,
 * and tenants of every kind. */
#pragma once

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
static char *publish_offer, *play_offer;
static char folder[] = "/tmp/nn5g-admission-XXXXXX";

static inline char *read_offer(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), TEST_FOLDER "/sdp/%s", name);
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, 65536);
	if (file && text && fread(text, 1, 65535, file) > 0)
		fclose(file);
	return text;
}

static inline int write_file(const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	if (!file)
		return -1;
	fputs(text, file);
	return fclose(file);
}

static inline void remove_file(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	remove(path);
}

static inline int make_key(const char *file, struct jwt_key **key)
{
	if (jwt_key_generate("dev", JWT_EDDSA, key))
		return -1;
	char *pem = jwt_key_export(*key, false);
	int rc = pem ? write_file(file, pem) : -1;
	free(pem);
	return rc;
}

/* Tenants of a line or two of their own, all with the key demo_key but for the stranger. */
#define TENANT(id, rows)                                                                           \
	"  - id: " id "\n" rows                                                                    \
	"    keys: [ { id: dev, algorithm: EdDSA, public_key_file: demo.pem } ]\n"
#define TENANT_OTHER                                                                               \
	"  - id: other\n"                                                                          \
	"    keys: [ { id: dev, algorithm: EdDSA, public_key_file: other.pem } ]\n"

static inline int start_with(const char *tenants_yaml)
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
	if (!mkdtemp(folder) || make_key("demo.pem", &demo_key) ||
	    make_key("other.pem", &other_key) || make_key("stranger.pem", &stranger_key) ||
	    write_file("tenants.yaml", tenants_yaml) || write_file("gateway.yaml", yaml))
		return 1;
	snprintf(path, sizeof(path), "%s/gateway.yaml", folder);
	if (config_load(path, stderr, &config))
		return 1;
	return node_start(&config, NULL, &node) ? 1 : 0;
}

static inline int stop(void)
{
	static const char *const files[] = {"demo.pem",     "other.pem",    "stranger.pem",
					    "tenants.yaml", "gateway.yaml", "state"};
	node_stop(node);
	jwt_key_destroy(demo_key);
	jwt_key_destroy(other_key);
	jwt_key_destroy(stranger_key);
	free(publish_offer);
	free(play_offer);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		remove_file(files[i]);
	return rmdir(folder);
}

/* Claims of a good token of `tenant`. */
static inline struct jwt_claims claims_of(const char *tenant)
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
	const char *origin;
	bool is_tls;
};

static inline struct http_response ask(const struct ask *ask)
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
		.origin = ask->origin ? ask->origin : "",
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

static inline void clear(struct http_response *response)
{
	for (unsigned int i = 0; i < response->n_headers; i++)
		free(response->headers[i].value);
	free(response->body);
}

static inline const char *header(const struct http_response *response, const char *name)
{
	for (unsigned int i = 0; i < response->n_headers; i++) {
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return NULL;
}

static inline struct ask publish_as(const char *tenant, const char *path)
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

static inline struct ask play_as(const char *tenant, const char *path)
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

static inline void add_denial(void *context, enum gate gate, const char *tenant, uint64_t n)
{
	struct denials *denials = context;
	if (gate == denials->gate && strcmp(tenant, denials->tenant) == 0)
		denials->n += n;
}

static inline uint64_t count_denials(enum gate gate, const char *tenant)
{
	struct denials denials = {.gate = gate, .tenant = tenant};
	gate_counters_each(node->denials, add_denial, &denials);
	return denials.n;
}

/* The gate of a problem+json body, or 0. */
static inline int gate_in(const struct http_response *response)
{
	json_t *body =
		json_loadb(response->body ? response->body : "", response->body_bytes, 0, NULL);
	int gate = (int)json_integer_value(json_object_get(body, "gate"));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(body, "status")), response->status);
	json_decref(body);
	return gate;
}

static inline void expect_denial(const struct ask *asked, int status, enum gate gate,
				 const char *tenant)
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

/* Posts, and returns the session's path (to be freed); the rest of a 201 is checked here. */
static inline char *expect_created(const struct ask *asked)
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
static inline void settle(unsigned int sessions)
{
	while (session_count(node->sessions) > sessions)
		g_main_context_iteration(NULL, TRUE);
}

static inline int status_of(const struct ask *asked)
{
	struct http_response response = ask(asked);
	int status = response.status;
	clear(&response);
	return status;
}

static inline void end(char *path)
{
	struct ask asked = publish_as("demo", path);
	asked.method = HTTP_DELETE;
	unsigned int before = session_count(node->sessions);
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	CU_ASSERT_EQUAL(status_of(&asked), 404);
	settle(before - 1);
	free(path);
}
