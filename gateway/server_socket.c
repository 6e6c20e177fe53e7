/* A peer that does not read can make us hold SOCKET_QUEUE_MAX messages, no more; one that does not
 * answer costs two idle times. Whoever asks for the end of a socket, it is the wire that ends it,
 * in a turn of its own: on_socket_close never runs inside server_socket_send or
 * server_socket_close. */
#include "gateway/server_socket.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/server_private.h"
#include "gateway/server_wire.h"

#define CLOSE_GRACE_US   (5 * G_USEC_PER_SEC) /* for what is queued, and the close handshake */
#define TEXT_KEPT_BYTES  4096                 /* a larger buffer is not kept between messages */
#define TEXT_START_BYTES 512

struct server_socket {
	struct connection *connection; /* parent */
	void *user;                    /* the route's */
	bool is_open, is_established, is_closing, wants_ping, awaits_pong;
	uint16_t close_code;
	int64_t heard_us, pinged_us, close_deadline_us;
	STAILQ_HEAD(, socket_message) queue;
	unsigned int n_queued;
	char *text; /* owned; the message that is arriving */
	size_t text_bytes, text_room;
};

struct server_socket *socket_create(struct connection *connection)
{
	struct server_socket *socket = calloc(1, sizeof(*socket));
	if (!socket)
		return NULL;
	socket->connection = connection;
	STAILQ_INIT(&socket->queue);
	return socket;
}

