/* Sessions that are there and do nothing: viewers of a stream that is silent, kept alive by their
 * checks. What one costs a subject. */
#pragma once

#include <stdint.h>

#include "bench/peer.h"
#include "bench/subject.h"

struct hold_config {
	struct subject *subject;                    /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles;                       /* borrowed */
	unsigned int sessions, parallel;            /* parallel: that connect at a time */
	unsigned int seconds;                       /* of watching them */
};

struct hold_figures {
	unsigned int established;     /* of the sessions */
	int error;                    /* of the last that failed, as attempt_run() */
	uint64_t before_bytes, bytes; /* resident: before the first, and with all of them */
	double cpu_percent, seconds;  /* of one CPU, while they were watched */
	double connect_seconds;
	unsigned int threads;
};

/* Connects them all, watches, and ends them. Negative errno with a line on stderr. */
int hold_run(const struct hold_config *config, struct hold_figures *figures);
/* Of a smaps_rollup (proc(5)): "Rss:" in bytes; 0 when there is none. */
uint64_t hold_resident_in(const char *text);
