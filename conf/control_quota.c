/* Grants: what the node asks of an account, taken from what the store has available; and the way
 * back, when another node wants what ours holds, or a limit was lowered below what is out.
 *
 * A request that cannot be met while other nodes hold something waits up to PATIENCE_MS: a wish is
 * written to the store, their control planes ask their nodes for it, and here it is tried again
 * until it is met, nobody else holds anything, or the time is over. Totals only grow, so whatever
 * is said twice changes nothing. */
#include "conf/control_private.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/sql.h"

#define PATIENCE_MS 2000
#define RETRY_MS    25
#define HEEDED_MS   100 /* a wish that was met stands until its node has tried again */

/* What was granted to this boot of our node, as far as we know. */
struct held {
	char tenant[CONTROL_TENANT_MAX + 1];
	enum account account;
	int64_t granted_total;
	bool is_recalling;
	/* The wish that was heeded last. */
	char wisher[CONTROL_TENANT_MAX + 1];
	int64_t wished, heeded_at_ms;
};

/* A request that waits. */
struct asking {
	TAILQ_ENTRY(asking) link;
	struct rpc_call *call;
	char tenant[CONTROL_TENANT_MAX + 1];
	enum account account;
	int64_t wanted, comfort, gained;
	int64_t deadline_ms;
	bool has_wished;
};

struct control_quota {
	struct control *control; /* parent */
	GHashTable *held;        /* "tenant/account" -> struct held */
	TAILQ_HEAD(, asking) waiting;
	GSource *retry; /* while any waits */
};

static bool account_by_name(const char *name, enum account *out)
{
	for (int i = 0; name && i < ACCOUNTS; i++) {
		if (strcmp(account_names[i], name) != 0)
			continue;
		*out = (enum account)i;
		return true;
	}
	return false;
}

struct control_quota *control_quota_create(struct control *control)
{
	struct control_quota *quota = g_new0(struct control_quota, 1);
	quota->control = control;
	quota->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	TAILQ_INIT(&quota->waiting);
	return quota;
}

void control_quota_destroy(struct control_quota *quota)
{
	control_quota_forget(quota);
	g_hash_table_unref(quota->held);
	g_free(quota);
}

/* NULL: nothing is known of it. */
static struct held *held_find(struct control_quota *quota, const char *tenant, enum account account)
{
	char key[CONTROL_TENANT_MAX + 16];
	g_snprintf(key, sizeof(key), "%s/%s", tenant, account_names[account]);
	return g_hash_table_lookup(quota->held, key);
}

static struct held *held_set(struct control_quota *quota, const char *tenant, enum account account,
			     int64_t granted_total)
{
	struct held *held = held_find(quota, tenant, account);
	if (!held) {
		held = g_new0(struct held, 1);
		g_strlcpy(held->tenant, tenant, sizeof(held->tenant));
		held->account = account;
		g_hash_table_insert(quota->held,
				    g_strdup_printf("%s/%s", held->tenant, account_names[account]),
				    held);
	}
	held->granted_total = granted_total;
	return held;
}

static struct store_grant grant_of(const struct control *control, const char *tenant,
				   enum account account)
{
	return (struct store_grant){.tenant = tenant,
				    .node = control->node_id,
				    .boot = control->boot,
				    .account = account,
				    .now_ms = control_now_ms()};
}

/* --- Back from the node ----------------------------------------------------------------------- */

/* A recall under way; the tenant's name is its own, `held` may be gone by then. */
struct recall {
	struct control_quota *quota;
	char tenant[CONTROL_TENANT_MAX + 1];
	enum account account;
};

