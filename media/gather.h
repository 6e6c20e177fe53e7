/* Whether a worker that has nothing to do had better let packets gather before it looks at its port
 * again. Each time it is woken costs it about as much as to take in a packet; when they come
 * faster than it looks, it takes in several at once, and runs to one receiver leave as one message.
 *
 * Only when at least GATHER_PACKETS are to be expected within the bounded wait, as many as came
 * just before: on an idle or quiet node every packet is taken the moment it comes. */
#pragma once

#include <stdint.h>

#define GATHER_PACKETS      2       /* expected: less is not worth the wait */
#define GATHER_WINDOW_NS    4000000 /* the rate is counted anew this often, */
#define GATHER_WINDOW_WAITS 4       /* or after as many waits */

/* The worker's. */
struct gather {
	uint64_t wait_ns;  /* 0: never */
	uint64_t since_ns; /* of the window */
	uint64_t taken_ns; /* when packets were taken last */
	unsigned int n;    /* taken in the window */
	uint64_t expected; /* packets within wait_ns, by the window before */
};

/* A round has taken `n` packets (0: none were there). */
void gather_take(struct gather *gather, unsigned int n, uint64_t now_ns);
/* Until when packets may gather, counted from when some were taken; not later than now_ns: the port
 * is to be waited for at once. */
uint64_t gather_until_ns(const struct gather *gather);
