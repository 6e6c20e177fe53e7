/* The main thread moves into a namespace first; threads made later are born there. A short-lived
 * thread makes the other namespace, and in it the pair, one end of which it gives to the main
 * thread's. */
#include "bench/slices_veth.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench/ip.h"

#define PEER "nn1"

struct veth {
	int peer_fd; /* of the peer's namespace */
};

static int make_peer(void *context)
{
	int *fd = context;
	if (unshare(CLONE_NEWNET))
		return -errno;
	int rc = ip_run("link add " PEER
			" numtxqueues 1 numrxqueues 1 type veth peer name " VETH_OURS
			" numtxqueues 1 numrxqueues 1 netns %d",
			getpid());
	if (rc == 0)
		rc = ip_run("addr add " VETH_PEER_ADDRESS "/24 dev " PEER);
	if (rc == 0)
		rc = ip_compute_checksums(PEER);
	if (rc == 0)
		rc = ip_run("link set " PEER " up");
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
	return ip_run("link set lo up");
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
		rc = ip_run("addr add " VETH_OURS_ADDRESS "/24 dev " VETH_OURS);
	if (rc == 0)
		rc = ip_run("link set " VETH_OURS " up");
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
