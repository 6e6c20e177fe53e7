/* The pipes of one slice take turns, in rounds: each that has packets gets an equal share in bytes
 * (deficit round robin; what a pipe took too much is missing from its next share), and none while
 * it is at its ceiling. rte_sched serves whoever has credit, in what order it likes; when nobody
 * has any left, the next round begins. So a pipe waits for one share of each other at most.
 *
 * A credit is twice a share, so that any share can be used whatever the size of packets, and fits
 * the rate: 200 microseconds of the slice's, or of the ceiling, if that is less. */
#include "qos/scheduler_private.h"

static int64_t share_bytes(const struct scheduler_slice *slice)
{
	return (GRANT_BYTES_MIN << slice->grant) / 2;
}

/* When its ceiling lets it send again; 0: now. */
static uint64_t ceiling_ns(struct scheduler_leaf *leaf, uint64_t now_ns)
{
	if (leaf->ceiling.rate_bps == 0)
		return 0;
	bucket_fill(&leaf->ceiling, now_ns);
	return leaf->ceiling.tokens > 0 ? 0 : bucket_ready_ns(&leaf->ceiling);
}

static bool has_credit(const struct scheduler_leaf *leaf)
{
	return leaf->credit_bytes >= GRANT_BYTES_MIN;
}

static void credit_set(struct scheduler_leaf *leaf, uint32_t bytes)
{
	struct scheduler_tree *tree = leaf->slice->tree;
	tree->n_credited -= has_credit(leaf);
	leaf->credit_bytes = bytes;
	tree->n_credited += has_credit(leaf);
}

static void leaf_credit(struct scheduler_leaf *leaf)
{
	credit_set(leaf, GRANT_BYTES_MIN << leaf->grant);
	scheduler_tree_credit(leaf->slice->tree, leaf->index, leaf->grant);
}

/* More of its share, when what rte_sched has left may not do for its next packet. */
static void leaf_go_on(struct scheduler_leaf *leaf, uint64_t now_ns)
{
	if (!has_credit(leaf) && leaf->deficit_bytes > 0 && ceiling_ns(leaf, now_ns) == 0)
		leaf_credit(leaf);
}

void scheduler_leaf_wake(struct scheduler_leaf *leaf, uint64_t now_ns)
{
	struct scheduler_tree *tree = leaf->slice->tree;
	if (tree->n_active == 0)
		tree->round++;
	leaf->active_at = tree->n_active;
	tree->active[tree->n_active++] = leaf;
	tree->n_credited += has_credit(leaf);
	if (leaf->round != tree->round) {
		leaf->round = tree->round;
		leaf->deficit_bytes = RTE_MIN(leaf->deficit_bytes, 0) + share_bytes(leaf->slice);
	}
	leaf_go_on(leaf, now_ns);
}

void scheduler_leaf_sleep(struct scheduler_leaf *leaf)
{
	struct scheduler_tree *tree = leaf->slice->tree;
	struct scheduler_leaf *last = tree->active[--tree->n_active];
	tree->active[leaf->active_at] = last;
	last->active_at = leaf->active_at;
	tree->n_credited -= has_credit(leaf);
	if (tree->n_active == 0)
		tree->is_begun = tree->is_stale = false;
}

void scheduler_leaf_charge(struct scheduler_leaf *leaf, uint32_t bytes, bool is_sent,
			   uint64_t now_ns)
{
	struct scheduler_tree *tree = leaf->slice->tree;
	credit_set(leaf, leaf->credit_bytes - RTE_MIN(bytes, leaf->credit_bytes));
	if (is_sent) {
		leaf->deficit_bytes -= bytes;
		if (leaf->ceiling.rate_bps > 0)
			bucket_charge(&leaf->ceiling, bytes);
	}
	/* Alone it need not wait for a round of the others. */
	if (tree->n_active == 1 && leaf->deficit_bytes <= 0)
		leaf->deficit_bytes = share_bytes(leaf->slice);
	if (leaf->queued_packets > 0)
		leaf_go_on(leaf, now_ns);
}

bool scheduler_round_begin(struct scheduler_slice *slice, uint64_t now_ns)
{
	struct scheduler_tree *tree = slice->tree;
	int64_t share = share_bytes(slice);
	uint32_t n_served, n_owing;
	uint64_t next_ns;
	if (tree->n_credited > 0)
		return true;
	do {
		n_served = n_owing = 0;
		next_ns = UINT64_MAX;
		tree->round++;
		for (uint32_t i = 0; i < tree->n_active; i++) {
			struct scheduler_leaf *leaf = tree->active[i];
			uint64_t ready_ns = ceiling_ns(leaf, now_ns);
			leaf->round = tree->round;
			leaf->deficit_bytes = RTE_MIN(leaf->deficit_bytes + share, 2 * share);
			if (ready_ns > 0) {
				next_ns = RTE_MIN(next_ns, ready_ns);
			} else if (leaf->deficit_bytes <= 0) {
				n_owing++;
			} else {
				leaf_credit(leaf);
				n_served++;
			}
		}
	} while (n_served == 0 && n_owing > 0);
	if (n_served == 0)
		slice->blocked_ns = next_ns;
	return n_served > 0;
}
