/* Slices, by control. A slice begins with a small tree. When it has no room for one pipe more, one
 * twice as large is built beside it and the owner pours the packets over: other slices do not
 * notice. */
#include "qos/scheduler_private.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#define PIPES_FIRST 16

int scheduler_slice_grow(struct scheduler_slice *slice)
{
	uint32_t n_before = slice->newest->n_pipes, n_pipes = 2 * n_before;
	struct scheduler_tree *tree;
	struct scheduler_leaf **leaves =
		reallocarray(slice->leaves, n_pipes, sizeof(slice->leaves[0]));
	if (!leaves)
		return -ENOMEM;
	slice->leaves = leaves;
	struct scheduler_change *change = scheduler_change_create(CHANGE_TREE, slice);
	int rc = change ? scheduler_tree_create(n_pipes, &tree) : -ENOMEM;
	if (rc < 0) {
		free(change);
		return rc;
	}
	for (uint32_t i = n_before; i < n_pipes; i++)
		leaves[i] = NULL;
	slice->newest = tree;
	change->tree = tree;
	scheduler_change_push(slice->scheduler, change);
	return 0;
}

static struct scheduler_slice_terms terms_of(const struct scheduler_slice_config *config)
{
	struct scheduler_slice_terms terms = {.guaranteed_bps = config->guaranteed_bps,
					      .max_bps = config->max_bps};
	for (unsigned int i = 0; i < TRAFFIC_CLASSES; i++)
		terms.delay_ns[i] = traffic_class_delay_ns(config->five_qi, config->latency_ms, i);
	return terms;
}

static int slice_create(struct scheduler *scheduler, const struct scheduler_slice_config *config,
			unsigned int slot, struct scheduler_slice **out)
{
	struct scheduler_change *change = NULL;
	int rc = -ENOMEM;
	struct scheduler_slice *slice = rte_zmalloc("slice", sizeof(*slice), RTE_CACHE_LINE_SIZE);
	if (!slice)
		return -ENOMEM;
	slice->scheduler = scheduler;
	slice->config = *config;
	slice->slot = slot;
	slice->leaves = calloc(PIPES_FIRST, sizeof(slice->leaves[0]));
	slice->close = scheduler_change_create(CHANGE_SLICE_CLOSE, slice);
	change = scheduler_change_create(CHANGE_SLICE_OPEN, slice);
	if (!slice->leaves || !slice->close || !change)
		goto out;
	rc = scheduler_tree_create(PIPES_FIRST, &slice->newest);
	if (rc < 0)
		goto out;
	scheduler->slices[slot] = slice;
	change->tree = slice->newest;
	change->terms = terms_of(config);
	*out = slice;
	scheduler_change_push(scheduler, change);
	return 0;
out:
	free(change);
	free(slice->close);
	free(slice->leaves);
	rte_free(slice);
	return rc;
}

int scheduler_slice_add(struct scheduler *scheduler, const struct scheduler_slice_config *config,
			char *errors, size_t errors_bytes, struct scheduler_slice **out)
{
	struct scheduler_fault fault = {errors, errors_bytes};
	unsigned int slot = 0;
	scheduler_collect(scheduler);
	int rc = scheduler_slice_check(scheduler, NULL, config, &fault);
	if (rc < 0)
		return rc;
	while (slot < SCHEDULER_SLICES_MAX && scheduler->slices[slot])
		slot++;
	if (slot == SCHEDULER_SLICES_MAX)
		return scheduler_fault(&fault, -EMFILE, "slice %s: found %d slices, expected fewer",
				       config->name, SCHEDULER_SLICES_MAX);
	rc = slice_create(scheduler, config, slot, out);
	if (rc < 0)
		scheduler_fault(&fault, rc, "slice %s: no memory for its queues", config->name);
	return rc;
}

int scheduler_slice_change(struct scheduler_slice *slice,
			   const struct scheduler_slice_config *config, char *errors,
			   size_t errors_bytes)
{
	struct scheduler_fault fault = {errors, errors_bytes};
	struct scheduler *scheduler = slice->scheduler;
	scheduler_collect(scheduler);
	int rc = scheduler_slice_check(scheduler, slice, config, &fault);
	if (rc < 0)
		return rc;
	struct scheduler_change *change = scheduler_change_create(CHANGE_SLICE_TERMS, slice);
	if (!change)
		return scheduler_fault(&fault, -ENOMEM, "slice %s: no memory", config->name);
	slice->config = *config;
	change->terms = terms_of(config);
	for (uint32_t i = 0; i < slice->newest->n_pipes; i++) {
		const struct scheduler_leaf *leaf = slice->leaves[i];
		if (leaf && leaf->pipe->newest == leaf)
			atomic_store_explicit(
				&leaf->pipe->video_class,
				(uint8_t)traffic_class_of(config->five_qi, FLOW_VIDEO),
				memory_order_relaxed);
	}
	scheduler_change_push(scheduler, change);
	return 0;
}

void scheduler_slice_remove(struct scheduler_slice *slice)
{
	slice->is_removed = true;
	slice->scheduler->n_leaving++;
	scheduler_change_push(slice->scheduler, slice->close);
}
