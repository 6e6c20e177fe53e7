/* Asks the kernel through the ethtool ioctls, which see the caller's network namespace whatever is
 * mounted at /sys. */
#include "gateway/nic.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/machine.h"
#include "qos/interface.h"

#define PATH_BYTES 320

/* Drivers that run an XDP program before they make an skb (Linux 6.1). */
static const char *const native_drivers[] = {
	"veth",    "virtio_net",   "tun",         "ixgbe",   "ixgbevf",       "i40e",
	"ice",     "igb",          "igc",         "mlx4_en", "mlx5_core",     "bnxt_en",
	"ena",     "gve",          "hv_netvsc",   "sfc",     "qede",          "nfp",
	"mvneta",  "mvpp2",        "stmmac",      "st_gmac", "fsl_dpaa2_eth", "fsl_enetc",
	"bonding", "xen-netfront", "thunder-nic", "mana",
};

static bool driver_is_native(const char *driver)
{
	for (size_t i = 0; i < sizeof(native_drivers) / sizeof(native_drivers[0]); i++)
		if (strcmp(driver, native_drivers[i]) == 0)
			return true;
	return false;
}

static struct ifreq request_of(const char *name)
{
	struct ifreq request = {0};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return request;
}

static bool ethtool_ask(int fd, const char *name, void *command)
{
	struct ifreq request = request_of(name);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

static void driver_read(int fd, struct nic *nic)
{
	struct ethtool_drvinfo answer = {.cmd = ETHTOOL_GDRVINFO};
	if (!ethtool_ask(fd, nic->name, &answer))
		return;
	snprintf(nic->driver, sizeof(nic->driver), "%s", answer.driver);
	snprintf(nic->bus, sizeof(nic->bus), "%s", answer.bus_info);
}

/* The kernel first says how long its masks of link modes are, then takes them. */
static void speed_read(int fd, struct nic *nic)
{
	union {
		struct ethtool_link_settings settings;
		uint8_t room[sizeof(struct ethtool_link_settings) + 3 * 127 * sizeof(uint32_t)];
	} answer = {.settings.cmd = ETHTOOL_GLINKSETTINGS};
	if (!ethtool_ask(fd, nic->name, &answer) || answer.settings.link_mode_masks_nwords >= 0)
		return;
	answer.settings.link_mode_masks_nwords = (int8_t)-answer.settings.link_mode_masks_nwords;
	answer.settings.cmd = ETHTOOL_GLINKSETTINGS;
	if (ethtool_ask(fd, nic->name, &answer) && answer.settings.speed != (uint32_t)SPEED_UNKNOWN)
		nic->speed_mbps = answer.settings.speed;
}

static int link_read(int fd, struct nic *nic)
{
	struct ifreq request = request_of(nic->name);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return -errno;
	nic->is_loopback = request.ifr_flags & IFF_LOOPBACK;
	nic->is_up = request.ifr_flags & IFF_UP;
	nic->has_link = request.ifr_flags & IFF_RUNNING;
	if (ioctl(fd, SIOCGIFMTU, &request) == 0)
		nic->mtu = (unsigned int)request.ifr_mtu;
	return 0;
}

/* The interrupts of its bus device; a virtio device's are its parent's, which is the one that the
 * driver names. */
static void irqs_read(struct nic *nic)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", nic->bus);
	DIR *folder = nic->bus[0] ? opendir(path) : NULL;
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder)) && nic->n_irqs < NIC_IRQS_MAX;) {
		struct nic_irq *irq = &nic->irqs[nic->n_irqs];
		if (entry->d_name[0] == '.')
			continue;
		irq->number = (unsigned int)strtoul(entry->d_name, NULL, 10);
		snprintf(path, sizeof(path), "/proc/irq/%u/smp_affinity_list", irq->number);
		machine_read_line(path, irq->cpus, sizeof(irq->cpus));
		nic->n_irqs++;
	}
	closedir(folder);
}

static void sockets_try(struct nic *nic, uint64_t xdp_bytes)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	nic->af_packet_rc = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	nic->xdp_rc = xdp_probe(nic->name, nic->rx_queues, xdp_bytes, &nic->xdp_fault);
}

int nic_read(const char *name, uint64_t xdp_bytes, struct nic *nic)
{
	*nic = (struct nic){0};
	snprintf(nic->name, sizeof(nic->name), "%s", name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = link_read(fd, nic);
	if (rc == 0) {
		driver_read(fd, nic);
		nic->rx_queues = interface_rx_queues(name);
		nic->xdp_queues = interface_xdp_queues(name);
		speed_read(fd, nic);
		nic->is_native_xdp_likely = driver_is_native(nic->driver);
		xdp_program_id(name, &nic->xdp_program);
		irqs_read(nic);
		sockets_try(nic, xdp_bytes);
	}
	close(fd);
	return rc;
}

unsigned int nic_list(char names[NIC_MAX][IF_NAMESIZE])
{
	unsigned int n = 0;
	struct if_nameindex *all = if_nameindex();
	for (struct if_nameindex *one = all; one && one->if_index && n < NIC_MAX; one++)
		snprintf(names[n++], IF_NAMESIZE, "%s", one->if_name);
	if (all)
		if_freenameindex(all);
	return n;
}
