/* Where the node's memory is, by owner, and what a session costs: for the admin socket
 * (`stats.memory`), nn5gctl and /metrics. Control thread. */
#pragma once

#include <stdint.h>

#include <glib.h>

struct json_t;
struct node;

enum memory_owner {
	/* made at the start for all the sessions there may be */
	MEMORY_PACKETS,
	MEMORY_CRYPTO,
	MEMORY_DPDK,
	MEMORY_TABLES,
	/* as many as there are sessions and streams */
	MEMORY_TRANSPORTS,
	MEMORY_DTLS,
	MEMORY_SRTP_IN,
	MEMORY_SRTP_OUT,
	MEMORY_SESSIONS,
	MEMORY_ACCOUNTS,
	MEMORY_FEEDS,
	MEMORY_HTTP,
	/* the process */
	MEMORY_FILES,
	MEMORY_REST,
	MEMORY_OWNERS
};

extern const char *const memory_owner_names[MEMORY_OWNERS];

struct memory_report {
	uint64_t resident;             /* of the process, hugepages too */
	uint64_t at_start;             /* the same when the node had just started */
	uint64_t bytes[MEMORY_OWNERS]; /* their sum is `resident`, unless some is swapped out */
	unsigned int sessions;
};

/* The node has started: sessions come on top of what is resident now. */
void memory_note_start(struct node *node);
/* -EIO: the kernel does not say how much is resident. */
int memory_measure(struct node *node, struct memory_report *out);
/* What a session adds: growth since the start by session; 0: there are none. */
uint64_t memory_session_bytes(const struct memory_report *report);
/* NULL: no memory, or nothing to be had. */
struct json_t *memory_describe(struct node *node);
void metrics_render_memory(struct node *node, GString *out);
