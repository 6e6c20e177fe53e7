/* WebSockets of the server, with frames written by hand (RFC 6455). */
#include "tests/gateway/server_client.h"

#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define HANDSHAKE(path)                                                                            \
	"GET " path " HTTP/1.1\r\n" HOST UPGRADE KEY VERSION "Origin: https://b.example\r\n\r\n"

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

#define FIN 0x80

/* Appends a masked frame with an honest length. */
static void add_frame(GString *to, unsigned int first, const void *payload, size_t size)
{
	static const unsigned char mask[4] = {1, 2, 3, 4};
	g_string_append_c(to, (char)first);
	if (size < 126) {
		g_string_append_c(to, (char)(0x80 | size));
	} else if (size < 65536) {
		g_string_append_c(to, (char)(0x80 | 126));
		g_string_append_c(to, (char)(size >> 8));
		g_string_append_c(to, (char)size);
	} else {
		g_string_append_c(to, (char)(0x80 | 127));
		for (int shift = 56; shift >= 0; shift -= 8)
			g_string_append_c(to, (char)((uint64_t)size >> shift));
	}
	g_string_append_len(to, (const char *)mask, 4);
	for (size_t i = 0; i < size; i++)
		g_string_append_c(to, (char)(((const unsigned char *)payload)[i] ^ mask[i % 4]));
}

static bool send_frame(struct client *client, unsigned int first, const void *payload, size_t size)
{
	GString *frame = g_string_new(NULL);
	add_frame(frame, first, payload, size);
	bool is_sent = client_send_bytes(client, frame->str, frame->len);
	g_string_free(frame, TRUE);
	return is_sent;
}

static bool send_text(struct client *client, const char *text)
{
	return send_frame(client, FIN | TEXT, text, strlen(text));
}

/* Bytes of the first frame in `in`, 0 while it is not complete; where its payload begins. */
static size_t frame_bytes(const struct client *client, size_t *head)
{
	const unsigned char *in = (const unsigned char *)client->in->str;
	if (client->in->len < 2)
		return 0;
	size_t size = in[1] & 0x7f;
	*head = 2;
	if (size == 126 && client->in->len >= 4) {
		size = (size_t)in[2] << 8 | in[3];
		*head = 4;
	} else if (size == 127 && client->in->len >= 10) {
		size = 0;
		for (int i = 2; i < 10; i++)
			size = size << 8 | in[i];
		*head = 10;
	} else if (size >= 126) {
		return 0;
	}
	return client->in->len >= *head + size ? *head + size : 0;
}

/* Waits for a frame and takes it: its opcode with FIN, -1 when the connection ended instead. */
static int take_frame(struct client *client, GString *payload)
{
	size_t head = 0;
	TURN_UNTIL(frame_bytes(client, &head) > 0 || client->is_eof);
	size_t size = frame_bytes(client, &head);
	if (size == 0)
		return -1;
	int first = (unsigned char)client->in->str[0];
	g_string_truncate(payload, 0);
	g_string_append_len(payload, client->in->str + head, (gssize)(size - head));
	g_string_erase(client->in, 0, (gssize)size);
	return first;
}

static bool expect_text(struct client *client, const char *text)
{
	GString *payload = g_string_new(NULL);
	bool is_same =
		take_frame(client, payload) == (FIN | TEXT) && strcmp(payload->str, text) == 0;
	g_string_free(payload, TRUE);
	return is_same;
}

/* The code of the closing frame that comes next; 0 when the connection just ended. */
static int expect_close(struct client *client)
{
	GString *payload = g_string_new(NULL);
	int code = 0;
	if (take_frame(client, payload) == (FIN | CLOSE) && payload->len >= 2)
		code = (unsigned char)payload->str[0] << 8 | (unsigned char)payload->str[1];
	g_string_free(payload, TRUE);
	return code;
}

static void open_ws(struct client *client, const char *handshake)
{
	open_client(client);
	CU_ASSERT(client_send(client, handshake));
	CU_ASSERT_EQUAL(client_take(client, false, NULL), 101);
}

