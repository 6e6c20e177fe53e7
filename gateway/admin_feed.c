/* The control plane's feed. Each change carries the revision after the last; one that does not
 * asks for a snapshot. A change that cannot be taken uses its revision up all the same: it would
 * not be better a second time. */
#include "gateway/admin_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "gateway/feed.h"
#include "gateway/node.h"
#include "gateway/slicing.h"
#include "slices/journal.h"
#include "slices/slice.h"
#include "slices/tenant.h"

static const char *text_of(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

static json_int_t number_of(const json_t *params, const char *name)
{
	return json_integer_value(json_object_get(params, name));
}

static void add_quotas(void *context, struct tenant *tenant)
{
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		const struct quota *quota = &tenant->quotas[i];
		if (quota->granted_total == 0 && quota->returned_total == 0)
			continue;
		json_array_append_new(context,
				      json_pack("{s:s, s:s, s:I, s:I}", "tenant", tenant->id,
						"account", account_names[i], "granted_total",
						(json_int_t)quota->granted_total, "returned_total",
						(json_int_t)quota->returned_total));
	}
}

static json_t *describe_node(struct node *node)
{
	json_t *quotas = json_array();
	tenant_each(node->tenants, add_quotas, quotas);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:o, s:{s:I, s:I}}", "node",
		node->config.node.name, "boot", node->journal ? journal_boot(node->journal) : "",
		"instance", node->journal ? journal_instance(node->journal) : "", "version",
		NN5G_VERSION, "protocol", ADMIN_PROTOCOL, "port_bps",
		(json_int_t)node->config.node.port_mbps * 1000000, "revision", 0, "quotas", quotas,
		"journal", "pending",
		node->journal ? (json_int_t)journal_length(node->journal) : (json_int_t)0,
		"inherited",
		node->journal ? (json_int_t)journal_inherited(node->journal) : (json_int_t)0);
}

static void refuse_control(struct admin *admin, struct rpc_call *call, const char *why)
{
	admin->counters.controls_refused++;
	log_warn(LOG_ADMIN, "a control plane is refused", "\"cause\":\"%s\"", why);
	rpc_fail(call, RPC_CONFLICT, "%s", why);
}

void admin_hello(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	const char *role = text_of(params, "role");
	json_int_t protocol = number_of(params, "protocol");
	if (strcmp(role, "control") != 0) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "hello: role: found \"%.63s\", expected \"control\"", role);
		return;
	}
	if (protocol != ADMIN_PROTOCOL) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "hello: protocol: found %lld, expected %d: gateway and nn5g-control are "
			 "of different versions",
			 (long long)protocol, ADMIN_PROTOCOL);
		return;
	}
	if (config_control_mode(&admin->node->config) == CONTROL_NONE) {
		refuse_control(admin, call, "control.mode is none: this node feeds itself");
		return;
	}
	if (admin->control && admin->control != connection) {
		refuse_control(admin, call, "this node has a control plane already");
		return;
	}
	admin_take_control(connection);
	log_info(LOG_ADMIN, "a control plane says hello", "\"pid\":%d,\"version\":\"%s\"",
		 connection->pid, log_escape(text_of(params, "version")));
	rpc_answer(call, describe_node(admin->node));
}

/* False: not the next revision, and the call was failed. */
static bool take_revision(struct admin_connection *connection, struct rpc_call *call,
			  const json_t *params)
{
	struct admin *admin = connection->admin;
	json_int_t revision = number_of(params, "revision");
	if (!admin_is_control(connection, call))
		return false;
	if (admin->has_snapshot && revision == admin->revision + 1) {
		admin->revision = revision;
		return true;
	}
	admin->counters.gaps++;
	rpc_fail_with(call, RPC_REVISION_GAP,
		      json_pack("{s:I}", "have", (json_int_t)admin->revision),
		      "revision %lld does not follow %lld: send a snapshot", (long long)revision,
		      (long long)admin->revision);
	return false;
}

static void answer_revision(struct admin *admin, struct rpc_call *call)
{
	rpc_answer(call, json_pack("{s:I}", "revision", (json_int_t)admin->revision));
}

