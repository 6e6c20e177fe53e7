/* The rig's insides: slices_rig.c builds it, slices_rig_own.c is its packet thread. */
#pragma once

#include <stdatomic.h>

#include "bench/slices_rig.h"

#define RIG_FLOWS_MAX 256

struct rig_flow {
	struct flow flow;
	struct link_route route;
	bool is_known;
};

/* Written by the packet thread. */
struct rig_group {
	struct rig_counts counts;
	struct timeline timeline;
};

struct rig {
	struct rig_config config;
	struct rte_mempool *pool; /* owned, as all that follow */
	struct scheduler *scheduler;
	struct port *port; /* NULL: none */
	struct sink *sink; /* NULL: none */
	int wake_fd;
	struct rig_flow flows[RIG_FLOWS_MAX];
	atomic_bool is_stopping;
	/* The packet thread's, while it runs: */
	struct source *sources; /* borrowed */
	unsigned int n_sources, at_source;
	uint64_t begin_ns, late_ns, queued;
	struct rig_group groups[RIG_GROUPS];
};

/* Moves a source's next moment out of the silent part of its period. */
static inline void rig_skip_silence(struct source *source, uint64_t begin_ns)
{
	if (source->period_ns == 0)
		return;
	uint64_t into_ns = (source->next_ns - begin_ns) % source->period_ns;
	if (into_ns < source->silent_ns)
		source->next_ns += source->silent_ns - into_ns;
}

/* The packet thread, an lcore function. */
int rig_own(void *rig);
void rig_count_drop(struct rig *rig, struct rte_mbuf *packet, enum scheduler_drop reason);
