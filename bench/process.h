/* What the kernel says of a running process (proc(5)). */
#pragma once

#include <stdint.h>

struct process_usage {
	uint64_t resident_bytes;
	uint64_t cpu_ns;   /* of all threads, those that have ended included */
	uint64_t switches; /* of the threads there are: of one that ended, no more */
	unsigned int threads;
};

/* -ESRCH when there is no such process. */
int process_usage(int pid, struct process_usage *usage);
/* Lets this process open `n` files, or as many as it may: the rest fails when it is opened. */
void process_allow_files(unsigned int n);
