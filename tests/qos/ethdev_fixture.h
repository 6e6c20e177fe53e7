/* The ports over DPDK's drivers, driven over a veth pair against a peer of plain kernel sockets.
 * Each row is a test of every kind of port, with and without hugepages: the files that include this
 * differ in how EAL is started. */
#pragma once

#include <net/if.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>

#include "qos/interface.h"
#include "tests/qos/port_peer.h"
#include "tests/qos/veth.h"

#define POOL_PACKETS 8191
#define QUEUES       1

static enum port_kind kind; /* of the row that runs */
static struct rte_mempool *pool;
static struct port *port;

static inline int fixture_start(enum eal_hugepages hugepages)
{
	struct eal_config config = {.program = "test_port_ethdev",
				    .n_workers = 1,
				    .memory_mb = 128,
				    .hugepages = hugepages};
	if (veth_create(QUEUES) != 0 || eal_start(&config) != 0)
		return -1;
	return eal_has_hugepages() == (hugepages == EAL_HUGEPAGES_ON) ? 0 : -1;
}

static inline void open_port_on(const char *ip, const char *ip2)
{
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("ethdev", POOL_PACKETS, &pool), 0);
	struct port_config config = peer_port_config(pool, ip, ip2, QUEUES);
	config.kind = kind;
	config.interface = VETH_NODE;
	CU_ASSERT_EQUAL_FATAL(port_open(&config, &port), 0);
	CU_ASSERT_NOT_EQUAL(port_udp_port(port), 0);
}

static inline void close_port(void)
{
	port_close(port);
	CU_ASSERT(rte_mempool_full(pool));
	packet_pool_destroy(pool);
	port = NULL;
}

static inline uint64_t counted(size_t offset)
{
	const char *counters = (const char *)port_counters(port, 0);
	return port_counter((const uint64_t *)(counters + offset));
}
#define COUNTED(field) counted(offsetof(struct port_counters, field))

static inline struct peer fixture_peer(const char *ip)
{
	struct address to = peer_address(ip, port_udp_port(port));
	veth_enter_peer();
	struct peer peer = peer_open(&to);
	veth_enter_node();
	return peer;
}

/* A question from the peer, as the port gives it. */
static inline struct rte_mbuf *ask(const struct peer *peer, const void *bytes, size_t size)
{
	struct rte_mbuf *packet = NULL;
	peer_send(peer, bytes, size);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, &packet, 1), 1);
	CU_ASSERT_EQUAL(packet->data_len, size);
	CU_ASSERT_EQUAL(memcmp(packet_bytes(packet), bytes, size), 0);
	return packet;
}

/* A fresh packet back to where `question` came from. */
static inline struct rte_mbuf *answer_to(struct rte_mbuf *question, const void *bytes,
					 uint16_t size)
{
	struct rte_mbuf *packet = packet_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	memcpy(rte_pktmbuf_append(packet, size), bytes, size);
	packet_meta(packet)->flow = packet_meta(question)->flow;
	packet_meta(packet)->route = packet_meta(question)->route;
	packet_meta(packet)->tx = (struct packet_tx){.dscp = 46};
	return packet;
}

struct way {
	const char *listen, *listen2, *to;
};

static const struct way ways[] = {
	{VETH_NODE_IPV4, NULL, VETH_NODE_IPV4},
	{VETH_NODE_IPV6, NULL, VETH_NODE_IPV6},
	{"0.0.0.0", "::", VETH_NODE_IPV4},
	{"0.0.0.0", "::", VETH_NODE_IPV6},
};

