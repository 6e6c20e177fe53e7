/* libwebsockets 4.1 on the GLib loop. Sockets are accepted by our own listeners and adopted here,
 * one lws_context for plain and one for TLS connections: inside a context lws moves connections
 * between vhosts by what their Host field says.
 *
 * Sockets stand in a watch (server_watch.h), and lws serves those that are ready, one by one. Lws's
 * own GLib loop costs a source each, and some twenty system calls a request. What a connection
 * waits for is known here: input, or room while something is not out yet. When lws or the
 * connection wants to be told that there is room, and there is, it gets a turn: it is told so. What
 * lws may want beside (to take up what it had read too much of, to go on with a TLS handshake that
 * found no room) it gets in a look: a round of lws's own poll, which goes by its wishes. One
 * follows what may have left it with one, and one comes with the server's tick.
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
 * - After a response it reads no further head before it was told that there is room: it gets a turn
 * at once, as what it cannot send it keeps. So does a WebSocket, which may owe a close frame.
 * - Its own poll serves a connection twice that wants to close, and would lose the close frame: so
 * looks are rare, and come when all that is ready has been served.
 * - It takes WebSocket frames that are not masked (RFC 6455 5.1 would close); they do us no harm.
 * - Its timers are set far away: deadlines are the connection's own.
 * - Without a limit it takes the process's own for its table of descriptors, which it looks through
 * from end to end for each connection that comes and goes: 20,000 entries take 14 us, a million (as
 * in many containers) most of a millisecond.
 * - What is closed is never left to lws's polite ways: wire_kill shuts the socket down first. */
#include "gateway/server_wire.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "conf/log.h"
#include "gateway/server_certificate.h"
#include "gateway/server_frame.h"
#include "gateway/server_head.h"
#include "gateway/server_private.h"
#include "gateway/server_socket.h"
#include "gateway/server_tcp.h"
#include "gateway/server_watch.h"

#define HEAD_BYTES_MAX 16384     /* a token of 8 KiB and the rest */
#define SERVICE_BYTES  16384     /* read at once */
#define SEND_BYTES     (1 << 20) /* offered to the kernel at once */
#define LWS_TIMEOUT_S  600       /* longer than any of our own */
#define SPARE_FDS      16        /* its own, beside those of connections */
#define LOOKS          8         /* in one turn of the loop, as long as they lead to something */

static_assert(WIRE_RESERVE_BYTES >= LWS_PRE, "lws wants LWS_PRE bytes in front");

struct wire {
	struct server *server; /* parent */
	struct lws_context *context;
	struct lws_vhost *vhost; /* the context's */
	struct watch *watch;     /* owned */
	struct connection *adopting;
	struct connection *serving; /* whose callback was the last; NULL once it is gone */
	bool owes_turn;             /* to `serving`: its response is out */
	bool is_clear;              /* no connection had a rest before this call of lws */
	bool is_tls;
	TAILQ_HEAD(, connection) due; /* for a turn */
	uint64_t n_events;            /* callbacks */
	bool is_unfinished;           /* the last look led to something up to its end */
	guint look;                   /* source; 0: none is due */
};

/* Has this head come together with the request before it? */
static bool is_pipelined(const struct connection *connection)
{
	if (connection->n_requests == 0 || connection->rest == CONNECTION_REST_NONE)
		return false;
	if (connection->rest == CONNECTION_REST_SOME)
		return true;
	/* As nothing is read while there is something left over, it has if nothing was read since
	 * the last response. */
	uint64_t taken = tcp_taken_bytes(lws_get_socket_fd(connection->wire_link));
	return taken == connection->taken_bytes || taken == UINT64_MAX ||
	       connection->taken_bytes == UINT64_MAX;
}

static void count_rest(struct connection *connection)
{
	connection->rest = CONNECTION_REST_COUNTED;
	connection->taken_bytes = tcp_taken_bytes(lws_get_socket_fd(connection->wire_link));
}

/* The response is out. What lws has read beyond the request shows when this call is over
 * (on_ready), if nobody else had a rest before it; else it has to be counted. */
static void note_rest(struct connection *connection)
{
	if (connection->wire->is_clear)
		connection->rest = CONNECTION_REST_SOME;
	else
		count_rest(connection);
}

