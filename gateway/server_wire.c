/* libwebsockets 4.1 on the GLib loop. Sockets are accepted by our own listeners and adopted here,
 * one lws_context for plain and one for TLS connections: inside a context lws moves connections
 * between vhosts by what their Host field says.
 *
 * What must hold, because of what lws does otherwise:
 * - What it does not read stays in the kernel, and the loop spins on it. A connection that lingers
 * is therefore under rx flow control, and so is one whose request was deferred. One whose response
 * is not out yet cannot be (lws would send no more either), so connection_tick() ends those that
 * send on; wire_has_input() tells.
 * - It answers 403 by itself to bad escapes in a path and to unknown upgrades, and closes. After
 * the latter it would read a header table that it has freed, were it not stopped in on_bind().
 * - A request with a body that was pipelined behind another one is refused, and its connection
 * closed out of LWS_CALLBACK_HTTP: lws would take the head for the body, and then loop for ever.
 * - It takes WebSocket frames that are not masked (RFC 6455 5.1 would close); they do us no harm.
 * - Its timers are set far away: deadlines are the connection's own. Calls from outside its
 * callbacks end with lws_cancel_service, without which it does not look at its timers again.
 * - Without a limit it takes the process's own for its table of descriptors, which it looks through
 * from end to end for each connection that comes and goes: 20,000 entries take 14 us, a million (as
 * in many containers) most of a millisecond.
 * - What is closed is never left to lws's polite ways: wire_kill shuts the socket down first. */
#include "gateway/server_wire.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "conf/log.h"
#include "gateway/server_certificate.h"
#include "gateway/server_private.h"
#include "gateway/server_socket.h"

#define HEAD_BYTES_MAX  16384     /* a token of 8 KiB and the rest */
#define SERVICE_BYTES   16384     /* read at once */
#define SEND_BYTES      (1 << 20) /* offered to the kernel at once */
#define LWS_TIMEOUT_S   600       /* longer than any of our own */
#define SPARE_FDS       16        /* its own, beside those of connections */
#define TAKEN_ATTEMPTS  8
#define DRAIN_BYTES_MAX (256 * 1024)

static_assert(WIRE_RESERVE_BYTES >= LWS_PRE, "lws wants LWS_PRE bytes in front");

struct wire {
	struct server *server; /* parent */
	struct lws_context *context;
	struct lws_vhost *vhost; /* the context's */
	GMainLoop *loop;         /* never run; tells lws which GMainContext */
	struct connection *adopting;
};

static const enum lws_token_indexes field_tokens[HTTP_FIELDS] = {
	[HTTP_AUTHORIZATION] = WSI_TOKEN_HTTP_AUTHORIZATION,
	[HTTP_CONTENT_TYPE] = WSI_TOKEN_HTTP_CONTENT_TYPE,
	[HTTP_ACCEPT] = WSI_TOKEN_HTTP_ACCEPT,
	[HTTP_IF_MATCH] = WSI_TOKEN_HTTP_IF_MATCH,
	[HTTP_ORIGIN] = WSI_TOKEN_ORIGIN,
	[HTTP_HOST] = WSI_TOKEN_HOST,
	[HTTP_CONNECTION] = WSI_TOKEN_CONNECTION,
	[HTTP_CONTENT_LENGTH] = WSI_TOKEN_HTTP_CONTENT_LENGTH,
	[HTTP_TRANSFER_ENCODING] = WSI_TOKEN_HTTP_TRANSFER_ENCODING,
	[HTTP_EXPECT] = WSI_TOKEN_HTTP_EXPECT,
	[HTTP_UPGRADE] = WSI_TOKEN_UPGRADE,
	[HTTP_SOCKET_VERSION] = WSI_TOKEN_VERSION,
	[HTTP_SOCKET_KEY] = WSI_TOKEN_KEY,
	[HTTP_SOCKET_PROTOCOL] = WSI_TOKEN_PROTOCOL,
};

