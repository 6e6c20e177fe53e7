/* Ingress policing with rte_meter: two rates and three colours (trTCM, RFC 2698) for media, one
 * rate (srTCM, RFC 2697) for signalling. Rates are wire rates. Not for billing: the buckets are
 * quantised. A policer belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_meter.h>

#include "qos/traffic_class.h"

#define POLICER_BURST_MS_MIN 40 /* browsers pace a frame over this long: such a burst must pass */

struct policer_config {
	int64_t committed_bps; /* above it: yellow; 0: unlimited, everything is green */
	int64_t peak_bps;      /* above it: red; 0: twice the committed rate */
	unsigned int burst_ms; /* size of both buckets; at least POLICER_BURST_MS_MIN */
};

struct policer {
	bool is_limited;
	struct rte_meter_trtcm_profile profile;
	struct rte_meter_trtcm meter;
	uint64_t packets[PACKET_COLORS], bytes[PACKET_COLORS]; /* relaxed atomics for readers */
};

struct signalling_policer {
	struct rte_meter_srtcm_profile profile;
	struct rte_meter_srtcm meter;
	uint64_t dropped;
};

/* Any thread that owns the policer. -EINVAL: a rate that no link has. Changing keeps the counters.
 */
int policer_set(struct policer *policer, const struct policer_config *config, uint64_t now_ns);
enum packet_color policer_color(struct policer *policer, uint32_t wire_bytes, uint64_t now_ns);

int signalling_policer_set(struct signalling_policer *policer, int64_t committed_bps,
			   unsigned int burst_bytes, uint64_t now_ns);
/* Red is to be dropped (it was counted). */
enum packet_color signalling_policer_color(struct signalling_policer *policer, uint32_t wire_bytes,
					   uint64_t now_ns);
