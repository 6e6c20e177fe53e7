/* rte_sched as its own manual would have it used: one port, one subport, rates that never bind, the
 * queue sizes of our classes. */
#include "bench/slices_cost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>
#include <rte_sched.h>

#include "qos/packet.h"
#include "qos/traffic_class.h"

#define TURNS        65536
#define POOL_PACKETS 1023
#define EMPTY_TRIES  10000000 /* half a second: its credits may have to wait for their period */
#define RATE         12500000000ull /* bytes a second */
#define MTU          1522
#define BUCKET       1000000
#define PERIOD_MS    40

struct cost_rte_sched {
	struct rte_sched_port *port;
	struct rte_mempool *pool;
	struct rte_mbuf *packets[COST_BURST];
	uint16_t bytes;
	unsigned int n_pipes, at;
	uint32_t turns[TURNS];
};

static uint32_t power_of_two(uint32_t n)
{
	uint32_t power = 1;
	while (power < n)
		power *= 2;
	return power;
}

static int configure(struct cost_rte_sched *cost)
{
	struct rte_sched_subport_profile_params slice = {
		.tb_rate = RATE, .tb_size = BUCKET, .tc_period = PERIOD_MS};
	struct rte_sched_pipe_params pipe = {.tb_rate = RATE,
					     .tb_size = BUCKET,
					     .tc_period = PERIOD_MS,
					     .tc_ov_weight = 1,
					     .wrr_weights = {1, 1, 1, 1}};
	struct rte_sched_subport_params subport = {.n_pipes_per_subport_enabled = cost->n_pipes,
						   .pipe_profiles = &pipe,
						   .n_pipe_profiles = 1,
						   .n_max_pipe_profiles = 1};
	struct rte_sched_port_params port = {
		.name = "reference",
		.rate = RATE,
		.mtu = MTU,
		.frame_overhead = PACKET_FRAMING_BYTES,
		.n_subports_per_port = 1,
		.subport_profiles = &slice,
		.n_subport_profiles = 1,
		.n_max_subport_profiles = 1,
		.n_pipes_per_subport = cost->n_pipes,
	};
	for (unsigned int i = 0; i < RTE_SCHED_TRAFFIC_CLASSES_PER_PIPE; i++)
		slice.tc_rate[i] = pipe.tc_rate[i] = RATE;
	for (enum traffic_class c = 0; c < TRAFFIC_CLASSES; c++)
		subport.qsize[traffic_class_rows[c].sched_class] =
			traffic_class_rows[c].queue_packets;
	for (unsigned int i = 0; i < RTE_SCHED_TRAFFIC_CLASSES_PER_PIPE; i++) {
		if (subport.qsize[i] == 0)
			pipe.tc_rate[i] = 0; /* what has no queue has no rate */
	}
	cost->port = rte_sched_port_config(&port);
	if (!cost->port)
		return -ENOMEM;
	int rc = rte_sched_subport_config(cost->port, 0, &subport, 0);
	for (uint32_t i = 0; rc == 0 && i < cost->n_pipes; i++)
		rc = rte_sched_pipe_config(cost->port, 0, i, 0);
	return rc;
}

int cost_rte_sched_create(unsigned int n_pipes, struct cost_rte_sched **out)
{
	struct cost_rte_sched *cost = calloc(1, sizeof(*cost));
	uint32_t state = 2463534242u;
	if (!cost)
		return -ENOMEM;
	for (unsigned int i = 0; i < TURNS; i++) {
		state = state * 1664525u + 1013904223u;
		cost->turns[i] = (uint32_t)((uint64_t)state * n_pipes >> 32);
	}
	cost->n_pipes = power_of_two(n_pipes);
	int rc = packet_pool_create("reference", POOL_PACKETS, &cost->pool);
	if (rc == 0)
		rc = configure(cost);
	for (unsigned int i = 0; rc == 0 && i < COST_BURST; i++)
		cost->packets[i] = packet_alloc(cost->pool);
	if (rc) {
		fprintf(stderr, "nn5g-bench: cost: rte_sched alone takes no %u pipes: %d\n",
			cost->n_pipes, rc);
		cost_rte_sched_destroy(cost);
		return rc;
	}
	*out = cost;
	return 0;
}

void cost_rte_sched_destroy(struct cost_rte_sched *cost)
{
	if (!cost)
		return;
	for (unsigned int i = 0; i < COST_BURST; i++)
		packet_free(cost->packets[i]);
	if (cost->port)
		rte_sched_port_free(cost->port);
	packet_pool_destroy(cost->pool);
	free(cost);
}

void cost_rte_sched_set_bytes(struct cost_rte_sched *cost, uint16_t bytes)
{
	cost->bytes = bytes;
}

void cost_rte_sched_turn(void *argument)
{
	struct cost_rte_sched *cost = argument;
	struct rte_mbuf *in[COST_BURST];
	uint32_t tc = traffic_class_rows[CLASS_VIDEO].sched_class;
	unsigned int n = 0;
	for (unsigned int i = 0; i < COST_BURST; i++) {
		in[i] = cost->packets[i];
		in[i]->pkt_len = cost->bytes + 42u;
		rte_sched_port_pkt_write(cost->port, in[i], 0, cost->turns[cost->at++ % TURNS], tc,
					 0, RTE_COLOR_GREEN);
	}
	rte_sched_port_enqueue(cost->port, in, COST_BURST);
	for (unsigned int i = 0; n < COST_BURST && i < EMPTY_TRIES; i++) {
		int got = rte_sched_port_dequeue(cost->port, cost->packets + n, COST_BURST - n);
		n += got > 0 ? (unsigned int)got : 0;
	}
	if (n == COST_BURST)
		return;
	fprintf(stderr, "nn5g-bench: cost: %u of %d packets came out of rte_sched\n", n,
		COST_BURST);
	exit(EXIT_FAILURE);
}
