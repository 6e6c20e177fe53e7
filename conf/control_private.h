/* What the files of the control plane share. Not for others: they see conf/control.h. */
#pragma once

#include <glib.h>

#include "conf/control.h"
#include "conf/operator.h"
#include "conf/policy.h"
#include "conf/rpc.h"
#include "conf/store.h"

#define CONTROL_PROTOCOL    1
#define CONTROL_TENANT_MAX  63
#define CONTROL_SESSION_MAX 63

struct control_feed;
struct control_quota;
struct control_usage;

struct control {
	struct control_config config; /* texts borrowed */
	GMainLoop *loop;
	bool is_stopping;
	int result;
	bool is_import_wanted;

	/* The store. NULL until it could be opened; it is up when `store_is_up`. */
	struct store *store;
	bool store_is_up;
	GSource *store_watch; /* its descriptor, or a poll */
	GSource *store_retry; /* while it is away */
	unsigned int store_pause_ms;
	GSource *look_soon; /* a look that was asked for */
	GSource *tick;      /* each second */
	uint64_t ticks;
	struct ledger_key *ledger_key;
	struct secret_key *secret_key;

	/* The node. `node` is NULL while it is away; `is_greeted` once it answered hello. */
	struct rpc *node;
	bool is_greeted;
	bool is_presented; /* and the store knows what it said */
	char node_id[CONTROL_TENANT_MAX + 1], boot[33];
	struct json_t *hello; /* what it said: owned */
	GSource *node_retry;
	unsigned int node_pause_ms;
	struct control_feed *feed;
	struct control_quota *quota;
	struct control_usage *usage;

	struct control_socket *socket; /* operators' connections */
	struct operator operators;     /* context of their calls */
	GSource *lifeline;             /* standard input, when embedded */
};

int64_t control_now_ms(void);
/* The store, or NULL while it is away. */
struct store *control_store(struct control *control);
/* Says what became of a call to the store: true when it was done. An error is logged with `what`;
 * when the store is away, it is asked again from then on. */
bool control_store_did(struct control *control, int rc, const char *what);
/* Looks within LOOK_DELAY_MS. */
void control_look_soon(struct control *control);
/* Is there a store and a node that said who it is? */
bool control_is_whole(const struct control *control);
/* Replaces *source by one that runs `turn` in `ms`, and again as it returns; NULL turn: none. */
void control_timer_set(GSource **source, unsigned int ms, GSourceFunc turn, void *context);

/* The next pause before something is tried again. */
unsigned int control_pause_grow(unsigned int *pause_ms);

/* control_node.c: the connection to the node. */
void control_node_start(struct control *control);
void control_node_stop(struct control *control);
/* Brings what the node said to the store, if that is still to do. */
void control_node_present(struct control *control);
/* A sign of life, now and then. */
void control_node_beat(struct control *control);

/* control_feed.c */
struct control_feed *control_feed_create(struct control *control);
void control_feed_destroy(struct control_feed *feed);
/* The node is new or has forgotten: everything is to be fed. */
void control_feed_reset(struct control_feed *feed);
void control_feed_look(struct control_feed *feed);
bool control_feed_is_done(const struct control_feed *feed);

/* control_quota.c */
struct control_quota *control_quota_create(struct control *control);
void control_quota_destroy(struct control_quota *quota);
/* What the node says it holds, after hello: [{"tenant", "account", "granted_total",
 * "returned_total"}]. Negative errno. */
int control_quota_reconcile(struct control_quota *quota, const struct json_t *quotas);
/* The store was away: what it granted without our hearing of it is taken back. Negative errno. */
int control_quota_resume(struct control_quota *quota);
/* The node is gone: nothing is asked of it any more, and it asks nothing. */
void control_quota_forget(struct control_quota *quota);
void control_quota_request(struct control_quota *quota, struct rpc_call *call,
			   const struct json_t *params);
/* Wishes of other nodes, and our node's that wait. */
void control_quota_look(struct control_quota *quota);
/* A tenant changed: has it less than was granted? */
void control_quota_check(struct control_quota *quota, const char *tenant);

/* control_usage.c: what the node reports, and what it is asked to end. */
struct control_usage *control_usage_create(struct control *control);
void control_usage_destroy(struct control_usage *usage);
void control_usage_forget(struct control_usage *usage);
void control_usage_report(struct control *control, struct rpc_call *call,
			  const struct json_t *params);
void control_usage_look(struct control_usage *usage);
void control_usage_sign(struct control *control);

/* control_socket.c: operators. */
int control_socket_create(struct control *control, struct control_socket **out);
void control_socket_destroy(struct control_socket *socket);
