#include "media/feed.h"

#include <stdlib.h>

struct feed *feed_create(enum codec codec, unsigned int n_workers)
{
	size_t bytes = sizeof(struct feed) + n_workers * sizeof(struct feed_lane);
	struct feed *feed = aligned_alloc(64, bytes);
	if (!feed)
		return NULL;
	memset(feed, 0, bytes);
	feed->codec = codec;
	feed->clock_hz = codec_row(codec)->clock_hz;
	feed->n_lanes = n_workers;
	atomic_init(&feed->home, -1);
	for (unsigned int i = 0; i < n_workers; i++) {
		TAILQ_INIT(&feed->lanes[i].subscriptions);
		retransmit_init(&feed->lanes[i].history);
	}
	return feed;
}

void feed_destroy(struct feed *feed)
{
	if (!feed)
		return;
	for (unsigned int i = 0; i < feed->n_lanes; i++)
		retransmit_clear(&feed->lanes[i].history);
	free(feed);
}
