/* The peers at the other end: a UDP socket each, one thread that reads them all, and the kernel's
 * time of every datagram. Control thread, but for the reading. */
#pragma once

#include <stdint.h>

#include "bench/watch.h"
#include "qos/address.h"

#define SINK_PEERS_MAX  64
#define SINK_GROUPS_MAX 16

struct sink;
struct veth;

/* What every datagram begins with. */
struct mark {
	uint64_t intended_ns; /* when it was meant to leave, CLOCK_MONOTONIC */
	uint32_t group;       /* what it is counted with */
	uint32_t peer;        /* of a hello: who says it */
};

struct sink_config {
	unsigned int n_peers;
	const char *address;   /* of all peers; borrowed */
	struct veth *veth;     /* they live at its far end; NULL: here. Borrowed */
	uint32_t timed_groups; /* bit per group: of these, each packet's times are kept */
};

/* From the intended sending to the kernel's receive time. */
struct sink_delays {
	uint64_t n, n_spoilt; /* packets; those that met a stall of the machine */
	double p50_ms, p99_ms, p999_ms, max_ms;
	double unspoilt_p99_ms; /* of the others */
};

int sink_create(const struct sink_config *config, struct sink **out);
/* Takes NULL. */
void sink_destroy(struct sink *sink);
/* Each peer sends one datagram to `port`, its mark in it. */
void sink_say_hello(struct sink *sink, const struct address *port);
/* Forgets what came. Nothing is under way. -ENOMEM: no room for `timed_packets`. */
int sink_begin(struct sink *sink, uint64_t timed_packets);
/* Any thread. */
uint64_t sink_packets(const struct sink *sink, unsigned int group);
/* Datagrams that the sockets had no room for: ours, not the network's. */
uint64_t sink_overflows(const struct sink *sink);
/* Of a timed group, when nothing is under way. -ENOMEM. */
int sink_delays(const struct sink *sink, unsigned int group, const struct watch *watch,
		struct sink_delays *out);
