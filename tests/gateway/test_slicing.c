/* The scheduler follows slices and tenants: what one has the other has, refusals leave both as they
 * were, and nothing stays behind. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/clock.h"
#include "gateway/metrics_slices.h"
#include "gateway/node.h"
#include "gateway/slicing.h"
#include "gateway/slicing_report.h"
#include "media/plane.h"
#include "qos/eal.h"
#include "qos/scheduler.h"
#include "slices/slice.h"
#include "slices/tenant.h"

#define LINK_MBPS 100
#define MBPS      INT64_C(1000000)

static struct node node;
static struct egress egress;
static struct plane plane = {.egress = &egress};
static char node_name[] = "edge-1";

static int start(void)
{
	const struct eal_config eal = {.program = "test", .n_workers = 1, .memory_mb = 512};
	return eal_start(&eal);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

static void set_up(void)
{
	struct scheduler_config config = {.link_bps = LINK_MBPS * MBPS};
	dscp_map_default(&config.dscp);
	CU_ASSERT_EQUAL_FATAL(scheduler_create(&config, &egress.scheduler), 0);
	node.plane = &plane;
	node.config.node.port_mbps = LINK_MBPS;
	node.config.node.name = node_name;
	node.slices = slice_table_create(LINK_MBPS * MBPS);
	node.tenants = tenant_table_create();
	node.slicing = slicing_create(&node);
	CU_ASSERT_PTR_NOT_NULL_FATAL(node.slicing);
}

static void tear_down(void)
{
	scheduler_destroy(egress.scheduler);
	slicing_destroy(node.slicing);
	slice_table_destroy(node.slices);
	tenant_table_destroy(node.tenants);
	node = (struct node){0};
}

/* The owner's turn, which no thread here takes: what was removed goes. */
static void settle(void)
{
	struct rte_mbuf *packet;
	unsigned int left = 1;
	for (unsigned int i = 0; i < 10 && left > 0; i++) {
		CU_ASSERT_EQUAL(scheduler_dequeue(egress.scheduler, &packet, 1, clock_ns()), 0);
		left = scheduler_collect(egress.scheduler);
	}
	CU_ASSERT_EQUAL(left, 0);
}

static int put_slice(const char *id, int64_t guaranteed_bps, int64_t max_bps)
{
	struct slice_config config = {.sst = 1,
				      .sd = SLICE_SD_NONE,
				      .guaranteed_bps = guaranteed_bps,
				      .max_bps = max_bps,
				      .latency_ms = 100,
				      .five_qi = 7};
	struct slice_refusal refusal;
	snprintf(config.id, sizeof(config.id), "%s", id);
	int rc = slice_put(node.slices, &config, &refusal);
	CU_ASSERT_EQUAL(rc == 0, refusal.why[0] == '\0');
	return rc;
}

static struct tenant *put_tenant(const char *id, const char *slice, int64_t egress_bps)
{
	struct tenant_config config = {.id = strdup(id), .name = strdup(id), .issuer = strdup(id)};
	struct tenant *tenant = NULL;
	CU_ASSERT_EQUAL_FATAL(policy_init(&config.policy), 0);
	config.policy.bandwidth.egress_bps = egress_bps;
	snprintf(config.slice, sizeof(config.slice), "%s", slice);
	CU_ASSERT_EQUAL_FATAL(tenant_put(node.tenants, &config, &tenant), 0);
	slicing_tenant_changed(node.slicing, tenant);
	return tenant;
}

/* As a session that passes gates 15 and 16. */
static void enter(struct tenant *tenant)
{
	char why[160];
	tenant->n_sessions++;
	CU_ASSERT_EQUAL(slicing_place(node.slicing, tenant, why, sizeof(why)), 0);
}

static const char *slice_of(const struct tenant *tenant)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(tenant->place);
	return tenant->place->slice ? tenant->place->slice->config.id : "";
}

static unsigned int count_slices(void)
{
	const struct slicing_slice *slice;
	unsigned int n = 0;
	TAILQ_FOREACH (slice, &node.slicing->slices, link)
		n++;
	return n;
}

