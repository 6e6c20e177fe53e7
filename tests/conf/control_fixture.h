/* A node played by hand on a real admin socket, and a control plane beside it, both on this
 * thread's loop. The node takes what it is fed, holds quota and gives back what it was not told to
 * keep. */
#pragma once

#include "tests/conf/store_fixture.h"

#include <errno.h>
#include <glib.h>
#include <jansson.h>

#include "conf/control.h"
#include "conf/operator.h"
#include "conf/rpc.h"
#include "conf/rpc_table.h"
#include "conf/store.h"

#define PLAYED_TENANT "acme"

struct played_node {
	char folder[96], socket[128], operators[128];
	char name[32], boot[33];
	struct rpc_listener *listener;
	struct rpc *rpc; /* to the control plane; NULL: none */
	struct control *control;
	struct store *store; /* another connection to the same store, to look and to meddle */
	char url[POSTGRES_URL_BYTES];

	json_t *tenants, *slices; /* as fed, by id */
	int64_t revision;
	unsigned int snapshots, puts, removes, hellos;
	bool is_forgetful; /* says that the next change leaves a gap */
	bool refuses_hello;

	json_t *quotas; /* listed in hello */
	int64_t held, returned,
		spent; /* of the one account a test looks at; what may be given back */
	unsigned int recalls, revokes;
	bool is_greedy; /* gives nothing back */

	json_t *terminated; /* {"session": reason} */
	bool has_no_sessions;
	int drain; /* -1: never told */
};

/* What our call was answered. */
struct played_answer {
	bool is_there;
	int code;
	json_t *result;
};

static inline void played_keep(json_t *rows, const json_t *row)
{
	json_object_set(rows, json_string_value(json_object_get(row, "id")), (json_t *)row);
}

static inline void played_snapshot(struct played_node *node, const json_t *params)
{
	size_t i;
	json_t *row;
	json_object_clear(node->tenants);
	json_object_clear(node->slices);
	json_array_foreach(json_object_get(params, "tenants"), i, row)
		played_keep(node->tenants, row);
	json_array_foreach(json_object_get(params, "slices"), i, row)
		played_keep(node->slices, row);
	node->snapshots++;
	node->revision = json_integer_value(json_object_get(params, "revision"));
}

static inline void played_change(struct played_node *node, const char *method, const json_t *params)
{
	json_t *rows = g_str_has_prefix(method, "tenant") ? node->tenants : node->slices;
	const json_t *row = json_object_get(params, "tenant");
	row = row ? row : json_object_get(params, "slice");
	node->revision++;
	if (row) {
		node->puts++;
		played_keep(rows, row);
	} else {
		node->removes++;
		json_object_del(rows, json_string_value(json_object_get(params, "id")));
	}
}

static inline void played_feed(struct played_node *node, struct rpc_call *call, const char *method,
			       const json_t *params)
{
	int64_t revision = json_integer_value(json_object_get(params, "revision"));
	if (strcmp(method, "tenant.snapshot") == 0) {
		played_snapshot(node, params);
	} else if (revision != node->revision + 1 || node->is_forgetful) {
		node->is_forgetful = false;
		node->revision = -1;
		rpc_fail_with(call, RPC_REVISION_GAP, json_pack("{s:i}", "have", 0), "a gap");
		return;
	} else {
		played_change(node, method, params);
	}
	rpc_answer(call, json_pack("{s:I}", "revision", (json_int_t)node->revision));
}

static inline void played_recall(struct played_node *node, struct rpc_call *call,
				 const json_t *params)
{
	int64_t amount = json_integer_value(json_object_get(params, "amount"));
	int64_t given = node->is_greedy ? 0 : MIN(amount, node->held);
	node->recalls++;
	node->revokes += json_is_true(json_object_get(params, "revoke"));
	node->held -= given;
	node->returned += given;
	rpc_answer(call, json_pack("{s:I}", "returned_total", (json_int_t)node->returned));
}

static inline void played_hello(struct played_node *node, struct rpc_call *call)
{
	node->hellos++;
	if (node->refuses_hello)
		rpc_fail(call, RPC_CONFLICT, "another control plane is here");
	else
		rpc_answer(call,
			   json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:O, s:{s:i, s:i}}",
				     "node", node->name, "boot", node->boot, "instance",
				     node->folder, "version", "0.1.0", "protocol", 1, "port_bps",
				     (json_int_t)1000000000, "revision", 0, "quotas", node->quotas,
				     "journal", "pending", 0, "inherited", 0));
}

static inline void played_on_call(void *context, struct rpc_call *call, const char *method,
				  json_t *params)
{
	struct played_node *node = context;
	const char *session = json_string_value(json_object_get(params, "session"));
	if (strcmp(method, "hello") == 0) {
		played_hello(node, call);
	} else if (strcmp(method, "quota.recall") == 0) {
		played_recall(node, call, params);
	} else if (strcmp(method, "session.terminate") == 0) {
		json_object_set(node->terminated, session, json_object_get(params, "reason"));
		if (node->has_no_sessions)
			rpc_fail(call, RPC_NOT_FOUND, "no session %s", session);
		else
			rpc_answer(call, NULL);
	} else if (strcmp(method, "node.drain") == 0) {
		node->drain = json_is_true(json_object_get(params, "drain"));
		rpc_answer(call, NULL);
	} else {
		played_feed(node, call, method, params);
	}
}

