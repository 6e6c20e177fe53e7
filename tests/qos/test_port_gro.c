/* Datagrams that the kernel joined (UDP GRO) come out of the kernel UDP port as they were sent: the
 * loopback hands on whole what a peer gave its kernel to cut. */
#include <netinet/udp.h>
#include <sys/syscall.h>

#include "qos/port_socket.h"
#include "tests/qos/port_peer.h"

#define POOL_PACKETS 1023
#define PEERS        2
#define ROUNDS       200

static unsigned int n_rows;

/* In the place of libc's: counts how many messages the kernel gave. */
int recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags, struct timespec *timeout)
{
	int rc = (int)syscall(SYS_recvmmsg, fd, messages, n, flags, timeout);
	n_rows += rc > 0 ? (unsigned int)rc : 0;
	return rc;
}

static int start(void)
{
	struct eal_config config = {.program = "test_gro", .n_workers = 1, .memory_mb = 64};
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

static uint8_t fill_of(unsigned int number, uint32_t at)
{
	return (uint8_t)(number * 31 + at * 7);
}

/* One call: datagrams of `size` bytes, numbered from `number` on, the last of `last_size`. */
static void peer_send_run(const struct peer *peer, unsigned int number, unsigned int n,
			  uint16_t size, uint16_t last_size)
{
	static uint8_t bytes[SOCKET_MESSAGE_BYTES];
	uint8_t control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {0};
	uint32_t total = 0;
	for (unsigned int i = 0; i < n; i++) {
		uint16_t of_this = i + 1 == n ? last_size : size;
		for (uint32_t k = 0; k < of_this; k++)
			bytes[total++] = fill_of(number + i, k);
	}
	struct iovec iov = {bytes, total};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (n > 1) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
	}
	CU_ASSERT_EQUAL(sendmsg(peer->fd, &message, 0), (ssize_t)total);
}

static void expect_packet(struct rte_mbuf *packet, const struct peer *peer, unsigned int number,
			  uint16_t size)
{
	const struct packet_meta *meta = packet_meta(packet);
	unsigned int wrong = 0;
	CU_ASSERT_EQUAL(packet->data_len, size);
	CU_ASSERT_EQUAL(packet->pkt_len, size);
	CU_ASSERT_EQUAL(memcmp(&meta->flow.remote, &peer->self, sizeof(peer->self)), 0);
	CU_ASSERT_EQUAL(meta->rx_ns, PEER_NOW_NS);
	for (uint32_t k = 0; k < packet->data_len; k++)
		wrong += packet_bytes(packet)[k] != fill_of(number, k);
	CU_ASSERT_EQUAL(wrong, 0);
}

static unsigned int receive(struct port *port, struct rte_mbuf **packets, unsigned int n)
{
	return port_rx_burst(port, 0, packets, (uint16_t)n, PEER_NOW_NS);
}

/* All `n` datagrams of a run are in the socket by now: the loopback delivers inside the call that
 * sends. */
static void expect_run(struct port *port, const struct peer *peer, unsigned int n, uint16_t size,
		       uint16_t last_size)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int done = 0, got;
	while ((got = receive(port, packets, PORT_BURST)) > 0) {
		CU_ASSERT_TRUE(done + got == n || got == PORT_BURST);
		CU_ASSERT_EQUAL(port_fd_arm(port, 0), done + got == n);
		for (unsigned int i = 0; i < got; i++, done++) {
			expect_packet(packets[i], peer, done, done + 1 == n ? last_size : size);
			packet_free(packets[i]);
		}
	}
	CU_ASSERT_EQUAL(done, n);
}

static const struct {
	unsigned int n;
	uint16_t size, last_size;
} runs[] = {
	{1, 1200, 1200}, {2, 1200, 1200}, {32, 1200, 7},   {33, 1200, 1200}, {50, 1200, 1},
	{31, 2047, 9},   {31, 2048, 30},  {64, 1, 1},      {64, 100, 50},    {64, 1000, 1000},
	{2, 1024, 1024}, {2, 1025, 1023}, {1, 2048, 2048}, {1, 1, 1},
};

static const char *const listens[][2] = {
	{"0.0.0.0", "127.0.0.2"}, {"127.0.0.1", "127.0.0.1"}, {"::", "::1"}, {"::1", "::1"}};

