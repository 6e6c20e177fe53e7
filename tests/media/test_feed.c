/* What a viewer that comes late is sent: the last key frame, if it is young, and what followed;
 * then it goes on like the others. The packets are read as the viewer would. */
#include "media/feed.h"

#include <stddef.h>

#include "media/report.h"
#include "media/rtp.h"
#include "media/track.h"
#include "tests/media/worker_fixture.h"

#define VIEWERS 5
#define SSRC    0x11110000u

static struct feed *feed;
static struct transport *publisher, *transports[VIEWERS];
static struct nn_srtp *decrypt[VIEWERS];
static uint32_t epoch;

/* A feed with its publisher, nobody watching. */
static void open_feed(void)
{
	feed = feed_create(CODEC_VP8, 1);
	publisher = fixture_transport(1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(feed);
	epoch = 1;
	publisher->tracks[0].config.feed = feed;
	publisher->tracks[0].config.codec = CODEC_VP8;
	track_start(fixture_worker, &publisher->tracks[0]);
}

static void close_feed(void)
{
	for (unsigned int i = 0; i < VIEWERS; i++) {
		if (!transports[i])
			continue;
		transport_close(fixture_worker, transports[i]);
		fixture_clear();
		nn_srtp_destroy(decrypt[i]);
		transport_destroy(transports[i]);
		transports[i] = NULL;
	}
	track_stop(fixture_worker, &publisher->tracks[0]);
	transport_destroy(publisher);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	feed_destroy(feed);
}

/* Returns whether the publisher was asked for a key frame. */
static bool join(unsigned int i)
{
	struct srtp_keys keys = fixture_keys();
	struct track *track = &publisher->tracks[0];
	transports[i] = fixture_transport(0, 1);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &decrypt[i]), 0);
	transports[i]->subscriptions[0].config = (struct subscription_config){
		.feed = feed,
		.ssrc = SSRC + i,
		.payload_type = 120,
		.first_sequence = 500,
	};
	track->keyframe_wanted = false;
	subscription_start(fixture_worker, &transports[i]->subscriptions[0]);
	return track->keyframe_wanted;
}

static struct rte_mbuf *make_packet(int64_t index, bool keyframe)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	*rtp_packet(packet) = (struct rtp_packet){.index = index,
						  .epoch = epoch,
						  .timestamp = (uint32_t)(index / 10) * 3000,
						  .payload_offset = 12,
						  .payload_bytes = 1000,
						  .keyframe_start = keyframe};
	memset(rte_pktmbuf_append(packet, 1012), (int)index, 1012);
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	return packet;
}

static void publish(int64_t index, bool keyframe)
{
	struct rte_mbuf *packet = make_packet(index, keyframe);
	feed_forward(fixture_worker, feed, &packet, 1);
}

/* Reads what viewer `i` was sent: packets from the source's `index` on, numbered from `sequence`
 * on without a gap. Returns how many. */
static unsigned int take(unsigned int i, uint16_t sequence, int64_t index)
{
	unsigned int n = 0, n_sent = fixture_sent();
	for (unsigned int p = 0; p < n_sent; p++) {
		struct rte_mbuf *packet = fixture_worker->tx[p];
		const uint8_t *bytes = packet_bytes(packet);
		struct rtp_view view;
		int result;
		if (bytes[11] != (uint8_t)i)
			continue;
		nn_srtp_unprotect(decrypt[i], &packet, 1, &result);
		CU_ASSERT_EQUAL_FATAL(result, 0);
		CU_ASSERT_EQUAL(rtp_parse(bytes, rte_pktmbuf_data_len(packet), NULL, &view), 0);
		CU_ASSERT_EQUAL(view.sequence, (uint16_t)(sequence + n));
		CU_ASSERT_EQUAL(bytes[view.payload_offset], (uint8_t)(index + n));
		n++;
	}
	fixture_drop_sent();
	return n;
}

static void serve_pacers(unsigned int ms)
{
	struct wheel_entry *entry;
	fixture_advance(ms);
	while ((entry = wheel_pop(&fixture_worker->pacer_wheel, fixture_worker->now_ns)))
		transport_serve_paced(
			fixture_worker,
			(struct transport *)((char *)entry -
					     offsetof(struct transport, pacer.timer)));
}

