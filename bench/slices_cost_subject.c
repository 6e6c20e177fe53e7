/* Packets come from a pool once and go round and round; which pipe is next comes from a table made
 * before, so that nothing but the subject is timed. */
#include "bench/slices_cost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "bench/clock.h"
#include "bench/slices_rig.h"

#define TURNS        65536 /* of random numbers */
#define POOL_PACKETS 1023
#define EMPTY_TRIES  1000 /* dequeues for one burst: they all must come out */

static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* `n` below `bound`, the same in each run. */
static void random_fill(uint32_t *out, unsigned int n, unsigned int bound)
{
	uint32_t state = 2463534242u;
	for (unsigned int i = 0; i < n; i++)
		out[i] = random_next(&state) % bound;
}

struct cost_scheduler {
	struct rig *rig;
	struct rte_mbuf *packets[COST_BURST];
	uint16_t bytes;
	unsigned int at;
	uint32_t turns[TURNS];
	struct scheduler_pipe *pipes[];
};

/* The owner must run while pipes are added, or it would not hear of them. */
static int add_pipes(struct cost_scheduler *cost, unsigned int n_pipes)
{
	struct scheduler_slice_config config = {.name = "cost", .five_qi = 9};
	struct scheduler_slice *slice;
	int rc = rig_begin(cost->rig, NULL, 0, 0);
	if (rc)
		return rc;
	rc = rig_add_slice(cost->rig, &config, &slice);
	for (unsigned int i = 0; rc == 0 && i < n_pipes; i++) {
		char name[16];
		snprintf(name, sizeof(name), "p%u", i);
		rc = rig_add_pipe(cost->rig, slice, name, 0, &cost->pipes[i]);
	}
	rig_end(cost->rig);
	return rc;
}

int cost_scheduler_create(unsigned int n_pipes, struct cost_scheduler **out)
{
	struct rig_config config = {.packets = POOL_PACKETS};
	struct cost_scheduler *cost = calloc(1, sizeof(*cost) + n_pipes * sizeof(cost->pipes[0]));
	if (!cost)
		return -ENOMEM;
	random_fill(cost->turns, TURNS, n_pipes);
	int rc = rig_create(&config, &cost->rig);
	if (rc == 0)
		rc = add_pipes(cost, n_pipes);
	for (unsigned int i = 0; rc == 0 && i < COST_BURST; i++) {
		struct packet_meta *meta;
		cost->packets[i] = packet_alloc(rig_pool(cost->rig));
		meta = packet_meta(cost->packets[i]);
		memset(&meta->flow, 0, sizeof(meta->flow));
		address_parse_ip(&meta->flow.remote, "192.0.2.1", (uint16_t)i);
	}
	if (rc) {
		cost_scheduler_destroy(cost);
		return rc;
	}
	*out = cost;
	return 0;
}

void cost_scheduler_destroy(struct cost_scheduler *cost)
{
	if (!cost)
		return;
	for (unsigned int i = 0; i < COST_BURST; i++)
		packet_free(cost->packets[i]);
	rig_destroy(cost->rig);
	free(cost);
}

void cost_scheduler_set_bytes(struct cost_scheduler *cost, uint16_t bytes)
{
	cost->bytes = bytes;
}

void cost_scheduler_turn(void *argument)
{
	struct cost_scheduler *cost = argument;
	struct scheduler *scheduler = rig_scheduler(cost->rig);
	struct rte_mbuf *in[COST_BURST];
	unsigned int n = 0;
	for (unsigned int i = 0; i < COST_BURST; i++) {
		in[i] = cost->packets[i];
		in[i]->data_len = cost->bytes;
		in[i]->pkt_len = cost->bytes;
		*packet_tx(in[i]) = (struct packet_tx){
			.pipe = cost->pipes[cost->turns[cost->at++ % TURNS]],
			.traffic_class = CLASS_VIDEO,
		};
	}
	scheduler_enqueue(scheduler, in, COST_BURST, clock_ns());
	for (unsigned int i = 0; n < COST_BURST && i < EMPTY_TRIES; i++)
		n += scheduler_dequeue(scheduler, cost->packets + n, COST_BURST - n, clock_ns());
	if (n == COST_BURST)
		return;
	fprintf(stderr, "nn5g-bench: cost: %u of %d packets came out\n", n, COST_BURST);
	exit(EXIT_FAILURE);
}

struct cost_policers {
	unsigned int n, at;
	uint32_t turns[TURNS];
	uint64_t green;
	struct policer policers[];
};

int cost_policers_create(unsigned int n, struct cost_policers **out)
{
	struct policer_config config = {.committed_bps = 2000000, .burst_ms = 100};
	struct cost_policers *cost = rte_zmalloc(
		"policers", sizeof(*cost) + n * sizeof(cost->policers[0]), RTE_CACHE_LINE_SIZE);
	if (!cost)
		return -ENOMEM;
	cost->n = n;
	random_fill(cost->turns, TURNS, n);
	for (unsigned int i = 0; i < n; i++) {
		int rc = policer_set(&cost->policers[i], &config, clock_ns());
		if (rc) {
			rte_free(cost);
			return rc;
		}
	}
	*out = cost;
	return 0;
}

void cost_policers_destroy(struct cost_policers *cost)
{
	rte_free(cost);
}

void cost_policers_turn(void *argument)
{
	struct cost_policers *cost = argument;
	uint64_t now_ns = clock_ns();
	for (unsigned int i = 0; i < COST_BURST; i++) {
		struct policer *policer = &cost->policers[cost->turns[cost->at++ % TURNS]];
		cost->green += policer_color(policer, 1266, now_ns) == COLOR_GREEN;
	}
}
