/* Requests whose answer comes later: the texts live on, the client may leave, the server may stop,
 * and what the client sends meanwhile waits its turn. Over real sockets on loopback. */
#include "gateway/server_private.h"
#include "tests/gateway/server_client.h"

/* What the route below deferred. */
static struct {
	struct http_deferral *deferrals[8];
	unsigned int n, n_gone;
	bool answers_at_once;
} kept;

static void on_gone(void *context)
{
	struct http_deferral **slot = context;
	CU_ASSERT_PTR_NOT_NULL(*slot);
	*slot = NULL;
	kept.n_gone++;
}

static void answer(unsigned int i, const char *text)
{
	struct http_response response = {0};
	http_text(&response, 200, "text/plain", "%s", text);
	http_header(&response, "x-path", "%s", http_deferral_request(kept.deferrals[i])->path);
	struct http_deferral *deferral = kept.deferrals[i];
	kept.deferrals[i] = NULL;
	http_deferral_answer(deferral, &response);
	CU_ASSERT_PTR_NULL(response.body);
}

static void defer(void *context, const struct http_request *request, struct http_response *response)
{
	if (strncmp(request->path, "/later", 6) != 0) {
		route(context, request, response);
		return;
	}
	unsigned int i = kept.n++;
	kept.deferrals[i] = http_defer(request, on_gone, &kept.deferrals[i]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(kept.deferrals[i]);
	if (kept.answers_at_once)
		answer(i, "at once");
}

static void begin_deferring(void)
{
	struct server_config config = test_config();
	memset(&kept, 0, sizeof(kept));
	config.on_request = defer;
	begin_with(&config);
}

static void an_answer_may_come_later(void)
{
	struct client client;
	char *text;
	begin_deferring();
	open_client(&client);
	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT(client_send(&client,
				      "POST /later HTTP/1.1\r\n" HOST
				      "Content-Length: 5\r\nOrigin: https://o\r\n\r\nhello"));
		TURN_UNTIL(kept.n == i + 1);
		const struct http_request *request = http_deferral_request(kept.deferrals[i]);
		CU_ASSERT_STRING_EQUAL(request->body, "hello");
		CU_ASSERT_STRING_EQUAL(request->origin, "https://o");
		CU_ASSERT_EQUAL(client.in->len, 0);
		answer(i, "done");
		CU_ASSERT_EQUAL(client_take(&client, true, &text), 200);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "x-path: /later"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\n\r\ndone"));
		g_free(text);
		CU_ASSERT_EQUAL(client_ask(&client, "GET /between HTTP/1.1\r\n" HOST "\r\n"), 200);
	}
	CU_ASSERT_EQUAL(kept.n_gone, 0);
	CU_ASSERT_EQUAL(server_counters(server)->deferred, 3);
	client_close(&client);
	end();
}

static void an_answer_may_come_at_once(void)
{
	begin_deferring();
	kept.answers_at_once = true;
	CU_ASSERT_EQUAL(ask(server, "GET /later HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_EQUAL(ask(server, "GET /later HTTP/1.0\r\n\r\n"), 200);
	end();
	CU_ASSERT_EQUAL(kept.n_gone, 0);
}

static void a_closing_request_is_closed_after_its_answer(void)
{
	struct client client;
	begin_deferring();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
	TURN_UNTIL(kept.n == 1);
	answer(0, "done");
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	TURN_UNTIL(client.is_eof);
	CU_ASSERT(client.is_eof);
	client_close(&client);
	end();
}

static void many_wait_and_are_answered_in_any_order(void)
{
	struct client clients[6];
	begin_deferring();
	for (unsigned int i = 0; i < 6; i++) {
		open_client(&clients[i]);
		CU_ASSERT(client_send(&clients[i], "GET /later HTTP/1.1\r\n" HOST "\r\n"));
		TURN_UNTIL(kept.n == i + 1);
	}
	for (unsigned int i = 6; i-- > 0;) {
		char *text, expected[32];
		snprintf(expected, sizeof(expected), "\r\n\r\nanswer %u", i);
		answer(i, expected + 4);
		CU_ASSERT_EQUAL(client_take(&clients[i], true, &text), 200);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
		g_free(text);
		client_close(&clients[i]);
	}
	end();
}

static void what_is_pipelined_waits_its_turn(void)
{
	struct client client;
	char *text;
	begin_deferring();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /later/1 HTTP/1.1\r\n" HOST "\r\n"
				       "GET /later/2 HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(kept.n == 1);
	CU_ASSERT(client_send(&client, "GET /3 HTTP/1.1\r\n" HOST "\r\n"));
	for (unsigned int i = 0; i < 20; i++)
		g_main_context_iteration(NULL, FALSE);
	CU_ASSERT_EQUAL(kept.n, 1);
	CU_ASSERT_EQUAL(seen.n_requests, 0);
	answer(0, "one");
	CU_ASSERT_EQUAL(client_take(&client, true, &text), 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "x-path: /later/1"));
	g_free(text);
	TURN_UNTIL(kept.n == 2);
	answer(1, "two");
	CU_ASSERT_EQUAL(client_take(&client, true, &text), 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "x-path: /later/2"));
	g_free(text);
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_STRING_EQUAL(seen.path, "/3");
	client_close(&client);
	end();
}

