/* One connection of the server, as far as no library is concerned: which request it is in, what has
 * come of its body, when its time is up. The wire (server_wire.h) tells it what arrived, and it
 * tells the wire what to send. Control thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/server.h"
#include "gateway/server_http.h"

struct server_socket;
struct wire;

enum connection_phase {
	CONNECTION_HEAD,     /* of the first request; nothing complete has come yet */
	CONNECTION_BODY,     /* gathering */
	CONNECTION_DEFERRED, /* a route has it and will answer later; nothing is read meanwhile */
	CONNECTION_ANSWERED, /* it has: the answer waits for its turn on the wire */
	CONNECTION_RESPONSE, /* until the kernel has taken it all */
	CONNECTION_IDLE,     /* between requests */
	CONNECTION_SOCKET,   /* a WebSocket */
	CONNECTION_LINGER    /* refused: sends nothing more, reads nothing more, closes soon */
};

/* Of what had come when the last response was out: is there more than its request? */
enum connection_rest {
	CONNECTION_REST_COUNTED, /* there was, if no more bytes were read since */
	CONNECTION_REST_NONE,
	CONNECTION_REST_SOME /* there is, if it is asked for so soon */
};

struct connection {
	TAILQ_ENTRY(connection) link; /* in the server's list */
	struct server *server;        /* parent */
	struct wire *wire;            /* borrowed */
	void *wire_link;              /* the wire's: its own handle, NULL until adopted, */
	enum connection_rest rest;    /* what it had read too much of, */
	uint64_t taken_bytes;         /* if counted, */
	bool is_paused, is_watched;   /* whether it has stopped reading, */
	uint32_t watched;             /* what it waits for, */
	bool is_due;                  /* and whether it is to get a turn */
	TAILQ_ENTRY(connection) due;
	struct address peer;
	bool is_tls, has_closing_response;
	enum connection_phase phase;
	unsigned int n_requests;
	int64_t deadline_us; /* g_get_monotonic_time; of the phase */
	struct http_head head;
	char *body; /* owned; body_bytes of plan.body_bytes have come */
	size_t body_bytes;
	struct http_plan plan;
	struct http_deferral *deferral; /* owned; while DEFERRED */
	struct http_response answer;    /* while ANSWERED */
	struct server_socket *socket;   /* owned */
};

TAILQ_HEAD(connection_list, connection);

/* Appends itself to the server's list and counts; NULL when out of memory. */
struct connection *connection_create(struct server *server, struct wire *wire,
				     const struct address *peer);
/* The wire's last word: tells a WebSocket's owner, leaves the list, frees. Takes NULL. */
void connection_destroy(struct connection *connection);

/* A request's head has come; takes it. Afterwards the phase says what happened: BODY (more is
 * wanted), RESPONSE or LINGER. */
void connection_on_head(struct connection *connection, struct http_head *head);
/* A piece of the body, and its end. Ignored outside CONNECTION_BODY. */
void connection_on_body(struct connection *connection, const void *bytes, size_t size);
void connection_on_body_end(struct connection *connection);
/* A request to become a WebSocket; takes the head. True when the route wants it. */
bool connection_on_upgrade(struct connection *connection, struct http_head *head);
/* A turn to send: the answer of a request that was deferred. */
void connection_on_turn(struct connection *connection);
/* All of the response is out and the connection stays. */
void connection_on_sent(struct connection *connection);
/* Answers by ourselves with a problem+json body and lingers. */
void connection_refuse(struct connection *connection, int status, const char *detail);
/* Looks at the clock. The connection may be gone afterwards. */
void connection_tick(struct connection *connection, int64_t now_us);
