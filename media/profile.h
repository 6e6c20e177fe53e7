/* Where a thread of the packet path spends its time: by stage, in ns, packets and, where the
 * machine counts them, instructions. A round either is measured or is not. Every one is with
 * `nn5g-gateway --profile`; otherwise one in PROFILE_EVERY on average, drawn at random so that it
 * is not always the same one of a pattern, and it counts for PROFILE_EVERY: so the sums are
 * estimates of the whole, at no cost to the rest. Only sleep is always measured.
 *
 * A profile has one writer, its thread, which says at the borders of bursts what it does next; any
 * thread reads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PROFILE_EVERY 64

enum profile_stage {
	PROFILE_RECEIVE,   /* the port's system calls in */
	PROFILE_DEMUX,     /* protocol and session of a datagram; STUN */
	PROFILE_UNPROTECT, /* SRTP in */
	PROFILE_TRACK,     /* what a publisher's packets mean: order, policing, repair */
	PROFILE_COPY,      /* a viewer's header and numbers */
	PROFILE_PROTECT,   /* SRTP out */
	PROFILE_SCHEDULE,
	PROFILE_SEND,     /* the port's system calls out */
	PROFILE_REPORT,   /* RTCP in */
	PROFILE_MESSAGES, /* of other threads */
	PROFILE_TIMERS,   /* RTCP out, consent, paced video */
	PROFILE_SLEEP,
	PROFILE_STAGES
};
extern const char *const profile_stage_names[PROFILE_STAGES];

struct profile_sum {
	uint64_t ticks; /* of the TSC */
	uint64_t instructions, packets;
};

struct perf_event_mmap_page;

struct profile {
	/* Its thread. */
	bool is_on; /* this round is measured */
	enum profile_stage stage;
	unsigned int every, rounds_left; /* until the next that is */
	uint32_t random;
	uint64_t ticks, instructions;      /* when the stage began */
	struct perf_event_mmap_page *page; /* owned; NULL: instructions are not counted */
	int fd;

	/* Its thread writes, any reads. */
	struct profile_sum sums[PROFILE_STAGES] __attribute__((aligned(64)));
};

/* The profile's thread, before its first round; `profile` is all zero, and may be read already.
 * With is_always every round is measured, and instructions are counted if the machine lets us; else
 * a log line says why not. */
void profile_start(struct profile *profile, bool is_always);
/* The same thread, after its last. */
void profile_stop(struct profile *profile);

/* All below: the profile's thread. */

/* A round begins, by receiving. */
void profile_round(struct profile *profile);
/* Ends the stage there is and begins another (profile_enter). */
void profile_switch(struct profile *profile, enum profile_stage stage);
/* Around a wait. */
void profile_sleep(struct profile *profile);
void profile_wake(struct profile *profile);

static inline void profile_count(struct profile *profile, enum profile_stage stage, unsigned int n)
{
	struct profile_sum *sum = &profile->sums[stage];
	if (profile->is_on)
		__atomic_store_n(&sum->packets, sum->packets + (uint64_t)n * profile->every,
				 __ATOMIC_RELAXED);
}

/* From here on it is `stage`, which takes `n` packets. Returns the stage there was before, for who
 * was called in its midst to go back to. */
static inline enum profile_stage profile_enter(struct profile *profile, enum profile_stage stage,
					       unsigned int n)
{
	enum profile_stage before = profile->stage;
	if (profile->is_on) {
		profile_count(profile, stage, n);
		profile_switch(profile, stage);
	}
	return before;
}

static inline void profile_leave(struct profile *profile, enum profile_stage before)
{
	if (profile->is_on)
		profile_switch(profile, before);
}

/* ---- any thread ---- */

struct profile_figures {
	double seconds;
	uint64_t instructions, packets;
};

/* Adds what a profile has of a stage to `figures`. */
void profile_read(const struct profile *profile, enum profile_stage stage,
		  struct profile_figures *figures);