static void on_returned(void *context, const json_t *result, const struct rpc_error *error)
{
	struct recall *recall = context;
	struct control *control = recall->quota->control;
	struct held *held = held_find(recall->quota, recall->tenant, recall->account);
	if (held)
		held->is_recalling = false;
	if (error && error->code != RPC_CLOSED)
		log_error(LOG_ACCOUNT, "the node gives nothing back",
			  "\"tenant\":\"%s\",\"account\":\"%s\",\"cause\":\"%s\"", recall->tenant,
			  account_names[recall->account], log_escape(error->message));
	json_int_t total = json_integer_value(json_object_get(result, "returned_total"));
	if (result && total >= 0 && control_is_whole(control)) {
		int rc = store_grant_return(control->store, recall->tenant, control->node_id,
					    control->boot, recall->account, total);
		if (control_store_did(control, rc, "quota.recall"))
			log_info(LOG_ACCOUNT, "quota came back",
				 "\"tenant\":\"%s\",\"account\":\"%s\",\"returned_total\":%lld",
				 recall->tenant, account_names[recall->account], (long long)total);
	}
	g_free(recall);
}

static void node_recall(struct control_quota *quota, struct held *held, int64_t amount,
			bool is_revoked)
{
	if (held->is_recalling || amount <= 0)
		return;
	struct recall *recall = g_new0(struct recall, 1);
	recall->quota = quota;
	strcpy(recall->tenant, held->tenant);
	recall->account = held->account;
	held->is_recalling = true;
	rpc_invoke(quota->control->node, "quota.recall",
		   json_pack("{s:s, s:s, s:I, s:b}", "tenant", held->tenant, "account",
			     account_names[held->account], "amount", (json_int_t)amount, "revoke",
			     is_revoked),
		   on_returned, recall);
}

void control_quota_check(struct control_quota *quota, const char *tenant)
{
	struct control *control = quota->control;
	for (int i = 0; i < ACCOUNTS && control_is_whole(control); i++) {
		struct held *held = held_find(quota, tenant, (enum account)i);
		if (!held || held->granted_total == 0)
			continue;
		struct store_grant grant = grant_of(control, tenant, (enum account)i);
		int rc = store_grant_look(control->store, &grant);
		if (rc == -ENOENT || !control_store_did(control, rc, "grants"))
			continue;
		if (!grant.is_overdrawn)
			continue;
		log_warn(LOG_ACCOUNT, "a limit is below what was granted: it is taken back",
			 "\"tenant\":\"%s\",\"account\":\"%s\"", held->tenant, account_names[i]);
		node_recall(quota, held, held->granted_total, true);
	}
}

/* A wish of another node for what ours holds. */
struct wish {
	char tenant[CONTROL_TENANT_MAX + 1], node[CONTROL_TENANT_MAX + 1];
	enum account account;
	int64_t amount, held;
};

static void wish_take(void *context, const struct store_recall *recall)
{
	struct wish wish = {
		.account = recall->account, .amount = recall->amount, .held = recall->held};
	g_strlcpy(wish.tenant, recall->tenant, sizeof(wish.tenant));
	g_strlcpy(wish.node, recall->node, sizeof(wish.node));
	g_array_append_val((GArray *)context, wish);
}

static void wish_heed(struct control_quota *quota, const struct wish *wish)
{
	struct held *held = held_find(quota, wish->tenant, wish->account);
	int64_t now_ms = control_now_ms();
	if (!held) /* it is of an earlier boot, whose usage is not all reported */
		return;
	if (held->is_recalling ||
	    (held->wished == wish->amount && strcmp(held->wisher, wish->node) == 0 &&
	     now_ms - held->heeded_at_ms < HEEDED_MS))
		return;
	strcpy(held->wisher, wish->node);
	held->wished = wish->amount;
	held->heeded_at_ms = now_ms;
	node_recall(quota, held, MIN(wish->amount, wish->held), false);
}

static void wishes_look(struct control_quota *quota)
{
	struct control *control = quota->control;
	GArray *wishes = g_array_new(FALSE, FALSE, sizeof(struct wish));
	int rc = store_recalls(control->store, control->node_id, control_now_ms(), wish_take,
			       wishes);
	control_store_did(control, rc, "recalls");
	for (unsigned int i = 0; rc == 0 && i < wishes->len; i++)
		wish_heed(quota, &g_array_index(wishes, struct wish, i));
	g_array_unref(wishes);
}

/* --- Requests --------------------------------------------------------------------------------- */

static gboolean on_retry(gpointer user);