/* However it ended: the route is told, once, and nothing is left. */
static void expect_end(struct client *client)
{
	TURN_UNTIL(seen.n_closed == 1 && server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(seen.n_closed, 1);
	CU_ASSERT_EQUAL(server_counters(server)->sockets_open, 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	client_close(client);
	end();
}

static void messages_go_both_ways(void)
{
	struct client client;
	char *text;
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client, HANDSHAKE("/ws")));
	CU_ASSERT_EQUAL(client_take(&client, false, &text), 101);
	/* The example of RFC 6455, 1.3. */
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	g_free(text);
	CU_ASSERT_STRING_EQUAL(seen.origin, "https://b.example");
	CU_ASSERT_EQUAL(server_counters(server)->sockets_opened, 1);
	CU_ASSERT_EQUAL(server_counters(server)->sockets_open, 1);
	CU_ASSERT(send_text(&client, "hello"));
	CU_ASSERT(expect_text(&client, "hello"));
	CU_ASSERT(send_text(&client, ""));
	CU_ASSERT(expect_text(&client, ""));
	CU_ASSERT(send_text(&client, "gr\xc3\xbc\xc3\x9f"));
	CU_ASSERT(expect_text(&client, "gr\xc3\xbc\xc3\x9f"));
	server_socket_send(seen.socket, "unasked", 7);
	CU_ASSERT(expect_text(&client, "unasked"));
	CU_ASSERT(send_frame(&client, FIN | CLOSE, "\x03\xe8", 2));
	CU_ASSERT_EQUAL(expect_close(&client), 1000);
	expect_end(&client);
}

static void bad_handshakes_are_refused(void)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{HANDSHAKE("/elsewhere"), 403},
		{"POST /ws HTTP/1.1\r\n" HOST UPGRADE KEY VERSION "Content-Length: 0\r\n\r\n", 405},
		{"GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
		{"GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY "\r\n", 426},
		{"GET /ws HTTP/1.1\r\n" HOST UPGRADE VERSION "\r\n", 400},
		{"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Sec-WebSocket-Key: short\r\n" VERSION "\r\n",
		 400},
		{"GET /ws HTTP/1.1\r\n" UPGRADE KEY VERSION "\r\n", 400},
		{"GET /ws HTTP/1.0\r\n" HOST UPGRADE KEY VERSION "\r\n", 400},
		{"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" KEY VERSION "\r\n", 400},
		{"GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY VERSION "Content-Length: 1\r\n\r\nx", 400},
		{"GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY VERSION
		 "Sec-WebSocket-Protocol: chat, superchat\r\n\r\n",
		 400},
		{"GET /ws/%00 HTTP/1.1\r\n" HOST UPGRADE KEY VERSION "\r\n", 400},
	};
	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct client client;
		open_client(&client);
		CU_ASSERT_EQUAL(client_ask(&client, rows[i].request), rows[i].status);
		TURN_UNTIL(client.is_eof);
		CU_ASSERT(client.is_eof);
		client_close(&client);
	}
	CU_ASSERT_EQUAL(seen.n_opened, 0);
	CU_ASSERT_EQUAL(seen.n_closed, 0);
	CU_ASSERT_EQUAL(server_counters(server)->sockets_opened, 0);
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	end();
}

static void our_protocol_is_agreed(void)
{
	struct client client;
	char *text;
	begin();
	open_client(&client);
	CU_ASSERT(client_send(&client, "GET /ws HTTP/1.1\r\n" HOST UPGRADE KEY VERSION
				       "Sec-WebSocket-Protocol: chat, nn5g\r\n\r\n"));
	CU_ASSERT_EQUAL(client_take(&client, false, &text), 101);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Sec-WebSocket-Protocol: nn5g\r\n"));
	g_free(text);
	client_close(&client);
	TURN_UNTIL(seen.n_closed == 1);
	CU_ASSERT_EQUAL(seen.n_closed, 1);
	end();
}

static void route_may_send_and_close_while_opening(void)
{
	struct client client;
	begin();
	open_ws(&client, HANDSHAKE("/ws/greet"));
	CU_ASSERT(expect_text(&client, "one"));
	CU_ASSERT(expect_text(&client, "two"));
	CU_ASSERT_EQUAL(expect_close(&client), 1000);
	CU_ASSERT(send_frame(&client, FIN | CLOSE, "\x03\xe8", 2));
	expect_end(&client);
}

