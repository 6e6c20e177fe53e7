/* A WHIP publisher on a thread of its own: sends a fixed bitrate, open loop. Each packet carries
 * its intended send time, so that a late sender shows as latency and not as silence. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/peer.h"

/* What every video payload begins with, behind the VP8 descriptor and header (10 bytes). */
#define PUBLISHER_STAMP_OFFSET 16 /* from the payload's first byte */

struct publisher_config {
	const struct signalling_target *target;     /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles, *path;                /* borrowed */
	uint32_t bitrate_bps;
	uint16_t packet_bytes; /* whole RTP packet */
	bool audio;
};

struct publisher;

/* Connects; returns when media flows. 0, an HTTP status, or a negative errno. */
int publisher_start(const struct publisher_config *config, struct publisher **out);
/* Ends the session and the thread. Takes NULL. */
void publisher_stop(struct publisher *publisher);
/* Any thread. */
uint64_t publisher_packets(const struct publisher *publisher);
uint64_t publisher_keyframe_requests(const struct publisher *publisher);
