/* One slice's rte_sched port: one subport, a power of two of pipes, and tables of profiles.
 *
 * How rte_sched is used here, and why so:
 * - The subport has no rate. Its profiles are grants: configuring the subport anew sets its credit
 * to half the bucket's size, so a profile with twice q as size and next to no rate gives exactly q.
 * - A pipe's token bucket is the tenant's ceiling. A pipe without one gets its bytes back as fast
 * as the port sends any; the bucket's size is its turn among the others: when it is used up,
 * rte_sched goes on to the next pipe, and looks anew which classes have packets when it returns.
 * Without it a pipe would be served, and one class of it, as long as it has packets. Turns are as
 * long as the slice's grants: a slow slice cares for the wait, a fast one for the work of going
 * round.
 * - Credits of traffic classes never bind: rte_sched would set them back each period, not add up.
 *   Classes are strict by their order alone.
 * - It frees its port when a configuration call is refused. Nothing that it could refuse is given
 *   to it. */
#include "qos/scheduler_private.h"

#include <assert.h>
#include <errno.h>

#include <rte_malloc.h>
#include <rte_sched.h>

#define PORT_MTU           (PACKET_BYTES_MAX + 128)
#define GRANT_RATE         1250          /* bytes per second: the least that it approximates */
#define PORT_BYTES_BESIDES 8192          /* of a port, beyond its footprint as told */
#define FOREVER_MS         2592000000ull /* 30 days */
#define DRAIN_TRIES        100000

static struct rte_sched_pipe_params pipe_params(const struct scheduler_profile *profile)
{
	struct rte_sched_pipe_params params = {
		.tb_rate = profile->tb_rate,
		.tb_size = profile->tb_size,
		.tc_period = FOREVER_MS,
		.tc_ov_weight = 1,
		.wrr_weights = {1, 1, 1, 1},
	};
	for (int i = 0; i < TRAFFIC_CLASSES; i++)
		params.tc_rate[traffic_class_rows[i].sched_class] = profile->tb_rate;
	return params;
}

int scheduler_tree_profile(struct scheduler_tree *tree, int64_t max_bps, uint32_t *out,
			   bool *is_new)
{
	uint32_t i = 0;
	*is_new = false;
	while (i < tree->n_profiles && tree->profiles[i].max_bps != max_bps)
		i++;
	if (i == tree->n_profiles) {
		/* rte_sched takes no profile twice, and may see no difference. */
		struct scheduler_profile profile = scheduler_profile_of(max_bps);
		for (i = 0; i < tree->n_profiles; i++)
			if (tree->profiles[i].tb_rate == profile.tb_rate)
				break;
		if (i == tree->n_profiles_max)
			return -ENOSPC;
		*is_new = i == tree->n_profiles;
		if (*is_new)
			tree->profiles[tree->n_profiles++] = profile;
	}
	*out = i;
	return 0;
}

void scheduler_tree_profile_add(struct scheduler_tree *tree,
				const struct scheduler_profile *profile)
{
	struct rte_sched_pipe_params params = pipe_params(profile);
	uint32_t id;
	rte_sched_subport_pipe_profile_add(tree->port, 0, &params, &id);
}

void scheduler_tree_pipe_set(struct scheduler_tree *tree, uint32_t index, uint32_t profile)
{
	rte_sched_pipe_config(tree->port, 0, index, (int32_t)profile);
}

