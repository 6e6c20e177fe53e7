/* The egress scheduler of one port: link -> slices -> tenants (pipes) -> traffic classes.
 *
 * DPDK's rte_sched holds the queues: each slice is an rte_sched port of its own with one subport; a
 * tenant is a pipe in it, with 13 strict traffic classes of which we use seven. What rte_sched does
 * not know stands around it, in exact token buckets: a guarantee that is lent while its owner is
 * idle, limits, ceilings, equal parts. Slices get grants, first out of their guarantee, then in
 * equal parts out of what the link has left, never beyond max_bps; the pipes of a slice get equal
 * parts of its grants, each up to its ceiling, as credits of rte_sched.
 *
 * Classes are strict within a tenant: what its policers let in of the upper ones may starve its own
 * lower ones, which then drop as late; never another tenant's.
 *
 * All rates are wire rates: a packet counts with its UDP, IP and Ethernet headers and 24 bytes of
 * framing (packet_wire_bytes).
 *
 * Control thread: everything under "control". The owner does the rest: one other thread at a time;
 * control's changes reach it through a list that it empties when it is called. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qos/packet.h"
#include "qos/traffic_class.h"

#define SCHEDULER_SLICES_MAX 80 /* conf's SLICES_MAX, the default slice, and some that drain */
#define SCHEDULER_PIPES_MAX  65536
#define SCHEDULER_NAME_MAX   63
#define SCHEDULER_DELAY_BINS 16 /* of the delay histogram; see scheduler_delay_bin_ns */
#define SCHEDULER_PASS_MAX   32 /* packets; the shortest queue has room for these, and no RED yet */

struct scheduler;
struct scheduler_slice;
struct scheduler_pipe;

/* Why a packet did not leave. */
enum scheduler_drop {
	SCHEDULER_DROP_FULL,    /* its class's queue was full */
	SCHEDULER_DROP_LATE,    /* it waited longer than its class may, or would have to */
	SCHEDULER_DROP_EARLY,   /* RED */
	SCHEDULER_DROP_NO_PIPE, /* its tenant is gone */
	SCHEDULER_DROPS
};
extern const char *const scheduler_drop_names[SCHEDULER_DROPS];

struct scheduler_config {
	int64_t link_bps; /* what leaves the port at most; 0: whatever it takes */
	struct dscp_map dscp;
	/* What may be queued in all, so that floods do not take the last packet from the pool: a
	 * queue takes at most what is left of it. 0: no such bound. */
	unsigned int packets_max;
	/* Owner thread, before the packet is freed; may be NULL. Not for packets of a scheduler
	 * that is destroyed. */
	void (*on_drop)(void *context, struct rte_mbuf *packet, enum scheduler_drop reason);
	/* Control thread: a change waits for the owner, who may sleep. May be NULL. */
	void (*wake)(void *context);
	void *context;
};

struct scheduler_slice_config {
	char name[SCHEDULER_NAME_MAX + 1];
	int64_t guaranteed_bps, max_bps; /* 0: none, any */
	unsigned int latency_ms;         /* 0: none */
	unsigned int five_qi;
};

struct scheduler_pipe_config {
	char name[SCHEDULER_NAME_MAX + 1];
	int64_t max_bps; /* 0: what the slice gives */
};

/* Written by the owner, read by any thread with relaxed loads (scheduler_stat). Totals only grow;
 * `queued_*` are what is there now. */
struct scheduler_stats {
	uint64_t sent_packets, sent_bytes; /* wire bytes */
	uint64_t dropped[SCHEDULER_DROPS];
	uint64_t yellow_packets; /* of those sent */
	uint64_t queued_packets, queued_bytes;
	uint64_t delay_bins[SCHEDULER_DELAY_BINS]; /* packets sent, by the time they waited */
	uint64_t delay_ns;                         /* sum of it */
};