static inline void question_and_answer_go_every_way(void)
{
	static uint8_t bytes[1400], back[sizeof(bytes)];
	static const uint16_t sizes[] = {0, 1, 3, 100, 1400};
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < RTE_DIM(ways); i++) {
		const struct way *way = &ways[i];
		open_port_on(way->listen, way->listen2);
		struct peer peer = fixture_peer(way->to);
		for (size_t s = 0; s < RTE_DIM(sizes); s++) {
			struct rte_mbuf *question = ask(&peer, bytes, sizes[s]);
			const struct packet_meta *meta = packet_meta(question);
			struct address to = peer_address(way->to, port_udp_port(port));
			CU_ASSERT(address_equal(&meta->flow.local, &to));
			CU_ASSERT(address_equal(&meta->flow.remote, &peer.self));
			CU_ASSERT_EQUAL(meta->rx_ns, PEER_NOW_NS);
			CU_ASSERT_EQUAL(meta->route.vlan_tci, 0);
			struct rte_mbuf *answer = answer_to(question, bytes, sizes[s]);
			packet_free(question);
			CU_ASSERT_EQUAL(port_tx_burst(port, 0, &answer, 1), 1);
			CU_ASSERT_EQUAL(peer_receive(&peer, back, sizeof(back)), sizes[s]);
			CU_ASSERT_EQUAL(memcmp(back, bytes, sizes[s]), 0);
		}
		CU_ASSERT_EQUAL(COUNTED(rx_packets), RTE_DIM(sizes));
		CU_ASSERT_EQUAL(COUNTED(tx_packets), RTE_DIM(sizes));
		CU_ASSERT_EQUAL(COUNTED(tx_bytes), 1504);
		CU_ASSERT_EQUAL(COUNTED(rx_bad_frame), 0);
		close(peer.fd);
		close_port();
	}
}

/* The peer's word, and ours back: all is well between the two. */
static inline bool talk(const struct peer *peer)
{
	char back[8];
	struct rte_mbuf *question = NULL;
	peer_send(peer, "question", 8);
	if (peer_port_receive(port, 0, &question, 1) != 1)
		return false;
	struct rte_mbuf *answer = answer_to(question, "answered", 8);
	packet_free(question);
	return port_tx_burst(port, 0, &answer, 1) == 1 && peer_receive(peer, back, 8) == 8 &&
	       memcmp(back, "answered", 8) == 0;
}

/* Not readable now, nor by and by: nobody is there to make it so. */
static inline bool is_quiet(void)
{
	struct pollfd p = {.fd = port_fd(port, 0), .events = POLLIN};
	return port_fd_arm(port, 0) && poll(&p, 1, 0) == 0;
}

/* A TCP connection from the peer to the node's port number of UDP: through the same interface. */
static inline void tcp_talk(const char *ip)
{
	struct address to = peer_address(ip, port_udp_port(port));
	struct sockaddr_storage name;
	char text[4];
	socklen_t length = address_to_sockaddr(&to, &name);
	int listener = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&name, length), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
	veth_enter_peer();
	int client = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	veth_enter_node();
	CU_ASSERT_EQUAL(connect(client, (struct sockaddr *)&name, length), 0);
	int server = accept(listener, NULL, NULL);
	CU_ASSERT_EQUAL(send(client, "tcp", 3, 0), 3);
	CU_ASSERT_EQUAL(recv(server, text, sizeof(text), 0), 3);
	close(server);
	close(client);
	close(listener);
}

static inline void kernel_keeps_ping_and_tcp(void)
{
	open_port_on("0.0.0.0", "::");
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	veth_enter_peer();
	CU_ASSERT_EQUAL(veth_run("ping -q -c 1 -W 5 " VETH_NODE_IPV4 " >/dev/null"), 0);
	CU_ASSERT_EQUAL(veth_run("ping -q -c 1 -W 5 " VETH_NODE_IPV6 " >/dev/null"), 0);
	veth_enter_node();
	tcp_talk(VETH_NODE_IPV4);
	tcp_talk(VETH_NODE_IPV6);
	CU_ASSERT(talk(&peer));
	CU_ASSERT_EQUAL(COUNTED(rx_packets), 1);
	CU_ASSERT_EQUAL(COUNTED(rx_bad_frame), 0);
	close(peer.fd);
	close_port();
}

