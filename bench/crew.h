/* Sets up sessions and ends them again, many at a time, as fast as it can or at a rate. At a rate
 * it is open loop: each session has a time at which it was meant to begin, and its set-up counts
 * from there, however late the crew was. It has few threads, but where a subject's requests have to
 * be waited for: there it is one for each session at a time. */
#pragma once

#include <stdint.h>

#include "bench/attempt.h"
#include "bench/histogram.h"
#include "bench/result.h"

#define CREW_MAX 512

struct crew_config {
	struct attempt_config attempt;
	unsigned int members; /* sessions at a time, up to CREW_MAX */
	unsigned int rate;    /* sessions per second; 0: as fast as they can */
	int niceness;         /* of its threads, above the process's */
};

/* Large: not for the stack of a thread. */
struct crew_figures {
	double seconds;
	uint64_t done, failed, not_authentic;
	uint64_t late_ns;          /* the latest that a session began after its time */
	int error;                 /* of the last that failed, as attempt_run() */
	struct histogram setup_ns; /* to the first media, or to the keys */
	struct histogram step_ns[ATTEMPT_STEPS]; /* each from the step before */
};

struct crew;

/* -ENOMEM, -EAGAIN. */
int crew_start(const struct crew_config *config, struct crew **out);
/* Lets sessions under way end, which do not count, and adds up. `figures` may be NULL. Takes a NULL
 * crew. */
void crew_stop(struct crew *crew, struct crew_figures *figures);
/* sessions, failed, sessions_per_second, setup_ms and each step's median and p99. */
void crew_fill(const struct crew_figures *figures, struct result_sample *sample);
/* "HTTP status 503", or what an errno says. */
const char *crew_error(int error, char text[32]);
