/* The control plane's store, on SQLite or PostgreSQL with the same meaning: the only state that a
 * fleet shares. Documents come and go as JSON objects, named like the columns. Every function is
 * one transaction, returns 0 or a negative errno (-ENOENT, -EEXIST, -ENOTCONN, -ENOSPC, ...), and
 * may be repeated. One thread. The schema and who changes what: store_schema.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/ledger.h"
#include "conf/policy.h"
#include "conf/usage.h"

struct json_t;
struct sql;
struct store;

/* Opens and migrates. Negative errno, logged: a schema newer than this program is -EPROTO. */
int store_open(const char *url, struct store **out);
/* For readers (nn5gctl ledger verify): opens what is there, changes nothing, and shows the store as
 * it was at that moment until it is closed, however it is written to meanwhile. -EPROTO when the
 * schema is not this program's. */
int store_open_readonly(const char *url, struct store **out);
void store_close(struct store *store);
struct sql *store_sql(struct store *store);
/* After -ENOTCONN: tries to connect again. */
int store_reconnect(struct store *store);

/* --- What is fed to nodes ---------------------------------------------------------------------
 * Every change of a tenant (its keys, plan, top-ups) or slice, whoever makes it and how, gives it a
 * new revision: triggers do that. */

#define STORE_EXITED_FED 100 /* the last ones; nodes have room for so many tenants */
int store_revisions(struct store *store,
		    void (*each)(void *context, const char *kind, const char *id,
				 int64_t revision), /* kind: "tenant", "slice" */
		    void *context);
/* A tenant as the node takes it: {"id", "name", "standing", "issuer", "slice", "keys": [{"id",
 * "algorithm", "public_key"}], "policy": {...}}, the policy being the plan's with the tenant's own
 * on top (RFC 7396). */
int store_tenant_document(struct store *store, const char *id, struct json_t **out);
int store_slice_document(struct store *store, const char *id, struct json_t **out);
/* The policy alone. */
int store_tenant_policy(struct store *store, const char *id, struct json_t **out);

/* --- Quota --------------------------------------------------------------------------------------
 * A grant is one row per tenant, node, boot and account with totals that only grow: granted >=
 * settled, and their difference is outstanding. What is available is limit - used - outstanding
 * over all nodes; it is computed and granted in one transaction that locks the tenant, so grants
 * never exceed the limit. */
struct store_grant {
	/* asked */
	const char *tenant, *node, *boot;
	enum account account;
	int64_t wanted;  /* at least this much more, micros or ms */
	int64_t comfort; /* and up to this much if there is plenty (a quarter of what is available)
			  */
	int64_t now_ms;
	/* answered */
	int64_t granted_total;         /* of this node and boot, after it */
	bool is_unlimited;             /* the account has no limit: nothing needs to be granted */
	int64_t available;             /* left for others */
	int64_t outstanding_elsewhere; /* in other nodes' hands: may be recalled */
	bool is_overdrawn;             /* limit < used + outstanding: grants are to be taken back */
};
/* Grants what there is (perhaps nothing, then granted_total stays). */
int store_grant(struct store *store, struct store_grant *grant);
/* Looks only: fills what is answered. */
int store_grant_look(struct store *store, struct store_grant *grant);
/* The node gave back: `settled` grows to what `returned_total` adds. Idempotent: totals. */
int store_grant_return(struct store *store, const char *tenant, const char *node, const char *boot,
		       enum account account, int64_t returned_total);
/* On hello of the same boot: what was granted but never arrived (store > node) is taken back. */
int store_grant_reconcile(struct store *store, const char *tenant, const char *node,
			  const char *boot, enum account account, int64_t granted_total);
/* Everything journaled before `boot` is settled: grants of the node's earlier boots are void.
 * Unless another boot has taken over since, whose grants it would void, too: nothing then. */
int store_grants_release(struct store *store, const char *node, const char *boot);
/* The boot itself ends, and all its usage is committed: what it holds and has not used is free. */
int store_grants_end(struct store *store, const char *node, const char *boot);
/* Tenants and accounts of which a node other than `node` holds something: whom to ask for a recall.
 */
int store_grant_holders(struct store *store, const char *tenant, enum account account,
			const char *node, void (*each)(void *context, const char *holder),
			void *context);
/* Recall on demand: a node wants `amount` more than is available, others hold some. Its wish stands
 * until it is done, or for STORE_RECALL_MS: their controls ask their nodes to give back. */
#define STORE_RECALL_MS 30000 /* two nodes' clocks may differ by some of it */
int store_recall_wish(struct store *store, const char *tenant, enum account account,
		      const char *node, int64_t amount, int64_t now_ms);