/* No ICMP "port unreachable" from a kernel that knows no such socket, and nobody else gets it. */
static inline void udp_port_is_reserved_in_the_kernel(void)
{
	open_port_on(VETH_NODE_IPV4, VETH_NODE_IPV6);
	static const char *const ips[] = {VETH_NODE_IPV4, VETH_NODE_IPV6};
	for (size_t i = 0; i < RTE_DIM(ips); i++) {
		struct peer peer = fixture_peer(ips[i]);
		struct sockaddr_storage name;
		struct address to = peer_address(ips[i], port_udp_port(port));
		socklen_t length = address_to_sockaddr(&to, &name), size = sizeof(int);
		int error = -1, fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&name, length), -1);
		CU_ASSERT_EQUAL(errno, EADDRINUSE);
		close(fd);
		packet_free(ask(&peer, "question", 8));
		CU_ASSERT_EQUAL(getsockopt(peer.fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
		CU_ASSERT_EQUAL(error, 0);
		close(peer.fd);
	}
	close_port();
}

static inline void idle_port_lets_its_worker_sleep(void)
{
	open_port_on(VETH_NODE_IPV4, NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	struct rte_mbuf *packet;
	CU_ASSERT(port_fd(port, 0) >= 0);
	CU_ASSERT_EQUAL(port_rx_burst(port, 0, &packet, 1, PEER_NOW_NS), 0);
	CU_ASSERT(is_quiet());
	CU_ASSERT(talk(&peer));
	CU_ASSERT_EQUAL(port_rx_burst(port, 0, &packet, 1, PEER_NOW_NS), 0);
	CU_ASSERT(is_quiet());
	peer_send(&peer, "wake", 4);
	CU_ASSERT(peer_readable(port_fd(port, 0)));
	close(peer.fd);
	close_port();
}

static inline void burst_keeps_its_order(void)
{
	enum { N = 200 };
	open_port_on(VETH_NODE_IPV6, NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV6);
	struct rte_mbuf *packets[N];
	for (uint8_t i = 0; i < N; i++)
		peer_send(&peer, &i, 1);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, packets, N), N);
	for (uint8_t i = 0; i < N; i++) {
		CU_ASSERT_EQUAL(packet_bytes(packets[i])[0], i);
		struct rte_mbuf *answer = answer_to(packets[i], &i, 1);
		packet_free(packets[i]);
		packets[i] = answer;
	}
	CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, N), N);
	for (uint8_t i = 0; i < N; i++) {
		uint8_t byte = 0;
		CU_ASSERT_EQUAL(peer_receive(&peer, &byte, 1), 1);
		CU_ASSERT_EQUAL(byte, i);
	}
	close(peer.fd);
	close_port();
}

/* What the kernel could not give us a buffer for waits in its rings. */
static inline void pool_exhaustion_leaves_frames_in_the_ring(void)
{
	struct rte_mbuf *taken[POOL_PACKETS], *packet;
	unsigned int n = 0;
	open_port_on(VETH_NODE_IPV4, NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	while (n < POOL_PACKETS && (packet = packet_alloc(pool)))
		taken[n++] = packet;
	peer_send(&peer, "late", 4);
	CU_ASSERT(peer_readable(port_fd(port, 0)));
	CU_ASSERT_EQUAL(port_rx_burst(port, 0, &packet, 1, PEER_NOW_NS), 0);
	while (n > 0)
		packet_free(taken[--n]);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, &packet, 1), 1);
	CU_ASSERT_EQUAL(memcmp(packet_bytes(packet), "late", 4), 0);
	packet_free(packet);
	close(peer.fd);
	close_port();
}