static void slices_of_the_table_are_scheduled(void)
{
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 60 * MBPS, 80 * MBPS), 0);
	CU_ASSERT_EQUAL(put_slice("best", 0, 0), 0);
	CU_ASSERT_EQUAL(count_slices(), 2);
	CU_ASSERT_STRING_EQUAL(TAILQ_FIRST(&node.slicing->slices)->config.id, "best");
	/* More than is left: table and scheduler stay as they were. */
	CU_ASSERT_EQUAL(put_slice("silver", 41 * MBPS, 0), -ENOSPC);
	CU_ASSERT_PTR_NULL(slicing_slice_find(node.slicing, "silver"));
	CU_ASSERT_EQUAL(put_slice("gold", 101 * MBPS, 0), -ENOSPC);
	CU_ASSERT_EQUAL(slicing_slice_find(node.slicing, "gold")->config.guaranteed_bps, 60 * MBPS);
	CU_ASSERT_EQUAL(put_slice("silver", 40 * MBPS, 0), 0);
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 0), 0);
	CU_ASSERT_EQUAL(slicing_slice_find(node.slicing, "gold")->config.max_bps, 0);
	/* What was freed can be had. */
	CU_ASSERT_EQUAL(slice_remove(node.slices, "silver"), 0);
	CU_ASSERT_PTR_NULL(slicing_slice_find(node.slicing, "silver"));
	CU_ASSERT_EQUAL(put_slice("bronze", 50 * MBPS, 0), 0);
	tear_down();
}

static void what_the_scheduler_refuses_the_table_refuses(void)
{
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 0), 0);
	/* The readers of slices let neither pass; the scheduler does not either. */
	struct slice_config config = {.id = "odd", .latency_ms = 100, .five_qi = 11};
	struct slice_refusal refusal;
	CU_ASSERT_EQUAL(slice_put(node.slices, &config, &refusal), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(refusal.why, "odd"));
	CU_ASSERT_PTR_NOT_NULL(strstr(refusal.why, "11"));
	CU_ASSERT_PTR_NULL(slice_find(node.slices, "odd"));
	config.five_qi = 7;
	config.guaranteed_bps = 20 * MBPS;
	config.max_bps = 10 * MBPS;
	CU_ASSERT_EQUAL(slice_put(node.slices, &config, &refusal), -EINVAL);
	CU_ASSERT_PTR_NULL(slice_find(node.slices, "odd"));
	CU_ASSERT_EQUAL(count_slices(), 1);
	/* The port has as much left as before. */
	CU_ASSERT_EQUAL(put_slice("rest", 50 * MBPS, 0), 0);
	tear_down();
}

static void many_slices_come_and_go(void)
{
	char id[16];
	set_up();
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < SLICES_MAX; i++) {
			snprintf(id, sizeof(id), "s%u", i);
			CU_ASSERT_EQUAL(put_slice(id, MBPS, 0), 0);
		}
		CU_ASSERT_EQUAL(put_slice("one-more", MBPS, 0), -EMFILE);
		CU_ASSERT_EQUAL(count_slices(), SLICES_MAX);
		for (unsigned int i = 0; i < SLICES_MAX; i++) {
			snprintf(id, sizeof(id), "s%u", i);
			CU_ASSERT_EQUAL(slice_remove(node.slices, id), 0);
		}
		CU_ASSERT_EQUAL(count_slices(), 0);
		settle();
	}
	tear_down();
}

static void a_tenant_is_placed_with_its_first_session(void)
{
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 0), 0);
	struct tenant *in = put_tenant("in", "gold", 5 * MBPS), *out = put_tenant("out", "", 0);
	CU_ASSERT_PTR_NULL(slicing_pipe(in));
	enter(in);
	enter(out);
	CU_ASSERT_STRING_EQUAL(slice_of(in), "gold");
	CU_ASSERT_EQUAL(in->place->max_bps, 5 * MBPS);
	CU_ASSERT_STRING_EQUAL(slice_of(out), "");
	CU_ASSERT_PTR_NOT_NULL(slicing_pipe(out));
	CU_ASSERT_PTR_NOT_EQUAL(slicing_pipe(in), slicing_pipe(out));
	const struct scheduler_pipe *pipe = slicing_pipe(in);
	enter(in);
	CU_ASSERT_PTR_EQUAL(slicing_pipe(in), pipe);
	CU_ASSERT_EQUAL(node.slicing->n_places, 2);
	tear_down();
}

