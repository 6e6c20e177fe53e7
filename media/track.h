/* One track a publisher sends: which packets are its, what is missing of it, and the feed it fills.
 * Embedded in the publisher's transport; touched by its home worker only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/feed.h"
#include "media/reception.h"
#include "media/splice.h"
#include "slices/meter.h"

#define TRACK_MID_MAX 32

struct source;
struct transport;

/* As agreed in SDP; filled by control, constant once the transport is published. */
struct track_config {
	struct feed *feed; /* borrowed: the stream keeps it while a publisher is attached */
	enum codec codec;
	uint8_t payload_type, rtx_payload_type; /* rtx 0: none */
	uint32_t ssrc, rtx_ssrc;                /* 0: learnt from MID or payload type */
	bool nack, pli, fir, transport_cc;
	uint32_t epoch; /* first source's; later ones count up */
	struct rtp_extension_map
		extensions; /* of its m-line: other lines may number theirs otherwise */
	char mid[TRACK_MID_MAX + 1];
};

struct track {
	struct track_config config;
	struct transport *transport; /* parent */
	uint32_t ssrc;               /* 0: not known yet */
	uint32_t epoch;
	struct reception reception;
	bool has_ended; /* its source said BYE */
	bool keyframe_wanted;
	bool keyframe_since_request;
	uint64_t keyframe_requested_ns; /* last PLI, 0 = none */
	uint8_t fir_command;
	uint64_t policed_ns; /* when a packet of it was last dropped for the rate; 0: never */
	struct meter_clock clock;
	/* the meter's: */
	struct splice splice;
	bool waits_for_keyframe; /* after a stop */
	uint64_t waiting_ns;     /* since when; 0 = no packet has come to wait on */
};

/* Binds the tracks to their feeds. */
void track_start(struct worker *worker, struct track *track);
void track_stop(struct worker *worker, struct track *track);

/* A burst of decrypted RTP of one publisher: finds each packet's track, takes retransmissions
 * apart, passes new packets to their feeds. Takes ownership. */
void track_on_packets(struct worker *worker, struct transport *transport, struct rte_mbuf **packets,
		      unsigned int n);

/* Notes that `ssrc` is the track's (or its retransmissions'). NULL: the publisher uses too many. */
struct source *track_learn(struct transport *transport, struct track *track, uint32_t ssrc,
			   bool is_rtx);
/* Its kind flows again after a stop: what was missed meanwhile is never asked for, and video goes
 * on at a key frame, which is. */
void track_resume(struct worker *worker, struct track *track);
/* Whether its kind is stopped by the session's meter. */
bool track_is_stopped(const struct track *track);
/* A viewer wants a key frame. */
void track_want_keyframe(struct worker *worker, struct track *track);
