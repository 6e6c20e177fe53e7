/* The port over kernel UDP sockets: opening and closing, on the control thread. Every queue has a
 * socket per listen address; the kernel spreads flows over the queues (SO_REUSEPORT) and keeps each
 * flow on its queue for as long as the sockets live. The send queue has duplicates of the first
 * queue's sockets: one more socket of its own would be given a share of the flows. */
#include "qos/port_socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf/log.h"

#define PICK_ATTEMPTS 16 /* a port free in one family may be taken in the other */

static const int on = 1;

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* Asks for `bytes` and returns what the kernel gave. Its own figure is doubled, for its
 * bookkeeping. */
static uint32_t buffer_set(int fd, int force_name, int name, uint32_t bytes)
{
	int value = (int)bytes, given = 0;
	socklen_t size = sizeof(given);
	if (option_set(fd, SOL_SOCKET, force_name, value) != 0)
		option_set(fd, SOL_SOCKET, name, value);
	getsockopt(fd, SOL_SOCKET, name, &given, &size);
	return (uint32_t)given / 2;
}

/* Datagrams tell where they were sent to, are never fragmented, and IPv6 leaves IPv4 alone. */
static int socket_set_ip(int fd, bool ipv4)
{
	int rc;
	if (ipv4) {
		rc = option_set(fd, IPPROTO_IP, IP_PKTINFO, on);
		return rc ? rc : option_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	}
	rc = option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, on);
	if (rc == 0)
		rc = option_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, on);
	return rc ? rc : option_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
}

/* The first queue binds alone, so that a port which some other process holds is an error, not
 * shared; the others join it. */
static int socket_bind(int fd, const struct address *local, bool first, bool shared)
{
	struct sockaddr_storage name;
	socklen_t length = address_to_sockaddr(local, &name);
	int rc = first ? 0 : option_set(fd, SOL_SOCKET, SO_REUSEPORT, on);
	if (rc == 0 && bind(fd, (struct sockaddr *)&name, length) != 0)
		rc = -errno;
	if (rc == 0 && first && shared)
		rc = option_set(fd, SOL_SOCKET, SO_REUSEPORT, on);
	return rc;
}

static int socket_learn_port(int fd, uint16_t *port)
{
	struct sockaddr_storage name;
	struct address bound;
	socklen_t length = sizeof(name);
	if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
		return -errno;
	int rc = address_from_sockaddr(&bound, (struct sockaddr *)&name);
	if (rc == 0)
		*port = bound.port;
	return rc;
}

