/* Two hosts and a cable: this process in a network namespace of its own, a peer's namespace, and a
 * veth pair between. Both namespaces are the process's alone and go with it. Needs root. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/qos/privilege.h"

#define VETH_NODE "nn5g-node" /* our end */
#define VETH_PEER "nn5g-peer"

#define VETH_NODE_IPV4 "192.0.2.1"
#define VETH_PEER_IPV4 "192.0.2.2"
#define VETH_NODE_IPV6 "2001:db8::1"
#define VETH_PEER_IPV6 "2001:db8::2"

static int veth_node_ns = -1, veth_peer_ns = -1;

/* Runs a shell command here. Its output is seen when it fails. */
__attribute__((format(printf, 1, 2))) static inline int veth_run(const char *format, ...)
{
	char command[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	fflush(stdout);
	int status = system(command);
	if (status != 0)
		fprintf(stderr, "failed: %s\n", command);
	return status == 0 ? 0 : -1;
}

/* What this thread opens and runs from now on is the peer's, or the node's again. */
static inline void veth_enter_peer(void)
{
	if (setns(veth_peer_ns, CLONE_NEWNET) != 0)
		abort();
}

static inline void veth_enter_node(void)
{
	if (setns(veth_node_ns, CLONE_NEWNET) != 0)
		abort();
}

/* The cable with both its ends, addresses. The node's end has `queues` queues. */
static inline int veth_plug(unsigned int queues)
{
	int rc = veth_run("ip link add " VETH_NODE " numtxqueues %u numrxqueues %u type veth "
			  "peer name " VETH_PEER " numtxqueues %u numrxqueues %u "
			  "netns /proc/%d/fd/%d",
			  queues, queues, queues, queues, getpid(), veth_peer_ns);
	rc |= veth_run("ip addr add " VETH_NODE_IPV4 "/24 dev " VETH_NODE
		       " && ip addr add " VETH_NODE_IPV6 "/64 dev " VETH_NODE " nodad"
		       " && ip link set " VETH_NODE " up");
	veth_enter_peer();
	rc |= veth_run("ip addr add " VETH_PEER_IPV4 "/24 dev " VETH_PEER
		       " && ip addr add " VETH_PEER_IPV6 "/64 dev " VETH_PEER " nodad"
		       " && ip link set " VETH_PEER " up");
	veth_enter_node();
	return rc;
}

static inline int veth_unplug(void)
{
	return veth_run("ip link del " VETH_NODE);
}

static inline int veth_namespace(void)
{
	privilege_want("network namespaces");
	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "no network namespace: %s\n", strerror(errno));
		return -1;
	}
	if (veth_run("ip link set lo up") != 0)
		return -1;
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Before anything else that has to do with networks. -1 with a message. */
static inline int veth_create(unsigned int queues)
{
	veth_peer_ns = veth_namespace();
	if (veth_peer_ns < 0)
		return -1;
	veth_node_ns = veth_namespace();
	return veth_node_ns < 0 ? -1 : veth_plug(queues);
}
