/* libwebsockets does the protocol; a `struct exchange` per connection gathers one request, holds
 * one response while it is written, and becomes the WebSocket after an upgrade. All callbacks come
 * from the GLib loop, on the control thread. */
#include "gateway/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <libwebsockets.h>

#include "conf/log.h"

#define HEADER_BYTES_MAX   16384 /* request line and headers: an 8 KiB token fits */
#define VALUE_BYTES_MAX    12288 /* one header value */
#define MESSAGE_BYTES_MAX  65536 /* one WebSocket message */
#define SOCKET_QUEUE_MAX   64
#define LISTENERS_MAX      3 /* 127.0.0.1, ::1, HTTPS */
#define CLOSE_TOO_BIG      LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE
#define CLOSE_UNACCEPTABLE LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE
#define CLOSE_TRY_LATER    ((enum lws_close_status)1013)

struct server {
	struct server_config config;
	struct lws_context *context;
	GMainLoop *loop; /* what libwebsockets wants to be given: a view of the default context */
	uint16_t http_port, https_port;
	struct server_counters counters;
	lws_retry_bo_t idle;
};

/* A WebSocket, from the upgrade request on. */
struct server_socket {
	struct connection *connection; /* parent */
	void *user;                    /* the routes' own */
	bool is_open;                  /* on_socket_close is still owed */
	GQueue queue;                  /* GByteArray, each with LWS_PRE bytes of room in front */
	GByteArray *incoming;          /* fragments of one message */
	uint16_t close_code;           /* asked for; 0 = none */
	gint64 heard_us;
};

struct connection {
	struct server *server; /* parent */
	struct lws *wsi;       /* borrowed */
	struct http_request request;
	GPtrArray *strings; /* owns the request's strings */
	GByteArray *body;
	bool is_answered;   /* what still comes of the body is thrown away */
	GByteArray *answer; /* LWS_PRE bytes of room, then a body that is not written yet */
	struct server_socket socket;
};

int http_header(struct http_response *response, const char *name, const char *format, ...)
{
	va_list arguments;
	if (response->n_headers == SERVER_HEADERS_MAX)
		return -ENOSPC;
	va_start(arguments, format);
	char *value = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	for (const char *at = value; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f) {
			g_free(value);
			return -EINVAL;
		}
	}
	response->headers[response->n_headers].name = name;
	response->headers[response->n_headers++].value = value;
	return 0;
}

void http_bytes(struct http_response *response, int status, const char *content_type,
		const void *body, size_t size)
{
	g_free(response->body);
	response->status = status;
	response->content_type = content_type;
	response->body = g_memdup2(body, size);
	response->body_bytes = size;
}

void http_text(struct http_response *response, int status, const char *content_type,
	       const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	http_bytes(response, status, content_type, text, strlen(text));
	g_free(text);
}

static void response_clear(struct http_response *response)
{
	for (unsigned int i = 0; i < response->n_headers; i++)
		g_free(response->headers[i].value);
	g_free(response->body);
}

/* Writes status line and headers. Negative: the connection cannot be used any more. */
static int write_head(struct connection *connection, const struct http_response *response)
{
	unsigned char buffer[LWS_PRE + HEADER_BYTES_MAX];
	unsigned char *start = &buffer[LWS_PRE], *at = start, *end = &buffer[sizeof(buffer) - 1];
	struct lws *wsi = connection->wsi;
	if (lws_add_http_header_status(wsi, (unsigned int)response->status, &at, end))
		return -1;
	if (response->content_type &&
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
					 (const unsigned char *)response->content_type,
					 (int)strlen(response->content_type), &at, end))
		return -1;
	for (unsigned int i = 0; i < response->n_headers; i++) {
		char name[64];
		snprintf(name, sizeof(name), "%s:", response->headers[i].name);
		if (lws_add_http_header_by_name(wsi, (const unsigned char *)name,
						(const unsigned char *)response->headers[i].value,
						(int)strlen(response->headers[i].value), &at, end))
			return -1;
	}
	if (response->status != 204 &&
	    lws_add_http_header_content_length(wsi, response->body_bytes, &at, end))
		return -1;
	return lws_finalize_write_http_header(wsi, start, &at, end);
}

static void request_clear(struct connection *connection)
{
	connection->request = (struct http_request){0};
	if (connection->strings)
		g_ptr_array_set_size(connection->strings, 0);
	if (connection->body)
		g_byte_array_set_size(connection->body, 0);
}

static int finish(struct connection *connection)
{
	request_clear(connection);
	return lws_http_transaction_completed(connection->wsi) ? -1 : 0;
}

