/* What the tests over bytes share: rows that carry their bytes inline, and exact heap copies, so
 * that ASan sees a read one past the end. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(...)  (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Freed by the caller. */
static inline uint8_t *bytes_copy(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, bytes, size);
	return copy;
}
