/* A second, independent reading of transport-wide feedback, for tests: written from the draft and
 * from what libwebrtc's receiver insists on, with nothing of media/twcc.c in it. It works bit by
 * bit and in 64-bit time, where the writer works in words and modulo 2^32. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feedback_status {
	uint16_t sequence;
	bool received;
	int64_t ticks; /* of 250 us from the reference's zero; only if received */
};

struct feedback {
	uint32_t sender_ssrc, media_ssrc;
	uint8_t count;
	unsigned int n;
	struct feedback_status status[4096];
};

static inline unsigned int feedback_bits(const uint8_t *bytes, size_t first, unsigned int n)
{
	unsigned int value = 0;
	for (size_t bit = first; bit < first + n; bit++)
		value = value << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1);
	return value;
}

/* The symbols of one chunk, up to the packets that are left. Their number; 0 when a symbol is the
 * reserved one. */
static inline unsigned int feedback_chunk(const uint8_t *chunk, unsigned int left, uint8_t *symbols)
{
	bool vector = feedback_bits(chunk, 0, 1), wide = feedback_bits(chunk, 1, 1);
	unsigned int n = !vector ? feedback_bits(chunk, 3, 13) : wide ? 7 : 14;
	if (n > left)
		n = left;
	for (unsigned int i = 0; i < n; i++) {
		if (!vector)
			symbols[i] = (uint8_t)feedback_bits(chunk, 1, 2);
		else if (wide)
			symbols[i] = (uint8_t)feedback_bits(chunk, 2 + 2 * i, 2);
		else
			symbols[i] = (uint8_t)feedback_bits(chunk, 2 + i, 1);
		if (symbols[i] == 3)
			return 0;
	}
	return n;
}

static inline bool feedback_times(struct feedback *out, const uint8_t *bytes, size_t size,
				  size_t at, const uint8_t *symbols)
{
	int64_t ticks = (int64_t)feedback_bits(bytes, 16 * 8, 24) * 256;
	for (unsigned int i = 0; i < out->n; i++) {
		if (size - at < symbols[i])
			return false;
		int64_t delta = feedback_bits(bytes, at * 8, 8u * symbols[i]);
		if (symbols[i] == 2 && delta >= 0x8000)
			delta -= 0x10000;
		ticks += delta;
		at += symbols[i];
		out->status[i].sequence = (uint16_t)(feedback_bits(bytes, 12 * 8, 16) + i);
		out->status[i].received = symbols[i] != 0;
		out->status[i].ticks = ticks;
	}
	/* At most a word's padding follows, and it is zero. */
	if (size - at > 3)
		return false;
	for (; at < size; at++) {
		if (bytes[at] != 0)
			return false;
	}
	return true;
}

/* False when any rule is broken: version, padding bit, types, length, no packets, chunks short of
 * the count, reserved symbol, deltas past the end, or bytes left over. */
static inline bool feedback_read(const uint8_t *bytes, size_t size, struct feedback *out)
{
	uint8_t symbols[4096];
	if (size < 20 || feedback_bits(bytes, 0, 8) != 0x8f || bytes[1] != 205 ||
	    feedback_bits(bytes, 16, 16) * 4 + 4 != size)
		return false;
	unsigned int total = feedback_bits(bytes, 14 * 8, 16);
	if (total == 0 || total > sizeof(symbols))
		return false;
	size_t at = 20;
	for (out->n = 0; out->n < total; at += 2) {
		if (size - at < 2)
			return false;
		unsigned int n = feedback_chunk(bytes + at, total - out->n, symbols + out->n);
		if (n == 0)
			return false;
		out->n += n;
	}
	out->sender_ssrc = feedback_bits(bytes, 4 * 8, 32);
	out->media_ssrc = feedback_bits(bytes, 8 * 8, 32);
	out->count = bytes[19];
	return feedback_times(out, bytes, size, at, symbols);
}
