/* The fan-out: one decrypted packet, by reference, to each worker that has viewers, and there to
 * each viewer. */
#include "media/feed.h"

#include "media/plane.h"
#include "media/subscription.h"
#include "media/track.h"
#include "media/worker.h"

#define EXPIRE_INTERVAL_NS 100000000ull

static void post_burst(struct worker *worker, struct feed *feed, unsigned int to,
		       struct rte_mbuf **packets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		rte_mbuf_refcnt_update(packets[i], 1);
		worker_post_packet(
			worker, worker->plane->workers[to]->mailbox,
			&(struct message){.type = MESSAGE_FEED, .feed = feed, .packet = packets[i]},
			DROP_MAILBOX_FULL);
	}
}

void feed_publish(struct worker *worker, struct feed *feed, struct rte_mbuf **packets,
		  unsigned int n)
{
	unsigned int others =
		atomic_load_explicit(&feed->audience, memory_order_acquire) & ~(1u << worker->id);
	while (others) {
		unsigned int to = (unsigned int)__builtin_ctz(others);
		others &= others - 1;
		post_burst(worker, feed, to, packets, n);
	}
	feed_forward(worker, feed, packets, n);
}

/* Several packets of one key frame may say that it begins, and packets come in any order. */
static bool begins_newer(const struct feed_keyframe *keyframe, const struct rtp_packet *rtp)
{
	bool is_same = keyframe->timestamp == rtp->timestamp;
	if (!rtp->keyframe_start)
		return false;
	return !keyframe->is_known || is_same != (rtp->index > keyframe->index);
}

/* Of the lane's epoch, or of one before it, which nobody can begin with any more. */
static void keep(struct feed_lane *lane, struct rte_mbuf *packet)
{
	const struct rtp_packet *rtp = rtp_packet(packet);
	retransmit_put(&lane->history, packet);
	if (rtp->epoch != lane->epoch)
		return;
	lane->newest = RTE_MAX(lane->newest, rtp->index);
	if (begins_newer(&lane->keyframe, rtp))
		lane->keyframe = (struct feed_keyframe){.is_known = true,
							.timestamp = rtp->timestamp,
							.index = rtp->index,
							.arrival_ns = packet_meta(packet)->rx_ns};
}

static bool is_young(const struct worker *worker, const struct feed_keyframe *keyframe)
{
	return keyframe->is_known && keyframe->arrival_ns + FEED_REPLAY_NS >= worker->now_ns;
}

/* Nobody watches where the publisher lives, but whoever comes soon can begin with this. */
static bool may_be_replayed(const struct worker *worker, const struct feed *feed,
			    struct rte_mbuf *packet)
{
	const struct feed_lane *lane = &feed->lanes[worker->id];
	return lane->track && codec_row(feed->codec)->kind == MEDIA_VIDEO &&
	       (rtp_packet(packet)->keyframe_start || is_young(worker, &lane->keyframe));
}

static void forget(struct feed_lane *lane)
{
	retransmit_clear(&lane->history);
	lane->keyframe.is_known = false;
}

void feed_expire(struct worker *worker, struct feed *feed)
{
	struct feed_lane *lane = &feed->lanes[worker->id];
	if (worker->now_ns < lane->expire_due_ns)
		return;
	if (TAILQ_EMPTY(&lane->subscriptions) && lane->keyframe.is_known &&
	    !is_young(worker, &lane->keyframe))
		forget(lane);
	uint64_t hold_ns = worker->plane->config.retransmit_ns;
	if (worker->now_ns > hold_ns)
		retransmit_expire(&lane->history, worker->now_ns - hold_ns);
	lane->expire_due_ns = worker->now_ns + EXPIRE_INTERVAL_NS;
}

static void begin_epoch(struct feed_lane *lane, const struct rtp_packet *first)
{
	lane->started = true;
	lane->epoch = first->epoch;
	lane->newest = first->index;
	lane->keyframe.is_known = false;
}

void feed_forward(struct worker *worker, struct feed *feed, struct rte_mbuf **packets,
		  unsigned int n)
{
	struct feed_lane *lane = &feed->lanes[worker->id];
	struct subscription *subscription;

	/* What a replaced publisher still had under way would push its successor's packets out of
	 * the history, and no viewer would get it. */
	const struct rtp_packet *last = rtp_packet(packets[n - 1]);
	bool is_stale = lane->started && (int32_t)(last->epoch - lane->epoch) < 0;
	if (is_stale)
		count_n(&worker->counters, DROP_RTP_STALE, n);
	else if (!lane->started || last->epoch != lane->epoch)
		begin_epoch(lane, last);
	TAILQ_FOREACH (subscription, &lane->subscriptions, link) {
		if (is_stale)
			break;
		subscription_prefetch(TAILQ_NEXT(subscription, link));
		subscription_forward(worker, subscription, packets, n);
	}
	for (unsigned int i = 0; i < n && !is_stale; i++)
		if (!TAILQ_EMPTY(&lane->subscriptions) || may_be_replayed(worker, feed, packets[i]))
			keep(lane, packets[i]);
	feed_expire(worker, feed);
	for (unsigned int i = 0; i < n; i++)
		send_batch_keep(worker, packets[i]);
}

/* One viewer more may be the last for long; two are a stream of them, of which somebody comes when
 * the key frame has become too old, and would wait for a whole frame and what it takes to ask. */
