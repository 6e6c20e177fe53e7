/* The node: everything there is one of, put together. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "gateway/candidates.h"
#include "gateway/sdp.h"

struct account_book;
struct admin;
struct control_child;
struct journal;
struct plane;
struct server;
struct session_table;
struct slice_table;
struct slicing;
struct stream_table;
struct tenant_table;
struct token_cache;
struct token_replays;
struct gate_counters;
struct usage_table;

struct node {
	struct gateway_config config;
	const char *config_path; /* borrowed; NULL: defaults */
	bool is_draining;
	struct plane *plane;
	struct server *server;
	struct tenant_table *tenants;
	struct slice_table *slices;
	struct slicing *slicing; /* keeps the scheduler equal to them */
	struct journal *journal; /* NULL: control: none */
	struct account_book *accounts;
	struct usage_table *usage;
	struct admin *admin;         /* NULL until it listens */
	struct control_child *child; /* control: embedded */
	struct stream_table *streams;
	struct session_table *sessions;
	struct token_replays *replays;
	struct token_cache *tokens;
	struct gate_counters *denials;
	/* Kept for the next request, as it is large; NULL while one has it. Owned. */
	struct sdp_session *spare_offer;
	struct candidates candidates;
	uint64_t started_ns;
	uint64_t start_bytes;   /* resident then (gateway/memory.h) */
	struct node_loop *loop; /* main loop and its sources */
};

/* Takes over `config`. -errno, logged; -EINTR: a signal asked to stop. Everything answers when it
 * returns 0. */
int node_start(struct gateway_config *config, const char *config_path, struct node **out);
/* Runs the main loop until SIGINT or SIGTERM. SIGHUP reloads. */
void node_run(struct node *node);
/* Ends all sessions, waits for them, takes everything down. Takes NULL. */
void node_stop(struct node *node);
