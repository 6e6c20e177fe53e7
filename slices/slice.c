/* Promises are counted twice: slices to the port when they are put, sessions to their slice when
 * they are admitted. Neither is ever taken back from whoever has it. */
#include "slices/slice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

struct slice_table {
	int64_t port_bps;
	int64_t guaranteed_bps; /* of all slices together */
	GHashTable *by_id;      /* id -> struct slice, owned */
	struct slice_mirror mirror;
};

struct slice_table *slice_table_create(int64_t port_bps)
{
	struct slice_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->port_bps = port_bps;
	table->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	return table;
}

void slice_table_destroy(struct slice_table *table)
{
	if (!table)
		return;
	g_hash_table_destroy(table->by_id);
	free(table);
}

void slice_table_mirror(struct slice_table *table, const struct slice_mirror *mirror)
{
	table->mirror = *mirror;
}

/* A slice that already has more than the port holds may shrink, but not grow. */
static int check_port(const struct slice_table *table, int64_t before_bps,
		      const struct slice_config *config, struct slice_refusal *refusal)
{
	int64_t left_bps = table->port_bps - (table->guaranteed_bps - before_bps);
	if (table->port_bps == 0 || config->guaranteed_bps <= before_bps ||
	    config->guaranteed_bps <= left_bps)
		return 0;
	refusal->left_bps = left_bps > 0 ? left_bps : 0;
	snprintf(refusal->why, sizeof(refusal->why),
		 "slice %s wants to guarantee %" PRId64 " bit/s, the port has %" PRId64
		 " of its %" PRId64 " left",
		 config->id, config->guaranteed_bps, refusal->left_bps, table->port_bps);
	return -ENOSPC;
}

static struct slice *find_any(struct slice_table *table, const char *id)
{
	return g_hash_table_lookup(table->by_id, id);
}

static struct slice *add(struct slice_table *table, const struct slice_config *config)
{
	struct slice *slice = g_new0(struct slice, 1);
	slice->table = table;
	slice->config = *config;
	g_hash_table_insert(table->by_id, slice->config.id, slice);
	return slice;
}

static int check_room(const struct slice_table *table, const struct slice *slice,
		      struct slice_refusal *refusal)
{
	if (slice || g_hash_table_size(table->by_id) < SLICES_MAX)
		return 0;
	snprintf(refusal->why, sizeof(refusal->why), "this node has the %d slices it may have",
		 SLICES_MAX);
	return -EMFILE;
}

static int tell_mirror(const struct slice_table *table, const struct slice *slice,
		       const struct slice_config *config, struct slice_refusal *refusal)
{
	if (!table->mirror.put)
		return 0;
	return table->mirror.put(table->mirror.context, slice ? &slice->config : NULL, config,
				 refusal);
}

int slice_put(struct slice_table *table, const struct slice_config *config,
	      struct slice_refusal *refusal)
{
	struct slice *slice = find_any(table, config->id);
	int64_t before_bps = slice ? slice->config.guaranteed_bps : 0;
	*refusal = (struct slice_refusal){0};
	int rc = check_room(table, slice, refusal);
	if (rc == 0)
		rc = check_port(table, before_bps, config, refusal);
	if (rc == 0)
		rc = tell_mirror(table, slice, config, refusal);
	if (rc == 0 && !slice)
		slice = add(table, config);
	if (rc)
		return rc;
	slice->config = *config;
	slice->is_removed = false;
	table->guaranteed_bps += config->guaranteed_bps - before_bps;
	return 0;
}

static void free_if_left(struct slice *slice)
{
	struct slice_table *table = slice->table;
	if (!slice->is_removed || slice->n_sessions > 0)
		return;
	if (table->mirror.removed)
		table->mirror.removed(table->mirror.context, &slice->config);
	table->guaranteed_bps -= slice->config.guaranteed_bps;
	g_hash_table_remove(table->by_id, slice->config.id);
}

int slice_remove(struct slice_table *table, const char *id)
{
	struct slice *slice = slice_find(table, id);
	if (!slice)
		return -ENOENT;
	slice->is_removed = true;
	free_if_left(slice);
	return 0;
}

static bool is_listed(const struct slice *slice, const struct slice_config *configs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(configs[i].id, slice->config.id) == 0)
			return true;
	}
	return false;
}

/* What shrinks or goes makes room for what grows, whatever their order. */
void slice_table_replace(struct slice_table *table, const struct slice_config *configs,
			 unsigned int n,
			 void (*refused)(void *context, const struct slice_config *config, int rc,
					 const struct slice_refusal *refusal),
			 void *context)
{
	GList *slices = g_hash_table_get_values(table->by_id);
	for (GList *at = slices; at; at = at->next) {
		struct slice *slice = at->data;
		if (!slice->is_removed && !is_listed(slice, configs, n))
			slice_remove(table, slice->config.id);
	}
	g_list_free(slices);
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < n; i++) {
			const struct slice *slice = find_any(table, configs[i].id);
			int64_t before_bps = slice ? slice->config.guaranteed_bps : 0;
			struct slice_refusal refusal;
			if ((configs[i].guaranteed_bps > before_bps) != (pass == 1))
				continue;
			int rc = slice_put(table, &configs[i], &refusal);
			if (rc)
				refused(context, &configs[i], rc, &refusal);
		}
	}
}

struct slice *slice_find(struct slice_table *table, const char *id)
{
	struct slice *slice = find_any(table, id);
	return slice && !slice->is_removed ? slice : NULL;
}

void slice_each(struct slice_table *table, void (*each)(void *context, const struct slice *slice),
		void *context)
{
	GHashTableIter iter;
	gpointer slice;
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &slice))
		each(context, slice);
}

/* A best-effort slice counts too: it may come to guarantee something while it has sessions. */
int slice_reserve(struct slice *slice, int64_t bps, int64_t *left_bps)
{
	int64_t left = slice->config.guaranteed_bps - slice->promised_bps;
	if (slice->config.guaranteed_bps > 0 && bps > left) {
		*left_bps = left > 0 ? left : 0;
		return -ENOSPC;
	}
	slice->promised_bps += bps;
	slice->n_sessions++;
	return 0;
}

void slice_adopt(struct slice *slice, int64_t bps)
{
	slice->promised_bps += bps;
	slice->n_sessions++;
}

void slice_release(struct slice *slice, int64_t bps)
{
	slice->promised_bps -= bps;
	slice->n_sessions--;
	free_if_left(slice);
}
