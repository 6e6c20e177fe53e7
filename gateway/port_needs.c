/* The needs of the port modes, one row each: the modes that have it, how to look, and what to do
 * about it. */
#include "gateway/port_needs.h"

#include <linux/capability.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FOUND_BYTES           256
#define XDP_PACKETS_PER_QUEUE 4096
#define MODE(name)            (1u << PORT_MODE_##name)
#define NIC_SHARED            (MODE(AF_XDP) | MODE(AF_PACKET))

const struct capability_row port_capabilities[PORT_CAPABILITIES] = {
	{CAP_NET_RAW, "CAP_NET_RAW", NIC_SHARED},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN", NIC_SHARED},
	{CAP_BPF, "CAP_BPF", MODE(AF_XDP)},
	/* Of no mode: they spare a limit or a step. */
	{CAP_IPC_LOCK, "CAP_IPC_LOCK", 0},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", 0},
	{CAP_SYS_NICE, "CAP_SYS_NICE", 0},
};

bool port_lacks_capability(const struct port_facts *facts, const struct capability_row *row,
			   enum port_mode mode)
{
	if (!(row->modes >> mode & 1) || machine_has_capability(&facts->machine, row->bit))
		return false;
	return row->bit != CAP_BPF || !machine_has_capability(&facts->machine, CAP_SYS_ADMIN);
}

/* Says in `found` what is there, and returns whether that is enough. */
typedef bool look(const struct port_facts *facts, char found[FOUND_BYTES]);

static bool __attribute__((format(printf, 3, 4)))
say(char found[FOUND_BYTES], bool met, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(found, FOUND_BYTES, format, arguments);
	va_end(arguments);
	return met;
}

static bool look_interface(const struct port_facts *facts, char found[FOUND_BYTES])
{
	return say(found, facts->has_nic, facts->has_nic ? "%s" : "there is no %s",
		   facts->config->port.interface);
}

static bool look_up(const struct port_facts *facts, char found[FOUND_BYTES])
{
	const struct nic *nic = &facts->nic;
	return say(found, nic->is_up, "%s",
		   !nic->is_up     ? "down"
		   : nic->has_link ? "up"
				   : "up, no link yet");
}

static bool look_capabilities(const struct port_facts *facts, char found[FOUND_BYTES])
{
	size_t length = 0;
	enum port_mode mode = config_port_mode(facts->config);
	for (unsigned int i = 0; i < PORT_CAPABILITIES; i++)
		if (port_lacks_capability(facts, &port_capabilities[i], mode))
			length += (size_t)snprintf(
				found + length, FOUND_BYTES - length, "%s%s",
				length ? ", " : "missing: ", port_capabilities[i].name);
	return length > 0 ? false : say(found, true, "held");
}

static bool look_kernel_xdp(const struct port_facts *facts, char found[FOUND_BYTES])
{
	unsigned int major = facts->machine.kernel_major, minor = facts->machine.kernel_minor;
	return say(found, major > 5 || (major == 5 && minor >= 18), "%s", facts->machine.kernel);
}

static bool look_queues(const struct port_facts *facts, char found[FOUND_BYTES])
{
	return say(found, facts->nic.rx_queues >= facts->config->node.workers,
		   "%u of the NIC, %u workers", facts->nic.rx_queues, facts->config->node.workers);
}

static bool look_combined(const struct port_facts *facts, char found[FOUND_BYTES])
{
	const struct nic *nic = &facts->nic;
	return say(found, nic->rx_queues <= nic->xdp_queues, "%u of %u", nic->xdp_queues,
		   nic->rx_queues);
}

/* Half of all are lent to the kernel to receive into (qos/device_af_xdp.c). */
static bool look_packets(const struct port_facts *facts, char found[FOUND_BYTES])
{
	unsigned int wanted = facts->nic.rx_queues * XDP_PACKETS_PER_QUEUE;
	return say(found, facts->config->node.packets >= wanted, "node.packets %u, %u wanted",
		   facts->config->node.packets, wanted);
}

static bool look_program(const struct port_facts *facts, char found[FOUND_BYTES])
{
	uint32_t id = facts->nic.xdp_program;
	return say(found, id == 0, id ? "program %u" : "none", id);
}

static bool look_xdp_socket(const struct port_facts *facts, char found[FOUND_BYTES])
{
	const struct nic *nic = &facts->nic;
	if (nic->xdp_rc == 0)
		return say(found, true, "made one on each of %u queues", nic->rx_queues);
	return say(found, false, "queue %u: %s: %s", nic->xdp_fault.queue,
		   xdp_step_names[nic->xdp_fault.step], strerror(-nic->xdp_rc));
}

static bool look_packet_socket(const struct port_facts *facts, char found[FOUND_BYTES])
{
	int rc = facts->nic.af_packet_rc;
	return say(found, rc == 0, "%s", rc ? strerror(-rc) : "made one");
}

static bool look_huge_pages(const struct port_facts *facts, char found[FOUND_BYTES])
{
	uint64_t free_mb = machine_huge_bytes_free(&facts->machine) >> 20;
	unsigned int memory_mb = facts->config->node.memory_mb;
	return say(found, config_hugepages(facts->config) != HUGEPAGES_ON || free_mb >= memory_mb,
		   "%llu MB free, %u MB wanted", (unsigned long long)free_mb, memory_mb);
}