static void frames_may_follow_the_handshake_at_once(void)
{
	struct client client;
	GString *all = g_string_new("GET /a HTTP/1.1\r\n" HOST "\r\n" HANDSHAKE("/ws"));
	begin();
	add_frame(all, FIN | TEXT, "early", 5);
	open_client(&client);
	CU_ASSERT(client_send_bytes(&client, all->str, all->len));
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_EQUAL(client_take(&client, false, NULL), 101);
	CU_ASSERT(expect_text(&client, "early"));
	shutdown(client.fd, SHUT_WR);
	expect_end(&client);
	g_string_free(all, TRUE);
}

static void pieces_become_one_message(void)
{
	struct client client;
	GString *payload = g_string_new(NULL);
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	CU_ASSERT(send_frame(&client, TEXT, "one ", 4));
	CU_ASSERT(send_frame(&client, CONTINUATION, "two ", 4));
	CU_ASSERT(send_frame(&client, FIN | PING, "there?", 6));
	CU_ASSERT(send_frame(&client, FIN | CONTINUATION, "three", 5));
	CU_ASSERT_EQUAL(take_frame(&client, payload), FIN | PONG);
	CU_ASSERT_STRING_EQUAL(payload->str, "there?");
	CU_ASSERT(expect_text(&client, "one two three"));
	CU_ASSERT_STRING_EQUAL(seen.messages->str, "one two three|");
	CU_ASSERT(send_text(&client, "bye"));
	CU_ASSERT_EQUAL(expect_close(&client), 1000);
	CU_ASSERT(send_frame(&client, FIN | CLOSE, "\x03\xe8", 2));
	expect_end(&client);
	g_string_free(payload, TRUE);
}

static void largest_message_passes(void)
{
	struct client client;
	char *text = g_strnfill(65536, 'm');
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	for (int i = 0; i < 3; i++) {
		CU_ASSERT(send_text(&client, text));
		CU_ASSERT(expect_text(&client, text));
	}
	client_close(&client);
	TURN_UNTIL(seen.n_closed == 1);
	CU_ASSERT_EQUAL(seen.n_closed, 1);
	end();
	g_free(text);
}

/* One end for each: the code, or 0 for a connection that is just cut. */
static void bad_frames_close(void)
{
	char *large = g_strnfill(65537, 'm');
	const struct {
		const char *bytes;
		size_t size;
		int code;
	} rows[] = {
		{"\x82\x81\0\0\0\0x", 7, 1003},                               /* binary */
		{"\x81\x82\0\0\0\0\xc3\x28", 8, 1007},                        /* not UTF-8 */
		{"\x01\x81\0\0\0\0\xc3\x80\x80\0\0\0\0", 13, 1007},           /* nor whole */
		{"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x", 15, 0}, /* longer than 2^63 */
		{"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x", 15, 0},
		{"\x83\x81\0\0\0\0x", 7, 0},        /* reserved opcode */
		{"\xc1\x81\0\0\0\0x", 7, 0},        /* reserved bit */
		{"\x80\x81\0\0\0\0x", 7, 0},        /* nothing to continue */
		{"\x09\x80\0\0\0\0", 6, 0},         /* ping in pieces */
		{"\x89\xfe\x01\x00\0\0\0\0", 8, 0}, /* ping of 256 bytes */
		{"\x88\x81\0\0\0\0x", 7, 0},        /* half a close code */
	};
	for (size_t i = 0; i <= G_N_ELEMENTS(rows); i++) {
		struct client client;
		begin();
		open_ws(&client, HANDSHAKE("/ws"));
		if (i == G_N_ELEMENTS(rows))
			send_text(&client, large);
		else
			client_send_bytes(&client, rows[i].bytes, rows[i].size);
		int code = expect_close(&client);
		int want = i == G_N_ELEMENTS(rows) ? 1009 : rows[i].code;
		if (want ? code != want : code == 1000)
			fprintf(stderr, "\nrow %zu: %d", i, code);
		CU_ASSERT(want ? code == want : code != 1000);
		CU_ASSERT_EQUAL(seen.messages->len, 0);
		shutdown(client.fd, SHUT_WR);
		expect_end(&client);
	}
	g_free(large);
}

