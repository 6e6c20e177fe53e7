/* The node: everything there is one of, put together. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "gateway/sdp.h"

struct plane;
struct server;
struct session_table;
struct stream_table;
struct tenant_table;
struct token_replays;
struct gate_counters;

struct node {
	struct gateway_config config;
	const char *config_path; /* borrowed; NULL: defaults */
	bool is_draining;
	struct plane *plane;
	struct server *server;
	struct tenant_table *tenants;
	struct stream_table *streams;
	struct session_table *sessions;
	struct token_replays *replays;
	struct gate_counters *denials;
	uint64_t started_ns;
	struct node_loop *loop; /* main loop and its sources */
};

/* Takes over `config`. -errno, logged. Everything answers when it returns 0. */
int node_start(struct gateway_config *config, const char *config_path, struct node **out);
/* Runs the main loop until SIGINT or SIGTERM. SIGHUP reloads. */
void node_run(struct node *node);
/* Ends all sessions, waits for them, takes everything down. Takes NULL. */
void node_stop(struct node *node);
