/* The kernel UDP port over loopback, IPv4 and IPv6: who sent, where to, from where the answer
 * comes, and what happens when something is in the way. */
#include "qos/port_socket.h"
#include "tests/qos/port_peer.h"

#define POOL_PACKETS 255

static int start(void)
{
	struct eal_config config = {.program = "test_port", .n_workers = 1, .memory_mb = 64};
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

struct listen_row {
	const char *listen, *listen2, *to;
};

static const struct listen_row listens[] = {
	{"0.0.0.0", NULL, "127.0.0.1"},
	{"0.0.0.0", NULL, "127.0.0.2"},
	{"127.0.0.1", NULL, "127.0.0.1"},
	{"127.0.0.2", NULL, "127.0.0.2"},
	{"127.0.0.1", "127.0.0.2", "127.0.0.2"},
	{"::", NULL, "::1"},
	{"::1", NULL, "::1"},
	{"0.0.0.0", "::", "127.0.0.3"},
	{"0.0.0.0", "::", "::1"},
};

static void flow_is_reported_and_reply_comes_from_address_sent_to(void)
{
	for (size_t i = 0; i < RTE_DIM(listens); i++) {
		const struct listen_row *row = &listens[i];
		struct rte_mempool *pool;
		struct rte_mbuf *packet;
		char text[16];
		struct port *port =
			peer_port_open(&pool, POOL_PACKETS, row->listen, row->listen2, 1);
		struct address to = peer_address(row->to, port_udp_port(port));
		struct peer peer = peer_open(&to);
		peer_send(&peer, "question", 8);
		CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, &packet, 1), 1);
		struct packet_meta *meta = packet_meta(packet);
		CU_ASSERT(address_equal(&meta->flow.local, &to));
		CU_ASSERT(address_equal(&meta->flow.remote, &peer.self));
		CU_ASSERT_EQUAL(meta->rx_ns, PEER_NOW_NS);
		CU_ASSERT_EQUAL(packet->data_len, 8);
		CU_ASSERT_EQUAL(packet->pkt_len, 8);
		CU_ASSERT_EQUAL(memcmp(packet_bytes(packet), "question", 8), 0);
		memcpy(packet_bytes(packet), "answered", 8);
		CU_ASSERT_EQUAL(port_tx_burst(port, 0, &packet, 1), 1);
		CU_ASSERT_EQUAL(peer_receive(&peer, text, sizeof(text)), 8);
		CU_ASSERT_EQUAL(memcmp(text, "answered", 8), 0);
		const struct port_counters *c = port_counters(port, 0);
		CU_ASSERT_EQUAL(port_counter(&c->rx_packets), 1);
		CU_ASSERT_EQUAL(port_counter(&c->rx_bytes), 8);
		CU_ASSERT_EQUAL(port_counter(&c->tx_packets), 1);
		CU_ASSERT_EQUAL(port_counter(&c->tx_bytes), 8);
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

static void pool_exhaustion_leaves_datagrams_in_socket(void)
{
	enum { SENT = 20 };
	struct rte_mempool *pool;
	struct rte_mbuf *packets[PORT_BURST];
	struct port *port = peer_port_open(&pool, 7, "127.0.0.1", "::1", 1);
	const struct port_counters *c = port_counters(port, 0);
	struct address to = peer_address("127.0.0.1", port_udp_port(port));
	struct peer peer = peer_open(&to);
	for (uint8_t i = 0; i < SENT; i++)
		peer_send(&peer, &i, 1);
	uint8_t expected = 0;
	while (expected < SENT && peer_readable(port_fd(port, 0))) {
		uint16_t n = port_rx_burst(port, 0, packets, PORT_BURST, PEER_NOW_NS);
		CU_ASSERT(n <= 7);
		struct rte_mbuf *more;
		if (n == 7)
			CU_ASSERT_EQUAL(port_rx_burst(port, 0, &more, 1, PEER_NOW_NS), 0);
		for (uint16_t i = 0; i < n; i++) {
			CU_ASSERT_EQUAL(packet_bytes(packets[i])[0], expected++);
			packet_free(packets[i]);
		}
	}
	CU_ASSERT_EQUAL(expected, SENT);
	CU_ASSERT(port_counter(&c->rx_no_buffer) >= 4);
	CU_ASSERT_EQUAL(port_counter(&c->rx_packets), SENT);
	close(peer.fd);
	peer_port_close(port, pool);
}

static void larger_datagram_is_counted_truncated_and_dropped(void)
{
	static const size_t sizes[] = {
		PACKET_BYTES_MAX, 3000, 1, PACKET_BYTES_MAX + 1, 0, 60000, 5};
	static const uint16_t whole[] = {PACKET_BYTES_MAX, 1, 0, 5};
	static uint8_t bytes[60000];
	struct rte_mempool *pool;
	struct rte_mbuf *packets[RTE_DIM(whole)];
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "::", NULL, 1);
	struct address to = peer_address("::1", port_udp_port(port));
	struct peer peer = peer_open(&to);
	for (size_t i = 0; i < RTE_DIM(sizes); i++)
		peer_send(&peer, bytes, sizes[i]);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, packets, RTE_DIM(whole)), RTE_DIM(whole));
	for (size_t i = 0; i < RTE_DIM(whole); i++) {
		CU_ASSERT_EQUAL(packets[i]->data_len, whole[i]);
		packet_free(packets[i]);
	}
	CU_ASSERT_EQUAL(port_counter(&port_counters(port, 0)->rx_truncated), 3);
	close(peer.fd);
	peer_port_close(port, pool);
}

