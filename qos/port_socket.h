/* The insides of the kernel UDP port: one queue per worker, in it one socket per listen address; a
 * send queue, if there is one, comes last. Private to port_socket.c (opens and closes) and
 * port_socket_dp.c (moves packets). */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "qos/port_ops.h"

/* Room for the address a datagram was sent to, of either family. */
#define SOCKET_RX_CONTROL_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))
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
 * are ready to receive into: a burst takes them from there, the next refills the rows before. */
struct socket_rx {
	struct rte_mbuf *spare[PORT_BURST]; /* owned, from first_spare on */
	unsigned int first_spare;
	unsigned int first_socket; /* where the next burst begins to look */
	struct mmsghdr messages[PORT_BURST];
	struct iovec bytes[PORT_BURST];
	struct sockaddr_in6 names[PORT_BURST];
	uint8_t control[PORT_BURST][SOCKET_RX_CONTROL_BYTES] __attribute__((aligned(8)));
};

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

uint16_t port_socket_rx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n, uint64_t now_ns);
uint16_t port_socket_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n);
