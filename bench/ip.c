#include "bench/ip.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 24

extern char **environ;

int ip_run(const char *format, ...)
{
	char text[256], words[256], *argv[WORDS_MAX] = {"ip"}, *rest = words;
	int n = 1, status = 0;
	pid_t pid;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	memcpy(words, text, sizeof(words));
	while (n < WORDS_MAX - 1 && (argv[n] = strsep(&rest, " ")))
		n++;
	int rc = posix_spawnp(&pid, "ip", NULL, NULL, argv, environ);
	if (rc == 0 && waitpid(pid, &status, 0) != pid)
		rc = ECHILD;
	if (rc || status)
		fprintf(stderr, "nn5g-bench: 'ip %s' failed\n", text);
	return rc ? -rc : status ? -EIO : 0;
}

int ip_compute_checksums(const char *interface)
{
	struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM};
	struct ifreq request = {.ifr_data = (void *)&off};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
	close(fd);
	return rc;
}
