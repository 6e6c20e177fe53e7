/* The commands that --port-check would like to see run, each with its reason. They are printed,
 * never run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/port_needs.h"

#define COMMAND_BYTES 256
#define WHY_BYTES     256

struct advice_line {
	char command[COMMAND_BYTES], why[WHY_BYTES];
};

static void add(json_t *advice, const struct advice_line *line)
{
	json_array_append_new(advice,
			      json_pack("{s:s, s:s}", "command", line->command, "why", line->why));
}

static const struct huge_pages *pages_of(const struct machine *machine, uint64_t page_kb)
{
	for (unsigned int i = 0; i < machine->n_huge_pages; i++)
		if (machine->huge_pages[i].page_kb == page_kb)
			return &machine->huge_pages[i];
	return NULL;
}

/* Pages of 2 MB: as many as can be had at run time without fragments being in the way. */
static void advise_huge_pages(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	const struct huge_pages *pages = pages_of(&facts->machine, 2048);
	uint64_t wanted = (facts->config->node.memory_mb + 1) / 2;
	if (!pages || config_hugepages(facts->config) == HUGEPAGES_OFF || pages->free >= wanted)
		return;
	uint64_t total = pages->total + wanted - pages->free;
	snprintf(line.command, sizeof(line.command), "sysctl -w vm.nr_hugepages=%llu",
		 (unsigned long long)total);
	snprintf(line.why, sizeof(line.why),
		 "node.memory_mb %u in pages of 2 MB: the scheduler takes a third less time a "
		 "packet",
		 facts->config->node.memory_mb);
	add(advice, &line);
	snprintf(line.command, sizeof(line.command),
		 "echo vm.nr_hugepages=%llu > /etc/sysctl.d/60-nn5g.conf",
		 (unsigned long long)total);
	snprintf(line.why, sizeof(line.why), "the same from the next start of the machine on");
	add(advice, &line);
}

static void advise_queues(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	unsigned int workers = facts->config->node.workers;
	const struct nic *nic = &facts->nic;
	if (!facts->has_nic || nic->rx_queues == workers)
		return;
	snprintf(line.command, sizeof(line.command), "ethtool -L %s combined %u", nic->name,
		 workers);
	snprintf(line.why, sizeof(line.why), "%s has %u receive queues for %u workers: %s",
		 nic->name, nic->rx_queues, workers,
		 nic->rx_queues < workers ? "each worker wants one"
					  : "each queue locks memory for all packets");
	add(advice, &line);
}

/* The last of the CPUs the process may run on, which are least used by others by habit. */
static unsigned int cpu_last(const char *list)
{
	const char *last = strrchr(list, ',');
	const char *dash;
	unsigned int cpu = 0;
	last = last ? last + 1 : list;
	dash = strchr(last, '-');
	sscanf(dash ? dash + 1 : last, "%u", &cpu);
	return cpu;
}

static bool list_is_one(const char *list)
{
	return list[0] && strspn(list, "0123456789") == strlen(list);
}

/* A queue's interrupt on one CPU, a different one for each queue as far as they go. */
static void advise_irqs(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	const struct nic *nic = &facts->nic;
	unsigned int cpus = cpu_last(facts->machine.cpus) + 1;
	for (unsigned int i = 0; i < nic->n_irqs; i++) {
		if (list_is_one(nic->irqs[i].cpus))
			continue;
		snprintf(line.command, sizeof(line.command),
			 "echo %u > /proc/irq/%u/smp_affinity_list", i % cpus, nic->irqs[i].number);
		snprintf(line.why, sizeof(line.why),
			 "interrupt %u of %s is served by any of the CPUs %s: a queue on one CPU "
			 "keeps its packets in one cache",
			 nic->irqs[i].number, nic->name, nic->irqs[i].cpus);
		add(advice, &line);
	}
	if (nic->n_irqs > 0) {
		snprintf(line.command, sizeof(line.command), "systemctl disable --now irqbalance");
		snprintf(line.why, sizeof(line.why), "it would move the interrupts again");
		add(advice, &line);
	}
}

