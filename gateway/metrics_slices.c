#include "gateway/metrics_slices.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ingress.h"
#include "gateway/metrics_control.h"
#include "gateway/node.h"
#include "gateway/session.h"
#include "gateway/slicing.h"
#include "gateway/slicing_report.h"
#include "media/plane.h"
#include "qos/scheduler.h"
#include "slices/slice.h"
#include "slices/tenant.h"

/* A slice as its series are labelled; the default slice's label is empty. */
struct labelled {
	const char *id;
	const struct scheduler_slice *scheduled;
};

struct page {
	GString *out;
	struct labelled slices[SLICES_MAX + 1];
	unsigned int n;
};

static void collect(struct node *node, struct page *page)
{
	const struct slicing_slice *slice;
	TAILQ_FOREACH (slice, &node->slicing->slices, link) {
		if (page->n < SLICES_MAX)
			page->slices[page->n++] =
				(struct labelled){slice->config.id, slice->scheduled};
	}
	page->slices[page->n++] =
		(struct labelled){"", scheduler_default_slice(plane_scheduler(node->plane))};
}

static const struct {
	const char *name, *help;
	enum metric_type type;
	size_t offset;
} columns[] = {
	{"slice_sent_packets_total", "Packets a slice sent, by traffic class", COUNTER,
	 offsetof(struct scheduler_stats, sent_packets)},
	{"slice_sent_bytes_total", "Bytes a slice sent, as they count on the wire", COUNTER,
	 offsetof(struct scheduler_stats, sent_bytes)},
	{"slice_yellow_packets_total",
	 "Packets a slice sent that were over their source's committed rate", COUNTER,
	 offsetof(struct scheduler_stats, yellow_packets)},
	{"slice_queued_packets", "Packets that wait in a slice", GAUGE,
	 offsetof(struct scheduler_stats, queued_packets)},
	{"slice_queued_bytes", "Bytes that wait in a slice, as they count on the wire", GAUGE,
	 offsetof(struct scheduler_stats, queued_bytes)},
};

static void render_column(struct page *page, size_t column)
{
	metrics_head(page->out, columns[column].name, columns[column].help, columns[column].type);
	for (unsigned int i = 0; i < page->n; i++) {
		for (unsigned int class = 0; class < TRAFFIC_CLASSES; class ++) {
			const char *stats = (const char *)scheduler_slice_stats(
				page->slices[i].scheduled, (enum traffic_class) class);
			const uint64_t *field =
				(const uint64_t *)(const void *)(stats + columns[column].offset);
			g_string_append_printf(
				page->out, "nn5g_%s{slice=\"%s\",class=\"%s\"} %" PRIu64 "\n",
				columns[column].name, page->slices[i].id,
				traffic_class_rows[class].name, scheduler_stat(field));
		}
	}
}

static void render_drops(struct page *page)
{
	metrics_head(page->out, "slice_dropped_packets_total",
		     "Packets a slice dropped, by traffic class and reason", COUNTER);
	for (unsigned int i = 0; i < page->n; i++) {
		for (unsigned int class = 0; class < TRAFFIC_CLASSES; class ++) {
			const struct scheduler_stats *stats = scheduler_slice_stats(
				page->slices[i].scheduled, (enum traffic_class) class);
			for (unsigned int reason = 0; reason < SCHEDULER_DROPS; reason++)
				g_string_append_printf(
					page->out,
					"nn5g_slice_dropped_packets_total{slice=\"%s\","
					"class=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
					page->slices[i].id, traffic_class_rows[class].name,
					scheduler_drop_names[reason],
					scheduler_stat(&stats->dropped[reason]));
		}
	}
}

/* The bins are read one by one while the owner counts: their sum is the count, so that the series
 * of one scrape agree. */
