/* A port moves bursts of packets between the network and the workers. One queue per worker; a queue
 * is used by one thread at a time. `port_socket.c` is the kernel UDP port. */
#pragma once

#include <stdint.h>

#include "qos/packet.h"

#define PORT_BURST         32 /* packets in one rx or tx burst */
#define PORT_QUEUES_MAX    16
#define PORT_ADDRESSES_MAX 16

struct port;

struct port_config {
	struct address listen[PORT_ADDRESSES_MAX]; /* may be unspecified (0.0.0.0, ::); port 0 picks
						      one for all */
	unsigned int n_listen;
	unsigned int n_queues;
	uint32_t socket_buffer_bytes; /* SO_RCVBUF and SO_SNDBUF asked for; the kernel may give less
					 (logged) */
	struct rte_mempool *pool;     /* borrowed */
};

/* Written by the queue's thread only; read by any with relaxed loads. */
struct port_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t rx_no_buffer;   /* bursts cut short: pool empty, datagrams stay in the socket */
	uint64_t rx_truncated;   /* larger than PACKET_BYTES_MAX, dropped */
	uint64_t tx_would_block; /* dropped: socket buffer full */
	uint64_t tx_error;       /* dropped: unreachable, no route, ... */
};

/* Reads one field of a queue's counters, from any thread. */
static inline uint64_t port_counter(const uint64_t *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Opens and binds all sockets of all queues (SO_REUSEPORT per queue). Control thread. Negative
 * errno with a log line that names the address; nothing stays open then. */
int port_socket_open(const struct port_config *config, struct port **out);
void port_close(struct port *port);

/* The UDP port number in use (the one picked, when 0 was asked for). */
uint16_t port_udp_port(const struct port *port);

/* A file descriptor that polls readable when `queue` has packets (an epoll set). Borrowed. */
int port_fd(const struct port *port, unsigned int queue);

/* Receives up to `n` (<= PORT_BURST) packets. meta->flow is filled (flow.local is the address the
 * datagram was sent to, never unspecified), meta->rx_ns = now_ns. The caller owns them. Returns how
 * many. */
uint16_t port_rx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets, uint16_t n,
		       uint64_t now_ns);

/* Sends `n` packets to meta->flow.remote from meta->flow.local. Takes ownership of all: what the
 * network does not take is dropped and counted. Returns how many left. */
uint16_t port_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
		       uint16_t n);

const struct port_counters *port_counters(const struct port *port, unsigned int queue);
