/* How packets are marked on their way out of the kernel UDP port: each with its own DSCP, as the
 * peer's kernel reads it back, without one more system call, and without losing the runs that leave
 * as one message. */
#include <sys/syscall.h>

#include "qos/port_socket.h"
#include "tests/qos/port_peer.h"

#define POOL_PACKETS 255

static unsigned int n_calls, n_messages, n_laden; /* messages that carry something with them */

/* In the place of libc's: counts what the port asks of the kernel. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
	n_calls++;
	n_messages += n;
	for (unsigned int i = 0; i < n; i++)
		n_laden += messages[i].msg_hdr.msg_controllen > 0;
	return (int)syscall(SYS_sendmmsg, fd, messages, n, flags);
}

static int start(void)
{
	struct eal_config config = {.program = "test_dscp", .n_workers = 1, .memory_mb = 64};
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

/* A peer that is told the traffic class octet of what it hears. */
static struct peer marked_peer_open(const struct address *to)
{
	struct peer peer = peer_open(to);
	int on = 1;
	bool ipv4 = address_is_ipv4(to);
	CU_ASSERT_EQUAL_FATAL(setsockopt(peer.fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
					 ipv4 ? IP_RECVTOS : IPV6_RECVTCLASS, &on, sizeof(on)),
			      0);
	return peer;
}

/* The octet (DSCP and ECN) of the next datagram, and its first byte. -1: none came. */
static int marked_receive(const struct peer *peer, uint8_t *fill)
{
	uint8_t bytes[PACKET_BYTES_MAX], control[256] __attribute__((aligned(8)));
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	if (!peer_readable(peer->fd) || recvmsg(peer->fd, &message, MSG_DONTWAIT) < 1)
		return -1;
	*fill = bytes[0];
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		int octet;
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&octet, CMSG_DATA(c), sizeof(octet));
			return octet;
		}
	}
	return -1;
}

struct mark {
	uint8_t dscp;
	uint16_t size;
};

struct burst_row {
	const char *text;
	unsigned int n, n_messages; /* as many messages as there are runs of one DSCP and size */
	struct mark marks[12];
};

/* EF, AF41, AF42, CS1, ... as RFC 8837 gives them to voice, video, and bulk. */
static const struct burst_row bursts[] = {
	{"unmarked", 4, 1, {{0, 900}, {0, 900}, {0, 900}, {0, 400}}},
	{"one class", 4, 1, {{34, 900}, {34, 900}, {34, 900}, {34, 400}}},
	{"every bit", 3, 3, {{63, 9}, {1, 9}, {32, 9}}},
	{"a mark and none", 4, 2, {{46, 100}, {46, 100}, {0, 100}, {0, 100}}},
	{"none and a mark", 4, 2, {{0, 100}, {0, 100}, {46, 100}, {46, 100}}},
	{"voice between runs of video",
	 11,
	 3,
	 {{34, 999},
	  {34, 999},
	  {34, 999},
	  {34, 999},
	  {34, 9},
	  {46, 99},
	  {36, 999},
	  {36, 999},
	  {36, 999},
	  {36, 999},
	  {36, 999}}},
	{"alternating", 6, 6, {{34, 50}, {46, 50}, {34, 50}, {46, 50}, {8, 50}, {0, 50}}},
};

static void burst_check(struct port *port, struct rte_mempool *pool, const struct peer *peer,
			const struct address *local, const struct burst_row *row)
{
	struct rte_mbuf *packets[PORT_BURST];
	for (unsigned int i = 0; i < row->n; i++) {
		packets[i] = peer_packet(pool, local, peer, row->marks[i].size, (int)i);
		packet_tx(packets[i])->dscp = row->marks[i].dscp;
	}
	n_calls = n_messages = 0;
	CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, (uint16_t)row->n), row->n);
	CU_ASSERT_EQUAL(n_calls, 1);
	CU_ASSERT_EQUAL(n_messages, row->n_messages);
	for (unsigned int i = 0; i < row->n; i++) {
		uint8_t fill = 0;
		CU_ASSERT_EQUAL(marked_receive(peer, &fill), row->marks[i].dscp << 2);
		CU_ASSERT_EQUAL(fill, i);
	}
}

