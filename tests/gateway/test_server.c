/* The HTTP side of the server, over real sockets on loopback. */
#include "tests/gateway/server_client.h"

static void methods_reach_the_route(void)
{
	static const struct {
		const char *request, *body;
		enum http_method method;
	} rows[] = {
		{"GET /a HTTP/1.1\r\n" HOST "\r\n", "", HTTP_GET},
		{"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "abc", HTTP_POST},
		{"POST /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "", HTTP_POST},
		{"PUT /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "abc", HTTP_PUT},
		{"PATCH /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "abc", HTTP_PATCH},
		{"PATCH /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "", HTTP_PATCH},
		{"DELETE /a HTTP/1.1\r\n" HOST "\r\n", "", HTTP_DELETE},
		{"DELETE /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "abc", HTTP_DELETE},
		{"OPTIONS /a HTTP/1.1\r\n" HOST "\r\n", "", HTTP_OPTIONS},
		{"GET /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "abc", HTTP_GET},
		{"GET /a HTTP/1.0\r\n\r\n", "", HTTP_GET},
	};
	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		forget();
		CU_ASSERT_EQUAL(ask(server, rows[i].request), 200);
		CU_ASSERT_EQUAL(seen.n_requests, 1);
		CU_ASSERT_EQUAL(seen.method, rows[i].method);
		CU_ASSERT_STRING_EQUAL(seen.path, "/a");
		CU_ASSERT_STRING_EQUAL(seen.body->str, rows[i].body);
	}
	end();
}

static void head_has_no_body(void)
{
	struct client client;
	char *text = NULL;
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client, "HEAD /abc HTTP/1.1\r\n" HOST "\r\n"));
	CU_ASSERT_EQUAL(client_take(&client, false, &text), 200);
	CU_ASSERT_EQUAL(seen.method, HTTP_HEAD);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "content-length: 4\r\n"));
	CU_ASSERT_EQUAL(client_ask(&client, "GET /abc HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_EQUAL(client.in->len, 0);
	g_free(text);
	client_close(&client);
	end();
}

static void bad_requests_are_refused(void)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{"TRACE / HTTP/1.1\r\n" HOST "\r\n", 501},
		{"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 501},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501},
		{"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
		{"GET / HTTX/1.1\r\n" HOST "\r\n", 400},
		{"GET /\r\n" HOST "\r\n", 400},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
		{"GET /%0a HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%00?a HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /a/%00b HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%7f HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%c0%af HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /a;b HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /a&b HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "Accept: a\x01z\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\n" HOST "\r\n", 411},
		{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
		{"POST / HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		 400},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nGET /", 400},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 999999999999\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: tea\r\n\r\nx", 417},
		{"GET / HTTP/1.1\r\n" HOST "Connection: upgrade, HTTP2-Settings\r\n"
		 "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: h2c\r\n\r\n",
		 400},
	};
	uint64_t answered = 0;
	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int status = ask(server, rows[i].request);
		if (status != rows[i].status)
			fprintf(stderr, "\n%d instead of %d for %s", status, rows[i].status,
				rows[i].request);
		CU_ASSERT_EQUAL(status, rows[i].status);
		answered++;
	}
	CU_ASSERT_EQUAL(seen.n_requests, 0);
	const struct server_counters *counters = server_counters(server);
	CU_ASSERT_EQUAL(counters->responses_by_class[4] + counters->responses_by_class[5],
			answered);
	CU_ASSERT_EQUAL(counters->bodies_too_large, 2);
	end();
}

/* What the library below answers by itself, or closes without a word. */
static void worse_requests_end_the_connection(void)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{"GET /%zz HTTP/1.1\r\n" HOST "\r\n", 403},
		{"GET /%1 HTTP/1.1\r\n" HOST "\r\n", 403},
		{"GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: tea\r\n\r\n", 403},
		{"GET / HTTP/1.1\r\nPOST / HTTP/1.1\r\n" HOST "\r\n", 0},
		{"Host: a\r\n\r\n", 0},
	};
	static const char first[] = "GET /first HTTP/1.1\r\n" HOST "\r\n";
	begin();
	for (size_t i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
		struct client client;
		open_client(&client);
		if (i % 2)
			CU_ASSERT_EQUAL(client_ask(&client, first), 200);
		CU_ASSERT(client_send(&client, rows[i / 2].request));
		CU_ASSERT_EQUAL(client_take(&client, true, NULL), rows[i / 2].status);
		TURN_UNTIL(client.is_eof);
		CU_ASSERT(client.is_eof);
		client_close(&client);
	}
	CU_ASSERT_EQUAL(seen.n_requests, G_N_ELEMENTS(rows));
	end();
}

static void paths_are_normalised(void)
{
	static const struct {
		const char *target, *path, *query;
	} rows[] = {
		{"/", "/", ""},
		{"/a/../b", "/b", ""},
		{"/a/%2e%2e/b", "/b", ""},
		{"/../../etc/passwd", "/etc/passwd", ""},
		{"/a/..", "/", ""},
		{"/a/./b", "/a/b", ""},
		{"//a///b", "/a/b", ""},
		{"/whip/t%20x/%c3%a4", "/whip/t x/\xc3\xa4", ""},
		{"/a?", "/a", ""},
		{"/a?b=1", "/a", "b=1"},
		{"/a?b=1&c=%41", "/a", "b=1&c=A"},
		{"/a?../../b", "/a", "../../b"},
	};
	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *request = g_strdup_printf("GET %s HTTP/1.1\r\n" HOST "\r\n", rows[i].target);
		int status = ask(server, request);
		if (status != 200 || strcmp(seen.path, rows[i].path) != 0 ||
		    strcmp(seen.query, rows[i].query) != 0)
			fprintf(stderr, "\n%s: %d %s ? %s", rows[i].target, status, seen.path,
				seen.query);
		CU_ASSERT_EQUAL(status, 200);
		CU_ASSERT_STRING_EQUAL(seen.path, rows[i].path);
		CU_ASSERT_STRING_EQUAL(seen.query, rows[i].query);
		g_free(request);
	}
	end();
}

static void fields_reach_the_route(void)
{
	char *token = g_strnfill(8192, 't');
	char *request = g_strdup_printf(
		"PATCH /x HTTP/1.1\r\nhOST: node:8080\r\nAuthorization: Bearer %s\r\n"
		"X-Unknown: 1\r\ncontent-type:application/trickle-ice-sdpfrag\r\n"
		"Accept: a/b, c/d\r\nIf-Match: \"*\"\r\nOrigin: https://example.org\r\n"
		"Content-Length: 2\r\n\r\nhi",
		token);
	begin();
	CU_ASSERT_EQUAL(ask(server, request), 200);
	CU_ASSERT_EQUAL(strlen(seen.authorization), 7 + 8192);
	CU_ASSERT_STRING_EQUAL(seen.content_type, "application/trickle-ice-sdpfrag");
	CU_ASSERT_STRING_EQUAL(seen.accept, "a/b, c/d");
	CU_ASSERT_STRING_EQUAL(seen.if_match, "\"*\"");
	CU_ASSERT_STRING_EQUAL(seen.origin, "https://example.org");
	CU_ASSERT_STRING_EQUAL(seen.host, "node:8080");
	CU_ASSERT_STRING_EQUAL(seen.peer, "127.0.0.1");
	CU_ASSERT_FALSE(seen.is_tls);
	CU_ASSERT_EQUAL(ask(server, "GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_STRING_EQUAL(seen.authorization, "");
	CU_ASSERT_STRING_EQUAL(seen.if_match, "");
	end();
	g_free(request);
	g_free(token);
}

static void responses_are_framed(void)
{
	struct client client;
	char *text;
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client,
			      "POST /created HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
	CU_ASSERT_EQUAL(client_take(&client, true, &text), 201);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nlocation: /session/7\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\netag: \"abc\"\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\ncontent-type: application/sdp\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\n\r\nv=0\r\n"));
	CU_ASSERT_PTR_NULL(strcasestr(text, "server:"));
	g_free(text);
	CU_ASSERT(client_send(&client, "DELETE /empty HTTP/1.1\r\n" HOST "\r\n"));
	CU_ASSERT_EQUAL(client_take(&client, true, &text), 204);
	CU_ASSERT_PTR_NULL(strstr(text, "content-length"));
	g_free(text);
	CU_ASSERT(client_send(&client, "GET /moved HTTP/1.1\r\n" HOST "\r\n"));
	CU_ASSERT_EQUAL(client_take(&client, true, &text), 307);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\ncontent-length: 0\r\n"));
	g_free(text);
	CU_ASSERT_EQUAL(server_counters(server)->connections, 1);
	CU_ASSERT_EQUAL(server_counters(server)->requests, 3);
	CU_ASSERT_EQUAL(server_counters(server)->responses_by_class[2], 2);
	CU_ASSERT_EQUAL(server_counters(server)->responses_by_class[3], 1);
	client_close(&client);
	end();
}

static void connection_close_is_honoured(void)
{
	static const char *const requests[] = {
		"GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
		"GET /a HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n",
		"GET /a HTTP/1.0\r\n\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 1\r\n\r\nx",
	};
	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		struct client client;
		char *text = NULL;
		open_client(&client);
		CU_ASSERT(client_send(&client, requests[i]));
		CU_ASSERT_EQUAL(client_take(&client, true, &text), 200);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "connection: close\r\n"));
		TURN_UNTIL(client.is_eof);
		CU_ASSERT(client.is_eof);
		g_free(text);
		client_close(&client);
	}
	end();
}

