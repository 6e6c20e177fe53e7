/* The port over kernel UDP sockets: a burst in. Runs on the queue's thread alone. Buffers to
 * receive into wait in the queue from call to call, so that an idle or half-empty burst touches no
 * pool.
 *
 * The kernel may join datagrams of one flow that came together, of one size but for the last (UDP
 * GRO): one way through its stack and one row of recvmmsg() for all of them. A row is a packet and
 * room behind it: what is alone is received where it stays; of what is joined the first datagram
 * stays, and each of the others is copied once, out of the room into a packet of its own. What a
 * burst has no place for waits in its row for the next. */
#include "qos/port_socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>

#define ASYNC_ERRORS_MAX 4 /* ICMP errors taken off a socket before it is left for this burst */

/* Tops up the spare packets to `n`; no row waits. False when the pool had too few. */
static bool rx_refill(struct socket_queue *queue, unsigned int n)
{
	struct socket_rx *rx = &queue->rx;
	while (PORT_BURST - rx->first_spare < n) {
		struct rte_mbuf *packet = packet_alloc(queue->pool);
		if (!packet)
			return false;
		unsigned int j = --rx->first_spare;
		rx->spare[j] = packet;
		rx->bytes[j][0].iov_base = packet_bytes(packet);
		rx->messages[j].msg_hdr.msg_namelen = sizeof(rx->names[j]);
		rx->messages[j].msg_hdr.msg_controllen = sizeof(rx->control[j]);
	}
	return true;
}

/* Into up to `n` rows, as many as are spare. */
static void rx_receive(struct socket_rx *rx, const struct udp_socket *s, unsigned int n)
{
	for (int errors = 0; errors < ASYNC_ERRORS_MAX; errors++) {
		int received =
			recvmmsg(s->fd, &rx->messages[rx->first_spare], n, MSG_DONTWAIT, NULL);
		if (received >= 0) {
			rx->socket = s;
			rx->at = rx->first_spare;
			rx->first_spare += (unsigned int)received;
			return;
		}
		if (errno != EINTR && !socket_error_is_async(errno))
			return;
	}
}

/* Where a message was sent to, and how long each of its datagrams is, as far as the kernel tells;
 * else it is where the socket was bound, and one datagram. */
static void rx_control(struct socket_rx *rx, struct msghdr *message)
{
	struct address *local = &rx->flow.local;
	*local = rx->socket->local;
	rx->segment_bytes = rx->left_bytes;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(local->ip + 12, &info.ipi_spec_dst, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(local->ip, &info.ipi6_addr, sizeof(local->ip));
			bool scoped = address_is_link_local(local);
			local->scope_id = scoped ? (uint32_t)info.ipi6_ifindex : 0;
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int bytes;
			memcpy(&bytes, CMSG_DATA(c), sizeof(bytes));
			if (bytes > 0 && (uint32_t)bytes < rx->left_bytes)
				rx->segment_bytes = (uint32_t)bytes;
		}
	}
}

/* The first datagram of a row, in the packet that it was received into; behind it there may be the
 * beginning of what is in the room. NULL: too large, dropped and counted. */
static struct rte_mbuf *rx_first(struct socket_queue *queue)
{
	struct socket_rx *rx = &queue->rx;
	struct rte_mbuf *packet = rx->spare[rx->at];
	struct msghdr *message = &rx->messages[rx->at].msg_hdr;
	uint32_t bytes = rx->messages[rx->at].msg_len;
	int rc = address_from_sockaddr(&rx->flow.remote, message->msg_name);
	assert(rc == 0);
	(void)rc;
	rx->left_bytes = bytes;
	rx_control(rx, message);
	if (rx->segment_bytes > PACKET_BYTES_MAX || (message->msg_flags & MSG_TRUNC)) {
		port_counter_add(&queue->counters.rx_truncated,
				 bytes > 0 ? (bytes - 1) / rx->segment_bytes + 1 : 1);
		rx->left_bytes = 0;
		packet_free(packet);
		return NULL;
	}
	if (bytes > rx->segment_bytes) {
		uint32_t more = RTE_MIN(bytes, (uint32_t)PACKET_BYTES_MAX) - rx->segment_bytes;
		uint8_t *rest = (uint8_t *)rx->bytes[rx->at][1].iov_base - more;
		memcpy(rest, packet_bytes(packet) + rx->segment_bytes, more);
		rx->rest = rest;
	}
	return packet;
}

/* Another one of a row. NULL: no buffer. */
static struct rte_mbuf *rx_other(struct socket_queue *queue)
{
	struct socket_rx *rx = &queue->rx;
	struct rte_mbuf *packet = packet_alloc(queue->pool);
	if (!packet)
		return NULL;
	uint32_t bytes = RTE_MIN(rx->left_bytes, rx->segment_bytes);
	memcpy(packet_bytes(packet), rx->rest, bytes);
	rx->rest += bytes;
	return packet;
}

/* Up to `n` packets out of the rows that were received. Less, and some left: the pool is empty. */
static unsigned int rx_hand_on(struct socket_queue *queue, struct rte_mbuf **packets,
			       unsigned int n, uint64_t now_ns)
{
	struct socket_rx *rx = &queue->rx;
	uint64_t bytes = 0;
	unsigned int done = 0;
	while (socket_rx_waits(rx) && done < n) {
		bool is_first = rx->left_bytes == 0;
		struct rte_mbuf *packet = is_first ? rx_first(queue) : rx_other(queue);
		if (!packet && !is_first)
			break;
		if (packet) {
			uint32_t size = RTE_MIN(rx->left_bytes, rx->segment_bytes);
			struct packet_meta *meta = packet_meta(packet);
			meta->flow = rx->flow;
			meta->rx_ns = now_ns;
			packet->data_len = (uint16_t)size;
			packet->pkt_len = size;
			rx->left_bytes -= size;
			bytes += size;
			packets[done++] = packet;
		}
		if (rx->left_bytes == 0)
			rx->at++;
	}
	port_counter_add(&queue->counters.rx_packets, done);
	port_counter_add(&queue->counters.rx_bytes, bytes);
	return done;
}

uint16_t port_socket_rx_burst(struct port *port, unsigned int queue_index,
			      struct rte_mbuf **packets, uint16_t n, uint64_t now_ns)
{
	struct socket_queue *queue = socket_queue_of(port, queue_index);
	struct socket_rx *rx = &queue->rx;
	unsigned int most = RTE_MIN((unsigned int)n, (unsigned int)PORT_BURST);
	assert(queue->epoll_fd >= 0);
	unsigned int done = rx_hand_on(queue, packets, most, now_ns);
	bool filled = !socket_rx_waits(rx) && rx_refill(queue, most - done);
	/* Each burst looks at another socket first: a flood on one leaves the others their turn. */
	unsigned int at = rx->first_socket;
	for (unsigned int i = 0; i < queue->n_sockets && !socket_rx_waits(rx); i++) {
		unsigned int want = RTE_MIN(most - done, PORT_BURST - rx->first_spare);
		if (want == 0)
			break;
		rx_receive(rx, &queue->sockets[at], want);
		done += rx_hand_on(queue, packets + done, most - done, now_ns);
		at = at + 1 == queue->n_sockets ? 0 : at + 1;
	}
	rx->first_socket = rx->first_socket + 1 >= queue->n_sockets ? 0 : rx->first_socket + 1;
	if (done < most && (socket_rx_waits(rx) || (!filled && rx->first_spare == PORT_BURST)))
		port_counter_add(&queue->counters.rx_no_buffer, 1);
	return (uint16_t)done;
}