static void joined_datagrams_come_apart(void)
{
	for (size_t i = 0; i < RTE_DIM(listens); i++) {
		struct rte_mempool *pool;
		struct port *port = peer_port_open(&pool, POOL_PACKETS, listens[i][0], NULL, 1);
		struct address local = peer_address(listens[i][1], port_udp_port(port));
		struct peer peer = peer_open(&local);
		uint64_t sum = 0;
		for (size_t k = 0; k < RTE_DIM(runs); k++) {
			n_rows = 0;
			peer_send_run(&peer, 0, runs[k].n, runs[k].size, runs[k].last_size);
			expect_run(port, &peer, runs[k].n, runs[k].size, runs[k].last_size);
			CU_ASSERT_EQUAL(n_rows, 1);
			sum += runs[k].n;
		}
		CU_ASSERT_EQUAL(port_counters(port, 0)->rx_packets, sum);
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

static void local_address_of_joined_datagrams_is_told(void)
{
	struct rte_mempool *pool;
	struct rte_mbuf *packets[PORT_BURST];
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "0.0.0.0", NULL, 1);
	struct address local = peer_address("127.0.0.2", port_udp_port(port));
	struct peer peer = peer_open(&local);
	peer_send_run(&peer, 0, 3, 500, 500);
	CU_ASSERT_EQUAL_FATAL(receive(port, packets, PORT_BURST), 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct flow *flow = &packet_meta(packets[i])->flow;
		CU_ASSERT_EQUAL(memcmp(&flow->local, &local, sizeof(local)), 0);
		packet_free(packets[i]);
	}
	close(peer.fd);
	peer_port_close(port, pool);
}

/* Runs and single ones of two peers, taken in bursts of any size: each peer's come in its order. */
static void mixed_datagrams_keep_their_order(void)
{
	struct rte_mempool *pool;
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", NULL, 1);
	struct address local = peer_address("127.0.0.1", port_udp_port(port));
	struct peer peers[PEERS] = {peer_open(&local), peer_open(&local)};
	unsigned int sent[PEERS] = {0}, heard[PEERS] = {0};
	srand(7);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int who = (unsigned int)rand() % PEERS;
		unsigned int n = 1 + (unsigned int)rand() % 20;
		uint16_t size = (uint16_t)(1 + rand() % 1400);
		struct rte_mbuf *packets[PORT_BURST];
		peer_send_run(&peers[who], sent[who], n, size, size);
		sent[who] += n;
		n = receive(port, packets, 1 + (unsigned int)rand() % PORT_BURST);
		while (n > 0) {
			for (unsigned int i = 0; i < n; i++) {
				const struct address *from = &packet_meta(packets[i])->flow.remote;
				who = memcmp(from, &peers[0].self, sizeof(*from)) != 0;
				expect_packet(packets[i], &peers[who], heard[who]++,
					      packets[i]->data_len);
				packet_free(packets[i]);
			}
			n = round % 8 == 7 ? receive(port, packets, PORT_BURST) : 0;
		}
	}
	expect_run(port, &peers[0], 0, 0, 0);
	for (unsigned int i = 0; i < PEERS; i++) {
		CU_ASSERT_EQUAL(heard[i], sent[i]);
		close(peers[i].fd);
	}
	peer_port_close(port, pool);
}

static void joined_datagrams_that_are_too_large_are_counted_and_dropped(void)
{
	struct rte_mempool *pool;
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", NULL, 1);
	struct address local = peer_address("127.0.0.1", port_udp_port(port));
	struct peer peer = peer_open(&local);
	peer_send_run(&peer, 0, 5, PACKET_BYTES_MAX + 1, 3);
	expect_run(port, &peer, 0, 0, 0);
	CU_ASSERT_EQUAL(port_counters(port, 0)->rx_truncated, 5);
	peer_send_run(&peer, 0, 3, 900, 900);
	expect_run(port, &peer, 3, 900, 900);
	CU_ASSERT_EQUAL(port_counters(port, 0)->rx_truncated, 5);
	close(peer.fd);
	peer_port_close(port, pool);
}

/* With an empty pool what was received waits where it is. */
static void pool_exhaustion_loses_nothing_of_what_was_joined(void)
{
	struct rte_mempool *pool;
	struct rte_mbuf *packets[PORT_BURST], *hoard[127];
	unsigned int n_hoard = 0, done = 0;
	struct port *port = peer_port_open(&pool, 127, "127.0.0.1", NULL, 1);
	struct address local = peer_address("127.0.0.1", port_udp_port(port));
	struct peer peer = peer_open(&local);
	CU_ASSERT_EQUAL(receive(port, packets, PORT_BURST), 0); /* takes its spare ones */
	while ((hoard[n_hoard] = packet_alloc(pool)))
		n_hoard++;
	peer_send_run(&peer, 0, 20, 1200, 1200);
	while (n_hoard > 0) {
		unsigned int n = receive(port, packets, PORT_BURST);
		uint64_t no_buffer = port_counters(port, 0)->rx_no_buffer;
		for (unsigned int i = 0; i < n; i++) {
			expect_packet(packets[i], &peer, done++, 1200);
			packet_free(packets[i]);
		}
		CU_ASSERT_TRUE(done == 20 || no_buffer > 0);
		packet_free(hoard[--n_hoard]);
	}
	expect_run(port, &peer, 0, 0, 0);
	CU_ASSERT_EQUAL(done, 20);
	close(peer.fd);
	peer_port_close(port, pool);
}

/* peer_port_close asserts that the pool is full again. */
static void what_waits_is_freed_with_the_port(void)
{
	for (unsigned int n = 1; n <= 3; n++) {
		struct rte_mempool *pool;
		struct rte_mbuf *packets[PORT_BURST];
		struct port *port = peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", NULL, 1);
		struct address local = peer_address("127.0.0.1", port_udp_port(port));
		struct peer peer = peer_open(&local);
		for (unsigned int i = 0; i < 4; i++)
			peer_send_run(&peer, i * 2, 2, 800, 800);
		CU_ASSERT_EQUAL(receive(port, packets, n), n);
		for (unsigned int i = 0; i < n; i++)
			packet_free(packets[i]);
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

static CU_TestInfo tests[] = {
	{"joined_datagrams_come_apart", joined_datagrams_come_apart},
	{"local_address_of_joined_datagrams_is_told", local_address_of_joined_datagrams_is_told},
	{"mixed_datagrams_keep_their_order", mixed_datagrams_keep_their_order},
	{"joined_datagrams_that_are_too_large_are_counted_and_dropped",
	 joined_datagrams_that_are_too_large_are_counted_and_dropped},
	{"pool_exhaustion_loses_nothing_of_what_was_joined",
	 pool_exhaustion_loses_nothing_of_what_was_joined},
	{"what_waits_is_freed_with_the_port", what_waits_is_freed_with_the_port},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("port_gro", tests, start, stop)
