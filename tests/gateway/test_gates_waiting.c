/* THREADED. Requests that wait at a gate, over real connections to a started node: they come in
 * turn, a client that leaves gives its place back, and what changed meanwhile is looked at again.
 */
#include "tests/gateway/admission_client.h"
#include "tests/gateway/admission_fixture.h"

static unsigned int n_waiting(const char *id)
{
	return tenant_of(id)->bucket.n_queued;
}

/* A bucket that was idle for long is full again. */
static void refill(const char *id)
{
	CU_ASSERT_EQUAL(n_waiting(id), 0);
	tenant_of(id)->bucket.due_ns = 0;
}

static void those_who_wait_come_in_turn(void)
{
	struct client clients[6];
	struct ask asked = play_as("queue", "/whep/queue/live");
	unsigned int refused = 0, passed = 0;
	for (unsigned int i = 0; i < 6; i++)
		send_to(&clients[i], &asked);
	gint64 begun_us = g_get_monotonic_time();
	for (unsigned int i = 0; i < 6; i++) {
		int status = take(&clients[i]);
		refused += status == 429;
		passed += status == 409;
		if (status == 429)
			CU_ASSERT_PTR_NOT_NULL(strstr(clients[i].in, "retry-after: 1\r\n"));
		CU_ASSERT_PTR_NOT_NULL(strstr(clients[i].in, "access-control-allow-origin: *"));
		close(clients[i].fd);
	}
	/* One at once; three in the queue, 40 ms apart, unless time passed while they came. What
	 * was said no to behind the gates gives its place back, so some may pass sooner. */
	CU_ASSERT_EQUAL(passed + refused, 6);
	CU_ASSERT(passed >= 4);
	CU_ASSERT(g_get_monotonic_time() - begun_us < 5 * G_USEC_PER_SEC);
	CU_ASSERT_EQUAL(n_waiting("queue"), 0);
	CU_ASSERT_EQUAL(tenant_of("queue")->n_sessions, 0);
	refill("queue");
}

/* Fills the bucket of a tenant that gets one place an hour, so that the next waits long. */
static void use_up(const char *id)
{
	struct client client;
	char path[64];
	snprintf(path, sizeof(path), "/whip/%s/first", id);
	struct ask asked = publish_as(id, path);
	send_to(&client, &asked);
	CU_ASSERT_EQUAL(take(&client), 201);
	close(client.fd);
	char *location = strstr(client.in, "location: ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(location);
	location[strcspn(location, "\r")] = '\0';
	asked.method = HTTP_DELETE;
	asked.path = location + strlen("location: ");
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	settle(0);
}

static void a_client_that_leaves_gives_its_place_back(void)
{
	struct client client;
	use_up("patient");
	uint64_t due_ns = tenant_of("patient")->bucket.due_ns;
	struct ask asked = publish_as("patient", "/whip/patient/live");
	send_to(&client, &asked);
	TURN_UNTIL(n_waiting("patient") == 1);
	CU_ASSERT(tenant_of("patient")->bucket.due_ns > due_ns);
	close(client.fd);
	TURN_UNTIL(n_waiting("patient") == 0);
	CU_ASSERT_EQUAL(tenant_of("patient")->bucket.due_ns, due_ns);
	CU_ASSERT_EQUAL(tenant_of("patient")->n_sessions, 0);
	CU_ASSERT_EQUAL(count_denials(GATE_RATE, "patient"), 0);
	refill("patient");
}

static void a_tenant_paused_meanwhile_is_seen(void)
{
	struct client clients[2];
	struct ask asked = publish_as("brief", "/whip/brief/live");
	uint64_t denials = count_denials(GATE_STANDING, "brief");
	use_up("brief");
	send_to(&clients[0], &asked);
	TURN_UNTIL(n_waiting("brief") == 1);
	change_standing("brief", TENANT_PAUSED);
	CU_ASSERT_EQUAL(take(&clients[0]), 403);
	CU_ASSERT_PTR_NOT_NULL(strstr(clients[0].in, "\"gate\":8"));
	CU_ASSERT_EQUAL(count_denials(GATE_STANDING, "brief"), denials + 1);
	CU_ASSERT_EQUAL(tenant_of("brief")->n_sessions, 0);
	close(clients[0].fd);
	change_standing("brief", TENANT_ACTIVE);
	refill("brief");
}

static void a_node_that_drains_meanwhile_is_seen(void)
{
	struct client client;
	struct ask asked = publish_as("brief", "/whip/brief/live");
	use_up("brief");
	send_to(&client, &asked);
	TURN_UNTIL(n_waiting("brief") == 1);
	node->is_draining = true;
	CU_ASSERT_EQUAL(take(&client), 503);
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "\"gate\":2"));
	node->is_draining = false;
	close(client.fd);
	refill("brief");
}

/* Both passed gate 5 before they waited; only one may be the first. */
static void a_token_with_jti_is_good_once_also_for_those_who_wait(void)
{
	struct client clients[2];
	struct ask asked = publish_as("brief", "/whip/brief/once");
	strcpy(asked.claims.id, "only-one");
	use_up("brief");
	send_to(&clients[0], &asked);
	send_to(&clients[1], &asked);
	TURN_UNTIL(n_waiting("brief") == 2);
	int first = take(&clients[0]), second = take(&clients[1]);
	CU_ASSERT((first == 201 && second == 401) || (first == 401 && second == 201));
	CU_ASSERT_EQUAL(tenant_of("brief")->n_sessions, 1);
	session_terminate_all(node->sessions, REASON_OPERATOR);
	settle(0);
	CU_ASSERT_EQUAL(tenant_of("brief")->n_sessions, 0);
	close(clients[0].fd);
	close(clients[1].fd);
	refill("brief");
}

/* Those who wait are no sessions yet, but those who are about to be count. */
static void what_waits_holds_no_session(void)
{
	struct client client;
	use_up("patient");
	struct ask asked = publish_as("patient", "/whip/patient/live");
	send_to(&client, &asked);
	TURN_UNTIL(n_waiting("patient") == 1);
	CU_ASSERT_EQUAL(tenant_of("patient")->n_sessions, 0);
	/* A second one finds the queue full. */
	struct client other;
	send_to(&other, &asked);
	CU_ASSERT_EQUAL(take(&other), 429);
	CU_ASSERT_EQUAL(n_waiting("patient"), 1);
	close(other.fd);
	/* This one stays: stopping the node finds it waiting. */
	(void)client;
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(those_who_wait_come_in_turn),
	ROW(a_client_that_leaves_gives_its_place_back),
	ROW(a_tenant_paused_meanwhile_is_seen),
	ROW(a_node_that_drains_meanwhile_is_seen),
	ROW(a_token_with_jti_is_good_once_also_for_those_who_wait),
	ROW(what_waits_holds_no_session),
	CU_TEST_INFO_NULL,
};

static int start(void)
{
	return start_with(
		"tenants:\n" TENANT(
			"queue", "    rate: { requests: 25, burst: 0, queue: 3, delay_ms: 1000 }\n")
			TENANT("patient",
			       "    rate: { requests: 1, period_ms: 10000, burst: 0, queue: 1, "
			       "delay_ms: 10000 }\n")
				TENANT("brief",
				       "    rate: { requests: 1, period_ms: 1500, burst: 0, "
				       "queue: 2, delay_ms: 5000 }\n") TENANT_OTHER);
}

TEST_MAIN_WITH("gates_waiting", tests, start, stop)