static const enum lws_token_indexes method_tokens[HTTP_METHODS] = {
	[HTTP_GET] = WSI_TOKEN_GET_URI,         [HTTP_HEAD] = WSI_TOKEN_HEAD_URI,
	[HTTP_POST] = WSI_TOKEN_POST_URI,       [HTTP_PUT] = WSI_TOKEN_PUT_URI,
	[HTTP_PATCH] = WSI_TOKEN_PATCH_URI,     [HTTP_DELETE] = WSI_TOKEN_DELETE_URI,
	[HTTP_OPTIONS] = WSI_TOKEN_OPTIONS_URI,
};

/* Copies a field behind `*at` and moves that on. Repeated fields come joined by a comma. */
static const char *copy_field(struct lws *wsi, enum lws_token_indexes token, char **at,
			      bool *is_damaged)
{
	char *text = *at;
	int length = lws_hdr_total_length(wsi, token);
	if (length <= 0 || lws_hdr_copy(wsi, text, length + 1, token) != length)
		text[length = 0] = '\0';
	if (strlen(text) != (size_t)length)
		*is_damaged = true;
	*at += length + 1;
	return text;
}

/* The query's parts, which lws took apart at "&" and percent-decoded, with "&" between again. */
static const char *copy_query(struct lws *wsi, char **at, bool *is_damaged)
{
	char *text = *at, *end = text;
	int total = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS), length;
	for (int i = 0; end - text < total; i++) {
		length = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
		if (lws_hdr_copy_fragment(wsi, end, length + 1, WSI_TOKEN_HTTP_URI_ARGS, i) < 0)
			break;
		if (strlen(end) != (size_t)length)
			*is_damaged = true;
		end += length;
		if (end - text < total)
			*end++ = '&';
	}
	*end = '\0';
	*at = end + 1;
	/* What lws makes of an empty one. */
	if (strcmp(text, "/") == 0)
		*text = '\0';
	return text;
}

/* lws decodes the path while it reads. It cuts it at "&" and ";", and a decoded NUL is stored but
 * not counted; both show in what stands behind the path: its NUL and then the rest of the request
 * line. */
static bool is_path_whole(struct lws *wsi, enum lws_token_indexes method, const char *query,
			  const char *version)
{
	char *path;
	int length;
	size_t at;
	if (lws_http_get_uri_and_method(wsi, &path, &length) < 0 ||
	    lws_hdr_fragment_length(wsi, method, 0) != length)
		return false;
	at = (size_t)length;
	if (path[at] != '\0')
		return false;
	/* lws leaves a byte out in front of a query, and makes "/" of an empty one. */
	return path[at + 1] == version[0] || path[at + 2] == (query[0] ? query[0] : '/');
}

/* A space before the colon makes another field of it for lws, but not for everybody. */
static bool has_ambiguous_length(struct lws *wsi)
{
	static const char *const names[] = {"content-length :", "content-length\t:",
					    "transfer-encoding :", "transfer-encoding\t:"};
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (lws_hdr_custom_length(wsi, names[i], (int)strlen(names[i])) >= 0)
			return true;
	return false;
}

/* -EINVAL: no request line at all. */
static int read_head(struct lws *wsi, struct http_head *head)
{
	int n_methods = 0;
	size_t room = 0;
	*head = (struct http_head){0};
	for (int i = 0; i < HTTP_METHODS; i++) {
		if (lws_hdr_total_length(wsi, method_tokens[i]) == 0)
			continue;
		head->method = (enum http_method)i;
		n_methods++;
	}
	enum lws_token_indexes method = method_tokens[head->method];
	room += (size_t)lws_hdr_total_length(wsi, method) +
		(size_t)lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) +
		(size_t)lws_hdr_total_length(wsi, WSI_TOKEN_HTTP) + 3;
	for (int i = 0; i < HTTP_FIELDS; i++)
		room += (size_t)lws_hdr_total_length(wsi, field_tokens[i]) + 1;
	head->text = n_methods > 0 ? malloc(room) : NULL;
	if (!head->text)
		return n_methods > 0 ? -ENOMEM : -EINVAL;
	char *at = head->text;
	head->is_damaged = n_methods > 1 || has_ambiguous_length(wsi);
	head->path = copy_field(wsi, method, &at, &head->is_damaged);
	head->query = copy_query(wsi, &at, &head->is_damaged);
	head->version = copy_field(wsi, WSI_TOKEN_HTTP, &at, &head->is_damaged);
	if (!is_path_whole(wsi, method, head->query, head->version))
		head->is_damaged = true;
	for (int i = 0; i < HTTP_FIELDS; i++)
		head->fields[i] = copy_field(wsi, field_tokens[i], &at, &head->is_damaged);
	return 0;
}

