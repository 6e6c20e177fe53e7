/* Who goes first when a processor has more to do than it can. Media is a little work very often,
 * and late work is lost work; handshakes and control are much work now and then, and can wait. So
 * workers ask the kernel for short turns, soon (the slice of its fair scheduler, Linux 6.12 and
 * later), and, where this process may, for a greater weight; handshakes and control ask for less.
 *
 * Measured with two processors kept busy by others beside a stream of 250 packets/s to 20 viewers:
 * a worker waited 430 ms of each second for its turn as it was, 126 ms with a short slice, 58 ms
 * with a greater weight, 0.2 ms in real time. */
#pragma once

#include <stdbool.h>

enum priority {
	PRIORITY_MEDIA,     /* workers and egress */
	PRIORITY_REAL_TIME, /* the same, before everything else on the machine; SCHED_FIFO */
	PRIORITY_CONTROL,
	PRIORITY_HANDSHAKE,
};

/* Of the calling thread, and of those that it starts later. What the machine does not have or this
 * process may not do is left as it was; PRIORITY_REAL_TIME becomes PRIORITY_MEDIA then, with a log
 * line that says what would be needed. */
void priority_take(enum priority priority);
