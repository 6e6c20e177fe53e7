/* One viewer's playing of one feed: its own SSRCs, numbers, payload types and extension ids.
 * Embedded in the viewer's transport; touched by its home worker only, but for `stats` (relaxed
 * atomics). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "media/feed.h"
#include "media/rewrite.h"
#include "slices/meter.h"

#define SUBSCRIPTION_MID_MAX 32
#define SUBSCRIPTION_RTX_RECENT                                                                    \
	64 /* retransmissions remembered, so that a repeated NACK within a round trip sends        \
	      nothing */

/* As agreed in SDP; filled by control, constant once the transport is published (or played). */
struct subscription_config {
	struct feed *feed; /* borrowed: the stream keeps it while viewers are attached */
	uint32_t ssrc, rtx_ssrc;
	uint8_t payload_type,
		rtx_payload_type; /* rtx 0: the viewer has none, nothing is ever sent again */
	struct rtp_extension_map extensions;
	char mid[SUBSCRIPTION_MID_MAX + 1];
	uint16_t first_sequence, first_rtx_sequence; /* random */
	uint32_t first_timestamp;
};

#define SUBSCRIPTION_HOT_BYTES 256

/* What forwarding a packet looks at stands first, in four cache lines, which are fetched while the
 * viewers before it are served (subscription_prefetch). */
struct subscription {
	TAILQ_ENTRY(subscription) link __attribute__((aligned(64)));
	struct transport *transport; /* parent */
	struct meter_clock clock;
	uint64_t viewer; /* its number, of video (media/viewers.h) */
	bool attached;
	bool flowing;             /* video waits for a key frame before a source's first packet */
	bool is_torn;             /* video of it was lost, and no key frame was asked for yet */
	bool is_video;            /* once started */
	unsigned int n_lost;      /* in a row, before they were made */
	uint32_t packets, octets; /* of the sender report */
	int64_t rtx_credit_bytes __attribute__((aligned(64)));
	struct rewrite rewrite;
	struct rtp_form form __attribute__((aligned(64)));
	struct subscription_config config;
	uint64_t waiting_ns; /* since when; 0 = no packet has come to wait on */
	uint64_t keyframe_asked_ns;
	uint16_t rtx_sequence;
	struct {
		uint32_t index, sent_ms; /* the low half of each */
	} rtx_recent[SUBSCRIPTION_RTX_RECENT];
	struct {
		uint32_t ntp_middle;
		uint64_t sent_ns;
	} sr_sent[2]; /* the last two, for round trip times */
	uint8_t sr_next;
	/* from the viewer's last report */
	uint8_t fraction_lost;
	int32_t cumulative_lost;
	uint64_t rtt_ns;
};

/* All below: the viewer's home worker. */

/* The keys are in force: attaches to the feed and asks for a key frame of video. */
void subscription_start(struct worker *worker, struct subscription *subscription);
/* Its kind flows again after a stop: goes on with the next number, video at a key frame, which is
 * asked for. */
void subscription_resume(struct worker *worker, struct subscription *subscription);
/* Whether its kind is stopped by the session's meter. */
bool subscription_is_stopped(const struct subscription *subscription);
/* Fetches what the next two of a feed will look at, while another is served: a thousand viewers do
 * not fit the near caches. `next`: the next one, whose lines came with the call before; may be
 * NULL.
 */
void subscription_prefetch(const struct subscription *next);
/* Sends copies of `packets` (borrowed) as this viewer wants them. */
void subscription_forward(struct worker *worker, struct subscription *subscription,
			  struct rte_mbuf **packets, unsigned int n);
/* As subscription_forward, of packets that the viewer's pacer held back; takes their references. */
void subscription_send_paced(struct worker *worker, struct subscription *subscription,
			     struct rte_mbuf **packets, unsigned int n);
/* Video of it was dropped on its way out: a key frame is asked for, now or as soon as one may be.
 */
void subscription_on_loss(struct worker *worker, struct subscription *subscription);
/* Sends again what the viewer did not get. */
void subscription_on_nack(struct worker *worker, struct subscription *subscription,
			  const uint16_t *sequences, unsigned int n);
