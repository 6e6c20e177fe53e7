/* Two lists: the slices the scheduler has, and the tenants that have a pipe in one.
 *
 * The slice table asks before it changes and tells when a slice is gone (slice_table_mirror), so
 * table and scheduler never disagree. A slice that was removed stays as long as sessions hold it;
 * when the table lets go of it, the pipes in it move to the default slice first.
 *
 * A pipe costs memory (its queues), and most tenants of a fleet are not on this node at any one
 * time: it is made when a tenant's first session passes gate 16, and goes when tenant and sessions
 * are gone, or when its room is needed and the tenant has no session. A session is counted in
 * tenant->n_sessions until it was freed behind a barrier, so a pipe without sessions is one that
 * nobody enqueues to. */
#include "gateway/slicing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "gateway/admin.h"
#include "gateway/node.h"
#include "gateway/session.h"
#include "media/plane.h"
#include "qos/scheduler.h"
#include "slices/slice.h"
#include "slices/tenant.h"

#define LEAVING_PATIENCE_MS 100

static struct scheduler *scheduler_of(const struct slicing *slicing)
{
	return slicing->node->plane ? plane_scheduler(slicing->node->plane) : NULL;
}

static const char *name_of(const struct slicing_slice *slice)
{
	return slice ? slice->config.id : "";
}

/* --- Telling ---------------------------------------------------------------------------------- */

/* A line of log and audit trail; `tenant` NULL: of a slice alone. */
static void tell(struct node *node, const char *type, const char *tenant, const char *slice,
		 const char *detail)
{
	log_info(LOG_NODE, type, "\"tenant\":\"%s\",\"slice\":\"%s\",\"detail\":\"%s\"",
		 tenant ? tenant : "", slice, log_escape(detail));
	if (!node->admin)
		return;
	json_t *event = json_pack("{s:s, s:I, s:s, s:s, s:s}", "type", type, "at_ms",
				  (json_int_t)(g_get_real_time() / 1000), "tenant",
				  tenant ? tenant : "", "slice", slice, "detail", detail);
	if (event)
		admin_event(node->admin, event);
}

static void describe(const struct slice_config *config, char *out, size_t bytes)
{
	snprintf(out, bytes,
		 "guaranteed_bps %" PRId64 ", max_bps %" PRId64
		 ", latency_ms %u, five_qi %u, sst %u, sd %06x",
		 config->guaranteed_bps, config->max_bps, config->latency_ms, config->five_qi,
		 (unsigned int)config->sst, config->sd);
}

/* "max_bps 0 -> 5000000, five_qi 7 -> 2": what differs. */
static void describe_change(const struct slice_config *before, const struct slice_config *after,
			    char *out, size_t bytes)
{
	const struct {
		const char *name;
		int64_t before, after;
	} members[] = {
		{"guaranteed_bps", before->guaranteed_bps, after->guaranteed_bps},
		{"max_bps", before->max_bps, after->max_bps},
		{"latency_ms", before->latency_ms, after->latency_ms},
		{"five_qi", before->five_qi, after->five_qi},
		{"sst", before->sst, after->sst},
		{"sd", before->sd, after->sd},
	};
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && used < bytes; i++) {
		if (members[i].before == members[i].after)
			continue;
		used += (size_t)snprintf(out + used, bytes - used, "%s%s %" PRId64 " -> %" PRId64,
					 used ? ", " : "", members[i].name, members[i].before,
					 members[i].after);
	}
}

void slicing_refused(struct node *node, const struct slice_config *config, const char *why)
{
	if (node->slicing)
		node->slicing->counters.slices_refused++;
	tell(node, "slice.refused", NULL, config->id, why);
}

/* --- Slices ----------------------------------------------------------------------------------- */

struct slicing_slice *slicing_slice_find(const struct slicing *slicing, const char *id)
{
	struct slicing_slice *slice;
	TAILQ_FOREACH (slice, &slicing->slices, link) {
		if (strcmp(slice->config.id, id) == 0)
			return slice;
	}
	return NULL;
}

