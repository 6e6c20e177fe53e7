/* DPDK's environment: with hugepages where there are some to spare, without any privilege else; no
 * files left behind. Lcore 0 is the calling (control) thread, lcore 1 the handshake thread, lcores
 * 2.. the workers and, behind them, the egress thread if there is one; none is pinned. */
#pragma once

#include <stdbool.h>

enum { EAL_LCORE_CONTROL, EAL_LCORE_HANDSHAKE, EAL_LCORE_WORKER_FIRST };

enum eal_hugepages {
	EAL_HUGEPAGES_OFF,  /* who says nothing takes none from others */
	EAL_HUGEPAGES_AUTO, /* if enough 2 MB pages are free for memory_mb */
	EAL_HUGEPAGES_ON,   /* or not started at all */
	EAL_HUGEPAGES_KINDS
};
extern const char *const eal_hugepages_names[EAL_HUGEPAGES_KINDS]; /* "off", "auto", "on" */

struct eal_config {
	const char *program;    /* borrowed */
	unsigned int n_workers; /* 1..PORT_QUEUES_MAX */
	bool has_egress;        /* one more lcore: EAL_LCORE_WORKER_FIRST + n_workers */
	unsigned int memory_mb; /* all DPDK memory of the process */
	enum eal_hugepages hugepages;
	/* The one PCI device that is ours ("0000:03:00.0"), as port_config.pci_address; NULL: EAL
	 * looks at none. It must be bound to vfio-pci and stand behind an IOMMU. Borrowed. */
	const char *pci_address;
};

/* Once per process, on the control thread. The process's CPU affinity is respected. Negative errno,
 * logged. */
int eal_start(const struct eal_config *config);
void eal_stop(void);
/* Whether the process's packets lie in hugepages. After eal_start. */
bool eal_has_hugepages(void);

/* Runs `run(arg)` on a sleeping lcore (>= EAL_LCORE_HANDSHAKE). All the caller wrote before is seen
 * by it. Control thread. -EINVAL, -EBUSY. */
int eal_lcore_start(unsigned int lcore, int (*run)(void *arg), void *arg);
/* Sleeps until `run` has returned, and returns what it returned; all that it wrote is seen by the
 * caller then. -EINVAL if nothing was started there. Control thread. */
int eal_lcore_join(unsigned int lcore);
