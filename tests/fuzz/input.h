/* Fuzz input as a stream of decisions, zero once it has run out; and the check that crashes. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t input_u8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t input_u16(struct input *in)
{
	uint16_t high = input_u8(in);
	return (uint16_t)(high << 8 | input_u8(in));
}

static inline uint32_t input_u32(struct input *in)
{
	uint32_t high = input_u16(in);
	return high << 16 | input_u16(in);
}
