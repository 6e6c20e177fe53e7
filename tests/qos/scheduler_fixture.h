/* What the scheduler's tests share: a scheduler over a small pool, packets of a given size, and
 * time that only the test moves. */
#pragma once

#include <stdio.h>
#include <string.h>

#include <rte_malloc.h>

#include "qos/eal.h"
#include "qos/scheduler.h"
#include "tests/cunit.h"

#define MS        1000000ull
#define SECOND    1000000000ull
#define MBPS      1000000ll
#define T0        (1000 * SECOND) /* when a test begins */
#define WIRE_1200 1200            /* wire bytes of packets made by fixture_packet(.., 1200) */
#define HEADERS   (8 + 20 + 14 + PACKET_FRAMING_BYTES)

struct fixture {
	struct rte_mempool *pool;
	struct scheduler *scheduler;
	uint64_t now_ns;
	char errors[256];
	/* What the scheduler told. */
	uint64_t dropped[SCHEDULER_DROPS];
};

static inline void fixture_on_drop(void *context, struct rte_mbuf *packet,
				   enum scheduler_drop reason)
{
	struct fixture *fixture = context;
	CU_ASSERT_PTR_NOT_NULL(packet_tx(packet)->pipe);
	fixture->dropped[reason]++;
}

static inline int fixture_eal_start(const char *program, unsigned int memory_mb)
{
	struct eal_config config = {.program = program, .n_workers = 2, .memory_mb = memory_mb};
	return eal_start(&config);
}

static inline int fixture_eal_stop(void)
{
	eal_stop();
	return 0;
}

static inline void fixture_open(struct fixture *fixture, int64_t link_bps)
{
	struct scheduler_config config = {
		.link_bps = link_bps, .on_drop = fixture_on_drop, .context = fixture};
	*fixture = (struct fixture){.now_ns = T0};
	dscp_map_default(&config.dscp);
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("scheduler", 8191, &fixture->pool), 0);
	CU_ASSERT_EQUAL_FATAL(scheduler_create(&config, &fixture->scheduler), 0);
}

/* Every packet must be back. */
static inline void fixture_close(struct fixture *fixture)
{
	scheduler_destroy(fixture->scheduler);
	CU_ASSERT(rte_mempool_full(fixture->pool));
	packet_pool_destroy(fixture->pool);
}

static inline struct scheduler_slice *fixture_slice(struct fixture *fixture, const char *name,
						    int64_t guaranteed_bps, int64_t max_bps)
{
	struct scheduler_slice_config config = {
		.guaranteed_bps = guaranteed_bps, .max_bps = max_bps, .five_qi = 9};
	struct scheduler_slice *slice = NULL;
	snprintf(config.name, sizeof(config.name), "%s", name);
	int rc = scheduler_slice_add(fixture->scheduler, &config, fixture->errors,
				     sizeof(fixture->errors), &slice);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	return slice;
}

static inline struct scheduler_pipe *fixture_pipe(struct fixture *fixture,
						  struct scheduler_slice *slice, int64_t max_bps)
{
	struct scheduler_pipe_config config = {.name = "tenant", .max_bps = max_bps};
	struct scheduler_pipe *pipe = NULL;
	int rc = scheduler_pipe_add(fixture->scheduler, slice, &config, fixture->errors,
				    sizeof(fixture->errors), &pipe);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	return pipe;
}

/* A packet that takes `wire_bytes` of the link. */
static inline struct rte_mbuf *fixture_packet(struct fixture *fixture, struct scheduler_pipe *pipe,
					      enum traffic_class class, uint32_t wire_bytes)
{
	struct rte_mbuf *packet = packet_alloc(fixture->pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rte_pktmbuf_append(packet, (uint16_t)(wire_bytes - HEADERS)));
	struct packet_meta *meta = packet_meta(packet);
	memset(meta, 0, sizeof(*meta));
	address_parse_ip(&meta->flow.local, "192.0.2.1", 8443);
	address_parse_ip(&meta->flow.remote, "192.0.2.2", 40000);
	meta->tx.pipe = pipe;
	meta->tx.traffic_class = (uint8_t) class;
	return packet;
}

static inline void fixture_put(struct fixture *fixture, struct scheduler_pipe *pipe,
			       enum traffic_class class, uint32_t wire_bytes, unsigned int n)
{
	for (; n > 0; n--) {
		struct rte_mbuf *packet = fixture_packet(fixture, pipe, class, wire_bytes);
		scheduler_enqueue(fixture->scheduler, &packet, 1, fixture->now_ns);
	}
}

/* Keeps at least `n` packets in the pipe's queue. */
static inline void fixture_fill(struct fixture *fixture, struct scheduler_pipe *pipe,
				enum traffic_class class, uint32_t wire_bytes, unsigned int n)
{
	uint64_t there = scheduler_stat(&scheduler_pipe_stats(pipe, class)->queued_packets);
	if (there < n)
		fixture_put(fixture, pipe, class, wire_bytes, n - (unsigned int)there);
}

/* Takes all that may leave now. Returns how many packets. */
static inline unsigned int fixture_take(struct fixture *fixture)
{
	struct rte_mbuf *packets[64];
	unsigned int n, sum = 0;
	while ((n = scheduler_dequeue(fixture->scheduler, packets, 64, fixture->now_ns)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			CU_ASSERT_EQUAL(packets[i]->pkt_len, packets[i]->data_len);
			packet_free(packets[i]);
		}
		sum += n;
	}
	return sum;
}

static inline uint64_t fixture_sent_bytes(const struct scheduler_stats *stats)
{
	return scheduler_stat(&stats->sent_bytes);
}

/* |found - expected| <= expected * promille / 1000, else says both. */
static inline bool fixture_is_near(double found, double expected, double promille)
{
	double error = (found - expected) / expected * 1000;
	if (error <= promille && error >= -promille)
		return true;
	fprintf(stderr, "\n    found %.0f, expected %.0f: off by %.2f promille\n", found, expected,
		error);
	return false;
}
