/* Where a session lives: pairs, the one selected, and 5-tuples that change hands. */
#include "media/transport.h"

#include "tests/media/worker_fixture.h"

static int start(void)
{
	return fixture_start() || !fixture_add_flows();
}

static int stop(void)
{
	fixture_remove_flows();
	return fixture_stop();
}

static struct transport *make_transport(void)
{
	struct transport *transport = fixture_transport(0, 0);
	transport->selected = -1;
	transport->pairs[0].heard_ns = 0;
	transport->is_connected = false;
	return transport;
}

static struct flow flow_from(uint16_t port)
{
	struct flow flow = {0};
	address_parse_ip(&flow.local, "192.0.2.1", 8443);
	address_parse_ip(&flow.remote, "198.51.100.7", port);
	return flow;
}

static void check(struct transport *transport, uint16_t port, bool use_candidate)
{
	struct packet_meta from = {.flow = flow_from(port)};
	CU_ASSERT_EQUAL(transport_on_check(fixture_worker, transport, &from, use_candidate), 0);
}

static uint16_t selected_port(const struct transport *transport)
{
	return transport->pairs[transport->selected].flow.remote.port;
}

/* Whose the flow is, as the worker sees it. */
static const struct transport *owner_of(uint16_t port)
{
	struct flow flow = flow_from(port);
	int32_t index = rte_hash_lookup(fixture_worker->flows, &flow);
	return index < 0 ? NULL : fixture_worker->flow_entries[index].transport;
}

static void follows_the_latest_nomination(void)
{
	struct transport *transport = make_transport();
	check(transport, 1, false);
	CU_ASSERT_EQUAL(selected_port(transport), 1);
	check(transport, 2, false);
	CU_ASSERT_EQUAL(selected_port(transport), 1);
	check(transport, 2, true);
	CU_ASSERT_EQUAL(selected_port(transport), 2);
	check(transport, 1, true);
	CU_ASSERT_EQUAL(selected_port(transport), 1);
	/* A pair that fell silent yields to one that has not. */
	fixture_advance(8000);
	check(transport, 2, false);
	CU_ASSERT_EQUAL(selected_port(transport), 2);
	transport_close(fixture_worker, transport);
	transport_destroy(transport);
}

static void many_addresses_keep_the_selected_one(void)
{
	struct transport *transport = make_transport();
	check(transport, 1, true);
	for (uint16_t port = 2; port < 50; port++) {
		fixture_advance(10);
		check(transport, port, false);
	}
	CU_ASSERT_EQUAL(selected_port(transport), 1);
	CU_ASSERT_PTR_EQUAL(owner_of(1), transport);
	CU_ASSERT_PTR_EQUAL(owner_of(49), transport);
	CU_ASSERT_PTR_NULL(owner_of(2));
	CU_ASSERT_EQUAL(rte_hash_count(fixture_worker->flows), TRANSPORT_PAIRS_MAX);
	transport_close(fixture_worker, transport);
	CU_ASSERT_EQUAL(rte_hash_count(fixture_worker->flows), 0);
	transport_destroy(transport);
}

static void a_flow_that_changed_hands_outlives_its_first_owner(void)
{
	struct transport *first = make_transport(), *second = make_transport();
	check(first, 1, true);
	check(second, 1, true);
	CU_ASSERT_PTR_EQUAL(owner_of(1), second);
	transport_close(fixture_worker, first);
	CU_ASSERT_PTR_EQUAL(owner_of(1), second);
	transport_close(fixture_worker, second);
	CU_ASSERT_PTR_NULL(owner_of(1));
	transport_destroy(first);
	transport_destroy(second);
}

/* What control is told of one transport's end must be told, and once. */
static void the_end_is_told_once(void)
{
	struct transport *transport = make_transport();
	struct message messages[64];
	unsigned int n_closed = 0;
	while (mailbox_take(fixture_plane.control, messages, 64) > 0)
		continue;
	check(transport, 1, true);
	transport_close(fixture_worker, transport);
	/* It is closing: nothing of it comes back to life. */
	check(transport, 2, true);
	CU_ASSERT_PTR_NULL(owner_of(2));
	CU_ASSERT_EQUAL(fixture_worker->wheel.n, 0);
	unsigned int n = mailbox_take(fixture_plane.control, messages, 64);
	for (unsigned int i = 0; i < n; i++)
		n_closed += messages[i].type == MESSAGE_CLOSED;
	CU_ASSERT_EQUAL(n_closed, 1);
	transport_destroy(transport);
}

static struct link_route route_from(uint8_t station)
{
	return (struct link_route){.to = {2, station}, .from = {2, 1}, .is_known = 1};
}

/* Where its next packet would go. */
static uint8_t station_of(struct transport *transport)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	transport_send(fixture_worker, transport, packet, FLOW_CONTROL);
	CU_ASSERT_TRUE_FATAL(fixture_sent() == 1 && fixture_worker->tx[0] == packet);
	const struct packet_meta *meta = packet_meta(packet);
	CU_ASSERT_PTR_EQUAL(meta->tx.pipe, transport->pipe);
	CU_ASSERT_EQUAL(meta->tx.traffic_class, CLASS_CONTROL);
	uint8_t station = meta->route.to[1];
	fixture_clear();
	return station;
}

/* A receiver report by way of `station`, whole or not. */
static void report_from(struct transport *transport, struct nn_srtp *peer, uint8_t station,
			bool is_whole)
{
	static const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0, 9};
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	int result;
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	memcpy(rte_pktmbuf_append(packet, sizeof(report)), report, sizeof(report));
	CU_ASSERT_EQUAL_FATAL(nn_srtcp_protect(peer, &packet, 1, &result), 1);
	packet_bytes(packet)[8] ^= is_whole ? 0 : 1;
	packet_meta(packet)->flow = flow_from(1);
	packet_meta(packet)->route = route_from(station);
	transport_on_rtcp(fixture_worker, transport, &packet, 1);
}

/* A frame that anybody can send must not lead what we send somewhere else. */
static void route_is_learned_from_checks_and_authentic_packets_alone(void)
{
	struct srtp_keys keys = fixture_keys();
	struct transport *transport = make_transport();
	struct packet_meta from = {.flow = flow_from(1), .route = route_from(10)};
	struct nn_srtp *peer;
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, false, &peer), 0);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &transport->srtp_in), 0);
	CU_ASSERT_EQUAL(transport_on_check(fixture_worker, transport, &from, true), 0);
	CU_ASSERT_EQUAL(station_of(transport), 10);
	from.route = route_from(11);
	CU_ASSERT_EQUAL(transport_on_check(fixture_worker, transport, &from, true), 0);
	CU_ASSERT_EQUAL(station_of(transport), 11);
	transport->is_connected = true;
	report_from(transport, peer, 12, false);
	CU_ASSERT_EQUAL(station_of(transport), 11);
	report_from(transport, peer, 12, true);
	CU_ASSERT_EQUAL(station_of(transport), 12);
	transport_close(fixture_worker, transport);
	nn_srtp_destroy(peer);
	transport_destroy(transport);
}

static CU_TestInfo tests[] = {
	{"follows_the_latest_nomination", follows_the_latest_nomination},
	{"many_addresses_keep_the_selected_one", many_addresses_keep_the_selected_one},
	{"a_flow_that_changed_hands_outlives_its_first_owner",
	 a_flow_that_changed_hands_outlives_its_first_owner},
	{"the_end_is_told_once", the_end_is_told_once},
	{"route_is_learned_from_checks_and_authentic_packets_alone",
	 route_is_learned_from_checks_and_authentic_packets_alone},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("transport", tests, start, stop)