static void a_tenant_that_changes_takes_its_pipe_along(void)
{
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 0), 0);
	CU_ASSERT_EQUAL(put_slice("silver", 0, 10 * MBPS), 0);
	struct tenant *tenant = put_tenant("acme", "gold", 0);
	enter(tenant);
	const struct scheduler_pipe *pipe = slicing_pipe(tenant);
	static const struct {
		const char *slice;
		int64_t egress_bps;
	} steps[] = {{"silver", 0}, {"silver", 3 * MBPS}, {"", 3 * MBPS}, {"gold", 1 * MBPS}};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		put_tenant("acme", steps[i].slice, steps[i].egress_bps);
		CU_ASSERT_STRING_EQUAL(slice_of(tenant), steps[i].slice);
		CU_ASSERT_EQUAL(tenant->place->max_bps, steps[i].egress_bps);
		CU_ASSERT_FALSE(tenant->place->is_behind);
		CU_ASSERT_PTR_EQUAL(slicing_pipe(tenant), pipe);
	}
	/* To a slice that is not known here: it stays until that one is. */
	put_tenant("acme", "bronze", 1 * MBPS);
	CU_ASSERT_STRING_EQUAL(slice_of(tenant), "gold");
	CU_ASSERT_EQUAL(put_slice("bronze", 0, 0), 0);
	CU_ASSERT_STRING_EQUAL(slice_of(tenant), "bronze");
	tear_down();
}

/* Its slice is held by a session; then it is gone, and what is left goes on without a slice; then
 * it is there again. */
static void a_pipe_outlives_its_slice(void)
{
	int64_t left_bps;
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 0), 0);
	struct tenant *tenant = put_tenant("acme", "gold", 0);
	struct slice *slice = slice_find(node.slices, "gold");
	CU_ASSERT_EQUAL(slice_reserve(slice, MBPS, &left_bps), 0);
	enter(tenant);
	CU_ASSERT_EQUAL(slice_remove(node.slices, "gold"), 0);
	slicing_tenant_changed(node.slicing, tenant);
	CU_ASSERT_STRING_EQUAL(slice_of(tenant), "gold");
	CU_ASSERT_EQUAL(put_slice("other", 51 * MBPS, 0), -ENOSPC);
	slice_release(slice, MBPS);
	CU_ASSERT_STRING_EQUAL(slice_of(tenant), "");
	CU_ASSERT_EQUAL(count_slices(), 0);
	CU_ASSERT_EQUAL(put_slice("other", 51 * MBPS, 0), 0);
	CU_ASSERT_EQUAL(put_slice("gold", 49 * MBPS, 0), 0);
	CU_ASSERT_STRING_EQUAL(slice_of(tenant), "gold");
	tear_down();
}

static void a_place_goes_with_tenant_and_last_session(void)
{
	set_up();
	struct tenant *tenant = put_tenant("acme", "", 0);
	enter(tenant);
	slicing_tick(node.slicing);
	CU_ASSERT_EQUAL(node.slicing->n_places, 1);
	CU_ASSERT_EQUAL(tenant_remove(node.tenants, "acme"), 0);
	slicing_tenant_changed(node.slicing, tenant);
	slicing_tick(node.slicing);
	CU_ASSERT_EQUAL(node.slicing->n_places, 1);
	tenant->n_sessions--;
	slicing_tick(node.slicing);
	CU_ASSERT_EQUAL(node.slicing->n_places, 0);
	CU_ASSERT_PTR_NULL(tenant_find(node.tenants, "acme", 4));
	/* One that has nobody here, but is known, keeps its place. */
	tenant = put_tenant("idle", "", 0);
	enter(tenant);
	tenant->n_sessions--;
	slicing_tick(node.slicing);
	CU_ASSERT_PTR_NOT_NULL(slicing_pipe(tenant));
	tear_down();
}

/* Memory that the scheduler took is taken again, not more of it. */
static void a_thousand_tenants_come_and_go(void)
{
	char id[16];
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 0), 0);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 1000; i++) {
			snprintf(id, sizeof(id), "t%u", i);
			enter(put_tenant(id, i % 2 ? "gold" : "", 0));
		}
		CU_ASSERT_EQUAL(node.slicing->n_places, 1000);
		for (unsigned int i = 0; i < 1000; i++) {
			snprintf(id, sizeof(id), "t%u", i);
			tenant_find(node.tenants, id, strlen(id))->n_sessions--;
			CU_ASSERT_EQUAL(tenant_remove(node.tenants, id), 0);
		}
		slicing_tick(node.slicing);
		CU_ASSERT_EQUAL(node.slicing->n_places, 0);
		CU_ASSERT_EQUAL(tenant_count(node.tenants), 0);
		settle();
	}
	tear_down();
}

