/* Listening TCP sockets: binds an address, accepts on the default GMainContext, hands over what it
 * accepted. Knows nothing of what is spoken there. Control thread. */
#pragma once

#include <stdint.h>

#include "qos/address.h"

struct listener;

/* `fd` is a connected, non-blocking, close-on-exec socket; the callee owns it. */
typedef void (*listener_accept)(void *context, int fd, const struct address *peer);

/* Binds and listens. "::" takes both families (0.0.0.0 where the kernel has no IPv6). Port 0: the
 * kernel picks one. Negative errno, not logged: the caller knows whether it matters. */
int listener_create(const char *ip, uint16_t port, listener_accept on_accept, void *context,
		    struct listener **out);
/* What was accepted lives on. Takes NULL. */
void listener_destroy(struct listener *listener);
uint16_t listener_port(const struct listener *listener);
