/* What the store says of tenants and slices, brought to the node. The store gives every row a
 * revision that grows with each change; here is kept which one the node has, and a look sends what
 * differs. The node counts messages by a revision of this connection's own: a gap there, and any
 * new connection, is answered with a snapshot of everything. */
#include "conf/control_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"

enum kind { SLICE, TENANT, KINDS };
static const char *const kind_names[KINDS] = {"slice", "tenant"};

/* A row as the store has it now. */
struct found {
	enum kind kind;
	char id[CONTROL_TENANT_MAX + 1];
	int64_t revision;
};

/* A row as the node has it; the hash's key is its id. */
struct fed {
	int64_t revision;
	uint64_t look; /* the last that found it */
};

struct control_feed {
	struct control *control; /* parent */
	GHashTable *fed[KINDS];
	uint64_t look;
	int64_t revision;          /* of the last message */
	int64_t snapshot_revision; /* gaps in what was sent before it are mended */
	bool is_snapshot_wanted;
	unsigned int unanswered;
};

/* A message that waits for the node's answer. */
struct message {
	struct control_feed *feed;
	int64_t revision;
	bool is_snapshot;
	char what[CONTROL_TENANT_MAX + 16];
};

struct control_feed *control_feed_create(struct control *control)
{
	struct control_feed *feed = g_new0(struct control_feed, 1);
	feed->control = control;
	for (int kind = 0; kind < KINDS; kind++)
		feed->fed[kind] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	feed->is_snapshot_wanted = true;
	return feed;
}

void control_feed_destroy(struct control_feed *feed)
{
	for (int kind = 0; kind < KINDS; kind++)
		g_hash_table_unref(feed->fed[kind]);
	g_free(feed);
}

/* What the node has is not known. Messages are counted on: any number may follow a snapshot. */
void control_feed_reset(struct control_feed *feed)
{
	for (int kind = 0; kind < KINDS; kind++)
		g_hash_table_remove_all(feed->fed[kind]);
	feed->is_snapshot_wanted = true;
}

