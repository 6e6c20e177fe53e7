/* What operators may ask of nn5g-control, over its control socket: the catalogue (tenants, plans,
 * slices, keys, secrets), top-ups, and what there is to see. The table is the reference. What has
 * to happen elsewhere (a session that ends, a node that drains) is a wish in the store; so every
 * method answers at once, but those that write an export. One thread, and one for each export. */
#pragma once

#include <sys/queue.h>

#include "conf/rpc_table.h"

struct json_t;
struct ledger_key;
struct operator_export;
struct secret_key;
struct store;

/* The context of the table's methods. All borrowed. */
struct operator
{
	struct store *store;
	const char *url;   /* of the store: an export is read through a connection of its own */
	const char *state; /* folder: exports go to its subfolder "exports" */
	const struct secret_key *secret_key;
	const struct ledger_key *ledger_key;
	const char *node; /* the local node, NULL or "" before it said hello */
	/* Called after something was written, so that the node is fed now and not at the next
	 * look; may be NULL. */
	void (*on_change)(void *context);
	void *context;
	SLIST_HEAD(, operator_export) exports; /* that are being written */
};
/* Waits for exports that are being written, and answers who asked for them. */
void operator_stop(struct operator* operators);

/* Its methods take a struct operator as context. */
extern const struct rpc_table operator_table;