static void ask_ahead(struct worker *worker, struct feed *feed, struct feed_keyframe *keyframe)
{
	keyframe->n_replays++;
	if (keyframe->is_next_asked || keyframe->n_replays < 2 ||
	    keyframe->arrival_ns + FEED_AHEAD_NS > worker->now_ns)
		return;
	keyframe->is_next_asked = true;
	feed_request_keyframe(worker, feed);
}

bool feed_replay(struct worker *worker, struct feed *feed, struct subscription *subscription)
{
	struct feed_lane *lane = &feed->lanes[worker->id];
	struct feed_keyframe *keyframe = &lane->keyframe;
	/* A source that skips numbers by the thousand has left more of them than the history has
	 * places. */
	if (!is_young(worker, keyframe) || lane->newest - keyframe->index >= RETRANSMIT_SLOTS ||
	    !retransmit_get(&lane->history, lane->epoch, keyframe->index))
		return false;
	int64_t index = keyframe->index, end = lane->newest + 1;
	while (index < end) {
		struct rte_mbuf *packets[PORT_BURST];
		unsigned int n = 0;
		for (; index < end && n < PORT_BURST; index++) {
			packets[n] = retransmit_get(&lane->history, lane->epoch, index);
			n += packets[n] != NULL;
		}
		for (unsigned int i = 0; i < n; i++)
			rte_mbuf_refcnt_update(packets[i], 1);
		if (n > 0)
			subscription_forward(worker, subscription, packets, n);
		for (unsigned int i = 0; i < n; i++)
			send_batch_keep(worker, packets[i]);
	}
	count(&worker->counters, COUNT_REPLAYS);
	ask_ahead(worker, feed, keyframe);
	return true;
}

/* Those of one feed, `first`'s, as one vector. */
static void take_messages_of(struct worker *worker, struct message *first,
			     const struct message *end)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n = 0;
	for (struct message *m = first; m < end && n < PORT_BURST; m++) {
		if (!m->packet || m->feed != first->feed)
			continue;
		packets[n++] = m->packet;
		m->packet = NULL;
	}
	feed_forward(worker, first->feed, packets, n);
}

unsigned int feed_take_messages(struct worker *worker, struct message *messages, unsigned int n)
{
	unsigned int n_feeds = 0;
	while (n_feeds < n && messages[n_feeds].type == MESSAGE_FEED)
		n_feeds++;
	for (unsigned int i = 0; i < n_feeds; i++)
		if (messages[i].packet)
			take_messages_of(worker, &messages[i], messages + n_feeds);
	return n_feeds;
}

void feed_publish_clock(struct worker *worker, struct feed *feed, const struct feed_clock *clock)
{
	for (unsigned int to = 0; to < feed->n_lanes; to++) {
		if (to == worker->id)
			continue;
		mailbox_post_packet(worker->plane->workers[to]->mailbox,
				    &(struct message){.type = MESSAGE_FEED_CLOCK,
						      .feed = feed,
						      .word = clock->rtp_timestamp,
						      .epoch = clock->epoch,
						      .a = clock->ntp,
						      .b = clock->arrival_ns});
	}
	feed_take_clock(worker, feed, clock);
}

void feed_take_clock(struct worker *worker, struct feed *feed, const struct feed_clock *clock)
{
	struct feed_clock *ours = &feed->lanes[worker->id].clock;
	if (!ours->known || (int32_t)(clock->epoch - ours->epoch) >= 0)
		*ours = *clock;
}

void feed_request_keyframe(struct worker *worker, struct feed *feed)
{
	int home = atomic_load_explicit(&feed->home, memory_order_acquire);
	if (home == (int)worker->id) {
		struct track *track = feed->lanes[worker->id].track;
		if (track)
			track_want_keyframe(worker, track);
	} else if (home >= 0) {
		mailbox_post_packet(worker->plane->workers[home]->mailbox,
				    &(struct message){.type = MESSAGE_KEYFRAME, .feed = feed});
	}
}

void feed_unpublish(struct worker *worker, struct feed *feed)
{
	struct feed_lane *lane = &feed->lanes[worker->id];
	int home = (int)worker->id;
	lane->track = NULL;
	atomic_compare_exchange_strong(&feed->home, &home, -1);
	if (TAILQ_EMPTY(&lane->subscriptions))
		forget(lane);
}

void feed_attach(struct worker *worker, struct feed *feed, struct subscription *subscription)
{
	struct feed_lane *lane = &feed->lanes[worker->id];
	TAILQ_INSERT_TAIL(&lane->subscriptions, subscription, link);
	subscription->attached = true;
	atomic_fetch_or(&feed->audience, 1u << worker->id);
}

void feed_detach(struct worker *worker, struct feed *feed, struct subscription *subscription)
{
	struct feed_lane *lane = &feed->lanes[worker->id];
	if (!subscription->attached)
		return;
	TAILQ_REMOVE(&lane->subscriptions, subscription, link);
	subscription->attached = false;
	if (!TAILQ_EMPTY(&lane->subscriptions))
		return;
	atomic_fetch_and(&feed->audience, ~(1u << worker->id));
	/* Where the publisher lives, packets still come, and the next viewer may be near. */
	if (!lane->track)
		forget(lane);
}