/* Has the watch wait for what the connection waits for. */
static void watch_for(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	bool is_behind = lws_partial_buffered(wsi);
	bool is_socket = connection->phase == CONNECTION_SOCKET;
	uint32_t events = is_behind ? EPOLLOUT : 0;
	if (!connection->is_paused && (!is_behind || is_socket))
		events |= EPOLLIN;
	if (connection->is_watched && events != connection->watched)
		watch_change(connection->wire->watch, lws_get_socket_fd(wsi), events);
	connection->watched = events;
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
	note_rest(connection);
	connection->wire->owes_turn = true;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_head(struct connection *connection)
{
	struct http_head head;
	if (connection->phase == CONNECTION_LINGER || head_read(connection->wire_link, &head) != 0)
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
	if (connection->phase == CONNECTION_LINGER || head_read(connection->wire_link, &head) != 0)
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

static int on_socket_event(struct connection *connection, enum lws_callback_reasons reason,
			   void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		socket_on_established(connection->socket);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return frame_take(connection, in, size);
	case LWS_CALLBACK_RECEIVE_PONG:
		socket_on_pong(connection->socket);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return frame_send(connection);
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

static void on_destroy(struct connection *connection)
{
	struct wire *wire = connection->wire;
	lws_set_opaque_user_data(connection->wire_link, NULL);
	if (wire->adopting == connection)
		wire->adopting = NULL;
	if (connection->is_due)
		TAILQ_REMOVE(&wire->due, connection, due);
	wire->serving = NULL;
	connection_destroy(connection);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t size)
{
	(void)user;
	int result;
	if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
		struct server *server = lws_context_user(lws_get_context(wsi));
		return certificate_attach(user, &server->certificate);
	}
	struct connection *connection = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	if (!connection)
		return 0;
	connection->wire_link = wsi;
	connection->wire->n_events++;
	if (reason == LWS_CALLBACK_WSI_DESTROY) {
		on_destroy(connection);
		return 0;
	}
	connection->wire->serving = connection;
	if (connection->phase == CONNECTION_SOCKET)
		result = on_socket_event(connection, reason, in, size);
	else
		result = on_http_event(connection, reason, in, size);
	watch_for(connection);
	return result;
}

/* Has lws read more of any connection than it has taken up yet? */
static bool has_rest(const struct wire *wire)
{
	return lws_service_adjust_timeout(wire->context, 1, 0) == 0;
}

static void serve(struct wire *wire, int fd, short events)
{
	struct lws_pollfd ready = {.fd = fd, .events = events, .revents = events};
	lws_service_fd(wire->context, &ready);
}

/* To lws a hang-up is POLLHUP, or the end of what it reads. */
static short events_of(uint32_t events)
{
	short result = 0;
	if (events & EPOLLIN)
		result |= LWS_POLLIN;
	if (events & EPOLLOUT)
		result |= LWS_POLLOUT;
	if (events & (EPOLLERR | EPOLLHUP))
		result |= LWS_POLLHUP;
	return result;
}

static void look_soon(struct wire *wire);

static void want_turn(struct connection *connection)
{
	struct wire *wire = connection->wire;
	if (!connection->is_due)
		TAILQ_INSERT_TAIL(&wire->due, connection, due);
	connection->is_due = true;
	look_soon(wire);
}

/* A connection that is behind gets its turn when there is room, from the watch. */
static void give_turn(struct wire *wire, int fd)
{
	wire->owes_turn = false;
	serve(wire, fd, LWS_POLLOUT);
	if (wire->serving && wire->owes_turn)
		serve(wire, fd, LWS_POLLOUT);
	struct connection *connection = wire->serving;
	if (connection && connection->phase == CONNECTION_SOCKET &&
	    socket_has_more(connection->socket) && !lws_partial_buffered(connection->wire_link))
		want_turn(connection);
}

/* Those that are due now. A turn may end connections, and have others become due. */
static void give_turns(struct wire *wire)
{
	struct connection *connection;
	unsigned int n = 0;
	TAILQ_FOREACH (connection, &wire->due, due)
		n++;
	for (; n > 0 && (connection = TAILQ_FIRST(&wire->due)); n--) {
		TAILQ_REMOVE(&wire->due, connection, due);
		connection->is_due = false;
		wire->serving = NULL;
		give_turn(wire, lws_get_socket_fd(connection->wire_link));
	}
}

static void on_ready(void *context, int fd, uint32_t events)
{
	struct wire *wire = context;
	wire->serving = NULL;
	wire->owes_turn = false;
	wire->is_clear = !has_rest(wire);
	serve(wire, fd, events_of(events));
	if (wire->serving && (wire->owes_turn || wire->serving->phase == CONNECTION_SOCKET))
		give_turn(wire, fd);
	struct connection *connection = wire->serving;
	if (connection && connection->rest == CONNECTION_REST_SOME) {
		if (has_rest(wire))
			count_rest(connection);
		else
			connection->rest = CONNECTION_REST_NONE;
	}
	wire->is_clear = false;
}

static void look(struct wire *wire)
{
	uint64_t n_events;
	int i = 0;
	do {
		n_events = wire->n_events;
		lws_service(wire->context, -1);
		wire->is_unfinished = n_events != wire->n_events || has_rest(wire);
	} while (++i < LOOKS && wire->is_unfinished);
	if (wire->is_unfinished)
		look_soon(wire);
}

static void on_ready_done(void *context)
{
	struct wire *wire = context;
	if (has_rest(wire))
		look(wire);
}

static gboolean on_look(gpointer data)
{
	struct wire *wire = data;
	wire->look = 0;
	give_turns(wire);
	/* Between a response and the next head, which lws may have read, it shows no rest. */
	if (wire->is_unfinished || has_rest(wire))
		look(wire);
	return G_SOURCE_REMOVE;
}

static void look_soon(struct wire *wire)
{
	if (!wire->look)
		wire->look = g_idle_add_full(G_PRIORITY_DEFAULT, on_look, wire, NULL);
}

void wire_look(struct wire *wire)
{
	if (!wire)
		return;
	watch_serve(wire->watch);
	look(wire);
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
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8 |
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

static int start(struct wire *wire)
{
	struct lws_context_creation_info info = info_of(wire->server, wire->is_tls);
	const struct watch_config config = {
		.on_ready = on_ready, .on_done = on_ready_done, .context = wire};
	int error = watch_create(&config, &wire->watch);
	if (error)
		return error;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	wire->context = lws_create_context(&info);
	if (wire->context)
		wire->vhost = lws_create_vhost(wire->context, &info);
	return wire->vhost ? 0 : -ENOMEM;
}

int wire_create(struct server *server, bool is_tls, struct wire **out)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	if (!wire)
		return -ENOMEM;
	wire->server = server;
	wire->is_tls = is_tls;
	TAILQ_INIT(&wire->due);
	int error = start(wire);
	if (error) {
		log_error(LOG_SERVER, "libwebsockets cannot start", "\"error\":\"%s\"",
			  strerror(-error));
		wire_destroy(wire);
		return error;
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
	if (wire->look)
		g_source_remove(wire->look);
	watch_destroy(wire->watch);
	free(wire);
}

static void begin_watch(struct connection *connection, int fd)
{
	watch_for(connection);
	connection->is_watched = watch_add(connection->wire->watch, fd, connection->watched) == 0;
	if (!connection->is_watched)
		wire_kill(connection);
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
	struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&socket);
	/* lws says goodbye only to what it had begun to serve. */
	if (!wsi && wire->adopting)
		connection_destroy(connection);
	wire->adopting = NULL;
	if (!wsi)
		return;
	connection->wire_link = wsi;
	begin_watch(connection, fd);
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
	watch_for(connection);
}

void wire_resume(struct connection *connection)
{
	if (connection->is_paused)
		lws_rx_flow_control(connection->wire_link, 1);
	connection->is_paused = false;
	watch_for(connection);
	want_turn(connection);
}

bool wire_is_closed(const struct connection *connection)
{
	return tcp_is_closed(lws_get_socket_fd(connection->wire_link));
}

void wire_linger(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	if (lws_partial_buffered(wsi)) {
		lws_callback_on_writable(wsi);
		watch_for(connection);
		return;
	}
	wire_pause(connection);
	if (!connection->is_tls)
		shutdown(lws_get_socket_fd(wsi), SHUT_WR);
}

bool wire_has_input(const struct connection *connection)
{
	return tcp_has_input(lws_get_socket_fd(connection->wire_link));
}

void wire_wake(struct connection *connection)
{
	want_turn(connection);
}

void wire_kill(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	int fd = lws_get_socket_fd(wsi);
	if (connection->phase == CONNECTION_LINGER)
		tcp_drain(fd);
	shutdown(fd, SHUT_RDWR);
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}
