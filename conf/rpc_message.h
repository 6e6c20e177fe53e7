/* JSON-RPC 2.0 messages: one line of bytes as what it means, and back. Any thread. */
#pragma once

#include <stddef.h>

#include "conf/rpc.h"

struct rpc_line;

#define RPC_ID_BYTES_MAX     255 /* of a peer's text id */
#define RPC_METHOD_BYTES_MAX 63

enum rpc_kind { RPC_REQUEST, RPC_NOTIFICATION, RPC_RESPONSE, RPC_FAULT };

/* All pointers are borrowed from `document`. */
struct rpc_message {
	enum rpc_kind kind;
	struct json_t *document; /* owned; NULL after a parse error */
	struct json_t *id;       /* REQUEST: integer or text; RESPONSE: the same, or null; FAULT: as
				    far as it can be known, else NULL */
	const char *method;
	struct json_t *params; /* an object */
	const struct json_t *result;
	struct rpc_error error; /* code 0: none. FAULT: what to answer; PARSE_ERROR is not the
				   peer's to make twice */
	char why[192];          /* what error.message of a FAULT points to */
};

/* Reads a line without its newline. */
void rpc_message_read(const char *line, size_t size, struct rpc_message *out);
void rpc_message_fini(struct rpc_message *message);

/* Each makes a line, NULL: no memory, or longer than RPC_MESSAGE_BYTES_MAX. They take over
 * `params`, `result` and `data`; `id` is borrowed, NULL: none (a notification), or null. */
struct rpc_line *rpc_message_call(const struct json_t *id, const char *method,
				  struct json_t *params);
struct rpc_line *rpc_message_result(const struct json_t *id, struct json_t *result);
struct rpc_line *rpc_message_error(const struct json_t *id, int code, const char *text,
				   struct json_t *data);
