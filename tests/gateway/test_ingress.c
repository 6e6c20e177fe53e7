/* What the policy says a tenant may send reaches the policers, changes with it, and is told when it
 * is exceeded. The workers run, but no packet comes: totals are written in their place. */
#include "gateway/ingress.h"

#include "conf/clock.h"
#include "gateway/node_reload.h"
#include "media/plane.h"
#include "tests/gateway/admission_fixture.h"

#define SECOND_NS 1000000000ull
#define LIMITED(tenant_bps, session_bps)                                                           \
	"    bandwidth: {ingress_bps: " tenant_bps ", session_ingress_bps: " session_bps           \
	", session_ingress_peak_bps: " session_bps ", burst_ms: 200}\n"

static struct session *session;
static struct policed *policed;
static char *path;

static void publish(const char *tenant)
{
	char url[64];
	snprintf(url, sizeof(url), "/whip/%s/live", tenant);
	struct ask asked = publish_as(tenant, url);
	path = expect_created(&asked);
	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	session = session_find(node->sessions, path + strlen("/session/"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(session);
	policed = &session->transport->policed;
}

static void unpublish(const char *tenant)
{
	struct ask asked = publish_as(tenant, path);
	unsigned int before = session_count(node->sessions);
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	settle(before - 1);
	free(path);
}

static void set_flag(void *flag)
{
	*(bool *)flag = true;
}

/* Until the workers have done what they were told. */
static void pass_workers(void)
{
	bool is_passed = false;
	CU_ASSERT_EQUAL_FATAL(plane_barrier(node->plane, set_flag, &is_passed), 0);
	while (!is_passed)
		g_main_context_iteration(NULL, TRUE);
}

static void publisher_gets_its_tenants_limits(void)
{
	publish("limited");
	CU_ASSERT_PTR_NOT_NULL_FATAL(policed->tenant);
	CU_ASSERT_TRUE(policed->remb);
	CU_ASSERT_EQUAL(policed->policer.config.committed_bps, 1000000);
	CU_ASSERT_EQUAL(policed->policer.config.peak_bps, 1000000);
	CU_ASSERT_EQUAL(policed->policer.config.burst_ms, 200);
	pass_workers();
	CU_ASSERT_EQUAL(policed->tenant->lanes[0].policer.config.committed_bps, 3000000);
	CU_ASSERT_EQUAL(policed->tenant->lanes[0].policer.config.peak_bps, 6000000);
	/* Another of this tenant's is policed with it, another tenant's is not. */
	struct ask other = publish_as("limited", "/whip/limited/other");
	char *second = expect_created(&other);
	struct session *beside = session_find(node->sessions, second + strlen("/session/"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(beside);
	CU_ASSERT_PTR_EQUAL(beside->transport->policed.tenant, policed->tenant);
	struct ask view = play_as("limited", "/whep/limited/live");
	char *viewer = expect_created(&view);
	CU_ASSERT_PTR_NULL(session_find(node->sessions, viewer + strlen("/session/"))
				   ->transport->policed.tenant);
	free(viewer);
	free(second);
	session_terminate_all(node->sessions, REASON_OPERATOR);
	settle(0);
	free(path);
	publish("demo");
	CU_ASSERT_FALSE(policed->policer.is_limited);
	CU_ASSERT_PTR_NOT_NULL(policed->tenant);
	unpublish("demo");
}

static void reload_with(const char *rows)
{
	char yaml[1024];
	snprintf(yaml, sizeof(yaml), "tenants:\n" TENANT("demo", "") TENANT("limited", "%s"), rows);
	CU_ASSERT_EQUAL_FATAL(write_file("tenants.yaml", yaml), 0);
	node_reload(node);
	pass_workers();
}

static void change_of_policy_is_in_force_at_once(void)
{
	publish("limited");
	/* As the worker would that sees its first check. */
	CU_ASSERT_EQUAL(atomic_load(&session->transport->home), TRANSPORT_UNHOMED);
	atomic_store(&session->transport->home, 0);
	struct policer *lane = &policed->tenant->lanes[0].policer;
	lane->packets[COLOR_RED] = 7;
	reload_with(LIMITED("500000", "250000"));
	CU_ASSERT_EQUAL(lane->config.committed_bps, 500000);
	CU_ASSERT_EQUAL(policed->policer.config.committed_bps, 250000);
	CU_ASSERT_EQUAL(lane->packets[COLOR_RED], 7);
	reload_with("");
	CU_ASSERT_FALSE(lane->is_limited);
	CU_ASSERT_FALSE(policed->policer.is_limited);
	/* What nobody can keep is refused as a whole, and named. */
	reload_with(LIMITED("500000", "250000"));
	reload_with("    bandwidth: {ingress_bps: 500000, ingress_peak_bps: 400000}\n");
	CU_ASSERT_EQUAL(lane->config.committed_bps, 500000);
	reload_with(LIMITED("3000000", "1000000"));
	unpublish("limited");
}

/* Nobody is home yet when the policy changes: it is said again when somebody is. */
static void change_before_the_first_check_is_made_up_for(void)
{
	publish("limited");
	reload_with(LIMITED("500000", "250000"));
	CU_ASSERT_EQUAL(policed->policer.config.committed_bps, 1000000);
	atomic_store(&session->transport->home, 0);
	session_on_message(node->sessions, &(struct message){.type = MESSAGE_CONNECTED,
							     .transport = session->transport});
	pass_workers();
	CU_ASSERT_EQUAL(policed->policer.config.committed_bps, 250000);
	reload_with(LIMITED("3000000", "1000000"));
	unpublish("limited");
}

static void over_and_ok_are_told_of_each_limit(void)
{
	publish("limited");
	struct ingress_notice *own = &session->ingress.notices[INGRESS_SESSION];
	struct ingress_notice *all = &session->ingress.notices[INGRESS_TENANT];
	uint64_t now_ns = session->ingress.measured_ns;
	ingress_tell(session, now_ns += SECOND_NS);
	CU_ASSERT_FALSE(own->is_over || all->is_over);
	/* 1.6 Mbps: over the session's committed rate, not the tenant's. */
	policed->policer.bytes[COLOR_GREEN] += 200000;
	policed->tenant->lanes[0].policer.bytes[COLOR_GREEN] += 200000;
	ingress_tell(session, now_ns += SECOND_NS);
	CU_ASSERT_TRUE(own->is_over);
	CU_ASSERT_FALSE(all->is_over);
	/* Less in all, but one packet was dropped; what others of the tenant lose counts too. */
	policed->policer.packets[COLOR_RED]++;
	policed->tenant->lanes[0].policer.packets[COLOR_RED] += 5;
	policed->tenant_dropped += 2;
	ingress_tell(session, now_ns += SECOND_NS);
	CU_ASSERT_TRUE(own->is_over);
	CU_ASSERT_TRUE(all->is_over);
	CU_ASSERT_EQUAL(own->told, 1);
	CU_ASSERT_EQUAL(all->told, 2);
	ingress_tell(session, now_ns += SECOND_NS);
	ingress_tell(session, now_ns += SECOND_NS);
	CU_ASSERT_TRUE(own->is_over);
	ingress_tell(session, now_ns += SECOND_NS);
	CU_ASSERT_FALSE(own->is_over || all->is_over);
	unpublish("limited");
}

static void find(void *context, const char *tenant, const struct policing *policing)
{
	const struct policing **found = context;
	if (strcmp(tenant, "limited") == 0)
		*found = policing;
}

static const struct policing *policing_of_limited(void)
{
	const struct policing *found = NULL;
	ingress_each(session_ingress(node->sessions), find, &found);
	return found;
}

/* Who comes back at once finds its buckets as it left them; what nobody uses goes. */
static void policing_outlives_its_sessions_for_a_while(void)
{
	struct ingress *ingress = session_ingress(node->sessions);
	uint64_t end_ns = clock_ns() + 3600 * SECOND_NS;
	publish("limited");
	const struct policing *before = policed->tenant;
	ingress_tick(ingress, end_ns);
	CU_ASSERT_PTR_EQUAL(policing_of_limited(), before);
	unpublish("limited");
	ingress_tick(ingress, clock_ns());
	publish("limited");
	CU_ASSERT_PTR_EQUAL(policed->tenant, before);
	unpublish("limited");
	ingress_tick(ingress, end_ns);
	CU_ASSERT_PTR_NULL(policing_of_limited());
	pass_workers();
	publish("limited");
	CU_ASSERT_PTR_NOT_NULL(policing_of_limited());
	unpublish("limited");
}

static CU_TestInfo tests[] = {
	{"publisher_gets_its_tenants_limits", publisher_gets_its_tenants_limits},
	{"change_of_policy_is_in_force_at_once", change_of_policy_is_in_force_at_once},
	{"change_before_the_first_check_is_made_up_for",
	 change_before_the_first_check_is_made_up_for},
	{"over_and_ok_are_told_of_each_limit", over_and_ok_are_told_of_each_limit},
	{"policing_outlives_its_sessions_for_a_while", policing_outlives_its_sessions_for_a_while},
	CU_TEST_INFO_NULL,
};

static int start(void)
{
	return start_with("tenants:\n" TENANT("demo", "")
				  TENANT("limited", LIMITED("3000000", "1000000")));
}

TEST_MAIN_WITH("ingress", tests, start, stop)
