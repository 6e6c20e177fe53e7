#include "gateway/slicing_report.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/clock.h"
#include "gateway/ingress.h"
#include "gateway/node.h"
#include "gateway/session.h"
#include "gateway/slicing.h"
#include "media/plane.h"
#include "qos/scheduler.h"
#include "slices/slice.h"
#include "slices/tenant.h"

const char *const slicing_color_names[PACKET_COLORS] = {
	[COLOR_GREEN] = "green",
	[COLOR_YELLOW] = "yellow",
	[COLOR_RED] = "red",
};

/* Of a slice or of a pipe. */
typedef const struct scheduler_stats *(*stats_of)(const void *holder, enum traffic_class of);

static const struct scheduler_stats *slice_stats(const void *slice, enum traffic_class of)
{
	return scheduler_slice_stats(slice, of);
}

static const struct scheduler_stats *pipe_stats(const void *pipe, enum traffic_class of)
{
	return scheduler_pipe_stats(pipe, of);
}

static json_int_t read_stat(const uint64_t *field)
{
	return (json_int_t)scheduler_stat(field);
}

static json_t *describe_drops(const struct scheduler_stats *stats)
{
	json_t *drops = json_object();
	for (unsigned int i = 0; i < SCHEDULER_DROPS; i++)
		json_object_set_new(drops, scheduler_drop_names[i],
				    json_integer(read_stat(&stats->dropped[i])));
	return drops;
}

static json_t *describe_class(enum traffic_class of, const struct scheduler_stats *stats)
{
	json_t *bins = json_array();
	for (unsigned int i = 0; i < SCHEDULER_DELAY_BINS; i++)
		json_array_append_new(bins, json_integer(read_stat(&stats->delay_bins[i])));
	return json_pack("{s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o}", "class",
			 traffic_class_rows[of].name, "sent_packets",
			 read_stat(&stats->sent_packets), "sent_bytes",
			 read_stat(&stats->sent_bytes), "yellow_packets",
			 read_stat(&stats->yellow_packets), "dropped", describe_drops(stats),
			 "queued_packets", read_stat(&stats->queued_packets), "queued_bytes",
			 read_stat(&stats->queued_bytes), "delay_ns", read_stat(&stats->delay_ns),
			 "delay_bins", bins);
}

static bool is_used(const struct scheduler_stats *stats)
{
	uint64_t sum =
		scheduler_stat(&stats->sent_packets) + scheduler_stat(&stats->queued_packets);
	for (unsigned int i = 0; i < SCHEDULER_DROPS; i++)
		sum += scheduler_stat(&stats->dropped[i]);
	return sum > 0;
}

/* Classes that nothing ever came through are left out. */
static json_t *describe_classes(const void *holder, stats_of get)
{
	json_t *classes = json_array();
	for (unsigned int i = 0; holder && i < TRAFFIC_CLASSES; i++) {
		const struct scheduler_stats *stats = get(holder, (enum traffic_class)i);
		if (is_used(stats))
			json_array_append_new(classes,
					      describe_class((enum traffic_class)i, stats));
	}
	return classes;
}

/* A tenant and its slice; `sent_bytes` is what it is sorted by. */
struct entry {
	const struct tenant *tenant;
	const struct slicing_slice *slice;
	uint64_t sent_bytes;
};

struct entries {
	const struct slicing *slicing;
	GHashTable *policed; /* tenant's id -> struct policing */
	struct entry *rows;
	unsigned int n, room;
};

static uint64_t sent_bytes_of(const struct scheduler_pipe *pipe)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < TRAFFIC_CLASSES; i++)
		sum += scheduler_stat(
			&scheduler_pipe_stats(pipe, (enum traffic_class)i)->sent_bytes);
	return sum;
}

static void add_entry(void *context, struct tenant *tenant)
{
	struct entries *entries = context;
	if (entries->n == entries->room || (!tenant->config && !tenant->place))
		return;
	struct entry *entry = &entries->rows[entries->n++];
	*entry = (struct entry){.tenant = tenant};
	if (tenant->place) {
		entry->slice = tenant->place->slice;
		entry->sent_bytes = 1 + sent_bytes_of(tenant->place->pipe);
	} else {
		entry->slice = slicing_slice_find(entries->slicing, tenant->config->slice);
	}
}

/* The busiest first, then those that are placed, then by name. */
static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	if (a->sent_bytes != b->sent_bytes)
		return a->sent_bytes < b->sent_bytes ? 1 : -1;
	return strcmp(a->tenant->id, b->tenant->id);
}

static void add_policing(void *context, const char *tenant, const struct policing *policing)
{
	g_hash_table_insert(context, (gpointer)tenant, (gpointer)policing);
}

/* NULL: it has not published lately. */
static json_t *describe_policer(const struct policing *policing)
{
	json_t *colors = policing ? json_object() : NULL;
	for (unsigned int i = 0; colors && i < PACKET_COLORS; i++) {
		enum packet_color color = (enum packet_color)i;
		json_object_set_new(colors, slicing_color_names[i],
				    json_pack("{s:I, s:I}", "packets",
					      (json_int_t)policing_packets(policing, color),
					      "bytes",
					      (json_int_t)policing_bytes(policing, color)));
	}
	return colors;
}

