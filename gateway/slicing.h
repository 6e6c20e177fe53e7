/* The egress scheduler kept equal to what operators and the control plane say: a slice of the table
 * is a slice there, a tenant that has sessions is a pipe in its slice. What the scheduler refuses
 * the table refuses too; nothing that runs is touched by a refusal. Slices and places that come,
 * change and go are told to the log and to the audit trail. Control thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "conf/slice_config.h"

struct node;
struct scheduler_pipe;
struct scheduler_slice;
struct tenant;

struct slicing_slice {
	struct slice_config config;
	struct scheduler_slice *scheduled;
	bool is_leaving; /* of the table no more; goes when its last pipe has moved */
	TAILQ_ENTRY(slicing_slice) link;
};

/* A tenant's pipe: made for its first session, kept until it is gone and so is its last one. */
struct slicing_place {
	struct tenant *tenant;       /* borrowed; tenant->place is this */
	struct slicing_slice *slice; /* NULL: the default slice */
	struct scheduler_pipe *pipe;
	int64_t max_bps; /* 0: what the slice gives */
	bool is_behind;  /* the last change was refused, and is tried again */
	TAILQ_ENTRY(slicing_place) link;
};

struct slicing_counters {
	uint64_t slices_refused, places_refused;
};

struct slicing {
	struct node *node;                  /* parent */
	TAILQ_HEAD(, slicing_slice) slices; /* by id */
	TAILQ_HEAD(, slicing_place) places;
	unsigned int n_places;
	struct slicing_counters counters;
};

/* Follows node->slices from here on, through the scheduler of node->plane. NULL: no memory. */
struct slicing *slicing_create(struct node *node);
/* The scheduler is gone. Takes NULL. */
void slicing_destroy(struct slicing *slicing);

/* Sees to it that the tenant has a pipe. Negative errno, and why: the scheduler has no room. A node
 * without a scheduler (slicing NULL) has room for all. */
int slicing_place(struct slicing *slicing, struct tenant *tenant, char *why, size_t why_bytes);
/* The pipe of a tenant that was placed; it lives while the tenant has sessions. NULL: there is no
 * scheduler. */
struct scheduler_pipe *slicing_pipe(const struct tenant *tenant);
/* Its slice or its rate may be another now: the pipe moves under running sessions, and their
 * promises with it. */
void slicing_tenant_changed(struct slicing *slicing, struct tenant *tenant);
/* NULL: no such slice. */
struct slicing_slice *slicing_slice_find(const struct slicing *slicing, const char *id);
/* A slice was not taken; for the audit trail. */
void slicing_refused(struct node *node, const struct slice_config *config, const char *why);
/* Once a second: what nobody needs any more goes, what was refused is tried again. */
void slicing_tick(struct slicing *slicing);
