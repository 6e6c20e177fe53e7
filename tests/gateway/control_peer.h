/* A control plane for tests: a peer on the admin socket of a node in this process, on the same main
 * loop. It keeps the calls it gets until the test answers them. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/rpc.h"
#include "tests/cunit.h"

#define PEER_PATIENCE_S 20

struct peer {
	struct rpc *rpc;
	bool is_closed;
	GQueue calls; /* struct peer_call *, oldest first */
};

struct peer_call {
	struct rpc_call *call;
	char *method;
	json_t *params;
};

/* What came back of a call. */
struct peer_answer {
	bool is_there;
	int code; /* 0: a result */
	char message[256];
	json_t *json; /* owned: the result, or the error's data */
};

static inline gboolean peer_on_alarm(gpointer context)
{
	(void)context;
	fprintf(stderr, "nothing came for %d s\n", PEER_PATIENCE_S);
	abort();
}

/* Turns the loop until `condition` holds; a test that waits in vain ends. */
#define peer_wait(condition)                                                                       \
	do {                                                                                       \
		guint alarm_ = g_timeout_add_seconds(PEER_PATIENCE_S, peer_on_alarm, NULL);        \
		while (!(condition))                                                               \
			g_main_context_iteration(NULL, TRUE);                                      \
		g_source_remove(alarm_);                                                           \
	} while (0)

static inline void peer_on_call(void *context, struct rpc_call *call, const char *method,
				json_t *params)
{
	struct peer *peer = context;
	struct peer_call *row = g_new(struct peer_call, 1);
	*row = (struct peer_call){call, g_strdup(method), json_incref(params)};
	g_queue_push_tail(&peer->calls, row);
}

static inline void peer_on_close(void *context, const char *why)
{
	struct peer *peer = context;
	(void)why;
	peer->is_closed = true;
}

static inline void peer_connect(struct peer *peer, const char *path)
{
	struct rpc_config config = {
		.on_call = peer_on_call, .on_close = peer_on_close, .context = peer};
	int fd = rpc_connect(path);
	CU_ASSERT_FATAL(fd >= 0);
	*peer = (struct peer){0};
	g_queue_init(&peer->calls);
	peer->rpc = rpc_create(fd, &config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer->rpc);
}

static inline void peer_drop_call(struct peer_call *row)
{
	g_free(row->method);
	json_decref(row->params);
	g_free(row);
}

static inline void peer_close(struct peer *peer)
{
	struct peer_call *row;
	rpc_destroy(peer->rpc);
	peer->rpc = NULL;
	while ((row = g_queue_pop_head(&peer->calls))) {
		rpc_answer(row->call, NULL); /* into the void */
		peer_drop_call(row);
	}
}

static inline void peer_on_reply(void *context, const json_t *result, const struct rpc_error *error)
{
	struct peer_answer *answer = context;
	answer->is_there = true;
	answer->code = error ? error->code : 0;
	g_strlcpy(answer->message, error ? error->message : "", sizeof(answer->message));
	answer->json = json_deep_copy(error ? error->data : result);
}

/* Takes over `params`. The answer's json is the caller's. */
static inline struct peer_answer peer_ask(struct peer *peer, const char *method, json_t *params)
{
	struct peer_answer answer = {0};
	rpc_invoke(peer->rpc, method, params, peer_on_reply, &answer);
	peer_wait(answer.is_there);
	return answer;
}

/* Asks, and frees the answer; its code. */
static inline int peer_tell(struct peer *peer, const char *method, json_t *params)
{
	struct peer_answer answer = peer_ask(peer, method, params);
	json_decref(answer.json);
	return answer.code;
}

static inline struct peer_call *peer_find_call(struct peer *peer, const char *method)
{
	for (GList *at = peer->calls.head; at; at = at->next) {
		struct peer_call *row = at->data;
		if (strcmp(row->method, method) == 0)
			return row;
	}
	return NULL;
}

/* Waits for a call and takes it: to be answered, then dropped. */
static inline struct peer_call *peer_take_call(struct peer *peer, const char *method)
{
	peer_wait(peer_find_call(peer, method));
	struct peer_call *row = peer_find_call(peer, method);
	g_queue_remove(&peer->calls, row);
	return row;
}

static inline int peer_hello(struct peer *peer)
{
	return peer_tell(peer, "hello",
			 json_pack("{s:s, s:s, s:i, s:i}", "role", "control", "version", "1", "pid",
				   1, "protocol", 1));
}
