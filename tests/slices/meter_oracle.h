/* An oracle of slices/meter.h's rule that shares no code with the meter and keeps no state but the
 * log of what happened, in which it looks back; and random traces for the two to be compared on:
 * packets of several clocks interleaved, bursts, stalls, credit that ends, comes, is revoked, and
 * kinds that are held. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "slices/meter.h"

#define MS 1000000ull

#define EVENTS_MAX 400
#define CLOCKS_MAX 5

enum event_type { PACKET, CREDIT, HOLD, EXPECT };

struct event {
	enum event_type type;
	uint64_t now_ns;
	enum meter_kind kind; /* PACKET, CREDIT */
	unsigned int clock;   /* PACKET */
	uint64_t given_ns;    /* CREDIT: as control says */
	uint8_t held;         /* HOLD */
	/* what the oracle says of it */
	uint64_t credit_ns; /* CREDIT: in force */
	enum meter_verdict verdict;
	uint64_t charged_ns, timed_ns;
	uint8_t flows_again; /* CREDIT, HOLD: bits */
	bool changes_credit; /* CREDIT */
	bool is_waited_for;  /* EXPECT */
};

static struct event events[EVENTS_MAX];

static inline bool has_passed(const struct event *event)
{
	return event->type == PACKET &&
	       (event->verdict == METER_PASS || event->verdict == METER_PASS_LOW);
}

static inline uint64_t used_before(unsigned int i, enum meter_kind kind)
{
	uint64_t sum = 0;
	while (i-- > 0)
		sum += events[i].type == PACKET && events[i].kind == kind ? events[i].charged_ns
									  : 0;
	return sum;
}

static inline uint64_t credit_before(unsigned int i, enum meter_kind kind)
{
	while (i-- > 0) {
		if (events[i].type == CREDIT && events[i].kind == kind)
			return events[i].credit_ns;
	}
	return METER_UNLIMITED;
}

static inline bool out_before(unsigned int i, enum meter_kind kind)
{
	while (i-- > 0) {
		if (events[i].kind != kind)
			continue;
		if (events[i].type == PACKET && events[i].verdict == METER_OUT)
			return true;
		if (events[i].type == CREDIT && events[i].credit_ns > used_before(i, kind))
			return false;
	}
	return false;
}

static inline uint8_t held_before(unsigned int i)
{
	while (i-- > 0) {
		if (events[i].type == HOLD)
			return events[i].held;
	}
	return 0;
}

static inline bool stopped_before(unsigned int i, enum meter_kind kind)
{
	return out_before(i, kind) || (held_before(i) >> kind & 1);
}

static inline uint64_t gap_before(unsigned int i)
{
	const struct event *packet = &events[i];
	while (i-- > 0) {
		if (events[i].flows_again >> packet->kind & 1)
			return 0;
		if (!has_passed(&events[i]) || events[i].clock != packet->clock)
			continue;
		uint64_t gap_ns = packet->now_ns - events[i].now_ns;
		return gap_ns > 1000000000 ? 1000000000 : gap_ns;
	}
	return 0;
}

static inline bool is_beside_video(unsigned int i)
{
	uint64_t now_ns = events[i].now_ns;
	while (i-- > 0) {
		if (events[i].type == EXPECT && events[i].is_waited_for)
			return now_ns - events[i].now_ns <= 3000000000;
		if (events[i].kind == METER_VIDEO && has_passed(&events[i]))
			return now_ns - events[i].now_ns <= 1000000000;
	}
	return false;
}

static inline bool low_was_told(unsigned int i, enum meter_kind kind)
{
	while (i-- > 0) {
		if (events[i].kind != kind)
			continue;
		if (events[i].type == CREDIT && events[i].changes_credit)
			return false;
		if (events[i].type == PACKET && events[i].verdict == METER_PASS_LOW)
			return true;
	}
	return false;
}

static inline void judge_packet(unsigned int i)
{
	struct event *packet = &events[i];
	packet->charged_ns = packet->timed_ns = 0;
	if (stopped_before(i, packet->kind)) {
		packet->verdict = METER_STOPPED;
		return;
	}
	uint64_t credit_ns = credit_before(i, packet->kind), gap_ns = gap_before(i);
	uint64_t used_ns = used_before(i, packet->kind);
	bool is_charged = packet->kind == METER_VIDEO || !is_beside_video(i);
	packet->timed_ns = gap_ns;
	packet->charged_ns = is_charged ? gap_ns : 0;
	packet->verdict = METER_PASS;
	if (!is_charged || credit_ns == METER_UNLIMITED)
		return;
	if (credit_ns == 0 || used_ns + gap_ns > credit_ns) {
		packet->verdict = METER_OUT;
		packet->charged_ns = packet->timed_ns = credit_ns - used_ns;
	} else if (credit_ns - used_ns - gap_ns < 4000000000 && !low_was_told(i, packet->kind)) {
		packet->verdict = METER_PASS_LOW;
	}
}

static inline void judge(unsigned int i)
{
	struct event *event = &events[i];
	event->flows_again = 0;
	uint64_t used_ns = used_before(i, event->kind);
	switch (event->type) {
	case PACKET:
		judge_packet(i);
		return;
	case EXPECT:
		event->is_waited_for =
			!stopped_before(i, METER_VIDEO) && credit_before(i, METER_VIDEO) > 0;
		return;
	case CREDIT:
		event->credit_ns = event->given_ns < used_ns ? used_ns : event->given_ns;
		event->changes_credit = event->credit_ns != credit_before(i, event->kind);
		break;
	case HOLD:
		break;
	}
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (stopped_before(i, kind) && !stopped_before(i + 1, kind))
			event->flows_again |= (uint8_t)(1u << kind);
	}
}

