/* Calls go both ways and come back to whom they belong; a peer that breaks the rules hurts only
 * itself. Each test plays one side of a socketpair by hand, or both with connections of ours. */
#include "tests/cunit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "conf/rpc.h"

/* One side under test, and what happened to it. */
struct side {
	struct rpc *rpc;
	struct rpc_call *kept[4096]; /* what "keep" asked */
	unsigned int n_kept;
	unsigned int calls, replies, closed;
	char method[64], why[160], result[256], error[256];
	int code;
	bool destroys_in_reply;
};

static struct side side;
static int peer; /* its other end, played by hand */

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	struct side *it = context;
	it->calls++;
	snprintf(it->method, sizeof(it->method), "%s", method);
	CU_ASSERT_PTR_EQUAL(rpc_call_connection(call), it->rpc);
	if (strcmp(method, "keep") == 0)
		it->kept[it->n_kept++] = call;
	else if (strcmp(method, "fail") == 0)
		rpc_fail_with(call, RPC_NO_ROOM, json_pack("{s:i}", "left", 7), "no room for %s",
			      json_string_value(json_object_get(params, "what")));
	else
		rpc_answer(call, json_incref(params));
}

static void on_close(void *context, const char *why)
{
	struct side *it = context;
	it->closed++;
	snprintf(it->why, sizeof(it->why), "%s", why);
}

static void on_reply(void *context, const json_t *result, const struct rpc_error *error)
{
	struct side *it = context;
	it->replies++;
	it->code = error ? error->code : 0;
	CU_ASSERT_NOT_EQUAL(!result, !error);
	snprintf(it->error, sizeof(it->error), "%s", error ? error->message : "");
	char *text = result ? json_dumps(result, JSON_COMPACT) : NULL;
	snprintf(it->result, sizeof(it->result), "%s", text ? text : "");
	free(text);
	if (it->destroys_in_reply) {
		it->destroys_in_reply = false;
		rpc_destroy(it->rpc);
		it->rpc = NULL;
	}
}

static struct rpc *connection(int fd, struct side *it)
{
	const struct rpc_config config = {.on_call = on_call, .on_close = on_close, .context = it};
	return rpc_create(fd, &config);
}

static void set_up(void)
{
	int fds[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	side = (struct side){0};
	side.rpc = connection(fds[0], &side);
	CU_ASSERT_PTR_NOT_NULL_FATAL(side.rpc);
	CU_ASSERT_PTR_EQUAL(rpc_context(side.rpc), &side);
	peer = fds[1];
}

static void turn(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void tear_down(void)
{
	rpc_destroy(side.rpc);
	if (peer >= 0)
		close(peer);
	turn();
}

static void say(const char *text)
{
	CU_ASSERT_EQUAL(write(peer, text, strlen(text)), (ssize_t)strlen(text));
	turn();
}

/* What the side said since, as one text. */
static const char *heard(void)
{
	static char text[65536];
	ssize_t n = recv(peer, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

#define CALL(id, method) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"}\n"
#define RESULT(id)       "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}\n"

static void request_is_answered_under_its_id(void)
{
	static const char *const ids[] = {"1", "-9007199254740993", "\"a\\u00e4\"", "\"\"", "0"};
	set_up();
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[256], want[256];
		snprintf(text, sizeof(text),
			 "{\"method\":\"echo\",\"params\":{\"n\":%zu},\"id\":%s,\"jsonrpc\":\"2."
			 "0\"}\n",
			 i, ids[i]);
		snprintf(want, sizeof(want),
			 "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"n\":%zu}}\n",
			 i == 2 ? "\"a\xc3\xa4\"" : ids[i], i);
		say(text);
		CU_ASSERT_STRING_EQUAL(heard(), want);
	}
	tear_down();
}

static void request_may_come_byte_by_byte_and_many_at_once(void)
{
	static const char text[] = CALL("7", "echo");
	set_up();
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		CU_ASSERT_EQUAL(side.calls, 0);
		CU_ASSERT_EQUAL(write(peer, text + i, 1), 1);
		turn();
	}
	CU_ASSERT_STRING_EQUAL(heard(), RESULT("7"));
	say("\n" CALL("1", "a") CALL("2", "b") "\n" CALL("3", "c"));
	CU_ASSERT_STRING_EQUAL(heard(), RESULT("1") RESULT("2") RESULT("3"));
	tear_down();
}

static void answers_may_come_late_and_out_of_order(void)
{
	set_up();
	say(CALL("1", "keep") CALL("2", "echo"));
	CU_ASSERT_STRING_EQUAL(heard(), RESULT("2"));
	rpc_answer(side.kept[0], NULL);
	CU_ASSERT_STRING_EQUAL(heard(), RESULT("1"));
	tear_down();
}

static void notification_is_not_answered(void)
{
	set_up();
	say("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"params\":{\"what\":\"x\"}}\n");
	CU_ASSERT_EQUAL(side.calls, 2);
	CU_ASSERT_STRING_EQUAL(heard(), "");
	tear_down();
}

static void error_carries_code_text_and_data(void)
{
	set_up();
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\",\"params\":{\"what\":\"b\\\"d\"}}"
	    "\n");
	CU_ASSERT_STRING_EQUAL(
		heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32011,\"message\":"
			 "\"no room for b\\\"d\",\"data\":{\"left\":7}}}\n");
	tear_down();
}

/* One message at fault: told, and the connection lives on. */
static void faulty_message_is_refused_and_the_next_taken(void)
{
	static const struct {
		const char *said, *heard;
	} rows[] = {
		{"["
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}]",
		 "batches are not taken"},
		{"[]", "batches are not taken"},
		{"7", "expected an object"},
		{"{}", "jsonrpc: expected"},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"a\"}", "jsonrpc: expected"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1}", "method: expected"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", "method: expected"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":3}", "method: expected"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}", "\"id\":null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}", "id: expected"},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"a\"}", "id: expected"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":[]}", "-32602"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"error\":{}}",
		 "either result or error"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":\"x\"}}", "error: expected"},
		{"{\"jsonrpc\":\"2.0\",\"result\":1}", "id of an answer"},
	};
	set_up();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say(rows[i].said);
		say("\n");
		const char *answer = heard();
		if (!strstr(answer, rows[i].heard))
			printf("\n%s -> %s", rows[i].said, answer);
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, rows[i].heard));
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"error\":"));
	}
	CU_ASSERT_EQUAL(side.calls, 0);
	CU_ASSERT_EQUAL(rpc_counters(side.rpc)->faults, sizeof(rows) / sizeof(rows[0]));
	say(CALL("1", "echo"));
	CU_ASSERT_STRING_EQUAL(heard(), RESULT("1"));
	CU_ASSERT_EQUAL(side.closed, 0);
	tear_down();
}

