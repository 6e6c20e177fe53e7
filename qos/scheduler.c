/* The control side of the scheduler as a whole. Everything is checked and built on the control
 * thread, then handed to the owner as a change; what the owner is through with comes back and is
 * freed here. scheduler_slice.c and scheduler_pipe.c make the changes. */
#include "qos/scheduler_private.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#define FIVE_QI_DEFAULT 7
#define RED_WEIGHT_LOG2 5  /* the average follows about 32 packets */
#define RED_MAXP_INV    10 /* one in ten at the upper threshold */

const char *const scheduler_drop_names[SCHEDULER_DROPS] = {
	[SCHEDULER_DROP_FULL] = "full",
	[SCHEDULER_DROP_LATE] = "late",
	[SCHEDULER_DROP_EARLY] = "early",
	[SCHEDULER_DROP_NO_PIPE] = "no_pipe",
};

struct scheduler_change *scheduler_change_create(enum scheduler_change_kind kind,
						 struct scheduler_slice *slice)
{
	struct scheduler_change *change = calloc(1, sizeof(*change));
	if (change)
		*change = (struct scheduler_change){.kind = kind, .slice = slice};
	return change;
}

/* ---- what comes back ---- */

static void slice_free(struct scheduler_slice *slice)
{
	slice->scheduler->slices[slice->slot] = NULL;
	scheduler_tree_destroy(slice->newest);
	free(slice->leaves);
	rte_free(slice);
}

static void leaf_free(struct scheduler_leaf *leaf)
{
	struct scheduler_slice *slice = leaf->slice;
	struct scheduler_pipe *pipe = leaf->pipe;
	slice->leaves[leaf->index] = NULL;
	slice->n_leaves--;
	slice->free_hint = RTE_MIN(slice->free_hint, leaf->index);
	pipe->n_leaves--;
	rte_free(leaf);
	if (pipe->is_removed && pipe->n_leaves == 0) {
		pipe->next = pipe->scheduler->gone;
		pipe->scheduler->gone = pipe;
	}
}

static void change_finish(struct scheduler *scheduler, struct scheduler_change *change)
{
	switch (change->kind) {
	case CHANGE_TREE:
		scheduler_tree_destroy(change->tree);
		break;
	case CHANGE_LEAF_CLOSE:
		leaf_free(change->leaf);
		break;
	case CHANGE_SLICE_CLOSE:
		slice_free(change->slice);
		scheduler->n_leaving--;
		break;
	case CHANGE_SLICE_OPEN:
	case CHANGE_SLICE_TERMS:
	case CHANGE_LEAF_OPEN:
		break;
	}
	free(change);
}

unsigned int scheduler_collect(struct scheduler *scheduler)
{
	/* Pipes stay for one call more: a packet under way may still name them. */
	struct scheduler_pipe *gone = scheduler->gone;
	scheduler->gone = NULL;
	while (gone) {
		struct scheduler_pipe *next = gone->next;
		rte_free(gone);
		scheduler->n_leaving--;
		gone = next;
	}
	struct scheduler_change *change = scheduler_changes_done(scheduler);
	while (change) {
		struct scheduler_change *next = change->next;
		change_finish(scheduler, change);
		change = next;
	}
	return scheduler->n_leaving;
}

/* ---- the whole ---- */

static void red_init(struct scheduler *scheduler)
{
	for (int i = 0; i < TRAFFIC_CLASSES; i++) {
		unsigned int full = traffic_class_rows[i].queue_packets;
		struct rte_red_config *red = scheduler->red[i];
		if (full > RTE_RED_MAX_TH_MAX)
			full = RTE_RED_MAX_TH_MAX;
		for (int color = 0; color < PACKET_COLORS; color++) {
			bool is_green = color == COLOR_GREEN;
			rte_red_config_init(&red[color], RED_WEIGHT_LOG2,
					    (uint16_t)(is_green ? full / 2 : full / 4),
					    (uint16_t)(is_green ? full : full / 2), RED_MAXP_INV);
		}
		if (i != CLASS_BULK)
			red[COLOR_GREEN].min_th = red[COLOR_GREEN].max_th = UINT32_MAX;
	}
}

