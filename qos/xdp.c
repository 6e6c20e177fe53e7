/* Owner of the XDP program on an interface.
 *
 * net_af_xdp loads the program and puts it on the interface through netlink, where it would outlive
 * a killed process and go on steering packets to nobody. So xdp_steer_attach finds it again among
 * this process's own file descriptors (which needs no privilege, while asking for a program by its
 * id takes CAP_SYS_ADMIN), takes it off, and puts it back through a bpf_link: the kernel ends that
 * with the last descriptor to it, on kill -9 too. The moment between the two is before the first
 * packet of ours.
 *
 * Who finds a program at the start leaves it alone unless its name says that it is ours and no link
 * holds it: then its process died in that moment. */
#include "qos/xdp.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "conf/log.h"
#include "qos/xdp/object.h"
#include "qos/xdp/steer.h"
#include "qos/xdp_probe.h"

static_assert(XDP_LISTEN_MAX == STEER_LISTEN_MAX, "as large as the program's map");
static_assert(XDP_SOCKETS_MAX == STEER_SOCKETS_MAX, "as large as the program's map");

#define FD_FOLDER  "/proc/self/fd"
#define MAPS_MAX   8 /* of one program; ours has three */
#define LINE_BYTES 1024

struct xdp_steer {
	char interface[IF_NAMESIZE];
	unsigned int ifindex;
	int link_fd, listen_fd, counters_fd; /* owned; -1: none */
	unsigned int n_listen;
	struct steer_listen listen[XDP_LISTEN_MAX]; /* in the map */
};

/* What libbpf says while it loads. gcc's type information is more than some kernels know, which
 * libbpf tells at length and goes on without. */
static int libbpf_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[LINE_BYTES];
	int length = vsnprintf(line, sizeof(line), format, arguments);
	if (length > 0 && length < (int)sizeof(line) && line[length - 1] == '\n')
		line[length - 1] = '\0';
	if (level == LIBBPF_WARN && !strstr(line, "BTF"))
		log_warn(LOG_PORT, "libbpf", "\"line\":\"%s\"", log_escape(line));
	else
		log_debug(LOG_PORT, "libbpf", "\"line\":\"%s\"", log_escape(line));
	return length;
}

/* The id of the program on an interface; 0: none. */
static int program_query(unsigned int ifindex, uint32_t *id)
{
	*id = 0;
	return bpf_xdp_query_id((int)ifindex, 0, id);
}

int xdp_program_id(const char *interface, uint32_t *id)
{
	unsigned int ifindex = if_nametoindex(interface);
	return ifindex ? program_query(ifindex, id) : -ENODEV;
}

static int fault(const char *interface, int rc, const char *what)
{
	log_error(LOG_PORT, what, "\"interface\":\"%s\",\"error\":\"%s\"", log_escape(interface),
		  strerror(-rc));
	return rc;
}

/* 1: ours, 0: not ours, negative errno: the kernel does not tell. */
static int program_is_ours(uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = {0};
	uint32_t bytes = sizeof(info);
	name[0] = '\0';
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	int rc = bpf_obj_get_info_by_fd(fd, &info, &bytes);
	close(fd);
	if (rc)
		return rc;
	memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	return strcmp(info.name, XDP_PROGRAM_NAME) == 0;
}

int xdp_steer_prepare(const char *interface)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id;
	unsigned int ifindex = if_nametoindex(interface);
	if (ifindex == 0)
		return fault(interface, -ENODEV, "there is no such interface");
	int rc = program_query(ifindex, &id);
	if (rc)
		return fault(interface, rc, "cannot ask for the XDP program of the interface");
	if (id == 0)
		return 0;
	int ours = program_is_ours(id, name);
	if (ours == 1 && bpf_xdp_detach((int)ifindex, 0, NULL) == 0) {
		log_warn(LOG_PORT, "removed the XDP program that a killed gateway left",
			 "\"interface\":\"%s\",\"program\":%u", log_escape(interface), id);
		return 0;
	}
	log_error(LOG_PORT,
		  ours == 1 ? "another gateway steers packets of this interface; end it first"
			    : "another XDP program is on the interface: end what put it there, or "
			      "remove it with 'ip link set dev INTERFACE xdp off'",
		  "\"interface\":\"%s\",\"program\":%u,\"name\":\"%s\"", log_escape(interface), id,
		  ours < 0 ? "not told without CAP_SYS_ADMIN" : log_escape(name));
	return -EBUSY;
}

