/* The table owns the configuration it was given last; an entry that still has sessions outlives its
 * row in it. */
#include "slices/tenant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

struct tenant_table {
	struct tenants_config config;
	GHashTable *by_id; /* id -> struct tenant, owned */
};

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
	g_hash_table_destroy(table->by_id);
	tenants_free(&table->config);
	free(table);
}

static gboolean is_gone(gpointer id, gpointer value, gpointer context)
{
	const struct tenant *tenant = value;
	(void)id;
	(void)context;
	return !tenant->config && tenant->n_sessions == 0;
}

static int put(struct tenant_table *table, const struct tenant_config *config)
{
	struct tenant *tenant = g_hash_table_lookup(table->by_id, config->id);
	if (!tenant) {
		tenant = calloc(1, sizeof(*tenant));
		if (!tenant)
			return -ENOMEM;
		strncpy(tenant->id, config->id, TENANT_ID_MAX);
		g_hash_table_insert(table->by_id, tenant->id, tenant);
	}
	tenant->config = config;
	return 0;
}

int tenant_table_replace(struct tenant_table *table, struct tenants_config *fresh)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct tenant *)value)->config = NULL;
	tenants_free(&table->config);
	table->config = *fresh;
	*fresh = (struct tenants_config){0};
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < table->config.n_tenants; i++)
		rc = put(table, &table->config.tenants[i]);
	g_hash_table_foreach_remove(table->by_id, is_gone, NULL);
	return rc;
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
