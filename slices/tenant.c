/* Each entry owns the configuration it was given last; an entry that somebody still counts on
 * outlives it. */
#include "slices/tenant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

struct tenant_table {
	GHashTable *by_id;      /* id -> struct tenant, owned */
	unsigned int n_configs; /* entries that have one */
};

static void drop_config(struct tenant_table *table, struct tenant *tenant)
{
	struct tenant_config *config = (struct tenant_config *)tenant->config;
	if (!config)
		return;
	tenant_config_free(config);
	free(config);
	tenant->config = NULL;
	table->n_configs--;
}

struct tenant_table *tenant_table_create(void)
{
	struct tenant_table *table = calloc(1, sizeof(*table));
	if (table)
		table->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free);
	return table;
}

void tenant_table_destroy(struct tenant_table *table)
{
	if (!table)
		return;
	GHashTableIter iter;
	gpointer tenant;
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &tenant))
		drop_config(table, tenant);
	g_hash_table_destroy(table->by_id);
	free(table);
}

static bool has_totals(const struct tenant *tenant)
{
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		const struct quota *quota = &tenant->quotas[i];
		if (quota->granted_total || quota->returned_total || quota->used_total ||
		    quota->lent)
			return true;
	}
	return false;
}

static gboolean is_gone(gpointer id, gpointer value, gpointer context)
{
	const struct tenant *tenant = value;
	(void)id;
	(void)context;
	return !tenant->config && tenant->n_sessions == 0 && tenant->bucket.n_queued == 0 &&
	       !tenant->book_entry && !tenant->place && !has_totals(tenant);
}

void tenant_table_sweep(struct tenant_table *table)
{
	g_hash_table_foreach_remove(table->by_id, is_gone, NULL);
}

static struct tenant *find_or_add(struct tenant_table *table, const char *id)
{
	struct tenant *tenant = g_hash_table_lookup(table->by_id, id);
	if (tenant)
		return tenant;
	tenant = calloc(1, sizeof(*tenant));
	if (!tenant)
		return NULL;
	strncpy(tenant->id, id, TENANT_ID_MAX);
	g_hash_table_insert(table->by_id, tenant->id, tenant);
	return tenant;
}

int tenant_put(struct tenant_table *table, struct tenant_config *fresh, struct tenant **out)
{
	struct tenant_config *config = malloc(sizeof(*config));
	struct tenant *tenant = config ? find_or_add(table, fresh->id) : NULL;
	int rc = tenant ? 0 : -ENOMEM;
	if (rc == 0 && !tenant->config && table->n_configs >= TENANTS_MAX)
		rc = -ENOSPC;
	if (rc) {
		free(config);
		tenant_config_free(fresh);
		tenant_table_sweep(table);
		return rc;
	}
	*config = *fresh;
	*fresh = (struct tenant_config){0};
	drop_config(table, tenant);
	tenant->config = config;
	table->n_configs++;
	*out = tenant;
	return 0;
}

int tenant_remove(struct tenant_table *table, const char *id)
{
	struct tenant *tenant = g_hash_table_lookup(table->by_id, id);
	if (!tenant || !tenant->config)
		return -ENOENT;
	drop_config(table, tenant);
	tenant_table_sweep(table);
	return 0;
}

int tenant_table_replace(struct tenant_table *table, struct tenants_config *fresh)
{
	GHashTableIter iter;
	gpointer tenant;
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &tenant))
		drop_config(table, tenant);
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < fresh->n_tenants; i++) {
		struct tenant *entry;
		rc = tenant_put(table, &fresh->tenants[i], &entry);
	}
	tenants_free(fresh);
	tenant_table_sweep(table);
	return rc;
}

unsigned int tenant_count(const struct tenant_table *table)
{
	return table->n_configs;
}

void tenant_each(struct tenant_table *table, void (*each)(void *context, struct tenant *tenant),
		 void *context)
{
	GHashTableIter iter;
	gpointer tenant;
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &tenant))
		each(context, tenant);
}

struct tenant *tenant_find(struct tenant_table *table, const char *id, size_t len)
{
	char text[TENANT_ID_MAX + 1];
	if (len > TENANT_ID_MAX)
		return NULL;
	memcpy(text, id, len);
	text[len] = '\0';
	return g_hash_table_lookup(table->by_id, text);
}

static const struct jwt_key *find_in(const struct tenant_config *config, const char *key_id,
				     enum jwt_algorithm algorithm)
{
	for (unsigned int i = 0; i < config->n_keys; i++) {
		const struct jwt_key *key = config->keys[i];
		if (jwt_key_algorithm(key) == algorithm &&
		    (key_id[0] == '\0' || strcmp(jwt_key_id(key), key_id) == 0))
			return key;
	}
	return NULL;
}

const struct jwt_key *tenant_key_find(struct tenant_table *table, const char *tenant_id,
				      const char *key_id, enum jwt_algorithm algorithm,
				      struct tenant **owner)
{
	struct tenant *tenant = tenant_find(table, tenant_id, strlen(tenant_id));
	if (!tenant || !tenant->config)
		return NULL;
	const struct jwt_key *key = find_in(tenant->config, key_id, algorithm);
	if (key)
		*owner = tenant;
	return key;
}