int store_recall_done(struct store *store, const char *tenant, enum account account,
		      const char *node);
/* Wishes of nodes other than `node` for what `node` holds. */
struct store_recall {
	const char *tenant, *node; /* borrowed; the node that wishes */
	enum account account;
	int64_t amount;
	int64_t held; /* by us, as the store knows */
};
int store_recalls(struct store *store, const char *node, int64_t now_ms,
		  void (*each)(void *context, const struct store_recall *recall), void *context);
/* The calendar month of a tenant at a time, "2026-11": the period of its meters and top-ups. */
#define STORE_PERIOD_BYTES 8
int store_period(struct store *store, const char *tenant, int64_t at_ms,
		 char out[STORE_PERIOD_BYTES]);
/* {"accounts": [{"account", "limit" (absent: unlimited), "used_month", "used_total", "topped_up",
 * "outstanding", "available"}], "month": "2026-11"}. */
int store_budget(struct store *store, const char *tenant, int64_t now_ms, struct json_t **out);

/* --- Usage and ledger ---------------------------------------------------------------------------
 */
enum store_verdict {
	STORE_COMMITTED,
	STORE_DUPLICATE,
	STORE_ELSEWHERE, /* a duplicate of what another node, or boot, has committed */
	STORE_REFUSED
};
/* Appends records to their tenants' ledgers (audit_logs), adds them to the meters, settles the
 * grants, all in one transaction. Zero quantities are committed to nothing. A record whose id is
 * there is a duplicate and changes nothing; a closed one of an unknown tenant is refused (logged).
 * verdicts[i] is set on success. */
int store_usage_commit(struct store *store, const struct usage_record *records, unsigned int n,
		       enum store_verdict *verdicts);
/* Of a tenant, closed in [from_ms, to_ms): {"rows", "cost_micros", "creator_micros",
 * "platform_micros", "usage": [{"unit", "kind", "provider_id", "rows", "quantity_ms",
 * "cost_micros", "creator_micros", "platform_micros"}]}. */
int store_usage_sums(struct store *store, const char *tenant, int64_t from_ms, int64_t to_ms,
		     struct json_t **out);
/* Rows in order of sequence, from one on; a non-zero return of `each` ends it and is returned. */
int store_ledger_rows(struct store *store, const char *tenant, int64_t from,
		      int (*each)(void *context, const struct ledger_row *row), void *context);
int store_ledger_heads(struct store *store, const char *tenant,
		       int (*each)(void *context, const struct ledger_head *head), void *context);
/* What the store says the ledger is: rows and last hash. */
int store_ledger_state(struct store *store, const char *tenant, int64_t *size,
		       struct merkle_hash *last);
/* And how large its newest head is; 0: none was signed. */
int store_ledger_signed(struct store *store, const char *tenant, uint64_t *size);
int store_ledger_tenants(struct store *store, int (*each)(void *context, const char *tenant),
			 void *context);
/* Publishes a signed head for every tenant whose ledger grew since its last one. */
int store_ledger_sign(struct store *store, const struct ledger_key *key, int64_t now_ms);
/* Public keys heads were signed with, as PEM. */
int store_ledger_keys(struct store *store,
		      int (*each)(void *context, const char *id, const char *pem), void *context);

/* --- Catalogue: what operators write (store_catalog*.c) ------------------------------------------
 * Rows are JSON objects named like the columns (migrations/1.sql). Lists are JSON arrays. What is
 * put is an RFC 7396 patch of the row with that id, or of an empty one: what it does not name
 * stays. In a policy the text "unlimited" takes away a bound that would else come from the plan (it
 * is kept as null). */
struct store_refusal {
	char why[512]; /* what was found and expected, for an operator: on -EINVAL, -ENOENT, -EEXIST
			  (it is there already), -EBUSY, -ENOSPC; else "" */
	int64_t left_bps; /* on -ENOSPC: what the slice, or a node's port, has left */
};
/* `refusal` may be NULL everywhere. */
int store_plan_put(struct store *store, const struct json_t *plan, struct store_refusal *refusal);
int store_plan_list(struct store *store, struct json_t **out);
/* -EBUSY: tenants have it. */
int store_plan_remove(struct store *store, const char *id, struct store_refusal *refusal);
/* -ENOSPC: a node that is up cannot guarantee as much, or tenants have more of it. */
int store_slice_put(struct store *store, const struct json_t *slice, struct store_refusal *refusal);
int store_slice_list(struct store *store, struct json_t **out); /* also "promised_bps", "tenants" */
/* -EBUSY: plans or tenants have it. */
int store_slice_remove(struct store *store, const char *id, struct store_refusal *refusal);
/* {"id", "name", "plan", "slice", "issuer", "standing", "policy", "slice_bps", "keys"}: without
 * slice_bps, the plan's. -ENOSPC: the slice has less than slice_bps left. */
