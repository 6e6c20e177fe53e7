#include "bench/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* user_namespaces(7): groups may be mapped once they cannot be dropped. */
static int map_user(uid_t uid, gid_t gid)
{
	char text[48];
	int rc = write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %u 1", uid);
	if (rc == 0)
		rc = write_file("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "0 %u 1", gid);
	return rc ? rc : write_file("/proc/self/gid_map", text);
}

static int start_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
	close(fd);
	return rc;
}

int namespace_enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWNET) == 0)
		return start_loopback();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -errno;
	int rc = map_user(uid, gid);
	return rc ? rc : start_loopback();
}
