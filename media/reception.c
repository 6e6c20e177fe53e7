/* What the timers ask of one SSRC's reception: requests for what is missing, and report blocks.
 * What runs per packet is in reception_dp.c. */
#include "media/reception.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_MS    1000000u
#define NS_PER_S     1000000000u
#define RETRY_MS_MAX 30000u /* half of what 16 bits of milliseconds can tell apart */

void reception_init(struct reception *r, uint32_t ssrc, uint32_t clock_hz)
{
	*r = (struct reception){.ssrc = ssrc, .clock_hz = clock_hz};
}

void reception_on_sr(struct reception *r, const struct rtcp_sender_info *sr, uint64_t now_ns)
{
	r->sr_ntp = sr->ntp;
	r->sr_rtp_timestamp = sr->rtp_timestamp;
	r->sr_arrival_ns = now_ns;
	r->sr_seen = true;
}

/* Whether the hole in `slot` is to be asked for now; then it has been. */
static bool ask(struct reception *r, unsigned int slot, uint16_t now_ms, uint16_t retry_ms)
{
	if (r->tries[slot] > 0 && (uint16_t)(now_ms - r->asked_ms[slot]) < retry_ms)
		return false;
	r->asked_ms[slot] = now_ms;
	if (++r->tries[slot] == RECEPTION_TRIES_MAX) {
		r->hole_bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
		r->holes--;
	}
	return true;
}

unsigned int reception_nacks(struct reception *r, uint64_t now_ns, uint64_t retry_ns,
			     uint16_t sequences[RECEPTION_NACKS_MAX])
{
	uint16_t now_ms = (uint16_t)(now_ns / NS_PER_MS);
	uint64_t retry_ms = retry_ns / NS_PER_MS + (retry_ns % NS_PER_MS != 0);
	if (retry_ms > RETRY_MS_MAX)
		retry_ms = RETRY_MS_MAX;
	unsigned int n = 0, left = r->holes;
	int64_t i = r->highest - RECEPTION_WINDOW + 1;
	for (; left > 0 && n < RECEPTION_NACKS_MAX && i < r->highest; i++) {
		unsigned int slot = (uint64_t)i % RECEPTION_WINDOW;
		uint64_t rest = r->hole_bits[slot / 64] >> slot % 64;
		if (rest == 0)
			i |= 63; /* on to the next word */
		if ((rest & 1) == 0)
			continue;
		left--;
		if (ask(r, slot, now_ms, (uint16_t)retry_ms))
			sequences[n++] = (uint16_t)i;
	}
	return n;
}

void reception_forgive(struct reception *r)
{
	memset(r->hole_bits, 0, sizeof(r->hole_bits));
	r->holes = 0;
}

bool reception_has_holes(const struct reception *r)
{
	return r->holes > 0;
}

/* RFC 3550 A.3: of 256. What comes late cannot make it negative, nor a silent interval divide by
 * zero; and when all that came was policed, eight bits hold no more than 255. */
static uint8_t fraction_lost(uint64_t expected, uint64_t received)
{
	if (expected <= received)
		return 0;
	uint64_t fraction = ((expected - received) << 8) / expected;
	return fraction > UINT8_MAX ? UINT8_MAX : (uint8_t)fraction;
}

static int32_t cumulative_lost(uint64_t expected, uint64_t received)
{
	uint64_t lost = expected - received;
	return lost > 0x7fffff ? 0x7fffff : (int32_t)lost;
}

static uint32_t delay_since_sr(const struct reception *r, uint64_t now_ns)
{
	uint64_t delay_ns = now_ns > r->sr_arrival_ns ? now_ns - r->sr_arrival_ns : 0;
	uint64_t seconds = delay_ns / NS_PER_S;
	if (seconds > UINT16_MAX)
		return UINT32_MAX;
	return (uint32_t)(seconds << 16 | ((delay_ns % NS_PER_S) << 16) / NS_PER_S);
}

void reception_report(struct reception *r, uint64_t now_ns, struct rtcp_report *out)
{
	*out = (struct rtcp_report){.ssrc = r->ssrc};
	if (!r->started)
		return;
	uint64_t expected = (uint64_t)(r->highest - r->first) + 1;
	out->fraction_lost =
		fraction_lost(expected - r->expected_prior, r->received - r->received_prior);
	out->cumulative_lost = cumulative_lost(expected, r->received);
	out->highest_sequence = (uint32_t)r->highest;
	out->jitter = (uint32_t)(r->jitter_q4 >> 4);
	r->expected_prior = expected;
	r->received_prior = r->received;
	if (r->sr_seen) {
		out->last_sr = rtcp_ntp_middle(r->sr_ntp);
		out->delay_since_last_sr = delay_since_sr(r, now_ns);
	}
}