static json_t *describe_tenant(const struct entries *entries, const struct entry *entry)
{
	const struct tenant *tenant = entry->tenant;
	const struct slicing_place *place = tenant->place;
	int64_t max_bps = place ? place->max_bps : tenant->config->policy.bandwidth.egress_bps;
	return json_pack("{s:s, s:I, s:i, s:b, s:o*, s:o}", "id", tenant->id, "max_bps",
			 (json_int_t)max_bps, "sessions", (int)tenant->n_sessions, "placed",
			 place != NULL, "policer",
			 describe_policer(g_hash_table_lookup(entries->policed, tenant->id)),
			 "classes", describe_classes(place ? place->pipe : NULL, pipe_stats));
}

static json_t *describe_tenants(const struct entries *entries, const struct slicing_slice *slice,
				unsigned int tenants_max)
{
	json_t *tenants = json_array();
	for (unsigned int i = 0; i < entries->n && i < tenants_max; i++) {
		if (entries->rows[i].slice == slice)
			json_array_append_new(tenants, describe_tenant(entries, &entries->rows[i]));
	}
	return tenants;
}

/* `slice` NULL: the default slice, of tenants that have none. */
static json_t *describe_slice(struct node *node, const struct slicing_slice *slice, json_t *tenants)
{
	static const struct slice_config none = {0};
	const struct slice_config *config = slice ? &slice->config : &none;
	const struct slice *row = slice_find(node->slices, config->id);
	const struct scheduler_slice *scheduled =
		slice ? slice->scheduled : scheduler_default_slice(plane_scheduler(node->plane));
	char sd[8];
	snprintf(sd, sizeof(sd), "%06x", config->sd & SLICE_SD_NONE);
	return json_pack(
		"{s:s, s:b, s:b, s:i, s:s, s:I, s:I, s:I, s:i, s:i, s:i, s:o, s:o}", "id",
		config->id, "default", !slice, "removed", slice && !row, "sst", (int)config->sst,
		"sd", sd, "guaranteed_bps", (json_int_t)config->guaranteed_bps, "promised_bps",
		(json_int_t)(row ? row->promised_bps : 0), "max_bps", (json_int_t)config->max_bps,
		"latency_ms", (int)config->latency_ms, "five_qi", (int)config->five_qi, "sessions",
		(int)(row ? row->n_sessions : 0), "classes",
		describe_classes(scheduled, slice_stats), "tenants", tenants);
}

/* The last bin has no bound. */
static json_t *describe_bounds(void)
{
	json_t *bounds = json_array();
	for (unsigned int i = 0; i + 1 < SCHEDULER_DELAY_BINS; i++)
		json_array_append_new(bounds, json_integer((json_int_t)scheduler_delay_bin_ns(i)));
	return bounds;
}

static json_t *describe_slices(struct node *node, const struct entries *entries,
			       unsigned int tenants_max)
{
	json_t *slices = json_array();
	const struct slicing_slice *slice;
	TAILQ_FOREACH (slice, &node->slicing->slices, link)
		json_array_append_new(
			slices,
			describe_slice(node, slice, describe_tenants(entries, slice, tenants_max)));
	json_array_append_new(
		slices, describe_slice(node, NULL, describe_tenants(entries, NULL, tenants_max)));
	return slices;
}

json_t *slicing_report(struct node *node, unsigned int tenants_max)
{
	struct entries entries = {.slicing = node->slicing,
				  .policed = g_hash_table_new(g_str_hash, g_str_equal)};
	json_t *slices = json_array();
	if (node->slicing && node->plane && plane_scheduler(node->plane)) {
		/* Those that are gone and still held make the rest. */
		entries.room = tenant_count(node->tenants) + node->slicing->n_places;
		entries.rows = calloc(entries.room + 1UL, sizeof(*entries.rows));
		if (!entries.rows)
			entries.room = 0;
		tenant_each(node->tenants, add_entry, &entries);
		if (node->sessions)
			ingress_each(session_ingress(node->sessions), add_policing,
				     entries.policed);
		qsort(entries.rows, entries.n, sizeof(*entries.rows), compare_entries);
		json_decref(slices);
		slices = describe_slices(node, &entries, tenants_max);
	}
	unsigned int left_out = entries.n > tenants_max ? entries.n - tenants_max : 0;
	free(entries.rows);
	g_hash_table_destroy(entries.policed);
	return json_pack("{s:s, s:I, s:I, s:o, s:i, s:o}", "node", node->config.node.name,
			 "link_bps", (json_int_t)node->config.node.port_mbps * 1000000, "at_ns",
			 (json_int_t)clock_ns(), "delay_bounds_ns", describe_bounds(),
			 "tenants_left_out", (int)left_out, "slices", slices);
}
