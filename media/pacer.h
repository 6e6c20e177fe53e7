/* Spreads bursts of video to one viewer, so that a frame whose source sends it in one go does not
 * overflow the short queues of an access link (RFC 8834 section 7 leaves it to the sender;
 * libwebrtc paces at 2.5 times its target rate, and lets 40 ms of it go at once).
 *
 * A bucket holds what may leave at once: twelve packets or 40 ms of the viewer's own rate,
 * whichever is more. So a stream that a browser has paced, or whose frames are of about one size,
 * is never touched. What is beyond waits, in order and as a reference to its source, and leaves
 * at 2.5 times the viewer's rate, never slower than PACER_RATE_MIN_BPS, and so fast that all of it
 * is out within PACER_DRAIN_NS: a frame leaves within its interval.
 *
 * Pure but for references to packets; the time is an argument. The viewer's home worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/wheel.h"
#include "qos/packet.h"

#define PACER_PACKETS      256   /* that may wait for one viewer; a power of two */
#define PACER_BURST_BYTES  15000 /* twelve packets */
#define PACER_BURST_NS     40000000ull
#define PACER_DRAIN_NS     30000000ull
#define PACER_RATE_MIN_BPS 20000000
#define PACER_TICK_NS      1000000ull   /* between two looks: runs of packets still share a send */
#define PACER_WINDOW_NS    250000000ull /* over which the viewer's rate is measured */

struct pacer_queue {
	struct rte_mbuf *packet[PACER_PACKETS];
	uint8_t line[PACER_PACKETS]; /* which of the viewer's subscriptions */
};

/* What a packet that need not wait looks at comes first: one cache line. */
struct pacer {
	uint64_t credit_ns;   /* when credit_bytes was right */
	int64_t credit_bytes; /* may be in debt by less than a packet */
	uint64_t window_ns;   /* the measuring window's begin */
	uint64_t window_bytes;
	uint64_t rate[2]; /* bytes/s of the last two windows */
	uint64_t drain;   /* bytes/s that what waits must leave at */
	unsigned int first, n;
	uint64_t queued_bytes;
	struct wheel_entry timer;
	struct pacer_queue *queue; /* owned */
};

/* Control thread. -ENOMEM. */
int pacer_init(struct pacer *pacer);
/* Nothing waits. Takes one that was never made. */
void pacer_fini(struct pacer *pacer);

/* How many of the first of `n` packets may leave now; they are charged. None while others wait. */
unsigned int pacer_pass(struct pacer *pacer, struct rte_mbuf *const *packets, unsigned int n,
			uint64_t now_ns);
/* Takes a reference of each packet and keeps it, behind what waits already. False: no room for all
 * of them, nothing was taken. */
bool pacer_hold(struct pacer *pacer, unsigned int line, struct rte_mbuf *const *packets,
		unsigned int n);
/* The next packets of one line that may leave now, `max` at most; they are charged, their
 * references are the caller's. UINT64_MAX for `now_ns`: whatever waits, free of charge. */
unsigned int pacer_release(struct pacer *pacer, struct rte_mbuf **packets, unsigned int max,
			   unsigned int *line, uint64_t now_ns);
/* What goes next; NULL: nothing waits. */
struct rte_mbuf *pacer_next(const struct pacer *pacer);
/* Something left that does not wait here: what comes after it waits for it. */
void pacer_charge(struct pacer *pacer, uint32_t bytes, uint64_t now_ns);
/* When pacer_release has something to give; UINT64_MAX: nothing waits. */
uint64_t pacer_due_ns(const struct pacer *pacer);
