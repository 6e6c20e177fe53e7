/* Gathers the facts, holds them against the configured mode and prints the report. The report is
 * one JSON value; the text is made from it, so the two cannot differ. */
#include "gateway/port_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gateway/port_needs.h"

#define PATH_BYTES 128
/* Of one packet buffer with all that stands before it, rounded up to what a page holds. */
#define PACKET_MEMORY_BYTES 4096

static const char *const mode_names[] = {
	[PORT_MODE_SOCKET] = "socket",
	[PORT_MODE_AF_XDP] = "af_xdp",
	[PORT_MODE_AF_PACKET] = "af_packet",
	[PORT_MODE_PCI] = "pci",
};
#define MODES (sizeof(mode_names) / sizeof(mode_names[0]))

/* The last part of what a link points to, or "". */
static void link_read(const char *pci, const char *name, char *text, size_t bytes)
{
	char path[PATH_BYTES], target[256];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pci, name);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	text[0] = '\0';
	if (n < 0)
		return;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(text, bytes, "%.*s", (int)bytes - 1, slash ? slash + 1 : target);
}

static void pci_read(struct port_facts *facts)
{
	char path[PATH_BYTES];
	const char *pci = facts->config->port.pci;
	if (!pci)
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", pci);
	facts->is_pci_there = access(path, F_OK) == 0;
	link_read(pci, "driver", facts->pci_driver, sizeof(facts->pci_driver));
	link_read(pci, "iommu_group", facts->pci_iommu_group, sizeof(facts->pci_iommu_group));
	snprintf(path, sizeof(path), "/dev/vfio/%s", facts->pci_iommu_group);
	facts->can_open_group = facts->pci_iommu_group[0] && access(path, R_OK | W_OK) == 0;
}

static void facts_read(const struct gateway_config *config, struct port_facts *facts)
{
	const char *interface = config->port.interface;
	*facts = (struct port_facts){
		.config = config,
		.packet_bytes = (uint64_t)config->node.packets * PACKET_MEMORY_BYTES,
	};
	machine_read(&facts->machine);
	if (interface && config_port_mode(config) == PORT_MODE_PCI)
		facts->is_tap_there = if_nametoindex(interface) != 0;
	else if (interface)
		facts->has_nic = nic_read(interface, facts->packet_bytes, &facts->nic) == 0;
	pci_read(facts);
}

static json_t *kernel_report(const struct machine *machine)
{
	return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:b}", "release", machine->kernel,
			 "udp_segment", machine->has_udp_segment, "epoll_pwait2",
			 machine->has_epoll_pwait2, "tun", machine->has_tun, "vfio",
			 machine->has_vfio, "vfio_pci", machine->has_vfio_pci, "iommu",
			 machine->has_iommu);
}

static json_t *huge_pages_report(const struct machine *machine)
{
	json_t *list = json_array();
	for (unsigned int i = 0; i < machine->n_huge_pages; i++) {
		const struct huge_pages *pages = &machine->huge_pages[i];
		json_array_append_new(list, json_pack("{s:I, s:I, s:I}", "page_kb",
						      (json_int_t)pages->page_kb, "total",
						      (json_int_t)pages->total, "free",
						      (json_int_t)pages->free));
	}
	return list;
}

/* What is held, and what each mode lacks. */
static json_t *capabilities_report(const struct port_facts *facts)
{
	json_t *held = json_array(), *missing = json_object();
	for (unsigned int i = 0; i < PORT_CAPABILITIES; i++)
		if (machine_has_capability(&facts->machine, port_capabilities[i].bit))
			json_array_append_new(held, json_string(port_capabilities[i].name));
	for (unsigned int mode = 0; mode < MODES; mode++) {
		json_t *list = json_array();
		for (unsigned int i = 0; i < PORT_CAPABILITIES; i++)
			if (port_lacks_capability(facts, &port_capabilities[i],
						  (enum port_mode)mode))
				json_array_append_new(list, json_string(port_capabilities[i].name));
		json_object_set_new(missing, mode_names[mode], list);
	}
	return json_pack("{s:o, s:o}", "held", held, "missing", missing);
}