static void idle_burst_keeps_its_buffers(void)
{
	struct rte_mempool *pool;
	struct rte_mbuf *packets[PORT_BURST];
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "0.0.0.0", "::", 1);
	CU_ASSERT_EQUAL(port_rx_burst(port, 0, packets, PORT_BURST, PEER_NOW_NS), 0);
	unsigned int free_before = rte_mempool_avail_count(pool);
	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(port_rx_burst(port, 0, packets, PORT_BURST, PEER_NOW_NS), 0);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(pool), free_before);
	CU_ASSERT_EQUAL(free_before, POOL_PACKETS - PORT_BURST);
	CU_ASSERT_EQUAL(port_counter(&port_counters(port, 0)->rx_no_buffer), 0);
	peer_port_close(port, pool);
}

static void flood_of_one_family_leaves_the_other_its_turn(void)
{
	struct rte_mempool *pool;
	struct rte_mbuf *packets[PORT_BURST];
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", "::1", 1);
	struct address to4 = peer_address("127.0.0.1", port_udp_port(port));
	struct address to6 = peer_address("::1", port_udp_port(port));
	struct peer peer4 = peer_open(&to4), peer6 = peer_open(&to6);
	bool heard = false;
	for (int i = 0; i < 3 * PORT_BURST; i++)
		peer_send(&peer4, "flood", 5);
	peer_send(&peer6, "turn", 4);
	for (int burst = 0; burst < 2; burst++) {
		CU_ASSERT(peer_readable(port_fd(port, 0)));
		uint16_t n = port_rx_burst(port, 0, packets, PORT_BURST, PEER_NOW_NS);
		for (uint16_t i = 0; i < n; i++) {
			heard |= packets[i]->data_len == 4;
			packet_free(packets[i]);
		}
	}
	CU_ASSERT(heard);
	close(peer4.fd);
	close(peer6.fd);
	peer_port_close(port, pool);
}

static void bad_packet_in_burst_is_skipped_and_counted(void)
{
	static const char *const ips[] = {"127.0.0.1", "::1"};
	for (size_t i = 0; i < RTE_DIM(ips); i++) {
		struct rte_mempool *pool;
		struct rte_mbuf *packets[4];
		char text[16];
		struct port *port = peer_port_open(&pool, POOL_PACKETS, ips[i], NULL, 1);
		struct address to = peer_address(ips[i], port_udp_port(port));
		struct peer peer = peer_open(&to);
		for (unsigned int k = 0; k < 4; k++)
			packets[k] = peer_packet(pool, &to, &peer, 4, 'a' + (int)k);
		packet_meta(packets[1])->flow.remote.port = 0; /* no such port */
		packet_meta(packets[2])->flow.remote =
			peer_address(i == 0 ? "::1" : "127.0.0.1", 9); /* no such socket */
		CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, 4), 2);
		CU_ASSERT_EQUAL(peer_receive(&peer, text, sizeof(text)), 4);
		CU_ASSERT_EQUAL(text[0], 'a');
		CU_ASSERT_EQUAL(peer_receive(&peer, text, sizeof(text)), 4);
		CU_ASSERT_EQUAL(text[0], 'd');
		CU_ASSERT_EQUAL(port_counter(&port_counters(port, 0)->tx_error), 2);
		CU_ASSERT_EQUAL(port_counter(&port_counters(port, 0)->tx_packets), 2);
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

static int port_fd_of_socket(struct port *port)
{
	return ((struct port_socket *)port)->queues[0].sockets[0].fd;
}

/* With IP_RECVERR the kernel tells an unconnected socket too that a port is closed, at its next
 * call. */
