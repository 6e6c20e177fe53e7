/* A port that sends back every datagram it gets, for tests of ports without a gateway:
 *
 *     echo_port KIND INTERFACE ADDRESS PORT [NIC NAMESPACE]
 *
 * KIND is a name of port_kind_names. For "pci", a packet socket on the interface NIC of the
 * namespace that this was started in stands in for the NIC, and all else (the tap, the kernel's
 * sockets) is in NAMESPACE, where nobody but the tap leads to the network: as with a NIC that the
 * kernel has lost. Prints "ready", and its counters when SIGTERM ends it. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_dev.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "qos/eal.h"
#include "qos/port.h"

#define NIC_NAME     "net_af_packet_nic"
#define POOL_PACKETS 8191
#define CHECK_NS     1000000000ull

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
	(void)number;
	stop_asked = 1;
}

static int fail(const char *what)
{
	fprintf(stderr, "echo_port: %s\n", what);
	return 1;
}

static enum port_kind kind_by_name(const char *name)
{
	enum port_kind kind = PORT_SOCKET;
	while (kind < PORT_KINDS && strcmp(port_kind_names[kind], name) != 0)
		kind++;
	return kind;
}

/* The device takes hold of its interface here; what comes later looks around elsewhere. */
static int nic_stand_in(const char *nic, const char *namespace)
{
	char arguments[64];
	snprintf(arguments, sizeof(arguments), "iface=%s", nic);
	if (rte_eal_hotplug_add("vdev", NIC_NAME, arguments))
		return -1;
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
	close(fd);
	return rc;
}

static void echo(struct port *port)
{
	struct rte_mbuf *packets[PORT_BURST];
	struct pollfd readable = {.fd = port_fd(port, 0), .events = POLLIN};
	uint64_t checked_ns = 0;
	while (!stop_asked) {
		uint64_t now_ns = clock_ns();
		uint16_t n = port_rx_burst(port, 0, packets, PORT_BURST, now_ns);
		if (n > 0)
			port_tx_burst(port, 0, packets, n);
		else if (readable.fd < 0)
			usleep(200); /* there is nothing to wait for */
		else if (port_fd_arm(port, 0))
			poll(&readable, 1, 100);
		if (now_ns - checked_ns > CHECK_NS) {
			port_check_link(port);
			checked_ns = now_ns;
		}
	}
}

static void counters_print(const struct port *port)
{
	const struct port_counters *c = port_counters(port, 0);
	printf("rx=%llu tx=%llu foreign=%llu bad=%llu no_route=%llu\n",
	       (unsigned long long)port_counter(&c->rx_packets),
	       (unsigned long long)port_counter(&c->tx_packets),
	       (unsigned long long)port_counter(&c->rx_foreign),
	       (unsigned long long)port_counter(&c->rx_bad_frame),
	       (unsigned long long)port_counter(&c->tx_no_route));
}

int main(int argc, char **argv)
{
	struct eal_config eal = {.program = "echo_port", .n_workers = 1, .memory_mb = 128};
	struct port_config config = {.n_listen = 1, .n_queues = 1};
	struct port *port;
	if (argc != 5 && argc != 7)
		return fail("usage: KIND INTERFACE ADDRESS PORT [NIC NAMESPACE]");
	log_init("echo_port");
	config.kind = kind_by_name(argv[1]);
	config.interface = argv[2];
	if (config.kind == PORT_KINDS ||
	    address_parse_ip(&config.listen[0], argv[3], (uint16_t)atoi(argv[4])))
		return fail("no such kind, or no address");
	signal(SIGTERM, on_signal);
	if (eal_start(&eal) || packet_pool_create("echo", POOL_PACKETS, &config.pool))
		return fail("no DPDK");
	if (argc == 7) {
		config.pci_address = NIC_NAME;
		if (nic_stand_in(argv[5], argv[6]))
			return fail("nothing stands in for the NIC");
	}
	if (port_open(&config, &port))
		return fail("the port does not open");
	puts("ready");
	fflush(stdout);
	echo(port);
	counters_print(port);
	fflush(stdout);
	port_close(port);
	packet_pool_destroy(config.pool);
	eal_stop();
	return 0;
}
