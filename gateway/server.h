/* HTTP(S) and WebSocket server on the GLib loop. The only file that knows libwebsockets. It gathers
 * a request, asks the route's function, and sends what that left in the response. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qos/address.h"

#define SERVER_HEADERS_MAX 24

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_METHODS
};

struct http_request {
	enum http_method method;
	const char *path;  /* percent-decoded, no query; borrowed like all below, valid during the
			      call */
	const char *query; /* "" when none */
	/* Header values, "" when absent. */
	const char *authorization, *content_type, *accept, *if_match, *origin, *host;
	const char *body; /* NUL-terminated for convenience; may hold NULs */
	size_t body_bytes;
	struct address peer;
	bool is_tls;
};

struct http_response {
	int status;
	const char *content_type; /* static string; NULL = no body */
	char *body;               /* malloc'ed by the route, freed by the server; NULL = none */
	size_t body_bytes;
	struct {
		const char *name; /* static string, lower case, no colon */
		char *value;      /* malloc'ed, freed by the server */
	} headers[SERVER_HEADERS_MAX];
	unsigned int n_headers;
};

/* Adds a header (printf). -ENOSPC past SERVER_HEADERS_MAX, -EINVAL when the value holds a control
 * character. */
int http_header(struct http_response *response, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Sets status and body (printf'ed, or copied). */
void http_text(struct http_response *response, int status, const char *content_type,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));
void http_bytes(struct http_response *response, int status, const char *content_type,
		const void *body, size_t size);

struct server;
struct server_socket; /* one WebSocket */

struct server_config {
	const char *http_address;  /* IP to bind, "127.0.0.1" by default; also bound on ::1 when it
				      is 127.0.0.1. NULL = none */
	uint16_t http_port;        /* 0 = pick one */
	const char *https_address; /* "::" by default (both families); NULL = none */
	uint16_t https_port;
	const char *certificate_file, *key_file; /* PEM; HTTPS is served once both are set */
	size_t body_bytes_max;                   /* larger bodies: 413 */
	unsigned int connections_max;
	unsigned int request_timeout_s; /* to receive a whole request */
	unsigned int socket_idle_s; /* WebSocket: ping after this, close when unanswered for as long
				       again */
	/* Every request; fills `response` before it returns. */
	void (*on_request)(void *context, const struct http_request *request,
			   struct http_response *response);
	/* A WebSocket upgrade: return true to accept, with *user kept for the calls below. */
	bool (*on_socket_open)(void *context, const struct http_request *request,
			       struct server_socket *socket, void **user);
	void (*on_socket_message)(void *context, void *user, const char *text, size_t size);
	void (*on_socket_close)(void *context, void *user);
	void *context;
};

struct server_counters {
	uint64_t requests, connections, bodies_too_large, refused_connections, timeouts,
		sockets_opened, sockets_idle_closed, socket_overflows;
	uint64_t responses_by_class[6]; /* index = status / 100 */
	unsigned int connections_open, sockets_open;
};

/* Starts listening on the default GMainContext. Negative errno, logged with the address. */
int server_start(const struct server_config *config, struct server **out);
void server_stop(struct server *server);
uint16_t server_http_port(const struct server *server);
uint16_t server_https_port(const struct server *server); /* 0 = not serving */
/* Reads certificate and key again (SIGHUP). The old ones stay when the new are bad: negative errno,
 * logged. */
int server_reload_certificate(struct server *server);
const struct server_counters *server_counters(const struct server *server);

/* Queues a text message; the socket is closed when its queue (64 messages) is full. Copies. */
void server_socket_send(struct server_socket *socket, const char *text, size_t size);
/* Closes after what is queued was sent, with a WebSocket close code. on_socket_close follows. */
void server_socket_close(struct server_socket *socket, uint16_t code);
