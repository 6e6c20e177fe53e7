/* The HTTP/1.1 rules (RFC 9112) that need no connection: is a request's head acceptable, how long
 * is its body, what does a response look like on the wire. Pure functions over plain values.
 * Control thread (any, in fact). */
#pragma once

#include "gateway/server.h"

/* Header fields that the server or the routes look at. */
enum http_field {
	HTTP_AUTHORIZATION,
	HTTP_CONTENT_TYPE,
	HTTP_ACCEPT,
	HTTP_IF_MATCH,
	HTTP_ORIGIN,
	HTTP_HOST,
	HTTP_CONNECTION,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_EXPECT,
	HTTP_UPGRADE,
	HTTP_SOCKET_VERSION, /* Sec-WebSocket-Version and so on */
	HTTP_SOCKET_KEY,
	HTTP_SOCKET_PROTOCOL,
	HTTP_FIELDS
};

/* A request's head as it was read. */
struct http_head {
	enum http_method method;
	const char *path, *query, *version; /* inside `text`; "" when absent, like all fields */
	const char *fields[HTTP_FIELDS];
	bool is_damaged; /* NULs, several request lines and the like: answer 400 */
	char *text;      /* owned */
};

/* What the head means for the connection. */
struct http_plan {
	size_t body_bytes; /* to follow the head */
	bool keep_alive;   /* by the client's wish */
	bool wants_continue;
};

void http_head_fini(struct http_head *head);
/* 0, or the status to refuse with: 400 for what RFC 9112 calls invalid or what could be read in two
 * ways (sections 3.2, 6.3), 411, 413, 417, 505. */
int http_head_check(const struct http_head *head, size_t body_bytes_max, struct http_plan *plan);
/* Checks a WebSocket handshake (RFC 6455, 4.2.1) whose head passed http_head_check. `protocol` is
 * the only sub-protocol spoken. 0, or 400, 405, 426. */
int http_upgrade_check(const struct http_head *head, const struct http_plan *plan,
		       const char *protocol);
/* Absolute, valid UTF-8, no control characters, no "." or ".." segments. */
bool http_path_is_clean(const char *path);
/* Digits only, at most 18 (RFC 9110, 8.6). -EINVAL. */
int http_length_parse(const char *text, size_t *bytes);
/* Is `token` in a comma-separated list? Case-insensitive. */
bool http_list_has(const char *list, const char *token);

const char *http_reason(int status);
/* Empties the response: frees what it owns. */
void http_response_fini(struct http_response *response);
/* Head and body in one malloc'ed block, `reserve` unused bytes in front; NULL when out of memory.
 * `size` counts without the reserve. No body for HEAD, 1xx, 204 and 304. */
uint8_t *http_response_write(const struct http_response *response, enum http_method method,
			     bool keep_alive, size_t reserve, size_t *size);