static void a_young_key_frame_is_sent_to_who_comes_after_it(void)
{
	open_feed();
	CU_ASSERT_TRUE(join(0));
	publish(99, false);
	publish(100, true);
	publish(101, false);
	CU_ASSERT_EQUAL(take(0, 501, 100), 2);
	fixture_advance(50);
	CU_ASSERT_FALSE(join(1));
	CU_ASSERT_EQUAL(fixture_count(COUNT_REPLAYS), 1);
	publish(102, false);
	CU_ASSERT_EQUAL(fixture_sent(), 4);
	CU_ASSERT_EQUAL(take(1, 501, 100), 3);
	close_feed();
}

/* So that those who come when it is too old find another. */
static void while_viewers_keep_coming_the_next_key_frame_is_asked_for_ahead(void)
{
	open_feed();
	publish(100, true);
	fixture_advance(FEED_AHEAD_NS / 1000000 - 1);
	CU_ASSERT_FALSE(join(0));
	CU_ASSERT_FALSE(join(1));
	fixture_advance(1);
	CU_ASSERT_TRUE(join(2));
	CU_ASSERT_FALSE(join(3));
	CU_ASSERT_EQUAL(fixture_count(COUNT_REPLAYS), 4);
	fixture_drop_sent();
	publish(101, true);
	fixture_advance(FEED_AHEAD_NS / 1000000);
	CU_ASSERT_FALSE(join(4));
	CU_ASSERT_EQUAL(fixture_count(COUNT_REPLAYS), 5);
	close_feed();
}

static void an_old_key_frame_is_asked_for_anew(void)
{
	open_feed();
	join(0);
	publish(100, true);
	fixture_drop_sent();
	fixture_advance(FEED_REPLAY_NS / 1000000 + 1);
	CU_ASSERT_TRUE(join(1));
	publish(101, false);
	CU_ASSERT_EQUAL(take(1, 0, 0), 0);
	publish(102, true);
	CU_ASSERT_EQUAL(take(1, 501, 102), 1);
	CU_ASSERT_EQUAL(fixture_count(COUNT_REPLAYS), 0);
	close_feed();
}

/* Whoever comes first, right after the publisher, or when others have just left. */
static void a_young_key_frame_is_kept_for_the_first_viewer(void)
{
	open_feed();
	publish(99, false);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	publish(100, true);
	publish(101, false);
	CU_ASSERT_FALSE(join(0));
	CU_ASSERT_EQUAL(take(0, 501, 100), 2);
	transport_close(fixture_worker, transports[0]);
	nn_srtp_destroy(decrypt[0]);
	transport_destroy(transports[0]);
	transports[0] = NULL;
	fixture_drop_sent();
	fixture_advance(20);
	publish(102, false);
	CU_ASSERT_FALSE(join(1));
	CU_ASSERT_EQUAL(take(1, 501, 100), 3);
	close_feed();
}

static void what_nobody_watches_is_not_kept_for_long(void)
{
	open_feed();
	publish(100, true);
	CU_ASSERT_FALSE(rte_mempool_full(fixture_plane.pool));
	fixture_advance(FEED_REPLAY_NS / 1000000 + 101);
	publish(101, false);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	/* The publisher falls silent. */
	publish(110, true);
	fixture_advance(FEED_REPLAY_NS / 1000000 + 101);
	report_service(fixture_worker, publisher);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	CU_ASSERT_TRUE(join(0));
	close_feed();
}

/* Forty packets in one go are more than an access link's queue holds: what the pacer keeps is as
 * old as the viewer's beginning, or a key frame from shortly before it would be too late. */
static void what_is_sent_again_is_paced_and_not_late(void)
{
	open_feed();
	join(0);
	for (int64_t i = 100; i < 140; i++)
		publish(i, i == 100);
	fixture_drop_sent();
	for (unsigned int ms = 0; ms < 190; ms++) {
		serve_pacers(1);
		fixture_drop_sent();
	}
	CU_ASSERT_FALSE(join(1));
	unsigned int n = take(1, 501, 100);
	CU_ASSERT_TRUE(n >= 10 && n < 20);
	fixture_advance(120); /* 310 ms after the key frame came */
	for (int64_t i = 140; i < 150; i++)
		publish(i, false);
	for (unsigned int ms = 0; ms < 150; ms++) {
		serve_pacers(1);
		n += take(1, (uint16_t)(501 + n), 100 + n);
	}
	CU_ASSERT_EQUAL(n, 50);
	CU_ASSERT_EQUAL(fixture_count(DROP_QUEUE_LATE), 0);
	close_feed();
}

