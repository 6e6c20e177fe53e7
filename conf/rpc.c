/* A connection: the wire below it hands over lines, the messages in them become calls of the peer's
 * and answers to ours.
 *
 * Whatever ends a connection, the way out is one: nothing is read any more, an idle turn of the
 * loop fails our open calls with RPC_CLOSED, then tells the owner. The peer's open calls outlive
 * the connection, since whoever works on one will still answer it; they only forget where it came
 * from. Every callback may destroy the connection (but on_call may not), so each holds a reference
 * while it runs. */
#include "conf/rpc.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "conf/rpc_message.h"
#include "conf/rpc_wire.h"

#define ANSWER_BYTES_MAX (1U << 20) /* unsent; the peer is not read meanwhile */
#define OPEN_CALLS_MAX   4096U      /* of the peer's */

struct rpc_call {
	TAILQ_ENTRY(rpc_call) link;
	struct rpc *rpc; /* NULL: closed since */
	json_t *id;      /* NULL: a notification */
};

/* A call of ours. */
struct asked {
	TAILQ_ENTRY(asked) link; /* in `asked` or `failed` */
	int64_t id;
	rpc_reply reply;
	void *context;
	struct rpc_error error; /* once in `failed` */
};
TAILQ_HEAD(asked_list, asked);

struct rpc {
	struct rpc_config config;
	struct rpc_wire *wire;
	GMainContext *loop; /* owned reference */
	GSource *late;      /* idle turn that works on `failed` and the end; NULL: none */
	unsigned int references;
	bool is_ended;     /* nothing is read or sent any more */
	bool is_told;      /* so is the owner */
	bool is_destroyed; /* no callback any more but RPC_CLOSED */
	char why[160];

	TAILQ_HEAD(, rpc_call) open; /* the peer's */
	unsigned int n_open;

	struct asked_list asked, failed; /* ours: waiting; to be failed */
	GHashTable *by_id;               /* of `asked` */
	int64_t last_id;

	struct rpc_counters counters;
};

static void rpc_unref(struct rpc *rpc)
{
	if (--rpc->references > 0)
		return;
	rpc_wire_destroy(rpc->wire);
	g_hash_table_unref(rpc->by_id);
	g_main_context_unref(rpc->loop);
	free(rpc);
}

/* --- Calls of ours ---------------------------------------------------------------------------- */

static void asked_reply(struct asked *asked, const json_t *result, const struct rpc_error *error)
{
	asked->reply(asked->context, result, error);
	free(asked);
}

/* Moves what waits for an answer to what failed. */
static void asked_fail_all(struct rpc *rpc)
{
	struct asked *asked;
	TAILQ_FOREACH (asked, &rpc->asked, link)
		asked->error = (struct rpc_error){.code = RPC_CLOSED,
						  .message = "the connection was closed"};
	g_hash_table_remove_all(rpc->by_id);
	TAILQ_CONCAT(&rpc->failed, &rpc->asked, link);
}

/* Tells those that are to fail now; what a reply asks anew waits for the next turn. A reply may
 * destroy the connection, and that tells the others. */
static void failed_tell(struct rpc *rpc)
{
	int64_t last_id = rpc->last_id;
	struct asked *asked;
	while ((asked = TAILQ_FIRST(&rpc->failed)) && asked->id <= last_id) {
		TAILQ_REMOVE(&rpc->failed, asked, link);
		asked_reply(asked, NULL, &asked->error);
	}
}

static gboolean on_late(gpointer user);

static void late_schedule(struct rpc *rpc)
{
	if (rpc->late || rpc->is_destroyed)
		return;
	rpc->late = g_idle_source_new();
	g_source_set_priority(rpc->late, G_PRIORITY_DEFAULT);
	g_source_set_callback(rpc->late, on_late, rpc, NULL);
	g_source_attach(rpc->late, rpc->loop);
}

static gboolean on_late(gpointer user)
{
	struct rpc *rpc = user;
	g_source_unref(rpc->late);
	rpc->late = NULL;
	rpc->references++;
	failed_tell(rpc);
	if (!TAILQ_EMPTY(&rpc->failed))
		late_schedule(rpc);
	if (rpc->is_ended && !rpc->is_told && !rpc->is_destroyed) {
		rpc->is_told = true;
		rpc->config.on_close(rpc->config.context, rpc->why);
	}
	rpc_unref(rpc);
	return G_SOURCE_REMOVE;
}

