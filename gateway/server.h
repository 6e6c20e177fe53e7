/* HTTP(S) and WebSocket server on the GLib loop: gathers a request, asks the route's function,
 * sends what that left in the response. HTTP/1.1, and over TLS 1.2 or newer likewise. Control
 * thread; every callback comes from the default GMainContext. What is not a request of RFC 9112,
 * too large or too slow is answered here and never seen by a route. libwebsockets is known to
 * server_wire.c only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qos/address.h"

#define SERVER_HEADERS_MAX 24 /* eight ICE servers, CORS and the session's own */
#define SERVER_DEFERRAL_S  30 /* a deferred request is answered in this time, or 503 */

enum http_method {
	HTTP_GET,
	HTTP_HEAD, /* to be answered like GET; the body is left out */
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_METHODS
};

struct connection;

struct http_request {
	enum http_method method;
	/* All texts are borrowed and valid during the call. The path is absolute, percent-decoded,
	 * valid UTF-8 without control characters; "//", "/./" and "/../" are resolved. */
	const char *path;
	const char *query; /* percent-decoded as well; "" when none */
	/* Header values, "" when absent. */
	const char *authorization, *content_type, *accept, *if_match, *origin, *host;
	const char *body; /* NUL-terminated for convenience; may hold NULs */
	size_t body_bytes;
	struct address peer;
	bool is_tls;
	struct connection *connection; /* the server's own; NULL: it cannot be deferred */
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
struct http_deferral; /* a request whose answer comes later */

/* From inside on_request only, which then leaves its response alone: the request is kept, all its
 * texts with it, until it is answered. `on_gone` runs once if the client leaves (or the server
 * stops, or SERVER_DEFERRAL_S are over) before; the deferral is dead then. NULL: no memory, or the
 * request came from no connection. */
struct http_deferral *http_defer(const struct http_request *request, void (*on_gone)(void *context),
				 void *context);
/* The request as it was; valid until it is answered. */
const struct http_request *http_deferral_request(const struct http_deferral *deferral);
/* Sends `response` (and empties it). The deferral is dead afterwards. Never from inside on_gone. */
void http_deferral_answer(struct http_deferral *deferral, struct http_response *response);

struct server_config {
	/* Addresses are copied; NULL or "" = none. 127.0.0.1 is also bound on ::1, same port. */
	const char *http_address;
	uint16_t http_port;        /* 0 = pick one */
	const char *https_address; /* "::" = both families */
	uint16_t https_port;
	const char *certificate_file, *key_file; /* PEM; HTTPS is served once both are there */
	size_t body_bytes_max;                   /* larger bodies: 413 */
	unsigned int connections_max;            /* more: 503, or closed where TLS is expected */
	unsigned int request_timeout_s;          /* to receive a whole request: 408 */
	unsigned int socket_idle_s; /* ping after this, closed when unanswered for as long again */
	/* Every request; fills `response` before it returns, or defers. */
	void (*on_request)(void *context, const struct http_request *request,
			   struct http_response *response);
	/* A WebSocket upgrade: return true to accept, with *user kept for the calls below; false is
	 * answered with 403. The socket may be sent to and closed at once. */
	bool (*on_socket_open)(void *context, const struct http_request *request,
			       struct server_socket *socket, void **user);
	/* A whole text message, NUL-terminated, of at most 64 KiB. */
	void (*on_socket_message)(void *context, void *user, const char *text, size_t size);
	/* Once for every accepted socket, which is gone afterwards; never from inside the two
	 * functions below. */
	void (*on_socket_close)(void *context, void *user);
	void *context;
};

/* Of the server's life, but for the last two. */
struct server_counters {
	uint64_t requests; /* heads that were read, also those refused */
	uint64_t connections, bodies_too_large, refused_connections;
	uint64_t timeouts; /* requests that did not come, or responses not taken, in time */
	uint64_t deferred, deferred_gone; /* answered later; never, as the client had left */
	uint64_t sockets_opened, sockets_idle_closed, socket_overflows;
	uint64_t responses_by_class[6]; /* index = status / 100 */
	unsigned int connections_open, sockets_open;
};

/* Starts listening on the default GMainContext. Negative errno, logged with address and port. A
 * certificate that is not there is no error (HTTPS is not served), one that cannot be used is. */
int server_start(const struct server_config *config, struct server **out);
/* Closes everything at once; on_socket_close is called for what was open. Must not be called while
 * the default GMainContext dispatches (that is, from inside any callback of its sources). NULL. */
void server_stop(struct server *server);
uint16_t server_http_port(const struct server *server);
uint16_t server_https_port(const struct server *server); /* 0 = not serving */
/* Reads certificate and key again (SIGHUP): new connections see them, established ones live on.
 * Starts to serve HTTPS when that had no certificate yet. The old ones stay when the new are
 * missing or bad: negative errno, logged. */
int server_reload_certificate(struct server *server);
/* What its connections and their requests take, without what the libraries keep for them. */
size_t server_bytes(const struct server *server);
const struct server_counters *server_counters(const struct server *server);

/* Queues a text message (valid UTF-8); copies. A full queue (64 messages) closes the socket with
 * 1013 and counts. */
void server_socket_send(struct server_socket *socket, const char *text, size_t size);
/* Closes after what is queued was sent, in 5 s at the latest, with a WebSocket close code.
 * on_socket_close follows, later. */
void server_socket_close(struct server_socket *socket, uint16_t code);
