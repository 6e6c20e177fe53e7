/* One slice's rte_sched port: one subport and a power of two of pipes. It holds the queues, finds
 * those that have packets, and serves a pipe's classes in their order.
 *
 * Rates are not its business here. Its token buckets run by the processor's clock, of which it
 * forgets what is longer than 2^24 cycles, and at a rate that is rounded; and pipes that are not
 * held by them get shares by where they lie in a bitmap. So buckets are used as credits:
 * configuring a pipe anew fills its bucket to half, and with a profile of twice q bytes and next to
 * no rate that is exactly q. Who gets how much is decided in scheduler_round_dp.c. The subport has
 * all credit, or, for a moment, none.
 *
 * Credits of traffic classes never bind: classes are strict by their order alone. rte_sched frees
 * its port when a call is refused; nothing that it could refuse is given to it. */
#include "qos/scheduler_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_sched.h>

#define PORT_RATE          1250000000ull /* bytes per second, the unit of its clock */
#define PORT_MTU           (PACKET_BYTES_MAX + 128)
#define PORT_BYTES_BESIDES 8192          /* of a port, beyond its footprint as told */
#define PIPE_RATE          1250          /* bytes per second: the least that it can express */
#define FOREVER_MS         2592000000ull /* 30 days */
#define EVERYTHING         (1ull << 62)
#define DRAIN_TRIES        1000

/* The first SCHEDULER_GRANTS are credits; the last gives a pipe all. */
static void pipe_profiles_fill(struct rte_sched_pipe_params profiles[SCHEDULER_GRANTS + 1])
{
	for (unsigned int i = 0; i <= SCHEDULER_GRANTS; i++) {
		uint64_t size = i < SCHEDULER_GRANTS ? 2ull * (GRANT_BYTES_MIN << i) : EVERYTHING;
		profiles[i] = (struct rte_sched_pipe_params){
			.tb_rate = PIPE_RATE,
			.tb_size = size,
			.tc_period = FOREVER_MS,
			.tc_ov_weight = 1,
			.wrr_weights = {1, 1, 1, 1},
		};
		for (int k = 0; k < TRAFFIC_CLASSES; k++)
			profiles[i].tc_rate[traffic_class_rows[k].sched_class] = PIPE_RATE;
	}
}

/* The first gives the subport nothing, the second all. */
static void subport_profiles_fill(struct rte_sched_subport_profile_params profiles[2])
{
	profiles[0] = (struct rte_sched_subport_profile_params){
		.tb_rate = PIPE_RATE, .tb_size = 1, .tc_period = FOREVER_MS};
	profiles[1] = (struct rte_sched_subport_profile_params){
		.tb_rate = PORT_RATE, .tb_size = EVERYTHING, .tc_period = FOREVER_MS};
	for (int i = 0; i < RTE_SCHED_TRAFFIC_CLASSES_PER_PIPE; i++) {
		profiles[0].tc_rate[i] = PIPE_RATE;
		profiles[1].tc_rate[i] = PORT_RATE;
	}
}

/* rte_sched complains in the log when memory is short. */
static bool has_memory(struct rte_sched_port_params *port, struct rte_sched_subport_params *subport)
{
	uint32_t bytes = rte_sched_port_get_memory_footprint(port, &subport);
	void *probe = rte_malloc("probe", bytes + PORT_BYTES_BESIDES, RTE_CACHE_LINE_SIZE);
	rte_free(probe);
	return probe != NULL;
}

