/* Pipes, by control: a pipe's place in its slice's tree, and its ceiling there. */
#include "qos/scheduler_private.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

/* Tells the owner of the leaf, or of its new ceiling. */
static int leaf_open(struct scheduler_leaf *leaf, int64_t max_bps)
{
	struct scheduler_change *change = scheduler_change_create(CHANGE_LEAF_OPEN, leaf->slice);
	if (!change)
		return -ENOMEM;
	change->leaf = leaf;
	change->max_bps = max_bps;
	scheduler_change_push(leaf->slice->scheduler, change);
	return 0;
}

static uint32_t index_free(struct scheduler_slice *slice)
{
	while (slice->leaves[slice->free_hint])
		slice->free_hint++;
	return slice->free_hint;
}

static int leaf_create(struct scheduler_pipe *pipe, struct scheduler_slice *slice, int64_t max_bps)
{
	int rc = 0;
	if (slice->n_leaves == slice->newest->n_pipes)
		rc = scheduler_slice_grow(slice);
	if (rc < 0)
		return rc;
	struct scheduler_leaf *leaf = rte_zmalloc("leaf", sizeof(*leaf), RTE_CACHE_LINE_SIZE);
	if (!leaf)
		return -ENOMEM;
	leaf->pipe = pipe;
	leaf->slice = slice;
	leaf->index = index_free(slice);
	leaf->close = scheduler_change_create(CHANGE_LEAF_CLOSE, slice);
	rc = leaf->close ? leaf_open(leaf, max_bps) : -ENOMEM;
	if (rc < 0) {
		free(leaf->close);
		rte_free(leaf);
		return rc;
	}
	leaf->close->leaf = leaf;
	slice->leaves[leaf->index] = leaf;
	slice->n_leaves++;
	pipe->newest = leaf;
	pipe->n_leaves++;
	atomic_store_explicit(&pipe->video_class,
			      (uint8_t)traffic_class_of(slice->config.five_qi, FLOW_VIDEO),
			      memory_order_relaxed);
	return 0;
}

int scheduler_pipe_add(struct scheduler *scheduler, struct scheduler_slice *slice,
		       const struct scheduler_pipe_config *config, char *errors,
		       size_t errors_bytes, struct scheduler_pipe **out)
{
	struct scheduler_fault fault = {errors, errors_bytes};
	scheduler_collect(scheduler);
	int rc = scheduler_pipe_check(config, &fault);
	if (rc < 0)
		return rc;
	if (scheduler->n_pipes >= SCHEDULER_PIPES_MAX)
		return scheduler_fault(&fault, -EMFILE, "tenant %s: found %d pipes, expected fewer",
				       config->name, SCHEDULER_PIPES_MAX);
	struct scheduler_pipe *pipe = rte_zmalloc("pipe", sizeof(*pipe), RTE_CACHE_LINE_SIZE);
	rc = -ENOMEM;
	if (pipe) {
		pipe->scheduler = scheduler;
		pipe->config = *config;
		rc = leaf_create(pipe, slice ? slice : scheduler->default_slice, config->max_bps);
	}
	if (rc < 0) {
		rte_free(pipe);
		return scheduler_fault(&fault, rc, "tenant %s: no memory for its queues",
				       config->name);
	}
	scheduler->n_pipes++;
	*out = pipe;
	return 0;
}

int scheduler_pipe_change(struct scheduler_pipe *pipe, struct scheduler_slice *slice,
			  const struct scheduler_pipe_config *config, char *errors,
			  size_t errors_bytes)
{
	struct scheduler_fault fault = {errors, errors_bytes};
	struct scheduler *scheduler = pipe->scheduler;
	struct scheduler_leaf *before = pipe->newest;
	if (!slice)
		slice = scheduler->default_slice;
	scheduler_collect(scheduler);
	int rc = scheduler_pipe_check(config, &fault);
	if (rc < 0)
		return rc;
	if (slice != before->slice)
		rc = leaf_create(pipe, slice, config->max_bps);
	else if (config->max_bps != pipe->config.max_bps)
		rc = leaf_open(before, config->max_bps);
	if (rc < 0)
		return scheduler_fault(&fault, rc, "tenant %s: no memory for its queues",
				       config->name);
	pipe->config = *config;
	if (before != pipe->newest)
		scheduler_change_push(scheduler, before->close);
	return 0;
}

void scheduler_pipe_remove(struct scheduler_pipe *pipe)
{
	struct scheduler *scheduler = pipe->scheduler;
	pipe->is_removed = true;
	scheduler->n_pipes--;
	scheduler->n_leaving++;
	scheduler_change_push(scheduler, pipe->newest->close);
}