/* Out of the list if it waits, answered, freed. */
static void asking_end(struct control_quota *quota, struct asking *asking)
{
	if (asking->deadline_ms) {
		TAILQ_REMOVE(&quota->waiting, asking, link);
		if (TAILQ_EMPTY(&quota->waiting))
			control_timer_set(&quota->retry, 0, NULL, NULL);
	}
	if (asking->has_wished && control_is_whole(quota->control))
		control_store_did(quota->control,
				  store_recall_done(quota->control->store, asking->tenant,
						    asking->account, quota->control->node_id),
				  "recalls");
	g_free(asking);
}

static void asking_answer(struct control_quota *quota, struct asking *asking,
			  const struct store_grant *grant)
{
	bool is_exhausted = !grant->is_unlimited && asking->gained < asking->wanted;
	rpc_answer(asking->call,
		   json_pack("{s:I, s:b, s:b}", "granted_total", (json_int_t)grant->granted_total,
			     "unlimited", grant->is_unlimited, "exhausted", is_exhausted));
	asking_end(quota, asking);
}

static void asking_fail(struct control_quota *quota, struct asking *asking, int rc)
{
	if (rc == -ENOENT)
		rpc_fail(asking->call, RPC_NOT_FOUND, "%s: there is no such tenant",
			 asking->tenant);
	else
		rpc_fail(asking->call, RPC_UNAVAILABLE, "the store is away");
	asking_end(quota, asking);
}

/* Tells the other nodes' control planes what is missing, once, and waits. */
static void asking_wait(struct control_quota *quota, struct asking *asking)
{
	struct control *control = quota->control;
	if (asking->deadline_ms)
		return;
	int rc =
		store_recall_wish(control->store, asking->tenant, asking->account, control->node_id,
				  asking->wanted - asking->gained, control_now_ms());
	if (!control_store_did(control, rc, "recalls")) {
		asking_fail(quota, asking, rc);
		return;
	}
	asking->has_wished = true;
	asking->deadline_ms = control_now_ms() + PATIENCE_MS;
	TAILQ_INSERT_TAIL(&quota->waiting, asking, link);
	if (!quota->retry)
		control_timer_set(&quota->retry, RETRY_MS, on_retry, quota);
}

/* What this boot was granted so far: known, or asked. */
static int held_learn(struct control_quota *quota, const struct asking *asking, struct held **out)
{
	struct held *held = held_find(quota, asking->tenant, asking->account);
	if (!held) {
		struct store_grant grant =
			grant_of(quota->control, asking->tenant, asking->account);
		int rc = store_grant_look(quota->control->store, &grant);
		if (rc)
			return rc;
		held = held_set(quota, asking->tenant, asking->account, grant.granted_total);
	}
	*out = held;
	return 0;
}

static void asking_try(struct control_quota *quota, struct asking *asking)
{
	struct control *control = quota->control;
	struct store_grant grant = grant_of(control, asking->tenant, asking->account);
	struct held *held;
	grant.wanted = asking->wanted - asking->gained;
	grant.comfort = MAX(asking->comfort, grant.wanted);
	int rc = held_learn(quota, asking, &held);
	if (rc == 0)
		rc = store_grant(control->store, &grant);
	if (rc) {
		if (rc != -ENOENT)
			control_store_did(control, rc, "quota.request");
		asking_fail(quota, asking, rc);
		return;
	}
	asking->gained += grant.granted_total - held->granted_total;
	held->granted_total = grant.granted_total;
	bool is_late = asking->deadline_ms && control_now_ms() >= asking->deadline_ms;
	if (grant.is_unlimited || asking->gained >= asking->wanted || is_late ||
	    grant.outstanding_elsewhere <= 0)
		asking_answer(quota, asking, &grant);
	else
		asking_wait(quota, asking);
}

static void waiting_try(struct control_quota *quota)
{
	struct asking *asking, *next;
	for (asking = TAILQ_FIRST(&quota->waiting); asking; asking = next) {
		next = TAILQ_NEXT(asking, link);
		if (control_is_whole(quota->control))
			asking_try(quota, asking);
		else
			asking_fail(quota, asking, -ENOTCONN);
	}
}

static gboolean on_retry(gpointer user)
{
	waiting_try(user);
	return G_SOURCE_CONTINUE; /* the last that waits removes the timer */
}

