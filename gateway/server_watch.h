/* Many sockets as one source of the default GMainContext: they stand in an epoll set, which alone
 * the loop looks at. GLib's own sources cost a look at each of them in every turn of the loop, and
 * a write to its wake-up descriptor whenever what is waited for changes. Control thread. */
#pragma once

#include <stdint.h>

struct watch;

struct watch_config {
	/* A socket is ready: events as epoll(7) has them, which may be those of one that was closed
	 * meanwhile. */
	void (*on_ready)(void *context, int fd, uint32_t events);
	/* All that were ready have been told. */
	void (*on_done)(void *context);
	void *context;
};

/* Negative errno. */
int watch_create(const struct watch_config *config, struct watch **out);
/* Takes NULL. */
void watch_destroy(struct watch *watch);
/* Tells of those that are ready now. */
void watch_serve(struct watch *watch);
/* Level-triggered. A socket that is closed leaves by itself. Negative errno. */
int watch_add(struct watch *watch, int fd, uint32_t events);
void watch_change(struct watch *watch, int fd, uint32_t events);
