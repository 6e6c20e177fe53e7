/* The port over kernel UDP sockets: a burst out. Runs on the queue's thread alone. A run of packets
 * of one flow, one size and one DSCP leaves in one message that the kernel cuts (UDP GSO). Packets
 * of all classes leave in one system call by one socket: those of the class that is in the majority
 * have the socket's own DSCP, which follows it; the others carry theirs with them. What a message
 * carries costs the kernel 5 % of a send (measured: 220 of 4,300 ns to a receiver on the same
 * machine); in a fan-out it carries nothing. */
#include "qos/port_socket.h"

#include <errno.h>
#include <netinet/udp.h>

#define MARK_GAIN_MIN     4     /* packets that need not carry a DSCP, for one setsockopt() */
#define SEGMENT_BYTES_MAX 65000 /* of one message to cut: an IP datagram less its headers */

static_assert(PORT_BURST <= 64, "UDP_MAX_SEGMENTS of the oldest kernel that cuts");

/* The socket bound to the flow's local address, else its family's wildcard, else NULL. */
static struct udp_socket *tx_socket(struct socket_queue *queue, const struct flow *flow)
{
	struct udp_socket *wildcard = NULL;
	bool ipv4 = address_is_ipv4(&flow->remote);
	for (unsigned int i = 0; i < queue->n_sockets; i++) {
		struct udp_socket *s = &queue->sockets[i];
		if (s->ipv4 != ipv4)
			continue;
		if (s->wildcard)
			wildcard = s;
		else if (memcmp(s->local.ip, flow->local.ip, sizeof(s->local.ip)) == 0 &&
			 s->local.scope_id == flow->local.scope_id)
			return s;
	}
	return wildcard;
}

/* How many packets from the first on can leave as one message: one flow, one DSCP, one size, a
 * shorter one last. */
static unsigned int tx_run(struct rte_mbuf *const *packets, unsigned int n)
{
	const struct packet_meta *first = packet_meta(packets[0]);
	uint32_t size = packets[0]->data_len, total = size;
	unsigned int run = 1;
	while (run < n && size > 0) {
		struct rte_mbuf *next = packets[run];
		const struct packet_meta *meta = packet_meta(next);
		total += next->data_len;
		if (next->data_len == 0 || next->data_len > size || total > SEGMENT_BYTES_MAX ||
		    meta->tx.dscp != first->tx.dscp || !flow_equal(&first->flow, &meta->flow))
			break;
		run++;
		if (next->data_len < size)
			break;
	}
	return run;
}

static void control_add(struct msghdr *message, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *c =
		(struct cmsghdr *)((uint8_t *)message->msg_control + message->msg_controllen);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
	message->msg_controllen += CMSG_SPACE(size);
}

