/* A gateway of our own: started with a configuration made for it, in a folder that goes with it. */
#pragma once

#include <stdint.h>

#define NODE_TENANTS_MAX 4
#define NODE_TENANT      "bench" /* the one tenant of a node without slices */

struct node;

struct node_slice {
	const char *id; /* of the slice, and of the one tenant in it; borrowed, a plain word */
	int64_t guaranteed_bps, max_bps;
	unsigned int five_qi;
};

/* All borrowed; what is 0 or NULL is the gateway's default, unless said otherwise. */
struct node_config {
	unsigned int port_mbps;
	const struct node_slice *slices;
	unsigned int n_slices;  /* up to NODE_TENANTS_MAX; 0: NODE_TENANT, in no slice */
	const char *listen;     /* media address; NULL: 127.0.0.1 */
	unsigned int workers;   /* 0: one */
	unsigned int sessions;  /* that there may be: the caps that protect a node are above it */
	unsigned int memory_mb; /* node.memory_mb */
	unsigned int packets;   /* node.packets */
	const char *media;      /* more keys of its section, "key: value, key: value" */
	const char *more;       /* more of gateway.yaml: whole sections, but node, http, media,
				 * control, tenants and limits */
};

/* Returns when it takes requests. The gateway ends when the calling thread does, at the latest.
 * Negative errno with a line on stderr. */
int node_start(const struct node_config *config, struct node **out);
/* Ends the gateway. Whether it ended well. Takes NULL. */
int node_stop(struct node *node);
/* Of its HTTP port. */
const char *node_port(const struct node *node);
/* Of the tenant in slice `index`: may publish and play anything of its own. */
const char *node_token(const struct node *node, unsigned int index);
int node_pid(const struct node *node);