/* Bytes that are no JSON: told, closed, and nothing after them is looked at. */
static void broken_framing_is_told_and_closed(void)
{
	static const struct {
		const char *text;
		size_t size;
	} rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
		ROW("GET / HTTP/1.1\r\n"),
		ROW("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\xff\"}\n"),
		ROW("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\0\"}\n"),
		ROW("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u0000\"}\n"),
		ROW("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"a\"}\n"),
		ROW("{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"a\"}\n"),
		ROW("{} {}\n"),
#undef ROW
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up();
		CU_ASSERT_EQUAL(write(peer, rows[i].text, rows[i].size), (ssize_t)rows[i].size);
		say(CALL("1", "echo"));
		CU_ASSERT_PTR_NOT_NULL(strstr(heard(), "\"id\":null,\"error\":{\"code\":-32700"));
		CU_ASSERT_EQUAL(side.calls, 0);
		CU_ASSERT_EQUAL(side.closed, 1);
		tear_down();
	}
}

static void line_without_end_is_told_and_closed(void)
{
	static char block[1 << 16];
	set_up();
	memset(block, ' ', sizeof(block));
	size_t sent = 0;
	for (int i = 0; i < 1000 && !side.closed; i++) {
		ssize_t n = send(peer, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	CU_ASSERT_EQUAL(side.closed, 1);
	CU_ASSERT(sent >= RPC_MESSAGE_BYTES_MAX && sent < RPC_MESSAGE_BYTES_MAX + (1 << 20));
	CU_ASSERT_PTR_NOT_NULL(strstr(heard(), "longer"));
	tear_down();
}

static void our_call_gets_its_answer(void)
{
	set_up();
	rpc_invoke(side.rpc, "one", json_pack("{s:i}", "a", 1), on_reply, &side);
	rpc_invoke(side.rpc, "two", NULL, on_reply, &side);
	rpc_notify(side.rpc, "three", NULL);
	CU_ASSERT_STRING_EQUAL(
		heard(),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"one\",\"params\":{"
		"\"a\":1}}\n" CALL("2", "two") "{\"jsonrpc\":\"2.0\",\"method\":\"three\"}\n");
	say("{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32004,\"message\":\"none\"}}\n");
	CU_ASSERT_EQUAL(side.replies, 1);
	CU_ASSERT_EQUAL(side.code, RPC_NOT_FOUND);
	CU_ASSERT_STRING_EQUAL(side.error, "none");
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[1,2]}\n");
	CU_ASSERT_EQUAL(side.replies, 2);
	CU_ASSERT_STRING_EQUAL(side.result, "[1,2]");
	tear_down();
	CU_ASSERT_EQUAL(side.replies, 2);
}

static void unknown_answer_is_counted_and_ignored(void)
{
	set_up();
	rpc_invoke(side.rpc, "one", NULL, on_reply, &side);
	say(RESULT("2")
		    RESULT("\"1\"") "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				    "\"message\":\"?\"}}\n");
	CU_ASSERT_EQUAL(side.replies, 0);
	CU_ASSERT_EQUAL(rpc_counters(side.rpc)->answers_unknown, 3);
	say(RESULT("1") RESULT("1"));
	CU_ASSERT_EQUAL(side.replies, 1);
	CU_ASSERT_EQUAL(rpc_counters(side.rpc)->answers_unknown, 4);
	tear_down();
}

static void peer_that_goes_fails_our_calls_and_orphans_its_own(void)
{
	set_up();
	rpc_invoke(side.rpc, "one", NULL, on_reply, &side);
	say(CALL("1", "keep"));
	heard();
	close(peer);
	peer = -1;
	turn();
	CU_ASSERT_EQUAL(side.closed, 1);
	CU_ASSERT_STRING_EQUAL(side.why, "the peer closed");
	CU_ASSERT_EQUAL(side.replies, 1);
	CU_ASSERT_EQUAL(side.code, RPC_CLOSED);
	CU_ASSERT_PTR_NULL(rpc_call_connection(side.kept[0]));
	rpc_answer(side.kept[0], json_object());
	rpc_invoke(side.rpc, "late", NULL, on_reply, &side);
	CU_ASSERT_EQUAL(side.replies, 1);
	turn();
	CU_ASSERT_EQUAL(side.replies, 2);
	tear_down();
	CU_ASSERT_EQUAL(side.closed, 1);
}

static void last_words_of_a_peer_are_read(void)
{
	set_up();
	rpc_invoke(side.rpc, "one", NULL, on_reply, &side);
	CU_ASSERT_EQUAL(write(peer, RESULT("1"), strlen(RESULT("1"))),
			(ssize_t)strlen(RESULT("1")));
	close(peer);
	peer = -1;
	rpc_invoke(side.rpc, "into the void", NULL, on_reply, &side);
	turn();
	CU_ASSERT_EQUAL(side.replies, 2);
	CU_ASSERT_EQUAL(rpc_counters(side.rpc)->answers, 1);
	CU_ASSERT_EQUAL(side.closed, 1);
	tear_down();
}

static void destroy_fails_what_waits_and_says_nothing_else(void)
{
	set_up();
	for (int i = 0; i < 3; i++)
		rpc_invoke(side.rpc, "one", NULL, on_reply, &side);
	say(CALL("1", "keep"));
	rpc_destroy(side.rpc);
	side.rpc = NULL;
	CU_ASSERT_EQUAL(side.replies, 3);
	CU_ASSERT_EQUAL(side.code, RPC_CLOSED);
	CU_ASSERT_EQUAL(side.closed, 0);
	rpc_fail(side.kept[0], RPC_INTERNAL, "nobody hears it");
	tear_down();
	CU_ASSERT_EQUAL(side.closed, 0);
}

static void reply_may_destroy_the_connection(void)
{
	set_up();
	for (int i = 0; i < 3; i++)
		rpc_invoke(side.rpc, "one", NULL, on_reply, &side);
	side.destroys_in_reply = true;
	say(RESULT("1") RESULT("2"));
	CU_ASSERT_EQUAL(side.replies, 3);
	tear_down();
	set_up();
	for (int i = 0; i < 3; i++)
		rpc_invoke(side.rpc, "one", NULL, on_reply, &side);
	side.destroys_in_reply = true;
	close(peer);
	peer = -1;
	turn();
	CU_ASSERT_EQUAL(side.replies, 3);
	CU_ASSERT_EQUAL(side.closed, 0);
	tear_down();
}

/* 30,000 questions into a peer's own deaf ear: what is held for it stays bounded, and once it
 * listens every answer comes. */
static void peer_that_does_not_listen_is_held_back(void)
{
	enum { QUESTIONS = 30000 };
	static char answers[1 << 20];
	char question[400];
	int said = 0, unread = 0, answered = 0;
	set_up();
	snprintf(question, sizeof(question),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"a\":\"%0250d\"}}"
		 "\n",
		 1);
	size_t size = strlen(question);
	for (int pass = 0; pass < 2; pass++) {
		while (said < QUESTIONS &&
		       send(peer, question, size, MSG_DONTWAIT) == (ssize_t)size)
			said++;
		turn();
	}
	while (said < QUESTIONS && send(peer, question, size, MSG_DONTWAIT) == (ssize_t)size)
		said++, turn();
	CU_ASSERT(side.calls < 10000 && said < QUESTIONS);
	CU_ASSERT_EQUAL(side.closed, 0);
	while (answered < said && unread++ < 1000000) {
		ssize_t n = recv(peer, answers, sizeof(answers), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++)
			answered += answers[i] == '\n';
		turn();
	}
	CU_ASSERT_EQUAL(answered, said);
	tear_down();
}

static void unsent_calls_beyond_the_bound_close(void)
{
	char *text = malloc(1 << 20);
	memset(text, 'x', 1 << 20);
	set_up();
	for (int i = 0; i < 40; i++)
		rpc_invoke(side.rpc, "much", json_pack("{s:o}", "t", json_stringn(text, 1 << 20)),
			   on_reply, &side);
	turn();
	CU_ASSERT_EQUAL(side.closed, 1);
	CU_ASSERT_EQUAL(side.replies, 40);
	tear_down();
	free(text);
}

static void call_too_long_fails_alone(void)
{
	size_t size = RPC_MESSAGE_BYTES_MAX;
	char *text = malloc(size);
	memset(text, 'x', size);
	set_up();
	rpc_invoke(side.rpc, "much", json_pack("{s:o}", "t", json_stringn(text, size)), on_reply,
		   &side);
	turn();
	CU_ASSERT_EQUAL(side.replies, 1);
	CU_ASSERT_EQUAL(side.code, RPC_INTERNAL);
	CU_ASSERT_EQUAL(side.closed, 0);
	tear_down();
	free(text);
}

static void calls_that_wait_are_bounded(void)
{
	set_up();
	for (unsigned int i = 0; i < 4100; i++) {
		char text[128];
		snprintf(text, sizeof(text),
			 "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"keep\"}\n", i);
		say(text);
		CU_ASSERT_EQUAL(side.n_kept, i < 4096 ? i + 1 : 4096);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(heard(), "wait already"));
	rpc_answer(side.kept[0], NULL);
	say(CALL("1", "echo"));
	CU_ASSERT_EQUAL(side.calls, 4097);
	tear_down();
	for (unsigned int i = 1; i < 4096; i++)
		rpc_answer(side.kept[i], NULL);
}

/* Two connections of ours, both calling, with messages of every size up to several sends. */
static void both_sides_call_at_once(void)
{
	enum { CALLS = 300 };
	int fds[2];
	struct side sides[2] = {0};
	char *text = malloc(1 << 20);
	memset(text, 'y', 1 << 20);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++)
		sides[i].rpc = connection(fds[i], &sides[i]);
	for (int i = 0; i < CALLS; i++)
		rpc_invoke(sides[i % 2].rpc, "echo",
			   json_pack("{s:o}", "t", json_stringn(text, (size_t)i * 1777 % 150000)),
			   on_reply, &sides[i % 2]);
	for (int i = 0; i < 100000 && sides[0].replies + sides[1].replies < CALLS; i++)
		g_main_context_iteration(NULL, FALSE);
	CU_ASSERT_EQUAL(sides[0].replies, CALLS / 2);
	CU_ASSERT_EQUAL(sides[1].replies, CALLS / 2);
	CU_ASSERT_EQUAL(sides[0].calls + sides[1].calls, CALLS);
	for (int i = 0; i < 2; i++)
		rpc_destroy(sides[i].rpc);
	free(text);
}