int scheduler_create(const struct scheduler_config *config, struct scheduler **out)
{
	static const struct scheduler_slice_config slice = {.name = "default",
							    .five_qi = FIVE_QI_DEFAULT};
	static const struct scheduler_pipe_config pipe = {.name = "node"};
	if (config->link_bps != 0 && !scheduler_is_rate(config->link_bps))
		return -EINVAL;
	struct scheduler *scheduler =
		rte_zmalloc("scheduler", sizeof(*scheduler), RTE_CACHE_LINE_SIZE);
	if (!scheduler)
		return -ENOMEM;
	scheduler->config = *config;
	scheduler->packets_max = config->packets_max > 0 ? config->packets_max : UINT64_MAX;
	bucket_set(&scheduler->link, config->link_bps, LIMIT_DEPTH_NS, GRANT_BYTES_MIN);
	scheduler->link.tokens = scheduler->link.depth;
	scheduler->link_grant =
		config->link_bps > 0 ? scheduler_grant_of(config->link_bps) : SCHEDULER_GRANTS - 1;
	red_init(scheduler);
	int rc = scheduler_slice_add(scheduler, &slice, NULL, 0, &scheduler->default_slice);
	if (rc == 0)
		rc = scheduler_pipe_add(scheduler, NULL, &pipe, NULL, 0, &scheduler->default_pipe);
	if (rc < 0) {
		scheduler_destroy(scheduler);
		return rc;
	}
	*out = scheduler;
	return 0;
}

static void slice_destroy(struct scheduler_slice *slice)
{
	/* Frees the packets, for which it looks at the leaves. */
	uint32_t n_pipes = slice->newest->n_pipes;
	scheduler_tree_destroy(slice->newest);
	slice->newest = NULL;
	for (uint32_t i = 0; i < n_pipes; i++) {
		struct scheduler_leaf *leaf = slice->leaves[i];
		if (!leaf)
			continue;
		leaf->pipe->is_removed = true;
		free(leaf->close);
		leaf_free(leaf);
	}
	free(slice->close);
	slice_free(slice);
}

void scheduler_destroy(struct scheduler *scheduler)
{
	if (!scheduler)
		return;
	scheduler_changes_apply(scheduler, 0);
	scheduler_collect(scheduler);
	for (unsigned int i = 0; i < SCHEDULER_SLICES_MAX; i++)
		if (scheduler->slices[i])
			slice_destroy(scheduler->slices[i]);
	scheduler_collect(scheduler);
	rte_free(scheduler);
}

struct scheduler_pipe *scheduler_default_pipe(struct scheduler *scheduler)
{
	return scheduler->default_pipe;
}

struct scheduler_slice *scheduler_default_slice(struct scheduler *scheduler)
{
	return scheduler->default_slice;
}

const struct scheduler_stats *scheduler_slice_stats(const struct scheduler_slice *slice,
						    enum traffic_class traffic_class)
{
	return &slice->stats[traffic_class];
}

const struct scheduler_stats *scheduler_pipe_stats(const struct scheduler_pipe *pipe,
						   enum traffic_class traffic_class)
{
	return &pipe->stats[traffic_class];
}

enum traffic_class scheduler_pipe_class(const struct scheduler_pipe *pipe, enum flow_kind kind)
{
	if (kind == FLOW_VIDEO)
		return atomic_load_explicit(&pipe->video_class, memory_order_relaxed);
	return traffic_class_of(FIVE_QI_DEFAULT, kind);
}

bool scheduler_pipe_accepts(const struct scheduler_pipe *pipe, enum traffic_class traffic_class)
{
	return !atomic_load_explicit(&pipe->is_shut[traffic_class], memory_order_relaxed);
}

void scheduler_pipe_refuse(struct scheduler_pipe *pipe, enum traffic_class traffic_class,
			   unsigned int packets)
{
	atomic_fetch_add_explicit(&pipe->refused[traffic_class], packets, memory_order_relaxed);
}
