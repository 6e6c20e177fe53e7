/* Which addresses are ours: those that were named, or all that the interface has; and the kernel's
 * share in them, a socket each that keeps them reserved and brings ICMP errors. */
#include "qos/port_ethdev.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "conf/log.h"
#include "qos/reservation.h"
#include "qos/xdp.h"

#define PICK_ATTEMPTS 16 /* a port free for one address may be taken for another */

/* What there is to listen on now. Negative errno. */
static int addresses_collect(const struct port_ethdev *port, struct address *out)
{
	unsigned int n = port->n_fixed;
	memcpy(out, port->fixed, n * sizeof(*out));
	for (int family = 0; family < 2; family++) {
		bool ipv4 = family == 0;
		if (ipv4 ? !port->wants_ipv4 : !port->wants_ipv6)
			continue;
		int found = interface_addresses(port->config.interface, ipv4, port->port.udp_port,
						out + n, FRAME_LISTEN_MAX - n);
		if (found < 0)
			return found;
		n += (unsigned int)found;
	}
	return (int)n;
}

static int index_of(const struct frame_listen *listen, const struct address *a)
{
	for (unsigned int i = 0; listen && i < listen->n; i++)
		if (memcmp(listen->addresses[i].ip, a->ip, sizeof(a->ip)) == 0 &&
		    listen->addresses[i].scope_id == a->scope_id)
			return (int)i;
	return -1;
}

static void log_listen(const char *what, const struct address *a, int error)
{
	char text[ADDRESS_TEXT_MAX];
	if (error)
		log_error(LOG_PORT, what, "\"address\":\"%s\",\"error\":\"%s\"",
			  address_format(a, text), strerror(error));
	else
		log_info(LOG_PORT, what, "\"address\":\"%s\"", address_format(a, text));
}

/* The set that is written next: what nobody has been reading for long. */
static struct frame_listen *listen_next(struct port_ethdev *port)
{
	struct frame_listen *next = &port->listens[port->next_listen++ % LISTENS];
	*next = (struct frame_listen){
		.scope_id = port->interface.index,
		.takes_partial_checksum = port->config.kind != PORT_PCI,
	};
	return next;
}

/* Sockets of addresses that stay are taken over, others opened. Of one that cannot be had, the rest
 * does without unless `all` must be. */
static int reserve(struct port_ethdev *port, struct frame_listen *next,
		   const struct address *wanted, unsigned int n, bool all)
{
	const struct frame_listen *now = atomic_load(&port->listen);
	int fds[FRAME_LISTEN_MAX];
	for (unsigned int i = 0; i < n; i++) {
		struct address a = wanted[i];
		int known = index_of(now, &a);
		if (index_of(next, &a) >= 0)
			continue;
		a.port = port->port.udp_port;
		int fd = known >= 0 ? port->reservations[known] : reservation_open(&a);
		if (fd < 0 && !(fd == -EADDRINUSE && all && port->config.udp_port == 0))
			log_listen("cannot reserve a UDP port", &a, -fd);
		if (fd < 0 && all) {
			while (next->n > 0)
				close(fds[--next->n]);
			return fd;
		}
		if (fd < 0)
			continue;
		if (known >= 0)
			port->reservations[known] = -1;
		port->port.udp_port = a.port;
		fds[next->n] = fd;
		next->addresses[next->n++] = a;
	}
	for (unsigned int i = 0; now && i < now->n; i++)
		if (port->reservations[i] >= 0)
			close(port->reservations[i]);
	memcpy(port->reservations, fds, next->n * sizeof(*fds));
	next->udp_port = port->port.udp_port;
	return 0;
}

static void listen_publish(struct port_ethdev *port, const struct frame_listen *next)
{
	const struct frame_listen *before = atomic_load(&port->listen);
	struct device *device = atomic_load(&port->device);
	for (unsigned int i = 0; i < next->n; i++)
		if (index_of(before, &next->addresses[i]) < 0)
			log_listen("listening", &next->addresses[i], 0);
	for (unsigned int i = 0; before && i < before->n; i++)
		if (index_of(next, &before->addresses[i]) < 0)
			log_listen("address is gone", &before->addresses[i], 0);
	atomic_store_explicit(&port->listen, next, memory_order_release);
	if (device && device->steer)
		xdp_steer_set(device->steer, next->addresses, next->n, next->udp_port);
}

static void wanted_keep(struct port_ethdev *port, const struct address *wanted, unsigned int n)
{
	memcpy(port->wanted, wanted, n * sizeof(*wanted));
	port->n_wanted = n;
}

int ethdev_listen_open(struct port_ethdev *port, const struct port_config *config)
{
	struct address wanted[FRAME_LISTEN_MAX];
	uint16_t asked = config->listen[0].port;
	for (unsigned int i = 0; i < config->n_listen; i++) {
		const struct address *a = &config->listen[i];
		if (!address_is_unspecified(a))
			port->fixed[port->n_fixed++] = *a;
		else if (address_is_ipv4(a))
			port->wants_ipv4 = true;
		else
			port->wants_ipv6 = true;
	}
	int n = addresses_collect(port, wanted);
	if (n < 0)
		return n;
	if (n == 0)
		log_warn(LOG_PORT, "the interface has no address to listen on yet",
			 "\"interface\":\"%s\"", port->config.interface);
	if (n == 0 && asked == 0)
		return -EADDRNOTAVAIL;
	int rc = -EADDRINUSE;
	struct frame_listen *next = listen_next(port);
	for (int i = 0; i < PICK_ATTEMPTS && rc == -EADDRINUSE; i++) {
		port->port.udp_port = asked;
		rc = reserve(port, next, wanted, (unsigned int)n, true);
		if (asked != 0)
			break;
	}
	if (rc != 0)
		return rc;
	/* From now on they are collected with the port that was picked. */
	wanted_keep(port, wanted, (unsigned int)addresses_collect(port, wanted));
	listen_publish(port, next);
	return 0;
}

void ethdev_listen_close(struct port_ethdev *port)
{
	const struct frame_listen *listen = atomic_load(&port->listen);
	for (unsigned int i = 0; listen && i < listen->n; i++)
		close(port->reservations[i]);
}

bool ethdev_listen_update(struct port_ethdev *port)
{
	const struct frame_listen *now = atomic_load(&port->listen);
	struct address wanted[FRAME_LISTEN_MAX];
	int found = addresses_collect(port, wanted);
	unsigned int n = found > 0 ? (unsigned int)found : 0;
	bool same = n == port->n_wanted && memcmp(wanted, port->wanted, n * sizeof(*wanted)) == 0;
	if (found < 0 || (same && now->scope_id == port->interface.index))
		return false;
	struct frame_listen *next = listen_next(port);
	reserve(port, next, wanted, n, false);
	wanted_keep(port, wanted, n);
	listen_publish(port, next);
	return true;
}

void ethdev_listen_read_errors(struct port_ethdev *port, uint64_t now_ns)
{
	const struct frame_listen *listen = atomic_load(&port->listen);
	char text[ADDRESS_TEXT_MAX];
	struct address to;
	uint16_t mtu;
	for (unsigned int i = 0; i < listen->n; i++) {
		while (reservation_next_too_big(port->reservations[i], &to, &mtu) == 1) {
			if (mtu >= atomic_load(&port->mtu))
				continue;
			path_mtu_learn(&port->paths, &to, mtu, now_ns);
			log_debug(LOG_PORT, "path takes less", "\"to\":\"%s\",\"mtu\":%" PRIu16,
				  address_format_ip(&to, text), mtu);
		}
	}
	path_mtu_expire(&port->paths, now_ns);
}
