/* What this machine and this process may do, as far as ports care: read from the kernel, nothing is
 * changed. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_TEXT_BYTES 256
#define MACHINE_PAGE_SIZES 4

struct huge_pages {
	uint64_t page_kb;
	uint64_t total, free; /* pages */
};

struct machine {
	char kernel[MACHINE_TEXT_BYTES]; /* its release, "6.1.0-18-amd64" */
	unsigned int kernel_major, kernel_minor;
	bool has_udp_segment;  /* UDP_SEGMENT: one send, many datagrams */
	bool has_epoll_pwait2; /* waits in ns instead of ms */
	bool has_tun;          /* /dev/net/tun can be opened */
	bool has_vfio;         /* /dev/vfio/vfio is there */
	bool has_vfio_pci;     /* the driver a NIC is bound to */
	bool has_iommu;
	uint64_t capabilities;  /* effective, bit CAP_... */
	uint64_t memlock_bytes; /* RLIMIT_MEMLOCK; UINT64_MAX: unlimited */
	struct huge_pages huge_pages[MACHINE_PAGE_SIZES];
	unsigned int n_huge_pages;
	char cpus[MACHINE_TEXT_BYTES];     /* the process may run on, "0-3,8" */
	char isolated[MACHINE_TEXT_BYTES]; /* isolcpus of the kernel's command line; may be "" */
};

void machine_read(struct machine *machine);

static inline bool machine_has_capability(const struct machine *machine, unsigned int capability)
{
	return machine->capabilities >> capability & 1;
}

/* Memory in free huge pages of all sizes. */
uint64_t machine_huge_bytes_free(const struct machine *machine);

/* The first line of a small file of /proc or /sys, without its newline. "" when there is none. */
void machine_read_line(const char *path, char *text, unsigned int bytes);
