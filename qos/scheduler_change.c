/* Changes on their way from control to the owner and back. Two lists that are pushed to by one
 * thread and emptied by the other; they cannot be full, and an object that control must not touch
 * yet is simply not back. The owner comes here only when something has changed. */
#include "qos/scheduler_private.h"

static void list_push(_Atomic(struct scheduler_change *) *list, struct scheduler_change *change)
{
	struct scheduler_change *head = atomic_load_explicit(list, memory_order_relaxed);
	do
		change->next = head;
	while (!atomic_compare_exchange_weak_explicit(list, &head, change, memory_order_release,
						      memory_order_relaxed));
}

/* Empties the list; oldest first. */
static struct scheduler_change *list_take(_Atomic(struct scheduler_change *) *list)
{
	struct scheduler_change *newest =
		atomic_exchange_explicit(list, NULL, memory_order_acquire);
	struct scheduler_change *oldest = NULL;
	while (newest) {
		struct scheduler_change *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

void scheduler_change_push(struct scheduler *scheduler, struct scheduler_change *change)
{
	list_push(&scheduler->changes, change);
	if (scheduler->config.wake)
		scheduler->config.wake(scheduler->config.context);
}

struct scheduler_change *scheduler_changes_done(struct scheduler *scheduler)
{
	return list_take(&scheduler->done);
}

static void leaf_grant_set(struct scheduler_leaf *leaf)
{
	int64_t max_bps = leaf->ceiling.rate_bps;
	leaf->grant = leaf->slice->grant;
	if (max_bps > 0)
		leaf->grant = RTE_MIN(leaf->grant, scheduler_grant_of(max_bps));
}

static void slice_terms(struct scheduler *scheduler, struct scheduler_slice *slice,
			const struct scheduler_slice_terms *terms, uint64_t now_ns)
{
	int64_t link_bps = scheduler->config.link_bps, max_bps = terms->max_bps;
	bucket_fill(&slice->guarantee, now_ns);
	bucket_fill(&slice->limit, now_ns);
	slice->terms = *terms;
	bucket_set(&slice->guarantee, terms->guaranteed_bps, GUARANTEE_DEPTH_NS, GRANT_BYTES_MIN);
	bucket_set(&slice->limit, max_bps, LIMIT_DEPTH_NS, GRANT_BYTES_MIN);
	if (link_bps > 0 && (max_bps == 0 || max_bps > link_bps))
		max_bps = link_bps;
	slice->grant = max_bps > 0 ? scheduler_grant_of(max_bps) : SCHEDULER_GRANTS - 1;
	slice->guarantee_grant = scheduler_grant_of(terms->guaranteed_bps);
	for (uint32_t i = 0; i < slice->tree->n_pipes; i++)
		if (slice->tree->leaves[i])
			leaf_grant_set(slice->tree->leaves[i]);
}

static void slice_open(struct scheduler *scheduler, const struct scheduler_change *change,
		       uint64_t now_ns)
{
	struct scheduler_slice *slice = change->slice;
	slice->tree = change->tree;
	slice_terms(scheduler, slice, &change->terms, now_ns);
	slice->guarantee.filled_ns = slice->limit.filled_ns = now_ns;
	slice->guarantee.tokens = slice->guarantee.depth;
	slice->limit.tokens = slice->limit.depth;
	scheduler->slots[slice->slot] = slice;
	if (slice->slot >= scheduler->n_slots)
		scheduler->n_slots = slice->slot + 1;
}

static void tree_swap(struct scheduler_change *change)
{
	struct scheduler_slice *slice = change->slice;
	struct scheduler_tree *old = slice->tree;
	scheduler_tree_pour(old, change->tree);
	slice->tree = change->tree;
	change->tree = old;
}

static void leaf_open(const struct scheduler_change *change, uint64_t now_ns)
{
	struct scheduler_leaf *leaf = change->leaf;
	struct scheduler_bucket *ceiling = &leaf->ceiling;
	bool is_new = leaf->pipe->leaf != leaf;
	bucket_fill(ceiling, now_ns);
	bucket_set(ceiling, change->max_bps, LIMIT_DEPTH_NS, GRANT_BYTES_MIN);
	if (is_new) {
		ceiling->tokens = ceiling->depth;
		ceiling->filled_ns = now_ns;
	}
	leaf_grant_set(leaf);
	leaf->slice->tree->leaves[leaf->index] = leaf;
	leaf->slice->blocked_ns = 0;
	leaf->pipe->leaf = leaf;
	for (int i = 0; i < TRAFFIC_CLASSES; i++)
		atomic_store_explicit(&leaf->pipe->is_shut[i], 0, memory_order_relaxed);
}

void scheduler_leaf_close(struct scheduler *scheduler, struct scheduler_change *change)
{
	struct scheduler_leaf *leaf = change->leaf;
	struct scheduler_tree *tree = leaf->slice->tree;
	if (leaf->pipe->leaf == leaf)
		leaf->pipe->leaf = NULL;
	leaf->closing = change;
	if (leaf->queued_packets > 0)
		return;
	tree->leaves[leaf->index] = NULL;
	list_push(&scheduler->done, change);
}

static void slice_close(struct scheduler *scheduler, struct scheduler_change *change)
{
	change->slice->closing = change;
	scheduler->n_closing++;
	scheduler_slices_close(scheduler);
}

void scheduler_slices_close(struct scheduler *scheduler)
{
	for (unsigned int i = 0; i < scheduler->n_slots && scheduler->n_closing > 0; i++) {
		struct scheduler_slice *slice = scheduler->slots[i];
		if (!slice || !slice->closing || slice->queued_packets > 0)
			continue;
		scheduler->slots[i] = NULL;
		scheduler->n_closing--;
		list_push(&scheduler->done, slice->closing);
	}
	while (scheduler->n_slots > 0 && !scheduler->slots[scheduler->n_slots - 1])
		scheduler->n_slots--;
}

static void change_apply(struct scheduler *scheduler, struct scheduler_change *change,
			 uint64_t now_ns)
{
	switch (change->kind) {
	case CHANGE_SLICE_OPEN:
		slice_open(scheduler, change, now_ns);
		break;
	case CHANGE_SLICE_TERMS:
		slice_terms(scheduler, change->slice, &change->terms, now_ns);
		break;
	case CHANGE_TREE:
		tree_swap(change);
		break;
	case CHANGE_LEAF_OPEN:
		leaf_open(change, now_ns);
		break;
	case CHANGE_LEAF_CLOSE:
		scheduler_leaf_close(scheduler, change);
		return;
	case CHANGE_SLICE_CLOSE:
		slice_close(scheduler, change);
		return;
	}
	list_push(&scheduler->done, change);
}

void scheduler_changes_apply(struct scheduler *scheduler, uint64_t now_ns)
{
	struct scheduler_change *change = list_take(&scheduler->changes);
	while (change) {
		struct scheduler_change *next = change->next;
		change_apply(scheduler, change, now_ns);
		change = next;
	}
}
