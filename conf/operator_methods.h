/* The methods of the operators' table, by file, and what they share. Not for others. */
#pragma once

#include <stdint.h>

#include "conf/operator.h"
#include "conf/store.h"

struct json_t;
struct rpc_call;

/* Now, in ms since the epoch. */
int64_t operator_now_ms(void);
/* A text of the parameters; NULL when it is absent. */
const char *operator_text(const struct json_t *params, const char *name);
/* Answers with {`name`: value}, taking `value` over; `name` NULL: with the value itself. On an
 * error (rc), fails the call; `what` is what was not found, or was there already. */
void operator_answer(struct rpc_call *call, int rc, const char *name, struct json_t *value,
		     const char *what);
/* Something was changed: into the audit trail, and wakes the feed. `detail` is what of it, for
 * people; NULL: there is nothing to add. */
void operator_note(const struct operator* operators, const char *method, const char *tenant,
		   const char *detail);
/* Notes a change and answers with nothing; or fails the call. */
struct operator_change {
	const char *method, *tenant;
	const struct store_refusal *refusal; /* NULL: none */
	const char *what;
	const char *detail; /* NULL: none */
};
/* Writes an export, and answers with `answer` (taken over) and "export", its file; or fails the
 * call. */
void operator_export(struct operator* operators, struct rpc_call *call, const char *tenant,
		     struct json_t *answer);
void operator_changed(const struct operator* operators, struct rpc_call *call, int rc,
		      const struct operator_change *change);

typedef void operator_method(void *context, struct rpc_call *call, struct json_t *params);

/* operator_tenant.c */
operator_method operator_tenant_create, operator_tenant_set, operator_tenant_show,
	operator_tenant_list, operator_tenant_pause, operator_tenant_resume;
operator_method operator_plan_put, operator_plan_list, operator_plan_remove;
operator_method operator_slice_put, operator_slice_list, operator_slice_remove;
operator_method operator_key_add, operator_key_list, operator_key_remove;
operator_method operator_secret_set, operator_secret_list, operator_secret_remove;
/* operator_exit.c */
operator_method operator_tenant_exit, operator_tenant_export, operator_ledger_sign;
/* operator_fleet.c */
operator_method operator_top_up, operator_budget, operator_usage;
operator_method operator_session_list, operator_session_kill;
operator_method operator_node_list, operator_node_drain, operator_node_remove;
operator_method operator_event_list;
