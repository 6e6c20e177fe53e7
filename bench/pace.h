/* The one thread that lets all publishers send, each packet at its time: their packets take turns
 * at equal distances. It never adapts, neither to feedback nor to being late. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/publisher.h"

struct pace_config {
	struct publisher *const *publishers; /* borrowed; the thread's own while it runs */
	unsigned int n_publishers;
	uint64_t interval_ns; /* between two packets of one publisher */
	bool is_realtime;     /* before all ordinary threads, if that is allowed */
};

struct pace;

/* Media flows when it returns. -ENOMEM, -EAGAIN. */
int pace_start(const struct pace_config *config, struct pace **out);
/* Takes NULL. */
void pace_stop(struct pace *pace);
/* No more media until resumed; sessions are looked after. Nothing is sent any more when it
 * returns. */
void pace_pause(struct pace *pace);
/* Goes on from now. */
void pace_resume(struct pace *pace);
/* From the next packet on. */
void pace_set_interval(struct pace *pace, uint64_t interval_ns);
/* The latest a packet left after its intended time since the last call. */
uint64_t pace_take_lag_ns(struct pace *pace);
/* What packets of `packet_bytes` keep apart at `bitrate_bps`. */
uint64_t pace_interval_ns(uint32_t bitrate_bps, uint16_t packet_bytes);
