#include "gateway/server_tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define TAKEN_ATTEMPTS  8
#define DRAIN_BYTES_MAX (256 * 1024)

uint64_t tcp_taken_bytes(int fd)
{
	for (int i = 0; i < TAKEN_ATTEMPTS; i++) {
		struct tcp_info before = {0}, after = {0};
		socklen_t size = sizeof(before), same = sizeof(after);
		int waiting;
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &before, &size) ||
		    ioctl(fd, FIONREAD, &waiting) ||
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &after, &same))
			break;
		if (before.tcpi_bytes_received == after.tcpi_bytes_received)
			return before.tcpi_bytes_received - (unsigned int)waiting;
	}
	return UINT64_MAX;
}

static bool polls(int fd, short events)
{
	struct pollfd at = {.fd = fd, .events = events};
	return poll(&at, 1, 0) > 0;
}

bool tcp_is_closed(int fd)
{
	return polls(fd, POLLRDHUP);
}

bool tcp_has_input(int fd)
{
	return polls(fd, POLLIN);
}

void tcp_drain(int fd)
{
	static char nowhere[16384];
	for (size_t taken = 0; taken < DRAIN_BYTES_MAX; taken += sizeof(nowhere))
		if (recv(fd, nowhere, sizeof(nowhere), MSG_DONTWAIT) <= 0)
			return;
}