static void render_delay(struct page *page, const struct labelled *slice, enum traffic_class class)
{
	const struct scheduler_stats *stats = scheduler_slice_stats(slice->scheduled, class);
	const char *name = traffic_class_rows[class].name;
	uint64_t sum = 0;
	for (unsigned int bin = 0; bin < SCHEDULER_DELAY_BINS; bin++) {
		uint64_t bound_ns = scheduler_delay_bin_ns(bin);
		char bound[32] = "+Inf";
		sum += scheduler_stat(&stats->delay_bins[bin]);
		if (bound_ns != UINT64_MAX)
			snprintf(bound, sizeof(bound), "%.9g", (double)bound_ns / 1e9);
		g_string_append_printf(page->out,
				       "nn5g_slice_delay_seconds_bucket{slice=\"%s\",class=\"%s\","
				       "le=\"%s\"} %" PRIu64 "\n",
				       slice->id, name, bound, sum);
	}
	g_string_append_printf(page->out,
			       "nn5g_slice_delay_seconds_sum{slice=\"%s\",class=\"%s\"} %.9f\n"
			       "nn5g_slice_delay_seconds_count{slice=\"%s\",class=\"%s\"} %" PRIu64
			       "\n",
			       slice->id, name, (double)scheduler_stat(&stats->delay_ns) / 1e9,
			       slice->id, name, sum);
}

static void render_delays(struct page *page)
{
	metrics_head(page->out, "slice_delay_seconds", "Time packets waited in a slice", HISTOGRAM);
	for (unsigned int i = 0; i < page->n; i++) {
		for (unsigned int class = 0; class < TRAFFIC_CLASSES; class ++)
			render_delay(page, &page->slices[i], (enum traffic_class) class);
	}
}

/* What a tenant's pipe counted, over its classes. */
struct busy {
	const struct slicing_place *place;
	uint64_t sent_packets, sent_bytes, dropped, queued_bytes;
};

static struct busy count_place(const struct slicing_place *place)
{
	struct busy busy = {.place = place};
	for (unsigned int class = 0; class < TRAFFIC_CLASSES; class ++) {
		const struct scheduler_stats *stats =
			scheduler_pipe_stats(place->pipe, (enum traffic_class) class);
		busy.sent_packets += scheduler_stat(&stats->sent_packets);
		busy.sent_bytes += scheduler_stat(&stats->sent_bytes);
		busy.queued_bytes += scheduler_stat(&stats->queued_bytes);
		for (unsigned int reason = 0; reason < SCHEDULER_DROPS; reason++)
			busy.dropped += scheduler_stat(&stats->dropped[reason]);
	}
	return busy;
}

static int compare_busy(const void *left, const void *right)
{
	const struct busy *a = left, *b = right;
	if (a->sent_bytes != b->sent_bytes)
		return a->sent_bytes < b->sent_bytes ? 1 : -1;
	return strcmp(a->place->tenant->id, b->place->tenant->id);
}

static const struct {
	const char *name, *help;
	enum metric_type type;
	size_t offset;
} tenant_columns[] = {
	{"tenant_sent_packets_total", "Packets sent for a tenant (the busiest ones)", COUNTER,
	 offsetof(struct busy, sent_packets)},
	{"tenant_sent_bytes_total", "Bytes sent for a tenant, as they count on the wire", COUNTER,
	 offsetof(struct busy, sent_bytes)},
	{"tenant_dropped_packets_total", "Packets the scheduler dropped of a tenant", COUNTER,
	 offsetof(struct busy, dropped)},
	{"tenant_queued_bytes", "Bytes of a tenant that wait, as they count on the wire", GAUGE,
	 offsetof(struct busy, queued_bytes)},
};

static void render_tenants(struct node *node, GString *out)
{
	const struct slicing_place *place;
	struct busy *rows = g_new0(struct busy, node->slicing->n_places + 1);
	unsigned int n = 0;
	TAILQ_FOREACH (place, &node->slicing->places, link)
		rows[n++] = count_place(place);
	qsort(rows, n, sizeof(*rows), compare_busy);
	n = n < METRICS_TENANTS_MAX ? n : METRICS_TENANTS_MAX;
	for (size_t c = 0; c < sizeof(tenant_columns) / sizeof(tenant_columns[0]); c++) {
		metrics_head(out, tenant_columns[c].name, tenant_columns[c].help,
			     tenant_columns[c].type);
		for (unsigned int i = 0; i < n; i++) {
			const char *at = (const char *)&rows[i] + tenant_columns[c].offset;
			const struct slicing_slice *slice = rows[i].place->slice;
			g_string_append_printf(
				out, "nn5g_%s{tenant=\"%s\",slice=\"%s\"} %" PRIu64 "\n",
				tenant_columns[c].name, rows[i].place->tenant->id,
				slice ? slice->config.id : "", *(const uint64_t *)(const void *)at);
		}
	}
	g_free(rows);
}

