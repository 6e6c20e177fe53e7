/* Packets into and out of one slice's rte_sched.
 *
 * It serves up to eight pipes side by side, each with the classes that had packets when it came to
 * the pipe, until the pipe's credit is used up. A class that gets its first packet meanwhile would
 * wait for those that follow it. So, when that has happened, it is made to go round once with no
 * credit at all, and finds what is most urgent now. With many pipes that would take long, and what
 * is left of one pipe's credit is little beside the turns of the others. */
#include "qos/scheduler_private.h"

#include <rte_sched.h>

enum { SUBPORT_NOTHING, SUBPORT_ALL };

void scheduler_tree_put(struct scheduler_tree *tree, struct rte_mbuf **packets, unsigned int n)
{
	rte_sched_port_enqueue(tree->port, packets, n);
}

void scheduler_tree_credit(struct scheduler_tree *tree, uint32_t index, unsigned int grant)
{
	rte_sched_pipe_config(tree->port, 0, index, (int32_t)grant);
}

static void tree_refresh(struct scheduler_tree *tree)
{
	struct rte_mbuf *none[1];
	rte_sched_subport_config(tree->port, 0, NULL, SUBPORT_NOTHING);
	rte_sched_port_dequeue(tree->port, none, 1);
	rte_sched_subport_config(tree->port, 0, NULL, SUBPORT_ALL);
	tree->is_stale = false;
}

unsigned int scheduler_tree_take(struct scheduler_tree *tree, struct rte_mbuf **packets,
				 unsigned int n)
{
	if (tree->is_stale && tree->n_active <= SCHEDULER_FEW)
		tree_refresh(tree);
	tree->is_begun = true;
	return (unsigned int)rte_sched_port_dequeue(tree->port, packets, n);
}
