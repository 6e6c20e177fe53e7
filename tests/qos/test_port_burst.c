/* Bursts through the kernel UDP port: every packet of every flow leaves once, whole and in order,
 * however the port joins them; queues keep flows apart. THREADED: two lcores echo while others look
 * on. */
#include <stdatomic.h>

#include "qos/port_socket.h"
#include "tests/qos/port_peer.h"

#define POOL_PACKETS 2047
#define PEERS        6
#define ROUNDS       60
#define SENT_MAX     (2 * PORT_BURST) /* at once: the last peer to be read must hold them all */

static int start(void)
{
	struct eal_config config = {.program = "test_burst", .n_workers = 2, .memory_mb = 64};
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

/* A small generator of its own, so that a failing round can be run again. */
static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* What one peer still has to hear, in order. */
struct expectation {
	uint16_t sizes[SENT_MAX];
	uint8_t fills[SENT_MAX];
	unsigned int n;
};

static void peer_expect(const struct peer *peer, const struct expectation *e)
{
	uint8_t bytes[PACKET_BYTES_MAX + 1];
	for (unsigned int i = 0; i < e->n; i++) {
		CU_ASSERT_EQUAL_FATAL(peer_receive(peer, bytes, sizeof(bytes)), e->sizes[i]);
		for (unsigned int k = 0; k < e->sizes[i]; k++)
			if (bytes[k] != e->fills[i])
				CU_FAIL_FATAL("a packet with other bytes than were sent");
	}
	CU_ASSERT_EQUAL(recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
}

/* One burst of runs and single packets of random size to random peers. */
static void burst_round(struct port *port, struct rte_mempool *pool, const struct address *to,
			const struct peer *peers, uint32_t *seed)
{
	static struct expectation expected[PEERS];
	struct rte_mbuf *packets[SENT_MAX];
	unsigned int n = 1 + random_next(seed) % RTE_DIM(packets);
	unsigned int at = 0, size = 0;
	memset(expected, 0, sizeof(expected));
	for (unsigned int i = 0; i < n; i++) {
		uint32_t dice = random_next(seed) % 8;
		if (i == 0 || dice == 0)
			at = random_next(seed) % PEERS;
		if (i == 0 || dice <= 1)
			size = random_next(seed) % 64 == 0 ? 0 : random_next(seed) % 2049;
		struct expectation *e = &expected[at];
		e->sizes[e->n] = (uint16_t)size;
		e->fills[e->n] = (uint8_t)i;
		e->n++;
		packets[i] = peer_packet(pool, &to[at], &peers[at], size, (int)i);
	}
	CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, (uint16_t)n), n);
	for (unsigned int i = 0; i < PEERS; i++)
		peer_expect(&peers[i], &expected[i]);
}

enum cutting { CUTS, CUTS_NOT, CUT_REFUSED };

/* As the kernel cuts messages; as if it could not; and when it says that it can, and refuses. */
static void packets_leave_whole_and_in_order(enum cutting cutting)
{
	struct rte_mempool *pool;
	struct peer peers[PEERS];
	struct address to[PEERS];
	uint32_t seed = 5;
	int on = 1;
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "0.0.0.0", "::", 1);
	struct socket_queue *queue = &((struct port_socket *)port)->queues[0];
	for (unsigned int i = 0; i < queue->n_sockets; i++) {
		struct udp_socket *s = &queue->sockets[i];
		CU_ASSERT(s->segments);
		s->segments = cutting != CUTS_NOT;
		/* The kernel cuts nothing that goes without a checksum (EINVAL). */
		if (cutting == CUT_REFUSED)
			setsockopt(s->fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
	}
	for (unsigned int i = 0; i < PEERS; i++) {
		to[i] = peer_address(i % 3 == 2 ? "::1" : "127.0.0.2", port_udp_port(port));
		peers[i] = peer_open(&to[i]);
	}
	for (int round = 0; round < ROUNDS; round++)
		burst_round(port, pool, to, peers, &seed);
	const struct port_counters *c = port_counters(port, 0);
	CU_ASSERT_EQUAL(port_counter(&c->tx_error), 0);
	CU_ASSERT_EQUAL(port_counter(&c->tx_would_block), 0);
	for (unsigned int i = 0; i < PEERS; i++)
		close(peers[i].fd);
	peer_port_close(port, pool);
}