static inline unsigned int fds_open(void)
{
	unsigned int n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static inline void closing_gives_all_descriptors_back(void)
{
	open_port_on("0.0.0.0", "::");
	close_port();
	unsigned int before = fds_open();
	for (int i = 0; i < 5; i++) {
		open_port_on("0.0.0.0", "::");
		close_port();
	}
	CU_ASSERT_EQUAL(fds_open(), before);
}

/* Two workers: a flow's packets stay together, and neither worker is left without. */
static inline void flows_are_spread_over_workers_and_stay(void)
{
	enum { FLOWS = 32, ROUNDS = 3, WORKERS = 2 };
	struct peer peers[FLOWS];
	unsigned int seen[WORKERS][FLOWS] = {{0}}, n_flows[WORKERS] = {0};
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("ethdev", POOL_PACKETS, &pool), 0);
	struct port_config config = peer_port_config(pool, VETH_NODE_IPV4, NULL, WORKERS);
	config.kind = kind;
	config.interface = VETH_NODE;
	config.has_send_queue = true;
	CU_ASSERT_EQUAL_FATAL(port_open(&config, &port), 0);
	for (uint8_t i = 0; i < FLOWS; i++) {
		peers[i] = fixture_peer(VETH_NODE_IPV4);
		for (int round = 0; round < ROUNDS; round++)
			peer_send(&peers[i], &i, 1);
	}
	for (unsigned int w = 0, n = 0; w < WORKERS; w++) {
		struct rte_mbuf *packets[PORT_BURST];
		while ((n = port_rx_burst(port, w, packets, PORT_BURST, PEER_NOW_NS)) > 0)
			for (unsigned int i = 0; i < n; i++) {
				seen[w][packet_bytes(packets[i])[0] % FLOWS]++;
				packet_free(packets[i]);
			}
	}
	for (unsigned int i = 0; i < FLOWS; i++) {
		CU_ASSERT(seen[0][i] == ROUNDS || seen[1][i] == ROUNDS);
		CU_ASSERT_EQUAL(seen[0][i] + seen[1][i], ROUNDS);
		n_flows[seen[1][i] > 0]++;
		close(peers[i].fd);
	}
	/* By chance once in 2^31. */
	CU_ASSERT(n_flows[0] > 0 && n_flows[1] > 0);
	close_port();
}

#include "tests/qos/ethdev_faults.h"

/* One row per test and kind. */
#define KIND_ROW(prefix, which, test)                                                              \
	static void prefix##_##test(void)                                                          \
	{                                                                                          \
		kind = which;                                                                      \
		test();                                                                            \
	}
#define BOTH(test) KIND_ROW(packet, PORT_AF_PACKET, test) KIND_ROW(xdp, PORT_AF_XDP, test)
#define ROWS(test)                                                                                 \
	{"packet_" #test, packet_##test},                                                          \
	{                                                                                          \
		"xdp_" #test, xdp_##test                                                           \
	}

BOTH(question_and_answer_go_every_way)
BOTH(kernel_keeps_ping_and_tcp)
BOTH(udp_port_is_reserved_in_the_kernel)
BOTH(idle_port_lets_its_worker_sleep)
BOTH(burst_keeps_its_order)
BOTH(pool_exhaustion_leaves_frames_in_the_ring)
BOTH(closing_gives_all_descriptors_back)
BOTH(tag_comes_in_and_goes_back)
BOTH(bad_frames_are_counted_and_dropped)
BOTH(packet_without_way_or_too_big_is_dropped_and_counted)
BOTH(too_big_of_icmp_is_honoured)
BOTH(larger_mtu_is_followed)
BOTH(frames_lost_before_us_are_counted)
BOTH(link_goes_down_and_up_again)
BOTH(interface_goes_away_and_comes_back)
BOTH(addresses_of_the_interface_are_followed)
BOTH(what_cannot_be_opened_says_why)
BOTH(send_queue_sends)

KIND_ROW(packet, PORT_AF_PACKET, flows_are_spread_over_workers_and_stay)

static CU_TestInfo tests[] = {
	{"packet_flows_are_spread_over_workers_and_stay",
	 packet_flows_are_spread_over_workers_and_stay},
	ROWS(question_and_answer_go_every_way),
	ROWS(kernel_keeps_ping_and_tcp),
	ROWS(udp_port_is_reserved_in_the_kernel),
	ROWS(idle_port_lets_its_worker_sleep),
	ROWS(burst_keeps_its_order),
	ROWS(pool_exhaustion_leaves_frames_in_the_ring),
	ROWS(closing_gives_all_descriptors_back),
	ROWS(tag_comes_in_and_goes_back),
	ROWS(bad_frames_are_counted_and_dropped),
	ROWS(packet_without_way_or_too_big_is_dropped_and_counted),
	ROWS(too_big_of_icmp_is_honoured),
	ROWS(larger_mtu_is_followed),
	ROWS(frames_lost_before_us_are_counted),
	ROWS(link_goes_down_and_up_again),
	ROWS(interface_goes_away_and_comes_back),
	ROWS(addresses_of_the_interface_are_followed),
	ROWS(what_cannot_be_opened_says_why),
	ROWS(send_queue_sends),
	CU_TEST_INFO_NULL,
};