int xdp_steer_open_object(char *path, size_t path_bytes)
{
	libbpf_set_print(libbpf_log);
	int fd = memfd_create("nn5g_steer", MFD_CLOEXEC);
	if (fd < 0)
		return fault("", -errno, "cannot make a memory file for the XDP program");
	ssize_t n = write(fd, xdp_steer_object, xdp_steer_object_bytes);
	if (n != (ssize_t)xdp_steer_object_bytes) {
		int rc = n < 0 ? -errno : -ENOSPC;
		close(fd);
		return fault("", rc, "cannot write the XDP program to its memory file");
	}
	int length = snprintf(path, path_bytes, FD_FOLDER "/%d", fd);
	if (length < 0 || (size_t)length >= path_bytes) {
		close(fd);
		return -ENAMETOOLONG;
	}
	return fd;
}

/* Whether descriptor `fd` is of that kind: "anon_inode:bpf-prog", "anon_inode:bpf-map". */
static bool fd_is(const char *name, const char *kind)
{
	char path[sizeof(FD_FOLDER) + NAME_MAX + 1], link[64];
	snprintf(path, sizeof(path), FD_FOLDER "/%s", name);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	return strcmp(link, kind) == 0;
}

/* Goes through this process's descriptors of a kind until `fits` takes one; returns a duplicate of
 * it, or -ENOENT. */
static int own_fd_find(const char *kind, bool (*fits)(int fd, void *arg), void *arg)
{
	int found = -ENOENT;
	DIR *folder = opendir(FD_FOLDER);
	if (!folder)
		return -errno;
	for (struct dirent *entry; found == -ENOENT && (entry = readdir(folder));) {
		if (!fd_is(entry->d_name, kind))
			continue;
		int fd = atoi(entry->d_name);
		if (fits(fd, arg))
			found = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	closedir(folder);
	return found;
}

/* The program wanted by its id; then, what the kernel says of it. */
struct program {
	uint32_t id;
	struct bpf_prog_info info;
	uint32_t map_ids[MAPS_MAX];
};

static bool program_fits(int fd, void *arg)
{
	struct program *wanted = arg;
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX,
				     .map_ids = (uint64_t)(uintptr_t)wanted->map_ids};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) || info.id != wanted->id)
		return false;
	wanted->info = info;
	return strcmp(info.name, XDP_PROGRAM_NAME) == 0;
}

struct map {
	const struct program *program;
	const char *name;
};

static bool map_fits(int fd, void *arg)
{
	const struct map *wanted = arg;
	struct bpf_map_info info = {0};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) || strcmp(info.name, wanted->name) != 0)
		return false;
	for (uint32_t i = 0; i < wanted->program->info.nr_map_ids && i < MAPS_MAX; i++)
		if (wanted->program->map_ids[i] == info.id)
			return true;
	return false;
}

static int map_open(const struct program *program, const char *name, int *out)
{
	struct map wanted = {.program = program, .name = name};
	int fd = own_fd_find("anon_inode:bpf-map", map_fits, &wanted);
	if (fd < 0)
		return fd;
	*out = fd;
	return 0;
}

static int maps_open(struct xdp_steer *steer, const struct program *program)
{
	int rc = map_open(program, "nn5g_listen", &steer->listen_fd);
	return rc ? rc : map_open(program, "nn5g_counters", &steer->counters_fd);
}

/* From an attachment that stays to one that ends with us. */
static int link_replace(struct xdp_steer *steer, int program_fd)
{
	int rc = bpf_xdp_detach((int)steer->ifindex, 0, NULL);
	if (rc)
		return rc;
	steer->link_fd = bpf_link_create(program_fd, (int)steer->ifindex, BPF_XDP, NULL);
	return steer->link_fd < 0 ? steer->link_fd : 0;
}

