/* ioctl() and getifaddrs(): the same words for every driver, old kernels too. */
#include "qos/interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>

bool interface_is_name(const char *name)
{
	size_t length = strlen(name);
	return length > 0 && length < IFNAMSIZ && !strpbrk(name, ",=[]{}/ ");
}

/* One question about an interface; `request` holds question and answer. */
static int ask(unsigned long what, const char *name, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	strncpy(request->ifr_name, name, IFNAMSIZ - 1);
	request->ifr_name[IFNAMSIZ - 1] = '\0';
	int rc = ioctl(fd, what, request) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

/* The carrier as the driver knows it: IFF_RUNNING follows up to a second later. */
static bool has_carrier(const char *name, const struct ifreq *flags)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq request = {.ifr_data = (char *)&link};
	if (ask(SIOCETHTOOL, name, &request) == 0)
		return link.data != 0;
	return flags->ifr_flags & IFF_RUNNING;
}

int interface_read(const char *name, struct interface_state *out)
{
	struct ifreq flags = {0}, index = {0}, mtu = {0}, mac = {0};
	int rc = ask(SIOCGIFINDEX, name, &index);
	if (rc == 0)
		rc = ask(SIOCGIFFLAGS, name, &flags);
	if (rc == 0)
		rc = ask(SIOCGIFMTU, name, &mtu);
	if (rc == 0)
		rc = ask(SIOCGIFHWADDR, name, &mac);
	if (rc != 0)
		return rc;
	*out = (struct interface_state){
		.index = (unsigned int)index.ifr_ifindex,
		.is_up = (flags.ifr_flags & IFF_UP) && has_carrier(name, &flags),
		.mtu = mtu.ifr_mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu.ifr_mtu,
	};
	memcpy(out->mac, mac.ifr_hwaddr.sa_data, sizeof(out->mac));
	return 0;
}

/* Whether `name` is a VLAN upon `below`. */
static bool is_vlan_upon(int fd, const char *name, const char *below)
{
	struct vlan_ioctl_args vlan = {.cmd = GET_VLAN_REALDEV_NAME_CMD};
	if (strlen(name) >= sizeof(vlan.device1))
		return false;
	strcpy(vlan.device1, name);
	return ioctl(fd, SIOCGIFVLAN, &vlan) == 0 &&
	       strncmp(vlan.u.device2, below, sizeof(vlan.u.device2)) == 0;
}

int interface_addresses(const char *name, bool ipv4, uint16_t port, struct address *out,
			unsigned int max)
{
	struct ifaddrs *all;
	unsigned int n = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (getifaddrs(&all) != 0) {
		close(fd);
		return -errno;
	}
	for (const struct ifaddrs *i = all; i && n < max; i = i->ifa_next) {
		struct address a;
		if (!i->ifa_addr || address_from_sockaddr(&a, i->ifa_addr) != 0 ||
		    address_is_ipv4(&a) != ipv4)
			continue;
		if (strcmp(i->ifa_name, name) != 0 && !is_vlan_upon(fd, i->ifa_name, name))
			continue;
		a.port = port;
		out[n++] = a;
	}
	freeifaddrs(all);
	close(fd);
	return (int)n;
}

unsigned int interface_rx_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (char *)&channels};
	if (ask(SIOCETHTOOL, name, &request) != 0)
		return 1;
	unsigned int n = channels.combined_count + channels.rx_count;
	return n > 0 ? n : 1;
}

unsigned int interface_xdp_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (char *)&channels};
	if (ask(SIOCETHTOOL, name, &request) != 0 || channels.max_combined == 0)
		return 1;
	return channels.combined_count;
}
