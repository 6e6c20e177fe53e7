/* The wire below connections: TLS, the reading of HTTP heads and WebSocket frames, buffered
 * sending. server_wire.c is the only file that knows libwebsockets. Control thread, on the default
 * GMainContext. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#define WIRE_RESERVE_BYTES 16     /* free room in front of what is sent, for frame headers */
#define WIRE_PROTOCOL      "nn5g" /* the WebSocket sub-protocol, for clients that ask for one */

struct connection;
struct server;
struct wire;

/* One kind of connection, plain or TLS; the latter show server->certificate. Negative errno. */
int wire_create(struct server *server, bool is_tls, struct wire **out);
/* Closes and destroys all its connections at once. Not from inside a callback. Takes NULL. */
void wire_destroy(struct wire *wire);
/* Serves what is not seen otherwise; a few times a second. Not from inside a callback. Takes NULL.
 */
void wire_look(struct wire *wire);
/* Gives an accepted socket to the wire, which owns it from here on, and the connection as well: it
 * is destroyed (connection_destroy) when the socket is closed, even before this returns. */
void wire_adopt(struct connection *connection, int fd);

/* Sends `size` bytes that stand after WIRE_RESERVE_BYTES; what the kernel does not take is copied.
 */
void wire_send(struct connection *connection, uint8_t *bytes, size_t size);
/* When all is sent: half-closes where that is possible, and stops reading. */
void wire_linger(struct connection *connection);
/* Stops reading; wire_resume reads on and gives the connection a turn (connection_on_turn). */
void wire_pause(struct connection *connection);
void wire_resume(struct connection *connection);
/* Has the client closed its side? Also seen while nothing is read. */
bool wire_is_closed(const struct connection *connection);
/* Is there something to read, be it the end? */
bool wire_has_input(const struct connection *connection);
/* Asks for a turn to send a WebSocket's messages. */
void wire_wake(struct connection *connection);
/* Closes at once. The connection may be gone afterwards. */
void wire_kill(struct connection *connection);
