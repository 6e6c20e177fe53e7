/* However the packets of several publishers alternate, each publisher's stay one vector, in order,
 * and so they reach its viewers. */
#include "media/intake.h"

#include "media/feed.h"
#include "media/rtp.h"
#include "media/track.h"
#include "media/wire.h"
#include "tests/media/worker_fixture.h"

#define PUBLISHERS 3
#define EACH       5
#define PT         96

static struct transport *session[PUBLISHERS], *viewer[PUBLISHERS];
static struct feed *feed[PUBLISHERS];
static struct nn_srtp *outbound[PUBLISHERS];
static struct intake intake;

static int start(void)
{
	return fixture_start() || !fixture_add_flows();
}

static int stop(void)
{
	fixture_remove_flows();
	return fixture_stop();
}

static void set_up_sessions(void)
{
	intake.n_packets = intake.n_runs = 0;
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		session[i] = fixture_transport(1, 0);
}

static void tear_down_sessions(void)
{
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		transport_destroy(session[i]);
}

/* Packets are told apart by their places; nothing looks into them. */
static struct rte_mbuf mark[INTAKE_PACKETS];

static bool takes(struct intake_run *run, unsigned int first, unsigned int step, unsigned int n)
{
	struct rte_mbuf *packets[PORT_BURST];
	if (intake_take(&intake, run, packets) != n)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (packets[i] != &mark[first + i * step])
			return false;
	return true;
}

static void sessions_are_told_apart(void)
{
	set_up_sessions();
	for (unsigned int i = 0; i < PUBLISHERS * EACH; i++)
		intake_add(&intake, session[i % PUBLISHERS], false, &mark[i]);
	CU_ASSERT_EQUAL(intake.n_runs, PUBLISHERS);
	for (unsigned int i = 0; i < PUBLISHERS; i++) {
		CU_ASSERT_PTR_EQUAL(intake.runs[i].transport, session[i]);
		CU_ASSERT(takes(&intake.runs[i], i, PUBLISHERS, EACH));
		CU_ASSERT(takes(&intake.runs[i], 0, 0, 0));
	}
	tear_down_sessions();
}

static void rtcp_has_runs_of_its_own(void)
{
	set_up_sessions();
	for (unsigned int i = 0; i < 8; i++)
		intake_add(&intake, session[0], i % 2 > 0, &mark[i]);
	CU_ASSERT_EQUAL(intake.n_runs, 2);
	CU_ASSERT(!intake.runs[0].is_rtcp && intake.runs[1].is_rtcp);
	CU_ASSERT(takes(&intake.runs[0], 0, 2, 4));
	CU_ASSERT(takes(&intake.runs[1], 1, 2, 4));
	tear_down_sessions();
}

static void long_runs_are_taken_in_bursts(void)
{
	set_up_sessions();
	for (unsigned int i = 0; i < PORT_BURST + 3; i++)
		intake_add(&intake, session[0], false, &mark[i]);
	CU_ASSERT_EQUAL(intake.n_runs, 1);
	CU_ASSERT(takes(&intake.runs[0], 0, 1, PORT_BURST));
	CU_ASSERT(takes(&intake.runs[0], PORT_BURST, 1, 3));
	tear_down_sessions();
}

/* Where a session's run was in an earlier round says nothing about this one. */
static void places_of_earlier_rounds_are_not_believed(void)
{
	set_up_sessions();
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		intake_add(&intake, session[i], false, &mark[i]);
	intake.n_packets = intake.n_runs = 0;
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		intake_add(&intake, session[PUBLISHERS - 1 - i], i == 0, &mark[i]);
	CU_ASSERT_EQUAL(intake.n_runs, PUBLISHERS);
	for (unsigned int i = 0; i < PUBLISHERS; i++) {
		CU_ASSERT_PTR_EQUAL(intake.runs[i].transport, session[PUBLISHERS - 1 - i]);
		CU_ASSERT_EQUAL(intake.runs[i].is_rtcp, i == 0);
		CU_ASSERT(takes(&intake.runs[i], i, 0, 1));
	}
	tear_down_sessions();
}

static void more_is_wanted_while_runs_are_short(void)
{
	set_up_sessions();
	CU_ASSERT(!intake_is_ragged(&intake));
	for (unsigned int i = 0; i < INTAKE_PACKETS; i++) {
		intake_add(&intake, session[i % 2], false, &mark[i]);
		if (i > 0)
			CU_ASSERT_EQUAL(intake_is_ragged(&intake), i + 1 < 2 * INTAKE_RUN_WANTED);
	}
	tear_down_sessions();
}

static struct flow flow_of(unsigned int i)
{
	struct flow flow = {0};
	address_parse_ip(&flow.local, "192.0.2.1", 8443);
	address_parse_ip(&flow.remote, "198.51.100.7", (uint16_t)(1000 + i));
	return flow;
}

