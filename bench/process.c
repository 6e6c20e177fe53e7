#include "bench/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int process_usage(int pid, struct process_usage *usage)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return -ESRCH;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	/* The name may hold anything but ends at the last parenthesis. */
	const char *at = strrchr(text, ')');
	unsigned long user, system, pages;
	unsigned int threads;
	if (!at || sscanf(at + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %u "
			  "%*d %*u %*u %lu",
			  &user, &system, &threads, &pages) != 4)
		return -ESRCH;
	uint64_t tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	usage->cpu_ns = (user + system) * tick_ns;
	usage->threads = threads;
	usage->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
