/* Replies in pieces, and a client against a server that closes what it kept. THREADED: the server
 * has a thread. */
#include "bench/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cunit.h"

#define PATIENCE_MS 20000

static const struct row {
	const char *text;
	bool has_ended;
	bool is_whole;
	int error, status;
	const char *body; /* when whole */
	bool may_keep;
} rows[] = {
	{"", false, false, 0, 0, NULL, false},
	{"", true, false, -EBADMSG, 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", false, false, 0, 0, NULL, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, true, 0, 200, "", true},
	{"HTTP/1.1 201 C\r\ncontent-length:3 \r\n\r\nabc", false, true, 0, 201, "abc", true},
	{"HTTP/1.1 201 C\r\nContent-Length: 3\r\n\r\nab", false, false, 0, 201, NULL, true},
	{"HTTP/1.1 201 C\r\nContent-Length: 3\r\n\r\nab", true, false, -EBADMSG, 201, NULL, true},
	{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", false, false, -EBADMSG, 200, NULL, true},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", false, false, -EBADMSG,
	 200, NULL, true},
	{"HTTP/1.1 204 No\r\n\r\n", false, true, 0, 204, "", true},
	{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", false, true, 0, 200,
	 "a", false},
	{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false, true, 0, 200, "a", false},
	{"HTTP/1.1 200 OK\r\n\r\nto the", false, false, 0, 200, NULL, false},
	{"HTTP/1.1 200 OK\r\n\r\nto the end", true, true, 0, 200, "to the end", false},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n"
	 "0\r\n\r\n",
	 false, true, 0, 200, "abc0123456789", true},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", false, false, 0,
	 200, NULL, true},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", false, false,
	 -EBADMSG, 200, NULL, true},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n", false, false, -EBADMSG, 200,
	 NULL, true},
	{"HTTP/2 200\r\n\r\n", false, false, -EBADMSG, 0, NULL, false},
	{"SSH-2.0-x\r\n\r\n", false, false, -EBADMSG, 0, NULL, false},
};

static void replies_are_read_as_far_as_they_are_there(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct http_view view;
		int error;
		char *text = strdup(row->text);
		bool is_whole = http_reply_parse(text, strlen(text), row->has_ended, &view, &error);
		CU_ASSERT_EQUAL(is_whole, row->is_whole);
		CU_ASSERT_EQUAL(error, row->error);
		CU_ASSERT_EQUAL(view.status, row->status);
		CU_ASSERT_EQUAL(view.may_keep, row->may_keep);
		if (is_whole && row->body) {
			CU_ASSERT_EQUAL(view.body_size, strlen(row->body));
			CU_ASSERT_EQUAL(memcmp(text + view.head_size, row->body, view.body_size),
					0);
		}
		free(text);
	}
}

static void headers_are_found_whatever_their_case(void)
{
	char text[] = "HTTP/1.1 201 Created\r\nX-Location: no\r\nLOCATION: \t/a/b  \r\nE:\r\n\r";
	struct http_reply reply = {.text = text};
	char value[8];
	CU_ASSERT_TRUE(http_reply_header(&reply, "location", value, sizeof(value)));
	CU_ASSERT_STRING_EQUAL(value, "/a/b");
	CU_ASSERT_FALSE(http_reply_header(&reply, "location", value, 4));
	CU_ASSERT_TRUE(http_reply_header(&reply, "e", value, sizeof(value)));
	CU_ASSERT_STRING_EQUAL(value, "");
	CU_ASSERT_FALSE(http_reply_header(&reply, "absent", value, sizeof(value)));
}

/* Answers two requests on each connection, and closes it without a word. */
struct server {
	int fd;
	char port[8];
	pthread_t thread;
	unsigned int connections, requests;
};

static bool serve_one(struct server *server, int fd)
{
	char request[512] = "", reply[128];
	size_t n = 0;
	while (!strstr(request, "\r\n\r\n")) {
		ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
		if (got <= 0)
			return false;
		n += (size_t)got;
		request[n] = '\0';
	}
	snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%u",
		 ++server->requests % 10);
	return send(fd, reply, strlen(reply), MSG_NOSIGNAL) > 0;
}

static void *serve(void *argument)
{
	struct server *server = argument;
	int fd;
	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		server->connections++;
		if (serve_one(server, fd))
			serve_one(server, fd);
		close(fd);
	}
	return NULL;
}

