/* A timer wheel for one thread: entries with a due time, popped in slots of one tick. An entry is
 * embedded in what it times. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define WHEEL_TICK_NS 4000000ull /* 4 ms: finer than any RTCP deadline we keep */
#define WHEEL_SLOTS   512        /* what is due later passes through the last slot again */

struct wheel_entry {
	TAILQ_ENTRY(wheel_entry) link;
	uint64_t due_ns;
	bool queued;
	uint16_t slot;
};

TAILQ_HEAD(wheel_list, wheel_entry);

struct wheel {
	struct wheel_list slots[WHEEL_SLOTS];
	uint64_t tick_ns;
	uint64_t tick; /* the next one to look at */
	unsigned int n;
};

void wheel_init(struct wheel *wheel, uint64_t tick_ns, uint64_t now_ns);
/* (Re)schedules. A time in the past is due at the next wheel_pop. */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_ns);
void wheel_remove(struct wheel *wheel, struct wheel_entry *entry);
/* The next entry that is due, taken off the wheel, or NULL. */
struct wheel_entry *wheel_pop(struct wheel *wheel, uint64_t now_ns);
/* When to call wheel_pop again at the latest: UINT64_MAX when nothing is queued. */
uint64_t wheel_next_ns(const struct wheel *wheel);