static void set_up_stream(unsigned int i)
{
	struct srtp_keys keys = fixture_keys();
	struct flow flow = flow_of(i);
	feed[i] = feed_create(CODEC_OPUS, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(feed[i]);
	session[i] = fixture_transport(1, 0);
	session[i]->nack_due_ns = UINT64_MAX;
	session[i]->tracks[0].config = (struct track_config){.feed = feed[i],
							     .codec = CODEC_OPUS,
							     .payload_type = PT,
							     .ssrc = 100 + i,
							     .epoch = 1};
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &session[i]->srtp_in), 0);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, false, &outbound[i]), 0);
	CU_ASSERT_EQUAL_FATAL(worker_flow_add(fixture_worker, &flow, session[i]), 0);
	track_start(fixture_worker, &session[i]->tracks[0]);
	viewer[i] = fixture_transport(0, 1);
	viewer[i]->subscriptions[0].config =
		(struct subscription_config){.feed = feed[i], .ssrc = 200 + i};
	feed_attach(fixture_worker, feed[i], &viewer[i]->subscriptions[0]);
}

static void tear_down_stream(unsigned int i)
{
	struct flow flow = flow_of(i);
	track_stop(fixture_worker, &session[i]->tracks[0]);
	feed_detach(fixture_worker, feed[i], &viewer[i]->subscriptions[0]);
	worker_flow_remove(fixture_worker, &flow, session[i]);
	wheel_remove(&fixture_worker->wheel, &session[i]->timer);
	nn_srtp_destroy(outbound[i]);
	transport_destroy(session[i]);
	transport_destroy(viewer[i]);
	feed_destroy(feed[i]);
}

static struct rte_mbuf *packet_of(unsigned int i, uint16_t sequence)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	struct rtp_header header = {.ssrc = 100 + i, .sequence = sequence, .payload_type = PT};
	int head = rtp_write(packet_bytes(packet), 500, &header, NULL, 0, NULL);
	rte_pktmbuf_append(packet, (uint16_t)(head + 20));
	int result;
	CU_ASSERT_EQUAL(nn_srtp_protect(outbound[i], &packet, 1, &result), 1);
	packet_meta(packet)->flow = flow_of(i);
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	return packet;
}

/* Each viewer's packets lie side by side, in order. */
static void expect_runs(void)
{
	uint16_t first = 0;
	CU_ASSERT_EQUAL_FATAL(fixture_sent(), PUBLISHERS * EACH);
	for (unsigned int i = 0; i < PUBLISHERS * EACH; i++) {
		const uint8_t *bytes = packet_bytes(fixture_worker->tx[i]);
		CU_ASSERT_EQUAL(wire_read32(bytes + 8), 200 + i / EACH);
		if (i % EACH == 0)
			first = wire_read16(bytes + 2);
		CU_ASSERT_EQUAL((uint16_t)(wire_read16(bytes + 2) - first), i % EACH);
	}
	fixture_clear();
}

static void viewers_get_runs(void)
{
	struct rte_mbuf *packets[PUBLISHERS * EACH];
	fixture_clear();
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		set_up_stream(i);
	for (unsigned int i = 0; i < PUBLISHERS * EACH; i++)
		packets[i] = packet_of(i % PUBLISHERS, (uint16_t)(i / PUBLISHERS));
	worker_on_packets(fixture_worker, packets, PUBLISHERS * EACH);
	CU_ASSERT_EQUAL(fixture_worker->intake.n_packets, 0);
	expect_runs();
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		tear_down_stream(i);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
}

/* Those whose publishers live on another worker. */
static void viewers_elsewhere_get_runs(void)
{
	struct message messages[PUBLISHERS * EACH + 1] = {{0}};
	fixture_clear();
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		set_up_stream(i);
	for (unsigned int i = 0; i < PUBLISHERS * EACH; i++) {
		struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
		rte_pktmbuf_append(packet, 32);
		*rtp_packet(packet) = (struct rtp_packet){.index = i / PUBLISHERS,
							  .epoch = 1,
							  .payload_offset = RTP_HEADER_BYTES,
							  .payload_bytes = 20};
		rtp_packet_set_shape(rtp_packet(packet));
		packet_meta(packet)->rx_ns = fixture_worker->now_ns;
		messages[i] = (struct message){
			.type = MESSAGE_FEED, .feed = feed[i % PUBLISHERS], .packet = packet};
	}
	messages[PUBLISHERS * EACH].type = MESSAGE_KEYFRAME;
	CU_ASSERT_EQUAL(feed_take_messages(fixture_worker, messages, PUBLISHERS * EACH + 1),
			PUBLISHERS * EACH);
	expect_runs();
	CU_ASSERT_EQUAL(feed_take_messages(fixture_worker, &messages[PUBLISHERS * EACH], 1), 0);
	for (unsigned int i = 0; i < PUBLISHERS; i++)
		tear_down_stream(i);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
}

static CU_TestInfo tests[] = {
	{"sessions_are_told_apart", sessions_are_told_apart},
	{"rtcp_has_runs_of_its_own", rtcp_has_runs_of_its_own},
	{"long_runs_are_taken_in_bursts", long_runs_are_taken_in_bursts},
	{"places_of_earlier_rounds_are_not_believed", places_of_earlier_rounds_are_not_believed},
	{"more_is_wanted_while_runs_are_short", more_is_wanted_while_runs_are_short},
	{"viewers_get_runs", viewers_get_runs},
	{"viewers_elsewhere_get_runs", viewers_elsewhere_get_runs},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("intake", tests, start, stop)
