/* DPDK's environment for a process with no privileges: no hugepages, no PCI, no files left behind.
 * Lcore 0 is the calling (control) thread, lcore 1 the handshake thread, lcores 2.. the workers;
 * none is pinned. */
#pragma once

enum { EAL_LCORE_CONTROL, EAL_LCORE_HANDSHAKE, EAL_LCORE_WORKER_FIRST };

struct eal_config {
	const char *program;    /* borrowed */
	unsigned int n_workers; /* 1..PORT_QUEUES_MAX */
	unsigned int memory_mb; /* all DPDK memory of the process */
};

/* Once per process, on the control thread. The process's CPU affinity is respected. Negative errno,
 * logged. */
int eal_start(const struct eal_config *config);
void eal_stop(void);

/* Runs `run(arg)` on a sleeping lcore (>= EAL_LCORE_HANDSHAKE). All the caller wrote before is seen
 * by it. Control thread. -EINVAL, -EBUSY. */
int eal_lcore_start(unsigned int lcore, int (*run)(void *arg), void *arg);
/* Sleeps until `run` has returned, and returns what it returned; all that it wrote is seen by the
 * caller then. -EINVAL if nothing was started there. Control thread. */
int eal_lcore_join(unsigned int lcore);
