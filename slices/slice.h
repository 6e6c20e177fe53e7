/* The slices of this node and what of their guaranteed bandwidth is promised. Sum of sessions <=
 * slice, sum of slices <= port. The scheduler that holds packets to it is kept equal to the table
 * by a mirror. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/slice_config.h"

struct slice_table;

struct slice {
	struct slice_config config;
	int64_t promised_bps; /* to sessions that are open */
	unsigned int n_sessions;
	bool is_removed;           /* goes when its last session does */
	struct slice_table *table; /* parent */
};

/* Why a slice is not taken: a sentence that names it, and what of the port is left. */
struct slice_refusal {
	int64_t left_bps;
	char why[256];
};

/* What is kept equal to the table by somebody else. */
struct slice_mirror {
	/* Before the table changes; `before` NULL: a new slice. Negative errno, and why: then the
	 * table stays as it was, too. */
	int (*put)(void *context, const struct slice_config *before,
		   const struct slice_config *config, struct slice_refusal *refusal);
	/* It is gone: nobody is in it any more. */
	void (*removed)(void *context, const struct slice_config *config);
	void *context;
};

/* `port_bps`: what all slices may guarantee together; 0: not known, no bound. */
struct slice_table *slice_table_create(int64_t port_bps);
void slice_table_destroy(struct slice_table *table);
/* The table is empty. The destruction of the table is not mirrored. */
void slice_table_mirror(struct slice_table *table, const struct slice_mirror *mirror);
/* Adds or changes. -ENOSPC: the port has not that much left to guarantee; -EMFILE: SLICES_MAX are
 * there; -ENOMEM; what the mirror says. Nothing changes then. What is promised stays in force when
 * a guarantee shrinks below it: new sessions are refused. */
int slice_put(struct slice_table *table, const struct slice_config *config,
	      struct slice_refusal *refusal);
/* Not found from here on, but its bandwidth is taken while sessions are in it. -ENOENT. */
int slice_remove(struct slice_table *table, const char *id);
/* Exactly these from now on. Slices that do not fit stay as they were and are told. */
void slice_table_replace(struct slice_table *table, const struct slice_config *configs,
			 unsigned int n,
			 void (*refused)(void *context, const struct slice_config *config, int rc,
					 const struct slice_refusal *refusal),
			 void *context);
/* NULL: unknown. */
struct slice *slice_find(struct slice_table *table, const char *id);
/* Also those that are removed and still held. */
void slice_each(struct slice_table *table, void (*each)(void *context, const struct slice *slice),
		void *context);
/* Promises bandwidth to a session. -ENOSPC, and *left_bps. A slice that guarantees nothing takes
 * everybody (best effort). */
int slice_reserve(struct slice *slice, int64_t bps, int64_t *left_bps);
/* The same without asking, for sessions that move here with their tenant: new ones are refused
 * while it has promised more than it has. */
void slice_adopt(struct slice *slice, int64_t bps);
/* The same `bps`; the pointer may be dead afterwards. */
void slice_release(struct slice *slice, int64_t bps);
