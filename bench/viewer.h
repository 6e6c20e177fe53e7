/* A WHEP viewer: counts what arrives, and when. One thread for all viewers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/histogram.h"
#include "bench/peer.h"

#define VIEWER_SAMPLE 16 /* one packet in so many is decrypted, unless all are */

/* Of all viewers together. */
struct viewer_totals {
	uint64_t packets, bytes, lost, duplicates, not_authentic, decrypted;
	struct histogram latency_ns, setup_ns;
};

struct viewer_source { /* one RTP source as received */
	uint32_t ssrc;
	bool is_started;
	int64_t first, highest;
	uint64_t received;
};

struct viewer {
	struct peer *peer;
	struct answer answer;
	uint64_t posted_ns;
	bool has_media;
	struct viewer_source video, audio;
};

/* POSTs and begins to connect. 0, an HTTP status, or a negative errno. */
int viewer_start(struct viewer *viewer, const struct signalling_target *target, const char *path,
		 const struct peer_certificate *certificate, const char *profiles, bool audio);
/* Its socket is readable: takes everything there is. */
void viewer_on_readable(struct viewer *viewer, bool verify_all, struct viewer_totals *totals);
/* Adds what is missing to the totals. */
void viewer_count_losses(const struct viewer *viewer, struct viewer_totals *totals);
void viewer_stop(struct viewer *viewer, const struct signalling_target *target);
