/* What the port's tests share: a port over a small pool, and peers that are plain connected
 * sockets: they hear only what comes from the very address they talk to. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "qos/eal.h"
#include "qos/port.h"
#include "tests/cunit.h"

#define PEER_WAIT_MS 5000 /* long enough for a busy machine; nothing waits for it to pass */
#define PEER_NOW_NS  77

struct peer {
	int fd;
	struct address self;
};

static inline struct address peer_address(const char *ip, uint16_t port)
{
	struct address a = {0};
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&a, ip, port), 0);
	return a;
}

static inline struct port_config peer_port_config(struct rte_mempool *pool, const char *ip,
						  const char *ip2, unsigned int n_queues)
{
	struct port_config config = {.pool = pool, .n_queues = n_queues, .n_listen = ip2 ? 2 : 1};
	config.listen[0] = peer_address(ip, 0);
	if (ip2)
		config.listen[1] = peer_address(ip2, 0);
	return config;
}

static inline struct port *peer_port_open(struct rte_mempool **pool, unsigned int n_packets,
					  const char *ip, const char *ip2, unsigned int n_queues)
{
	struct port *port = NULL;
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("port", n_packets, pool), 0);
	struct port_config config = peer_port_config(*pool, ip, ip2, n_queues);
	CU_ASSERT_EQUAL_FATAL(port_open(&config, &port), 0);
	CU_ASSERT_NOT_EQUAL_FATAL(port_udp_port(port), 0);
	return port;
}

/* Everything that was taken from the pool must be back. */
static inline void peer_port_close(struct port *port, struct rte_mempool *pool)
{
	port_close(port);
	CU_ASSERT(rte_mempool_full(pool));
	packet_pool_destroy(pool);
}

static inline struct peer peer_open(const struct address *to)
{
	struct sockaddr_storage ss;
	socklen_t length = address_to_sockaddr(to, &ss);
	struct peer peer = {.fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	CU_ASSERT_FATAL(peer.fd >= 0);
	CU_ASSERT_EQUAL_FATAL(connect(peer.fd, (struct sockaddr *)&ss, length), 0);
	/* A whole burst waits in it. Where the kernel gives less, it still gives enough. */
	int buffer_bytes = 1 << 20;
	setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
	length = sizeof(ss);
	CU_ASSERT_EQUAL_FATAL(getsockname(peer.fd, (struct sockaddr *)&ss, &length), 0);
	CU_ASSERT_EQUAL_FATAL(address_from_sockaddr(&peer.self, (struct sockaddr *)&ss), 0);
	return peer;
}

static inline bool peer_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, PEER_WAIT_MS) == 1 && (p.revents & POLLIN);
}

static inline void peer_send(const struct peer *peer, const void *bytes, size_t size)
{
	CU_ASSERT_EQUAL_FATAL(send(peer->fd, bytes, size, 0), (ssize_t)size);
}

/* The next datagram's size, or -1 when none comes. */
static inline ssize_t peer_receive(const struct peer *peer, void *bytes, size_t size)
{
	return peer_readable(peer->fd) ? recv(peer->fd, bytes, size, MSG_DONTWAIT) : -1;
}

/* Waits until the queue has given `n` packets. Returns how many it did. */
static inline unsigned int peer_port_receive(struct port *port, unsigned int queue,
					     struct rte_mbuf **packets, unsigned int n)
{
	unsigned int done = 0;
	while (done < n && peer_readable(port_fd(port, queue))) {
		uint16_t want = (uint16_t)RTE_MIN(n - done, (unsigned int)PORT_BURST);
		done += port_rx_burst(port, queue, packets + done, want, PEER_NOW_NS);
	}
	return done;
}

/* A packet of `size` bytes of `fill` that goes to the peer from `local`. */
static inline struct rte_mbuf *peer_packet(struct rte_mempool *pool, const struct address *local,
					   const struct peer *peer, unsigned int size, int fill)
{
	struct rte_mbuf *packet = packet_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	void *bytes = rte_pktmbuf_append(packet, (uint16_t)size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	memset(bytes, fill, size);
	packet_meta(packet)->flow = (struct flow){.local = *local, .remote = peer->self};
	*packet_tx(packet) = (struct packet_tx){0};
	return packet;
}

/* How many files this process has open. */
static inline unsigned int peer_open_files(void)
{
	unsigned int n = 0;
	DIR *folder = opendir("/proc/self/fd");
	CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}
