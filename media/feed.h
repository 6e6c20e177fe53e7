/* A feed is one track of a stream as viewers see it: it outlives the publisher that fills it.
 * Control creates it; each worker has a lane of its own in it (its viewers, its retransmission
 * buffer, the source's clock), touched by no other thread. A publisher's worker hands each packet
 * once to every worker that has viewers. */
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "media/codec.h"
#include "media/report.h"
#include "media/retransmit.h"
#include "media/rtp.h"
#include "media/rtp_form.h"

struct message;
struct worker;
struct subscription;
struct track;

/* What a decrypted packet carries in packet_meta.owner_area: parsed once, read by every viewer. */
struct rtp_packet {
	int64_t index;  /* 64-bit sequence number of its source */
	uint32_t epoch; /* which source: grows when the publisher or its SSRC changes */
	uint32_t timestamp;
	uint64_t shape; /* of the extensions (media/rtp_form.h) */
	uint16_t payload_offset, payload_bytes;
	bool marker, keyframe_start;
	struct {
		uint16_t offset;
		uint8_t bytes;
	} extension[RTP_EXTENSIONS];
};

static_assert(sizeof(struct rtp_packet) <= PACKET_OWNER_BYTES, "fits the packet's owner area");

static inline struct rtp_packet *rtp_packet(struct rte_mbuf *packet)
{
	return (struct rtp_packet *)packet_meta(packet)->owner_area;
}

/* When all extensions are set. */
static inline void rtp_packet_set_shape(struct rtp_packet *packet)
{
	packet->shape = RTP_SHAPE_KNOWN;
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++) {
		unsigned int length = packet->extension[e].bytes;
		if (packet->extension[e].offset == 0)
			continue;
		if (length > RTP_SHAPE_LENGTH_MAX) {
			packet->shape = 0;
			return;
		}
		packet->shape |= rtp_shape_of(e, length);
	}
}

/* The source's clock: this RTP timestamp was sampled at this NTP time, as its last SR said. */
struct feed_clock {
	bool known;
	uint32_t epoch; /* of the source that said so: another one's timestamps mean other times */
	uint32_t rtp_timestamp;
	uint64_t ntp;
	uint64_t arrival_ns;
};

/* The last key frame of a lane's epoch, by its first packet. */
struct feed_keyframe {
	bool is_known;
	uint32_t timestamp;
	int64_t index;
	uint64_t arrival_ns;
	unsigned int n_replays; /* viewers that began with it */
	bool is_next_asked;     /* for those that will come when it is too old */
};

/* A viewer that begins when the last key frame is younger than this is sent what there is from it
 * on. A little more than the time that passes between two requests, so that whoever may not ask for
 * another one needs none. */
#define FEED_REPLAY_NS (REPORT_PLI_MIN_NS + 50000000ull)
/* Where viewers keep coming the next key frame is asked for at this age: it takes until the end of
 * a frame to come, and should be there when the last one is too old. */
#define FEED_AHEAD_NS (FEED_REPLAY_NS / 2)

TAILQ_HEAD(subscription_list, subscription);

struct feed_lane {
	struct subscription_list subscriptions;
	struct track *track; /* the publisher's, if it lives on this worker */
	bool started;        /* a packet has come */
	uint32_t epoch;      /* the newest of a packet */
	int64_t newest;      /* highest index of that epoch in the history */
	struct feed_keyframe keyframe;
	struct feed_clock clock;
	uint64_t mended_ns;     /* when a viewer's loss made us ask for a key frame */
	uint64_t expire_due_ns; /* next look for packets too old to be asked for */
	struct retransmit history;
} __attribute__((aligned(64)));

struct feed {
	/* control; constant while a publisher or a viewer is attached */
	uint32_t clock_hz;
	enum codec codec;
	/* set by the workers that have viewers: one bit each */
	atomic_uint audience __attribute__((aligned(64)));
	/* the publisher's worker, -1 = none */
	atomic_int home;
	unsigned int n_lanes;
	struct feed_lane lanes[]; /* one per worker: 4 KB each, and most nodes have few */
};

/* Control thread. NULL: no memory. */
struct feed *feed_create(enum codec codec, unsigned int n_workers);
/* Behind a barrier, when no publisher and no viewer is attached. */
void feed_destroy(struct feed *feed);

/* All below: the calling worker's thread; `packets` are decrypted, with rtp_packet filled in. */

/* From the publisher's side: to every worker in the audience. Consumes one reference of each
 * packet. All of one feed. */
void feed_publish(struct worker *worker, struct feed *feed, struct rte_mbuf **packets,
		  unsigned int n);
/* On a viewer's worker: to every subscription of its lane. Consumes one reference of each. All of
 * one feed. */
void feed_forward(struct worker *worker, struct feed *feed, struct rte_mbuf **packets,
		  unsigned int n);
/* Messages as they came to this worker: forwards those that bring packets of feeds, up to the first
 * of another kind, and of each feed as one vector, however the feeds alternate. Returns how many
 * messages that was; they hold no packets any more. */
unsigned int feed_take_messages(struct worker *worker, struct message *messages, unsigned int n);
/* The source's SR, to every worker, so that a viewer who comes later finds it. */
void feed_publish_clock(struct worker *worker, struct feed *feed, const struct feed_clock *clock);
void feed_take_clock(struct worker *worker, struct feed *feed, const struct feed_clock *clock);
/* Sends a viewer that begins the feed's last key frame and what followed, as if it came now. False:
 * there is none that is young enough and whole; nothing was sent. Asks for the next one when it is
 * not the first viewer to begin with this, and that will soon be too old. */
bool feed_replay(struct worker *worker, struct feed *feed, struct subscription *subscription);
/* Asks the publisher for a key frame, wherever it lives. */
void feed_request_keyframe(struct worker *worker, struct feed *feed);

/* Gives back packets that are too old to be asked for; cheap when called often. Viewers' timers
 * call it too: a feed whose publisher fell silent must not keep buffers from the rest of the node.
 */
void feed_expire(struct worker *worker, struct feed *feed);

/* Its publisher, which lives on this worker, ends. */
void feed_unpublish(struct worker *worker, struct feed *feed);

void feed_attach(struct worker *worker, struct feed *feed, struct subscription *subscription);
void feed_detach(struct worker *worker, struct feed *feed, struct subscription *subscription);