int xdp_steer_attach(const char *interface, struct xdp_steer **out)
{
	struct program program = {0};
	struct xdp_steer *steer = calloc(1, sizeof(*steer));
	if (!steer)
		return -ENOMEM;
	*steer = (struct xdp_steer){.link_fd = -1, .listen_fd = -1, .counters_fd = -1};
	snprintf(steer->interface, sizeof(steer->interface), "%s", interface);
	steer->ifindex = if_nametoindex(interface);
	int program_fd = -1;
	int rc = steer->ifindex ? program_query(steer->ifindex, &program.id) : -ENODEV;
	if (rc)
		goto out;
	rc = program_fd = own_fd_find("anon_inode:bpf-prog", program_fits, &program);
	if (rc < 0)
		goto out;
	rc = maps_open(steer, &program);
	if (rc == 0)
		rc = link_replace(steer, program_fd);
	else
		bpf_xdp_detach((int)steer->ifindex, 0, NULL);
out:
	if (program_fd >= 0)
		close(program_fd);
	if (rc) {
		fault(interface, rc, "cannot take charge of the XDP program on the interface");
		xdp_steer_destroy(steer);
		return rc;
	}
	*out = steer;
	return 0;
}

static bool listen_has(const struct steer_listen *keys, unsigned int n,
		       const struct steer_listen *key)
{
	for (unsigned int i = 0; i < n; i++)
		if (memcmp(&keys[i], key, sizeof(*key)) == 0)
			return true;
	return false;
}

int xdp_steer_set(struct xdp_steer *steer, const struct address *addresses, unsigned int n,
		  uint16_t udp_port)
{
	struct steer_listen keys[XDP_LISTEN_MAX] = {0};
	const uint8_t there = 1;
	if (n > XDP_LISTEN_MAX)
		return fault(steer->interface, -E2BIG, "too many addresses to steer");
	for (unsigned int i = 0; i < n; i++) {
		memcpy(keys[i].ip, addresses[i].ip, sizeof(keys[i].ip));
		keys[i].port_be16 = htons(udp_port);
	}
	/* What goes first, for a full map has no room for both. */
	for (unsigned int i = 0; i < steer->n_listen; i++)
		if (!listen_has(keys, n, &steer->listen[i]))
			bpf_map_delete_elem(steer->listen_fd, &steer->listen[i]);
	memcpy(steer->listen, keys, sizeof(keys));
	steer->n_listen = n;
	for (unsigned int i = 0; i < n; i++) {
		int rc = bpf_map_update_elem(steer->listen_fd, &keys[i], &there, BPF_ANY);
		if (rc)
			return fault(steer->interface, rc,
				     "cannot tell the XDP program where to listen");
	}
	return 0;
}

int xdp_steer_read(const struct xdp_steer *steer, struct xdp_counters *counters)
{
	int n_cpus = libbpf_num_possible_cpus();
	if (n_cpus < 0)
		return n_cpus;
	uint64_t *cpus = calloc((size_t)n_cpus, sizeof(*cpus)), sums[STEER_COUNTERS] = {0};
	int rc = cpus ? 0 : -ENOMEM;
	for (uint32_t which = 0; rc == 0 && which < STEER_COUNTERS; which++) {
		rc = bpf_map_lookup_elem(steer->counters_fd, &which, cpus);
		for (int cpu = 0; rc == 0 && cpu < n_cpus; cpu++)
			sums[which] += cpus[cpu];
	}
	free(cpus);
	if (rc == 0)
		*counters = (struct xdp_counters){.steered = sums[STEER_STEERED],
						  .passed = sums[STEER_PASSED]};
	return rc;
}

/* What came of it, for whoever reads the log. */
static void log_end(const struct xdp_steer *steer)
{
	struct xdp_counters counters;
	if (xdp_steer_read(steer, &counters) == 0)
		log_info(LOG_PORT, "the XDP program is off the interface",
			 "\"interface\":\"%s\",\"steered\":%llu,\"passed\":%llu",
			 log_escape(steer->interface), (unsigned long long)counters.steered,
			 (unsigned long long)counters.passed);
}

void xdp_steer_destroy(struct xdp_steer *steer)
{
	if (!steer)
		return;
	if (steer->link_fd >= 0) {
		log_end(steer);
		/* At once, whoever else may hold the link. */
		bpf_link_detach(steer->link_fd);
		close(steer->link_fd);
	}
	if (steer->listen_fd >= 0)
		close(steer->listen_fd);
	if (steer->counters_fd >= 0)
		close(steer->counters_fd);
	free(steer);
}
