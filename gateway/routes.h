/* Which path is whose: the node's side of the HTTP server. Control thread. */
#pragma once

#include <stdbool.h>

#include "gateway/server.h"

/* Callbacks of struct server_config; `context` is the node. */
void routes_on_request(void *context, const struct http_request *request,
		       struct http_response *response);
bool routes_on_socket_open(void *context, const struct http_request *request,
			   struct server_socket *socket, void **user);
void routes_on_socket_message(void *context, void *user, const char *text, size_t size);
void routes_on_socket_close(void *context, void *user);
