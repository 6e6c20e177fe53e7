/* A small HTTP/1.1 client that keeps its connections: any number of threads, each request on a
 * connection of its own that goes back to the idle ones afterwards. It waits for the reply, or
 * says what to wait for. What a server says is read by a parser that is on its own (and fuzzed). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HTTP_REPLY_MAX (1u << 20)

struct http_client;
struct http_call; /* a request under way; one thread at a time */

/* Of a server by name or number (IPv6 without brackets) and port; nothing is sent yet. NULL: no
 * memory. */
struct http_client *http_client_create(const char *host, const char *port);
/* Where its sockets are made: as socket(2), with the negative errno as its result. Before the first
 * request; by itself it makes them in the calling thread's network namespace. */
void http_client_set_socket(struct http_client *client,
			    int (*make)(void *context, int family, int type), void *context);
/* No request may be under way. Takes NULL. */
void http_client_destroy(struct http_client *client);

struct http_request { /* all borrowed */
	const char *method, *path;
	const char *type, *body;  /* of the content; NULL: there is none */
	const char *token;        /* bearer; NULL: none */
	unsigned int patience_ms; /* of http_exchange(), for the next bytes; 0: 10 s */
};

struct http_reply {
	int status;
	char *text;       /* malloc'ed, the header lines and then, behind a NUL, the body */
	const char *body; /* within text; NUL-terminated, too */
	size_t body_size;
};

/* Sends, waits, and reads the reply whole. 0 whatever its status; *reply is then the caller's to
 * free. Or a negative errno: -EBADMSG when it is no HTTP, -EMSGSIZE when it is too long. A kept
 * connection that the server closed meanwhile is replaced. */
int http_exchange(struct http_client *client, const struct http_request *request,
		  struct http_reply *reply);
void http_reply_free(struct http_reply *reply);

/* The same for who cannot wait: sends the request (waiting for no more than the server's kernel,
 * when it takes a new connection). *call ends with http_call_advance(), or by being cancelled. */
int http_begin(struct http_client *client, const struct http_request *request,
	       struct http_call **call);
/* What becomes readable when there is more to read; may be another one after each advance. */
int http_call_fd(const struct http_call *call);
/* Reads what is there. -EAGAIN: not all yet. Else the call has ended, with a result as
 * http_exchange(): patience is the caller's. */
int http_call_advance(struct http_call *call, struct http_reply *reply);
/* Gives it up, and the connection with it. Takes NULL. */
void http_call_cancel(struct http_call *call);

/* The value of a header line, without the spaces around it; false when there is none of that name
 * or it has no room. */
bool http_reply_header(const struct http_reply *reply, const char *name, char *out, size_t room);

/* What has come so far: RFC 9112's message of Content-Length, chunks, or up to the end. */
struct http_view {
	int status;
	size_t head_size; /* up to and with the empty line */
	size_t body_size; /* of the body, which begins there: chunks are put together in place */
	bool may_keep;    /* the connection may carry another request */
};

/* Reads `size` bytes that came, `has_ended` when there will be no more. True when the reply is
 * whole; *error is -EBADMSG when it cannot become one, else 0. Pure but for the chunks. */
bool http_reply_parse(char *bytes, size_t size, bool has_ended, struct http_view *view, int *error);
