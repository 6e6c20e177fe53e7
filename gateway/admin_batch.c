#include "gateway/admin_batch.h"

#include <jansson.h>

#include "conf/log.h"
#include "gateway/admin_private.h"

#define RETRY_MS 1000

static const char *key_of(const struct admin_batch *batch, const json_t *row)
{
	return batch->by_key ? json_string_value(json_object_get(row, batch->kind->key)) : NULL;
}

/* The link of the row that waits and is about the same; NULL: there is none. */
static GList *find_same(const struct admin_batch *batch, const json_t *row)
{
	const char *key = key_of(batch, row);
	return key ? g_hash_table_lookup(batch->by_key, key) : NULL;
}

/* The key is a row's own text: a row that leaves takes it along. */
static void note_key(struct admin_batch *batch, GList *link)
{
	const char *key = key_of(batch, link->data);
	if (key)
		g_hash_table_replace(batch->by_key, (char *)(uintptr_t)key, link);
}

static json_t *pop_oldest(struct admin_batch *batch)
{
	const char *key = key_of(batch, g_queue_peek_head(batch->rows));
	if (key)
		g_hash_table_remove(batch->by_key, key);
	return g_queue_pop_head(batch->rows);
}

/* `newer` goes on about what `older` began. */
static void go_on(json_t *newer, const json_t *older)
{
	json_t *since = json_object_get(older, "since_ms");
	if (!since)
		since = json_object_get(older, "at_ms");
	if (since)
		json_object_set(newer, "since_ms", since);
}

static void drop_oldest(struct admin_batch *batch)
{
	json_decref(pop_oldest(batch));
	if (batch->lost++ % 1000 == 0)
		log_warn(LOG_ADMIN, "rows for the control plane are dropped, the oldest first",
			 "\"method\":\"%s\",\"lost\":%llu", batch->kind->method,
			 (unsigned long long)batch->lost);
}

/* Back to where they came from. */
static void put_back(struct admin_batch *batch)
{
	for (size_t i = json_array_size(batch->flying); i-- > 0;) {
		json_t *row = json_array_get(batch->flying, i);
		GList *same = find_same(batch, row);
		if (same) {
			go_on(same->data, row);
			continue;
		}
		g_queue_push_head(batch->rows, json_incref(row));
		note_key(batch, batch->rows->head);
	}
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
		json_array_append_new(batch->flying, pop_oldest(batch));
	admin_call(batch->admin, batch->kind->method,
		   json_pack("{s:O}", batch->kind->member, batch->flying), on_reply, batch);
	return G_SOURCE_REMOVE;
}

void admin_batch_init(struct admin_batch *batch, const struct admin_batch_kind *kind,
		      struct admin *admin)
{
	*batch = (struct admin_batch){.kind = kind, .admin = admin, .rows = g_queue_new()};
	if (kind->key)
		batch->by_key = g_hash_table_new(g_str_hash, g_str_equal);
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
	if (batch->by_key)
		g_hash_table_destroy(batch->by_key);
	*batch = (struct admin_batch){0};
}

void admin_batch_push(struct admin_batch *batch, json_t *row)
{
	if (!row) {
		batch->lost++;
		return;
	}
	GList *same = find_same(batch, row);
	if (same) {
		json_t *older = same->data;
		go_on(row, older);
		same->data = row;
		note_key(batch, same);
		json_decref(older);
		return;
	}
	if (batch->rows->length >= batch->kind->queue_max)
		drop_oldest(batch);
	g_queue_push_tail(batch->rows, row);
	note_key(batch, batch->rows->tail);
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