/* What is wrong with a row; `text` is owned. */
struct row_fault {
	char *text;
	size_t size;
};

static const char *fault_text(const struct row_fault *fault, int rc)
{
	return fault->text && fault->text[0] ? fault->text : strerror(-rc);
}

static int read_tenant(const json_t *row, struct tenant_config *config, struct row_fault *fault)
{
	FILE *errors = open_memstream(&fault->text, &fault->size);
	if (!errors)
		return -ENOMEM;
	int rc = tenant_config_read(row, errors, config);
	fclose(errors);
	return rc;
}

static int read_slice(const json_t *row, struct slice_config *config, struct row_fault *fault)
{
	FILE *errors = open_memstream(&fault->text, &fault->size);
	if (!errors)
		return -ENOMEM;
	int rc = slice_config_read(row, errors, config);
	fclose(errors);
	return rc;
}

static void log_fault(struct admin *admin, const char *id, const char *fault)
{
	admin->counters.faults++;
	log_error(LOG_ADMIN, "a tenant or slice is not taken", "\"id\":\"%s\",\"fault\":\"%s\"",
		  log_escape(id ? id : ""), log_escape(fault));
}

static void fail_row(struct admin *admin, struct rpc_call *call, const json_t *row,
		     const struct row_fault *fault, int rc)
{
	const char *text = fault_text(fault, rc);
	log_fault(admin, text_of(row, "id"), text);
	rpc_fail(call, rc == -EINVAL ? RPC_INVALID_PARAMS : RPC_INTERNAL, "%s", text);
}

/* What of a snapshot could not be taken. */
struct refusals {
	struct admin *admin;
	json_t *list;
};

static void refuse_row(struct refusals *refusals, const json_t *row, const char *fault)
{
	const char *id = text_of(row, "id");
	log_fault(refusals->admin, id, fault);
	json_array_append_new(refusals->list,
			      json_pack("{s:s, s:s}", "id", id ? id : "", "fault", fault));
}

static void refuse_slice(void *context, const struct slice_config *config, int rc,
			 const struct slice_refusal *refusal)
{
	struct refusals *refusals = context;
	const char *fault = refusal->why[0] ? refusal->why : strerror(-rc);
	log_fault(refusals->admin, config->id, fault);
	slicing_refused(refusals->admin->node, config, fault);
	json_array_append_new(refusals->list,
			      json_pack("{s:s, s:s}", "id", config->id, "fault", fault));
}

/* The slice of a row that is wrong stays as it was, if it is there: a word nobody understands is no
 * reason to take it from whoever is in it. */
static bool keep_slice(const struct node *node, const json_t *row, struct slice_config *config)
{
	const char *id = text_of(row, "id");
	const struct slice *slice = id ? slice_find(node->slices, id) : NULL;
	if (slice)
		*config = slice->config;
	return slice;
}

static int take_slices(struct refusals *refusals, const json_t *rows)
{
	struct node *node = refusals->admin->node;
	struct slice_config *configs = calloc(json_array_size(rows) + 1, sizeof(*configs));
	unsigned int n = 0;
	size_t i;
	json_t *row;
	if (!configs)
		return -ENOMEM;
	json_array_foreach(rows, i, row)
	{
		struct row_fault fault = {0};
		int rc = read_slice(row, &configs[n], &fault);
		if (rc)
			refuse_row(refusals, row, fault_text(&fault, rc));
		if (rc == 0 || keep_slice(node, row, &configs[n]))
			n++;
		free(fault.text);
	}
	slice_table_replace(node->slices, configs, n, refuse_slice, refusals);
	free(configs);
	return 0;
}

