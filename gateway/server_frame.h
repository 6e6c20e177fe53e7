/* A WebSocket's frames between libwebsockets and its socket. What is returned is for lws: nonzero
 * closes. */
#pragma once

#include <stddef.h>

struct connection;

/* A piece of a message has come. */
int frame_take(struct connection *connection, void *bytes, size_t size);
/* There is room: sends what is next, and asks for another turn if there is more. */
int frame_send(struct connection *connection);
