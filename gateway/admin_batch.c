#include "gateway/admin_batch.h"

#include <jansson.h>

#include "conf/log.h"
#include "gateway/admin_private.h"

#define RETRY_MS 1000

static void drop_oldest(struct admin_batch *batch)
{
	json_decref(g_queue_pop_head(batch->rows));
	if (batch->lost++ % 1000 == 0)
		log_warn(LOG_ADMIN, "rows for the control plane are dropped, the oldest first",
			 "\"method\":\"%s\",\"lost\":%llu", batch->kind->method,
			 (unsigned long long)batch->lost);
}

/* Back to where they came from. */
static void put_back(struct admin_batch *batch)
{
	for (size_t i = json_array_size(batch->flying); i-- > 0;)
		g_queue_push_head(batch->rows, json_incref(json_array_get(batch->flying, i)));
	while (batch->rows->length > batch->kind->queue_max)
		drop_oldest(batch);
}

static gboolean on_timer(gpointer context);

static void on_reply(void *context, const json_t *result, const struct rpc_error *error)
{
	struct admin_batch *batch = context;
	if (result) {
		batch->sent += json_array_size(batch->flying);
	} else if (error->code == RPC_INVALID_PARAMS || error->code == RPC_NO_METHOD) {
		/* It would say so for ever. */
		batch->lost += json_array_size(batch->flying);
		log_error(LOG_ADMIN, "the control plane refuses rows for good",
			  "\"method\":\"%s\",\"error\":\"%s\"", batch->kind->method,
			  log_escape(error->message));
	} else {
		put_back(batch);
	}
	json_decref(batch->flying);
	batch->flying = NULL;
	if (result || !batch->admin->has_snapshot)
		admin_batch_wake(batch);
	else
		batch->timer = g_timeout_add(RETRY_MS, on_timer, batch);
}

static gboolean on_timer(gpointer context)
{
	struct admin_batch *batch = context;
	batch->timer = 0;
	if (!batch->admin->has_snapshot || batch->rows->length == 0)
		return G_SOURCE_REMOVE;
	batch->flying = json_array();
	while (batch->rows->length > 0 && json_array_size(batch->flying) < ADMIN_BATCH_ROWS_MAX)
		json_array_append_new(batch->flying, g_queue_pop_head(batch->rows));
	admin_call(batch->admin, batch->kind->method,
		   json_pack("{s:O}", batch->kind->member, batch->flying), on_reply, batch);
	return G_SOURCE_REMOVE;
}

void admin_batch_init(struct admin_batch *batch, const struct admin_batch_kind *kind,
		      struct admin *admin)
{
	*batch = (struct admin_batch){.kind = kind, .admin = admin, .rows = g_queue_new()};
}

static void drop_row(gpointer row)
{
	json_decref(row);
}

void admin_batch_fini(struct admin_batch *batch)
{
	if (batch->timer)
		g_source_remove(batch->timer);
	if (batch->rows)
		g_queue_free_full(batch->rows, drop_row);
	*batch = (struct admin_batch){0};
}

void admin_batch_push(struct admin_batch *batch, json_t *row)
{
	if (!row) {
		batch->lost++;
		return;
	}
	if (batch->rows->length >= batch->kind->queue_max)
		drop_oldest(batch);
	g_queue_push_tail(batch->rows, row);
	admin_batch_wake(batch);
}

void admin_batch_wake(struct admin_batch *batch)
{
	if (batch->timer || batch->flying || batch->rows->length == 0 ||
	    !batch->admin->has_snapshot)
		return;
	/* A whole batch has nothing to wait for. */
	unsigned int wait_ms =
		batch->rows->length < ADMIN_BATCH_ROWS_MAX ? batch->kind->interval_ms : 0;
	batch->timer = g_timeout_add(wait_ms, on_timer, batch);
}
