/* What each arriving packet changes. The window is a ring of slots; slot index % RECEPTION_WINDOW
 * speaks of the one index congruent to it in (highest - window, highest]. A slot is claimed anew
 * when the window moves over it, so nothing has to be cleaned up behind. Always: a received slot is
 * no hole, and `holes` counts the hole bits. */
#include "media/reception.h"

#include <string.h>

#include "media/rtp.h"

#define NS_PER_S 1000000000u

static uint64_t *word_of(uint64_t *bits, int64_t index)
{
	return &bits[(uint64_t)index % RECEPTION_WINDOW / 64];
}

static uint64_t bit_of(int64_t index)
{
	return UINT64_C(1) << ((uint64_t)index % 64);
}

static void close_hole(struct reception *r, int64_t index)
{
	uint64_t *word = word_of(r->hole_bits, index);
	r->holes -= (*word & bit_of(index)) != 0;
	*word &= ~bit_of(index);
}

/* The slot now speaks of `index`, which has not arrived and was not asked for. */
static void claim_slot(struct reception *r, int64_t index)
{
	close_hole(r, index);
	*word_of(r->received_bits, index) &= ~bit_of(index);
	r->tries[(uint64_t)index % RECEPTION_WINDOW] = 0;
}

static void open_holes(struct reception *r, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++) {
		claim_slot(r, i);
		*word_of(r->hole_bits, i) |= bit_of(i);
		r->holes++;
	}
}

static void advance(struct reception *r, int64_t index)
{
	if (index - r->highest > RECEPTION_WINDOW) {
		memset(r->received_bits, 0, sizeof(r->received_bits));
		memset(r->hole_bits, 0, sizeof(r->hole_bits));
		memset(r->tries, 0, sizeof(r->tries));
		r->holes = 0;
	} else {
		open_holes(r, r->highest + 1, index);
		claim_slot(r, index);
	}
	r->highest = index;
}

/* RFC 3550 A.8. Arrival in clock units without overflow: whole seconds and the rest by themselves.
 */
static void measure_jitter(struct reception *r, uint32_t timestamp, uint64_t now_ns)
{
	uint64_t arrival =
		now_ns / NS_PER_S * r->clock_hz + now_ns % NS_PER_S * r->clock_hz / NS_PER_S;
	uint32_t transit = (uint32_t)arrival - timestamp;
	if (r->transit_seen) {
		uint32_t ahead = transit - r->transit_last;
		uint32_t distance = ahead <= INT32_MAX ? ahead : -ahead;
		r->jitter_q4 += distance - ((r->jitter_q4 + 8) >> 4);
	}
	r->transit_last = transit;
	r->transit_seen = true;
}

enum reception_verdict reception_on_packet(struct reception *r, uint16_t sequence,
					   uint32_t timestamp, uint64_t now_ns, bool repaired,
					   int64_t *index)
{
	if (!r->started) {
		r->started = true;
		r->first = r->highest = sequence;
	}
	int64_t i = rtp_unwrap(r->highest, sequence);
	*index = i;
	if (i <= r->highest - RECEPTION_WINDOW)
		return RECEPTION_STALE;
	if (i > r->highest) {
		advance(r, i);
	} else if (i < r->first) {
		open_holes(r, i + 1, r->first);
		r->first = i;
	} else if (*word_of(r->received_bits, i) & bit_of(i)) {
		r->duplicates++;
		return RECEPTION_DUPLICATE;
	}
	r->recovered += r->tries[(uint64_t)i % RECEPTION_WINDOW] > 0;
	close_hole(r, i);
	*word_of(r->received_bits, i) |= bit_of(i);
	r->received++;
	if (!repaired)
		measure_jitter(r, timestamp, now_ns);
	return RECEPTION_NEW;
}

bool reception_on_policed(struct reception *r, uint16_t sequence)
{
	if (!r->started)
		return false;
	int64_t i = rtp_unwrap(r->highest, sequence);
	if (i <= r->highest - RECEPTION_WINDOW || i < r->first)
		return false;
	if (i > r->highest)
		advance(r, i);
	else if (*word_of(r->received_bits, i) & bit_of(i))
		return false;
	close_hole(r, i);
	return true;
}
