/* A gateway of our own: started with a configuration made for it, in a folder that goes with it. */
#pragma once

#include <stdint.h>

#define NODE_TENANTS_MAX 4

struct node;

struct node_slice {
	const char *id; /* of the slice, and of the one tenant in it; borrowed, a plain word */
	int64_t guaranteed_bps, max_bps;
	unsigned int five_qi;
};

struct node_config {
	unsigned int port_mbps;
	const struct node_slice *slices; /* borrowed */
	unsigned int n_slices;           /* up to NODE_TENANTS_MAX */
};

/* Returns when it takes requests. Negative errno with a line on stderr. */
int node_start(const struct node_config *config, struct node **out);
/* Ends the gateway. Whether it ended well. Takes NULL. */
int node_stop(struct node *node);
/* Of its HTTP port. */
const char *node_port(const struct node *node);
/* Of the tenant in slice `index`: may publish and play anything of its own. */
const char *node_token(const struct node *node, unsigned int index);
int node_pid(const struct node *node);