static const char *const listens[][2] = {
	{"0.0.0.0", "127.0.0.2"}, {"127.0.0.1", "127.0.0.1"}, {"::", "::1"}, {"::1", "::1"}};

static void every_packet_has_its_dscp_in_one_call(void)
{
	for (size_t i = 0; i < RTE_DIM(listens); i++) {
		struct rte_mempool *pool;
		struct port *port = peer_port_open(&pool, POOL_PACKETS, listens[i][0], NULL, 1);
		struct address local = peer_address(listens[i][1], port_udp_port(port));
		struct peer peer = marked_peer_open(&local);
		for (size_t k = 0; k < RTE_DIM(bursts); k++)
			burst_check(port, pool, &peer, &local, &bursts[k]);
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

/* Where nothing cuts messages, each packet carries its mark by itself. */
static void single_packets_have_their_dscp(void)
{
	for (size_t i = 0; i < RTE_DIM(listens); i++) {
		struct rte_mempool *pool;
		struct port *port = peer_port_open(&pool, POOL_PACKETS, listens[i][0], NULL, 1);
		struct address local = peer_address(listens[i][1], port_udp_port(port));
		struct peer peer = marked_peer_open(&local);
		((struct port_socket *)port)->queues[0].sockets[0].segments = false;
		for (size_t k = 0; k < RTE_DIM(bursts); k++) {
			struct burst_row row = bursts[k];
			row.n_messages = row.n;
			burst_check(port, pool, &peer, &local, &row);
		}
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

/* Bursts of one packet to each of many: how many of its messages must carry their DSCP. */
static const struct {
	unsigned int n_video, n_voice, n_laden;
} fanouts[] = {
	{16, 0, 0}, {16, 0, 0}, {16, 3, 3}, {0, 3, 3},
	{16, 0, 0}, {1, 16, 1}, {0, 16, 0}, {8, 8, 8},
};

static void most_packets_of_a_fanout_carry_nothing(void)
{
	for (size_t i = 1; i < RTE_DIM(listens); i += 2) { /* no address to send from either */
		struct rte_mempool *pool;
		struct port *port = peer_port_open(&pool, POOL_PACKETS, listens[i][0], NULL, 1);
		struct address local = peer_address(listens[i][1], port_udp_port(port));
		struct peer peer = marked_peer_open(&local);
		((struct port_socket *)port)->queues[0].sockets[0].segments = false;
		for (size_t k = 0; k < RTE_DIM(fanouts); k++) {
			struct rte_mbuf *packets[PORT_BURST];
			unsigned int n = fanouts[k].n_video + fanouts[k].n_voice;
			for (unsigned int j = 0; j < n; j++) {
				packets[j] = peer_packet(pool, &local, &peer, 9, (int)j);
				packet_tx(packets[j])->dscp = j < fanouts[k].n_video ? 36 : 46;
			}
			n_laden = 0;
			CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, (uint16_t)n), n);
			CU_ASSERT_EQUAL(n_laden, fanouts[k].n_laden);
			for (unsigned int j = 0; j < n; j++) {
				uint8_t fill = 0;
				int octet = j < fanouts[k].n_video ? 36 << 2 : 46 << 2;
				CU_ASSERT_EQUAL(marked_receive(&peer, &fill), octet);
			}
		}
		close(peer.fd);
		peer_port_close(port, pool);
	}
}

static CU_TestInfo tests[] = {
	{"every_packet_has_its_dscp_in_one_call", every_packet_has_its_dscp_in_one_call},
	{"single_packets_have_their_dscp", single_packets_have_their_dscp},
	{"most_packets_of_a_fanout_carry_nothing", most_packets_of_a_fanout_carry_nothing},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("port_dscp", tests, start, stop)