static void closed_port_breaks_neither_tx_nor_rx(void)
{
	struct rte_mempool *pool;
	struct rte_mbuf *packets[2];
	char text[16];
	int on = 1;
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", NULL, 1);
	int fd = port_fd_of_socket(port);
	CU_ASSERT_EQUAL(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	struct address to = peer_address("127.0.0.1", port_udp_port(port));
	struct peer peer = peer_open(&to), gone = peer_open(&to);
	close(gone.fd);
	for (int round = 0; round < 2; round++) {
		struct pollfd p = {.fd = fd};
		packets[0] = peer_packet(pool, &to, &gone, 4, 'x');
		CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, 1), 1);
		CU_ASSERT_EQUAL(poll(&p, 1, PEER_WAIT_MS), 1);
		CU_ASSERT(p.revents & POLLERR);
		if (round == 0) {
			packets[0] = peer_packet(pool, &to, &peer, 4, 'y');
			CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, 1), 1);
			CU_ASSERT_EQUAL(peer_receive(&peer, text, sizeof(text)), 4);
		} else {
			peer_send(&peer, "after", 5);
			CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, packets, 1), 1);
			packet_free(packets[0]);
		}
	}
	CU_ASSERT_EQUAL(port_counter(&port_counters(port, 0)->tx_error), 0);
	close(peer.fd);
	peer_port_close(port, pool);
}

static void port_in_use_is_refused_and_leaves_nothing_open(void)
{
	struct rte_mempool *pool;
	for (unsigned int n_queues = 1; n_queues <= 2; n_queues++) {
		struct port *port =
			peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", NULL, n_queues);
		struct port *second = NULL;
		struct port_config config = peer_port_config(pool, "::1", "127.0.0.1", 2);
		config.listen[0].port = config.listen[1].port = port_udp_port(port);
		unsigned int before = peer_open_files();
		CU_ASSERT_EQUAL(port_open(&config, &second), -EADDRINUSE);
		CU_ASSERT_PTR_NULL(second);
		CU_ASSERT_EQUAL(peer_open_files(), before);
		config.listen[0] = peer_address("192.0.2.77", 0); /* not ours: TEST-NET-1 */
		CU_ASSERT_EQUAL(port_open(&config, &second), -EADDRNOTAVAIL);
		CU_ASSERT_EQUAL(peer_open_files(), before);
		peer_port_close(port, pool);
	}
}

static void impossible_config_is_refused(void)
{
	struct rte_mempool *pool;
	struct port *port = NULL;
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("config", 7, &pool), 0);
	struct port_config good = peer_port_config(pool, "127.0.0.1", NULL, 1), bad = good;
	bad.n_queues = 0;
	CU_ASSERT_EQUAL(port_open(&bad, &port), -EINVAL);
	bad.n_queues = PORT_QUEUES_MAX + 1;
	CU_ASSERT_EQUAL(port_open(&bad, &port), -EINVAL);
	bad = good;
	bad.n_listen = 0;
	CU_ASSERT_EQUAL(port_open(&bad, &port), -EINVAL);
	bad.n_listen = PORT_ADDRESSES_MAX + 1;
	CU_ASSERT_EQUAL(port_open(&bad, &port), -EINVAL);
	good.socket_buffer_bytes = 1 << 30; /* more than is given: a warning, not an error */
	CU_ASSERT_EQUAL_FATAL(port_open(&good, &port), 0);
	port_close(port);
	port_close(NULL);
	packet_pool_destroy(pool);
}

static CU_TestInfo tests[] = {
	{"flow_is_reported_and_reply_comes_from_address_sent_to",
	 flow_is_reported_and_reply_comes_from_address_sent_to},
	{"pool_exhaustion_leaves_datagrams_in_socket", pool_exhaustion_leaves_datagrams_in_socket},
	{"larger_datagram_is_counted_truncated_and_dropped",
	 larger_datagram_is_counted_truncated_and_dropped},
	{"idle_burst_keeps_its_buffers", idle_burst_keeps_its_buffers},
	{"flood_of_one_family_leaves_the_other_its_turn",
	 flood_of_one_family_leaves_the_other_its_turn},
	{"bad_packet_in_burst_is_skipped_and_counted", bad_packet_in_burst_is_skipped_and_counted},
	{"closed_port_breaks_neither_tx_nor_rx", closed_port_breaks_neither_tx_nor_rx},
	{"port_in_use_is_refused_and_leaves_nothing_open",
	 port_in_use_is_refused_and_leaves_nothing_open},
	{"impossible_config_is_refused", impossible_config_is_refused},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("port_socket", tests, start, stop)
