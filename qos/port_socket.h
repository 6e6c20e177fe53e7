/* The insides of the kernel UDP port: one queue per worker, in it one socket per listen address; a
 * send queue, if there is one, comes last. Private to port_socket.c (opens and closes),
 * port_socket_rx_dp.c and port_socket_tx_dp.c (move packets). */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "qos/port_ops.h"

/* Room for the address a datagram was sent to, of either family, and the size of those that the
 * kernel joined. */
#define SOCKET_RX_CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))
/* What the kernel joins is no larger. */
#define SOCKET_MESSAGE_BYTES 65536
/* Room for the address to send from, the DSCP, and the size to cut segments to. */
#define SOCKET_TX_CONTROL_BYTES                                                                    \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +                        \
	 CMSG_SPACE(sizeof(uint16_t)))

struct udp_socket {
	int fd;
	struct address local; /* as bound: the IP may be unspecified */
	bool ipv4, wildcard;
	bool segments; /* the kernel cuts one send into datagrams (UDP_SEGMENT) */
	uint8_t dscp;  /* of what does not carry its own; the sending queue's */
};

/* The arrays that recvmmsg() and sendmmsg() want, one row per message. Rows from `first_spare` on
 * are ready to receive into: a burst takes them from there, the next refills the rows before. Those
 * from `at` to there were received and wait to be handed on, the first of them maybe in part. */
struct socket_rx {
	struct rte_mbuf *spare[PORT_BURST]; /* owned, from `at` or first_spare on */
	unsigned int first_spare, at;
	unsigned int first_socket; /* where the next burst begins to look */
	uint8_t *room;             /* owned; SOCKET_MESSAGE_BYTES of each row */
	/* Of the rows that wait, and of the one at `at` if some of it was handed on: left_bytes is
	 * not 0 then. */
	const struct udp_socket *socket;
	struct flow flow;
	uint32_t left_bytes, segment_bytes; /* of each of its datagrams */
	const uint8_t *rest;
	struct mmsghdr messages[PORT_BURST];
	struct iovec bytes[PORT_BURST][2]; /* the packet; room for what does not fit */
	struct sockaddr_in6 names[PORT_BURST];
	uint8_t control[PORT_BURST][SOCKET_RX_CONTROL_BYTES] __attribute__((aligned(8)));
};

static inline bool socket_rx_waits(const struct socket_rx *rx)
{
	return rx->at < rx->first_spare;
}

struct socket_tx {
	struct mmsghdr messages[PORT_BURST];
	uint16_t n_packets[PORT_BURST]; /* in each message */
	struct iovec bytes[PORT_BURST]; /* one per packet */
	struct sockaddr_storage names[PORT_BURST];
	uint8_t control[PORT_BURST][SOCKET_TX_CONTROL_BYTES] __attribute__((aligned(8)));
};

struct socket_queue {
	struct port_counters counters __rte_cache_aligned; /* written by the queue's thread */
	struct rte_mempool *pool __rte_cache_aligned;      /* borrowed */
	int epoll_fd; /* -1: the send queue, which does not receive */
	unsigned int n_sockets;
	struct udp_socket sockets[PORT_ADDRESSES_MAX];
	struct socket_rx rx;
	struct socket_tx tx;
};

struct port_socket {
	struct port port; /* first: the ops cast back */
	struct socket_queue queues[] __rte_cache_aligned;
};

static inline struct socket_queue *socket_queue_of(struct port *port, unsigned int queue)
{
	return &((struct port_socket *)port)->queues[queue];
}

/* An ICMP error about an earlier datagram: no word about this call, and gone once told. */
static inline bool socket_error_is_async(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
	       error == EHOSTDOWN || error == EPROTO || error == ENOPROTOOPT;
}

uint16_t port_socket_rx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n, uint64_t now_ns);
uint16_t port_socket_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n);
