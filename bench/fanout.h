/* `nn5g-bench fanout`: one publisher, many viewers, everything counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/process.h"
#include "bench/signalling.h"
#include "bench/viewer.h"

struct fanout_options {
	struct signalling_target target;
	const char *tenant, *stream, *profiles; /* borrowed from argv */
	unsigned int viewers, seconds, rounds, parallel;
	uint32_t bitrate_bps;
	uint16_t packet_bytes;
	uint64_t loss_max;
	bool audio, verify_all, is_json;
	int pid; /* of the gateway; 0 = not watched */
};

/* What a round came to. */
struct fanout_round {
	unsigned int number, playing;
	uint64_t lag_ns; /* the publisher's latest packet */
	struct viewer_totals totals;
	struct process_usage before, after; /* of the gateway; zero when not watched */
};

/* argv[0] is "fanout". Exit status. */
int fanout_main(int argc, char **argv);
/* 0; 1 when help was asked for and given; -EINVAL with a line on stderr. */
int fanout_options_parse(int argc, char **argv, struct fanout_options *options);
/* The round as a person or a program wants to read it, on stdout. */
void fanout_print(const struct fanout_options *options, const struct fanout_round *round);
