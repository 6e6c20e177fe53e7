/* Whether a measurement is worth anything: who else used the CPUs meanwhile, whether the tool kept
 * its own pace, and when the machine stood still (bench/watch). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* CPU time used so far, ns. */
struct noise_clock {
	uint64_t at_ns;
	uint64_t machine_ns;    /* by all of the machine, ordinary or before that; stolen, too */
	uint64_t background_ns; /* by processes that are nice: what is ours goes first */
	uint64_t own_ns;        /* by this process */
	unsigned int cpus;
};

/* What is told of a measurement. */
struct noise_figures {
	unsigned int stalls;
	double longest_ms;                                /* of the stalls */
	uint64_t spoilt_packets;                          /* under way during one */
	double other_cpu_percent, background_cpu_percent; /* of all CPUs */
	double lag_ms; /* the latest that a packet of ours left after its time */
	bool is_rejected;
};

/* From where on a measurement is rejected. 0: never. */
struct noise_limits {
	double other_cpu_percent, lag_ms, spoilt_percent;
};

/* Reads the clocks as they are. -EIO when the kernel tells nothing. */
int noise_clock_read(struct noise_clock *clock);
/* The first line of /proc/stat (proc(5)): sets machine_ns and background_ns. -EBADMSG. */
int noise_clock_parse(const char *stat, uint64_t tick_ns, struct noise_clock *clock);
/* Sets the CPU shares of what was neither ours nor the subject's between two readings. */
void noise_compare(const struct noise_clock *begin, const struct noise_clock *end,
		   uint64_t subject_ns, struct noise_figures *figures);
/* Sets is_rejected; `packets` are those that the measurement counted. */
void noise_judge(const struct noise_limits *limits, uint64_t packets,
		 struct noise_figures *figures);
