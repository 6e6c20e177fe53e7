/* A flood of strangers' checks and handshakes: it gets its rate, and neither those who are in nor
 * those who knock politely pay for it. */

#include "media/directory.h"
#include "media/ice.h"
#include "media/wire.h"
#include "tests/media/worker_fixture.h"

#define STRANGER_PORT 1
#define INSIDER_PORT  2
#define KBPS          1000

static struct directory_entry *entry;
static struct transport *insider;

static int start(void)
{
	if (fixture_start() || !fixture_add_flows())
		return 1;
	fixture_plane.directory = directory_create(4);
	return fixture_plane.directory && ice_create(&fixture_worker->ice) == 0 ? 0 : 1;
}

static int stop(void)
{
	fixture_remove_flows();
	directory_destroy(fixture_plane.directory);
	ice_destroy(fixture_worker->ice);
	return fixture_stop();
}

static struct flow flow_from(uint16_t port)
{
	struct flow flow = {0};
	address_parse_ip(&flow.local, "192.0.2.1", 8443);
	address_parse_ip(&flow.remote, "198.51.100.7", port);
	return flow;
}

static void set_up(void)
{
	struct flow flow = flow_from(INSIDER_PORT);
	fixture_clear();
	CU_ASSERT_EQUAL_FATAL(signalling_policer_set(&fixture_worker->signalling, 100 * KBPS, 8192,
						     fixture_worker->now_ns),
			      0);
	insider = fixture_transport(0, 0);
	CU_ASSERT_EQUAL_FATAL(directory_add(fixture_plane.directory, insider, &entry), 0);
	directory_publish(fixture_plane.directory, entry);
	CU_ASSERT_EQUAL_FATAL(worker_flow_add(fixture_worker, &flow, insider), 0);
}

static void tear_down(void)
{
	struct flow flow = flow_from(INSIDER_PORT);
	worker_flow_remove(fixture_worker, &flow, insider);
	directory_withdraw(fixture_plane.directory, entry);
	directory_release(fixture_plane.directory, entry);
	transport_destroy(insider);
}

static void receive(uint16_t port, const uint8_t *bytes, uint16_t size)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	memcpy(packet_bytes(packet), bytes, size);
	rte_pktmbuf_append(packet, size);
	packet_meta(packet)->flow = flow_from(port);
	worker_on_packets(fixture_worker, &packet, 1);
}

/* A Binding request for a session, with nothing to prove who sent it: 40 bytes. */
static void receive_check(uint16_t port, const char *ufrag)
{
	uint8_t check[40] = {0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42};
	wire_write16(&check[20], 0x0006); /* USERNAME */
	wire_write16(&check[22], 16);
	memcpy(&check[24], ufrag, 12);
	memcpy(&check[36], ":abc", 4);
	receive(port, check, sizeof(check));
}

static void receive_dtls(uint16_t port)
{
	static const uint8_t client_hello[200] = {22, 0xfe, 0xfd};
	receive(port, client_hello, sizeof(client_hello));
}

static void flood(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		receive_check(STRANGER_PORT, entry->local.ufrag);
}

static void strangers_get_their_rate(void)
{
	set_up();
	flood(1000);
	/* What came through the policer was looked at, and found to be nothing. */
	uint64_t burst = fixture_count(DROP_STUN_REFUSED);
	uint32_t wire_bytes = 40 + 8 + 20 + 14 + PACKET_FRAMING_BYTES;
	CU_ASSERT_EQUAL(burst, 2 * (8192 / wire_bytes));
	CU_ASSERT_EQUAL(fixture_count(DROP_SIGNALLING_RATE), 1000 - burst);
	for (unsigned int ms = 0; ms < 10000; ms++) {
		fixture_advance(1);
		flood(2);
	}
	double bps = (double)(fixture_count(DROP_STUN_REFUSED) - burst) * wire_bytes * 8 / 10;
	CU_ASSERT_DOUBLE_EQUAL(bps / (100 * KBPS), 1.0, 0.01);
	CU_ASSERT_EQUAL(policer_total(&fixture_worker->signalling.dropped),
			fixture_count(DROP_SIGNALLING_RATE));
	tear_down();
}

static void consent_checks_of_the_connected_always_pass(void)
{
	set_up();
	flood(1000);
	uint64_t checked = fixture_count(DROP_STUN_REFUSED),
		 dropped = fixture_count(DROP_SIGNALLING_RATE);
	for (unsigned int i = 0; i < 100; i++)
		receive_check(INSIDER_PORT, entry->local.ufrag);
	CU_ASSERT_EQUAL(fixture_count(DROP_STUN_REFUSED), checked + 100);
	CU_ASSERT_EQUAL(fixture_count(DROP_SIGNALLING_RATE), dropped);
	/* Its DTLS too: it gets as far as to the cap of its own. */
	insider->dtls_second_ns = fixture_worker->now_ns;
	insider->n_dtls = 1000;
	receive_dtls(INSIDER_PORT);
	CU_ASSERT_EQUAL(fixture_count(DROP_DTLS_RATE), 1);
	/* That of a session which is not connected yet is one of many. */
	insider->is_connected = false;
	receive_dtls(INSIDER_PORT);
	CU_ASSERT_EQUAL(fixture_count(DROP_DTLS_RATE), 1);
	CU_ASSERT_EQUAL(fixture_count(DROP_SIGNALLING_RATE), dropped + 1);
	insider->is_connected = true;
	tear_down();
}

/* They are dropped for less than it costs to police them, so they take nothing from newcomers. */
static void checks_for_nobody_take_no_tokens(void)
{
	set_up();
	for (unsigned int i = 0; i < 10000; i++) {
		receive_check(STRANGER_PORT, "no such ufrag");
		receive_dtls(STRANGER_PORT);
	}
	CU_ASSERT_EQUAL(fixture_count(DROP_STUN_UNKNOWN_UFRAG), 10000);
	CU_ASSERT_EQUAL(fixture_count(DROP_DTLS_UNVALIDATED), 10000);
	CU_ASSERT_EQUAL(fixture_count(DROP_SIGNALLING_RATE), 0);
	flood(1);
	CU_ASSERT_EQUAL(fixture_count(DROP_STUN_REFUSED), 1);
	tear_down();
}

static CU_TestInfo tests[] = {
	{"strangers_get_their_rate", strangers_get_their_rate},
	{"consent_checks_of_the_connected_always_pass",
	 consent_checks_of_the_connected_always_pass},
	{"checks_for_nobody_take_no_tokens", checks_for_nobody_take_no_tokens},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("signalling", tests, start, stop)
