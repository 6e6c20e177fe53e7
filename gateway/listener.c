/* One GSource per listening socket. When the process runs out of descriptors, accept fails while
 * the socket stays readable, which would spin the loop; so a spare descriptor is given up, the
 * waiting connection accepted and closed, and the spare taken back. */
#include "gateway/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/log.h"

#define LISTENER_BURST 64 /* accepted in one turn of the loop, so that others get theirs */

struct listener {
	int fd, spare_fd;
	guint source;
	uint16_t port;
	listener_accept on_accept;
	void *context; /* borrowed */
};

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void drop_one(struct listener *listener)
{
	log_warn(LOG_SERVER, "out of descriptors, connection dropped", NULL);
	if (listener->spare_fd >= 0)
		close(listener->spare_fd);
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	listener->spare_fd = open_spare();
}

/* Returns false when there is nothing more to accept. */
static bool accept_one(struct listener *listener)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	int fd = accept4(listener->fd, (struct sockaddr *)&from, &size,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			drop_one(listener);
		return errno == EINTR || errno == ECONNABORTED;
	}
	struct address peer = {0};
	address_from_sockaddr(&peer, (const struct sockaddr *)&from);
	const int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	listener->on_accept(listener->context, fd, &peer);
	return true;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct listener *listener = data;
	(void)fd;
	(void)condition;
	for (int i = 0; i < LISTENER_BURST && accept_one(listener); i++)
		;
	return G_SOURCE_CONTINUE;
}

static int bind_socket(const struct address *address, bool is_dual, int *out)
{
	struct sockaddr_storage to;
	socklen_t size = address_to_sockaddr(address, &to);
	const int on = 1, v6only = !is_dual;
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (to.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, (struct sockaddr *)&to, size) || listen(fd, SOMAXCONN)) {
		int error = -errno;
		close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

static int bind_ip(const char *ip, uint16_t port, int *fd)
{
	struct address address;
	int error = address_parse_ip(&address, ip, port);
	if (error)
		return error;
	bool is_dual = address_is_unspecified(&address) && !address_is_ipv4(&address);
	error = bind_socket(&address, is_dual, fd);
	if (error == -EAFNOSUPPORT && is_dual && address_parse_ip(&address, "0.0.0.0", port) == 0)
		error = bind_socket(&address, false, fd);
	return error;
}

int listener_create(const char *ip, uint16_t port, listener_accept on_accept, void *context,
		    struct listener **out)
{
	struct sockaddr_storage bound;
	struct address address;
	socklen_t size = sizeof(bound);
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	int error = bind_ip(ip, port, &listener->fd);
	if (error) {
		free(listener);
		return error;
	}
	if (getsockname(listener->fd, (struct sockaddr *)&bound, &size) == 0 &&
	    address_from_sockaddr(&address, (struct sockaddr *)&bound) == 0)
		listener->port = address.port;
	listener->on_accept = on_accept;
	listener->context = context;
	listener->spare_fd = open_spare();
	listener->source = g_unix_fd_add(listener->fd, G_IO_IN, on_readable, listener);
	*out = listener;
	return 0;
}

void listener_destroy(struct listener *listener)
{
	if (!listener)
		return;
	g_source_remove(listener->source);
	close(listener->fd);
	if (listener->spare_fd >= 0)
		close(listener->spare_fd);
	free(listener);
}

uint16_t listener_port(const struct listener *listener)
{
	return listener->port;
}
