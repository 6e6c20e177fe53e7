/* A scheduler and a port as the node has them, with open-loop senders in front and peers that count
 * behind. The packet thread is a worker lcore: it makes what is due, enqueues it, dequeues what may
 * leave and sends it, as a node's only worker does. All functions: control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/slices_sink.h"
#include "bench/slices_timeline.h"
#include "qos/policer.h"
#include "qos/port.h"
#include "qos/scheduler.h"

#define RIG_GROUPS SINK_GROUPS_MAX

struct rig;

/* Sends `burst` datagrams of `bytes` each `interval_ns`, come what may. */
struct source {
	struct scheduler_pipe *pipe; /* borrowed */
	enum flow_kind kind;
	uint16_t bytes, burst;
	uint64_t interval_ns, phase_ns; /* the first burst leaves at phase_ns */
	uint64_t period_ns, silent_ns;  /* nothing in the first part of each period; 0: always */
	unsigned int group, peer;       /* what it is counted with, where it goes */
	struct policer *policer;        /* what it meets before the scheduler. Borrowed, or NULL */
	uint64_t next_ns;               /* the rig's */
};

/* Of one group, in packets. */
struct rig_counts {
	uint64_t meant; /* to be sent */
	uint64_t policed, dropped[SCHEDULER_DROPS], no_buffer;
	uint64_t left, left_bytes; /* the scheduler; wire bytes */
};

struct rig_config {
	enum port_kind mode;
	bool has_port;     /* else packets end at the scheduler's exit */
	struct veth *veth; /* of all modes but PORT_SOCKET. Borrowed */
	int64_t link_bps;
	unsigned int packets; /* buffers */
	unsigned int n_peers;
	uint32_t timed_groups;
	bool is_realtime;
};

/* EAL has been started with one worker. Negative errno with a line on stderr. */
int rig_create(const struct rig_config *config, struct rig **out);
/* Takes NULL. Slices and pipes go with it. */
void rig_destroy(struct rig *rig);
struct scheduler *rig_scheduler(struct rig *rig);
struct rte_mempool *rig_pool(struct rig *rig);
/* As the scheduler's; errors go to stderr. */
int rig_add_slice(struct rig *rig, const struct scheduler_slice_config *config,
		  struct scheduler_slice **out);
int rig_add_pipe(struct rig *rig, struct scheduler_slice *slice, const char *name, int64_t max_bps,
		 struct scheduler_pipe **out);

/* Starts the packet thread. `sources` are the rig's until rig_end. All counting begins anew. */
int rig_begin(struct rig *rig, struct source *sources, unsigned int n, uint64_t span_ns);
/* When that was. */
uint64_t rig_begin_ns(const struct rig *rig);
/* Sleeps until so long after it. */
void rig_wait(const struct rig *rig, uint64_t after_ns);
/* Stops the senders, lets leave what is queued, ends the thread, and waits until the peers have got
 * what is under way. */
void rig_end(struct rig *rig);
/* All three. */
int rig_run(struct rig *rig, struct source *sources, unsigned int n, uint64_t ns);

/* After rig_end. */
const struct rig_counts *rig_counts(const struct rig *rig, unsigned int group);
const struct timeline *rig_timeline(const struct rig *rig, unsigned int group);
uint64_t rig_lost(const struct rig *rig, unsigned int group); /* meant, and not with its peer */
uint64_t rig_late_ns(const struct rig *rig); /* the latest that a packet was made */
const struct sink *rig_sink(const struct rig *rig);

/* From burst to burst, for a source of `wire_bps`. */
uint64_t source_interval_ns(int64_t wire_bps, uint16_t bytes, uint16_t burst);
/* What a datagram of `bytes` over IPv4 takes of the link. */
uint32_t source_wire_bytes(uint16_t bytes);