static CU_TestInfo tests[] = {
	{"request_is_answered_under_its_id", request_is_answered_under_its_id},
	{"request_may_come_byte_by_byte_and_many_at_once",
	 request_may_come_byte_by_byte_and_many_at_once},
	{"answers_may_come_late_and_out_of_order", answers_may_come_late_and_out_of_order},
	{"notification_is_not_answered", notification_is_not_answered},
	{"error_carries_code_text_and_data", error_carries_code_text_and_data},
	{"faulty_message_is_refused_and_the_next_taken",
	 faulty_message_is_refused_and_the_next_taken},
	{"broken_framing_is_told_and_closed", broken_framing_is_told_and_closed},
	{"line_without_end_is_told_and_closed", line_without_end_is_told_and_closed},
	{"our_call_gets_its_answer", our_call_gets_its_answer},
	{"unknown_answer_is_counted_and_ignored", unknown_answer_is_counted_and_ignored},
	{"peer_that_goes_fails_our_calls_and_orphans_its_own",
	 peer_that_goes_fails_our_calls_and_orphans_its_own},
	{"last_words_of_a_peer_are_read", last_words_of_a_peer_are_read},
	{"destroy_fails_what_waits_and_says_nothing_else",
	 destroy_fails_what_waits_and_says_nothing_else},
	{"reply_may_destroy_the_connection", reply_may_destroy_the_connection},
	{"peer_that_does_not_listen_is_held_back", peer_that_does_not_listen_is_held_back},
	{"unsent_calls_beyond_the_bound_close", unsent_calls_beyond_the_bound_close},
	{"call_too_long_fails_alone", call_too_long_fails_alone},
	{"calls_that_wait_are_bounded", calls_that_wait_are_bounded},
	{"both_sides_call_at_once", both_sides_call_at_once},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("rpc", tests)