/* How many bytes lws has read from the socket so far: what has arrived without what still waits.
 * UINT64_MAX when that does not hold still. */
static uint64_t taken_bytes(int fd)
{
	for (int i = 0; i < TAKEN_ATTEMPTS; i++) {
		struct tcp_info before = {0}, after = {0};
		socklen_t size = sizeof(before), same = sizeof(after);
		int waiting;
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &before, &size) ||
		    ioctl(fd, FIONREAD, &waiting) ||
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &after, &same))
			break;
		if (before.tcpi_bytes_received == after.tcpi_bytes_received)
			return before.tcpi_bytes_received - (unsigned int)waiting;
	}
	return UINT64_MAX;
}

/* Has this head come together with the request before it? Only then, as nothing is read while there
 * is something left over, was nothing read since the last response. */
static bool is_pipelined(const struct connection *connection)
{
	if (connection->n_requests == 0)
		return false;
	uint64_t taken = taken_bytes(lws_get_socket_fd(connection->wire_link));
	return taken == connection->taken_bytes || taken == UINT64_MAX ||
	       connection->taken_bytes == UINT64_MAX;
}

/* After anything that may have produced a response: waits until it is out, then goes on or closes.
 * The return value is for lws: nonzero closes. */
static int settle(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	if (connection->phase == CONNECTION_LINGER) {
		wire_linger(connection);
		return 0;
	}
	if (connection->phase == CONNECTION_ANSWERED)
		connection_on_turn(connection);
	if (connection->phase != CONNECTION_RESPONSE)
		return 0;
	if (lws_partial_buffered(wsi)) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	if (connection->has_closing_response)
		return -1;
	connection_on_sent(connection);
	connection->taken_bytes = taken_bytes(lws_get_socket_fd(wsi));
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_head(struct connection *connection)
{
	struct http_head head;
	if (connection->phase == CONNECTION_LINGER || read_head(connection->wire_link, &head) != 0)
		return -1;
	bool is_behind = is_pipelined(connection);
	connection_on_head(connection, &head);
	http_head_fini(&head);
	if (is_behind && connection->phase == CONNECTION_BODY)
		connection_refuse(connection, 400, "a request with a body cannot be pipelined");
	int result = settle(connection);
	return is_behind && connection->phase == CONNECTION_LINGER ? -1 : result;
}

static int on_upgrade(struct connection *connection)
{
	struct http_head head;
	if (connection->phase == CONNECTION_LINGER || read_head(connection->wire_link, &head) != 0)
		return -1;
	bool is_accepted = connection_on_upgrade(connection, &head);
	http_head_fini(&head);
	return is_accepted ? 0 : -1;
}

/* A new transaction may begin, unless lws ends one by itself that wanted an upgrade. */
static int on_bind(const struct connection *connection)
{
	bool wants_upgrade = lws_hdr_total_length(connection->wire_link, WSI_TOKEN_UPGRADE) > 0;
	return wants_upgrade && connection->phase != CONNECTION_SOCKET ? -1 : 0;
}

static int on_frame(struct connection *connection, void *bytes, size_t size)
{
	struct lws *wsi = connection->wire_link;
	struct socket_piece piece = {
		.bytes = bytes,
		.size = size,
		.is_binary = lws_frame_is_binary(wsi),
		.is_last = lws_is_final_fragment(wsi),
	};
	int code = socket_on_piece(connection->socket, &piece);
	if (code == 0)
		return 0;
	lws_close_reason(wsi, (enum lws_close_status)code, NULL, 0);
	return -1;
}

static int on_socket_turn(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	struct socket_message *message;
	/* Not empty: lws would not tell of the empty answer. */
	uint8_t ping[WIRE_RESERVE_BYTES + 1] = {0};
	uint16_t code;
	int written = 0;
	switch (socket_next(connection->socket, &message, &code)) {
	case SOCKET_TURN_NOTHING:
		return 0;
	case SOCKET_TURN_CLOSE:
		lws_close_reason(wsi, (enum lws_close_status)code, NULL, 0);
		return -1;
	case SOCKET_TURN_PING:
		written = lws_write(wsi, ping + WIRE_RESERVE_BYTES, 1, LWS_WRITE_PING);
		break;
	case SOCKET_TURN_MESSAGE:
		written = lws_write(wsi, message->bytes + WIRE_RESERVE_BYTES, message->size_bytes,
				    LWS_WRITE_TEXT);
		free(message);
		break;
	}
	if (socket_has_more(connection->socket))
		lws_callback_on_writable(wsi);
	return written < 0 ? -1 : 0;
}

static int on_socket_event(struct connection *connection, enum lws_callback_reasons reason,
			   void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		socket_on_established(connection->socket);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return on_frame(connection, in, size);
	case LWS_CALLBACK_RECEIVE_PONG:
		socket_on_pong(connection->socket);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_socket_turn(connection);
	default:
		return 0;
	}
}

