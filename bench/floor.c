/* What a datagram is sent with is laid out when a receiver joins, so that relaying is one receive
 * and one call for every batch of receivers. */
#include "bench/floor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DATAGRAM_MAX 2048
#define BATCH        256
#define EVENTS       64
#define BUFFER_BYTES (4 << 20)

static uint8_t datagram[DATAGRAM_MAX];

static void size_buffers(int fd)
{
	int size = BUFFER_BYTES;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int floor_stream_open(struct floor_stream *stream, unsigned int room, struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	address->sin_family = AF_INET;
	address->sin_port = 0;
	if (address->sin_addr.s_addr == 0)
		address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*stream = (struct floor_stream){.room = room};
	stream->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	stream->receivers = calloc(room, sizeof(*stream->receivers));
	stream->messages = calloc(room, sizeof(*stream->messages));
	int rc = 0;
	if (stream->fd < 0 || bind(stream->fd, (struct sockaddr *)address, size) ||
	    getsockname(stream->fd, (struct sockaddr *)address, &size))
		rc = -errno;
	else if (!stream->receivers || !stream->messages)
		rc = -ENOMEM;
	if (rc)
		floor_stream_close(stream);
	else
		size_buffers(stream->fd);
	return rc;
}

void floor_stream_close(struct floor_stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream->receivers);
	free(stream->messages);
	*stream = (struct floor_stream){.fd = -1};
}

/* Who says hello again is there already. */
static void join(struct floor_stream *stream, const struct sockaddr_in *from)
{
	for (unsigned int i = 0; i < stream->n_receivers; i++) {
		if (stream->receivers[i].sin_port == from->sin_port &&
		    stream->receivers[i].sin_addr.s_addr == from->sin_addr.s_addr)
			return;
	}
	if (stream->n_receivers == stream->room)
		return;
	unsigned int at = stream->n_receivers++;
	stream->receivers[at] = *from;
	stream->messages[at].msg_hdr = (struct msghdr){.msg_name = &stream->receivers[at],
						       .msg_namelen = sizeof(*from),
						       .msg_iov = &stream->vector,
						       .msg_iovlen = 1};
}

/* A receiver that is gone or full is passed over; the others get theirs. */
static void send_to_all(struct floor_stream *stream)
{
	for (unsigned int i = 0; i < stream->n_receivers;) {
		unsigned int left = stream->n_receivers - i;
		int n = sendmmsg(stream->fd, stream->messages + i, left < BATCH ? left : BATCH, 0);
		i += n > 0 ? (unsigned int)n : 1;
	}
}

int floor_relay(struct floor_stream *stream)
{
	struct sockaddr_in from;
	socklen_t from_size = sizeof(from);
	ssize_t size = recvfrom(stream->fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from,
				&from_size);
	if (size < 0)
		return -errno;
	if (size == 1 && datagram[0] == FLOOR_JOIN) {
		join(stream, &from);
		return 0;
	}
	if (size == 1 && datagram[0] == FLOOR_CLEAR) {
		stream->n_receivers = 0;
		return 0;
	}
	stream->vector = (struct iovec){datagram, (size_t)size};
	send_to_all(stream);
	return 0;
}

/* One stream needs nobody to say where something came. */
_Noreturn void floor_run(struct floor_stream *streams, unsigned int n)
{
	struct epoll_event events[EVENTS];
	while (n == 1)
		floor_relay(streams);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned int i = 0; i < n; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &streams[i]};
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, streams[i].fd, &event);
	}
	for (;;) {
		int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
		for (int i = 0; i < ready; i++)
			floor_relay(events[i].data.ptr);
	}
}