/* A wildcard socket must be told which of its addresses to send from, or the route decides. */
static void control_add_source(struct msghdr *message, const struct udp_socket *s,
			       const struct address *local)
{
	if (!s->wildcard || address_is_unspecified(local) || address_is_ipv4(local) != s->ipv4)
		return;
	if (s->ipv4) {
		struct in_pktinfo info = {0};
		memcpy(&info.ipi_spec_dst, local->ip + 12, 4);
		control_add(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = local->scope_id};
		memcpy(&info.ipi6_addr, local->ip, sizeof(local->ip));
		control_add(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

/* ECN stays 0 (Not-ECT): nothing here would answer a congestion mark. */
static void control_add_dscp(struct msghdr *message, const struct udp_socket *s, uint8_t dscp)
{
	int traffic_class = dscp << 2;
	if (dscp == s->dscp)
		return;
	if (s->ipv4)
		control_add(message, IPPROTO_IP, IP_TOS, &traffic_class, sizeof(traffic_class));
	else
		control_add(message, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class,
			    sizeof(traffic_class));
}

/* Message j: the first `run` packets, to the flow and with the DSCP they share. */
static void tx_message(struct socket_tx *tx, unsigned int j, const struct udp_socket *s,
		       struct iovec *bytes, struct rte_mbuf *const *packets, unsigned int run)
{
	const struct packet_meta *meta = packet_meta(packets[0]);
	struct msghdr *message = &tx->messages[j].msg_hdr;
	for (unsigned int i = 0; i < run; i++)
		bytes[i] = (struct iovec){packet_bytes(packets[i]), packets[i]->data_len};
	*message = (struct msghdr){
		.msg_name = &tx->names[j],
		.msg_namelen = address_to_sockaddr(&meta->flow.remote, &tx->names[j]),
		.msg_iov = bytes,
		.msg_iovlen = run,
		.msg_control = tx->control[j],
	};
	tx->n_packets[j] = (uint16_t)run;
	control_add_source(message, s, &meta->flow.local);
	control_add_dscp(message, s, meta->tx.dscp);
	if (run > 1) {
		uint16_t size = packets[0]->data_len;
		control_add(message, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
	if (message->msg_controllen == 0)
		message->msg_control = NULL;
}

/* Messages for `n` packets, the first `n_single` of them one by one. Returns how many messages. */
static unsigned int tx_prepare(struct socket_tx *tx, const struct udp_socket *s,
			       struct rte_mbuf *const *packets, unsigned int n,
			       unsigned int n_single)
{
	unsigned int n_messages = 0;
	for (unsigned int i = 0; i < n;) {
		unsigned int run = s->segments && i >= n_single ? tx_run(packets + i, n - i) : 1;
		tx_message(tx, n_messages++, s, &tx->bytes[i], packets + i, run);
		i += run;
	}
	return n_messages;
}

/* Counts what left with the first messages. Returns how many packets that was. */
static unsigned int tx_sent(struct socket_queue *queue, struct rte_mbuf *const *packets,
			    unsigned int n_messages)
{
	unsigned int n = 0;
	uint64_t bytes = 0;
	for (unsigned int j = 0; j < n_messages; j++)
		n += queue->tx.n_packets[j];
	for (unsigned int i = 0; i < n; i++)
		bytes += packets[i]->data_len;
	port_counter_add(&queue->counters.tx_packets, n);
	port_counter_add(&queue->counters.tx_bytes, bytes);
	return n;
}

/* Gives the socket the DSCP that most of the packets have: one system call more, when it saves more
 * than it costs. The majority's vote by Boyer and Moore. */
static void tx_mark(struct udp_socket *s, struct rte_mbuf *const *packets, unsigned int n)
{
	uint8_t dscp = s->dscp;
	unsigned int lead = 0, n_saved = 0, n_lost = 0;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t vote = packet_tx(packets[i])->dscp;
		if (lead == 0)
			dscp = vote;
		lead = vote == dscp ? lead + 1 : lead - 1;
	}
	for (unsigned int i = 0; i < n; i++) {
		n_saved += packet_tx(packets[i])->dscp == dscp;
		n_lost += packet_tx(packets[i])->dscp == s->dscp;
	}
	if (n_saved < n_lost + MARK_GAIN_MIN)
		return;
	int octet = dscp << 2;
	int rc = s->ipv4 ? setsockopt(s->fd, IPPROTO_IP, IP_TOS, &octet, sizeof(octet))
			 : setsockopt(s->fd, IPPROTO_IPV6, IPV6_TCLASS, &octet, sizeof(octet));
	if (rc == 0)
		s->dscp = dscp;
}

/* Sends packets that all leave by one socket, in order. Returns how many left, counts the rest. */
static unsigned int tx_group(struct socket_queue *queue, struct udp_socket *s,
			     struct rte_mbuf *const *packets, unsigned int n)
{
	struct socket_tx *tx = &queue->tx;
	unsigned int done = 0, sent = 0, single_until = 0;
	int async_errors = 0;
	tx_mark(s, packets, n);
	while (done < n) {
		unsigned int n_single = single_until > done ? single_until - done : 0;
		unsigned int n_messages = tx_prepare(tx, s, packets + done, n - done, n_single);
		int taken = sendmmsg(s->fd, tx->messages, n_messages, MSG_DONTWAIT);
		if (taken > 0) {
			unsigned int packets_taken =
				tx_sent(queue, packets + done, (unsigned int)taken);
			done += packets_taken;
			sent += packets_taken;
			async_errors = 0;
			continue;
		}
		int error = errno;
		if (error == EAGAIN || error == ENOBUFS) {
			port_counter_add(&queue->counters.tx_would_block, n - done);
			break;
		}
		if (tx->n_packets[0] > 1 && error != EINTR) {
			/* Too large to cut for this path, or a device that cannot checksum: the
			 * latter will not learn it. */
			s->segments = s->segments && error != EIO;
			single_until = done + tx->n_packets[0];
			continue;
		}
		if (error == EINTR || (socket_error_is_async(error) && async_errors++ == 0))
			continue;
		port_counter_add(&queue->counters.tx_error, 1);
		async_errors = 0;
		done++;
	}
	return sent;
}

static unsigned int tx_chunk(struct socket_queue *queue, struct rte_mbuf **packets, unsigned int n)
{
	struct udp_socket *by[PORT_BURST];
	struct rte_mbuf *group[PORT_BURST];
	unsigned int sent = 0, homeless = 0;
	for (unsigned int i = 0; i < n; i++) {
		by[i] = tx_socket(queue, &packet_meta(packets[i])->flow);
		homeless += by[i] == NULL;
	}
	for (unsigned int i = 0; i < queue->n_sockets; i++) {
		unsigned int size = 0;
		for (unsigned int j = 0; j < n; j++)
			if (by[j] == &queue->sockets[i])
				group[size++] = packets[j];
		if (size > 0)
			sent += tx_group(queue, &queue->sockets[i], group, size);
	}
	if (homeless > 0)
		port_counter_add(&queue->counters.tx_error, homeless);
	for (unsigned int i = 0; i < n; i++)
		packet_free(packets[i]);
	return sent;
}

uint16_t port_socket_tx_burst(struct port *port, unsigned int queue, struct rte_mbuf **packets,
			      uint16_t n)
{
	struct socket_queue *q = socket_queue_of(port, queue);
	unsigned int sent = 0;
	for (unsigned int i = 0; i < n; i += PORT_BURST)
		sent += tx_chunk(q, packets + i, RTE_MIN(n - i, (unsigned int)PORT_BURST));
	return (uint16_t)sent;
}
