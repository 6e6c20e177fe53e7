/* A stream is what a publisher sends and viewers play: tenant and name, and one feed per track. It
 * outlives its publisher, so that viewers stay attached while it restarts. Its feeds never change:
 * a publisher that sends something else makes a new stream of the same name. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/sdp.h"
#include "media/feed.h"

#define STREAM_NAME_MAX 63

struct session;
struct stream_table;

TAILQ_HEAD(session_list, session);

struct stream {
	char *key;                            /* "tenant/name", owned */
	struct stream_table *table;           /* parent */
	struct feed *feeds[SDP_MEDIA_MAX];    /* owned */
	struct sdp_feed kinds[SDP_MEDIA_MAX]; /* what each feed carries */
	unsigned int n_feeds;
	struct sdp_template *answer; /* of the last viewer; NULL: none yet. Owned */
	uint32_t epoch; /* of the latest publisher: epochs are far apart, a track counts its own on
			   top */
	struct session *publisher; /* borrowed; NULL while there is none */
	struct session_list viewers;
	unsigned int n_viewers;
	unsigned int n_references; /* sessions whose transports may still point at the feeds */
};

struct stream_table *stream_table_create(unsigned int n_workers);
/* All streams must have been released. Takes NULL. */
void stream_table_destroy(struct stream_table *table);
unsigned int stream_count(const struct stream_table *table);

/* The stream of that name, or NULL. */
struct stream *stream_find(struct stream_table *table, const char *tenant, const char *name);
/* For a publisher that sends what `agreement` says: the stream of that name if it carries the same,
 * else a new one, which nobody finds yet. Takes a reference. NULL: no memory. */
struct stream *stream_prepare(struct stream_table *table, const char *tenant, const char *name,
			      const struct sdp_agreement *agreement);
/* The publisher is sure to come: the stream takes its name and begins a new epoch. Returns the
 * stream that had the name (its sessions still hold it), or NULL when it is this one or none. */
struct stream *stream_claim(struct stream *stream, const struct sdp_agreement *agreement);
/* Takes a reference for a viewer. */
void stream_hold(struct stream *stream);
/* Gives a reference back; the last one frees the stream and its feeds. Behind a barrier only, once
 * packets may have flowed. */
void stream_release(struct stream *stream);
