/* A publisher of a fixed bitrate, open loop: bench/pace says when a packet is due, and each carries
 * that intended time, so that a late sender shows as latency and not as silence. One thread at a
 * time, unless said otherwise. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/peer.h"
#include "bench/subject.h"

struct publisher_config {
	struct subject *subject;                    /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles, *stream;              /* borrowed */
	uint16_t packet_bytes;                      /* whole RTP packet */
	bool audio;
};

enum publisher_track { PUBLISHER_VIDEO, PUBLISHER_AUDIO, PUBLISHER_TRACKS };

/* Packets sent so far. */
struct publisher_sent {
	uint64_t packets[PUBLISHER_TRACKS];
};

struct publisher;

/* Connects; returns when media may be sent. 0, an HTTP status, or a negative errno. */
int publisher_open(const struct publisher_config *config, struct publisher **out);
/* Goes on from another address, as peer_move. */
int publisher_move(struct publisher *publisher, uint64_t now_ns);
/* Ends the session. Takes NULL. */
void publisher_close(struct publisher *publisher);
/* Sends a video packet that was meant to leave at `intended_ns`, of `interval_ns` between two, and
 * what else is due by then. */
void publisher_send(struct publisher *publisher, uint64_t intended_ns, uint64_t interval_ns);
/* What is sent next begins a frame: time passed without media. */
void publisher_skip(struct publisher *publisher, uint64_t now_ns);
/* Takes what came (key frame requests) and looks after the session; every few milliseconds. */
void publisher_tick(struct publisher *publisher, uint64_t now_ns);
/* Any thread. */
struct publisher_sent publisher_sent(const struct publisher *publisher);
/* Packets that never came, as the subject's last reports say. Any thread. */
uint64_t publisher_reported_lost(const struct publisher *publisher);
/* When packet `number` of a track was meant to leave; 0: not sent yet, or too long ago. Any
 * thread. */
uint64_t publisher_intended_ns(const struct publisher *publisher, enum publisher_track track,
			       uint64_t number);
