#include "gateway/feed.h"

#include <glib.h>

#include "gateway/account.h"
#include "gateway/node.h"
#include "gateway/slicing.h"
#include "slices/slice.h"

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

/* What the session was promised it is promised by its tenant's slice. That of a slice which is not
 * known here (any more) stays where it is. */
static void move_promise(struct node *node, struct session *session)
{
	const struct tenant_config *config = session->tenant->config;
	struct slice *from = session->slice, *to = slice_find(node->slices, config->slice);
	if (from == to || (!to && config->slice[0] != '\0'))
		return;
	if (!from)
		session->slice_bps = config->policy.session_bps;
	if (to)
		slice_adopt(to, session->slice_bps);
	if (from)
		slice_release(from, session->slice_bps);
	session->slice = to;
}

static void move_promises(struct node *node, const struct tenant *tenant)
{
	GPtrArray *ids = sessions_of(node, tenant);
	for (unsigned int i = 0; i < ids->len; i++)
		move_promise(node, session_find(node->sessions, ids->pdata[i]));
	g_ptr_array_free(ids, TRUE);
}

void feed_tenant_changed(struct node *node, struct tenant *tenant)
{
	if (node->sessions && tenant->n_sessions > 0 && tenant->config)
		move_promises(node, tenant);
	slicing_tenant_changed(node->slicing, tenant);
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