static int take_tenants(struct refusals *refusals, const json_t *rows)
{
	struct tenants_config fresh = {
		.tenants = calloc(json_array_size(rows) + 1, sizeof(*fresh.tenants))};
	size_t i;
	json_t *row;
	if (!fresh.tenants)
		return -ENOMEM;
	json_array_foreach(rows, i, row)
	{
		struct row_fault fault = {0};
		int rc = read_tenant(row, &fresh.tenants[fresh.n_tenants], &fault);
		if (rc)
			refuse_row(refusals, row, fault_text(&fault, rc));
		else
			fresh.n_tenants++;
		free(fault.text);
	}
	int rc = tenant_table_replace(refusals->admin->node->tenants, &fresh);
	if (rc != -ENOSPC)
		return rc;
	refuse_row(refusals, rows, "this node has all it may have");
	return 0;
}

void admin_tenant_snapshot(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	if (!admin_is_control(connection, call))
		return;
	struct refusals refusals = {admin, json_array()};
	int rc = take_slices(&refusals, json_object_get(params, "slices"));
	if (rc == 0)
		rc = take_tenants(&refusals, json_object_get(params, "tenants"));
	admin->revision = number_of(params, "revision");
	log_info(LOG_ADMIN, "a snapshot was fed",
		 "\"revision\":%lld,\"tenants\":%u,\"refused\":%zu", (long long)admin->revision,
		 tenant_count(admin->node->tenants), json_array_size(refusals.list));
	if (rc) {
		json_decref(refusals.list);
		rpc_fail(call, RPC_INTERNAL, "the snapshot is not complete: %s", strerror(-rc));
		return;
	}
	rpc_answer(call, json_pack("{s:I, s:o}", "revision", (json_int_t)admin->revision, "refused",
				   refusals.list));
	feed_tenants_changed(admin->node);
	admin_on_snapshot(admin);
}

void admin_tenant_put(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	const json_t *row = json_object_get(params, "tenant");
	struct tenant_config config;
	struct row_fault fault = {0};
	struct tenant *tenant;
	if (!take_revision(connection, call, params))
		return;
	int rc = read_tenant(row, &config, &fault);
	if (rc == 0)
		rc = tenant_put(admin->node->tenants, &config, &tenant);
	if (rc == 0) {
		answer_revision(admin, call);
		feed_tenant_changed(admin->node, tenant);
	} else if (rc == -ENOSPC) {
		rpc_fail_with(call, RPC_NO_ROOM, json_pack("{s:i}", "left", 0),
			      "this node has the %u tenants it may have", TENANTS_MAX);
	} else {
		fail_row(admin, call, row, &fault, rc);
	}
	free(fault.text);
}

void admin_tenant_remove(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	const char *id = text_of(params, "id");
	struct tenant_table *tenants = admin->node->tenants;
	if (!take_revision(connection, call, params))
		return;
	tenant_remove(tenants, id); /* -ENOENT: gone, as it is to be */
	struct tenant *tenant = tenant_find(tenants, id, strlen(id));
	answer_revision(admin, call);
	if (tenant)
		feed_tenant_changed(admin->node, tenant);
}

void admin_slice_put(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	struct admin *admin = connection->admin;
	const json_t *row = json_object_get(params, "slice");
	struct slice_config config;
	struct row_fault fault = {0};
	struct slice_refusal refusal;
	if (!take_revision(connection, call, params))
		return;
	int rc = read_slice(row, &config, &fault);
	if (rc)
		fail_row(admin, call, row, &fault, rc);
	free(fault.text);
	if (rc)
		return;
	rc = slice_put(admin->node->slices, &config, &refusal);
	if (rc == 0) {
		answer_revision(admin, call);
		return;
	}
	const char *why = refusal.why[0] ? refusal.why : strerror(-rc);
	log_fault(admin, config.id, why);
	slicing_refused(admin->node, &config, why);
	if (rc == -ENOSPC || rc == -EMFILE)
		rpc_fail_with(call, RPC_NO_ROOM,
			      json_pack("{s:I}", "left", (json_int_t)refusal.left_bps), "%s", why);
	else
		rpc_fail(call, RPC_INTERNAL, "%s", why);
}

void admin_slice_remove(void *context, struct rpc_call *call, json_t *params)
{
	struct admin_connection *connection = context;
	if (!take_revision(connection, call, params))
		return;
	slice_remove(connection->admin->node->slices, text_of(params, "id"));
	answer_revision(connection->admin, call);
}