static void joined_packets_leave_whole_and_in_order(void)
{
	packets_leave_whole_and_in_order(CUTS);
}

static void single_packets_leave_whole_and_in_order(void)
{
	packets_leave_whole_and_in_order(CUTS_NOT);
}

static void packets_leave_one_by_one_when_cutting_is_refused(void)
{
	packets_leave_whole_and_in_order(CUT_REFUSED);
}

static struct port *send_port_open(struct rte_mempool **pool, const char *ip, const char *ip2,
				   unsigned int n_queues)
{
	struct port *port = NULL;
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("port", POOL_PACKETS, pool), 0);
	struct port_config config = peer_port_config(*pool, ip, ip2, n_queues);
	config.has_send_queue = true;
	CU_ASSERT_EQUAL_FATAL(port_open(&config, &port), 0);
	return port;
}

/* With a send queue open or without. */
static void flows_are_heard_by_two_queues(bool has_send_queue)
{
	/* All of them fit into one socket's buffer, however the kernel spreads them. */
	enum { FLOWS = 24, EACH = 8 };
	struct rte_mempool *pool;
	struct peer peers[FLOWS];
	int home[FLOWS];
	unsigned int heard[FLOWS] = {0}, by_queue[2] = {0}, total = 0;
	struct port *port = has_send_queue
				    ? send_port_open(&pool, "127.0.0.1", NULL, 2)
				    : peer_port_open(&pool, POOL_PACKETS, "127.0.0.1", NULL, 2);
	struct address to = peer_address("127.0.0.1", port_udp_port(port));
	for (uint8_t i = 0; i < FLOWS; i++) {
		home[i] = -1;
		peers[i] = peer_open(&to);
	}
	for (int k = 0; k < EACH; k++)
		for (uint8_t i = 0; i < FLOWS; i++)
			peer_send(&peers[i], &i, 1);
	while (total < FLOWS * EACH) {
		struct pollfd p[2] = {{.fd = port_fd(port, 0), .events = POLLIN},
				      {.fd = port_fd(port, 1), .events = POLLIN}};
		CU_ASSERT_FATAL(poll(p, 2, PEER_WAIT_MS) > 0);
		for (int q = 0; q < 2; q++) {
			struct rte_mbuf *packets[PORT_BURST];
			uint16_t n = port_rx_burst(port, (unsigned int)q, packets, PORT_BURST,
						   PEER_NOW_NS);
			for (uint16_t j = 0; j < n; j++) {
				uint8_t flow = packet_bytes(packets[j])[0];
				CU_ASSERT(home[flow] == -1 || home[flow] == q);
				home[flow] = q;
				heard[flow]++;
				packet_free(packets[j]);
			}
			by_queue[q] += n;
			total += n;
		}
	}
	for (int i = 0; i < FLOWS; i++) {
		CU_ASSERT_EQUAL(heard[i], EACH);
		close(peers[i].fd);
	}
	/* One in 2^23 that all 24 hash to one queue. */
	CU_ASSERT(by_queue[0] > 0 && by_queue[1] > 0);
	peer_port_close(port, pool);
}

static void queues_keep_each_flow(void)
{
	flows_are_heard_by_two_queues(false);
}

static void send_queue_takes_no_flow(void)
{
	flows_are_heard_by_two_queues(true);
}

static void send_queue_sends_from_the_port_and_counts_by_itself(void)
{
	static const char *const ips[] = {"127.0.0.2", "::1"};
	struct rte_mempool *pool;
	uint8_t bytes[PACKET_BYTES_MAX];
	for (unsigned int n_queues = 1; n_queues <= 2; n_queues++) {
		unsigned int before = peer_open_files();
		struct port *port = send_port_open(&pool, "0.0.0.0", "::", n_queues);
		CU_ASSERT_EQUAL(port_fd(port, n_queues), -1);
		for (size_t i = 0; i < RTE_DIM(ips); i++) {
			struct rte_mbuf *packets[PORT_BURST];
			struct address local = peer_address(ips[i], port_udp_port(port));
			struct peer peer = peer_open(&local);
			for (unsigned int k = 0; k < PORT_BURST; k++)
				packets[k] = peer_packet(pool, &local, &peer, 500, (int)k);
			CU_ASSERT_EQUAL(port_tx_burst(port, n_queues, packets, PORT_BURST),
					PORT_BURST);
			for (unsigned int k = 0; k < PORT_BURST; k++) {
				CU_ASSERT_EQUAL(peer_receive(&peer, bytes, sizeof(bytes)), 500);
				CU_ASSERT_EQUAL(bytes[0], k);
			}
			close(peer.fd);
		}
		const struct port_counters *sent = port_counters(port, n_queues);
		CU_ASSERT_EQUAL(port_counter(&sent->tx_packets), 2 * PORT_BURST);
		CU_ASSERT_EQUAL(port_counter(&sent->tx_bytes), 2 * PORT_BURST * 500);
		for (unsigned int q = 0; q < n_queues; q++)
			CU_ASSERT_EQUAL(port_counter(&port_counters(port, q)->tx_packets), 0);
		peer_port_close(port, pool);
		CU_ASSERT_EQUAL(peer_open_files(), before);
	}
}