/* ---- traces ---- */

static uint64_t random_state;

static inline uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* Bursts, frames, audio's pace, the cap and its neighbours, stalls; whole ms in some traces, so
 * that credits are met exactly too. */
static inline uint64_t draw_step(bool is_coarse)
{
	static const uint64_t steps[] = {0,       0,        0,         1,          MS,
					 5 * MS,  10 * MS,  20 * MS,   20 * MS,    33 * MS,
					 33 * MS, 100 * MS, 999999999, 1000000000, 1000000001};
	uint64_t step_ns = steps[draw(sizeof(steps) / sizeof(steps[0]))];
	if (draw(20) == 0)
		step_ns = draw(10000) * MS;
	if (is_coarse)
		return step_ns - step_ns % MS;
	return draw(4) == 0 ? step_ns + draw(MS) : step_ns;
}

static inline uint64_t draw_credit(unsigned int i, enum meter_kind kind, bool is_coarse)
{
	uint64_t used_ns = used_before(i, kind);
	switch (draw(8)) {
	case 0:
		return METER_UNLIMITED;
	case 1:
		return draw(used_ns + 1); /* revoked */
	case 2:
		return used_ns;
	case 3:
		return used_ns + draw(20000) * MS;
	case 4:
		return credit_before(i, kind); /* said again */
	default:
		return used_ns + draw(300) * MS + (is_coarse ? 0 : draw(MS));
	}
}

static inline void draw_event(unsigned int i, const enum meter_kind *kinds, unsigned int n_clocks,
			      bool is_coarse)
{
	struct event *event = &events[i];
	uint64_t what = draw(100);
	*event = (struct event){.now_ns = i ? events[i - 1].now_ns : 1 + draw(1000000 * MS)};
	if (what < 6) {
		event->type = CREDIT;
		event->kind = (enum meter_kind)draw(METER_KINDS);
		event->given_ns = draw_credit(i, event->kind, is_coarse);
	} else if (what < 8) {
		event->type = HOLD;
		event->held = (uint8_t)draw(3) & (uint8_t)draw(4);
	} else if (what < 9) {
		event->type = EXPECT;
	} else {
		event->type = PACKET;
		event->now_ns += draw_step(is_coarse);
		event->clock = (unsigned int)draw(n_clocks);
		event->kind = kinds[event->clock];
	}
}

/* Whether the meter does with event i what the oracle says. */
static inline bool agrees(unsigned int i, struct meter *metered, struct meter_clock *of,
			  const enum meter_kind *kinds)
{
	const struct event *event = &events[i];
	uint8_t again = 0;
	bool is_same = true;
	switch (event->type) {
	case PACKET:
		is_same = meter_packet(metered, &of[event->clock], event->kind, event->now_ns) ==
			  event->verdict;
		break;
	case EXPECT:
		meter_expect_video(metered, event->now_ns);
		break;
	case CREDIT:
		again = (uint8_t)(meter_set_credit(metered, event->kind, event->given_ns)
				  << event->kind);
		is_same = metered->credit_ns[event->kind] == event->credit_ns;
		break;
	case HOLD:
		again = meter_set_held(metered, event->held);
		break;
	}
	for (unsigned int c = 0; c < CLOCKS_MAX; c++) {
		if (again >> kinds[c] & 1)
			meter_clock_reset(&of[c]);
	}
	return is_same && again == event->flows_again;
}

struct sums {
	uint64_t used_ns[METER_KINDS], time_ns[METER_KINDS], stopped[METER_KINDS];
	uint64_t verdicts[METER_STOPPED + 1];
};

static inline void add_up(struct sums *sums, const struct event *event)
{
	if (event->type != PACKET)
		return;
	sums->used_ns[event->kind] += event->charged_ns;
	sums->time_ns[event->kind] += event->timed_ns;
	sums->stopped[event->kind] += !has_passed(event);
	sums->verdicts[event->verdict]++;
}

static inline bool sums_agree(const struct sums *sums, const struct meter *metered)
{
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (meter_used_ns(metered, kind) != sums->used_ns[kind] ||
		    meter_time_ns(metered, kind) != sums->time_ns[kind] ||
		    meter_stopped(metered, kind) != sums->stopped[kind])
			return false;
	}
	return true;
}

/* Plays trace number `seed` to a meter. -1: the two agreed all the way; else the first event they
 * differ at. Verdicts are added to `verdicts`. */
static inline int trace_play(unsigned int seed, uint64_t verdicts[METER_STOPPED + 1])
{
	struct meter metered;
	struct meter_clock of[CLOCKS_MAX] = {0};
	enum meter_kind kinds[CLOCKS_MAX];
	struct sums sums = {0};
	random_state = 0x9e3779b97f4a7c15ull * (seed + 1);
	unsigned int n_clocks = 1 + (unsigned int)draw(CLOCKS_MAX);
	bool is_coarse = draw(2);
	for (unsigned int c = 0; c < CLOCKS_MAX; c++)
		kinds[c] = (enum meter_kind)draw(METER_KINDS);
	meter_init(&metered);
	unsigned int n = 50 + (unsigned int)draw(EVENTS_MAX - 50);
	for (unsigned int i = 0; i < n; i++) {
		draw_event(i, kinds, n_clocks, is_coarse);
		judge(i);
		add_up(&sums, &events[i]);
		if (!agrees(i, &metered, of, kinds) || !sums_agree(&sums, &metered))
			return (int)i;
	}
	for (unsigned int v = 0; v <= METER_STOPPED; v++)
		verdicts[v] += sums.verdicts[v];
	return -1;
}
