/* For the server's tests: a client that is driven by the same GMainContext as the server, in plain
 * text or TLS, and a server with routes that answer by path. Waiting is turning the loop until
 * something holds; a guard of some seconds turns a hang into a failure. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/server.h"
#include "tests/cunit.h"

#define GUARD_S 10

/* What the routes saw last, and the sockets' story. */
static struct {
	enum http_method method;
	char path[512], query[512], authorization[9000], content_type[128], accept[128];
	char if_match[128], origin[128], host[128];
	GString *body, *messages;
	char peer[ADDRESS_TEXT_MAX];
	bool is_tls;
	unsigned int n_requests, n_opened, n_closed;
	struct server_socket *socket;
} seen;

struct client {
	int fd;
	guint source;
	GString *in;
	bool is_eof, is_connected;
	SSL *ssl;
};

static inline gboolean on_guard(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_CONTINUE;
}

/* Turns the loop until `expression` holds or the guard has run out. */
#define TURN_UNTIL(expression)                                                                     \
	do {                                                                                       \
		bool is_late_ = false;                                                             \
		guint guard_ = g_timeout_add_seconds(GUARD_S, on_guard, &is_late_);                \
		while (!(expression) && !is_late_)                                                 \
			g_main_context_iteration(NULL, TRUE);                                      \
		g_source_remove(guard_);                                                           \
	} while (0)

static inline void route(void *context, const struct http_request *request,
			 struct http_response *response)
{
	(void)context;
	seen.n_requests++;
	seen.method = request->method;
	g_strlcpy(seen.path, request->path, sizeof(seen.path));
	g_strlcpy(seen.query, request->query, sizeof(seen.query));
	g_strlcpy(seen.authorization, request->authorization, sizeof(seen.authorization));
	g_strlcpy(seen.content_type, request->content_type, sizeof(seen.content_type));
	g_strlcpy(seen.accept, request->accept, sizeof(seen.accept));
	g_strlcpy(seen.if_match, request->if_match, sizeof(seen.if_match));
	g_strlcpy(seen.origin, request->origin, sizeof(seen.origin));
	g_strlcpy(seen.host, request->host, sizeof(seen.host));
	g_string_truncate(seen.body, 0);
	g_string_append_len(seen.body, request->body, (gssize)request->body_bytes);
	address_format_ip(&request->peer, seen.peer);
	seen.is_tls = request->is_tls;
	if (strcmp(request->path, "/created") == 0) {
		http_text(response, 201, "application/sdp", "v=0\r\n");
		http_header(response, "location", "/session/%d", 7);
		http_header(response, "etag", "\"abc\"");
	} else if (strcmp(request->path, "/empty") == 0) {
		response->status = 204;
	} else if (strcmp(request->path, "/moved") == 0) {
		response->status = 307;
		http_header(response, "location", "/created");
	} else if (strcmp(request->path, "/large") == 0) {
		char *large = g_malloc0(8 << 20);
		http_bytes(response, 200, "application/octet-stream", large, 8 << 20);
		g_free(large);
	} else if (strcmp(request->path, "/echo") == 0) {
		http_bytes(response, 200, "text/plain", request->body, request->body_bytes);
	} else {
		http_text(response, 200, "text/plain", "%s", request->path);
	}
}

static inline bool open_socket(void *context, const struct http_request *request,
			       struct server_socket *socket, void **user)
{
	(void)context;
	if (strncmp(request->path, "/ws", 3) != 0)
		return false;
	seen.n_opened++;
	seen.socket = socket;
	g_strlcpy(seen.origin, request->origin, sizeof(seen.origin));
	*user = &seen;
	if (strcmp(request->path, "/ws/greet") == 0) {
		server_socket_send(socket, "one", 3);
		server_socket_send(socket, "two", 3);
		server_socket_close(socket, 1000);
	}
	return true;
}

static inline void socket_message(void *context, void *user, const char *text, size_t size)
{
	(void)context;
	(void)user;
	g_string_append_len(seen.messages, text, (gssize)size);
	g_string_append_c(seen.messages, '|');
	if (strcmp(text, "flood") == 0)
		for (int i = 0; i < 65; i++)
			server_socket_send(seen.socket, "x", 1);
	else if (strcmp(text, "bye") == 0)
		server_socket_close(seen.socket, 1000);
	else
		server_socket_send(seen.socket, text, size);
}

static inline void socket_closed(void *context, void *user)
{
	(void)context;
	(void)user;
	seen.n_closed++;
	seen.socket = NULL;
}

static inline struct server_config test_config(void)
{
	return (struct server_config){
		.http_address = "127.0.0.1",
		.body_bytes_max = 100000,
		.connections_max = 8,
		.request_timeout_s = 5,
		.socket_idle_s = 5,
		.on_request = route,
		.on_socket_open = open_socket,
		.on_socket_message = socket_message,
		.on_socket_close = socket_closed,
	};
}

static inline void forget(void)
{
	GString *body = seen.body ? seen.body : g_string_new(NULL);
	GString *messages = seen.messages ? seen.messages : g_string_new(NULL);
	memset(&seen, 0, sizeof(seen));
	seen.body = g_string_truncate(body, 0);
	seen.messages = g_string_truncate(messages, 0);
}

