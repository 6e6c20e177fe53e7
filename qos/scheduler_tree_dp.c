/* Getting packets out of one slice's rte_sched.
 *
 * It serves up to eight pipes side by side, each with the classes that had packets when it came to
 * the pipe. With few pipes that have packets, each call is one grant: when it is used up, rte_sched
 * has been round all of them. If a class has got its first packet since then, a grant of nothing
 * makes it go round once more, so that the next grant begins with what is most urgent now.
 *
 * That round costs time in proportion to the pipes; so with many, one grant lasts for about a
 * packet of each, calls end by their number of packets, and it is the pipe's own turn (see
 * scheduler_tree.c) that keeps a class and a pipe from going on. */
#include "qos/scheduler_private.h"

#include <rte_sched.h>

#define GRANT_NOTHING 0

static void tree_grant(struct scheduler_tree *tree, unsigned int grant)
{
	rte_sched_subport_config(tree->port, 0, NULL, grant + 1);
	tree->grant_left = GRANT_BYTES_MIN << grant;
}

void scheduler_tree_put(struct scheduler_tree *tree, struct rte_mbuf **packets, unsigned int n)
{
	rte_sched_port_enqueue(tree->port, packets, n);
}

static void tree_refresh(struct scheduler_tree *tree)
{
	struct rte_mbuf *none[1];
	rte_sched_subport_config(tree->port, 0, NULL, GRANT_NOTHING);
	rte_sched_port_dequeue(tree->port, none, 1);
	tree->grant_left = 0;
	tree->is_stale = false;
}

void scheduler_tree_sync(struct scheduler_tree *tree, uint64_t now_ns)
{
	tree_refresh(tree);
	tree->synced_ns = now_ns;
}

/* A grant of about one packet for each pipe. */
static unsigned int grant_for_all(const struct scheduler_tree *tree, unsigned int grant)
{
	unsigned int wanted = 32 - (unsigned int)__builtin_clz(tree->n_active - 1);
	return RTE_MIN(RTE_MAX(grant, wanted), (unsigned int)SCHEDULER_GRANTS - 1);
}

unsigned int scheduler_tree_take(struct scheduler_tree *tree, unsigned int grant,
				 struct rte_mbuf **packets, unsigned int n)
{
	bool is_few = tree->n_active <= SCHEDULER_FEW;
	if (is_few && tree->is_stale)
		tree_refresh(tree);
	if (is_few || tree->grant_left < GRANT_BYTES_MIN)
		tree_grant(tree, is_few ? grant : grant_for_all(tree, grant));
	tree->is_begun = true;
	unsigned int taken = (unsigned int)rte_sched_port_dequeue(tree->port, packets, n);
	if (taken < n) {
		tree->grant_left = 0;
		return taken;
	}
	uint32_t bytes = 0;
	for (unsigned int i = 0; i < taken; i++)
		bytes += packets[i]->pkt_len;
	tree->grant_left -= RTE_MIN(bytes, tree->grant_left);
	return taken;
}
