/* Denials by gate and tenant. */
#include <stdlib.h>

#include <glib.h>

#include "gateway/gates.h"

struct gate_counters {
	GHashTable *rows; /* tenant id -> uint64_t[GATES] */
};

struct gate_counters *gate_counters_create(void)
{
	struct gate_counters *counters = calloc(1, sizeof(*counters));
	if (counters)
		counters->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return counters;
}

void gate_counters_destroy(struct gate_counters *counters)
{
	if (!counters)
		return;
	g_hash_table_destroy(counters->rows);
	free(counters);
}

void gate_counters_add(struct gate_counters *counters, enum gate gate, const char *tenant)
{
	uint64_t *row = g_hash_table_lookup(counters->rows, tenant);
	if (!row) {
		row = g_new0(uint64_t, GATES);
		g_hash_table_insert(counters->rows, g_strdup(tenant), row);
	}
	row[gate]++;
}

void gate_counters_each(const struct gate_counters *counters,
			void (*each)(void *context, enum gate gate, const char *tenant,
				     uint64_t denials),
			void *context)
{
	GHashTableIter iter;
	gpointer tenant, row;
	g_hash_table_iter_init(&iter, counters->rows);
	while (g_hash_table_iter_next(&iter, &tenant, &row)) {
		for (unsigned int gate = 1; gate < GATES; gate++) {
			if (((uint64_t *)row)[gate])
				each(context, (enum gate)gate, tenant, ((uint64_t *)row)[gate]);
		}
	}
}