/* What publishers sent, by colour, of so many tenants. */
struct policer_page {
	GString *out;
	unsigned int n;
};

static void render_policed(void *context, const char *tenant, const struct policing *policing)
{
	struct policer_page *page = context;
	if (page->n++ >= METRICS_TENANTS_MAX)
		return;
	for (unsigned int color = 0; color < PACKET_COLORS; color++)
		g_string_append_printf(
			page->out,
			"nn5g_tenant_policed_packets_total{tenant=\"%s\",color=\"%s\"} %" PRIu64
			"\n",
			tenant, slicing_color_names[color],
			policing_packets(policing, (enum packet_color)color));
}

static void render_policers(struct node *node, GString *out)
{
	struct policer_page page = {.out = out};
	metrics_head(out, "tenant_policed_packets_total",
		     "Packets a tenant's publishers sent, by the policer's colour; red was dropped",
		     COUNTER);
	if (node->sessions)
		ingress_each(session_ingress(node->sessions), render_policed, &page);
}

static void render_guaranteed(void *context, const struct slice *slice)
{
	g_string_append_printf(context, "nn5g_slice_guaranteed_bps{slice=\"%s\"} %" PRId64 "\n",
			       slice->config.id, slice->config.guaranteed_bps);
}

static void render_promised(void *context, const struct slice *slice)
{
	g_string_append_printf(context, "nn5g_slice_promised_bps{slice=\"%s\"} %" PRId64 "\n",
			       slice->config.id, slice->promised_bps);
}

static void render_max(void *context, const struct slice *slice)
{
	g_string_append_printf(context, "nn5g_slice_max_bps{slice=\"%s\"} %" PRId64 "\n",
			       slice->config.id, slice->config.max_bps);
}

static void render_table(struct node *node, GString *out)
{
	metrics_head(out, "slice_guaranteed_bps", "Bandwidth a slice guarantees, on the wire",
		     GAUGE);
	slice_each(node->slices, render_guaranteed, out);
	metrics_head(out, "slice_promised_bps",
		     "Of what a slice guarantees, promised to open sessions", GAUGE);
	slice_each(node->slices, render_promised, out);
	metrics_head(out, "slice_max_bps", "Most a slice may take, on the wire; 0: any", GAUGE);
	slice_each(node->slices, render_max, out);
}

static void render_counters(const struct slicing *slicing, GString *out)
{
	metrics_head(out, "slices_refused_total", "Slices, and changes of them, that were refused",
		     COUNTER);
	g_string_append_printf(out, "nn5g_slices_refused_total %" PRIu64 "\n",
			       slicing->counters.slices_refused);
	metrics_head(out, "tenant_places_refused_total",
		     "Places in the scheduler, and changes of them, that were refused", COUNTER);
	g_string_append_printf(out, "nn5g_tenant_places_refused_total %" PRIu64 "\n",
			       slicing->counters.places_refused);
	metrics_head(out, "tenant_places", "Tenants that have a place in the scheduler", GAUGE);
	g_string_append_printf(out, "nn5g_tenant_places %u\n", slicing->n_places);
}

void metrics_render_slices(struct node *node, GString *out)
{
	struct page page = {.out = out};
	render_table(node, out);
	if (!node->slicing || !node->plane || !plane_scheduler(node->plane))
		return;
	render_counters(node->slicing, out);
	collect(node, &page);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		render_column(&page, i);
	render_drops(&page);
	render_delays(&page);
	render_tenants(node, out);
	render_policers(node, out);
}
