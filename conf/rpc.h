/* JSON-RPC 2.0 over a Unix stream socket, one message a line, both sides may call. On a
 * GMainContext (the thread-default one when it is created); one thread. What a peer sends is
 * bounded in size and in number; a peer that breaks the framing is told and closed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RPC_MESSAGE_BYTES_MAX (8U << 20)  /* a snapshot of 4,096 tenants fits */
#define RPC_QUEUE_BYTES_MAX   (32U << 20) /* unsent; more closes the connection */
#define RPC_CALLS_MAX         65536       /* of ours that wait for an answer */
#define RPC_PATH_BYTES_MAX    107         /* sun_path of unix(7) */

struct json_t;
struct rpc;      /* a connection */
struct rpc_call; /* a request of the peer's that waits for its answer */

enum rpc_code { /* JSON-RPC 2.0 section 5.1, then ours */
		RPC_PARSE_ERROR = -32700,
		RPC_INVALID_REQUEST = -32600,
		RPC_NO_METHOD = -32601,
		RPC_INVALID_PARAMS = -32602,
		RPC_INTERNAL = -32603,
		RPC_DENIED = -32001, /* a gate said no; data: {"gate", "gate_name", "status",
					"retry_after_s"} */
		RPC_NOT_FOUND = -32004,
		RPC_CONFLICT = -32009, /* exists already, or in a state that does not allow it */
		RPC_REVISION_GAP = -32010, /* data: {"have"}: a snapshot is wanted */
		RPC_NO_ROOM = -32011,      /* of bandwidth or places; data: {"left"} */
		RPC_UNAVAILABLE = -32012,  /* store or control plane is away; try again */
		RPC_CLOSED = -32099        /* local only: the connection ended before the answer */
};

struct rpc_error {
	int code;
	const char *message;
	const struct json_t *data; /* borrowed; NULL: none */
};

struct rpc_config {
	/* A request, or a notification (whose answer goes nowhere). Answered exactly once, now or
	 * later, with rpc_answer or rpc_fail; `params` is an object (an empty one when absent),
	 * borrowed. May not destroy `rpc`. */
	void (*on_call)(void *context, struct rpc_call *call, const char *method,
			struct json_t *params);
	/* The peer is gone; all calls of ours have been failed with RPC_CLOSED. Called from the
	 * main loop, once; the owner destroys `rpc` in it or later. Not called by rpc_destroy. */
	void (*on_close)(void *context, const char *why);
	void *context;
};

/* Takes over `fd` (also on failure). NULL: no memory. */
struct rpc *rpc_create(int fd, const struct rpc_config *config);
/* Fails what waits with RPC_CLOSED, sends what the kernel takes at once, closes. Calls of the
 * peer's may still be answered afterwards, into the void; calls of ours may not be made, not even
 * by a reply that is told so. Takes NULL. */
void rpc_destroy(struct rpc *rpc);

/* Exactly one of `result` and `error` is given, borrowed. */
typedef void (*rpc_reply)(void *context, const struct json_t *result,
			  const struct rpc_error *error);
/* Calls the peer; takes over `params` (NULL: none). `reply` is always called, later. */
void rpc_invoke(struct rpc *rpc, const char *method, struct json_t *params, rpc_reply reply,
		void *context);
/* Without an answer. Takes over `params`. */
void rpc_notify(struct rpc *rpc, const char *method, struct json_t *params);

/* Takes over `result` (NULL: an empty object). */
void rpc_answer(struct rpc_call *call, struct json_t *result);
void rpc_fail(struct rpc_call *call, enum rpc_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes over `data`. */
void rpc_fail_with(struct rpc_call *call, enum rpc_code code, struct json_t *data,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The connection a call came on, NULL once that is closed; and what its owner gave it. */
struct rpc *rpc_call_connection(const struct rpc_call *call);
void *rpc_context(const struct rpc *rpc);

struct rpc_counters {
	uint64_t calls;           /* the peer's */
	uint64_t refused;         /* of these, answered with an error */
	uint64_t answers;         /* to calls of ours */
	uint64_t answers_unknown; /* to none of them; ignored */
	uint64_t faults;          /* lines that are no message */
};
const struct rpc_counters *rpc_counters(const struct rpc *rpc);

struct rpc_listener;
struct rpc_listener_config {
	const char *path;  /* a stale socket is replaced; one that answers is -EADDRINUSE */
	const char *group; /* group whose members may connect; NULL: only the owner and root */
	/* A peer whose credentials (SO_PEERCRED) are in order: takes over `fd`. */
	void (*on_accept)(void *context, int fd, pid_t pid, uid_t uid);
	void *context;
};
/* Mode 0600, or 0660 with the group. Negative errno, logged; a path longer than
 * RPC_PATH_BYTES_MAX is -ENAMETOOLONG. The kernel checks the mode; each peer's uid is checked
 * again: root, the owner of this process, or, by the group database, a member of the group (the
 * peer's own supplementary groups cannot be asked for). */
int rpc_listen(const struct rpc_listener_config *config, struct rpc_listener **out);
/* Closes and unlinks. Takes NULL. */
void rpc_listener_destroy(struct rpc_listener *listener);
/* Peers that were refused for their credentials. */
uint64_t rpc_listener_refused(const struct rpc_listener *listener);

/* A connected socket, or a negative errno. */
int rpc_connect(const char *path);
/* What a peer said instead of a result; `text` is malloc'ed. */
struct rpc_refusal {
	int code;
	char *text;
};
/* For programs without a loop: connects, asks, waits. 0: *result is the caller's. -EPROTO: the peer
 * said an error, and *refusal is it. Other negative errno: no answer. Takes over `params`. */
int rpc_ask(const char *path, const char *method, struct json_t *params, int timeout_ms,
	    struct json_t **result, struct rpc_refusal *refusal);
