/* What a line means is decided here, once: everything after it sees requests with a method and an
 * object, or answers with a result or an error. Only text that is no JSON breaks the framing;
 * whatever else is wrong is one message's fault, and the connection lives on. */
#include "conf/rpc_message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "conf/rpc_wire.h"

static void fault(struct rpc_message *message, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void fault(struct rpc_message *message, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(message->why, sizeof(message->why), format, args);
	va_end(args);
	message->kind = RPC_FAULT;
	message->error = (struct rpc_error){.code = code, .message = message->why};
}

static bool id_is_usable(const json_t *id)
{
	return json_is_integer(id) ||
	       (json_is_string(id) && json_string_length(id) <= RPC_ID_BYTES_MAX);
}

static void read_request(struct rpc_message *message, json_t *id)
{
	json_t *method = json_object_get(message->document, "method");
	json_t *params = json_object_get(message->document, "params");
	if (id && !message->id)
		fault(message, RPC_INVALID_REQUEST,
		      "id: expected an integer, or a text of at most %d bytes", RPC_ID_BYTES_MAX);
	else if (!json_is_string(method) || json_string_length(method) == 0 ||
		 json_string_length(method) > RPC_METHOD_BYTES_MAX)
		fault(message, RPC_INVALID_REQUEST, "method: expected a text of 1 to %d bytes",
		      RPC_METHOD_BYTES_MAX);
	else if (params && !json_is_object(params))
		fault(message, RPC_INVALID_PARAMS, "params: expected an object");
	if (message->kind == RPC_FAULT)
		return;
	if (!params && json_object_set_new(message->document, "params", json_object()))
		fault(message, RPC_INTERNAL, "out of memory");
	message->kind = id ? RPC_REQUEST : RPC_NOTIFICATION;
	message->method = json_string_value(method);
	message->params = json_object_get(message->document, "params");
}

static void read_response(struct rpc_message *message, json_t *id)
{
	const json_t *result = json_object_get(message->document, "result");
	const json_t *error = json_object_get(message->document, "error");
	const json_t *code = json_object_get(error, "code");
	const json_t *text = json_object_get(error, "message");
	if (!message->id && !json_is_null(id))
		fault(message, RPC_INVALID_REQUEST, "id of an answer: expected that of a call");
	else if (!result == !error)
		fault(message, RPC_INVALID_REQUEST, "expected either result or error");
	else if (error && (!json_is_integer(code) || !json_is_string(text)))
		fault(message, RPC_INVALID_REQUEST, "error: expected a code and a message");
	if (message->kind == RPC_FAULT) {
		message->id = NULL; /* an answer is never answered under its id */
		return;
	}
	message->kind = RPC_RESPONSE;
	message->id = id;
	message->result = result;
	if (!error)
		return;
	json_int_t value = json_integer_value(code);
	message->error = (struct rpc_error){
		.code = value >= INT32_MIN && value <= INT32_MAX && value ? (int)value
									  : RPC_INTERNAL,
		.message = json_string_value(text),
		.data = json_object_get(error, "data"),
	};
}

void rpc_message_read(const char *line, size_t size, struct rpc_message *out)
{
	json_error_t error;
	*out = (struct rpc_message){0};
	out->document = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!out->document) {
		fault(out, RPC_PARSE_ERROR, "expected one JSON object a line: %.120s (byte %d)",
		      error.text, error.position);
		return;
	}
	if (json_is_array(out->document)) {
		fault(out, RPC_INVALID_REQUEST, "batches are not taken: send one message a line");
		return;
	}
	if (!json_is_object(out->document)) {
		fault(out, RPC_INVALID_REQUEST, "expected an object");
		return;
	}
	const char *version = json_string_value(json_object_get(out->document, "jsonrpc"));
	json_t *id = json_object_get(out->document, "id");
	out->id = id_is_usable(id) ? id : NULL;
	if (!version || strcmp(version, "2.0") != 0)
		fault(out, RPC_INVALID_REQUEST, "jsonrpc: expected \"2.0\"");
	else if (json_object_get(out->document, "result") ||
		 json_object_get(out->document, "error"))
		read_response(out, id);
	else
		read_request(out, id);
}

void rpc_message_fini(struct rpc_message *message)
{
	json_decref(message->document);
	message->document = NULL;
}

/* Takes over `message`. */
static struct rpc_line *line_write(json_t *message)
{
	const size_t flags = JSON_COMPACT;
	size_t size = message ? json_dumpb(message, NULL, 0, flags) : 0;
	struct rpc_line *line = NULL;
	if (size > 0 && size <= RPC_MESSAGE_BYTES_MAX)
		line = rpc_line_create(size + 1);
	if (line) {
		json_dumpb(message, line->text, size, flags);
		line->text[size] = '\n';
	}
	json_decref(message);
	return line;
}

struct rpc_line *rpc_message_call(const json_t *id, const char *method, json_t *params)
{
	return line_write(json_pack("{s:s, s:O*, s:s, s:o*}", "jsonrpc", "2.0", "id", id, "method",
				    method, "params", params));
}

struct rpc_line *rpc_message_result(const json_t *id, json_t *result)
{
	return line_write(json_pack("{s:s, s:O?, s:o}", "jsonrpc", "2.0", "id", id, "result",
				    result ? result : json_object()));
}

struct rpc_line *rpc_message_error(const json_t *id, int code, const char *text, json_t *data)
{
	return line_write(json_pack("{s:s, s:O?, s:{s:i, s:s, s:o*}}", "jsonrpc", "2.0", "id", id,
				    "error", "code", code, "message", text, "data", data));
}