static void calls_orphan(struct rpc *rpc)
{
	struct rpc_call *call;
	while ((call = TAILQ_FIRST(&rpc->open))) {
		TAILQ_REMOVE(&rpc->open, call, link);
		call->rpc = NULL;
	}
	rpc->n_open = 0;
}

static void rpc_end(struct rpc *rpc, const char *why)
{
	if (rpc->is_ended)
		return;
	rpc->is_ended = true;
	snprintf(rpc->why, sizeof(rpc->why), "%s", why);
	rpc_wire_stop(rpc->wire);
	calls_orphan(rpc);
	asked_fail_all(rpc);
	late_schedule(rpc);
}

/* Takes over `line`. */
static void line_send(struct rpc *rpc, struct rpc_line *line)
{
	if (rpc_wire_send(rpc->wire, line))
		rpc_end(rpc, "the peer does not listen: too much is unsent");
}

void rpc_invoke(struct rpc *rpc, const char *method, json_t *params, rpc_reply reply, void *context)
{
	assert(!rpc->is_destroyed && reply);
	struct asked *asked = malloc(sizeof(*asked));
	if (!asked)
		abort(); /* as GLib does: a reply that never comes would be worse */
	*asked = (struct asked){.id = ++rpc->last_id, .reply = reply, .context = context};
	json_t *id = json_integer(asked->id);
	struct rpc_line *line = NULL;
	if (rpc->is_ended || g_hash_table_size(rpc->by_id) >= RPC_CALLS_MAX) {
		asked->error.code = rpc->is_ended ? RPC_CLOSED : RPC_UNAVAILABLE;
		asked->error.message = rpc->is_ended ? "the connection was closed"
						     : "too many calls wait for an answer";
		json_decref(params);
	} else if (!(line = rpc_message_call(id, method, params))) {
		asked->error.code = RPC_INTERNAL;
		asked->error.message = "no memory, or the call is too long to send";
	}
	json_decref(id);
	if (!line) {
		TAILQ_INSERT_TAIL(&rpc->failed, asked, link);
		late_schedule(rpc);
		return;
	}
	TAILQ_INSERT_TAIL(&rpc->asked, asked, link);
	g_hash_table_insert(rpc->by_id, &asked->id, asked);
	rpc_wire_expect(rpc->wire, true);
	line_send(rpc, line);
}

void rpc_notify(struct rpc *rpc, const char *method, json_t *params)
{
	struct rpc_line *line = NULL;
	if (rpc->is_ended)
		json_decref(params);
	else if (!(line = rpc_message_call(NULL, method, params)))
		log_error(LOG_ADMIN, "a notification is too long to send", "\"method\":\"%s\"",
			  log_escape(method));
	if (line)
		line_send(rpc, line);
}

static void on_response(struct rpc *rpc, const struct rpc_message *message)
{
	int64_t id = json_is_integer(message->id) ? json_integer_value(message->id) : 0;
	struct asked *asked = g_hash_table_lookup(rpc->by_id, &id);
	if (!asked) {
		rpc->counters.answers_unknown++;
		log_warn(LOG_ADMIN,
			 message->error.code ? "the peer complains" : "an answer to no call",
			 "\"text\":\"%s\"", log_escape(message->error.message));
		return;
	}
	g_hash_table_remove(rpc->by_id, &id);
	TAILQ_REMOVE(&rpc->asked, asked, link);
	rpc->counters.answers++;
	rpc_wire_expect(rpc->wire, g_hash_table_size(rpc->by_id) > 0);
	asked_reply(asked, message->result, message->error.code ? &message->error : NULL);
}

/* --- Calls of the peer's ---------------------------------------------------------------------- */

/* Takes over `line`, and ends the call. */
static void call_send(struct rpc_call *call, struct rpc_line *line)
{
	struct rpc *rpc = call->rpc;
	if (rpc) {
		TAILQ_REMOVE(&rpc->open, call, link);
		rpc->n_open--;
	}
	if (line && rpc && call->id) {
		line->is_answer = true;
		line_send(rpc, line);
	} else {
		free(line);
	}
	json_decref(call->id);
	free(call);
}

void rpc_answer(struct rpc_call *call, json_t *result)
{
	struct rpc_line *line = rpc_message_result(call->id, result);
	if (line)
		call_send(call, line);
	else
		rpc_fail(call, RPC_INTERNAL, "no memory, or the answer is too long to send");
}

