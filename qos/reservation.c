/* The kernel finds this socket when an ICMP error quotes a packet from its address, as if the
 * socket had sent it, and queues the error (IP_RECVERR) with the MTU it tells. */
#include "qos/reservation.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/filter.h>

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int options_set(int fd, bool ipv4)
{
	struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {.len = 1, .filter = drop};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		return -errno;
	int rc;
	if (ipv4) {
		rc = option_set(fd, IPPROTO_IP, IP_FREEBIND, 1);
		return rc ? rc : option_set(fd, IPPROTO_IP, IP_RECVERR, 1);
	}
	rc = option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0)
		rc = option_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	return rc ? rc : option_set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

static int address_bind(int fd, struct address *address)
{
	struct sockaddr_storage name;
	struct address bound;
	socklen_t length = address_to_sockaddr(address, &name);
	if (bind(fd, (struct sockaddr *)&name, length) != 0)
		return -errno;
	length = sizeof(name);
	if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
		return -errno;
	int rc = address_from_sockaddr(&bound, (struct sockaddr *)&name);
	if (rc == 0)
		address->port = bound.port;
	return rc;
}

int reservation_open(struct address *address)
{
	bool ipv4 = address_is_ipv4(address);
	int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = options_set(fd, ipv4);
	if (rc == 0)
		rc = address_bind(fd, address);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static bool error_is_too_big(struct msghdr *message, uint16_t *mtu)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
				(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
		struct sock_extended_err error;
		if (!is_error || c->cmsg_len < CMSG_LEN(sizeof(error)))
			continue;
		memcpy(&error, CMSG_DATA(c), sizeof(error));
		if (error.ee_errno != EMSGSIZE || error.ee_info == 0)
			continue;
		*mtu = error.ee_info > UINT16_MAX ? UINT16_MAX : (uint16_t)error.ee_info;
		return true;
	}
	return false;
}

int reservation_next_too_big(int fd, struct address *to, uint16_t *mtu)
{
	for (;;) {
		struct sockaddr_storage name;
		uint8_t bytes[64];
		uint8_t control[256] __attribute__((aligned(8)));
		struct iovec vector = {bytes, sizeof(bytes)};
		struct msghdr message = {
			.msg_name = &name,
			.msg_namelen = sizeof(name),
			.msg_iov = &vector,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return 0;
		if (error_is_too_big(&message, mtu) && message.msg_namelen > 0 &&
		    address_from_sockaddr(to, (struct sockaddr *)&name) == 0)
			return 1;
	}
}
