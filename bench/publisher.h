/* A WHIP publisher on a thread of its own: sends a fixed bitrate, open loop. Each packet carries
 * its intended send time, so that a late sender shows as latency and not as silence. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/peer.h"

struct publisher_config {
	const struct signalling_target *target;     /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles, *path;                /* borrowed */
	uint32_t bitrate_bps;
	uint16_t packet_bytes; /* whole RTP packet */
	bool audio;
};

/* Packets sent so far. */
struct publisher_sent {
	uint64_t video, audio;
};

struct publisher;

/* Connects; returns when media flows. 0, an HTTP status, or a negative errno. */
int publisher_start(const struct publisher_config *config, struct publisher **out);
/* Ends the session and the thread. Takes NULL. */
void publisher_stop(struct publisher *publisher);
/* Sends no more media, but stays connected. */
void publisher_pause(struct publisher *publisher);
/* Goes on from now, with a new frame. */
void publisher_resume(struct publisher *publisher);
/* All below: any thread. */
struct publisher_sent publisher_sent(const struct publisher *publisher);
/* The latest a packet left after its intended time since the last call. */
uint64_t publisher_take_lag_ns(struct publisher *publisher);