struct echo {
	struct port *port;
	unsigned int queue;
	atomic_bool *over;
};

static int echo_run(void *arg)
{
	struct echo *echo = arg;
	struct rte_mbuf *packets[PORT_BURST];
	while (!atomic_load(echo->over)) {
		struct pollfd p = {.fd = port_fd(echo->port, echo->queue), .events = POLLIN};
		if (poll(&p, 1, 20) <= 0)
			continue;
		uint16_t n =
			port_rx_burst(echo->port, echo->queue, packets, PORT_BURST, PEER_NOW_NS);
		for (uint16_t i = 0; i < n; i++)
			packet_bytes(packets[i])[0]++;
		port_tx_burst(echo->port, echo->queue, packets, n);
	}
	return 0;
}

static uint64_t rx_total(const struct port *port)
{
	return port_counter(&port_counters(port, 0)->rx_packets) +
	       port_counter(&port_counters(port, 1)->rx_packets);
}

static void lcores_echo_while_counters_are_read(void)
{
	enum { FLOWS = 16, EACH = 50 };
	struct rte_mempool *pool;
	struct peer peers[FLOWS];
	atomic_bool over = false;
	uint64_t seen = 0;
	struct port *port = peer_port_open(&pool, POOL_PACKETS, "0.0.0.0", "::", 2);
	struct echo echoes[2] = {{port, 0, &over}, {port, 1, &over}};
	for (unsigned int q = 0; q < 2; q++)
		CU_ASSERT_EQUAL_FATAL(
			eal_lcore_start(EAL_LCORE_WORKER_FIRST + q, echo_run, &echoes[q]), 0);
	for (int i = 0; i < FLOWS; i++) {
		struct address to = peer_address(i & 1 ? "::1" : "127.0.0.1", port_udp_port(port));
		peers[i] = peer_open(&to);
	}
	for (uint8_t k = 0; k < EACH; k++) {
		for (int i = 0; i < FLOWS; i++)
			peer_send(&peers[i], &k, 1);
		for (int i = 0; i < FLOWS; i++) {
			uint8_t answer = 0;
			CU_ASSERT_EQUAL(peer_receive(&peers[i], &answer, 1), 1);
			CU_ASSERT_EQUAL(answer, k + 1);
		}
		uint64_t now = rx_total(port);
		CU_ASSERT(now >= seen);
		seen = now;
	}
	atomic_store(&over, true);
	for (unsigned int q = 0; q < 2; q++)
		CU_ASSERT_EQUAL(eal_lcore_join(EAL_LCORE_WORKER_FIRST + q), 0);
	CU_ASSERT_EQUAL(rx_total(port), FLOWS * EACH);
	for (int i = 0; i < FLOWS; i++)
		close(peers[i].fd);
	peer_port_close(port, pool);
}

static CU_TestInfo tests[] = {
	{"joined_packets_leave_whole_and_in_order", joined_packets_leave_whole_and_in_order},
	{"single_packets_leave_whole_and_in_order", single_packets_leave_whole_and_in_order},
	{"packets_leave_one_by_one_when_cutting_is_refused",
	 packets_leave_one_by_one_when_cutting_is_refused},
	{"queues_keep_each_flow", queues_keep_each_flow},
	{"send_queue_takes_no_flow", send_queue_takes_no_flow},
	{"send_queue_sends_from_the_port_and_counts_by_itself",
	 send_queue_sends_from_the_port_and_counts_by_itself},
	{"lcores_echo_while_counters_are_read", lcores_echo_while_counters_are_read},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("port_burst", tests, start, stop)
