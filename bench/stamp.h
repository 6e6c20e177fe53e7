/* What the publisher puts into every payload and the viewers look for: when the packet should have
 * left, its number, and bytes that follow from the number. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STAMP_OFFSET 16 /* behind the VP8 descriptor and header */
#define STAMP_BYTES  16

struct stamp {
	uint64_t intended_ns; /* CLOCK_MONOTONIC */
	uint64_t number;      /* counts the packets of its source from 0 */
};

static inline void stamp_write(const struct stamp *stamp, uint8_t *payload, size_t size)
{
	size_t end = STAMP_OFFSET + STAMP_BYTES;
	memcpy(payload + STAMP_OFFSET, stamp, STAMP_BYTES);
	memset(payload + end, (uint8_t)stamp->number, size - end);
}

/* False: this is not what was written. */
static inline bool stamp_read(struct stamp *stamp, const uint8_t *payload, size_t size)
{
	if (size < STAMP_OFFSET + STAMP_BYTES)
		return false;
	memcpy(stamp, payload + STAMP_OFFSET, STAMP_BYTES);
	for (size_t i = STAMP_OFFSET + STAMP_BYTES; i < size; i++) {
		if (payload[i] != (uint8_t)stamp->number)
			return false;
	}
	return true;
}