static void grants_fill(struct rte_sched_subport_profile_params *grants)
{
	for (unsigned int i = 0; i <= SCHEDULER_GRANTS; i++) {
		uint64_t bytes = i > 0 ? (uint64_t)GRANT_BYTES_MIN << (i - 1) : 0;
		grants[i] = (struct rte_sched_subport_profile_params){
			.tb_rate = GRANT_RATE,
			.tb_size = RTE_MAX(2 * bytes, 1u),
			.tc_period = RTE_MAX(bytes * 1000, 1u), /* at 1 byte per second */
		};
		for (int k = 0; k < RTE_SCHED_TRAFFIC_CLASSES_PER_PIPE; k++)
			grants[i].tc_rate[k] = 1;
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

static struct rte_sched_port *port_create(const struct scheduler_tree *tree)
{
	struct rte_sched_pipe_params no_ceiling[SCHEDULER_TURNS];
	struct rte_sched_subport_params subport = {
		.n_pipes_per_subport_enabled = tree->n_pipes,
		.pipe_profiles = no_ceiling,
		.n_pipe_profiles = SCHEDULER_TURNS,
		.n_max_pipe_profiles = tree->n_profiles_max,
	};
	struct rte_sched_subport_profile_params grants[SCHEDULER_GRANTS + 1];
	unsigned int socket = rte_socket_id();
	struct rte_sched_port_params params = {
		.name = "slice",
		.socket = socket == (unsigned int)SOCKET_ID_ANY ? 0 : (int)socket,
		.rate = SCHEDULER_PORT_RATE,
		.mtu = PORT_MTU,
		.n_subports_per_port = 1,
		.subport_profiles = grants,
		.n_subport_profiles = SCHEDULER_GRANTS + 1,
		.n_max_subport_profiles = SCHEDULER_GRANTS + 1,
		.n_pipes_per_subport = tree->n_pipes,
	};
	grants_fill(grants);
	for (int i = 0; i < SCHEDULER_TURNS; i++)
		no_ceiling[i] = pipe_params(&tree->profiles[i]);
	for (int i = 0; i < TRAFFIC_CLASSES; i++) {
		const struct traffic_class_row *row = &traffic_class_rows[i];
		subport.qsize[row->sched_class] = row->queue_packets;
	}
	struct rte_sched_port *port =
		has_memory(&params, &subport) ? rte_sched_port_config(&params) : NULL;
	if (!port || rte_sched_subport_config(port, 0, &subport, 0) != 0)
		return NULL; /* a port that is refused its subport is gone */
	rte_sched_subport_tc_ov_config(port, 0, false);
	return port;
}

int scheduler_tree_create(uint32_t n_pipes, uint32_t n_profiles_max, struct scheduler_tree **out)
{
	struct scheduler_tree *tree = rte_zmalloc("tree", sizeof(*tree), RTE_CACHE_LINE_SIZE);
	if (!tree)
		return -ENOMEM;
	tree->n_pipes = n_pipes;
	tree->n_profiles_max = n_profiles_max;
	tree->profiles = rte_calloc("profiles", n_profiles_max, sizeof(tree->profiles[0]), 0);
	tree->leaves = rte_calloc("leaves", n_pipes, sizeof(tree->leaves[0]), 0);
	if (!tree->profiles || !tree->leaves)
		goto out;
	for (; tree->n_profiles < SCHEDULER_TURNS; tree->n_profiles++) {
		struct scheduler_profile *turn = &tree->profiles[tree->n_profiles];
		*turn = scheduler_profile_of(0);
		turn->tb_size <<= tree->n_profiles;
	}
	tree->port = port_create(tree);
	if (!tree->port)
		goto out;
	*out = tree;
	return 0;
out:
	scheduler_tree_destroy(tree);
	return -ENOMEM;
}

/* A pipe that was just configured may have to wait for its first credit, for a microsecond. */
static unsigned int tree_drain(struct scheduler_tree *tree, struct rte_mbuf **packets)
{
	unsigned int n = 0;
	for (int i = 0; i < DRAIN_TRIES && n == 0; i++)
		n = scheduler_tree_take(tree, SCHEDULER_GRANTS - 1, packets, SCHEDULER_BURST);
	return n;
}

static uint32_t ceilings_lift(struct scheduler_tree *tree)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < tree->n_pipes; i++) {
		const struct scheduler_leaf *leaf = tree->leaves[i];
		if (!leaf || leaf->queued_packets == 0)
			continue;
		scheduler_tree_pipe_set(tree, i, SCHEDULER_TURNS - 1);
		n += leaf->queued_packets;
	}
	return n;
}

void scheduler_tree_pour(struct scheduler_tree *from, struct scheduler_tree *to)
{
	struct rte_mbuf *packets[SCHEDULER_BURST];
	uint32_t left = ceilings_lift(from);
	while (left > 0) {
		unsigned int n = tree_drain(from, packets);
		assert(n > 0 && n <= left);
		rte_sched_port_enqueue(to->port, packets, n);
		left -= n;
	}
	to->n_active = from->n_active;
	from->n_active = 0;
}

void scheduler_tree_destroy(struct scheduler_tree *tree)
{
	struct rte_mbuf *packets[SCHEDULER_BURST];
	unsigned int n;
	if (!tree)
		return;
	/* rte_sched_port_free would free packets too, but not those of a queue that is full. */
	if (tree->port) {
		uint32_t left = ceilings_lift(tree);
		for (; left > 0 && (n = tree_drain(tree, packets)) > 0; left -= n)
			rte_pktmbuf_free_bulk(packets, n);
		rte_sched_port_free(tree->port);
	}
	rte_free(tree->leaves);
	rte_free(tree->profiles);
	rte_free(tree);
}