static void drop_queue(struct server_socket *socket)
{
	struct socket_message *message;
	while ((message = STAILQ_FIRST(&socket->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&socket->queue, link);
		free(message);
	}
	socket->n_queued = 0;
}

void socket_destroy(struct server_socket *socket)
{
	if (!socket)
		return;
	const struct server_config *config = &socket->connection->server->config;
	if (socket->is_established)
		socket->connection->server->counters.sockets_open--;
	if (socket->is_open)
		config->on_socket_close(config->context, socket->user);
	drop_queue(socket);
	free(socket->text);
	free(socket);
}

bool socket_open(struct server_socket *socket, const struct http_request *request)
{
	const struct server_config *config = &socket->connection->server->config;
	if (!config->on_socket_open)
		return false;
	socket->is_open = config->on_socket_open(config->context, request, socket, &socket->user);
	return socket->is_open;
}

void socket_on_established(struct server_socket *socket)
{
	struct server_counters *counters = &socket->connection->server->counters;
	socket->is_established = true;
	socket->heard_us = g_get_monotonic_time();
	counters->sockets_opened++;
	counters->sockets_open++;
	wire_wake(socket->connection);
}

static bool make_room(struct server_socket *socket, size_t size)
{
	size_t room = socket->text_room ? socket->text_room : TEXT_START_BYTES;
	while (room < size)
		room *= 2;
	if (room == socket->text_room)
		return true;
	char *text = realloc(socket->text, room);
	if (!text)
		return false;
	socket->text = text;
	socket->text_room = room;
	return true;
}

/* The message whole, of any characters (RFC 6455 8.1). Lws looks at its pieces as they come, and
 * misses a character that an empty last one leaves unfinished. */
static bool is_utf8(const struct server_socket *socket)
{
	const char *at = socket->text, *end = socket->text + socket->text_bytes;
	while (!g_utf8_validate_len(at, (size_t)(end - at), &at)) {
		if (*at != '\0' || at == end)
			return false;
		at++; /* a NUL is a character here */
	}
	return true;
}

static void deliver(struct server_socket *socket)
{
	const struct server_config *config = &socket->connection->server->config;
	size_t size = socket->text_bytes;
	socket->text[size] = '\0';
	socket->text_bytes = 0;
	config->on_socket_message(config->context, socket->user, socket->text, size);
	if (socket->text_room > TEXT_KEPT_BYTES) {
		free(socket->text);
		socket->text = NULL;
		socket->text_room = 0;
	}
}

int socket_on_piece(struct server_socket *socket, const struct socket_piece *piece)
{
	socket->heard_us = g_get_monotonic_time();
	if (socket->is_closing)
		return 0;
	if (piece->is_binary)
		return SOCKET_CLOSE_UNSUPPORTED;
	if (piece->size > SOCKET_MESSAGE_BYTES_MAX - socket->text_bytes)
		return SOCKET_CLOSE_TOO_BIG;
	if (!make_room(socket, socket->text_bytes + piece->size + 1))
		return SOCKET_CLOSE_TRY_LATER;
	if (piece->size > 0)
		memcpy(socket->text + socket->text_bytes, piece->bytes, piece->size);
	socket->text_bytes += piece->size;
	if (!piece->is_last)
		return 0;
	if (!is_utf8(socket))
		return SOCKET_CLOSE_NOT_UTF8;
	deliver(socket);
	return 0;
}

void socket_on_pong(struct server_socket *socket)
{
	socket->heard_us = g_get_monotonic_time();
	socket->awaits_pong = false;
}

enum socket_turn socket_next(struct server_socket *socket, struct socket_message **message,
			     uint16_t *code)
{
	struct socket_message *first = STAILQ_FIRST(&socket->queue);
	if (first) {
		STAILQ_REMOVE_HEAD(&socket->queue, link);
		socket->n_queued--;
		*message = first;
		return SOCKET_TURN_MESSAGE;
	}
	if (socket->is_closing) {
		*code = socket->close_code;
		return SOCKET_TURN_CLOSE;
	}
	if (!socket->wants_ping)
		return SOCKET_TURN_NOTHING;
	socket->wants_ping = false;
	return SOCKET_TURN_PING;
}

bool socket_has_more(const struct server_socket *socket)
{
	return !STAILQ_EMPTY(&socket->queue) || socket->is_closing || socket->wants_ping;
}

bool socket_tick(struct server_socket *socket, int64_t now_us)
{
	struct server *server = socket->connection->server;
	int64_t idle_us = (int64_t)server->config.socket_idle_s * G_USEC_PER_SEC;
	if (socket->is_closing)
		return now_us < socket->close_deadline_us;
	if (socket->heard_us > socket->pinged_us)
		socket->awaits_pong = false;
	if (socket->awaits_pong && now_us - socket->pinged_us >= idle_us) {
		server->counters.sockets_idle_closed++;
		return false;
	}
	if (!socket->awaits_pong && now_us - socket->heard_us >= idle_us) {
		socket->wants_ping = socket->awaits_pong = true;
		socket->pinged_us = now_us;
		wire_wake(socket->connection);
	}
	return true;
}

void server_socket_close(struct server_socket *socket, uint16_t code)
{
	if (socket->is_closing)
		return;
	socket->is_closing = true;
	socket->close_code = code;
	socket->close_deadline_us = g_get_monotonic_time() + CLOSE_GRACE_US;
	if (socket->is_established)
		wire_wake(socket->connection);
}

void server_socket_send(struct server_socket *socket, const char *text, size_t size)
{
	if (socket->is_closing)
		return;
	if (socket->n_queued == SOCKET_QUEUE_MAX) {
		socket->connection->server->counters.socket_overflows++;
		drop_queue(socket);
		server_socket_close(socket, SOCKET_CLOSE_TRY_LATER);
		return;
	}
	struct socket_message *message =
		malloc(sizeof(*message) + WIRE_RESERVE_BYTES + (size ? size : 1));
	if (!message) {
		server_socket_close(socket, SOCKET_CLOSE_TRY_LATER);
		return;
	}
	message->size_bytes = size;
	if (size > 0)
		memcpy(message->bytes + WIRE_RESERVE_BYTES, text, size);
	STAILQ_INSERT_TAIL(&socket->queue, message, link);
	socket->n_queued++;
	if (socket->is_established)
		wire_wake(socket->connection);
}
