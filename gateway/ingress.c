#include "gateway/ingress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "gateway/events.h"
#include "gateway/session.h"
#include "media/plane.h"

#define KEEP_NS 60000000000ull /* after the last session */
/* Who keeps to its rate swings around it. */
#define SWING 1.0625
/* A limit is kept again after so many looks that found nothing over it. */
#define QUIET_LOOKS 3
#define SECOND_NS   1e9

struct ingress_tenant {
	char id[TENANT_ID_MAX + 1];
	struct policing *policing; /* owned */
	unsigned int n_sessions;
	uint64_t left_ns; /* when the last one went */
};

struct ingress {
	struct plane *plane;   /* borrowed */
	GHashTable *by_tenant; /* id -> struct ingress_tenant, owned */
};

static void destroy_tenant(void *entry)
{
	struct ingress_tenant *tenant = entry;
	policing_destroy(tenant->policing);
	free(tenant);
}

struct ingress *ingress_create(struct plane *plane)
{
	struct ingress *ingress = calloc(1, sizeof(*ingress));
	if (!ingress)
		return NULL;
	ingress->plane = plane;
	ingress->by_tenant = g_hash_table_new(g_str_hash, g_str_equal);
	return ingress;
}

void ingress_destroy(struct ingress *ingress)
{
	GHashTableIter iter;
	gpointer tenant;
	if (!ingress)
		return;
	g_hash_table_iter_init(&iter, ingress->by_tenant);
	while (g_hash_table_iter_next(&iter, NULL, &tenant))
		destroy_tenant(tenant);
	g_hash_table_destroy(ingress->by_tenant);
	free(ingress);
}

static struct policer_config tenant_config(const struct tenant *tenant)
{
	const struct policy *policy = &tenant->config->policy;
	return (struct policer_config){.committed_bps = policy->bandwidth.ingress_bps,
				       .peak_bps = policy->bandwidth.ingress_peak_bps,
				       .burst_ms = policy->bandwidth.burst_ms};
}

static struct policer_config session_config(const struct tenant *tenant)
{
	const struct policy *policy = &tenant->config->policy;
	return (struct policer_config){.committed_bps = policy->bandwidth.session_ingress_bps,
				       .peak_bps = policy->bandwidth.session_ingress_peak_bps,
				       .burst_ms = policy->bandwidth.burst_ms};
}

/* The policy was checked when it was read, so this refuses nothing; if it ever did, the limits of
 * before stay. */
static void set_tenant(struct ingress *ingress, struct ingress_tenant *entry,
		       const struct tenant *tenant)
{
	struct policer_config config = tenant_config(tenant);
	if (policing_set(ingress->plane, entry->policing, &config, clock_ns()))
		log_error(LOG_SESSION, "a tenant's ingress limits are impossible and not in force",
			  "\"tenant\":\"%s\",\"committed_bps\":%lld,\"peak_bps\":%lld", tenant->id,
			  (long long)config.committed_bps, (long long)config.peak_bps);
}

static struct ingress_tenant *create_tenant(struct ingress *ingress, const struct tenant *tenant)
{
	struct ingress_tenant *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->policing = policing_create(ingress->plane->n_workers);
	if (!entry->policing) {
		free(entry);
		return NULL;
	}
	memcpy(entry->id, tenant->id, sizeof(entry->id));
	g_hash_table_insert(ingress->by_tenant, entry->id, entry);
	if (tenant->config)
		set_tenant(ingress, entry, tenant);
	return entry;
}

int ingress_attach(struct ingress *ingress, struct session *session)
{
	const struct tenant *tenant = session->tenant;
	struct ingress_tenant *entry = g_hash_table_lookup(ingress->by_tenant, tenant->id);
	if (!entry)
		entry = create_tenant(ingress, tenant);
	if (!entry)
		return -ENOMEM;
	entry->n_sessions++;
	session->ingress.tenant = entry;
	if (tenant->config)
		session->ingress.config = session_config(tenant);
	return 0;
}

void ingress_detach(struct session *session)
{
	struct ingress_tenant *entry = session->ingress.tenant;
	if (!entry)
		return;
	session->ingress.tenant = NULL;
	if (--entry->n_sessions == 0)
		entry->left_ns = clock_ns();
}

void ingress_on_home(struct ingress *ingress, struct session *session)
{
	if (!session->ingress.tenant)
		return;
	if (session->state != SESSION_TERMINATED)
		policing_set_session(ingress->plane, session->transport, &session->ingress.config);
	policing_divide(ingress->plane, session->ingress.tenant->policing, clock_ns());
}

void ingress_on_tenant(struct ingress *ingress, const struct tenant *tenant)
{
	struct ingress_tenant *entry = g_hash_table_lookup(ingress->by_tenant, tenant->id);
	if (entry && tenant->config)
		set_tenant(ingress, entry, tenant);
}

void ingress_on_policy(struct ingress *ingress, struct session *session)
{
	if (!session->ingress.tenant || !session->tenant->config)
		return;
	session->ingress.config = session_config(session->tenant);
	if (session->is_published && session->state != SESSION_TERMINATED)
		policing_set_session(ingress->plane, session->transport, &session->ingress.config);
}

/* A message of a new rate may still be under way to a worker, so the object goes behind a barrier
 * of its own. */
