/* The main thread moves into a namespace first; threads made later are born there. A short-lived
 * thread makes the other namespace, and in it the pair, one end of which it gives to the main
 * thread's. */
#include "bench/slices_veth.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEER      "nn1"
#define WORDS_MAX 24

extern char **environ;

struct veth {
	int peer_fd; /* of the peer's namespace */
};

/* "ip" with the words of `text`, in the calling thread's namespace. */
static int ip(const char *text)
{
	char words[256], *argv[WORDS_MAX] = {"ip"}, *rest = words;
	int n = 1, status = 0;
	pid_t pid;
	snprintf(words, sizeof(words), "%s", text);
	while (n < WORDS_MAX - 1 && (argv[n] = strsep(&rest, " ")))
		n++;
	int rc = posix_spawnp(&pid, "ip", NULL, NULL, argv, environ);
	if (rc == 0 && waitpid(pid, &status, 0) != pid)
		rc = ECHILD;
	if (rc || status)
		fprintf(stderr, "nn5g-bench: 'ip %s' failed\n", text);
	return rc ? -rc : status ? -EIO : 0;
}

/* The peer's kernel would leave checksums to hardware that a veth pair has not, and who reads raw
 * frames at the other end finds them unfinished. */
static int compute_checksums(void)
{
	struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM};
	struct ifreq request = {.ifr_name = PEER, .ifr_data = (void *)&off};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
	close(fd);
	return rc;
}

static int make_peer(void *context)
{
	char text[128];
	int *fd = context;
	if (unshare(CLONE_NEWNET))
		return -errno;
	snprintf(text, sizeof(text),
		 "link add " PEER " numtxqueues 1 numrxqueues 1 type veth peer name " VETH_OURS
		 " numtxqueues 1 numrxqueues 1 netns %d",
		 getpid());
	int rc = ip(text);
	if (rc == 0)
		rc = ip("addr add " VETH_PEER_ADDRESS "/24 dev " PEER);
	if (rc == 0)
		rc = compute_checksums();
	if (rc == 0)
		rc = ip("link set " PEER " up");
	if (rc)
		return rc;
	*fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

struct call {
	int (*call)(void *context);
	void *context;
	int ns_fd, result; /* ns_fd -1: stay */
};

static void *run_call(void *argument)
{
	struct call *call = argument;
	call->result = call->ns_fd >= 0 && setns(call->ns_fd, CLONE_NEWNET)
			       ? -errno
			       : call->call(call->context);
	return NULL;
}

static int call_in_thread(struct call *call)
{
	pthread_t thread;
	int rc = -pthread_create(&thread, NULL, run_call, call);
	if (rc)
		return rc;
	pthread_join(thread, NULL);
	return call->result;
}

/* /sys shows the network devices of the namespace that it was mounted in. */
static int enter_own(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    (umount2("/sys", MNT_DETACH) && errno != EINVAL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		return -errno;
	return ip("link set lo up");
}

int veth_create(struct veth **out)
{
	struct veth *veth = calloc(1, sizeof(*veth));
	if (!veth)
		return -ENOMEM;
	veth->peer_fd = -1;
	struct call call = {make_peer, &veth->peer_fd, -1, 0};
	int rc = enter_own();
	if (rc == 0)
		rc = call_in_thread(&call);
	if (rc == 0)
		rc = ip("addr add " VETH_OURS_ADDRESS "/24 dev " VETH_OURS);
	if (rc == 0)
		rc = ip("link set " VETH_OURS " up");
	if (rc) {
		fprintf(stderr, "nn5g-bench: no namespaces with a veth pair: %s%s\n", strerror(-rc),
			rc == -EPERM ? " (root may make them)" : "");
		veth_destroy(veth);
		return rc;
	}
	*out = veth;
	return 0;
}

void veth_destroy(struct veth *veth)
{
	if (!veth)
		return;
	if (veth->peer_fd >= 0)
		close(veth->peer_fd);
	free(veth);
}

int veth_call_in_peer(struct veth *veth, int (*call)(void *context), void *context)
{
	struct call row = {call, context, veth->peer_fd, 0};
	return call_in_thread(&row);
}
