#include "media/wheel.h"

#include <stddef.h>

void wheel_init(struct wheel *wheel, uint64_t tick_ns, uint64_t now_ns)
{
	for (unsigned int i = 0; i < WHEEL_SLOTS; i++)
		TAILQ_INIT(&wheel->slots[i]);
	wheel->tick_ns = tick_ns;
	wheel->tick = now_ns / tick_ns;
	wheel->n = 0;
}

void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_ns)
{
	wheel_remove(wheel, entry);
	uint64_t tick = (due_ns + wheel->tick_ns - 1) / wheel->tick_ns;
	if (tick < wheel->tick)
		tick = wheel->tick;
	if (tick >= wheel->tick + WHEEL_SLOTS)
		tick = wheel->tick + WHEEL_SLOTS - 1;
	entry->due_ns = due_ns;
	entry->slot = (uint16_t)(tick % WHEEL_SLOTS);
	entry->queued = true;
	TAILQ_INSERT_TAIL(&wheel->slots[entry->slot], entry, link);
	wheel->n++;
}

void wheel_remove(struct wheel *wheel, struct wheel_entry *entry)
{
	if (!entry->queued)
		return;
	TAILQ_REMOVE(&wheel->slots[entry->slot], entry, link);
	entry->queued = false;
	wheel->n--;
}

struct wheel_entry *wheel_pop(struct wheel *wheel, uint64_t now_ns)
{
	uint64_t now_tick = now_ns / wheel->tick_ns;
	if (wheel->n == 0) {
		if (wheel->tick < now_tick)
			wheel->tick = now_tick;
		return NULL;
	}
	while (wheel->tick <= now_tick) {
		struct wheel_entry *entry = TAILQ_FIRST(&wheel->slots[wheel->tick % WHEEL_SLOTS]);
		if (!entry) {
			if (wheel->tick == now_tick)
				return NULL;
			wheel->tick++;
			continue;
		}
		wheel_remove(wheel, entry);
		if (entry->due_ns <= now_ns)
			return entry;
		/* Due beyond the horizon: once more through the last slot. */
		wheel_add(wheel, entry, entry->due_ns);
	}
	return NULL;
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
	if (wheel->n == 0)
		return UINT64_MAX;
	for (uint64_t tick = wheel->tick; tick < wheel->tick + WHEEL_SLOTS; tick++) {
		if (!TAILQ_EMPTY(&wheel->slots[tick % WHEEL_SLOTS]))
			return tick * wheel->tick_ns;
	}
	return wheel->tick * wheel->tick_ns;
}
