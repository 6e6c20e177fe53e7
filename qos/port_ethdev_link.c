/* The interface comes and goes. A device that lost its interface is taken from the queues and
 * closed; when an interface of that name is there again, a new one is opened in its place, and
 * sessions go on: their routes are learned anew with the first packet. A PCI NIC that was pulled
 * does not come back without a restart. */
#include "qos/port_ethdev.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "qos/exception.h"
#include "qos/xdp.h"

#define REOPEN_WAIT_MIN_NS UINT64_C(1000000000)
#define REOPEN_WAIT_MAX_NS UINT64_C(60000000000)

static int watch(const struct ethdev_queue *queue, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	return fd >= 0 && epoll_ctl(queue->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

/* Whether an idle worker can wait for everything that it would have to poll. */
static bool watch_all(struct port_ethdev *port, const struct device *device)
{
	bool all = true;
	for (unsigned int i = 0; i < device->n_rx; i++)
		all = watch(&port->queues[i % port->n_workers], device->rx[i].fd) == 0 && all;
	if (device->exception)
		all = watch(&port->queues[0], exception_fd(device->exception)) == 0 && all;
	return all;
}

/* What the link takes, and what the driver's buffers take, whichever is less. */
static void mtu_set(struct port_ethdev *port, const struct device *device)
{
	uint16_t link = device->kind == PORT_PCI ? device_mtu(device) : port->interface.mtu;
	uint16_t driver = (uint16_t)(device->frame_bytes_max - 14 - 4);
	uint16_t mtu = link < driver ? link : driver;
	if (atomic_exchange(&port->mtu, mtu) != mtu)
		log_info(LOG_PORT, "MTU", "\"interface\":\"%s\",\"mtu\":%u,\"link\":%u",
			 port->config.interface, mtu, link);
}

static bool link_is_up(const struct port_ethdev *port, const struct device *device)
{
	return device->kind == PORT_PCI ? device_is_up(device) : port->interface.is_up;
}

int ethdev_device_open(struct port_ethdev *port)
{
	const struct frame_listen *listen = atomic_load(&port->listen);
	struct device *device;
	int rc = device_open(&port->config, &device);
	if (rc != 0)
		return rc;
	if (device->steer && listen)
		rc = xdp_steer_set(device->steer, listen->addresses, listen->n, listen->udp_port);
	if (rc != 0) {
		device_close(device);
		return rc;
	}
	port->can_wait = watch_all(port, device);
	mtu_set(port, device);
	atomic_store(&port->is_up, link_is_up(port, device));
	atomic_store(&port->device, device);
	return 0;
}

void ethdev_device_close(struct port_ethdev *port)
{
	struct device *device = atomic_exchange(&port->device, NULL);
	atomic_store(&port->is_up, false);
	if (!device)
		return;
	for (unsigned int q = 0; q < port->port.n_queues; q++)
		while (atomic_load(&port->queues[q].is_busy))
			sched_yield();
	port->lost_before += device_lost(device);
	device_close(device);
}

/* Negative errno while the interface is not there, or is another one than the device's. */
static int interface_check(struct port_ethdev *port, const struct device *device)
{
	struct interface_state now;
	int rc = interface_read(port->config.interface, &now);
	if (rc == 0 && device && now.index != port->interface.index)
		rc = -ENODEV;
	if (rc == 0 && device && device->kind == PORT_PCI && !device_is_there(device))
		rc = -ENODEV;
	if (rc == 0)
		port->interface = now;
	return rc;
}

static void on_gone(struct port_ethdev *port)
{
	bool is_pci = port->config.kind == PORT_PCI;
	log_error(LOG_PORT, "the network interface is gone",
		  "\"interface\":\"%s\",\"mode\":\"%s\",\"remedy\":\"%s\"", port->config.interface,
		  port_kind_names[port->config.kind],
		  is_pci ? "restart with the NIC in its place"
			 : "taken up again when one of that name is there");
	ethdev_device_close(port);
	port->reopen_wait_ns = REOPEN_WAIT_MIN_NS;
	port->reopen_ns = is_pci ? UINT64_MAX : 0;
}

/* Each failure is logged by who finds it, so tries become fewer. */
static void reopen(struct port_ethdev *port, uint64_t now_ns)
{
	if (now_ns < port->reopen_ns)
		return;
	if (ethdev_device_open(port) == 0) {
		log_info(LOG_PORT, "the network interface is back", "\"interface\":\"%s\"",
			 port->config.interface);
		return;
	}
	port->reopen_ns = now_ns + port->reopen_wait_ns;
	port->reopen_wait_ns = RTE_MIN(2 * port->reopen_wait_ns, REOPEN_WAIT_MAX_NS);
}

static void on_present(struct port_ethdev *port, struct device *device)
{
	bool is_up = link_is_up(port, device);
	mtu_set(port, device);
	atomic_store_explicit(&port->lost, port->lost_before + device_lost(device),
			      memory_order_relaxed);
	if (atomic_exchange(&port->is_up, is_up) == is_up)
		return;
	if (is_up)
		log_info(LOG_PORT, "link is up", "\"interface\":\"%s\"", port->config.interface);
	else
		log_warn(LOG_PORT, "link is down", "\"interface\":\"%s\"", port->config.interface);
}

bool ethdev_check_link(struct port *base)
{
	struct port_ethdev *port = port_ethdev(base);
	struct device *device = atomic_load(&port->device);
	uint64_t now_ns = clock_ns();
	int rc = interface_check(port, device);
	if (rc != 0 && device) {
		on_gone(port);
	} else if (rc == 0 && device) {
		on_present(port, device);
	} else if (rc == 0) {
		reopen(port, now_ns);
	}
	if (rc == 0)
		ethdev_listen_update(port);
	ethdev_listen_read_errors(port, now_ns);
	return atomic_load(&port->is_up);
}