static void pipelined_requests_are_answered_in_order(void)
{
	struct client client;
	char *text;
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST
				       "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n"));
	for (int i = 1; i <= 3; i++) {
		char want[16];
		g_snprintf(want, sizeof(want), "\r\n\r\n/%d", i);
		CU_ASSERT_EQUAL(client_take(&client, true, &text), 200);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
		g_free(text);
	}
	client_close(&client);
	end();
}

/* More than the loop serves in one turn, and no later than the turns that follow it. */
static void many_pipelined_requests_are_answered_at_once(void)
{
	enum { N = 100 };
	struct client client;
	GString *all = g_string_new(NULL);
	begin();
	open_client(&client);
	CU_ASSERT_EQUAL(client_ask(&client, "GET /0 HTTP/1.1\r\n" HOST "\r\n"), 200);
	for (int i = 1; i <= N; i++)
		g_string_append_printf(all, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
	CU_ASSERT(client_send(&client, all->str));
	while (g_main_context_iteration(NULL, FALSE))
		;
	CU_ASSERT_EQUAL(seen.n_requests, 1 + N);
	for (int i = 1; i <= N; i++)
		CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	g_string_free(all, TRUE);
	client_close(&client);
	end();
}

/* The library below would take the second request's head for its body. */
static void pipelined_bodies_are_refused(void)
{
	static const char *const seconds[] = {
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhelloGET /3",
		"DELETE /echo HTTP/1.1\r\n" HOST "Content-Length: 500\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 500000\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	};
	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(seconds); i++) {
		struct client client;
		char *both = g_strconcat("GET /1 HTTP/1.1\r\n" HOST "\r\n", seconds[i], NULL);
		open_client(&client);
		CU_ASSERT(client_send(&client, both));
		CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
		CU_ASSERT(client_take(&client, true, NULL) >= 400);
		TURN_UNTIL(client.is_eof);
		CU_ASSERT(client.is_eof);
		CU_ASSERT_EQUAL(seen.n_requests, i + 1);
		client_close(&client);
		g_free(both);
	}
	end();
}

static void bodies_may_follow_one_another(void)
{
	struct client client;
	begin();
	open_client(&client);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(client_ask(&client, "OPTIONS /a HTTP/1.1\r\n" HOST "\r\n"), 200);
		CU_ASSERT_EQUAL(client_ask(&client, "POST /echo HTTP/1.1\r\n" HOST
						    "Content-Length: 5\r\n\r\nhello"),
				200);
		CU_ASSERT_STRING_EQUAL(seen.body->str, "hello");
	}
	/* The beginning of the next request may come with the end of the one before. */
	CU_ASSERT_EQUAL(client_ask(&client, "GET /a HTTP/1.1\r\n" HOST "\r\nPOST /echo HTT"), 200);
	CU_ASSERT_EQUAL(client_ask(&client, "P/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthere"),
			200);
	CU_ASSERT_STRING_EQUAL(seen.body->str, "there");
	client_close(&client);
	end();
}

