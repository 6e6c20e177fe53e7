/* Whether an AF_XDP socket can be had, by having one. Nothing stays behind: no program is put on
 * the interface, and without one no packet changes its way. Control thread. */
#pragma once

#include <stdint.h>

/* How far xdp_probe came; names say what the kernel refused. */
enum xdp_step {
	XDP_STEP_SOCKET, /* -EPERM: CAP_NET_RAW is missing; -EAFNOSUPPORT: CONFIG_XDP_SOCKETS is */
	XDP_STEP_MEMORY, /* -ENOBUFS: RLIMIT_MEMLOCK is too low for `bytes`, and no CAP_IPC_LOCK */
	XDP_STEP_RINGS,
	XDP_STEP_BIND, /* -EBUSY: the queue has another process's socket; -ENODEV, -EINVAL: there is
			  no such queue; -ENETDOWN: the interface is down */
	XDP_STEPS
};
extern const char *const xdp_step_names[XDP_STEPS];

#define XDP_PROBE_MAX 64

/* Where it ended. */
struct xdp_probe {
	unsigned int queue;
	enum xdp_step step;
};

/* Opens an AF_XDP socket on each of the first `n_queues` (<= XDP_PROBE_MAX) receive queues, all at
 * a time, each with `bytes` of packet memory (rounded up to pages), in copy mode, which every
 * driver takes and none notices; and closes them. 0, or the negative errno of `fault`. */
int xdp_probe(const char *interface, unsigned int n_queues, uint64_t bytes,
	      struct xdp_probe *fault);

/* Whether a receive queue still has an AF_XDP socket, which it has for a moment after it was
 * closed. Asks for one that does not copy: a driver that knows no such thing refuses it, but of a
 * free queue only, so that nothing is held. 0: free, -EBUSY; -EAGAIN: it was free, and the question
 * has taken it for a moment, since the driver can do without copies. Other negative errno. */
int xdp_queue_ask(const char *interface, unsigned int queue);

/* The id of the XDP program on an interface, 0 for none. Needs no privilege. Negative errno. */
int xdp_program_id(const char *interface, uint32_t *id);
