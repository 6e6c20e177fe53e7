/* Lines over a stream socket: whole lines in, whole lines out, both bounded; knows nothing of what
 * is in them. On the GMainContext that was the thread's default at creation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct rpc_wire;

/* One outgoing line, made by rpc_line_create and owned by the wire once it is sent. */
struct rpc_line {
	struct rpc_line *next;
	size_t size;    /* with the newline */
	bool is_answer; /* unsent ones hold back reading: the peer asks faster than it listens */
	char text[];
};
struct rpc_line *rpc_line_create(size_t size); /* NULL: no memory */

struct rpc_wire_config {
	size_t line_bytes_max;   /* of a line read, without its newline */
	size_t queue_bytes_max;  /* unsent */
	size_t answer_bytes_max; /* unsent answers; reading pauses above it, see rpc_wire_expect */
	/* A line without its newline, NUL-terminated, borrowed; empty ones are skipped. May destroy
	 * the wire. */
	void (*on_line)(void *context, char *line, size_t size);
	/* Nothing more will come: the peer closed, an error, or a line too long (`is_fault`: the
	 * peer can still be told). Once; may destroy the wire. */
	void (*on_end)(void *context, bool is_fault, const char *why);
	void *context;
};

/* Takes over `fd` (also on failure). NULL: no memory. */
struct rpc_wire *rpc_wire_create(int fd, const struct rpc_wire_config *config);
/* Sends what the kernel takes at once, and closes. Takes NULL. Also from inside a callback. */
void rpc_wire_destroy(struct rpc_wire *wire);
/* Takes over `line`. Lines sent from inside on_line leave together after it. -ENOBUFS: the queue is
 * full, and the line is dropped. */
int rpc_wire_send(struct rpc_wire *wire, struct rpc_line *line);
/* While set, reading never pauses: the owner waits for something the peer has to say. */
void rpc_wire_expect(struct rpc_wire *wire, bool is_expecting);
/* Reads no more, sends what the kernel takes; no callback comes after it. */
void rpc_wire_stop(struct rpc_wire *wire);
