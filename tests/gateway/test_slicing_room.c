/* A scheduler without room for more tenants: who asks is refused in words, those who are there stay
 * as they are, and what nobody uses makes room. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "gateway/node.h"
#include "gateway/slicing.h"
#include "media/plane.h"
#include "qos/eal.h"
#include "qos/scheduler.h"
#include "slices/slice.h"
#include "slices/tenant.h"

static struct node node;
static struct egress egress;
static struct plane plane = {.egress = &egress};
static char node_name[] = "edge-1";

/* As little memory as a scheduler begins with. */
static int start(void)
{
	const struct eal_config eal = {.program = "test", .n_workers = 1, .memory_mb = 64};
	struct scheduler_config config = {.link_bps = 0};
	if (eal_start(&eal))
		return 1;
	dscp_map_default(&config.dscp);
	node.plane = &plane;
	node.config.node.name = node_name;
	node.slices = slice_table_create(0);
	node.tenants = tenant_table_create();
	node.slicing = slicing_create(&node);
	return scheduler_create(&config, &egress.scheduler);
}

static int stop(void)
{
	scheduler_destroy(egress.scheduler);
	slicing_destroy(node.slicing);
	slice_table_destroy(node.slices);
	tenant_table_destroy(node.tenants);
	eal_stop();
	return 0;
}

static struct tenant *put_tenant(unsigned int i)
{
	char id[16];
	struct tenant *tenant = NULL;
	snprintf(id, sizeof(id), "t%u", i);
	struct tenant_config config = {.id = strdup(id), .name = strdup(id), .issuer = strdup(id)};
	CU_ASSERT_EQUAL_FATAL(policy_init(&config.policy), 0);
	CU_ASSERT_EQUAL_FATAL(tenant_put(node.tenants, &config, &tenant), 0);
	return tenant;
}

static void settle(void)
{
	struct rte_mbuf *packet;
	unsigned int left = 1;
	for (unsigned int i = 0; i < 10 && left > 0; i++) {
		scheduler_dequeue(egress.scheduler, &packet, 1, clock_ns());
		left = scheduler_collect(egress.scheduler);
	}
}

static void tenants_without_room_are_refused_in_words(void)
{
	static struct tenant *tenants[TENANTS_MAX];
	char why[160] = "";
	unsigned int n = 0;
	int rc = 0;
	while (rc == 0 && n < TENANTS_MAX) {
		tenants[n] = put_tenant(n);
		tenants[n]->n_sessions++;
		rc = slicing_place(node.slicing, tenants[n], why, sizeof(why));
		n++;
	}
	CU_ASSERT_FATAL(n > 100 && n < TENANTS_MAX);
	CU_ASSERT(rc == -ENOMEM || rc == -EMFILE);
	CU_ASSERT_NOT_EQUAL(why[0], '\0');
	CU_ASSERT_PTR_NULL(slicing_pipe(tenants[n - 1]));
	CU_ASSERT_EQUAL(node.slicing->n_places, n - 1);
	CU_ASSERT_EQUAL(node.slicing->counters.places_refused, 1);
	for (unsigned int i = 0; i < n - 1; i++)
		CU_ASSERT_PTR_NOT_NULL(slicing_pipe(tenants[i]));
	/* Some have nobody here any more. */
	for (unsigned int i = 0; i < 50; i++)
		tenants[i]->n_sessions--;
	slicing_place(node.slicing, tenants[n - 1], why, sizeof(why));
	settle();
	CU_ASSERT_EQUAL(slicing_place(node.slicing, tenants[n - 1], why, sizeof(why)), 0);
	CU_ASSERT_PTR_NOT_NULL(slicing_pipe(tenants[n - 1]));
	CU_ASSERT_PTR_NULL(slicing_pipe(tenants[0]));
	CU_ASSERT_PTR_NOT_NULL(slicing_pipe(tenants[50]));
}

static CU_TestInfo tests[] = {
	{"tenants_without_room_are_refused_in_words", tenants_without_room_are_refused_in_words},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("slicing_room", tests, start, stop)