static void call_fail(struct rpc_call *call, int code, json_t *data, const char *format,
		      va_list args)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, args);
	/* A cut in the middle of a character would be no JSON. */
	const char *end = text;
	g_utf8_validate(text, -1, &end);
	text[end - text] = '\0';
	if (call->rpc)
		call->rpc->counters.refused++;
	call_send(call, rpc_message_error(call->id, code, text, data));
}

void rpc_fail(struct rpc_call *call, enum rpc_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	call_fail(call, code, NULL, format, args);
	va_end(args);
}

void rpc_fail_with(struct rpc_call *call, enum rpc_code code, json_t *data, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	call_fail(call, code, data, format, args);
	va_end(args);
}

struct rpc *rpc_call_connection(const struct rpc_call *call)
{
	return call->rpc;
}

static void on_request(struct rpc *rpc, const struct rpc_message *message)
{
	struct rpc_call *call = malloc(sizeof(*call));
	if (!call) {
		rpc_end(rpc, "out of memory");
		return;
	}
	*call = (struct rpc_call){.rpc = rpc, .id = json_incref(message->id)};
	TAILQ_INSERT_TAIL(&rpc->open, call, link);
	rpc->counters.calls++;
	if (++rpc->n_open > OPEN_CALLS_MAX)
		rpc_fail(call, RPC_UNAVAILABLE, "%u calls of yours wait already", OPEN_CALLS_MAX);
	else
		rpc->config.on_call(rpc->config.context, call, message->method, message->params);
}

/* --- The wire's side -------------------------------------------------------------------------- */

static void on_fault(struct rpc *rpc, const json_t *id, const struct rpc_error *error)
{
	struct rpc_line *line = rpc_message_error(id, error->code, error->message, NULL);
	rpc->counters.faults++;
	if (line)
		line->is_answer = true;
	if (line)
		line_send(rpc, line);
	if (error->code == RPC_PARSE_ERROR)
		rpc_end(rpc, error->message);
}

static void on_line(void *context, char *text, size_t size)
{
	struct rpc *rpc = context;
	struct rpc_message message;
	rpc_message_read(text, size, &message);
	rpc->references++;
	switch (message.kind) {
	case RPC_REQUEST:
	case RPC_NOTIFICATION:
		on_request(rpc, &message);
		break;
	case RPC_RESPONSE:
		on_response(rpc, &message);
		break;
	case RPC_FAULT:
		on_fault(rpc, message.id, &message.error);
		break;
	}
	rpc_message_fini(&message);
	rpc_unref(rpc);
}

static void on_end(void *context, bool is_fault, const char *why)
{
	struct rpc *rpc = context;
	if (is_fault)
		on_fault(rpc, NULL, &(struct rpc_error){.code = RPC_PARSE_ERROR, .message = why});
	rpc_end(rpc, why);
}

/* --- Life ------------------------------------------------------------------------------------- */

struct rpc *rpc_create(int fd, const struct rpc_config *config)
{
	const struct rpc_wire_config wire_config = {
		.line_bytes_max = RPC_MESSAGE_BYTES_MAX,
		.queue_bytes_max = RPC_QUEUE_BYTES_MAX,
		.answer_bytes_max = ANSWER_BYTES_MAX,
		.on_line = on_line,
		.on_end = on_end,
	};
	struct rpc *rpc = calloc(1, sizeof(*rpc));
	struct rpc_wire_config with_context = wire_config;
	with_context.context = rpc;
	struct rpc_wire *wire = rpc_wire_create(fd, &with_context);
	if (!rpc || !wire) {
		rpc_wire_destroy(wire);
		free(rpc);
		return NULL;
	}
	rpc->config = *config;
	rpc->wire = wire;
	rpc->references = 1;
	rpc->loop = g_main_context_ref_thread_default();
	rpc->by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
	TAILQ_INIT(&rpc->open);
	TAILQ_INIT(&rpc->asked);
	TAILQ_INIT(&rpc->failed);
	return rpc;
}

void rpc_destroy(struct rpc *rpc)
{
	if (!rpc)
		return;
	rpc->is_destroyed = true;
	if (!rpc->is_ended) {
		rpc->is_ended = true;
		rpc_wire_stop(rpc->wire);
		calls_orphan(rpc);
		asked_fail_all(rpc);
	}
	if (rpc->late) {
		g_source_destroy(rpc->late);
		g_source_unref(rpc->late);
		rpc->late = NULL;
	}
	failed_tell(rpc);
	rpc_unref(rpc);
}

void *rpc_context(const struct rpc *rpc)
{
	return rpc->config.context;
}

const struct rpc_counters *rpc_counters(const struct rpc *rpc)
{
	return &rpc->counters;
}