static json_t *irqs_report(const struct nic *nic)
{
	json_t *list = json_array();
	for (unsigned int i = 0; i < nic->n_irqs; i++)
		json_array_append_new(list, json_pack("{s:i, s:s}", "irq", (int)nic->irqs[i].number,
						      "cpus", nic->irqs[i].cpus));
	return list;
}

static json_t *nic_report(const struct nic *nic)
{
	const char *xdp = nic->xdp_rc ? strerror(-nic->xdp_rc) : "";
	json_t *report = json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:s, s:i, s:o}", "name", nic->name,
		"driver", nic->driver, "bus", nic->bus, "rx_queues", (int)nic->rx_queues, "mtu",
		(int)nic->mtu, "speed_mbps", (int)nic->speed_mbps, "up", nic->is_up, "link",
		nic->has_link, "xdp", nic->is_native_xdp_likely ? "native" : "generic",
		"xdp_program", (int)nic->xdp_program, "irqs", irqs_report(nic));
	json_object_set_new(report, "af_xdp", json_boolean(nic->xdp_rc == 0));
	json_object_set_new(report, "af_xdp_step",
			    json_string(nic->xdp_rc ? xdp_step_names[nic->xdp_fault.step] : ""));
	json_object_set_new(report, "af_xdp_error", json_string(xdp));
	json_object_set_new(report, "af_packet", json_boolean(nic->af_packet_rc == 0));
	return report;
}

/* All interfaces but loopback. The memory of the configured one's sockets was tried already: here
 * it is a page each, so that the list says what the interfaces can do, not the limits. */
static json_t *nics_report(void)
{
	char names[NIC_MAX][IF_NAMESIZE];
	unsigned int n = nic_list(names);
	json_t *list = json_array();
	for (unsigned int i = 0; i < n; i++) {
		struct nic nic;
		if (nic_read(names[i], PACKET_MEMORY_BYTES, &nic) == 0 && !nic.is_loopback)
			json_array_append_new(list, nic_report(&nic));
	}
	return list;
}

