/* Ingress policing with rte_meter: two rates and three colours (trTCM, RFC 2698) for media, one
 * rate (srTCM, RFC 2697) for signalling. Rates are wire rates (packet_wire_bytes). Not for billing.
 * A policer belongs to one thread; its totals are read by any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_meter.h>

#include "qos/traffic_class.h"

#define POLICER_BPS_MIN      8000ll         /* a smaller limit is none that media fits */
#define POLICER_BPS_MAX      400000000000ll /* no link has more */
#define POLICER_BURST_MS_MIN 40 /* browsers send a frame over this long: such a burst must pass */
#define POLICER_BURST_MS_MAX 10000
/* What a bucket holds at least: less than the largest packet, and none would ever pass. */
#define POLICER_BUCKET_BYTES_MIN 4096

struct policer_config {
	int64_t committed_bps; /* above it: yellow; 0: unlimited, everything is green */
	int64_t peak_bps;      /* above it: red; 0: twice the committed rate */
	/* A burst this long at 2.5 times the rate (libwebrtc's pacing factor) passes, at the
	 * committed rate as green, at the peak rate as yellow. */
	unsigned int burst_ms;
};

struct policer {
	bool is_limited;
	uint32_t reserve_bytes;       /* of each bucket, on top of the burst: left to voice */
	struct policer_config config; /* in force; the peak rate is filled in */
	struct rte_meter_trtcm_profile profile;
	struct rte_meter_trtcm meter;
	uint64_t packets[PACKET_COLORS], bytes[PACKET_COLORS]; /* policer_total */
};

struct signalling_policer {
	struct rte_meter_srtcm_profile profile;
	struct rte_meter_srtcm meter;
	uint64_t dropped; /* policer_total */
};

/* The thread that owns the policer, or control before there is one. Zeroed memory is a policer
 * without limit. A change keeps the totals, and what is in the buckets as far as it fits the new
 * ones. -EINVAL: a rate that no link has (outside POLICER_BPS_*, a peak below the committed rate)
 * or a burst outside POLICER_BURST_MS_*; then nothing changes. */
int policer_set(struct policer *policer, const struct policer_config *config, uint64_t now_ns);

/* Colours a packet and counts it. `color` is what an earlier policer made of it (colour-aware mode,
 * RFC 2698 3: it never gets better); red ones take no tokens. `reserve_bytes` of the
 * buckets are left to voice, so that a sender's video does not take its voice along over the
 * edge. */
enum packet_color policer_color_aware(struct policer *policer, uint32_t wire_bytes, bool is_voice,
				      enum packet_color color, uint64_t now_ns);
/* Of a packet that no other policer has seen, of no special kind. */
enum packet_color policer_color(struct policer *policer, uint32_t wire_bytes, uint64_t now_ns);

/* Committed and excess bucket hold `burst_bytes` each (at least POLICER_BUCKET_BYTES_MIN). -EINVAL
 * as above; zeroed memory is one without limit. */
int signalling_policer_set(struct signalling_policer *policer, int64_t committed_bps,
			   unsigned int burst_bytes, uint64_t now_ns);
/* Red is to be dropped (it was counted). */
enum packet_color signalling_policer_color(struct signalling_policer *policer, uint32_t wire_bytes,
					   uint64_t now_ns);

/* One of a policer's totals, which only grow. Any thread. */
static inline uint64_t policer_total(const uint64_t *total)
{
	return __atomic_load_n(total, __ATOMIC_RELAXED);
}
