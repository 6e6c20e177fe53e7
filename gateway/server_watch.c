#include "gateway/server_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <glib-unix.h>

#define BURST 64 /* told in one turn of the loop, so that others get theirs */

struct watch {
	struct watch_config config;
	int fd;
	guint source;
};

void watch_serve(struct watch *watch)
{
	struct epoll_event events[BURST];
	int n = epoll_wait(watch->fd, events, BURST, 0);
	for (int i = 0; i < n; i++)
		watch->config.on_ready(watch->config.context, events[i].data.fd, events[i].events);
	watch->config.on_done(watch->config.context);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	(void)fd;
	(void)condition;
	watch_serve(data);
	return G_SOURCE_CONTINUE;
}

int watch_create(const struct watch_config *config, struct watch **out)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->config = *config;
	watch->fd = epoll_create1(EPOLL_CLOEXEC);
	if (watch->fd < 0) {
		int error = -errno;
		free(watch);
		return error;
	}
	watch->source = g_unix_fd_add(watch->fd, G_IO_IN, on_readable, watch);
	*out = watch;
	return 0;
}

void watch_destroy(struct watch *watch)
{
	if (!watch)
		return;
	g_source_remove(watch->source);
	close(watch->fd);
	free(watch);
}

static int control(struct watch *watch, int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.fd = fd}};
	return epoll_ctl(watch->fd, operation, fd, &event) ? -errno : 0;
}

int watch_add(struct watch *watch, int fd, uint32_t events)
{
	return control(watch, EPOLL_CTL_ADD, fd, events);
}

void watch_change(struct watch *watch, int fd, uint32_t events)
{
	control(watch, EPOLL_CTL_MOD, fd, events);
}
