/* A WebSocket between the routes and the wire: puts messages together, queues what is to be sent,
 * watches that the peer is there. Control thread. */
#pragma once

#include <sys/queue.h>

#include "gateway/server_connection.h"

#define SOCKET_MESSAGE_BYTES_MAX 65536 /* to receive; more closes with 1009 */
#define SOCKET_QUEUE_MAX         64    /* messages to send; more closes with 1013 */

/* Close codes, RFC 6455 7.4.1 and the IANA registry. */
enum socket_close_code {
	SOCKET_CLOSE_NORMAL = 1000,
	SOCKET_CLOSE_UNSUPPORTED = 1003,
	SOCKET_CLOSE_NOT_UTF8 = 1007,
	SOCKET_CLOSE_TOO_BIG = 1009,
	SOCKET_CLOSE_TRY_LATER = 1013
};

struct socket_message {
	STAILQ_ENTRY(socket_message) link;
	size_t size_bytes;
	uint8_t bytes[]; /* WIRE_RESERVE_BYTES, then the text */
};

/* A piece of a message as the wire reads it. */
struct socket_piece {
	const void *bytes;
	size_t size;
	bool is_binary, is_last;
};

/* What a turn to send is used for. */
enum socket_turn { SOCKET_TURN_NOTHING, SOCKET_TURN_PING, SOCKET_TURN_MESSAGE, SOCKET_TURN_CLOSE };

struct server_socket *socket_create(struct connection *connection);
/* Tells on_socket_close when the route had accepted the socket. Takes NULL. */
void socket_destroy(struct server_socket *socket);
/* Asks the route; true = accepted. */
bool socket_open(struct server_socket *socket, const struct http_request *request);
/* The handshake is done: messages may flow. */
void socket_on_established(struct server_socket *socket);
/* 0, or the code to close with at once. Delivers a message that is complete. */
int socket_on_piece(struct server_socket *socket, const struct socket_piece *piece);
void socket_on_pong(struct server_socket *socket);
/* What comes next: a ping, `*message` (then the caller's, to free), closing with `*code`. */
enum socket_turn socket_next(struct server_socket *socket, struct socket_message **message,
			     uint16_t *code);
bool socket_has_more(const struct server_socket *socket);
/* Asks for a ping when it is time. False: the peer is gone, kill the connection. */
bool socket_tick(struct server_socket *socket, int64_t now_us);
