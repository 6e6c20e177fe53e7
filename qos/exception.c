/* Opens and closes the tap of the exception path. Plain /dev/net/tun: it is there in every kernel
 * and container that has a tap at all, and at the rates of ARP, ICMP and an operator's TCP a read
 * or write per frame is cheap. (DPDK's net_tap wants netlink and flower rules for its queues,
 * virtio_user a vhost-net module.) */
#include "qos/exception.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "conf/log.h"

#define TUN_PATH "/dev/net/tun"

static int tap_open(const char *interface, int *out)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, TUNSETIFF, &request)) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

static struct ifreq request_of(const char *interface)
{
	struct ifreq request = {0};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	return request;
}

/* What the tap already has is left alone: who made it for us may have left us no privilege. */
static int tap_set_mac(int socket_fd, const char *interface, const uint8_t mac[6])
{
	struct ifreq request = request_of(interface);
	if (ioctl(socket_fd, SIOCGIFHWADDR, &request))
		return -errno;
	if (memcmp(request.ifr_hwaddr.sa_data, mac, 6) == 0)
		return 0;
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(socket_fd, SIOCSIFHWADDR, &request) ? -errno : 0;
}

static int tap_set_mtu(int socket_fd, const char *interface, int mtu)
{
	struct ifreq request = request_of(interface);
	if (ioctl(socket_fd, SIOCGIFMTU, &request))
		return -errno;
	if (request.ifr_mtu == mtu)
		return 0;
	request.ifr_mtu = mtu;
	return ioctl(socket_fd, SIOCSIFMTU, &request) ? -errno : 0;
}

static int tap_set_up(int socket_fd, const char *interface)
{
	struct ifreq request = request_of(interface);
	if (ioctl(socket_fd, SIOCGIFFLAGS, &request))
		return -errno;
	if (request.ifr_flags & IFF_UP)
		return 0;
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return ioctl(socket_fd, SIOCSIFFLAGS, &request) ? -errno : 0;
}

/* Negative errno; `what` is what could not be set then. */
static int tap_set(const struct exception_config *config, const char **what)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*what = "socket";
	if (fd < 0)
		return -errno;
	*what = "MAC address";
	int rc = tap_set_mac(fd, config->interface, config->mac);
	if (rc == 0) {
		*what = "MTU";
		rc = tap_set_mtu(fd, config->interface, config->mtu);
	}
	if (rc == 0) {
		*what = "up";
		rc = tap_set_up(fd, config->interface);
	}
	close(fd);
	return rc;
}

static const char *advice(int rc)
{
	switch (rc) {
	case -ENOENT:
	case -ENODEV:
		return "there is no " TUN_PATH
		       ": load the module tun, or give the container the device";
	case -EPERM:
	case -EACCES:
		return "run once: ip tuntap add dev INTERFACE mode tap user USER; ip link set dev "
		       "INTERFACE address MAC mtu MTU up; or give CAP_NET_ADMIN";
	case -EBUSY:
		return "another process has it open";
	case -EINVAL:
		return "the name belongs to an interface that is no tap";
	default:
		return "";
	}
}

static int fault(const struct exception_config *config, const char *what, int rc)
{
	const uint8_t *mac = config->mac;
	log_error(LOG_PORT, "cannot open the tap of the exception path",
		  "\"interface\":\"%s\",\"what\":\"%s\",\"error\":\"%s\",\"mac\":\"%02x:%02x:%02x:"
		  "%02x:%02x:%02x\",\"mtu\":%u,\"advice\":\"%s\"",
		  log_escape(config->interface), what, strerror(-rc), mac[0], mac[1], mac[2],
		  mac[3], mac[4], mac[5], config->mtu, advice(rc));
	return rc;
}

int exception_open(const struct exception_config *config, struct exception **out)
{
	const char *what = TUN_PATH;
	struct exception *exception =
		rte_zmalloc("exception", sizeof(*exception), RTE_CACHE_LINE_SIZE);
	if (!exception)
		return fault(config, "memory", -ENOMEM);
	exception->pool = config->pool;
	exception->fd = -1;
	int rc = tap_open(config->interface, &exception->fd);
	if (rc == 0)
		rc = tap_set(config, &what);
	if (rc) {
		exception_close(exception);
		return fault(config, what, rc);
	}
	*out = exception;
	return 0;
}

/* What came of it, for whoever reads the log. */
static void log_end(const struct exception_counters *counters)
{
	log_info(LOG_PORT, "the exception path ends",
		 "\"to_kernel\":%llu,\"to_kernel_dropped\":%llu,\"from_kernel\":%llu,"
		 "\"from_kernel_dropped\":%llu",
		 (unsigned long long)exception_counter(&counters->to_kernel),
		 (unsigned long long)exception_counter(&counters->to_kernel_dropped),
		 (unsigned long long)exception_counter(&counters->from_kernel),
		 (unsigned long long)exception_counter(&counters->from_kernel_dropped));
}

void exception_close(struct exception *exception)
{
	if (!exception)
		return;
	if (exception->fd >= 0) {
		log_end(&exception->counters);
		close(exception->fd);
	}
	rte_free(exception);
}