static json_t *report_make(const struct port_facts *facts)
{
	const struct machine *machine = &facts->machine;
	const char *interface = facts->config->port.interface;
	json_t *needs = json_array(), *advice = json_array();
	bool can_run = port_needs_check(facts, needs);
	port_advise(facts, advice);
	json_t *memlock = machine->memlock_bytes == UINT64_MAX
				  ? json_null()
				  : json_integer((json_int_t)machine->memlock_bytes);
	return json_pack("{s:s, s:b, s:s?, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "mode",
			 mode_names[config_port_mode(facts->config)], "can_run", can_run,
			 "interface", interface, "kernel", kernel_report(machine), "capabilities",
			 capabilities_report(facts), "memlock_bytes", memlock, "huge_pages",
			 huge_pages_report(machine), "cpus", machine->cpus, "isolated_cpus",
			 machine->isolated, "interfaces", nics_report(), "needs", needs, "advice",
			 advice);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *yes_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

static void list_print(const json_t *list, const char *if_none, FILE *out)
{
	size_t i;
	json_t *one;
	if (json_array_size(list) == 0)
		fprintf(out, " %s", if_none);
	json_array_foreach(list, i, one) fprintf(out, " %s", json_string_value(one));
	fputc('\n', out);
}

static void machine_print(const json_t *report, FILE *out)
{
	size_t i;
	const char *mode;
	json_t *one;
	const json_t *kernel = json_object_get(report, "kernel");
	const json_t *capabilities = json_object_get(report, "capabilities");
	const json_t *memlock = json_object_get(report, "memlock_bytes");
	fprintf(out, "kernel        %s; UDP_SEGMENT %s, epoll_pwait2 %s, tun %s\n",
		text_of(kernel, "release"), yes_of(kernel, "udp_segment"),
		yes_of(kernel, "epoll_pwait2"), yes_of(kernel, "tun"));
	fprintf(out, "VFIO          IOMMU %s, /dev/vfio %s, vfio-pci %s\n", yes_of(kernel, "iommu"),
		yes_of(kernel, "vfio"), yes_of(kernel, "vfio_pci"));
	fputs("capabilities ", out);
	list_print(json_object_get(capabilities, "held"), "none of those that ports ask for", out);
	json_object_foreach(json_object_get(capabilities, "missing"), mode, one)
	{
		fprintf(out, "  %-10s ", mode);
		list_print(one, "lacks none", out);
	}
	if (json_is_null(memlock))
		fputs("locked memory unlimited\n", out);
	else
		fprintf(out, "locked memory %lld KiB\n",
			(long long)json_integer_value(memlock) / 1024);
	json_array_foreach(json_object_get(report, "huge_pages"), i, one)
		fprintf(out, "huge pages    of %lld KiB: %lld, %lld free\n",
			number_of(one, "page_kb"), number_of(one, "total"), number_of(one, "free"));
	fprintf(out, "CPUs          %s; isolated: %s\n", text_of(report, "cpus"),
		text_of(report, "isolated_cpus")[0] ? text_of(report, "isolated_cpus") : "none");
}

static void nic_print(const json_t *nic, FILE *out)
{
	size_t i;
	json_t *irq;
	fprintf(out, "interface     %s: driver %s, %lld receive queues, MTU %lld, %s, link %s",
		text_of(nic, "name"),
		text_of(nic, "driver")[0] ? text_of(nic, "driver") : "unknown",
		number_of(nic, "rx_queues"), number_of(nic, "mtu"),
		json_is_true(json_object_get(nic, "up")) ? "up" : "down", yes_of(nic, "link"));
	if (number_of(nic, "speed_mbps") > 0)
		fprintf(out, ", %lld Mbit/s", number_of(nic, "speed_mbps"));
	fprintf(out, "\n  XDP         %s likely", text_of(nic, "xdp"));
	if (number_of(nic, "xdp_program") > 0)
		fprintf(out, ", program %lld is on it", number_of(nic, "xdp_program"));
	fprintf(out, "; AF_XDP socket %s%s%s%s; AF_PACKET socket %s\n", yes_of(nic, "af_xdp"),
		text_of(nic, "af_xdp_error")[0] ? ", " : "", text_of(nic, "af_xdp_step"),
		text_of(nic, "af_xdp_error")[0] ? " refused" : "", yes_of(nic, "af_packet"));
	json_array_foreach(json_object_get(nic, "irqs"), i, irq)
		fprintf(out, "  interrupt   %lld on CPUs %s\n", number_of(irq, "irq"),
			text_of(irq, "cpus"));
}

static void verdict_print(const json_t *report, FILE *out)
{
	size_t i;
	json_t *one;
	bool can_run = json_is_true(json_object_get(report, "can_run"));
	fprintf(out, "\nport.mode %s %s\n", text_of(report, "mode"),
		can_run ? "can run" : "can NOT run");
	json_array_foreach(json_object_get(report, "needs"), i, one)
	{
		bool met = json_is_true(json_object_get(one, "met"));
		fprintf(out, "  %-8s %s: %s\n", met ? "ok" : "MISSING", text_of(one, "what"),
			text_of(one, "found"));
		if (!met)
			fprintf(out, "           -> %s\n", text_of(one, "remedy"));
	}
	if (json_array_size(json_object_get(report, "advice")) > 0)
		fputs("\ncommands that would help (as root; none was run):\n", out);
	json_array_foreach(json_object_get(report, "advice"), i, one)
		fprintf(out, "  %s\n      # %s\n", text_of(one, "command"), text_of(one, "why"));
}

static void report_print(const json_t *report, FILE *out)
{
	size_t i;
	json_t *nic;
	machine_print(report, out);
	json_array_foreach(json_object_get(report, "interfaces"), i, nic) nic_print(nic, out);
	verdict_print(report, out);
}

int port_check(const struct gateway_config *config, bool json, FILE *out)
{
	struct port_facts facts;
	facts_read(config, &facts);
	json_t *report = report_make(&facts);
	if (!report)
		return -ENOMEM;
	int rc = json_is_true(json_object_get(report, "can_run")) ? 0 : 1;
	if (json) {
		json_dumpf(report, out, JSON_INDENT(2));
		fputc('\n', out);
	} else {
		report_print(report, out);
	}
	json_decref(report);
	return rc;
}