int store_tenant_create(struct store *store, const struct json_t *tenant,
			struct store_refusal *refusal);
/* `changes` is an RFC 7396 patch of the row: name, issuer, plan, slice, slice_bps, standing,
 * policy. A tenant that has exited changes no more: -EBUSY. */
int store_tenant_change(struct store *store, const char *id, const struct json_t *changes,
			struct store_refusal *refusal);
/* Gives back the slice share of a tenant that has exited. -ENOENT: there is none. */
int store_tenant_release(struct store *store, const char *id);
/* The row, and "effective": the policy as it is in force, all of it. */
int store_tenant_get(struct store *store, const char *id, struct json_t **out);
/* Rows without policies. */
int store_tenant_list(struct store *store, struct json_t **out);
/* {"id", "algorithm", "public_key": PEM or JWK}; one that is there is replaced. A private key is
 * refused. */
int store_key_add(struct store *store, const char *tenant, const struct json_t *key,
		  struct store_refusal *refusal);
int store_key_list(struct store *store, const char *tenant, struct json_t **out);
int store_key_remove(struct store *store, const char *tenant, const char *key_id);
int store_secret_put(struct store *store, const char *tenant, const char *name, const void *sealed,
		     size_t size);
int store_secret_get(struct store *store, const char *tenant, const char *name, uint8_t **sealed,
		     size_t *size);
int store_secret_list(struct store *store, const char *tenant, struct json_t **out);
int store_secret_remove(struct store *store, const char *tenant, const char *name);
/* Adds to an account (micros or ms). An idempotency key that was used before: -EALREADY. */
int store_top_up(struct store *store, const char *tenant, enum account account, int64_t amount,
		 const char *key, int64_t now_ms);
/* A node says hello; `document` is what it told of itself. Of one name there is one node, or one
 * would void what the other was granted: another boot takes over at once when its "instance" is the
 * same (it has the journal of the boots before it), else only from one that was not heard of for
 * STORE_NODE_LEASE_MS. -EBUSY: it was. */
#define STORE_NODE_LEASE_MS 15000
int store_node_put(struct store *store, const char *node, const char *boot, int64_t now_ms,
		   const struct json_t *document);
/* It is heard of. -ENOENT: another boot took over, or it was removed; it is to say hello again. */
int store_node_seen(struct store *store, const char *node, const char *boot, int64_t now_ms);
/* It never comes back: its sessions are lost, what it was granted is free again. -EBUSY: it was
 * heard of within STORE_NODE_SILENT_MS. What it might have used since is not known: should it come
 * back after all, what it says it holds counts again (store_grant_reconcile). */
#define STORE_NODE_SILENT_MS 60000
int store_node_remove(struct store *store, const char *node, int64_t now_ms,
		      struct store_refusal *refusal);
int store_node_list(struct store *store, struct json_t **out);
int store_node_drain(struct store *store, const char *node, bool is_draining);
int store_node_is_draining(struct store *store, const char *node, bool *is_draining);
/* Sessions as nodes claim them: {"session", "tenant", "stream", "role", "epoch", "state", "reason",
 * "provider_id", "at_ms"}; terminated ones are kept for a day. */
int store_sessions_put(struct store *store, const char *node, const struct json_t *sessions);
/* A tenant's, or all (NULL): at most so many, those that run first, then what ended last. */
#define STORE_SESSIONS_MAX 10000
int store_session_list(struct store *store, const char *tenant, struct json_t **out);
/* Asks the session's node, wherever it is, to end it. -ENOENT: it does not run. */
int store_session_kill(struct store *store, const char *session, const char *reason);
/* Same for all of a tenant; *n is how many run. */
int store_session_kill_all(struct store *store, const char *tenant, const char *reason, int64_t *n);
/* It has ended, and nobody else can say so: its node does not know it. -ENOENT: it does not run. */
int store_session_end(struct store *store, const char *session, const char *reason, int64_t now_ms);
/* Sessions of a node that are to be ended. */
int store_session_kills(struct store *store, const char *node,
			void (*each)(void *context, const char *session, const char *reason),
			void *context);
/* Denials and changes: the audit trail. Bounded: the oldest beyond a million go. */
int store_events_put(struct store *store, const char *node, const struct json_t *events);
int store_event_list(struct store *store, const char *tenant, unsigned int max,
		     struct json_t **out);