static void insert_slice(struct slicing *slicing, struct slicing_slice *fresh)
{
	struct slicing_slice *slice;
	TAILQ_FOREACH (slice, &slicing->slices, link) {
		if (strcmp(slice->config.id, fresh->config.id) < 0)
			continue;
		TAILQ_INSERT_BEFORE(slice, fresh, link);
		return;
	}
	TAILQ_INSERT_TAIL(&slicing->slices, fresh, link);
}

static struct scheduler_slice_config scheduled_config(const struct slice_config *config)
{
	struct scheduler_slice_config scheduled = {
		.guaranteed_bps = config->guaranteed_bps,
		.max_bps = config->max_bps,
		.latency_ms = config->latency_ms,
		.five_qi = config->five_qi,
	};
	snprintf(scheduled.name, sizeof(scheduled.name), "%s", config->id);
	return scheduled;
}

static int add_slice(struct slicing *slicing, const struct slice_config *config, char *why,
		     size_t why_bytes)
{
	const struct scheduler_slice_config scheduled = scheduled_config(config);
	struct slicing_slice *slice = calloc(1, sizeof(*slice));
	if (!slice)
		return -ENOMEM;
	int rc = -EMFILE;
	/* A table that is replaced as a whole: those that leave make room within a moment. */
	for (unsigned int i = 0; rc == -EMFILE && i < LEAVING_PATIENCE_MS; i++) {
		if (i > 0)
			g_usleep(1000);
		unsigned int leaving = scheduler_collect(scheduler_of(slicing));
		rc = scheduler_slice_add(scheduler_of(slicing), &scheduled, why, why_bytes,
					 &slice->scheduled);
		if (leaving == 0)
			break;
	}
	if (rc) {
		free(slice);
		return rc;
	}
	slice->config = *config;
	insert_slice(slicing, slice);
	return 0;
}

static int change_slice(struct slicing_slice *slice, const struct slice_config *config, char *why,
			size_t why_bytes)
{
	const struct scheduler_slice_config scheduled = scheduled_config(config);
	int rc = scheduler_slice_change(slice->scheduled, &scheduled, why, why_bytes);
	if (rc)
		return rc;
	slice->config = *config;
	slice->is_leaving = false;
	return 0;
}

static bool is_same(const struct slice_config *a, const struct slice_config *b)
{
	return a->guaranteed_bps == b->guaranteed_bps && a->max_bps == b->max_bps &&
	       a->latency_ms == b->latency_ms && a->five_qi == b->five_qi && a->sst == b->sst &&
	       a->sd == b->sd;
}

static void follow_all(struct slicing *slicing);

static int on_slice_put(void *context, const struct slice_config *before,
			const struct slice_config *config, struct slice_refusal *refusal)
{
	struct slicing *slicing = context;
	struct slicing_slice *slice = slicing_slice_find(slicing, config->id);
	char detail[256];
	int rc = 0;
	if (before && is_same(before, config))
		return 0;
	if (slice)
		rc = change_slice(slice, config, refusal->why, sizeof(refusal->why));
	else if (scheduler_of(slicing))
		rc = add_slice(slicing, config, refusal->why, sizeof(refusal->why));
	if (rc)
		return rc;
	if (before)
		describe_change(before, config, detail, sizeof(detail));
	else
		describe(config, detail, sizeof(detail));
	tell(slicing->node, before ? "slice.changed" : "slice.allocated", NULL, config->id, detail);
	if (!before)
		follow_all(slicing);
	return 0;
}

static bool is_empty(const struct slicing *slicing, const struct slicing_slice *slice)
{
	const struct slicing_place *place;
	TAILQ_FOREACH (place, &slicing->places, link) {
		if (place->slice == slice)
			return false;
	}
	return true;
}

static void drop_if_empty(struct slicing *slicing, struct slicing_slice *slice)
{
	if (!is_empty(slicing, slice))
		return;
	TAILQ_REMOVE(&slicing->slices, slice, link);
	scheduler_slice_remove(slice->scheduled);
	free(slice);
}

