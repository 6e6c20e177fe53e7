/* A viewer: counts what arrives, and when. It costs as little as it can, since it shares the
 * machine with what it measures. One thread for all viewers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/histogram.h"
#include "bench/peer.h"
#include "bench/publisher.h"
#include "bench/watch.h"

#define VIEWER_SAMPLE 64   /* one packet in so many is decrypted, unless all are */
#define VIEWER_WINDOW 1024 /* packets behind the newest that are told from duplicates */

/* Of all viewers together. */
struct viewer_totals {
	uint64_t packets, bytes, duplicates;
	uint64_t datagrams, datagram_bytes; /* of everything that came, checks and reports too */
	uint64_t lost;                      /* never came, the last ones sent included */
	uint64_t lost_by_tool; /* that our own sockets had no room for; part of `lost` */
	uint64_t decrypted, not_authentic, corrupt; /* corrupt: authentic, but not what was sent */
	uint64_t spoilt;                            /* under way while the machine stood still */
	struct histogram latency_ns, unspoilt_ns;   /* unspoilt: without those */
	struct histogram setup_ns;
};

/* How all viewers of a stream play. */
struct viewer_config {
	struct subject *subject;                    /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles, *stream;              /* borrowed */
	const struct publisher *publisher; /* of the stream, borrowed; NULL: another process's */
	const struct watch *watch;         /* borrowed; NULL: nobody looks for stalls */
	bool audio, verify_all;
};

struct viewer_source { /* one RTP source as received */
	uint32_t ssrc;
	bool is_started, is_aligned;
	int64_t highest, base; /* base: the highest when the measuring began */
	int64_t offset;        /* the publisher's number = index + offset, once aligned */
	uint64_t received;     /* after base, each once */
	uint64_t window[VIEWER_WINDOW / 64];
	uint32_t last_sr; /* middle of its NTP time; 0 = none */
	uint64_t sr_ns;
};

struct viewer {
	const struct viewer_config *config; /* borrowed */
	struct peer *peer;
	struct answer answer;
	uint64_t posted_ns, report_due_ns, sr_due_ns;
	bool has_media;                 /* and it was authentic */
	uint32_t dropped, dropped_base; /* by our socket */
	struct viewer_source sources[PUBLISHER_TRACKS];
};

/* Asks the subject and begins to connect. 0, an HTTP status, or a negative errno. */
int viewer_start(struct viewer *viewer, const struct viewer_config *config);
/* Takes everything its socket has, be it something or nothing. When it is called does not matter:
 * arrival is the kernel's time. */
void viewer_receive(struct viewer *viewer, struct viewer_totals *totals);
/* Call it every few milliseconds: checks, reports, a key frame request at the beginning. */
void viewer_tick(struct viewer *viewer, uint64_t now_ns);
/* From here on is measured. */
void viewer_begin(struct viewer *viewer);
/* Adds what is missing to the totals: of what was sent from `begin` to `end`, and should all have
 * arrived. */
void viewer_count_losses(const struct viewer *viewer, const struct publisher_sent *begin,
			 const struct publisher_sent *end, struct viewer_totals *totals);
void viewer_stop(struct viewer *viewer);