/* Opens one socket and puts it into the queue. `local->port` 0 becomes the port that was picked. */
static int socket_open(struct socket_queue *queue, struct address *local, bool first, bool shared)
{
	int segment_bytes;
	socklen_t size = sizeof(segment_bytes);
	struct udp_socket *s = &queue->sockets[queue->n_sockets];
	struct epoll_event event = {.events = EPOLLIN};
	bool ipv4 = address_is_ipv4(local);
	int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = socket_set_ip(fd, ipv4);
	/* An older kernel joins nothing. */
	option_set(fd, SOL_UDP, UDP_GRO, on);
	if (rc == 0)
		rc = socket_bind(fd, local, first, shared);
	if (rc == 0)
		rc = socket_learn_port(fd, &local->port);
	if (rc == 0 && epoll_ctl(queue->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		rc = -errno;
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*s = (struct udp_socket){
		.fd = fd,
		.local = *local,
		.ipv4 = ipv4,
		.wildcard = address_is_unspecified(local),
		.segments = getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment_bytes, &size) == 0,
	};
	queue->n_sockets++;
	return 0;
}

static void queue_close_sockets(struct socket_queue *queue)
{
	for (unsigned int i = 0; i < queue->n_sockets; i++)
		close(queue->sockets[i].fd);
	queue->n_sockets = 0;
}

static void port_close_sockets(struct port_socket *port)
{
	for (unsigned int i = 0; i < port->port.n_queues; i++)
		queue_close_sockets(&port->queues[i]);
}

/* Queue n_queues, which sends by the sockets of queue 0. */
static int port_open_send_queue(struct port_socket *port, const struct port_config *config)
{
	const struct socket_queue *first = &port->queues[0];
	struct socket_queue *queue = &port->queues[config->n_queues];
	while (queue->n_sockets < first->n_sockets) {
		struct udp_socket s = first->sockets[queue->n_sockets];
		s.fd = fcntl(s.fd, F_DUPFD_CLOEXEC, 0);
		if (s.fd < 0)
			return -errno;
		queue->sockets[queue->n_sockets++] = s;
	}
	return 0;
}

/* One attempt. On failure `failed` is the address that it failed for. */
static int port_open_sockets(struct port_socket *port, const struct port_config *config,
			     struct address *failed)
{
	uint16_t picked = 0;
	bool shared = config->n_queues > 1;
	for (unsigned int q = 0; q < config->n_queues; q++) {
		for (unsigned int i = 0; i < config->n_listen; i++) {
			struct address local = config->listen[i];
			if (local.port == 0)
				local.port = picked;
			int rc = socket_open(&port->queues[q], &local, q == 0, shared);
			if (rc != 0) {
				*failed = local;
				return rc;
			}
			picked = local.port;
		}
	}
	port->port.udp_port = picked;
	return config->has_send_queue ? port_open_send_queue(port, config) : 0;
}

static int port_bind(struct port_socket *port, const struct port_config *config)
{
	struct address failed = {0};
	int rc = -EADDRINUSE;
	for (int attempt = 0; attempt < PICK_ATTEMPTS && rc == -EADDRINUSE; attempt++) {
		rc = port_open_sockets(port, config, &failed);
		if (rc != 0)
			port_close_sockets(port);
		if (config->listen[0].port != 0)
			break;
	}
	if (rc != 0) {
		char text[ADDRESS_TEXT_MAX];
		log_error(LOG_PORT, "cannot listen for UDP", "\"address\":\"%s\",\"error\":\"%s\"",
			  address_format(&failed, text), strerror(-rc));
	}
	return rc;
}

/* After binding: a large buffer is worth a warning when it is refused, not worth failing. */
static void port_set_buffers(struct port_socket *port, uint32_t bytes)
{
	uint32_t least = bytes;
	for (unsigned int q = 0; q < port->port.n_queues; q++) {
		for (unsigned int i = 0; i < port->queues[q].n_sockets; i++) {
			int fd = port->queues[q].sockets[i].fd;
			uint32_t rx = buffer_set(fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes);
			uint32_t tx = buffer_set(fd, SO_SNDBUFFORCE, SO_SNDBUF, bytes);
			least = RTE_MIN(least, RTE_MIN(rx, tx));
		}
	}
	if (least < bytes)
		log_warn(LOG_PORT, "socket buffers are smaller than configured",
			 "\"asked_bytes\":%u,\"given_bytes\":%u,"
			 "\"limits\":\"net.core.rmem_max, net.core.wmem_max\"",
			 bytes, least);
}

/* Pages of the room are taken when they are first used, which few are. */
static int rx_init(struct socket_rx *rx)
{
	rx->room = calloc(PORT_BURST, SOCKET_MESSAGE_BYTES);
	if (!rx->room)
		return -ENOMEM;
	rx->first_spare = rx->at = PORT_BURST;
	for (unsigned int i = 0; i < PORT_BURST; i++) {
		uint8_t *room = rx->room + (size_t)i * SOCKET_MESSAGE_BYTES;
		rx->bytes[i][0].iov_len = PACKET_BYTES_MAX;
		rx->bytes[i][1] = (struct iovec){room + PACKET_BYTES_MAX,
						 SOCKET_MESSAGE_BYTES - PACKET_BYTES_MAX};
		rx->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &rx->names[i],
			.msg_iov = rx->bytes[i],
			.msg_iovlen = 2,
			.msg_control = rx->control[i],
		};
	}
	return 0;
}

