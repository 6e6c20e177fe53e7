/* What each arriving packet leaves behind for the next feedback: one bit and one time. Writing the
 * feedback is in twcc.c. */
#include "media/twcc.h"

#include <string.h>

#include "media/rtp.h"

#define TICK_NS                                                                                    \
	250000 /* the unit of the feedback's deltas; 256 of them are its reference time's unit */

static void mark(struct twcc *twcc, int64_t index, uint64_t now_ns)
{
	unsigned int slot = (uint64_t)index % TWCC_WINDOW;
	twcc->received_bits[slot / 64] |= UINT64_C(1) << slot % 64;
	twcc->arrival_ticks[slot] = (uint32_t)(now_ns / TICK_NS);
}

static bool is_marked(const struct twcc *twcc, int64_t index)
{
	unsigned int slot = (uint64_t)index % TWCC_WINDOW;
	return twcc->received_bits[slot / 64] >> slot % 64 & 1;
}

static void restart(struct twcc *twcc, int64_t index)
{
	memset(twcc->received_bits, 0, sizeof(twcc->received_bits));
	twcc->started = true;
	twcc->next = index;
	twcc->highest = index;
}

/* Moves the window's end to index, which is marked next; the slots before it belong to packets that
 * have not arrived. */
static void advance(struct twcc *twcc, int64_t index)
{
	for (int64_t i = twcc->highest + 1; i < index; i++) {
		unsigned int slot = (uint64_t)i % TWCC_WINDOW;
		twcc->received_bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	}
	twcc->highest = index;
	if (twcc->next <= index - TWCC_WINDOW)
		twcc->next = index - TWCC_WINDOW + 1;
}

void twcc_init(struct twcc *twcc)
{
	*twcc = (struct twcc){0};
}

void twcc_on_packet(struct twcc *twcc, uint16_t sequence, uint64_t now_ns)
{
	int64_t index = rtp_unwrap(twcc->started ? twcc->highest : sequence, sequence);
	if (!twcc->started || index - twcc->highest > TWCC_WINDOW)
		restart(twcc, index);
	else if (index > twcc->highest)
		advance(twcc, index);
	else if (index <= twcc->highest - TWCC_WINDOW || is_marked(twcc, index))
		return;
	else if (index < twcc->next)
		twcc->next = index;
	mark(twcc, index, now_ns);
}
