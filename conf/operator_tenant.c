/* The catalogue's methods: each is one call of the store. */
#include "conf/operator_methods.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/rpc.h"
#include "conf/secret.h"

void operator_tenant_create(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const json_t *tenant = json_object_get(params, "tenant");
	struct store_refusal refusal = {0};
	int rc = store_tenant_create(operators->store, tenant, &refusal);
	operator_changed(operators, call, rc,
			 &(struct operator_change){"tenant.create", operator_text(tenant, "id"),
						   &refusal, "tenant",
						   operator_text(tenant, "plan")});
}

static void tenant_change(const struct operator* operators, struct rpc_call *call,
			  const char *method, const char *tenant, const json_t *changes)
{
	struct store_refusal refusal = {0};
	int rc = changes ? store_tenant_change(operators->store, tenant, changes, &refusal)
			 : -ENOMEM;
	char *detail = json_dumps(changes, JSON_COMPACT);
	operator_changed(operators, call, rc,
			 &(struct operator_change){method, tenant, &refusal, "tenant", detail});
	free(detail);
}

/* Leaving is tenant.exit's: it takes more than a word in a row. */
void operator_tenant_set(void *context, struct rpc_call *call, struct json_t *params)
{
	const json_t *changes = json_object_get(params, "changes");
	const char *standing = operator_text(changes, "standing");
	if (standing && strcmp(standing, "exited") == 0) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "standing: found exited, expected active or paused; tenant.exit ends a "
			 "tenant");
		return;
	}
	tenant_change(context, call, "tenant.set", operator_text(params, "tenant"), changes);
}

static void standing_set(const struct operator* operators, struct rpc_call *call,
			 const json_t *params, const char *method, const char *standing)
{
	json_t *changes = json_pack("{s:s}", "standing", standing);
	tenant_change(operators, call, method, operator_text(params, "tenant"), changes);
	json_decref(changes);
}

void operator_tenant_pause(void *context, struct rpc_call *call, struct json_t *params)
{
	standing_set(context, call, params, "tenant.pause", "paused");
}

void operator_tenant_resume(void *context, struct rpc_call *call, struct json_t *params)
{
	standing_set(context, call, params, "tenant.resume", "active");
}

void operator_tenant_show(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *id = operator_text(params, "tenant");
	json_t *tenant, *budget;
	int rc = store_tenant_get(operators->store, id, &tenant);
	if (rc) {
		operator_answer(call, rc, NULL, NULL, "tenant");
		return;
	}
	rc = store_budget(operators->store, id, operator_now_ms(), &budget);
	if (rc)
		json_decref(tenant);
	operator_answer(call, rc, NULL,
			rc ? NULL : json_pack("{s:o, s:o}", "tenant", tenant, "budget", budget),
			"tenant");
}

void operator_tenant_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *list = NULL;
	(void)params;
	int rc = store_tenant_list(operators->store, &list);
	operator_answer(call, rc, "tenants", list, "tenants");
}

void operator_plan_put(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	struct store_refusal refusal = {0};
	int rc = store_plan_put(operators->store, json_object_get(params, "plan"), &refusal);
	operator_changed(
		operators, call, rc,
		&(struct operator_change){"plan.put", NULL, &refusal, "plan",
					  operator_text(json_object_get(params, "plan"), "id")});
}

void operator_plan_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *list = NULL;
	(void)params;
	int rc = store_plan_list(operators->store, &list);
	operator_answer(call, rc, "plans", list, "plans");
}

void operator_plan_remove(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	struct store_refusal refusal = {0};
	int rc = store_plan_remove(operators->store, operator_text(params, "id"), &refusal);
	operator_changed(operators, call, rc,
			 &(struct operator_change){"plan.remove", NULL, &refusal, "plan",
						   operator_text(params, "id")});
}

void operator_slice_put(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	struct store_refusal refusal = {0};
	int rc = store_slice_put(operators->store, json_object_get(params, "slice"), &refusal);
	operator_changed(
		operators, call, rc,
		&(struct operator_change){"slice.put", NULL, &refusal, "slice",
					  operator_text(json_object_get(params, "slice"), "id")});
}

void operator_slice_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *list = NULL;
	(void)params;
	int rc = store_slice_list(operators->store, &list);
	operator_answer(call, rc, "slices", list, "slices");
}

void operator_slice_remove(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	struct store_refusal refusal = {0};
	int rc = store_slice_remove(operators->store, operator_text(params, "id"), &refusal);
	operator_changed(operators, call, rc,
			 &(struct operator_change){"slice.remove", NULL, &refusal, "slice",
						   operator_text(params, "id")});
}

void operator_key_add(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	struct store_refusal refusal = {0};
	int rc = store_key_add(operators->store, tenant, json_object_get(params, "key"), &refusal);
	operator_changed(
		operators, call, rc,
		&(struct operator_change){"key.add", tenant, &refusal, "tenant",
					  operator_text(json_object_get(params, "key"), "id")});
}

/* Lists of what a tenant has are empty for one that is not there; that is another answer. */
static int tenant_look(const struct operator* operators, const char *tenant)
{
	char period[STORE_PERIOD_BYTES];
	return store_period(operators->store, tenant, operator_now_ms(), period);
}

void operator_key_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	json_t *list = NULL;
	int rc = tenant_look(operators, tenant);
	if (rc == 0)
		rc = store_key_list(operators->store, tenant, &list);
	operator_answer(call, rc, "keys", list, "tenant");
}

void operator_key_remove(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	int rc = store_key_remove(operators->store, tenant, operator_text(params, "key"));
	operator_changed(operators, call, rc,
			 &(struct operator_change){"key.remove", tenant, NULL, "key",
						   operator_text(params, "key")});
}

static int secret_put(const struct operator* operators, const json_t *params)
{
	const char *tenant = operator_text(params, "tenant"), *name = operator_text(params, "name");
	const json_t *text = json_object_get(params, "text");
	char bound[160];
	uint8_t *sealed;
	size_t size;
	snprintf(bound, sizeof(bound), "%s/%s", tenant, name);
	int rc = secret_seal(operators->secret_key, bound, json_string_value(text),
			     json_string_length(text), &sealed, &size);
	if (rc)
		return rc;
	rc = store_secret_put(operators->store, tenant, name, sealed, size);
	free(sealed);
	return rc;
}

void operator_secret_set(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	json_t *text = json_object_get(params, "text");
	int rc = secret_put(operators, params);
	/* What came in clear does not stay behind in freed memory. */
	explicit_bzero((char *)(uintptr_t)json_string_value(text), json_string_length(text));
	operator_changed(operators, call, rc,
			 &(struct operator_change){"secret.set", operator_text(params, "tenant"),
						   NULL, "tenant", operator_text(params, "name")});
}

void operator_secret_list(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	json_t *list = NULL;
	int rc = tenant_look(operators, tenant);
	if (rc == 0)
		rc = store_secret_list(operators->store, tenant, &list);
	operator_answer(call, rc, "secrets", list, "tenant");
}

void operator_secret_remove(void *context, struct rpc_call *call, struct json_t *params)
{
	const struct operator* operators = context;
	const char *tenant = operator_text(params, "tenant");
	int rc = store_secret_remove(operators->store, tenant, operator_text(params, "name"));
	operator_changed(operators, call, rc,
			 &(struct operator_change){"secret.remove", tenant, NULL, "secret",
						   operator_text(params, "name")});
}