static inline uint64_t scheduler_stat(const uint64_t *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Upper bound of a bin of the delay histogram; UINT64_MAX of the last. */
uint64_t scheduler_delay_bin_ns(unsigned int bin);

/* ---- control ---- */

/* With a default slice (no guarantee, no limit) that has one pipe: the node's own packets. -ENOMEM.
 */
int scheduler_create(const struct scheduler_config *config, struct scheduler **out);
/* The owner has stopped. Frees what is queued and everything that hangs below. Takes NULL. */
void scheduler_destroy(struct scheduler *scheduler);
/* Frees what the owner is through with. Call now and then (once a second). Returns how many slices
 * and pipes are still on their way out. */
unsigned int scheduler_collect(struct scheduler *scheduler);

/* Negative errno with a line in `errors` (which names the slice, the value and what is left or
 * expected): -EINVAL a rate that no link has, guaranteed above max, an unknown 5QI; -ENOSPC the
 * guarantees exceed the link; -EMFILE SCHEDULER_SLICES_MAX; -ENOMEM. Nothing changes then. */
int scheduler_slice_add(struct scheduler *scheduler, const struct scheduler_slice_config *config,
			char *errors, size_t errors_bytes, struct scheduler_slice **out);
int scheduler_slice_change(struct scheduler_slice *slice,
			   const struct scheduler_slice_config *config, char *errors,
			   size_t errors_bytes);
/* Its pipes were removed or moved before. What is queued still leaves. The pointer is dead. */
void scheduler_slice_remove(struct scheduler_slice *slice);

/* slice NULL: the default slice. As above; -EMFILE: SCHEDULER_PIPES_MAX. */
int scheduler_pipe_add(struct scheduler *scheduler, struct scheduler_slice *slice,
		       const struct scheduler_pipe_config *config, char *errors,
		       size_t errors_bytes, struct scheduler_pipe **out);
/* New rate, new slice, or both. What is queued still leaves where it was. */
int scheduler_pipe_change(struct scheduler_pipe *pipe, struct scheduler_slice *slice,
			  const struct scheduler_pipe_config *config, char *errors,
			  size_t errors_bytes);
/* Nobody enqueues to it any more (the caller passed a barrier). What is queued still leaves. The
 * pointer is dead. */
void scheduler_pipe_remove(struct scheduler_pipe *pipe);

/* Of the node's own packets. */
struct scheduler_pipe *scheduler_default_pipe(struct scheduler *scheduler);
struct scheduler_slice *scheduler_default_slice(struct scheduler *scheduler);

/* Any thread; the pointers live as long as the slice or pipe. */
const struct scheduler_stats *scheduler_slice_stats(const struct scheduler_slice *slice,
						    enum traffic_class traffic_class);
const struct scheduler_stats *scheduler_pipe_stats(const struct scheduler_pipe *pipe,
						   enum traffic_class traffic_class);
/* The class of a flow of this tenant, as its slice's 5QI says now. Any thread. */
enum traffic_class scheduler_pipe_class(const struct scheduler_pipe *pipe, enum flow_kind kind);
/* Whether a packet enqueued now would be taken, as far as one can tell from here: what surely would
 * be dropped need not be encrypted first. Any thread. */
bool scheduler_pipe_accepts(const struct scheduler_pipe *pipe, enum traffic_class traffic_class);
/* Packets were not even made because it does not accept them: they count as late. Any thread. */
void scheduler_pipe_refuse(struct scheduler_pipe *pipe, enum traffic_class traffic_class,
			   unsigned int packets);

/* ---- owner ---- */

/* Takes ownership of all. Of each packet, packet_tx() says pipe, class and colour. Drops are
 * counted and told (on_drop). */
void scheduler_enqueue(struct scheduler *scheduler, struct rte_mbuf **packets, unsigned int n,
		       uint64_t now_ns);
/* What may leave now, at most `max` (<= 64), with its DSCP in packet_tx(). The caller owns it. */
unsigned int scheduler_dequeue(struct scheduler *scheduler, struct rte_mbuf **packets,
			       unsigned int max, uint64_t now_ns);
/* When to call scheduler_dequeue again, if nothing is enqueued before. UINT64_MAX: nothing waits.
 */
uint64_t scheduler_next_ns(const struct scheduler *scheduler, uint64_t now_ns);
/* The way past the queues, for up to SCHEDULER_PASS_MAX packets. True: nothing can hold any of them
 * back (nothing is queued, no change waits, no rate binds their tenants and slices or the link), so
 * they are as scheduler_dequeue would give them: counted, marked, the more urgent classes first.
 * The caller still owns them. False: nothing was done, they are to be enqueued. */
bool scheduler_pass(struct scheduler *scheduler, struct rte_mbuf **packets, unsigned int n);
