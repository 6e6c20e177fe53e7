/* The thin control plane: stands between one node and the store. Feeds what the store says of
 * tenants and slices to the node, grants it quota, commits its usage, and answers operators. One
 * thread, one main loop; the store is asked synchronously. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct control;
struct rpc_table;

struct control_config {
	const char *admin;  /* the node's admin socket */
	const char *store;  /* "sqlite:PATH" or "postgresql://..." */
	const char *socket; /* operators' */
	/* What operators may call there, with a struct operator as context (conf/operator.h). */
	const struct rpc_table *methods;
	const char *state;  /* folder for keys and exports */
	const char *import; /* tenants.yaml; NULL: none */
	const char *group;  /* whose members may operate; NULL: the owner and root only */
	bool is_embedded;   /* ends when standard input does: the gateway holds its other end */
};

/* Opens what must be there (state folder, keys, socket) and begins; a store or node that is away is
 * waited for. Borrows the config and its texts. Negative errno, logged. */
int control_start(const struct control_config *config, struct control **out);
/* Runs until asked to end. 0, or a negative errno when it can never work (logged). */
int control_run(struct control *control);
void control_stop(struct control *control, int result);
/* Signs the heads of all ledgers, says goodbye, frees. Takes NULL. */
void control_destroy(struct control *control);
/* Reads the import file again (SIGHUP). */
void control_reload(struct control *control);
/* Feeds, recalls and kills what the store says now; it is also looked at when the store tells of
 * changes. */
void control_look(struct control *control);
/* Has the node all that the store has? For tests. */
bool control_is_fed(const struct control *control);
