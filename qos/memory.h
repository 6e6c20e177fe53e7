/* How much of the process's memory is really there: pages that were touched and take up memory, as
 * against what was only reserved. Any thread, but DPDK must not be starting or ending meanwhile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes of [at, at + bytes) that are in memory, counted in whole pages and not more than `bytes`.
 */
size_t memory_resident(const void *at, size_t bytes);
/* Of DPDK's memory: all of it (NULL), or the pools and rings whose names begin like this. */
size_t memory_dpdk_resident(const char *prefix);

/* The process as the kernel counts it. */
struct memory_process {
	uint64_t resident; /* hugepages are in it, other than in RSS */
	uint64_t anonymous, files, shared, hugepages;
};
/* -EIO: /proc does not say. */
int memory_process_read(struct memory_process *out);