static bool look_pci(const struct port_facts *facts, char found[FOUND_BYTES])
{
	return say(found, facts->is_pci_there, facts->is_pci_there ? "%s" : "there is no %s",
		   facts->config->port.pci);
}

static bool look_vfio(const struct port_facts *facts, char found[FOUND_BYTES])
{
	return say(found, strcmp(facts->pci_driver, "vfio-pci") == 0, "bound to %s",
		   facts->pci_driver[0] ? facts->pci_driver : "no driver");
}

static bool look_group(const struct port_facts *facts, char found[FOUND_BYTES])
{
	if (!facts->pci_iommu_group[0])
		return say(found, false, "the NIC is in none: no IOMMU");
	return say(found, facts->can_open_group, "/dev/vfio/%s, which %s", facts->pci_iommu_group,
		   facts->can_open_group ? "opens" : "does not open");
}

static bool look_tap(const struct port_facts *facts, char found[FOUND_BYTES])
{
	if (!facts->machine.has_tun)
		return say(found, false, "/dev/net/tun does not open");
	bool may = facts->is_tap_there || machine_has_capability(&facts->machine, CAP_NET_ADMIN);
	return say(found, may, "%s %s", facts->config->port.interface,
		   facts->is_tap_there ? "is there"
		   : may               ? "will be made"
				       : "is not there, and CAP_NET_ADMIN neither");
}

static bool look_memlock(const struct port_facts *facts, char found[FOUND_BYTES])
{
	const struct machine *machine = &facts->machine;
	uint64_t wanted = (uint64_t)facts->config->node.memory_mb << 20;
	if (machine_has_capability(machine, CAP_IPC_LOCK))
		return say(found, true, "no limit with CAP_IPC_LOCK");
	if (machine->memlock_bytes == UINT64_MAX)
		return say(found, true, "unlimited");
	return say(found, machine->memlock_bytes >= wanted, "%llu KiB, %llu wanted",
		   (unsigned long long)machine->memlock_bytes >> 10,
		   (unsigned long long)wanted >> 10);
}

static const struct need_row {
	const char *what;
	unsigned int modes;
	look *look;
	const char *remedy;
} need_rows[] = {
	{"huge pages (port.hugepages)", ~0u, look_huge_pages,
	 "give the kernel more, see the commands, or set port.hugepages: auto"},
	{"interface", NIC_SHARED, look_interface, "name one of those above in port.interface"},
	{"interface is up", NIC_SHARED, look_up, "ip link set dev INTERFACE up"},
	{"capabilities", NIC_SHARED, look_capabilities,
	 "the drop-in of this mode in conf/systemd/ gives them to the service"},
	{"kernel 5.18", MODE(AF_XDP), look_kernel_xdp, "a newer kernel, or port.mode: af_packet"},
	{"receive queues for the workers", MODE(AF_XDP), look_queues,
	 "ethtool -L INTERFACE combined N, or fewer node.workers"},
	{"all receive queues are ones that net_af_xdp opens", MODE(AF_XDP), look_combined,
	 "it opens combined queues, or an only one: ethtool -L INTERFACE rx 1"},
	{"packet buffers", MODE(AF_XDP), look_packets,
	 "raise node.packets, or use fewer receive queues"},
	{"no other XDP program", MODE(AF_XDP), look_program,
	 "end what put it there; a gateway takes its own with it"},
	{"AF_XDP sockets", MODE(AF_XDP), look_xdp_socket,
	 "packet memory: LimitMEMLOCK=infinity in the unit, ulimit -l in a shell, or "
	 "fewer node.packets; bind: another process has the queue, or the interface is down"},
	{"AF_PACKET sockets", MODE(AF_PACKET), look_packet_socket, "CAP_NET_RAW"},
	{"NIC", MODE(PCI), look_pci, "name one in port.pci; lspci -D lists them"},
	{"NIC is bound to vfio-pci", MODE(PCI), look_vfio, "see the commands"},
	{"access to its VFIO group", MODE(PCI), look_group,
	 "chown it to the service's user; an IOMMU is switched on in the firmware and by "
	 "intel_iommu=on"},
	{"tap for the kernel's share", MODE(PCI), look_tap,
	 "ip tuntap add dev TAP mode tap user USER"},
	{"locked memory for DMA", MODE(PCI), look_memlock, "LimitMEMLOCK=infinity in the unit"},
};

bool port_needs_check(const struct port_facts *facts, json_t *needs)
{
	bool all_met = true;
	enum port_mode mode = config_port_mode(facts->config);
	for (size_t i = 0; i < sizeof(need_rows) / sizeof(need_rows[0]); i++) {
		const struct need_row *row = &need_rows[i];
		char found[FOUND_BYTES] = "";
		if (!(row->modes >> mode & 1))
			continue;
		bool met = row->look(facts, found);
		all_met &= met;
		json_array_append_new(needs,
				      json_pack("{s:s, s:b, s:s, s:s}", "what", row->what, "met",
						met, "found", found, "remedy", row->remedy));
		/* Without an interface nothing can be said of it. */
		if (row->look == look_interface && !met)
			break;
	}
	return all_met;
}