/* Sends the response; its body goes out when the connection can take it. */
static int answer(struct connection *connection, const struct http_response *response)
{
	struct server *server = connection->server;
	bool has_body = response->body_bytes > 0 && response->status != 204 &&
			connection->request.method != HTTP_HEAD;
	static const uint8_t room[LWS_PRE];
	if (response->status >= 100 && response->status < 600)
		server->counters.responses_by_class[response->status / 100]++;
	if (write_head(connection, response))
		return -1;
	if (!has_body)
		return connection->is_answered ? 0 : finish(connection);
	connection->answer = g_byte_array_new();
	g_byte_array_append(connection->answer, room, LWS_PRE);
	g_byte_array_append(connection->answer, (const uint8_t *)response->body,
			    (guint)response->body_bytes);
	lws_callback_on_writable(connection->wsi);
	return 0;
}

static int answer_error(struct connection *connection, int status, const char *text)
{
	struct http_response response = {0};
	http_text(&response, status, "application/problem+json",
		  "{\"type\":\"about:blank\",\"status\":%d,\"detail\":\"%s\"}", status, text);
	int rc = answer(connection, &response);
	response_clear(&response);
	return rc;
}

/* An error before the body was read: what still comes of it is thrown away, then the connection is
 * closed. */
static int answer_early(struct connection *connection, int status, const char *text)
{
	connection->is_answered = true;
	return answer_error(connection, status, text);
}

static int write_answer(struct connection *connection)
{
	GByteArray *bytes = connection->answer;
	if (!bytes)
		return 0;
	connection->answer = NULL;
	int n = lws_write(connection->wsi, bytes->data + LWS_PRE, bytes->len - LWS_PRE,
			  LWS_WRITE_HTTP_FINAL);
	g_byte_array_unref(bytes);
	if (n < 0)
		return -1;
	return connection->is_answered ? 0 : finish(connection);
}

/* A header's value in memory that lives as long as the request; "" when absent, NULL when it does
 * not fit. */
static const char *take_header(struct connection *connection, enum lws_token_indexes token)
{
	int size = lws_hdr_total_length(connection->wsi, token);
	if (size <= 0)
		return "";
	char *value = size < VALUE_BYTES_MAX ? g_malloc((size_t)size + 1) : NULL;
	if (!value)
		return NULL;
	g_ptr_array_add(connection->strings, value);
	return lws_hdr_copy(connection->wsi, value, size + 1, token) < 0 ? NULL : value;
}

static int method_of(int lws_method)
{
	static const int methods[] = {
		[LWSHUMETH_GET] = HTTP_GET,         [LWSHUMETH_POST] = HTTP_POST,
		[LWSHUMETH_OPTIONS] = HTTP_OPTIONS, [LWSHUMETH_PUT] = HTTP_PUT,
		[LWSHUMETH_PATCH] = HTTP_PATCH,     [LWSHUMETH_DELETE] = HTTP_DELETE,
		[LWSHUMETH_CONNECT] = -1,           [LWSHUMETH_HEAD] = HTTP_HEAD,
	};
	return lws_method >= 0 && lws_method <= LWSHUMETH_HEAD ? methods[lws_method] : -1;
}

static bool is_printable(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static void take_peer(struct connection *connection)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	if (getpeername(lws_get_socket_fd(connection->wsi), (struct sockaddr *)&peer, &size) == 0)
		address_from_sockaddr(&connection->request.peer, (struct sockaddr *)&peer);
	connection->request.is_tls = lws_is_ssl(connection->wsi);
}

/* Fills the request but for its body. Negative: a header does not fit, or the path is no text. */
static int take_request(struct connection *connection, const char *path, size_t len)
{
	struct http_request *request = &connection->request;
	request_clear(connection);
	take_peer(connection);
	char *copy = g_strndup(path, len);
	g_ptr_array_add(connection->strings, copy);
	request->path = copy;
	request->query = take_header(connection, WSI_TOKEN_HTTP_URI_ARGS);
	request->authorization = take_header(connection, WSI_TOKEN_HTTP_AUTHORIZATION);
	request->content_type = take_header(connection, WSI_TOKEN_HTTP_CONTENT_TYPE);
	request->accept = take_header(connection, WSI_TOKEN_HTTP_ACCEPT);
	request->if_match = take_header(connection, WSI_TOKEN_HTTP_IF_MATCH);
	request->origin = take_header(connection, WSI_TOKEN_ORIGIN);
	request->host = take_header(connection, WSI_TOKEN_HOST);
	if (!request->query || !request->authorization || !request->content_type ||
	    !request->accept || !request->if_match || !request->origin || !request->host)
		return -E2BIG;
	return strlen(copy) == len && is_printable(copy) ? 0 : -EINVAL;
}