static void rx_fini(struct socket_rx *rx)
{
	/* The first packet of a row that was handed on in part is its receiver's. */
	if (rx->left_bytes > 0)
		rx->at++;
	for (unsigned int i = RTE_MIN(rx->at, rx->first_spare); i < PORT_BURST; i++)
		packet_free(rx->spare[i]);
	free(rx->room);
}

static void port_socket_close(struct port *port)
{
	struct port_socket *s = (struct port_socket *)port;
	port_close_sockets(s);
	for (unsigned int q = 0; q < port->n_queues; q++) {
		struct socket_queue *queue = &s->queues[q];
		rx_fini(&queue->rx);
		if (queue->epoll_fd >= 0)
			close(queue->epoll_fd);
	}
	free(s);
}

/* The kernel's business: each datagram's route has its own interface. */
static bool port_socket_check_link(struct port *port)
{
	(void)port;
	return true;
}

static uint16_t port_socket_datagram_max(const struct port *port, bool ipv4)
{
	(void)port;
	(void)ipv4;
	return PACKET_BYTES_MAX;
}

static bool port_socket_fd_arm(struct port *port, unsigned int queue)
{
	return !socket_rx_waits(&socket_queue_of(port, queue)->rx);
}

static int port_socket_fd(const struct port *port, unsigned int queue)
{
	return ((const struct port_socket *)port)->queues[queue].epoll_fd;
}

static const struct port_counters *port_socket_counters(const struct port *port, unsigned int queue)
{
	return &((const struct port_socket *)port)->queues[queue].counters;
}

static const struct port_ops port_socket_ops = {
	.close = port_socket_close,
	.check_link = port_socket_check_link,
	.datagram_max = port_socket_datagram_max,
	.fd_arm = port_socket_fd_arm,
	.fd = port_socket_fd,
	.rx_burst = port_socket_rx_burst,
	.tx_burst = port_socket_tx_burst,
	.counters = port_socket_counters,
};

static struct port_socket *port_socket_alloc(const struct port_config *config)
{
	unsigned int n_queues = config->n_queues + config->has_send_queue;
	size_t bytes = sizeof(struct port_socket) + n_queues * sizeof(struct socket_queue);
	struct port_socket *port = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (!port)
		return NULL;
	memset(port, 0, bytes);
	port->port.ops = &port_socket_ops;
	port->port.n_queues = n_queues;
	for (unsigned int q = 0; q < n_queues; q++) {
		struct socket_queue *queue = &port->queues[q];
		queue->pool = config->pool;
		queue->epoll_fd = -1;
		queue->rx.first_spare = queue->rx.at = PORT_BURST;
	}
	return port;
}

int port_socket_open(const struct port_config *config, struct port **out)
{
	static_assert(sizeof(struct port_socket) % RTE_CACHE_LINE_SIZE == 0,
		      "aligned_alloc's rule");
	static_assert(sizeof(struct socket_queue) % RTE_CACHE_LINE_SIZE == 0,
		      "aligned_alloc's rule");
	if (config->n_queues == 0 || config->n_queues > PORT_QUEUES_MAX || config->n_listen == 0 ||
	    config->n_listen > PORT_ADDRESSES_MAX || config->socket_buffer_bytes > INT32_MAX)
		return -EINVAL;
	struct port_socket *port = port_socket_alloc(config);
	if (!port)
		return -ENOMEM;
	int rc = 0;
	for (unsigned int q = 0; q < config->n_queues && rc == 0; q++) {
		port->queues[q].epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		rc = port->queues[q].epoll_fd < 0 ? -errno : rx_init(&port->queues[q].rx);
	}
	if (rc != 0)
		log_error(LOG_PORT, "cannot make a queue", "\"error\":\"%s\"", strerror(-rc));
	else
		rc = port_bind(port, config);
	if (rc != 0) {
		port_socket_close(&port->port);
		return rc;
	}
	if (config->socket_buffer_bytes)
		port_set_buffers(port, config->socket_buffer_bytes);
	*out = &port->port;
	return 0;
}
