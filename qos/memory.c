#include "qos/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_memory.h>
#include <rte_memzone.h>

#define PAGES_STEP 16384

size_t memory_resident(const void *at, size_t bytes)
{
	unsigned char present[PAGES_STEP];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), resident = 0;
	uintptr_t from = (uintptr_t)at & ~(uintptr_t)(page - 1);
	uintptr_t end = (uintptr_t)at + bytes;
	while (from < end) {
		size_t step = PAGES_STEP * page < end - from ? PAGES_STEP * page : end - from;
		if (mincore((char *)from, step, present) == 0) {
			for (size_t i = 0; i < (step + page - 1) / page; i++)
				resident += present[i] & 1u ? page : 0;
		}
		from += step;
	}
	return resident < bytes ? resident : bytes;
}

struct search {
	const char *prefix;
	size_t bytes;
};

/* A mempool's memory is in zones MP_NAME and MP_NAME_n, and its ring in RG_MP_NAME. */
static void add_zone(const struct rte_memzone *zone, void *context)
{
	static const char *const kinds[] = {"RG_MP_", "MP_", "RG_"};
	struct search *search = context;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t kind = strlen(kinds[i]);
		if (strncmp(zone->name, kinds[i], kind) != 0)
			continue;
		if (strncmp(zone->name + kind, search->prefix, strlen(search->prefix)) == 0)
			search->bytes += memory_resident(zone->addr, zone->len);
		return;
	}
}

static int add_list(const struct rte_memseg_list *list, void *context)
{
	struct search *search = context;
	if (!list->external)
		search->bytes += memory_resident(list->base_va, list->len);
	return 0;
}

size_t memory_dpdk_resident(const char *prefix)
{
	struct search search = {.prefix = prefix};
	if (prefix)
		rte_memzone_walk(add_zone, &search);
	else
		rte_memseg_list_walk(add_list, &search);
	return search.bytes;
}

int memory_process_read(struct memory_process *out)
{
	struct memory_process process = {0};
	const struct {
		const char *name;
		uint64_t *bytes;
	} lines[] = {
		{"RssAnon:", &process.anonymous},
		{"RssFile:", &process.files},
		{"RssShmem:", &process.shared},
		{"HugetlbPages:", &process.hugepages},
	};
	char line[128];
	FILE *file = fopen("/proc/self/status", "re");
	if (!file)
		return -EIO;
	while (fgets(line, sizeof(line), file)) {
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			unsigned long kib;
			size_t name = strlen(lines[i].name);
			if (strncmp(line, lines[i].name, name) == 0 &&
			    sscanf(line + name, "%lu", &kib) == 1)
				*lines[i].bytes = kib * 1024ull;
		}
	}
	fclose(file);
	process.resident = process.anonymous + process.files + process.shared + process.hugepages;
	if (process.resident == 0)
		return -EIO;
	*out = process;
	return 0;
}
