/* A leaky bucket as GCRA (ITU-T I.371): so many requests a period, a burst at once, a bounded queue
 * in front. Pure; the time is an argument. Control thread. */
#pragma once

#include <stdint.h>

struct bucket {
	uint64_t interval_ns;  /* between requests of a steady stream; 0: no limit */
	uint64_t tolerance_ns; /* how far ahead of its time a request may come */
	uint64_t delay_max_ns;
	unsigned int queue_max;
	uint64_t due_ns; /* theoretical arrival time of the next request */
	unsigned int n_queued;
};

/* New limits: `burst` more than one may come at once. What was taken stays taken, counted in
 * requests: it is not paid off at the old rate. */
void bucket_set(struct bucket *bucket, const struct bucket *limits, uint64_t now_ns);
/* Limits for bucket_set: `requests` in a period; 0: no limit. */
struct bucket bucket_limits(unsigned int requests, uint64_t period_ns, unsigned int burst,
			    unsigned int queue_max, uint64_t delay_max_ns);
enum bucket_verdict { BUCKET_PASS, BUCKET_WAIT, BUCKET_FULL };
/* Takes a place. WAIT: passes at now_ns + *delay_ns, and bucket_leave is to be called then; FULL:
 * nothing was taken, and a request would pass after *delay_ns. */
enum bucket_verdict bucket_take(struct bucket *bucket, uint64_t now_ns, uint64_t *delay_ns);
/* A request that waited goes on, or has gone away. */
void bucket_leave(struct bucket *bucket);
/* Gives a place back: what took it did not happen after all. */
void bucket_give_back(struct bucket *bucket);