void control_quota_request(struct control_quota *quota, struct rpc_call *call, const json_t *params)
{
	enum account account;
	const char *tenant = json_string_value(json_object_get(params, "tenant"));
	const char *name = json_string_value(json_object_get(params, "account"));
	if (!account_by_name(name, &account)) {
		rpc_fail(call, RPC_INVALID_PARAMS,
			 "account: found \"%.16s\", expected credit, video or voice", name);
		return;
	}
	struct asking *asking = g_new0(struct asking, 1);
	asking->call = call;
	asking->account = account;
	asking->wanted = json_integer_value(json_object_get(params, "wanted"));
	asking->comfort = json_integer_value(json_object_get(params, "comfort"));
	g_strlcpy(asking->tenant, tenant, sizeof(asking->tenant));
	asking_try(quota, asking);
}

void control_quota_look(struct control_quota *quota)
{
	waiting_try(quota);
	if (control_is_whole(quota->control))
		wishes_look(quota);
}

void control_quota_forget(struct control_quota *quota)
{
	struct asking *asking;
	while ((asking = TAILQ_FIRST(&quota->waiting)))
		asking_fail(quota, asking, -ENOTCONN);
	g_hash_table_remove_all(quota->held);
}

/* --- After hello ------------------------------------------------------------------------------ */

static int unlisted_take(void *context, const struct sql_value *columns, unsigned int n)
{
	struct wish row = {0};
	(void)n;
	g_strlcpy(row.tenant, columns[0].text, sizeof(row.tenant));
	if (account_by_name(columns[1].text, &row.account))
		g_array_append_val((GArray *)context, row);
	return 0;
}

/* Grants whose answer the node never saw, so that it does not even list the account. */
static int unlisted_reconcile(struct control_quota *quota)
{
	struct control *control = quota->control;
	GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct wish));
	int rc = sql_run(store_sql(control->store),
			 "SELECT tenant, account FROM grants WHERE node = $1 AND boot = $2"
			 " AND granted > settled",
			 SQL_VALUES(sql_text(control->node_id), sql_text(control->boot)),
			 unlisted_take, rows);
	for (unsigned int i = 0; rc == 0 && i < rows->len; i++) {
		const struct wish *row = &g_array_index(rows, struct wish, i);
		if (!held_find(quota, row->tenant, row->account))
			rc = store_grant_reconcile(control->store, row->tenant, control->node_id,
						   control->boot, row->account, 0);
	}
	g_array_unref(rows);
	return rc;
}

int control_quota_resume(struct control_quota *quota)
{
	struct control *control = quota->control;
	GHashTableIter all;
	void *held;
	int rc = 0;
	g_hash_table_iter_init(&all, quota->held);
	while (rc == 0 && g_hash_table_iter_next(&all, NULL, &held)) {
		const struct held *known = held;
		rc = store_grant_reconcile(control->store, known->tenant, control->node_id,
					   control->boot, known->account, known->granted_total);
	}
	return rc ? rc : unlisted_reconcile(quota);
}

int control_quota_reconcile(struct control_quota *quota, const json_t *quotas)
{
	struct control *control = quota->control;
	size_t i;
	const json_t *row;
	g_hash_table_remove_all(quota->held);
	json_array_foreach((json_t *)quotas, i, row)
	{
		enum account account;
		const char *tenant = json_string_value(json_object_get(row, "tenant"));
		json_int_t granted = json_integer_value(json_object_get(row, "granted_total"));
		json_int_t returned = json_integer_value(json_object_get(row, "returned_total"));
		if (!tenant || strlen(tenant) > CONTROL_TENANT_MAX || granted < 0 || returned < 0 ||
		    !account_by_name(json_string_value(json_object_get(row, "account")), &account))
			continue;
		int rc = store_grant_return(control->store, tenant, control->node_id, control->boot,
					    account, returned);
		if (rc == 0)
			rc = store_grant_reconcile(control->store, tenant, control->node_id,
						   control->boot, account, granted);
		if (rc && rc != -ENOENT)
			return rc;
		held_set(quota, tenant, account, granted);
	}
	return unlisted_reconcile(quota);
}