static bool retire(struct ingress *ingress, struct ingress_tenant *entry, uint64_t now_ns)
{
	return entry->n_sessions == 0 && now_ns > entry->left_ns + KEEP_NS &&
	       plane_barrier(ingress->plane, destroy_tenant, entry) == 0;
}

void ingress_tick(struct ingress *ingress, uint64_t now_ns)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, ingress->by_tenant);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ingress_tenant *entry = value;
		if (retire(ingress, entry, now_ns))
			g_hash_table_iter_remove(&iter);
		else
			policing_divide(ingress->plane, entry->policing, now_ns);
	}
}

/* How much came, and how much of it was dropped, under a limit. */
struct totals {
	uint64_t bytes, dropped;
	uint64_t own_dropped; /* of this session's */
};

static struct totals session_totals(const struct session *session)
{
	const struct policer *policer = &session->transport->policed.policer;
	struct totals totals = {.dropped = policer_total(&policer->packets[COLOR_RED])};
	totals.own_dropped = totals.dropped;
	for (unsigned int color = 0; color < PACKET_COLORS; color++)
		totals.bytes += policer_total(&policer->bytes[color]);
	return totals;
}

static struct totals tenant_totals(const struct session *session)
{
	const struct policing *policing = session->ingress.tenant->policing;
	struct totals totals = {.dropped = policing_packets(policing, COLOR_RED)};
	totals.own_dropped = policer_total(&session->transport->policed.tenant_dropped);
	for (unsigned int color = 0; color < PACKET_COLORS; color++)
		totals.bytes += policing_bytes(policing, (enum packet_color)color);
	return totals;
}

void ingress_bind(struct session *session)
{
	struct ingress_session *own = &session->ingress;
	struct policed *policed = &session->transport->policed;
	if (!own->tenant)
		return;
	policed->tenant = own->tenant->policing;
	policer_set(&policed->policer, &own->config, clock_ns());
	/* What the tenant's others have sent until now is no news to this one. */
	struct totals totals = tenant_totals(session);
	own->notices[INGRESS_TENANT].bytes = totals.bytes;
	own->notices[INGRESS_TENANT].dropped = totals.dropped;
	own->measured_ns = clock_ns();
}

/* Whether there is news: exceeded, kept again, or dropping goes on. */
static bool look(struct ingress_notice *notice, int64_t committed_bps, const struct totals *totals,
		 uint64_t elapsed_ns)
{
	double bps = (double)(totals->bytes - notice->bytes) * 8 * SECOND_NS / (double)elapsed_ns;
	bool is_over = committed_bps > 0 &&
		       (bps > (double)committed_bps * SWING || totals->dropped != notice->dropped);
	bool was_over = notice->is_over;
	notice->quiet = is_over ? 0 : notice->quiet + 1;
	notice->is_over = is_over || (was_over && notice->quiet < QUIET_LOOKS && committed_bps > 0);
	notice->bytes = totals->bytes;
	notice->dropped = totals->dropped;
	return notice->is_over != was_over ||
	       (notice->is_over && totals->own_dropped != notice->told);
}

static void tell(struct session *session, enum ingress_scope scope, uint64_t dropped_packets)
{
	const struct ingress_session *own = &session->ingress;
	const struct policer_config *config =
		scope == INGRESS_TENANT ? &own->tenant->policing->config : &own->config;
	int64_t peak_bps = config->peak_bps ? config->peak_bps : 2 * config->committed_bps;
	events_limit_rate(session, &(struct ingress_limit){.scope = scope,
							   .committed_bps = config->committed_bps,
							   .peak_bps = peak_bps,
							   .dropped_packets = dropped_packets,
							   .is_over = own->notices[scope].is_over});
}

void ingress_tell(struct session *session, uint64_t now_ns)
{
	struct ingress_session *own = &session->ingress;
	if (!own->tenant)
		return;
	struct totals totals[INGRESS_SCOPES] = {
		[INGRESS_SESSION] = session_totals(session),
		[INGRESS_TENANT] = tenant_totals(session),
	};
	int64_t committed_bps[INGRESS_SCOPES] = {
		[INGRESS_SESSION] = own->config.committed_bps,
		[INGRESS_TENANT] = own->tenant->policing->config.committed_bps,
	};
	uint64_t elapsed_ns = now_ns > own->measured_ns ? now_ns - own->measured_ns : 1;
	own->measured_ns = now_ns;
	for (unsigned int scope = 0; scope < INGRESS_SCOPES; scope++) {
		struct ingress_notice *notice = &own->notices[scope];
		if (!look(notice, committed_bps[scope], &totals[scope], elapsed_ns))
			continue;
		notice->told = totals[scope].own_dropped;
		tell(session, (enum ingress_scope)scope, notice->told);
	}
}

void ingress_tell_all(struct session *session)
{
	for (unsigned int scope = 0; session->ingress.tenant && scope < INGRESS_SCOPES; scope++) {
		if (session->ingress.notices[scope].is_over)
			tell(session, (enum ingress_scope)scope,
			     session->ingress.notices[scope].told);
	}
}

void ingress_each(const struct ingress *ingress,
		  void (*each)(void *context, const char *tenant, const struct policing *policing),
		  void *context)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, ingress->by_tenant);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct ingress_tenant *entry = value;
		each(context, entry->id, entry->policing);
	}
}
