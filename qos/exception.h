/* The exception path of a NIC of our own: frames that are not for us go to the kernel through a tap
 * device, and what the kernel sends on the tap goes out on the NIC. So ARP, neighbour discovery,
 * ICMP and TCP stay the kernel's, which has its addresses on the tap; the tap has the NIC's MAC
 * address.
 *
 * A tap that is there already (made by `ip tuntap add dev NAME mode tap user USER` or a .netdev
 * file of systemd-networkd) keeps its addresses and needs no privilege to open; a tap that is not
 * is made (CAP_NET_ADMIN) and goes with the process. */
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

/* To the kernel, from all queues together: more are dropped. A flood of frames that are not ours
 * must not cost the media its time; 64 a millisecond are some 10 % of a core. */
#define EXCEPTION_FRAMES_PER_MS 64

struct exception_config {
	const char *interface;    /* the tap's name. Borrowed. */
	uint8_t mac[6];           /* the NIC's */
	uint16_t mtu;             /* the NIC's: IP packet, without Ethernet header */
	struct rte_mempool *pool; /* borrowed: of frames from the kernel */
};

/* Read with exception_counter, from any thread. */
struct exception_counters {
	uint64_t to_kernel, from_kernel;
	uint64_t to_kernel_dropped;   /* over the rate, the tap is down, or out of memory */
	uint64_t from_kernel_dropped; /* larger than a buffer */
};

/* Public for its two files only: exception.c opens and closes, exception_dp.c moves frames. */
struct exception {
	int fd;                   /* owned, non-blocking */
	struct rte_mempool *pool; /* borrowed */
	/* The millisecond of the budget (upper half) and what is spent of it. Any queue's thread.
	 */
	uint64_t window __rte_cache_aligned;
	struct exception_counters counters;
};

/* Opens the tap, gives it MAC address and MTU, and brings it up. Control thread. -EPERM, -EBUSY
 * (the tap has another owner), -ENOENT (no /dev/net/tun); logged, with what to do about it. */
int exception_open(const struct exception_config *config, struct exception **out);
/* NULL is taken. */
void exception_close(struct exception *exception);

/* Readable when the kernel has frames to send; for the epoll set of the queue that takes them. */
static inline int exception_fd(const struct exception *exception)
{
	return exception->fd;
}

static inline uint64_t exception_counter(const uint64_t *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Gives `n` whole Ethernet frames (as received: one segment, without FCS) to the kernel. Takes
 * ownership of all. Any queue's thread, several at a time. */
void exception_to_kernel(struct exception *exception, struct rte_mbuf **frames, uint16_t n,
			 uint64_t now_ns);

/* Up to `n` whole Ethernet frames that the kernel sends. The caller owns them, and sends them on
 * the NIC as they are: their checksums are complete. One thread at a time. */
uint16_t exception_from_kernel(struct exception *exception, struct rte_mbuf **frames, uint16_t n);