/* Its guarantee is another's from now on, even if a pipe cannot leave it at once. */
static void on_slice_removed(void *context, const struct slice_config *config)
{
	struct slicing *slicing = context;
	struct slicing_slice *slice = slicing_slice_find(slicing, config->id);
	struct slice_config rest = *config;
	char why[256];
	tell(slicing->node, "slice.released", NULL, config->id, "");
	if (!slice)
		return;
	rest.guaranteed_bps = 0;
	change_slice(slice, &rest, why, sizeof(why)); /* a guarantee that shrinks always fits */
	slice->is_leaving = true;
	follow_all(slicing);
	drop_if_empty(slicing, slice);
}

/* --- Places ----------------------------------------------------------------------------------- */

/* It has left, and does not come back. */
static bool is_gone(const struct tenant *tenant)
{
	return !tenant->config || tenant->config->standing == TENANT_EXITED;
}

/* One that names a slice which is not known here (any more) stays where it is, as its promises do;
 * when the scheduler lets go of that one, without a slice. */
static struct slicing_slice *wanted_slice(const struct slicing *slicing,
					  const struct slicing_place *place)
{
	const struct tenant_config *config = place->tenant->config;
	struct slicing_slice *slice = place->slice;
	if (config && config->slice[0] == '\0')
		return NULL;
	if (config && slicing_slice_find(slicing, config->slice))
		slice = slicing_slice_find(slicing, config->slice);
	return slice && !slice->is_leaving ? slice : NULL;
}

static int64_t wanted_bps(const struct slicing_place *place)
{
	const struct tenant_config *config = place->tenant->config;
	return config ? config->policy.bandwidth.egress_bps : place->max_bps;
}

static struct scheduler_pipe_config pipe_config(const struct tenant *tenant, int64_t max_bps)
{
	struct scheduler_pipe_config config = {.max_bps = max_bps};
	snprintf(config.name, sizeof(config.name), "%s", tenant->id);
	return config;
}

static void tell_moved(struct slicing *slicing, const struct slicing_place *place,
		       const struct slicing_slice *from, int64_t from_bps)
{
	char detail[256] = "";
	size_t used = 0;
	if (from != place->slice)
		used = (size_t)snprintf(detail, sizeof(detail), "slice '%s' -> '%s'", name_of(from),
					name_of(place->slice));
	if (from_bps != place->max_bps)
		snprintf(detail + used, sizeof(detail) - used,
			 "%segress_bps %" PRId64 " -> %" PRId64, used ? ", " : "", from_bps,
			 place->max_bps);
	tell(slicing->node, from != place->slice ? "tenant.moved" : "tenant.shaped",
	     place->tenant->id, name_of(place->slice), detail);
}

/* The pipe goes to where its tenant belongs now. */
static void follow(struct slicing *slicing, struct slicing_place *place)
{
	struct slicing_slice *from = place->slice, *to = wanted_slice(slicing, place);
	int64_t from_bps = place->max_bps, to_bps = wanted_bps(place);
	const struct scheduler_pipe_config config = pipe_config(place->tenant, to_bps);
	char why[256] = "";
	bool was_behind = place->is_behind;
	place->is_behind = false;
	if (from == to && from_bps == to_bps)
		return;
	int rc = scheduler_pipe_change(place->pipe, to ? to->scheduled : NULL, &config, why,
				       sizeof(why));
	if (rc == 0) {
		place->slice = to;
		place->max_bps = to_bps;
		tell_moved(slicing, place, from, from_bps);
		return;
	}
	place->is_behind = true;
	if (was_behind)
		return;
	slicing->counters.places_refused++;
	tell(slicing->node, "tenant.refused", place->tenant->id, name_of(to),
	     why[0] ? why : strerror(-rc));
}

static void follow_all(struct slicing *slicing)
{
	struct slicing_place *place;
	TAILQ_FOREACH (place, &slicing->places, link)
		follow(slicing, place);
}

/* Nobody enqueues to it: its tenant has no session. */
static void drop_place(struct slicing *slicing, struct slicing_place *place)
{
	TAILQ_REMOVE(&slicing->places, place, link);
	slicing->n_places--;
	place->tenant->place = NULL;
	scheduler_pipe_remove(place->pipe);
	free(place);
}