/* Of a key frame that came out of order the first packet by number counts, and a burst that is
 * still in the round's batch is sent again like any other. */
static void the_first_packet_of_a_key_frame_is_the_lowest(void)
{
	open_feed();
	join(0);
	struct rte_mbuf *packets[] = {make_packet(101, true), make_packet(100, true),
				      make_packet(102, true), make_packet(103, false)};
	feed_forward(fixture_worker, feed, packets, 4);
	fixture_drop_sent();
	CU_ASSERT_FALSE(join(1));
	CU_ASSERT_EQUAL(take(1, 501, 100), 4);
	close_feed();
}

static void a_key_frame_of_another_source_is_none(void)
{
	open_feed();
	join(0);
	publish(100, true);
	epoch = 2;
	publish(7, false);
	fixture_drop_sent();
	CU_ASSERT_TRUE(join(1));
	close_feed();
}

/* A source may skip half a turn of numbers with each packet: what is looked through is no more than
 * the history has places. */
static void a_key_frame_that_numbers_ran_away_from_is_none(void)
{
	open_feed();
	publish(100, true);
	publish(100 + RETRANSMIT_SLOTS - 1, false);
	CU_ASSERT_FALSE(join(0));
	CU_ASSERT_EQUAL(fixture_sent(), 2);
	publish((1ll << 24) + 1, false);
	CU_ASSERT_TRUE(join(1));
	CU_ASSERT_EQUAL(fixture_sent(), 3);
	close_feed();
}

/* A kind that was stopped goes on with the key frame that it missed, not with one it had. */
static void who_had_the_key_frame_asks_for_another(void)
{
	open_feed();
	join(0);
	struct subscription *subscription = &transports[0]->subscriptions[0];
	struct track *track = &publisher->tracks[0];
	publish(100, true);
	publish(101, false);
	track->keyframe_wanted = false;
	subscription_resume(fixture_worker, subscription);
	CU_ASSERT_TRUE(track->keyframe_wanted);
	CU_ASSERT_EQUAL(take(0, 501, 100), 2);
	meter_set_held(&transports[0]->meter, 1u << METER_VIDEO);
	publish(110, true);
	publish(111, false);
	meter_set_held(&transports[0]->meter, 0);
	track->keyframe_wanted = false;
	subscription_resume(fixture_worker, subscription);
	CU_ASSERT_FALSE(track->keyframe_wanted);
	CU_ASSERT_EQUAL(take(0, 503, 110), 2);
	close_feed();
}

static int start(void)
{
	return fixture_start() || !fixture_add_flows();
}

static int stop(void)
{
	fixture_remove_flows();
	return fixture_stop();
}

static CU_TestInfo tests[] = {
	{"a_young_key_frame_is_sent_to_who_comes_after_it",
	 a_young_key_frame_is_sent_to_who_comes_after_it},
	{"while_viewers_keep_coming_the_next_key_frame_is_asked_for_ahead",
	 while_viewers_keep_coming_the_next_key_frame_is_asked_for_ahead},
	{"an_old_key_frame_is_asked_for_anew", an_old_key_frame_is_asked_for_anew},
	{"a_young_key_frame_is_kept_for_the_first_viewer",
	 a_young_key_frame_is_kept_for_the_first_viewer},
	{"what_nobody_watches_is_not_kept_for_long", what_nobody_watches_is_not_kept_for_long},
	{"what_is_sent_again_is_paced_and_not_late", what_is_sent_again_is_paced_and_not_late},
	{"the_first_packet_of_a_key_frame_is_the_lowest",
	 the_first_packet_of_a_key_frame_is_the_lowest},
	{"a_key_frame_of_another_source_is_none", a_key_frame_of_another_source_is_none},
	{"a_key_frame_that_numbers_ran_away_from_is_none",
	 a_key_frame_that_numbers_ran_away_from_is_none},
	{"who_had_the_key_frame_asks_for_another", who_had_the_key_frame_asks_for_another},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("feed", tests, start, stop)