static struct rte_sched_port *port_create(uint32_t n_pipes)
{
	struct rte_sched_pipe_params credits[SCHEDULER_GRANTS + 1];
	struct rte_sched_subport_profile_params profiles[2];
	struct rte_sched_subport_params subport = {
		.n_pipes_per_subport_enabled = n_pipes,
		.pipe_profiles = credits,
		.n_pipe_profiles = SCHEDULER_GRANTS + 1,
		.n_max_pipe_profiles = SCHEDULER_GRANTS + 1,
	};
	unsigned int socket = rte_socket_id();
	struct rte_sched_port_params params = {
		.name = "slice",
		.socket = socket == (unsigned int)SOCKET_ID_ANY ? 0 : (int)socket,
		.rate = PORT_RATE,
		.mtu = PORT_MTU,
		.n_subports_per_port = 1,
		.subport_profiles = profiles,
		.n_subport_profiles = 2,
		.n_max_subport_profiles = 2,
		.n_pipes_per_subport = n_pipes,
	};
	pipe_profiles_fill(credits);
	subport_profiles_fill(profiles);
	for (int i = 0; i < TRAFFIC_CLASSES; i++) {
		const struct traffic_class_row *row = &traffic_class_rows[i];
		subport.qsize[row->sched_class] = row->queue_packets;
	}
	struct rte_sched_port *port =
		has_memory(&params, &subport) ? rte_sched_port_config(&params) : NULL;
	if (!port || rte_sched_subport_config(port, 0, &subport, 1) != 0)
		return NULL; /* a port that is refused its subport is gone */
	rte_sched_subport_tc_ov_config(port, 0, false);
	return port;
}

int scheduler_tree_create(uint32_t n_pipes, struct scheduler_tree **out)
{
	struct scheduler_tree *tree = rte_zmalloc("tree", sizeof(*tree), RTE_CACHE_LINE_SIZE);
	if (!tree)
		return -ENOMEM;
	tree->n_pipes = n_pipes;
	tree->leaves = rte_calloc("leaves", n_pipes, sizeof(tree->leaves[0]), 0);
	tree->active = rte_calloc("active", n_pipes, sizeof(tree->active[0]), 0);
	if (tree->leaves && tree->active)
		tree->port = port_create(n_pipes);
	if (!tree->port) {
		scheduler_tree_destroy(tree);
		return -ENOMEM;
	}
	*out = tree;
	return 0;
}

/* Lets every pipe send all it has. Returns how many packets that is. */
static uint32_t credits_lift(struct scheduler_tree *tree)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < tree->n_active; i++) {
		scheduler_tree_credit(tree, tree->active[i]->index, SCHEDULER_GRANTS);
		n += tree->active[i]->queued_packets;
	}
	return n;
}

/* A call may end early when rte_sched meets a place twice; the next goes on. */
static unsigned int tree_drain(struct scheduler_tree *tree, struct rte_mbuf **packets)
{
	unsigned int n = 0;
	for (int i = 0; i < DRAIN_TRIES && n == 0; i++)
		n = scheduler_tree_take(tree, packets, SCHEDULER_BURST);
	assert(n > 0);
	return n;
}

void scheduler_tree_pour(struct scheduler_tree *from, struct scheduler_tree *to)
{
	struct rte_mbuf *packets[SCHEDULER_BURST];
	unsigned int n;
	for (uint32_t left = credits_lift(from); left > 0; left -= n) {
		n = tree_drain(from, packets);
		scheduler_tree_put(to, packets, n);
	}
	memcpy(to->leaves, from->leaves, from->n_pipes * sizeof(from->leaves[0]));
	memcpy(to->active, from->active, from->n_active * sizeof(from->active[0]));
	to->n_active = from->n_active;
	to->round = from->round;
	from->n_active = 0; /* and no credit in the new one */
	for (uint32_t i = 0; i < to->n_pipes; i++)
		if (to->leaves[i])
			to->leaves[i]->credit_bytes = 0;
}

void scheduler_tree_destroy(struct scheduler_tree *tree)
{
	struct rte_mbuf *packets[SCHEDULER_BURST];
	unsigned int n;
	if (!tree)
		return;
	/* rte_sched_port_free frees packets too, but not those of a queue that is full. */
	for (uint32_t left = credits_lift(tree); left > 0; left -= n) {
		n = tree_drain(tree, packets);
		rte_pktmbuf_free_bulk(packets, n);
	}
	rte_sched_port_free(tree->port);
	rte_free(tree->active);
	rte_free(tree->leaves);
	rte_free(tree);
}