static int dispatch(struct connection *connection)
{
	struct server *server = connection->server;
	struct http_response response = {0};
	g_byte_array_append(connection->body, (const uint8_t *)"", 1);
	connection->request.body = (const char *)connection->body->data;
	connection->request.body_bytes = connection->body->len - 1;
	lws_set_timer_usecs(connection->wsi, LWS_SET_TIMER_USEC_CANCEL);
	server->config.on_request(server->config.context, &connection->request, &response);
	int rc = answer(connection, &response);
	response_clear(&response);
	return rc;
}

/* The length a request says its body has: 0 when it says none, -1 when it is no number. */
static int64_t body_length(struct connection *connection)
{
	const char *text = take_header(connection, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	if (!text || text[0] == '\0')
		return text ? 0 : -1;
	if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 15)
		return -1;
	return strtoll(text, NULL, 10);
}

static int on_http(struct connection *connection, const char *path, size_t len)
{
	struct server *server = connection->server;
	char *uri;
	int uri_len;
	server->counters.requests++;
	connection->is_answered = false;
	int method = method_of(lws_http_get_uri_and_method(connection->wsi, &uri, &uri_len));
	int rc = take_request(connection, path, len);
	int64_t length = body_length(connection);
	if (method < 0)
		return answer_early(connection, 405, "this method is not served");
	connection->request.method = (enum http_method)method;
	if (rc == -E2BIG)
		return answer_early(connection, 431, "a header is too large");
	if (rc || length < 0)
		return answer_early(connection, 400, "the path or Content-Length is malformed");
	if (lws_hdr_total_length(connection->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		return answer_early(connection, 411, "send a Content-Length");
	if ((uint64_t)length > server->config.body_bytes_max) {
		server->counters.bodies_too_large++;
		return answer_early(connection, 413, "the body is too large");
	}
	if (length == 0)
		return dispatch(connection);
	lws_set_timer_usecs(connection->wsi,
			    (lws_usec_t)server->config.request_timeout_s * LWS_USEC_PER_SEC);
	return 0;
}

static int on_body(struct connection *connection, const void *bytes, size_t size)
{
	if (connection->is_answered)
		return 0;
	if (connection->body->len + size > connection->server->config.body_bytes_max)
		return -1;
	g_byte_array_append(connection->body, bytes, (guint)size);
	return 0;
}

static int on_body_end(struct connection *connection)
{
	return connection->is_answered ? -1 : dispatch(connection);
}

/* An upgrade request: the routes decide. */
static int on_upgrade(struct connection *connection)
{
	struct server *server = connection->server;
	char path[1024];
	int len = lws_hdr_copy(connection->wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
	server->counters.requests++;
	if (len < 0 || take_request(connection, path, (size_t)len))
		return -1;
	connection->socket.is_open =
		server->config.on_socket_open(server->config.context, &connection->request,
					      &connection->socket, &connection->socket.user);
	request_clear(connection);
	if (!connection->socket.is_open) {
		lws_return_http_status(connection->wsi, 404, NULL);
		return -1;
	}
	server->counters.sockets_opened++;
	server->counters.sockets_open++;
	return 0;
}

static void end_socket(struct connection *connection)
{
	struct server *server = connection->server;
	struct server_socket *socket = &connection->socket;
	if (!socket->is_open)
		return;
	socket->is_open = false;
	server->counters.sockets_open--;
	int64_t silent_us = g_get_monotonic_time() - socket->heard_us;
	if (silent_us >=
	    (int64_t)server->config.socket_idle_s * 2 * G_USEC_PER_SEC - G_USEC_PER_SEC)
		server->counters.sockets_idle_closed++;
	server->config.on_socket_close(server->config.context, socket->user);
}

static int close_socket(struct connection *connection, uint16_t code)
{
	lws_close_reason(connection->wsi, (enum lws_close_status)code, NULL, 0);
	return -1;
}

static int on_established(struct connection *connection)
{
	connection->socket.heard_us = g_get_monotonic_time();
	lws_set_timer_usecs(connection->wsi, LWS_SET_TIMER_USEC_CANCEL);
	lws_callback_on_writable(connection->wsi);
	return 0;
}

static int on_receive(struct connection *connection, const char *bytes, size_t size)
{
	struct server_socket *socket = &connection->socket;
	socket->heard_us = g_get_monotonic_time();
	if (lws_frame_is_binary(connection->wsi))
		return close_socket(connection, CLOSE_UNACCEPTABLE);
	if (!socket->incoming)
		socket->incoming = g_byte_array_new();
	if (socket->incoming->len + size > MESSAGE_BYTES_MAX)
		return close_socket(connection, CLOSE_TOO_BIG);
	g_byte_array_append(socket->incoming, (const uint8_t *)bytes, (guint)size);
	if (!lws_is_final_fragment(connection->wsi) ||
	    lws_remaining_packet_payload(connection->wsi))
		return 0;
	struct server *server = connection->server;
	server->config.on_socket_message(server->config.context, socket->user,
					 (const char *)socket->incoming->data,
					 socket->incoming->len);
	g_byte_array_set_size(socket->incoming, 0);
	return 0;
}

static int on_socket_writable(struct connection *connection)
{
	struct server_socket *socket = &connection->socket;
	GByteArray *message = g_queue_pop_head(&socket->queue);
	if (message) {
		int n = lws_write(connection->wsi, message->data + LWS_PRE, message->len - LWS_PRE,
				  LWS_WRITE_TEXT);
		g_byte_array_unref(message);
		if (n < 0)
			return -1;
	} else if (socket->close_code) {
		return close_socket(connection, socket->close_code);
	}
	if (!g_queue_is_empty(&socket->queue) || socket->close_code)
		lws_callback_on_writable(connection->wsi);
	return 0;
}

void server_socket_send(struct server_socket *socket, const char *text, size_t size)
{
	static const uint8_t room[LWS_PRE];
	struct connection *connection = socket->connection;
	if (socket->close_code)
		return;
	if (g_queue_get_length(&socket->queue) == SOCKET_QUEUE_MAX) {
		connection->server->counters.socket_overflows++;
		g_queue_clear_full(&socket->queue, (GDestroyNotify)g_byte_array_unref);
		server_socket_close(socket, CLOSE_TRY_LATER);
		return;
	}
	GByteArray *message = g_byte_array_sized_new((guint)(LWS_PRE + size));
	g_byte_array_append(message, room, LWS_PRE);
	g_byte_array_append(message, (const uint8_t *)text, (guint)size);
	g_queue_push_tail(&socket->queue, message);
	lws_callback_on_writable(connection->wsi);
}

void server_socket_close(struct server_socket *socket, uint16_t code)
{
	socket->close_code = code;
	lws_callback_on_writable(socket->connection->wsi);
}

static struct connection *connection_create(struct server *server, struct lws *wsi)
{
	struct connection *connection = g_new0(struct connection, 1);
	connection->server = server;
	connection->wsi = wsi;
	connection->socket.connection = connection;
	connection->strings = g_ptr_array_new_with_free_func(g_free);
	connection->body = g_byte_array_new();
	g_queue_init(&connection->socket.queue);
	server->counters.connections++;
	server->counters.connections_open++;
	return connection;
}

static void connection_destroy(struct connection *connection)
{
	end_socket(connection);
	connection->server->counters.connections_open--;
	g_queue_clear_full(&connection->socket.queue, (GDestroyNotify)g_byte_array_unref);
	if (connection->socket.incoming)
		g_byte_array_unref(connection->socket.incoming);
	if (connection->answer)
		g_byte_array_unref(connection->answer);
	g_byte_array_unref(connection->body);
	g_ptr_array_unref(connection->strings);
	g_free(connection);
}

static int on_connection(struct server *server, struct lws *wsi)
{
	struct connection *connection = connection_create(server, wsi);
	lws_set_opaque_user_data(wsi, connection);
	lws_set_timer_usecs(wsi, (lws_usec_t)server->config.request_timeout_s * LWS_USEC_PER_SEC);
	return 0;
}

static int on_timeout(struct connection *connection)
{
	connection->server->counters.timeouts++;
	return -1;
}

/* Callbacks of a connection that is known. */
static int on_connection_event(struct connection *connection, enum lws_callback_reasons reason,
			       void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_http(connection, in, len);
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(connection, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return on_body_end(connection);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return write_answer(connection);
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return on_upgrade(connection);
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(connection);
	case LWS_CALLBACK_RECEIVE:
		return on_receive(connection, in, len);
	case LWS_CALLBACK_RECEIVE_PONG:
		connection->socket.heard_us = g_get_monotonic_time();
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_socket_writable(connection);
	case LWS_CALLBACK_CLOSED:
		end_socket(connection);
		return 0;
	case LWS_CALLBACK_TIMER:
		return on_timeout(connection);
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(connection->wsi, NULL);
		connection_destroy(connection);
		return 0;
	default:
		return 0;
	}
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t len)
{
	struct server *server = lws_context_user(lws_get_context(wsi));
	struct connection *connection = lws_get_opaque_user_data(wsi);
	(void)user;
	if (reason == LWS_CALLBACK_FILTER_NETWORK_CONNECTION) {
		bool is_full = server->counters.connections_open >= server->config.connections_max;
		server->counters.refused_connections += is_full;
		return is_full;
	}
	if (reason == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED)
		return on_connection(server, wsi);
	if (connection)
		return on_connection_event(connection, reason, in, len);
	return 0;
}

static const struct lws_protocols protocols[] = {
	{.name = "nn5g", .callback = on_event, .rx_buffer_size = 4096},
	{0},
};

static void on_lws_log(int level, const char *line)
{
	char text[256];
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
	if (level & LLL_ERR)
		log_error(LOG_SERVER, "libwebsockets", "\"text\":\"%s\"", log_escape(text));
	else
		log_warn(LOG_SERVER, "libwebsockets", "\"text\":\"%s\"", log_escape(text));
}

/* Listens on one address. Negative errno, logged. */
static int listen_on(struct server *server, const char *address, uint16_t port, bool is_tls,
		     uint16_t *bound)
{
	struct lws_context_creation_info info = {
		.port = port,
		.iface = strcmp(address, "::") == 0 || strcmp(address, "0.0.0.0") == 0 ? NULL
										       : address,
		.vhost_name = address,
		.protocols = protocols,
		.keepalive_timeout = 15,
		.timeout_secs = server->config.request_timeout_s,
		.retry_and_idle_policy = &server->idle,
		.alpn = "http/1.1",
	};
	/* Without it libwebsockets binds an IPv4 address as the IPv6 wildcard. */
	if (!strchr(address, ':'))
		info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
	if (is_tls) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = server->config.certificate_file;
		info.ssl_private_key_filepath = server->config.key_file;
		info.ssl_options_set =
			(long)(SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
	}
	struct lws_vhost *vhost = lws_create_vhost(server->context, &info);
	if (!vhost) {
		log_error(LOG_SERVER, "cannot listen", "\"address\":\"%s\",\"port\":%u,\"tls\":%s",
			  address, port, is_tls ? "true" : "false");
		return -EADDRINUSE;
	}
	*bound = (uint16_t)lws_get_vhost_listen_port(vhost);
	return 0;
}

static int listen_all(struct server *server)
{
	const struct server_config *config = &server->config;
	int rc = 0;
	if (config->http_address)
		rc = listen_on(server, config->http_address, config->http_port, false,
			       &server->http_port);
	/* A machine without IPv6 has no ::1; that is no fault. */
	if (rc == 0 && config->http_address && strcmp(config->http_address, "127.0.0.1") == 0) {
		uint16_t ignored;
		listen_on(server, "::1", server->http_port, false, &ignored);
	}
	if (rc == 0 && config->https_address && config->certificate_file && config->key_file)
		rc = listen_on(server, config->https_address, config->https_port, true,
			       &server->https_port);
	return rc;
}

int server_start(const struct server_config *config, struct server **out)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->config = *config;
	server->idle.secs_since_valid_ping = (uint16_t)config->socket_idle_s;
	server->idle.secs_since_valid_hangup = (uint16_t)(config->socket_idle_s * 2);
	server->loop = g_main_loop_new(NULL, FALSE);
	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	void *loops[] = {server->loop};
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_GLIB | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.port = CONTEXT_PORT_NO_LISTEN,
		.foreign_loops = loops,
		.user = server,
		.max_http_header_data = HEADER_BYTES_MAX,
		.pt_serv_buf_size = HEADER_BYTES_MAX,
		.server_string = "nn5g",
	};
	server->context = lws_create_context(&info);
	int rc = server->context ? listen_all(server) : -ENOMEM;
	if (rc) {
		server_stop(server);
		return rc;
	}
	*out = server;
	return 0;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	if (server->context)
		lws_context_destroy(server->context);
	while (g_main_context_iteration(NULL, FALSE))
		;
	g_main_loop_unref(server->loop);
	free(server);
}

uint16_t server_http_port(const struct server *server)
{
	return server->http_port;
}

uint16_t server_https_port(const struct server *server)
{
	return server->https_port;
}

int server_reload_certificate(struct server *server)
{
	const struct server_config *config = &server->config;
	if (!server->https_port)
		return 0;
	if (lws_tls_cert_updated(server->context, config->certificate_file, config->key_file, NULL,
				 0, NULL, 0)) {
		log_error(LOG_SERVER, "the certificate stays as it was", "\"file\":\"%s\"",
			  log_escape(config->certificate_file));
		return -EINVAL;
	}
	return 0;
}

const struct server_counters *server_counters(const struct server *server)
{
	return &server->counters;
}