static void open_server(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	*server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	CU_ASSERT_EQUAL_FATAL(bind(server->fd, (struct sockaddr *)&address, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(server->fd, 4), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
	snprintf(server->port, sizeof(server->port), "%u", ntohs(address.sin_port));
}

static void start_server(struct server *server)
{
	open_server(server);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
}

static void connections_are_kept_and_replaced(void)
{
	struct server server;
	start_server(&server);
	struct http_client *client = http_client_create("127.0.0.1", server.port);
	struct http_request request = {.method = "GET", .path = "/"};
	for (char wanted = '1'; wanted <= '5'; wanted++) {
		struct http_reply reply;
		CU_ASSERT_EQUAL_FATAL(http_exchange(client, &request, &reply), 0);
		CU_ASSERT_EQUAL(reply.status, 200);
		CU_ASSERT_EQUAL(reply.body[0], wanted);
		http_reply_free(&reply);
	}
	http_client_destroy(client);
	stop_server(&server);
	CU_ASSERT_EQUAL(server.connections, 3);
	CU_ASSERT_EQUAL(server.requests, 5);
}

static void nobody_there_is_an_error(void)
{
	struct server server;
	start_server(&server);
	stop_server(&server);
	struct http_client *client = http_client_create("127.0.0.1", server.port);
	struct http_request request = {.method = "GET", .path = "/"};
	struct http_reply reply = {0};
	CU_ASSERT_EQUAL(http_exchange(client, &request, &reply), -ECONNREFUSED);
	http_client_destroy(client);
}

/* The server is played by the test itself from here on. */
static int accept_request(const struct server *server)
{
	char request[512];
	int fd = accept(server->fd, NULL, NULL);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(recv(fd, request, sizeof(request), 0) > 0);
	return fd;
}

/* Says it, and waits until the other side has it. */
static void say(int fd, const struct http_call *call, const char *text)
{
	struct pollfd pollfd = {.fd = http_call_fd(call), .events = POLLIN};
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	CU_ASSERT_EQUAL(poll(&pollfd, 1, PATIENCE_MS), 1);
}

static const struct http_request get_root = {.method = "GET", .path = "/"};

/* A server, a client of it, and a request that is under way. */
static struct http_client *open_call(struct server *server, struct http_call **call)
{
	open_server(server);
	struct http_client *client = http_client_create("127.0.0.1", server->port);
	CU_ASSERT_EQUAL_FATAL(http_begin(client, &get_root, call), 0);
	return client;
}

static void a_call_goes_on_with_what_comes(void)
{
	struct server server;
	struct http_reply reply = {0};
	struct http_call *call;
	struct http_client *client = open_call(&server, &call);
	CU_ASSERT_EQUAL(http_call_advance(call, &reply), -EAGAIN);
	int fd = accept_request(&server);
	say(fd, call, "HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nab");
	CU_ASSERT_EQUAL(http_call_advance(call, &reply), -EAGAIN);
	CU_ASSERT_EQUAL(http_call_advance(call, &reply), -EAGAIN);
	say(fd, call, "cd");
	CU_ASSERT_EQUAL_FATAL(http_call_advance(call, &reply), 0);
	CU_ASSERT_EQUAL(reply.status, 201);
	CU_ASSERT_STRING_EQUAL(reply.body, "abcd");
	http_reply_free(&reply);
	close(fd);
	http_client_destroy(client);
	close(server.fd);
}

static void a_call_on_a_connection_that_was_closed_takes_another(void)
{
	struct server server;
	struct http_reply reply = {0};
	struct http_call *call;
	struct http_client *client = open_call(&server, &call);
	int first = accept_request(&server);
	say(first, call, "HTTP/1.1 204 None\r\n\r\n");
	CU_ASSERT_EQUAL_FATAL(http_call_advance(call, &reply), 0);
	http_reply_free(&reply);
	CU_ASSERT_EQUAL_FATAL(http_begin(client, &get_root, &call), 0);
	close(first);
	struct pollfd pollfd = {.fd = http_call_fd(call), .events = POLLIN};
	CU_ASSERT_EQUAL(poll(&pollfd, 1, PATIENCE_MS), 1);
	CU_ASSERT_EQUAL(http_call_advance(call, &reply), -EAGAIN);
	int second = accept_request(&server);
	say(second, call, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	CU_ASSERT_EQUAL_FATAL(http_call_advance(call, &reply), 0);
	CU_ASSERT_EQUAL(reply.status, 200);
	http_reply_free(&reply);
	close(second);
	http_client_destroy(client);
	close(server.fd);
}

static void a_call_that_is_given_up_closes_its_connection(void)
{
	struct server server;
	char byte;
	struct http_call *call;
	struct http_client *client = open_call(&server, &call);
	int fd = accept_request(&server);
	http_call_cancel(call);
	CU_ASSERT_EQUAL(recv(fd, &byte, 1, 0), 0);
	http_call_cancel(NULL);
	close(fd);
	http_client_destroy(client);
	close(server.fd);
}

static CU_TestInfo tests[] = {
	{"replies_are_read_as_far_as_they_are_there", replies_are_read_as_far_as_they_are_there},
	{"headers_are_found_whatever_their_case", headers_are_found_whatever_their_case},
	{"connections_are_kept_and_replaced", connections_are_kept_and_replaced},
	{"nobody_there_is_an_error", nobody_there_is_an_error},
	{"a_call_goes_on_with_what_comes", a_call_goes_on_with_what_comes},
	{"a_call_on_a_connection_that_was_closed_takes_another",
	 a_call_on_a_connection_that_was_closed_takes_another},
	{"a_call_that_is_given_up_closes_its_connection",
	 a_call_that_is_given_up_closes_its_connection},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("http", tests)
