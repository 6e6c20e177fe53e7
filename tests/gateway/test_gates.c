/* THREADED. Who gets in: every gate says no to what it is for, by code and number, counted, and
 * with nothing left set aside. */
#include "tests/gateway/admission_fixture.h"

#include "slices/slice.h"
#include "slices/tenant.h"

static struct tenant *tenant_of(const char *id)
{
	return tenant_find(node->tenants, id, strlen(id));
}

/* Ends a session, and waits until nothing of it is left. */
static void end_of(const char *tenant, char *path)
{
	struct ask asked = publish_as(tenant, path);
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	settle(0);
	CU_ASSERT_EQUAL(tenant_of(tenant)->n_sessions, 0);
	free(path);
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
	/* Sessions that go on are still paid for. */
	struct ask debit = publish_as("demo", "/usage/demo/commit");
	debit.content_type = "application/json";
	debit.body = "{}";
	strcpy(debit.claims.scope, "usage");
	CU_ASSERT_EQUAL(status_of(&debit), 400);
	struct ask ready = {.method = HTTP_GET, .path = "/readyz"};
	CU_ASSERT_EQUAL(status_of(&ready), 503);
	node->is_draining = false;
	CU_ASSERT_EQUAL(status_of(&ready), 200);
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

static void gate_10_wants_a_page_of_the_tenants(void)
{
	static const struct {
		const char *origin;
		bool passes;
	} rows[] = {
		{"", true},
		{"https://example.org", true},
		{"http://example.org:8080", true},
		{"https://EXAMPLE.org", true},
		{"https://www.example.org", false},
		{"https://a.example.com", true},
		{"https://a.b.example.com:1", true},
		{"https://example.com", false},
		{"https://badexample.com", false},
		{"https://example.org.evil.net", false},
		{"https://evil.net?example.org", false},
		{"https://example.org@evil.net", false},
		{"https://example.org, https://evil.net", false},
		{"http://[::1]:8080", true},
		{"http://[::2]", false},
		{"null", false},
		{"example.org", false},
		{"https://", false},
		{"https://:80", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ask asked = play_as("web", "/whep/web/live");
		asked.origin = rows[i].origin;
		/* Nothing is published: 409 is behind the gates. */
		if (rows[i].passes)
			CU_ASSERT_EQUAL(status_of(&asked), 409)
		else
			expect_denial(&asked, 403, GATE_ORIGIN, "web");
	}
	struct ask asked = play_as("demo", "/whep/demo/live");
	asked.origin = "null";
	CU_ASSERT_EQUAL(status_of(&asked), 409);
}

static void gate_12_guards_routes(void)
{
	static const struct {
		const char *path, *stream, *subject;
		bool passes;
	} rows[] = {
		{"/whep/routes/open", "*", "", true},
		{"/whep/routes/open", "", "", true},
		{"/whep/routes/own", "own", "", true},
		{"/whep/routes/own", "*", "", false},
		{"/whep/routes/own", "", "", false},
		{"/whep/routes/vip-1", "vip-1", "alice", true},
		{"/whep/routes/vip-1", "vip-1", "bob", false},
		{"/whep/routes/vip-1", "vip-1", "", false},
		{"/whep/routes/vip-1", "*", "alice", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ask asked = play_as("routes", rows[i].path);
		strcpy(asked.claims.stream, rows[i].stream);
		strcpy(asked.claims.subject, rows[i].subject);
		if (rows[i].passes)
			CU_ASSERT_EQUAL(status_of(&asked), 409)
		else
			expect_denial(&asked, 403, GATE_ROUTE, "routes");
	}
}

static void gate_13_wants_the_owners_consent(void)
{
	struct ask asked = publish_as("pending", "/whip/pending/live");
	expect_denial(&asked, 403, GATE_CONSENT, "pending");
	asked = publish_as("revoked", "/whip/revoked/live");
	expect_denial(&asked, 403, GATE_CONSENT, "revoked");
}

static void gate_14_keeps_the_rate(void)
{
	struct ask asked = publish_as("slow", "/whip/slow/live");
	char *first = expect_created(&asked), *second = expect_created(&asked);
	expect_denial(&asked, 429, GATE_RATE, "slow");
	struct http_response response = ask(&asked);
	const char *retry_after = header(&response, "retry-after");
	CU_ASSERT_PTR_NOT_NULL_FATAL(retry_after);
	CU_ASSERT(atoi(retry_after) > 3500 && atoi(retry_after) <= 3600);
	clear(&response);
	free(first);
	end_of("slow", second);
}

/* Whatever is said no to after gate 14 gives its place back: by a later gate, or behind them. */
static void a_place_in_the_rate_is_given_back(void)
{
	struct ask asked = play_as("slow2", "/whep/slow2/live");
	for (unsigned int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(status_of(&asked), 409);
	char *unagreed = strdup(publish_offer);
	for (char *at = unagreed; (at = strstr(at, "a=sendrecv")) || (at = NULL);)
		memcpy(at, "a=recvonly", 10);
	for (char *at = unagreed; (at = strstr(at, "a=sendonly")) || (at = NULL);)
		memcpy(at, "a=recvonly", 10);
	asked = publish_as("slow2", "/whip/slow2/live");
	asked.body = unagreed;
	for (unsigned int i = 0; i < 5; i++)
		expect_denial(&asked, 422, GATE_REQUEST, "slow2");
	free(unagreed);
	asked = publish_as("slow2", "/whip/slow2/live");
	char *path = expect_created(&asked);
	expect_denial(&asked, 429, GATE_RATE, "slow2");
	end_of("slow2", path);
}

static const struct slice *gold(void)
{
	return slice_find(node->slices, "gold");
}

static void gate_16_promises_what_the_slice_has(void)
{
	struct ask asked = publish_as("wide", "/whip/wide/a");
	char *first = expect_created(&asked);
	CU_ASSERT_EQUAL(gold()->promised_bps, 6000000);
	asked = publish_as("wide", "/whip/wide/b");
	expect_denial(&asked, 503, GATE_SLICE, "wide");
	struct http_response response = ask(&asked);
	CU_ASSERT_PTR_NOT_NULL(header(&response, "retry-after"));
	CU_ASSERT_PTR_NOT_NULL(strstr(response.body, "4000000 bit/s of 10000000 left"));
	clear(&response);
	/* The denial gave its places at gates 14 and 15 back. */
	CU_ASSERT_EQUAL(tenant_of("wide")->n_sessions, 1);
	CU_ASSERT_EQUAL(gold()->promised_bps, 6000000);
	end_of("wide", first);
	CU_ASSERT_EQUAL(gold()->promised_bps, 0);
	CU_ASSERT_EQUAL(gold()->n_sessions, 0);
	char *path = expect_created(&asked);
	end_of("wide", path);
	asked = play_as("wide", "/whep/wide/empty");
	CU_ASSERT_EQUAL(status_of(&asked), 409);
	CU_ASSERT_EQUAL(gold()->promised_bps, 0);
	asked = publish_as("lost", "/whip/lost/a");
	expect_denial(&asked, 503, GATE_SLICE, "lost");
	CU_ASSERT_EQUAL(tenant_of("lost")->n_sessions, 0);
}

/* Another tenant's token: refused before anything is set aside, and nothing is. */
static void isolation_sets_nothing_aside(void)
{
	struct ask asked = play_as("demo", "/whep/wide/live");
	uint64_t due_ns = tenant_of("wide")->bucket.due_ns;
	expect_denial(&asked, 403, GATE_ISOLATION, "wide");
	CU_ASSERT_EQUAL(tenant_of("wide")->bucket.due_ns, due_ns);
	CU_ASSERT_EQUAL(tenant_of("wide")->n_sessions, 0);
	CU_ASSERT_EQUAL(gold()->promised_bps, 0);
}

static void usage_passes_its_own_gates(void)
{
	struct ask asked = publish_as("demo", "/usage/demo/commit");
	asked.content_type = "application/json";
	asked.body = "{}";
	expect_denial(&asked, 403, GATE_SCOPE, "demo");
	strcpy(asked.claims.scope, "play usage");
	asked.body = "[]";
	expect_denial(&asked, 400, GATE_REQUEST, "demo");
	asked.body = "{";
	expect_denial(&asked, 400, GATE_REQUEST, "demo");
	asked.body = "{}";
	asked.content_type = "application/sdp";
	expect_denial(&asked, 415, GATE_REQUEST, "demo");
	asked.content_type = "application/json";
	asked.path = "/usage/other/commit";
	expect_denial(&asked, 403, GATE_ISOLATION, "other");
	asked.path = "/usage/nobody/commit";
	expect_denial(&asked, 403, GATE_TENANT, "");
	asked.path = "/usage/demo/guess";
	CU_ASSERT_EQUAL(status_of(&asked), 404);
	asked.path = "/usage/demo/commit";
	asked.peer = "192.0.2.7";
	expect_denial(&asked, 403, GATE_TRANSPORT, "demo");
	asked.peer = NULL;
	asked.method = HTTP_GET;
	CU_ASSERT_EQUAL(status_of(&asked), 405);
	asked.method = HTTP_OPTIONS;
	CU_ASSERT_EQUAL(status_of(&asked), 204);
}

static void usage_keeps_the_rate(void)
{
	struct ask asked = publish_as("slow3", "/usage/slow3/commit");
	asked.content_type = "application/json";
	asked.body = "{}";
	strcpy(asked.claims.scope, "usage");
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT_NOT_EQUAL(status_of(&asked), 429);
	expect_denial(&asked, 429, GATE_RATE, "slow3");
}

static void resuming_passes_standing_and_rate(void)
{
	struct session session = {.tenant = tenant_of("slow4")};
	CU_ASSERT_EQUAL(gates_resume(node, &session), 0);
	CU_ASSERT_EQUAL(gates_resume(node, &session), 0);
	CU_ASSERT_EQUAL(gates_resume(node, &session), -EBUSY);
	CU_ASSERT_EQUAL(count_denials(GATE_RATE, "slow4"), 1);
	session.tenant = tenant_of("paused");
	CU_ASSERT_EQUAL(gates_resume(node, &session), -EPERM);
	CU_ASSERT_EQUAL(count_denials(GATE_STANDING, "paused") > 0, true);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(gate_1_reads_the_request),
	ROW(gate_2_refuses_while_draining),
	ROW(gate_3_wants_tls_off_loopback),
	ROW(gate_4_wants_a_genuine_token),
	ROW(gate_5_wants_a_fresh_token),
	ROW(gate_6_wants_our_issuer_and_audience),
	ROW(gates_7_to_9_guard_the_target),
	ROW(gate_11_wants_the_scope),
	ROW(a_token_with_jti_is_good_once),
	ROW(gate_15_caps_a_tenant),
	ROW(viewers_of_one_stream_are_capped),
	ROW(gate_10_wants_a_page_of_the_tenants),
	ROW(gate_12_guards_routes),
	ROW(gate_13_wants_the_owners_consent),
	ROW(gate_14_keeps_the_rate),
	ROW(a_place_in_the_rate_is_given_back),
	ROW(gate_16_promises_what_the_slice_has),
	ROW(isolation_sets_nothing_aside),
	ROW(usage_passes_its_own_gates),
	ROW(usage_keeps_the_rate),
	ROW(resuming_passes_standing_and_rate),
	CU_TEST_INFO_NULL,
};

#define SLOW(burst) "    rate: { requests: 1, period_ms: 3600000, queue: 5, burst: " #burst " }\n"
#define WIDE        "    slice: gold\n    session_bps: 6000000\n    rate: { requests: 1000 }\n"
#define ROUTES                                                                                     \
	"    access:\n      routes:\n"                                                             \
	"        - { stream: vip-*, access: restricted, subject: alice }\n"                        \
	"        - { stream: own, access: private }\n"

static int start(void)
{
	return start_with(
		"slices:\n  - { id: gold, guaranteed_bps: 10000000 }\n"
		"tenants:\n" TENANT("demo", "") TENANT_OTHER TENANT(
			"paused", "    standing: paused\n") TENANT("small", "    sessions_max: 1\n")
			TENANT("web",
			       "    access: { domains: [example.org, .example.com, '[::1]'] }\n")
				TENANT("routes", ROUTES) TENANT(
					"pending", "    access: { consent: pending }\n")
					TENANT("revoked", "    access: { consent: revoked }\n")
						TENANT("slow", SLOW(1)) TENANT("slow2", SLOW(0))
							TENANT("slow3", SLOW(1)) TENANT("slow4",
											SLOW(1))
								TENANT("wide", WIDE) TENANT(
									"lost",
									"    slice: silver\n"));
}

TEST_MAIN_WITH("gates", tests, start, stop)