static gboolean on_later(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

static void waiting_costs_nothing_whatever_is_sent(void)
{
	struct client client;
	bool is_over = false;
	unsigned int turns = 0;
	begin_deferring();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n"));
	TURN_UNTIL(kept.n == 1);
	CU_ASSERT(client_send(&client, HOST "\r\nGET /3"));
	g_timeout_add_seconds(1, on_later, &is_over);
	while (!is_over) {
		g_main_context_iteration(NULL, TRUE);
		turns++;
	}
	CU_ASSERT(turns < 200);
	answer(0, "one");
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_STRING_EQUAL(seen.path, "/2");
	client_close(&client);
	end();
}

static void a_client_that_leaves_is_told_of_once(void)
{
	struct client client;
	begin_deferring();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(kept.n == 1);
	client_close(&client);
	TURN_UNTIL(kept.n_gone == 1);
	CU_ASSERT_EQUAL(kept.n_gone, 1);
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->deferred_gone, 1);
	end();
	CU_ASSERT_EQUAL(kept.n_gone, 1);
}

/* Bytes that wait in front of the end must not hide it; a reset is an end as well. */
static void leaving_is_seen_behind_what_was_sent(void)
{
	struct client client;
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	begin_deferring();
	for (unsigned int i = 0; i < 2; i++) {
		open_client(&client);
		CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n"));
		TURN_UNTIL(kept.n == i + 1);
		CU_ASSERT(client_send(&client, "GET /2 HTTP/1.1\r\n" HOST "\r\n"));
		if (i == 1)
			setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		client_close(&client);
		TURN_UNTIL(kept.n_gone == i + 1);
		CU_ASSERT_EQUAL(kept.n_gone, i + 1);
	}
	end();
}

/* The answer finds nobody: that is no fault of the route. */
static void answering_a_client_that_has_left_is_harmless(void)
{
	struct client client;
	begin_deferring();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(kept.n == 1);
	client_close(&client);
	answer(0, "too late");
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	CU_ASSERT_EQUAL(kept.n_gone, 0);
	end();
}

static void waiting_has_an_end(void)
{
	struct client client;
	begin_deferring();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n"));
	TURN_UNTIL(kept.n == 1);
	int64_t now_us = g_get_monotonic_time();
	connection_tick(TAILQ_FIRST(&server->connections),
			now_us + (SERVER_DEFERRAL_S - 1) * G_USEC_PER_SEC);
	CU_ASSERT_EQUAL(kept.n_gone, 0);
	connection_tick(TAILQ_FIRST(&server->connections),
			now_us + (SERVER_DEFERRAL_S + 1) * G_USEC_PER_SEC);
	CU_ASSERT_EQUAL(kept.n_gone, 1);
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 503);
	TURN_UNTIL(client.is_eof);
	CU_ASSERT(client.is_eof);
	CU_ASSERT_EQUAL(server_counters(server)->timeouts, 1);
	client_close(&client);
	end();
}

static void stopping_tells_whoever_waits(void)
{
	struct client clients[3];
	begin_deferring();
	for (unsigned int i = 0; i < 3; i++) {
		open_client(&clients[i]);
		CU_ASSERT(client_send(&clients[i], "GET /later HTTP/1.1\r\n" HOST "\r\n"));
		TURN_UNTIL(kept.n == i + 1);
	}
	answer(0, "never sent");
	end();
	CU_ASSERT_EQUAL(kept.n_gone, 2);
	for (unsigned int i = 0; i < 3; i++)
		client_close(&clients[i]);
}

static void what_has_no_connection_cannot_be_deferred(void)
{
	struct http_request request = {0};
	CU_ASSERT_PTR_NULL(http_defer(&request, on_gone, NULL));
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(an_answer_may_come_later),
	ROW(an_answer_may_come_at_once),
	ROW(a_closing_request_is_closed_after_its_answer),
	ROW(many_wait_and_are_answered_in_any_order),
	ROW(what_is_pipelined_waits_its_turn),
	ROW(waiting_costs_nothing_whatever_is_sent),
	ROW(a_client_that_leaves_is_told_of_once),
	ROW(leaving_is_seen_behind_what_was_sent),
	ROW(answering_a_client_that_has_left_is_harmless),
	ROW(waiting_has_an_end),
	ROW(stopping_tells_whoever_waits),
	ROW(what_has_no_connection_cannot_be_deferred),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("server_deferral", tests, NULL, forget_all)