bool control_feed_is_done(const struct control_feed *feed)
{
	return !feed->is_snapshot_wanted && feed->unanswered == 0;
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void on_answer(void *context, const json_t *result, const struct rpc_error *error)
{
	struct message *message = context;
	struct control_feed *feed = message->feed;
	feed->unanswered--;
	if (error && error->code == RPC_CLOSED) {
		g_free(message);
		return;
	}
	if (error && error->code == RPC_REVISION_GAP) {
		if (message->revision > feed->snapshot_revision) {
			feed->is_snapshot_wanted = true;
			control_look_soon(feed->control);
		}
	} else if (error) {
		log_error(LOG_ADMIN, "the node does not take a change",
			  "\"what\":\"%s\",\"cause\":\"%s\"", log_escape(message->what),
			  log_escape(error->message));
		/* A snapshot that failed is sent again with a later look; nothing hurries. */
		feed->is_snapshot_wanted |= message->is_snapshot;
	} else if (message->is_snapshot) {
		log_info(LOG_ADMIN, "the node is fed",
			 "\"slices\":%u,\"tenants\":%u,\"refused\":%zu",
			 g_hash_table_size(feed->fed[SLICE]), g_hash_table_size(feed->fed[TENANT]),
			 json_array_size(json_object_get(result, "refused")));
	}
	g_free(message);
}

/* Takes over `params`, and numbers them. */
static void feed_send(struct control_feed *feed, const char *method, const char *id, json_t *params)
{
	struct message *message = g_new0(struct message, 1);
	json_object_set_new(params, "revision", json_integer(++feed->revision));
	message->feed = feed;
	message->revision = feed->revision;
	message->is_snapshot = *id == '\0';
	g_snprintf(message->what, sizeof(message->what), "%s %s", method, id);
	feed->unanswered++;
	rpc_invoke(feed->control->node, method, params, on_answer, message);
}

/* 0; -ENOENT: it went since; -EINVAL: it makes no sense (logged), the node keeps what it has. */
static int document_read(struct control_feed *feed, const struct found *found, json_t **out)
{
	int rc = found->kind == TENANT ? store_tenant_document(feed->control->store, found->id, out)
				       : store_slice_document(feed->control->store, found->id, out);
	if (rc && rc != -ENOENT && rc != -EINVAL)
		control_store_did(feed->control, rc, kind_names[found->kind]);
	return rc;
}

static struct fed *fed_of(struct control_feed *feed, const struct found *found)
{
	struct fed *fed = g_hash_table_lookup(feed->fed[found->kind], found->id);
	if (!fed) {
		fed = g_new0(struct fed, 1);
		fed->revision = -1;
		g_hash_table_insert(feed->fed[found->kind], g_strdup(found->id), fed);
	}
	fed->look = feed->look;
	return fed;
}

/* False: the store went away. */
static bool row_put(struct control_feed *feed, const struct found *found)
{
	const struct fed *known = g_hash_table_lookup(feed->fed[found->kind], found->id);
	json_t *document = NULL;
	if (known && known->revision == found->revision) {
		fed_of(feed, found);
		return true;
	}
	int rc = document_read(feed, found, &document);
	if (rc == -ENOENT)
		return true;
	if (rc && rc != -EINVAL)
		return false;
	fed_of(feed, found)->revision = found->revision;
	if (!document)
		return true;
	feed_send(feed, found->kind == TENANT ? "tenant.put" : "slice.put", found->id,
		  json_pack("{s:o}", kind_names[found->kind], document));
	if (found->kind == TENANT)
		control_quota_check(feed->control->quota, found->id);
	return feed->control->store_is_up;
}

static void gone_remove(struct control_feed *feed, enum kind kind)
{
	GHashTableIter rows;
	void *id, *fed;
	g_hash_table_iter_init(&rows, feed->fed[kind]);
	while (g_hash_table_iter_next(&rows, &id, &fed)) {
		if (((struct fed *)fed)->look == feed->look)
			continue;
		feed_send(feed, kind == TENANT ? "tenant.remove" : "slice.remove", id,
			  json_pack("{s:s}", "id", id));
		g_hash_table_iter_remove(&rows);
	}
}

/* Slices come before their tenants and go after them. */
static void changes_send(struct control_feed *feed, const GArray *all)
{
	feed->look++;
	for (int kind = 0; kind < KINDS; kind++)
		for (unsigned int i = 0; i < all->len; i++) {
			const struct found *found = &g_array_index(all, struct found, i);
			if ((int)found->kind == kind && !row_put(feed, found))
				return;
		}
	gone_remove(feed, TENANT);
	gone_remove(feed, SLICE);
}

static void snapshot_send(struct control_feed *feed, const GArray *all)
{
	json_t *rows[KINDS] = {json_array(), json_array()};
	bool is_whole = true;
	control_feed_reset(feed);
	for (unsigned int i = 0; i < all->len && is_whole; i++) {
		const struct found *found = &g_array_index(all, struct found, i);
		json_t *document = NULL;
		int rc = document_read(feed, found, &document);
		is_whole = rc == 0 || rc == -ENOENT || rc == -EINVAL;
		if (rc == 0)
			json_array_append_new(rows[found->kind], document);
		if (rc == 0 || rc == -EINVAL)
			fed_of(feed, found)->revision = found->revision;
	}
	json_t *params = json_pack("{s:o, s:o}", "slices", rows[SLICE], "tenants", rows[TENANT]);
	if (!is_whole) {
		control_feed_reset(feed);
		json_decref(params);
		return;
	}
	feed->is_snapshot_wanted = false;
	feed_send(feed, "tenant.snapshot", "", params);
	feed->snapshot_revision = feed->revision;
	for (unsigned int i = 0; i < all->len && feed->control->store_is_up; i++)
		if (g_array_index(all, struct found, i).kind == TENANT)
			control_quota_check(feed->control->quota,
					    g_array_index(all, struct found, i).id);
}

/* --- Looking ---------------------------------------------------------------------------------- */

static void take(void *context, const char *kind, const char *id, int64_t revision)
{
	struct found found = {.revision = revision};
	found.kind = strcmp(kind, kind_names[TENANT]) == 0 ? TENANT : SLICE;
	if (strlen(id) > CONTROL_TENANT_MAX)
		return; /* the schema does not let it in */
	strcpy(found.id, id);
	g_array_append_val((GArray *)context, found);
}

void control_feed_look(struct control_feed *feed)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct found));
	int rc = store_revisions(feed->control->store, take, all);
	if (control_store_did(feed->control, rc, "revisions")) {
		if (feed->is_snapshot_wanted)
			snapshot_send(feed, all);
		else
			changes_send(feed, all);
	}
	g_array_unref(all);
}
