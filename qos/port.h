/* A port moves bursts of packets between the network and the workers. One queue per worker, and one
 * more to send from when a scheduler has a thread of its own; a queue is used by one thread at a
 * time. `port_socket.c` is the kernel UDP port, `port_ethdev.c` the ports over DPDK's drivers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "qos/packet.h"

#define PORT_BURST         32 /* packets in one rx or tx burst */
#define PORT_QUEUES_MAX    16
#define PORT_ADDRESSES_MAX 16

struct port;

enum port_kind {
	PORT_SOCKET,    /* kernel UDP sockets */
	PORT_AF_XDP,    /* a NIC shared with the kernel, net_af_xdp */
	PORT_AF_PACKET, /* a NIC shared with the kernel, net_af_packet: for tests and old NICs */
	PORT_PCI,       /* a NIC of our own; what is not ours goes to the kernel through a tap */
	PORT_KINDS
};
extern const char *const port_kind_names[PORT_KINDS]; /* "socket", "af_xdp", "af_packet", "pci" */

struct port_config {
	enum port_kind kind;
	/* Of all but PORT_SOCKET: the kernel's interface (PORT_PCI: the tap's name), and of
	 * PORT_PCI the address of the NIC. Borrowed. */
	const char *interface, *pci_address;
	/* Queue n_queues: port_tx_burst only. Ports over DPDK's drivers send by it alone then. */
	bool has_send_queue;
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
	/* Sockets: bursts cut short as the pool was empty, the datagrams stay in the socket.
	 * Others: frames that the NIC or the kernel had no buffer or no room in a ring for, lost;
	 * told once a second, on queue 0. */
	uint64_t rx_no_buffer;
	uint64_t rx_truncated;   /* larger than PACKET_BYTES_MAX or the driver's buffers, dropped */
	uint64_t tx_would_block; /* dropped: socket buffer or the driver's ring full */
	uint64_t tx_error;       /* dropped: unreachable, no route, ... */
	/* Of ports over DPDK's drivers: */
	uint64_t rx_bad_frame; /* no sound Ethernet, IP or UDP header, wrong checksum, a fragment */
	uint64_t rx_foreign;   /* not for our addresses and port: left to the kernel or dropped */
	uint64_t tx_no_route;  /* dropped: no authenticated packet told where the peer is */
	uint64_t tx_too_big;   /* dropped: larger than the path takes */
	uint64_t tx_link_down; /* dropped: the link is down or the NIC is gone */
};

/* Reads one field of a queue's counters, from any thread. */
static inline uint64_t port_counter(const uint64_t *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Opens the port with all its queues. Control thread, after eal_start (which was told of the NIC).
 * Negative errno with a log line that says what and why; nothing stays open then. */
int port_open(const struct port_config *config, struct port **out);
void port_close(struct port *port);

/* Whether packets can leave: the link is up and the NIC is there. Always true of a socket. Control
 * thread, now and then (once a second): changes are logged, and a link that comes up again is used
 * again. */
bool port_check_link(struct port *port);
/* Largest datagram (UDP payload) of IPv4 or IPv6 that the interface takes: its MTU, or what the
 * driver's buffers hold (jumbo frames up to PACKET_BYTES_MAX). A path may take less, as ICMP tells:
 * such packets are dropped as tx_too_big. Any thread. */
uint16_t port_datagram_max(const struct port *port, bool ipv4);

/* The UDP port number in use (the one picked, when 0 was asked for). */
uint16_t port_udp_port(const struct port *port);

/* A file descriptor that polls readable when `queue` has packets (an epoll set, the same for the
 * port's life). Borrowed. -1: the port can only be polled: a NIC whose driver has no interrupts for
 * single queues. port_fd_arm is called by the queue's thread before each wait: false when packets
 * have come in meanwhile. */
bool port_fd_arm(struct port *port, unsigned int queue);
int port_fd(const struct port *port, unsigned int queue);

/* Receives up to `n` (<= PORT_BURST) packets. meta->flow is filled (flow.local is the address the
 * datagram was sent to, never unspecified), meta->rx_ns = now_ns, and meta->route on ports over
 * DPDK's drivers. The caller owns them. Returns how many. */
uint16_t port_rx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets, uint16_t n,
		       uint64_t now_ns);

/* Sends `n` packets to meta->flow.remote from meta->flow.local, by meta->route, with the DSCP of
 * packet_tx() and ECN 0. Takes ownership of all, and nobody else may hold them: heads are written
 * before their bytes. What the network does not take is dropped and counted. Returns how many left.
 */
uint16_t port_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
		       uint16_t n);

const struct port_counters *port_counters(const struct port *port, unsigned int queue);
