/* What operators may ask of nn5g-control, over its control socket: the catalogue (tenants, plans,
 * slices, keys, secrets), top-ups, and what there is to see. The table is the reference. What has
 * to happen elsewhere (a session that ends, a node that drains) is a wish in the store; so every
 * method answers at once. One thread. */
#pragma once

#include "conf/rpc_table.h"

struct json_t;
struct ledger_key;
struct secret_key;
struct store;

/* The context of the table's methods. All borrowed. */
struct operator
{
	struct store *store;
	const char *state; /* folder: exports go to its subfolder "exports" */
	const struct secret_key *secret_key;
	const struct ledger_key *ledger_key;
	const char *node; /* the local node, NULL or "" before it said hello */
	/* Called after something was written, so that the node is fed now and not at the next
	 * look; may be NULL. */
	void (*on_change)(void *context);
	void *context;
};

/* Its methods take a struct operator as context. */
extern const struct rpc_table operator_table;