static int on_http_event(struct connection *connection, enum lws_callback_reasons reason, void *in,
			 size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_head(connection);
	case LWS_CALLBACK_HTTP_BODY:
		connection_on_body(connection, in, size);
		return settle(connection);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		connection_on_body_end(connection);
		return settle(connection);
	case LWS_CALLBACK_HTTP_WRITEABLE:
	case LWS_CALLBACK_RAW_WRITEABLE:
		return settle(connection);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return on_upgrade(connection);
	case LWS_CALLBACK_HTTP_BIND_PROTOCOL:
		return on_bind(connection);
	case LWS_CALLBACK_RAW_RX:
		/* Where lws takes a connection whose first word is no method that it knows. */
		if (connection->phase != CONNECTION_LINGER)
			connection_refuse(connection, 501, "this method is not known");
		return 0;
	default:
		return 0;
	}
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t size)
{
	(void)user;
	if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
		struct server *server = lws_context_user(lws_get_context(wsi));
		return certificate_attach(user, &server->certificate);
	}
	struct connection *connection = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	if (!connection)
		return 0;
	connection->wire_link = wsi;
	if (reason == LWS_CALLBACK_WSI_DESTROY) {
		lws_set_opaque_user_data(wsi, NULL);
		if (connection->wire->adopting == connection)
			connection->wire->adopting = NULL;
		connection_destroy(connection);
		return 0;
	}
	if (connection->phase == CONNECTION_SOCKET)
		return on_socket_event(connection, reason, in, size);
	return on_http_event(connection, reason, in, size);
}

/* One protocol: WebSockets of clients that name none get the first. No memory per connection, lws
 * has no say in when ours is freed. */
static const struct lws_protocols protocols[] = {
	{
		.name = WIRE_PROTOCOL,
		.callback = on_event,
		.rx_buffer_size = SERVICE_BYTES,
		.tx_packet_size = SEND_BYTES,
	},
	{0},
};

/* Keeps lws's own pings away: ours count. */
static const lws_retry_bo_t no_pings = {
	.secs_since_valid_ping = UINT16_MAX - 1,
	.secs_since_valid_hangup = UINT16_MAX,
};

/* Nearly all that lws has to complain of are its clients. */
static void on_log(int level, const char *line)
{
	char text[256];
	(void)level;
	g_strlcpy(text, line, sizeof(text));
	g_strchomp(text);
	log_warn(LOG_SERVER, "libwebsockets", "\"text\":\"%s\"", log_escape(text));
}

static struct lws_context_creation_info info_of(const struct server *server, bool is_tls)
{
	return (struct lws_context_creation_info){
		.port = is_tls ? CONTEXT_PORT_NO_LISTEN_SERVER : CONTEXT_PORT_NO_LISTEN,
		.vhost_name = is_tls ? "https" : "http",
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_GLIB | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_VALIDATE_UTF8 |
			   LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG |
			   (is_tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
					     LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX
				   : 0),
		.alpn = "http/1.1",
		.user = (void *)(uintptr_t)server,
		.fd_limit_per_thread = server->config.connections_max + SPARE_FDS,
		.max_http_header_data = HEAD_BYTES_MAX,
		.max_http_header_pool2 = server->config.connections_max,
		.pt_serv_buf_size = SERVICE_BYTES,
		.timeout_secs = LWS_TIMEOUT_S,
		.timeout_secs_ah_idle = LWS_TIMEOUT_S,
		.keepalive_timeout = LWS_TIMEOUT_S,
		.retry_and_idle_policy = &no_pings,
	};
}

