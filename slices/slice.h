/* The slices of this node and what of their guaranteed bandwidth is promised. Sum of sessions <=
 * slice, sum of slices <= port. (The scheduler that holds packets to it hangs below.) Control
 * thread. */
#pragma once

#include <stdint.h>

#include "conf/slice_config.h"

struct slice {
	struct slice_config config;
	int64_t promised_bps; /* to sessions that are open */
	unsigned int n_sessions;
};

struct slice_table;
/* `port_bps`: what all slices may guarantee together; 0: not known, no bound. */
struct slice_table *slice_table_create(int64_t port_bps);
void slice_table_destroy(struct slice_table *table);
/* Adds or changes. -ENOSPC: the port has only *left_bps left to guarantee (what is promised stays
 * in force when a guarantee shrinks below it: new sessions are refused). */
int slice_put(struct slice_table *table, const struct slice_config *config, int64_t *left_bps);
/* -ENOENT; -EBUSY: sessions are in it. */
int slice_remove(struct slice_table *table, const char *id);
/* NULL: unknown. */
struct slice *slice_find(struct slice_table *table, const char *id);
void slice_each(struct slice_table *table, void (*each)(void *context, const struct slice *slice),
		void *context);
/* Promises bandwidth to a session. -ENOSPC, and *left_bps. A slice that guarantees nothing promises
 * nothing and takes everybody (best effort). */
int slice_reserve(struct slice *slice, int64_t bps, int64_t *left_bps);
void slice_release(struct slice *slice, int64_t bps);