static void requests_may_come_byte_by_byte(void)
{
	static const char request[] =
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789";
	struct client client;
	char *text = NULL;
	begin();
	open_client(&client);
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		CU_ASSERT(client_send_bytes(&client, request + i, 1));
		while (g_main_context_iteration(NULL, FALSE))
			;
	}
	CU_ASSERT_EQUAL(client_take(&client, true, &text), 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\n\r\n0123456789"));
	g_free(text);
	client_close(&client);
	end();
}

static void body_at_the_limit_passes(void)
{
	struct client client;
	char *body = g_strnfill(100000, 'b');
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client,
			      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n"));
	CU_ASSERT(client_send(&client, body));
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_EQUAL(seen.body->len, 100000);
	client_close(&client);
	end();
	g_free(body);
}

/* The whole body is sent although nobody reads it: the answer must survive that. */
static void refusal_reaches_a_client_that_sends_on(void)
{
	struct client client;
	char *body = g_strnfill(200000, 'b');
	begin();
	open_client(&client);
	CU_ASSERT(
		client_send(&client, "POST / HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n"));
	CU_ASSERT(client_send(&client, body));
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 413);
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	client_close(&client);
	end();
	g_free(body);
}

static void expect_continue_is_answered(void)
{
	struct client client;
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client, "POST /echo HTTP/1.1\r\n" HOST
				       "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
	CU_ASSERT_EQUAL(client_take(&client, false, NULL), 100);
	CU_ASSERT_EQUAL(client_ask(&client, "hello"), 200);
	CU_ASSERT_STRING_EQUAL(seen.body->str, "hello");
	CU_ASSERT_EQUAL(client_ask(&client, "POST /echo HTTP/1.1\r\n" HOST
					    "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"),
			200);
	client_close(&client);
	end();
}

static CU_TestInfo tests[] = {
	{"methods_reach_the_route", methods_reach_the_route},
	{"head_has_no_body", head_has_no_body},
	{"bad_requests_are_refused", bad_requests_are_refused},
	{"worse_requests_end_the_connection", worse_requests_end_the_connection},
	{"paths_are_normalised", paths_are_normalised},
	{"fields_reach_the_route", fields_reach_the_route},
	{"responses_are_framed", responses_are_framed},
	{"connection_close_is_honoured", connection_close_is_honoured},
	{"pipelined_requests_are_answered_in_order", pipelined_requests_are_answered_in_order},
	{"many_pipelined_requests_are_answered_at_once",
	 many_pipelined_requests_are_answered_at_once},
	{"pipelined_bodies_are_refused", pipelined_bodies_are_refused},
	{"bodies_may_follow_one_another", bodies_may_follow_one_another},
	{"requests_may_come_byte_by_byte", requests_may_come_byte_by_byte},
	{"body_at_the_limit_passes", body_at_the_limit_passes},
	{"refusal_reaches_a_client_that_sends_on", refusal_reaches_a_client_that_sends_on},
	{"expect_continue_is_answered", expect_continue_is_answered},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("server", tests, NULL, forget_all)
