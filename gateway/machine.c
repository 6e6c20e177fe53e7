/* Facts from /proc, /sys and a few harmless system calls. */
#include "gateway/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PATH_BYTES       320
#define HUGE_PAGE_FOLDER "/sys/kernel/mm/hugepages"
#define HUGE_PAGE_PREFIX "hugepages-"

void machine_read_line(const char *path, char *text, unsigned int bytes)
{
	text[0] = '\0';
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(text, (int)bytes, file))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

/* The rest of the line of /proc/self/status that begins with `key`. */
static void status_read(const char *key, char *text, size_t bytes)
{
	char line[MACHINE_TEXT_BYTES];
	size_t length = strlen(key);
	FILE *file = fopen("/proc/self/status", "re");
	text[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, length) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, bytes, "%s", line + length + strspn(line + length, " \t"));
		break;
	}
	if (file)
		fclose(file);
}

static uint64_t number_read(const char *folder, const char *name, const char *file)
{
	char path[PATH_BYTES], text[32];
	snprintf(path, sizeof(path), "%s/%s/%s", folder, name, file);
	machine_read_line(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static void huge_pages_read(struct machine *machine)
{
	DIR *folder = opendir(HUGE_PAGE_FOLDER);
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder));) {
		struct huge_pages *pages = &machine->huge_pages[machine->n_huge_pages];
		if (machine->n_huge_pages == MACHINE_PAGE_SIZES ||
		    strncmp(entry->d_name, HUGE_PAGE_PREFIX, strlen(HUGE_PAGE_PREFIX)) != 0)
			continue;
		pages->page_kb = strtoull(entry->d_name + strlen(HUGE_PAGE_PREFIX), NULL, 10);
		pages->total = number_read(HUGE_PAGE_FOLDER, entry->d_name, "nr_hugepages");
		pages->free = number_read(HUGE_PAGE_FOLDER, entry->d_name, "free_hugepages");
		machine->n_huge_pages++;
	}
	closedir(folder);
}

uint64_t machine_huge_bytes_free(const struct machine *machine)
{
	uint64_t bytes = 0;
	for (unsigned int i = 0; i < machine->n_huge_pages; i++)
		bytes += machine->huge_pages[i].free * machine->huge_pages[i].page_kb * 1024;
	return bytes;
}

static bool udp_segment_works(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = 1200;
	if (fd < 0)
		return false;
	bool works = setsockopt(fd, SOL_UDP, UDP_SEGMENT, &bytes, sizeof(bytes)) == 0;
	close(fd);
	return works;
}

/* A kernel that has the call finds fault with the descriptor. */
static bool epoll_pwait2_works(void)
{
	return syscall(SYS_epoll_pwait2, -1, NULL, 1, NULL, NULL, 0) < 0 && errno != ENOSYS;
}

static bool folder_has_entries(const char *path)
{
	bool has = false;
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && !has && (entry = readdir(folder));)
		has = entry->d_name[0] != '.';
	if (folder)
		closedir(folder);
	return has;
}

static bool can_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void kernel_read(struct machine *machine)
{
	struct utsname names;
	if (uname(&names))
		return;
	snprintf(machine->kernel, sizeof(machine->kernel), "%s", names.release);
	sscanf(names.release, "%u.%u", &machine->kernel_major, &machine->kernel_minor);
}

void machine_read(struct machine *machine)
{
	char text[MACHINE_TEXT_BYTES];
	struct rlimit memlock = {0};
	*machine = (struct machine){
		.has_udp_segment = udp_segment_works(),
		.has_epoll_pwait2 = epoll_pwait2_works(),
		.has_tun = can_open("/dev/net/tun"),
		.has_vfio = access("/dev/vfio/vfio", F_OK) == 0,
		.has_vfio_pci = access("/sys/bus/pci/drivers/vfio-pci", F_OK) == 0,
		.has_iommu = folder_has_entries("/sys/kernel/iommu_groups"),
	};
	kernel_read(machine);
	status_read("CapEff:", text, sizeof(text));
	machine->capabilities = strtoull(text, NULL, 16);
	if (getrlimit(RLIMIT_MEMLOCK, &memlock) == 0)
		machine->memlock_bytes =
			memlock.rlim_cur == RLIM_INFINITY ? UINT64_MAX : memlock.rlim_cur;
	huge_pages_read(machine);
	status_read("Cpus_allowed_list:", machine->cpus, sizeof(machine->cpus));
	machine_read_line("/sys/devices/system/cpu/isolated", machine->isolated,
			  sizeof(machine->isolated));
}