static inline void played_on_close(void *context, const char *why)
{
	struct played_node *node = context;
	(void)why;
	rpc_destroy(node->rpc);
	node->rpc = NULL;
}

static inline void played_on_accept(void *context, int fd, pid_t pid, uid_t uid)
{
	struct played_node *node = context;
	const struct rpc_config config = {
		.on_call = played_on_call, .on_close = played_on_close, .context = node};
	(void)pid;
	(void)uid;
	rpc_destroy(node->rpc);
	node->rpc = rpc_create(fd, &config);
}

static inline void played_listen(struct played_node *node)
{
	const struct rpc_listener_config config = {
		.path = node->socket, .on_accept = played_on_accept, .context = node};
	CU_ASSERT_EQUAL_FATAL(rpc_listen(&config, &node->listener), 0);
}

/* The node as it is before anybody speaks to it. */
static inline void played_init(struct played_node *node, const char *name, const char *url)
{
	static unsigned int n;
	*node = (struct played_node){.drain = -1};
	snprintf(node->folder, sizeof(node->folder), "%s/%s-%u", store_folder, name, ++n);
	snprintf(node->socket, sizeof(node->socket), "%s.sock", node->folder);
	snprintf(node->operators, sizeof(node->operators), "%s.control", node->folder);
	snprintf(node->name, sizeof(node->name), "%s", name);
	snprintf(node->boot, sizeof(node->boot), "boot-%s", name);
	snprintf(node->url, sizeof(node->url), "%s", url);
	node->tenants = json_object();
	node->slices = json_object();
	node->terminated = json_object();
	node->quotas = json_array();
	CU_ASSERT_EQUAL_FATAL(store_open(url, &node->store), 0);
}

/* What operators may call here: whether there is a store, and that something changed. */
static inline void played_operator_poke(void *context, struct rpc_call *call, json_t *params)
{
	struct operator* operators = context;
	(void)params;
	CU_ASSERT_PTR_NOT_NULL(operators->store);
	operators->on_change(operators->context);
	rpc_answer(call, json_pack("{s:s}", "node", operators->node));
}

static const struct rpc_method played_methods[] = {
	{"poke", "Looks at once.", "`node`", NULL, 0, played_operator_poke},
};
static const struct rpc_table played_table = {"played operators", played_methods, 1};

static inline void played_control(struct played_node *node, const char *import)
{
	const struct control_config config = {
		.admin = node->socket,
		.store = node->url,
		.socket = node->operators,
		.methods = &played_table,
		.state = node->folder,
		.import = import,
	};
	CU_ASSERT_EQUAL_FATAL(control_start(&config, &node->control), 0);
}

static inline void played_fini(struct played_node *node)
{
	control_destroy(node->control);
	rpc_destroy(node->rpc);
	rpc_listener_destroy(node->listener);
	store_close(node->store);
	json_decref(node->tenants);
	json_decref(node->slices);
	json_decref(node->terminated);
	json_decref(node->quotas);
}

static inline gboolean played_wake(gpointer user)
{
	*(bool *)user = true;
	return G_SOURCE_REMOVE;
}

/* Runs the loop until the condition holds, for at most `ms`. */
#define PLAY_UNTIL(condition, ms)                                                                  \
	do {                                                                                       \
		bool is_late_ = false;                                                             \
		guint timer_ = g_timeout_add(ms, played_wake, &is_late_);                          \
		while (!is_late_ && !(condition))                                                  \
			g_main_context_iteration(NULL, TRUE);                                      \
		if (!is_late_)                                                                     \
			g_source_remove(timer_);                                                   \
		CU_ASSERT_FATAL(!!(condition));                                                    \
	} while (0)

/* A node and its control plane, fed. */
static inline void played_start(struct played_node *node, const char *name, const char *url)
{
	played_init(node, name, url);
	played_listen(node);
	played_control(node, NULL);
	PLAY_UNTIL(control_is_fed(node->control), 5000);
}

static inline void played_on_answer(void *context, const json_t *result,
				    const struct rpc_error *error)
{
	struct played_answer *answer = context;
	answer->is_there = true;
	answer->code = error ? error->code : 0;
	answer->result = json_deep_copy(result);
}

/* Calls the control plane and waits; 0 or the error's code. The result is the caller's. */
static inline int played_ask(struct played_node *node, const char *method, json_t *params,
			     json_t **result)
{
	struct played_answer answer = {0};
	CU_ASSERT_PTR_NOT_NULL_FATAL(node->rpc);
	rpc_invoke(node->rpc, method, params, played_on_answer, &answer);
	PLAY_UNTIL(answer.is_there, 10000);
	if (result)
		*result = answer.result;
	else
		json_decref(answer.result);
	return answer.code;
}

static inline void played_sql(struct played_node *node, const char *script)
{
	int rc = sql_script(store_sql(node->store), script);
	if (rc == -ENOTCONN) {
		CU_ASSERT_EQUAL_FATAL(store_reconnect(node->store), 0);
		rc = sql_script(store_sql(node->store), script);
	}
	CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static inline const json_t *played_tenant(const struct played_node *node, const char *id)
{
	return json_object_get(node->tenants, id);
}

/* A number in a tenant's policy as the node has it; -1: it is not there. */
static inline int64_t played_policy(const struct played_node *node, const char *id,
				    const char *section, const char *name)
{
	const json_t *policy = json_object_get(played_tenant(node, id), "policy");
	const json_t *value = json_object_get(json_object_get(policy, section), name);
	return json_is_integer(value) ? json_integer_value(value) : -1;
}
