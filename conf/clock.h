/* The one clock that control, handshake thread and workers read, once a turn each: CLOCK_MONOTONIC.
 * Everything below them takes the time as an argument. Any thread. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}
