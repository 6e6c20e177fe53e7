#include "gateway/feed.h"

#include <glib.h>

#include "gateway/account.h"
#include "gateway/node.h"

struct selection {
	const struct tenant *tenant;
	GPtrArray *ids; /* of its sessions, owned */
};

static void select_session(void *context, const struct session *session)
{
	struct selection *selection = context;
	if (session->tenant == selection->tenant)
		g_ptr_array_add(selection->ids, g_strdup(session->id));
}

/* By id, and found again one by one: what is done to one session may end another. */
static GPtrArray *sessions_of(struct node *node, const struct tenant *tenant)
{
	struct selection selection = {tenant, g_ptr_array_new_with_free_func(g_free)};
	if (tenant->n_sessions > 0)
		session_each(node->sessions, select_session, &selection);
	return selection.ids;
}

unsigned int feed_terminate(struct node *node, const struct tenant *tenant,
			    enum session_reason reason)
{
	GPtrArray *ids = sessions_of(node, tenant);
	unsigned int n = 0;
	for (unsigned int i = 0; i < ids->len; i++) {
		struct session *session = session_find(node->sessions, ids->pdata[i]);
		if (!session)
			continue;
		session_terminate(session, reason);
		n++;
	}
	g_ptr_array_free(ids, TRUE);
	return n;
}

void feed_tenant_changed(struct node *node, struct tenant *tenant)
{
	if (node->sessions && tenant->n_sessions > 0)
		session_on_standing(node->sessions, tenant);
	if (node->sessions)
		session_on_policy(node->sessions, tenant);
	if (node->accounts && tenant->book_entry && tenant->config)
		account_on_tenant(node->accounts, tenant);
}

static void changed(void *context, struct tenant *tenant)
{
	feed_tenant_changed(context, tenant);
}

void feed_tenants_changed(struct node *node)
{
	tenant_each(node->tenants, changed, node);
}
