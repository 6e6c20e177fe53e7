/* The XDP program that shares a NIC with the kernel: UDP to our addresses and port goes to the
 * AF_XDP sockets of net_af_xdp, everything else stays the kernel's. The program itself is
 * qos/xdp/steer.bpf.c, whose compiled object is part of the binary; net_af_xdp loads it, this takes
 * charge of it from then on. The order of a port's life:
 *
 *     xdp_steer_prepare, xdp_steer_open_object, [net_af_xdp sets up its queues with xdp_prog=path],
 *     close(object), xdp_steer_attach, xdp_steer_set, ..., xdp_steer_destroy, [net_af_xdp closes]
 *
 * Control thread. Needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, nothing more. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "qos/address.h"

#define XDP_PATH_BYTES   64 /* of an object's path */
#define XDP_LISTEN_MAX   64 /* addresses steered */
#define XDP_SOCKETS_MAX  64 /* receive queues of the NIC: more of them stay the kernel's */
#define XDP_PROGRAM_NAME "nn5g_steer"

struct xdp_steer;

/* Since the program was loaded, over all CPUs. */
struct xdp_counters {
	uint64_t steered; /* frames that went to one of our sockets */
	uint64_t passed;  /* frames left to the kernel */
};

/* Sees to it that `interface` is free for the program: one of ours that a killed process left there
 * is removed. -EBUSY: another program is there, ours in use or foreign; it is left alone and the
 * log says which it is and how it goes away. -ENODEV, -EPERM; all logged. */
int xdp_steer_prepare(const char *interface);

/* Offers the compiled program as a file, for net_af_xdp's argument xdp_prog: writes its path and
 * returns a file descriptor, which the caller closes once the queues are set up. Negative errno,
 * logged. */
int xdp_steer_open_object(char *path, size_t path_bytes);

/* Takes charge of the program that net_af_xdp of this process has just put on `interface`: from now
 * on the kernel removes it when this process ends, however it ends. It steers nothing yet. -ENOENT:
 * the program there is not ours, and stays. Negative errno, logged; ours is off the interface then.
 */
int xdp_steer_attach(const char *interface, struct xdp_steer **out);

/* Steers UDP to `udp_port` of these addresses (an unspecified one stands for all of its family) and
 * nothing else; what was steered before and is listed again is so without a gap. n = 0: nothing.
 * -E2BIG for more than XDP_LISTEN_MAX. Negative errno, logged. */
int xdp_steer_set(struct xdp_steer *steer, const struct address *addresses, unsigned int n,
		  uint16_t udp_port);

/* Negative errno; `counters` is written on success only. */
int xdp_steer_read(const struct xdp_steer *steer, struct xdp_counters *counters);

/* Takes the program off the interface. NULL is taken. Before net_af_xdp closes the port. */
void xdp_steer_destroy(struct xdp_steer *steer);
