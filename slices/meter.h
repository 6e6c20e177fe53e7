/* Stream time and the credit it draws on, packet by packet. A clock per track or subscription says
 * what the gap since its last packet is, capped at METER_GAP_MAX_NS: a stalled source burns
 * nothing. A session's time is video while its video flows and voice otherwise: voice beside live
 * video is timed but not charged. The packet that would cross the credit does not pass; the credit
 * is then used up to the nanosecond. Pure; the time is an argument. Home worker, except where said.
 *
 * The rule, whole:
 * - gap = min(now - the clock's last packet that passed, METER_GAP_MAX_NS); none yet: 0.
 * - Video charges its gap. Voice charges its gap once video's reach is over (now > video_until_ns),
 *   else nothing. Video's reach is METER_GAP_MAX_NS from its last packet, METER_VIDEO_WAIT_NS from
 *   when it was expected. That it then runs out or is held does not shorten it: control has that
 *   long to end the session before its voice costs anything.
 * - A packet passes unless its kind is stopped, or it charges and used + gap > credit, or it
 * charges and no credit was ever given.
 * - used_ns is the sum of the gaps charged by packets that passed, time_ns that of all gaps of
 *   packets that passed; the packet that runs out adds to both the part of its gap that the credit
 *   still paid for, and to nothing else. It and those stopped after it leave their clocks alone.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define METER_GAP_MAX_NS    1000000000ull
#define METER_VIDEO_WAIT_NS 3000000000ull /* a key frame takes no longer to come */
#define METER_UNLIMITED     UINT64_MAX
#define METER_LOW_NS        4000000000ull /* less than this left: control is told, once a credit */

enum meter_kind { METER_VIDEO, METER_VOICE, METER_KINDS };

struct meter_clock {
	uint64_t last_ns; /* of its last packet that passed; 0: none since the start or a stop */
};

struct meter {
	/* home worker, once it has one; control before that */
	uint64_t credit_ns[METER_KINDS]; /* all that was ever given; METER_UNLIMITED */
	uint8_t held;                    /* bit per kind: control lets nothing of it pass */
	uint8_t out, low_told;           /* bit per kind */
	uint64_t video_until_ns;         /* voice is beside video, and free, until then */
	/* home worker writes, any thread reads */
	_Atomic uint64_t used_ns[METER_KINDS]; /* charged */
	_Atomic uint64_t time_ns[METER_KINDS]; /* stream time, charged or not */
	_Atomic uint64_t stopped[METER_KINDS]; /* packets that did not pass */
};

enum meter_verdict {
	METER_PASS,
	METER_PASS_LOW, /* passes; little is left: tell control (said once per credit) */
	METER_OUT,      /* does not pass; the credit has just run out: tell control */
	METER_STOPPED   /* does not pass; control knows */
};

/* Unlimited credit, nothing held. */
void meter_init(struct meter *meter);
/* A packet of `kind` at `now_ns` (never 0, never earlier than before) on one of the session's
 * clocks. */
enum meter_verdict meter_packet(struct meter *meter, struct meter_clock *clock,
				enum meter_kind kind, uint64_t now_ns);
/* Video is about to begin or to come again: voice that is ahead of its key frame is beside it.
 * Nothing when video is stopped or has no credit. */
void meter_expect_video(struct meter *meter, uint64_t now_ns);
/* Credit from now on: the total ever given. Never less than what is used. True: the kind flows
 * again. Its clocks are to be reset (meter_clock_reset). */
bool meter_set_credit(struct meter *meter, enum meter_kind kind, uint64_t credit_ns);
/* Kinds held from now on. Returns the bits of those that flow again; their clocks are to be reset.
 */
uint8_t meter_set_held(struct meter *meter, uint8_t held);

static inline bool meter_is_stopped(const struct meter *meter, enum meter_kind kind)
{
	return (meter->held | meter->out) & (1u << kind);
}

static inline void meter_clock_reset(struct meter_clock *clock)
{
	clock->last_ns = 0;
}

/* Any thread. */
static inline uint64_t meter_used_ns(const struct meter *meter, enum meter_kind kind)
{
	return atomic_load_explicit(&meter->used_ns[kind], memory_order_relaxed);
}

static inline uint64_t meter_time_ns(const struct meter *meter, enum meter_kind kind)
{
	return atomic_load_explicit(&meter->time_ns[kind], memory_order_relaxed);
}

static inline uint64_t meter_stopped(const struct meter *meter, enum meter_kind kind)
{
	return atomic_load_explicit(&meter->stopped[kind], memory_order_relaxed);
}
