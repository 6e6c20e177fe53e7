/* Sees when this (virtual) machine stood still: a thread on each CPU that wakes every millisecond
 * and notes when it was woken late. What such a moment spoils is marked, not hidden. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WATCH_STALL_NS   2000000ull /* woken so late: a stall */
#define WATCH_STALLS_MAX 4096       /* that are remembered; all are counted */

struct watch;

struct watch_totals {
	unsigned int stalls;
	uint64_t stalled_ns; /* of all CPUs together */
	uint64_t longest_ns;
};

/* Watches the CPUs the process may use, before all ordinary threads if that is allowed. -ENOMEM,
 * -EAGAIN. */
int watch_start(struct watch **out);
/* Takes NULL. */
void watch_stop(struct watch *watch);
/* Forgets what was seen. Not while others ask. */
void watch_reset(struct watch *watch);
struct watch_totals watch_totals(const struct watch *watch);
/* Whether some CPU stood still at some time from `begin_ns` to `end_ns` (CLOCK_MONOTONIC). */
bool watch_is_spoilt(const struct watch *watch, uint64_t begin_ns, uint64_t end_ns);