static void advise_isolation(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	unsigned int last = cpu_last(facts->machine.cpus);
	unsigned int workers = facts->config->node.workers;
	if (facts->machine.isolated[0] || last < workers + 1)
		return;
	unsigned int first = last - workers + 1;
	snprintf(line.command, sizeof(line.command),
		 "add to the kernel's command line: isolcpus=%u-%u nohz_full=%u-%u", first, last,
		 first, last);
	snprintf(line.why, sizeof(line.why),
		 "%u workers that poll share no CPU with other processes then; start the gateway "
		 "with taskset on all CPUs it is to have",
		 workers);
	add(advice, &line);
}

static void advise_vfio(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	const char *pci = facts->config->port.pci;
	if (!facts->machine.has_vfio_pci) {
		add(advice, &(struct advice_line){"modprobe vfio-pci",
						  "the driver that hands a NIC to a process"});
	}
	if (!facts->machine.has_iommu) {
		add(advice,
		    &(struct advice_line){
			    "modprobe vfio enable_unsafe_noiommu_mode=1",
			    "there is no IOMMU (intel_iommu=on or amd_iommu=on switches one on, "
			    "where "
			    "the firmware has it): without, the NIC may write anywhere in memory"});
	}
	if (!pci || strcmp(facts->pci_driver, "vfio-pci") == 0)
		return;
	snprintf(line.command, sizeof(line.command), "driverctl set-override %s vfio-pci", pci);
	snprintf(line.why, sizeof(line.why),
		 "takes the NIC from %s, now and at every start of the machine; its kernel "
		 "interface and what runs over it go away",
		 facts->pci_driver[0] ? facts->pci_driver : "no driver");
	add(advice, &line);
	snprintf(line.command, sizeof(line.command), "dpdk-devbind.py --bind=vfio-pci %s", pci);
	snprintf(line.why, sizeof(line.why),
		 "the same until the next start, where there is no "
		 "driverctl");
	add(advice, &line);
}

static void advise_group(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	if (facts->pci_iommu_group[0] && !facts->can_open_group) {
		snprintf(line.command, sizeof(line.command), "chown nn5g /dev/vfio/%s",
			 facts->pci_iommu_group);
		snprintf(line.why, sizeof(line.why),
			 "the group's file opens for its owner; a udev rule keeps it so");
		add(advice, &line);
	}
}

static void advise_tap(const struct port_facts *facts, json_t *advice)
{
	struct advice_line line;
	if (!facts->machine.has_tun)
		add(advice, &(struct advice_line){"modprobe tun",
						  "frames that are not ours go to the kernel "
						  "through a tap"});
	if (facts->is_tap_there || !facts->config->port.interface)
		return;
	snprintf(line.command, sizeof(line.command), "ip tuntap add dev %s mode tap user nn5g",
		 facts->config->port.interface);
	snprintf(line.why, sizeof(line.why),
		 "a tap that is there beforehand keeps its addresses, and takes no privilege to "
		 "open");
	add(advice, &line);
}

static void advise_memlock(const struct port_facts *facts, json_t *advice)
{
	if (facts->nic.xdp_rc == -ENOMEM || facts->nic.xdp_rc == -ENOBUFS)
		add(advice,
		    &(struct advice_line){"prlimit --memlock=unlimited nn5g-gateway ...",
					  "the kernel counts the packets' memory against "
					  "RLIMIT_MEMLOCK; LimitMEMLOCK= in the unit is the same"});
}

void port_advise(const struct port_facts *facts, json_t *advice)
{
	enum port_mode mode = config_port_mode(facts->config);
	advise_huge_pages(facts, advice);
	if (mode == PORT_MODE_AF_XDP) {
		advise_queues(facts, advice);
		advise_memlock(facts, advice);
	}
	if (mode == PORT_MODE_AF_XDP || mode == PORT_MODE_AF_PACKET)
		advise_irqs(facts, advice);
	if (mode == PORT_MODE_PCI) {
		advise_vfio(facts, advice);
		advise_group(facts, advice);
		advise_tap(facts, advice);
	}
	if (mode != PORT_MODE_SOCKET)
		advise_isolation(facts, advice);
}
