/* CPU time is read from each thread's schedstat, in nanoseconds: the process's own figure counts in
 * clock ticks, of which a short run has few. */
#include "bench/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	snprintf(path, sizeof(path), "%s/%s/schedstat", folder, id);
	if (read_file(path, text, sizeof(text)) == 0)
		return;
	usage->threads++;
	usage->cpu_ns += strtoull(text, NULL, 10);
	snprintf(path, sizeof(path), "%s/%s/status", folder, id);
	if (read_file(path, text, sizeof(text)) == 0)
		return;
	usage->switches += number_after(text, "\nvoluntary_ctxt_switches:") +
			   number_after(text, "\nnonvoluntary_ctxt_switches:");
}

int process_usage(int pid, struct process_usage *usage)
{
	char path[64], text[256];
	struct dirent *entry;
	unsigned long long pages;
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (read_file(path, text, sizeof(text)) == 0 || sscanf(text, "%*u %llu", &pages) != 1)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *folder = opendir(path);
	if (!folder)
		return -ESRCH;
	*usage = (struct process_usage){.resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE)};
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] != '.')
			add_thread(path, entry->d_name, usage);
	}
	closedir(folder);
	return 0;
}