/* Those of tenants that are gone, or (`idle`) that have nobody here. */
static unsigned int drop_places(struct slicing *slicing, bool idle)
{
	struct slicing_place *place = TAILQ_FIRST(&slicing->places);
	unsigned int n = 0;
	while (place) {
		struct slicing_place *next = TAILQ_NEXT(place, link);
		if (place->tenant->n_sessions == 0 && (idle || is_gone(place->tenant))) {
			drop_place(slicing, place);
			n++;
		}
		place = next;
	}
	return n;
}

static int make_place(struct slicing *slicing, struct tenant *tenant, char *why, size_t why_bytes)
{
	struct slicing_place *place = calloc(1, sizeof(*place));
	if (!place)
		return -ENOMEM;
	place->tenant = tenant;
	place->slice = wanted_slice(slicing, place);
	place->max_bps = wanted_bps(place);
	const struct scheduler_pipe_config config = pipe_config(tenant, place->max_bps);
	int rc = scheduler_pipe_add(scheduler_of(slicing),
				    place->slice ? place->slice->scheduled : NULL, &config, why,
				    why_bytes, &place->pipe);
	if (rc) {
		free(place);
		return rc;
	}
	tenant->place = place;
	TAILQ_INSERT_TAIL(&slicing->places, place, link);
	slicing->n_places++;
	return 0;
}

int slicing_place(struct slicing *slicing, struct tenant *tenant, char *why, size_t why_bytes)
{
	char detail[64] = "";
	if (!slicing || tenant->place || !scheduler_of(slicing))
		return 0;
	why[0] = '\0';
	int rc = make_place(slicing, tenant, why, why_bytes);
	if (rc && drop_places(slicing, true) > 0)
		rc = make_place(slicing, tenant, why, why_bytes);
	if (rc) {
		slicing->counters.places_refused++;
		if (!why[0])
			snprintf(why, why_bytes, "%s", strerror(-rc));
		return rc;
	}
	if (tenant->place->max_bps)
		snprintf(detail, sizeof(detail), "egress_bps %" PRId64, tenant->place->max_bps);
	tell(slicing->node, "tenant.placed", tenant->id, name_of(tenant->place->slice), detail);
	return 0;
}

struct scheduler_pipe *slicing_pipe(const struct tenant *tenant)
{
	return tenant->place ? tenant->place->pipe : NULL;
}

void slicing_tenant_changed(struct slicing *slicing, struct tenant *tenant)
{
	if (slicing && tenant->place)
		follow(slicing, tenant->place);
}

/* --- Beginning, time and end ------------------------------------------------------------------ */

void slicing_tick(struct slicing *slicing)
{
	struct slicing_place *place;
	struct slicing_slice *slice;
	if (drop_places(slicing, false) > 0)
		tenant_table_sweep(slicing->node->tenants);
	TAILQ_FOREACH (place, &slicing->places, link) {
		if (place->is_behind)
			follow(slicing, place);
	}
	slice = TAILQ_FIRST(&slicing->slices);
	while (slice) {
		struct slicing_slice *next = TAILQ_NEXT(slice, link);
		if (slice->is_leaving)
			drop_if_empty(slicing, slice);
		slice = next;
	}
}

struct slicing *slicing_create(struct node *node)
{
	struct slicing *slicing = calloc(1, sizeof(*slicing));
	if (!slicing)
		return NULL;
	slicing->node = node;
	TAILQ_INIT(&slicing->slices);
	TAILQ_INIT(&slicing->places);
	const struct slice_mirror mirror = {on_slice_put, on_slice_removed, slicing};
	slice_table_mirror(node->slices, &mirror);
	return slicing;
}

void slicing_destroy(struct slicing *slicing)
{
	struct slicing_place *place;
	struct slicing_slice *slice;
	if (!slicing)
		return;
	slice_table_mirror(slicing->node->slices, &(struct slice_mirror){0});
	while ((place = TAILQ_FIRST(&slicing->places))) {
		TAILQ_REMOVE(&slicing->places, place, link);
		place->tenant->place = NULL;
		free(place);
	}
	while ((slice = TAILQ_FIRST(&slicing->slices))) {
		TAILQ_REMOVE(&slicing->slices, slice, link);
		free(slice);
	}
	free(slicing);
}
