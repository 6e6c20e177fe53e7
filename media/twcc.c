/* Transport-wide feedback packets, as Chromium's bandwidth estimation reads them:
 *
 *    | V=2 P=0 FMT=15 | PT=205 | length | sender SSRC | media SSRC |
 *    | base sequence:16 | status count:16 | reference time, 64 ms:24 | feedback count:8 |
 *    | chunks of 16 bits, one status per packet | deltas, 250 us, 8 or 16 bits | zeros to a word |
 *
 * The first delta counts from the reference time, each other one from the arrival before it. All
 * times are ticks modulo 2^32, which is just what 24 bits of 256 ticks hold, so wrapping needs no
 * care.
 *
 * A packet is made in two steps: how each pending packet will be stated (until the end, or until a
 * delta that 16 bits do not hold), then chunks for as many of those statuses as the room allows. */
#include "media/twcc.h"

#include <errno.h>

#include "media/rtcp.h"
#include "media/wire.h"

#define FIXED_BYTES     20
#define RUN_MAX         0x1fff
#define ONE_BIT_STATES  14
#define TWO_BIT_STATES  7
#define CHUNK_ONE_BIT   0x8000
#define CHUNK_TWO_BIT   0xc000
#define TICKS_REFERENCE 256

enum { LOST = 0, SMALL_DELTA = 1, LARGE_DELTA = 2 }; /* also the size of the delta */

/* The statuses of packets base, base + 1, ... */
struct statuses {
	unsigned int n;
	uint32_t reference; /* ticks; a multiple of TICKS_REFERENCE */
	uint8_t state[TWCC_WINDOW];
	int16_t delta[TWCC_WINDOW]; /* ticks, of those that arrived */
};

static bool arrival_get(const struct twcc *twcc, int64_t index, uint32_t *ticks)
{
	unsigned int slot = (uint64_t)index % TWCC_WINDOW;
	*ticks = twcc->arrival_ticks[slot];
	return twcc->received_bits[slot / 64] >> slot % 64 & 1;
}

static void statuses_collect(const struct twcc *twcc, struct statuses *s)
{
	bool timed = false;
	uint32_t previous = 0, ticks;
	for (int64_t index = twcc->next; index <= twcc->highest; index++, s->n++) {
		s->state[s->n] = LOST;
		if (!arrival_get(twcc, index, &ticks))
			continue;
		if (!timed)
			s->reference = previous = ticks - ticks % TICKS_REFERENCE;
		timed = true;
		int32_t delta = (int32_t)(ticks - previous);
		if (delta < INT16_MIN || delta > INT16_MAX)
			return;
		previous = ticks;
		s->delta[s->n] = (int16_t)delta;
		s->state[s->n] = delta >= 0 && delta <= UINT8_MAX ? SMALL_DELTA : LARGE_DELTA;
	}
}

/* How many statuses from `at` on the best chunk states, and whether it is a run, a vector of one
 * bit or of two bits each (its *form). */
static unsigned int chunk_choose(const struct statuses *s, unsigned int at, unsigned int *form)
{
	unsigned int left = s->n - at, run = 1, small = 0;
	while (run < left && run < RUN_MAX && s->state[at + run] == s->state[at])
		run++;
	while (small < left && small < ONE_BIT_STATES && s->state[at + small] != LARGE_DELTA)
		small++;
	bool one_bit = small == ONE_BIT_STATES || small == left;
	unsigned int vector = one_bit ? small : left < TWO_BIT_STATES ? left : TWO_BIT_STATES;
	*form = run >= vector ? 0 : one_bit ? CHUNK_ONE_BIT : CHUNK_TWO_BIT;
	return run >= vector ? run : vector;
}

static uint16_t chunk_encode(const uint8_t *state, unsigned int n, unsigned int form)
{
	unsigned int chunk = form;
	if (form == 0)
		return (uint16_t)((unsigned int)state[0] << 13 | n);
	for (unsigned int i = 0; i < n; i++) {
		if (form == CHUNK_ONE_BIT)
			chunk |= (unsigned int)state[i] << (ONE_BIT_STATES - 1 - i);
		else
			chunk |= (unsigned int)state[i] << 2 * (TWO_BIT_STATES - 1 - i);
	}
	return (uint16_t)chunk;
}

/* Writes chunks at `out` and cuts s->n to the statuses that fit `room` together with their deltas.
 * Returns the bytes of the chunks. */
static size_t chunks_write(struct statuses *s, uint8_t *out, size_t room)
{
	size_t bytes = 0, delta_bytes = 0;
	unsigned int at = 0, form;
	while (at < s->n && bytes + delta_bytes + 2 <= room) {
		unsigned int n = chunk_choose(s, at, &form), fits = 0;
		while (fits < n && bytes + delta_bytes + 2 + s->state[at + fits] <= room)
			delta_bytes += s->state[at + fits++];
		if (fits == 0)
			break;
		wire_write16(out + bytes, chunk_encode(s->state + at, fits, form));
		bytes += 2;
		at += fits;
		if (fits < n)
			break;
	}
	s->n = at;
	return bytes;
}

static size_t deltas_write(const struct statuses *s, uint8_t *out)
{
	size_t bytes = 0;
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->state[i] == SMALL_DELTA)
			out[bytes] = (uint8_t)s->delta[i];
		else if (s->state[i] == LARGE_DELTA)
			wire_write16(out + bytes, (uint16_t)s->delta[i]);
		bytes += s->state[i];
	}
	return bytes;
}

bool twcc_pending(const struct twcc *twcc)
{
	return twcc->started && twcc->next <= twcc->highest;
}

int twcc_write(struct twcc *twcc, uint8_t *out, size_t room, uint32_t sender_ssrc,
	       uint32_t media_ssrc)
{
	if (!twcc_pending(twcc))
		return 0;
	room &= ~(size_t)3;
	if (room <= FIXED_BYTES)
		return -ENOSPC;
	struct statuses s = {0};
	statuses_collect(twcc, &s);
	size_t size = FIXED_BYTES;
	size += chunks_write(&s, out + size, room - size);
	size += deltas_write(&s, out + size);
	while (size % 4 != 0)
		out[size++] = 0;
	out[0] = 0x80 | RTCP_FB_TRANSPORT_CC;
	out[1] = RTCP_RTPFB;
	wire_write16(out + 2, (uint16_t)(size / 4 - 1));
	wire_write32(out + 4, sender_ssrc);
	wire_write32(out + 8, media_ssrc);
	wire_write16(out + 12, (uint16_t)twcc->next);
	wire_write16(out + 14, (uint16_t)s.n);
	wire_write24(out + 16, s.reference / TICKS_REFERENCE);
	out[19] = twcc->feedback_count++;
	twcc->next += s.n;
	return (int)size;
}