static const json_t *row_of(const json_t *rows, const char *id)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0)
			return row;
	}
	return NULL;
}

static void the_report_has_slices_with_their_tenants(void)
{
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 80 * MBPS), 0);
	enter(put_tenant("acme", "gold", 5 * MBPS));
	enter(put_tenant("free", "", 0));
	put_tenant("idle", "gold", 0);
	json_t *report = slicing_report(&node, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(report, "link_bps")), 100 * MBPS);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(report, "delay_bounds_ns")),
			SCHEDULER_DELAY_BINS - 1);
	const json_t *slices = json_object_get(report, "slices");
	CU_ASSERT_EQUAL(json_array_size(slices), 2);
	const json_t *gold = row_of(slices, "gold"), *rest = row_of(slices, "");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(gold, "max_bps")), 80 * MBPS);
	CU_ASSERT_TRUE(json_is_false(json_object_get(gold, "default")));
	CU_ASSERT_TRUE(json_is_true(json_object_get(rest, "default")));
	const json_t *acme = row_of(json_object_get(gold, "tenants"), "acme");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(acme, "max_bps")), 5 * MBPS);
	CU_ASSERT_TRUE(json_is_true(json_object_get(acme, "placed")));
	const json_t *idle = row_of(json_object_get(gold, "tenants"), "idle");
	CU_ASSERT_TRUE(json_is_false(json_object_get(idle, "placed")));
	CU_ASSERT_PTR_NOT_NULL(row_of(json_object_get(rest, "tenants"), "free"));
	json_decref(report);
	/* Who is not told of is counted; those who are here come first. */
	report = slicing_report(&node, 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(report, "tenants_left_out")), 1);
	gold = row_of(json_object_get(report, "slices"), "gold");
	CU_ASSERT_PTR_NULL(row_of(json_object_get(gold, "tenants"), "idle"));
	json_decref(report);
	tear_down();
}

static void the_metrics_name_slices_and_tenants(void)
{
	static const char *const lines[] = {
		"# TYPE nn5g_slice_delay_seconds histogram\n",
		"nn5g_slice_guaranteed_bps{slice=\"gold\"} 50000000\n",
		"nn5g_slice_max_bps{slice=\"gold\"} 80000000\n",
		"nn5g_slice_sent_packets_total{slice=\"gold\",class=\"voice\"} 0\n",
		"nn5g_slice_sent_packets_total{slice=\"\",class=\"bulk\"} 0\n",
		"nn5g_slice_dropped_packets_total{slice=\"gold\",class=\"video\",reason=\"late\"}",
		"nn5g_slice_delay_seconds_bucket{slice=\"gold\",class=\"voice\",le=\"+Inf\"} 0\n",
		"nn5g_tenant_sent_bytes_total{tenant=\"acme\",slice=\"gold\"} 0\n",
		"nn5g_tenant_places 1\n",
	};
	set_up();
	CU_ASSERT_EQUAL(put_slice("gold", 50 * MBPS, 80 * MBPS), 0);
	enter(put_tenant("acme", "gold", 0));
	GString *page = g_string_new("");
	metrics_render_slices(&node, page);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strstr(page->str, lines[i])) {
			printf("\nnot there: %s", lines[i]);
			CU_FAIL("a line of /metrics");
		}
	}
	g_string_free(page, TRUE);
	tear_down();
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(slices_of_the_table_are_scheduled),
	ROW(what_the_scheduler_refuses_the_table_refuses),
	ROW(many_slices_come_and_go),
	ROW(a_tenant_is_placed_with_its_first_session),
	ROW(a_tenant_that_changes_takes_its_pipe_along),
	ROW(a_pipe_outlives_its_slice),
	ROW(a_place_goes_with_tenant_and_last_session),
	ROW(a_thousand_tenants_come_and_go),
	ROW(the_report_has_slices_with_their_tenants),
	ROW(the_metrics_name_slices_and_tenants),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("slicing", tests, start, stop)
