/* The cases of a command that compares: every number of viewers with every size of packets and
 * every profile. */
#pragma once

#include <stdbool.h>

#include "bench/load.h"
#include "bench/options.h"
#include "bench/result.h"

struct matrix_options {
	struct option_list viewers, packets, profiles; /* profiles: indexes */
	unsigned int publishers, parallel, rate_pps, bitrate_bps;
	bool audio, verify_all;
};

extern const struct matrix_options matrix_defaults;
extern const struct option_row matrix_rows[];

struct matrix_case {
	unsigned int viewers, packet_bytes;
	const char *profile;
};

/* Calls for one after the other until one returns something else than 0, and returns that. */
int matrix_for_each(const struct matrix_options *options,
		    int (*call)(void *context, const struct matrix_case *at), void *context);
/* How many there are. */
unsigned int matrix_size(const struct matrix_options *options);
/* Of all streams together, in the largest case. */
unsigned int matrix_most_viewers(const struct matrix_options *options);
/* What a result of the case is known by; without a subject. */
struct result_key matrix_key(const struct matrix_options *options, const struct matrix_case *at);
/* The load of it, for any subject. */
struct load_config matrix_load(const struct matrix_options *options, const struct matrix_case *at);
