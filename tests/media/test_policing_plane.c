/* Policing in the whole media plane, THREADED: publishers of one tenant on two workers, whose rate
 * control divides and changes while they send. */
#include "media/policing.h"

#include "tests/media/plane_fixture.h"

#define TENANT_BPS 400000ll
#define PATIENCE   1000000000ull /* ns in which a new rate is in force */
#define TRIES_MAX  40

static struct policing *tenant;

static struct client *open_publisher(struct feed *feed, uint32_t ssrc)
{
	struct transport *transport = transport_make_publisher(feed, ssrc, 1);
	transport->policed.tenant = tenant;
	transport->policed.remb = true;
	struct client *client = client_open(transport, "SRTP_AEAD_AES_128_GCM", AF_INET);
	client->ssrc = ssrc;
	AWAIT(client->is_connected && peer_state(client->peer) == PEER_CONNECTED);
	return client;
}

static struct client *open_publisher_at(struct feed *feed, uint32_t ssrc, int home)
{
	for (unsigned int tries = 0; tries < TRIES_MAX; tries++) {
		struct client *client = open_publisher(feed, ssrc);
		if (client_home(client) == home)
			return client;
		client_close(client);
	}
	CU_FAIL_FATAL("no session found its way to the worker");
	return NULL;
}

static void limit_tenant(int64_t committed_bps)
{
	struct policer_config config = {committed_bps, 0, 100};
	CU_ASSERT_EQUAL(policing_set(plane, tenant, &config, clock_ns()), 0);
	fixture_barrier();
}

/* Sends `n` packets and waits until the plane has seen them all; returns how many were dropped. */
static uint64_t flood(struct client *publisher, unsigned int n)
{
	uint64_t arrived = counted(COUNT_RTP_IN), dropped = counted(DROP_POLICED_TENANT);
	for (unsigned int i = 0; i < n; i++) {
		publisher_send(publisher, i == 0, false);
		if (i % 16 == 15)
			fixture_pump();
	}
	AWAIT(counted(COUNT_RTP_IN) == arrived + n);
	return counted(DROP_POLICED_TENANT) - dropped;
}

static void rate_is_divided_and_changes_while_they_send(void)
{
	struct feed *feeds[] = {feed_create(CODEC_VP8, FIXTURE_WORKERS),
				feed_create(CODEC_VP8, FIXTURE_WORKERS)};
	tenant = policing_create(FIXTURE_WORKERS);
	CU_ASSERT_FATAL(feeds[0] && feeds[1] && tenant);
	limit_tenant(TENANT_BPS);
	struct client *publishers[] = {open_publisher_at(feeds[0], 0x1000, 0),
				       open_publisher_at(feeds[1], 0x2000, 1)};
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(__atomic_load_n(&tenant->lanes[i].n_publishers, __ATOMIC_RELAXED),
				1);
	policing_divide(plane, tenant, clock_ns());
	fixture_barrier();
	CU_ASSERT_EQUAL(tenant->shares_bps[0] + tenant->shares_bps[1], TENANT_BPS);
	/* 150 packets of 600 bytes at once are more than either share has in its bucket. */
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT(flood(publishers[i], 150) > 50);
	CU_ASSERT_EQUAL(policing_packets(tenant, COLOR_RED), counted(DROP_POLICED_TENANT));
	CU_ASSERT_EQUAL(policing_packets(tenant, COLOR_YELLOW), counted(COUNT_POLICED_YELLOW));
	for (unsigned int i = 0; i < 2; i++)
		AWAIT(publishers[i]->n_rembs > 0);
	CU_ASSERT_EQUAL(publishers[0]->n_nacked + publishers[1]->n_nacked, 0);

	uint64_t begin_ns = clock_ns();
	limit_tenant(0);
	CU_ASSERT(clock_ns() - begin_ns < PATIENCE);
	CU_ASSERT_EQUAL(flood(publishers[0], 150) + flood(publishers[1], 150), 0);
	begin_ns = clock_ns();
	struct policer_config own = {TENANT_BPS, 0, 100};
	uint64_t dropped = counted(DROP_POLICED_SESSION);
	CU_ASSERT(policing_set_session(plane, publishers[0]->transport, &own));
	fixture_barrier();
	CU_ASSERT(clock_ns() - begin_ns < PATIENCE);
	flood(publishers[0], 150);
	flood(publishers[1], 150);
	CU_ASSERT(counted(DROP_POLICED_SESSION) - dropped > 50);
	CU_ASSERT(counted(DROP_POLICED_SESSION) - dropped < 150);

	for (unsigned int i = 0; i < 2; i++) {
		client_close(publishers[i]);
		CU_ASSERT_EQUAL(__atomic_load_n(&tenant->lanes[i].n_publishers, __ATOMIC_RELAXED),
				0);
		feed_destroy(feeds[i]);
	}
	fixture_barrier();
	policing_destroy(tenant);
}

static CU_TestInfo tests[] = {
	{"rate_is_divided_and_changes_while_they_send",
	 rate_is_divided_and_changes_while_they_send},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("policing_plane", tests, fixture_start, fixture_stop)