static inline int forget_all(void)
{
	if (seen.body) {
		g_string_free(seen.body, TRUE);
		g_string_free(seen.messages, TRUE);
	}
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static inline void client_read_tls(struct client *client)
{
	char bytes[16384];
	if (!client->is_connected) {
		int done = SSL_connect(client->ssl);
		int error = SSL_get_error(client->ssl, done);
		client->is_connected = done == 1;
		if (done != 1 && error != SSL_ERROR_WANT_READ)
			client->is_eof = true;
		if (done != 1)
			return;
	}
	for (;;) {
		int n = SSL_read(client->ssl, bytes, sizeof(bytes));
		if (n <= 0) {
			if (SSL_get_error(client->ssl, n) != SSL_ERROR_WANT_READ)
				client->is_eof = true;
			return;
		}
		g_string_append_len(client->in, bytes, n);
	}
}

static inline gboolean on_client(gint fd, GIOCondition condition, gpointer data)
{
	struct client *client = data;
	char bytes[65536];
	(void)condition;
	if (client->ssl) {
		client_read_tls(client);
	} else {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0)
			g_string_append_len(client->in, bytes, n);
		else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			client->is_eof = true;
	}
	if (!client->is_eof)
		return G_SOURCE_CONTINUE;
	client->source = 0;
	return G_SOURCE_REMOVE;
}

static inline void client_pause(struct client *client)
{
	if (client->source)
		g_source_remove(client->source);
	client->source = 0;
}

static inline void client_resume(struct client *client)
{
	client->source = g_unix_fd_add(client->fd, G_IO_IN | G_IO_HUP, on_client, client);
}

/* Connects and, with a context, starts TLS. */
static inline struct client client_open(struct client *client, const char *ip, uint16_t port,
					SSL_CTX *tls)
{
	struct address address;
	struct sockaddr_storage to;
	*client = (struct client){.in = g_string_new(NULL)};
	address_parse_ip(&address, ip, port);
	socklen_t size = address_to_sockaddr(&address, &to);
	client->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The backlog takes the connection; the loop need not turn for it. */
	client->is_eof = connect(client->fd, (struct sockaddr *)&to, size) != 0;
	g_unix_set_fd_nonblocking(client->fd, TRUE, NULL);
	if (tls) {
		client->ssl = SSL_new(tls);
		SSL_set_fd(client->ssl, client->fd);
		SSL_connect(client->ssl);
	} else {
		client->is_connected = true;
	}
	client_resume(client);
	return *client;
}

static inline void client_close(struct client *client)
{
	client_pause(client);
	SSL_free(client->ssl);
	close(client->fd);
	g_string_free(client->in, TRUE);
	*client = (struct client){.fd = -1};
}

/* Sends all, turning the loop while the kernel has no room. False when the server went away. */
static inline bool client_send_bytes(struct client *client, const void *bytes, size_t size)
{
	const char *at = bytes;
	TURN_UNTIL(client->is_connected || client->is_eof);
	while (size > 0) {
		ssize_t n;
		if (client->ssl)
			n = SSL_write(client->ssl, at, (int)size);
		else
			n = send(client->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0 && (client->is_eof || (!client->ssl && errno != EAGAIN)))
			return false;
		if (n <= 0) {
			g_main_context_iteration(NULL, FALSE);
			continue;
		}
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static inline bool client_send(struct client *client, const char *text)
{
	return client_send_bytes(client, text, strlen(text));
}

/* Bytes of the first response in `in`, 0 while it is not complete. */
static inline size_t response_bytes(const struct client *client, bool has_body)
{
	const char *end = strstr(client->in->str, "\r\n\r\n");
	const char *length = strstr(client->in->str, "content-length: ");
	if (!end)
		return 0;
	size_t size = (size_t)(end + 4 - client->in->str);
	if (has_body && length && length < end)
		size += strtoul(length + 16, NULL, 10);
	return client->in->len >= size ? size : 0;
}

/* Waits for one response and takes it: its status, 0 when the connection ended instead. `text`
 * (g_free) gets the whole, when wanted. */
static inline int client_take(struct client *client, bool has_body, char **text)
{
	TURN_UNTIL(response_bytes(client, has_body) > 0 || client->is_eof);
	size_t size = response_bytes(client, has_body);
	if (size == 0 || strncmp(client->in->str, "HTTP/1.", 7) != 0)
		return 0;
	int status = atoi(client->in->str + 9);
	if (text)
		*text = g_strndup(client->in->str, size);
	g_string_erase(client->in, 0, (gssize)size);
	return status;
}

/* One request on the connection; its status. */
static inline int client_ask(struct client *client, const char *request)
{
	return client_send(client, request) ? client_take(client, true, NULL) : 0;
}

/* One connection, one request; its status. */
static inline int ask(struct server *server, const char *request)
{
	struct client client;
	client_open(&client, "127.0.0.1", server_http_port(server), NULL);
	int status = client_ask(&client, request);
	client_close(&client);
	return status;
}

static struct server *server;

static inline void begin_with(const struct server_config *config)
{
	forget();
	server = NULL;
	CU_ASSERT_EQUAL_FATAL(server_start(config, &server), 0);
}

static inline void begin(void)
{
	struct server_config config = test_config();
	begin_with(&config);
}

static inline void end(void)
{
	server_stop(server);
	server = NULL;
}

static inline void open_client(struct client *client)
{
	client_open(client, "127.0.0.1", server_http_port(server), NULL);
}

#define HOST "Host: a\r\n"