int wire_create(struct server *server, bool is_tls, struct wire **out)
{
	struct lws_context_creation_info info = info_of(server, is_tls);
	struct wire *wire = calloc(1, sizeof(*wire));
	if (!wire)
		return -ENOMEM;
	wire->server = server;
	wire->loop = g_main_loop_new(NULL, FALSE);
	void *loops[] = {wire->loop};
	info.foreign_loops = loops;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	wire->context = lws_create_context(&info);
	if (wire->context)
		wire->vhost = lws_create_vhost(wire->context, &info);
	if (!wire->vhost) {
		log_error(LOG_SERVER, "libwebsockets cannot start", NULL);
		wire_destroy(wire);
		return -ENOMEM;
	}
	*out = wire;
	return 0;
}

void wire_destroy(struct wire *wire)
{
	if (!wire)
		return;
	if (wire->context)
		lws_context_destroy(wire->context);
	g_main_loop_unref(wire->loop);
	free(wire);
}

void wire_adopt(struct connection *connection, int fd)
{
	struct wire *wire = connection->wire;
	const lws_adopt_desc_t socket = {
		.vh = wire->vhost,
		.type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL,
		.fd = {.sockfd = fd},
		.opaque = connection,
	};
	wire->adopting = connection;
	bool is_adopted = lws_adopt_descriptor_vhost_via_info(&socket) != NULL;
	/* lws says goodbye only to what it had begun to serve. */
	if (!is_adopted && wire->adopting)
		connection_destroy(connection);
	wire->adopting = NULL;
	lws_cancel_service(wire->context);
}

void wire_send(struct connection *connection, uint8_t *bytes, size_t size)
{
	if (lws_write(connection->wire_link, bytes, size, LWS_WRITE_HTTP_FINAL) < 0)
		connection->has_closing_response = true;
}

void wire_pause(struct connection *connection)
{
	if (!connection->is_paused)
		lws_rx_flow_control(connection->wire_link, 0);
	connection->is_paused = true;
}

void wire_resume(struct connection *connection)
{
	if (connection->is_paused)
		lws_rx_flow_control(connection->wire_link, 1);
	connection->is_paused = false;
	lws_callback_on_writable(connection->wire_link);
	lws_cancel_service(connection->wire->context);
}

bool wire_is_closed(const struct connection *connection)
{
	struct pollfd fd = {.fd = lws_get_socket_fd(connection->wire_link), .events = POLLRDHUP};
	return poll(&fd, 1, 0) > 0;
}

void wire_linger(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	if (lws_partial_buffered(wsi)) {
		lws_callback_on_writable(wsi);
		return;
	}
	wire_pause(connection);
	if (!connection->is_tls)
		shutdown(lws_get_socket_fd(wsi), SHUT_WR);
}

bool wire_has_input(const struct connection *connection)
{
	struct pollfd fd = {.fd = lws_get_socket_fd(connection->wire_link), .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

void wire_wake(struct connection *connection)
{
	lws_callback_on_writable(connection->wire_link);
}

/* Takes what the client has sent in vain, so that the kernel ends the connection without a reset.
 */
static void drain(int fd)
{
	static char nowhere[16384];
	for (size_t taken = 0; taken < DRAIN_BYTES_MAX; taken += sizeof(nowhere))
		if (recv(fd, nowhere, sizeof(nowhere), MSG_DONTWAIT) <= 0)
			return;
}

void wire_kill(struct connection *connection)
{
	struct lws_context *context = connection->wire->context;
	struct lws *wsi = connection->wire_link;
	int fd = lws_get_socket_fd(wsi);
	if (connection->phase == CONNECTION_LINGER)
		drain(fd);
	shutdown(fd, SHUT_RDWR);
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	lws_cancel_service(context);
}
