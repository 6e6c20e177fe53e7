/* What the files of the admin socket share. Control thread.
 *
 *   admin.c          connections, the one that is the control plane, calls to it
 *   admin_methods.c  the table of methods, and those of operators
 *   admin_feed.c     what the control plane feeds: tenants, slices
 *   admin_quota.c    quota, and debits by backends
 *   admin_batch.c    events and claims on their way to it
 *   admin_report.c   the journal's records on theirs */
#pragma once

#include <sys/queue.h>
#include <sys/types.h>

#include "conf/rpc_table.h"
#include "gateway/admin.h"
#include "gateway/admin_batch.h"
#include "gateway/admin_report.h"

#define ADMIN_PROTOCOL        1
#define ADMIN_CONNECTIONS_MAX 64

struct admin_connection {
	struct admin *admin; /* parent */
	struct rpc *rpc;     /* owned */
	pid_t pid;           /* of the peer */
};

TAILQ_HEAD(admin_debit_list, admin_debit);

struct admin {
	struct node *node; /* parent */
	struct rpc_listener *listener;
	struct admin_connection *connections[ADMIN_CONNECTIONS_MAX]; /* owned; NULL: free */
	struct admin_connection *control; /* borrowed; NULL: none said hello */
	int64_t revision;                 /* of the last change that `control` fed */
	bool has_snapshot;                /* from `control` */
	bool is_fed;                      /* from any control plane, ever */
	struct admin_batch events, claims;
	struct admin_report report;
	struct admin_debit_list debits; /* that wait for their answer */
	GQueue *unanswered;             /* calls that found no control plane, to be told so */
	guint unanswered_source;
	struct admin_counters counters;
};

extern const struct rpc_table admin_table;

/* Methods of the feed are the control plane's alone. False: the call was failed. */
bool admin_is_control(const struct admin_connection *connection, struct rpc_call *call);
/* The connection becomes the control plane. */
void admin_take_control(struct admin_connection *connection);
/* The control plane fed a whole snapshot: from here on it is told everything. */
void admin_on_snapshot(struct admin *admin);

void admin_hello(void *context, struct rpc_call *call, struct json_t *params);
void admin_tenant_snapshot(void *context, struct rpc_call *call, struct json_t *params);
void admin_tenant_put(void *context, struct rpc_call *call, struct json_t *params);
void admin_tenant_remove(void *context, struct rpc_call *call, struct json_t *params);
void admin_slice_put(void *context, struct rpc_call *call, struct json_t *params);
void admin_slice_remove(void *context, struct rpc_call *call, struct json_t *params);
void admin_quota_grant(void *context, struct rpc_call *call, struct json_t *params);
void admin_quota_recall(void *context, struct rpc_call *call, struct json_t *params);
void admin_usage_authorize(void *context, struct rpc_call *call, struct json_t *params);
void admin_usage_commit(void *context, struct rpc_call *call, struct json_t *params);
void admin_usage_cancel(void *context, struct rpc_call *call, struct json_t *params);
/* Fails what waits. */
void admin_debits_end(struct admin *admin);

/* {"session", "tenant", "stream", "role", "epoch", "state", "reason", "provider_id", "at_ms"} */
struct json_t *admin_describe_session(const struct session *session);
