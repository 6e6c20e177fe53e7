/* CPU time is that of the process's clock: nanoseconds, and what threads used that have ended is in
 * it (proc(5) has either ticks, of which a short run has few, or the threads there are). */
#include "bench/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Reads a small file whole. Bytes, NUL-terminated in `text`; 0 when it is not there. */
static size_t read_file(const char *path, char *text, size_t room)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	size_t size = fread(text, 1, room - 1, file);
	fclose(file);
	text[size] = '\0';
	return size;
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void add_thread(const char *folder, const char *id, struct process_usage *usage)
{
	char path[320], text[4096];
	snprintf(path, sizeof(path), "%s/%s/status", folder, id);
	if (read_file(path, text, sizeof(text)) == 0)
		return;
	usage->threads++;
	usage->switches += number_after(text, "\nvoluntary_ctxt_switches:") +
			   number_after(text, "\nnonvoluntary_ctxt_switches:");
}

static int read_clock(pid_t pid, uint64_t *cpu_ns)
{
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return -ESRCH;
	*cpu_ns = (uint64_t)used.tv_sec * 1000000000ull + (uint64_t)used.tv_nsec;
	return 0;
}

int process_usage(int pid, struct process_usage *usage)
{
	char path[64], text[256];
	struct dirent *entry;
	unsigned long long pages;
	uint64_t cpu_ns;
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (read_file(path, text, sizeof(text)) == 0 || sscanf(text, "%*u %llu", &pages) != 1 ||
	    read_clock(pid, &cpu_ns))
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *folder = opendir(path);
	if (!folder)
		return -ESRCH;
	*usage = (struct process_usage){.resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
					.cpu_ns = cpu_ns};
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] != '.')
			add_thread(path, entry->d_name, usage);
	}
	closedir(folder);
	return 0;
}

void process_allow_files(unsigned int n)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= n)
		return;
	limit.rlim_cur = n;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}