static void endless_message_is_cut(void)
{
	struct client client;
	char *piece = g_strnfill(1000, 'p');
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	for (int i = 0; i < 70 && send_frame(&client, i ? CONTINUATION : TEXT, piece, 1000); i++)
		;
	CU_ASSERT_EQUAL(expect_close(&client), 1009);
	CU_ASSERT_EQUAL(seen.messages->len, 0);
	shutdown(client.fd, SHUT_WR);
	expect_end(&client);
	g_free(piece);
}

static void full_queue_closes(void)
{
	struct client client;
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	CU_ASSERT(send_text(&client, "flood"));
	CU_ASSERT_EQUAL(expect_close(&client), 1013);
	CU_ASSERT_EQUAL(server_counters(server)->socket_overflows, 1);
	CU_ASSERT(send_frame(&client, FIN | CLOSE, "\x03\xf5", 2));
	expect_end(&client);
}

/* It reads nothing, so the closing frame cannot reach it either. */
static void peer_that_never_reads_is_cut(void)
{
	struct client client;
	char *text = g_strnfill(60000, 'x');
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	client_pause(&client);
	for (int i = 0; i < 2000 && server_counters(server)->socket_overflows == 0; i++) {
		server_socket_send(seen.socket, text, 60000);
		g_main_context_iteration(NULL, FALSE);
	}
	CU_ASSERT_EQUAL(server_counters(server)->socket_overflows, 1);
	expect_end(&client);
	g_free(text);
}

static void idle_peer_is_pinged(void)
{
	struct server_config config = test_config();
	struct client client;
	GString *payload = g_string_new(NULL);
	config.socket_idle_s = 1;
	begin_with(&config);
	open_ws(&client, HANDSHAKE("/ws"));
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(take_frame(&client, payload), FIN | PING);
		CU_ASSERT(send_frame(&client, FIN | PONG, payload->str, payload->len));
	}
	CU_ASSERT_EQUAL(server_counters(server)->sockets_idle_closed, 0);
	CU_ASSERT_EQUAL(take_frame(&client, payload), FIN | PING);
	TURN_UNTIL(server_counters(server)->sockets_idle_closed == 1);
	CU_ASSERT_EQUAL(server_counters(server)->sockets_idle_closed, 1);
	expect_end(&client);
	g_string_free(payload, TRUE);
}

static void vanished_peer_is_noticed(void)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct client client;
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	client_close(&client);
	TURN_UNTIL(seen.n_closed == 1);
	CU_ASSERT_EQUAL(seen.n_closed, 1);
	end();
}

static void stopping_tells_the_routes(void)
{
	struct client client;
	begin();
	open_ws(&client, HANDSHAKE("/ws"));
	server_socket_send(seen.socket, "never", 5);
	server_socket_close(seen.socket, 1000);
	CU_ASSERT_EQUAL(seen.n_closed, 0);
	end();
	CU_ASSERT_EQUAL(seen.n_closed, 1);
	client_close(&client);
}

static CU_TestInfo tests[] = {
	{"messages_go_both_ways", messages_go_both_ways},
	{"bad_handshakes_are_refused", bad_handshakes_are_refused},
	{"our_protocol_is_agreed", our_protocol_is_agreed},
	{"route_may_send_and_close_while_opening", route_may_send_and_close_while_opening},
	{"frames_may_follow_the_handshake_at_once", frames_may_follow_the_handshake_at_once},
	{"pieces_become_one_message", pieces_become_one_message},
	{"largest_message_passes", largest_message_passes},
	{"bad_frames_close", bad_frames_close},
	{"endless_message_is_cut", endless_message_is_cut},
	{"full_queue_closes", full_queue_closes},
	{"peer_that_never_reads_is_cut", peer_that_never_reads_is_cut},
	{"idle_peer_is_pinged", idle_peer_is_pinged},
	{"vanished_peer_is_noticed", vanished_peer_is_noticed},
	{"stopping_tells_the_routes", stopping_tells_the_routes},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("server_socket", tests, NULL, forget_all)
