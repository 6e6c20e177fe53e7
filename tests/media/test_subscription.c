/* What a viewer gets: its own numbers, types and extensions, from a key frame on, and what it lost
 * again within a budget. The packets are read as the viewer would, after unprotecting them. */
#include "media/subscription.h"

#include <stddef.h>

#include "media/rtp.h"
#include "media/wire.h"
#include "qos/scheduler.h"
#include "tests/media/worker_fixture.h"

#define SSRC     0x11112222u
#define RTX_SSRC 0x33334444u

struct viewer {
	struct feed *feed;
	struct transport *transport;
	struct subscription *subscription;
	struct nn_srtp *decrypt;
};

static struct viewer make_viewer(enum codec codec)
{
	struct srtp_keys keys = fixture_keys();
	struct viewer viewer = {.feed = feed_create(codec, 1),
				.transport = fixture_transport(0, 1)};
	CU_ASSERT_PTR_NOT_NULL_FATAL(viewer.feed);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &viewer.decrypt), 0);
	viewer.subscription = &viewer.transport->subscriptions[0];
	viewer.subscription->config = (struct subscription_config){
		.feed = viewer.feed,
		.ssrc = SSRC,
		.rtx_ssrc = RTX_SSRC,
		.payload_type = 120,
		.rtx_payload_type = 121,
		.mid = "video0",
		.first_sequence = 500,
		.first_rtx_sequence = 900,
		.first_timestamp = 10000,
	};
	viewer.subscription->config.extensions.id[RTP_EXT_MID] = 9;
	viewer.subscription->config.extensions.id[RTP_EXT_AUDIO_LEVEL] = 5;
	subscription_start(fixture_worker, viewer.subscription);
	return viewer;
}

static void end_viewer(struct viewer *viewer)
{
	feed_detach(fixture_worker, viewer->feed, viewer->subscription);
	CU_ASSERT_EQUAL(viewer->feed->audience, 0);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	nn_srtp_destroy(viewer->decrypt);
	transport_destroy(viewer->transport);
	feed_destroy(viewer->feed);
}

/* A source's packet: 4 bytes before the payload are its audio level's value and padding. */
static struct rte_mbuf *make_packet(uint32_t epoch, int64_t index, bool keyframe,
				    uint16_t payload_bytes)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	struct rtp_packet *rtp = rtp_packet(packet);
	uint8_t *bytes = (uint8_t *)rte_pktmbuf_append(packet, (uint16_t)(16 + payload_bytes));
	memset(bytes, 0xee, 16);
	bytes[12] = 0x55;
	memset(bytes + 16, (int)(index & 0xff), payload_bytes);
	*rtp = (struct rtp_packet){.index = index,
				   .epoch = epoch,
				   .timestamp = (uint32_t)index * 3000,
				   .payload_offset = 16,
				   .payload_bytes = payload_bytes,
				   .marker = true,
				   .keyframe_start = keyframe};
	rtp->extension[RTP_EXT_AUDIO_LEVEL].offset = 12;
	rtp->extension[RTP_EXT_AUDIO_LEVEL].bytes = 1;
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	return packet;
}

static void forward(struct viewer *viewer, uint32_t epoch, int64_t index, bool keyframe,
		    uint16_t payload_bytes)
{
	struct rte_mbuf *packet = make_packet(epoch, index, keyframe, payload_bytes);
	feed_forward(fixture_worker, viewer->feed, &packet, 1);
}

/* Packet i of the tx burst as the viewer reads it. */
static struct rtp_view view_of(struct viewer *viewer, unsigned int i)
{
	struct rtp_view view = {0};
	int result;
	CU_ASSERT_TRUE_FATAL(i < fixture_sent());
	struct rte_mbuf *packet = fixture_worker->tx[i];
	nn_srtp_unprotect(viewer->decrypt, &packet, 1, &result);
	CU_ASSERT_EQUAL_FATAL(result, 0);
	CU_ASSERT_EQUAL_FATAL(rtp_parse(packet_bytes(packet), rte_pktmbuf_data_len(packet),
					&viewer->subscription->config.extensions, &view),
			      0);
	return view;
}

static void numbers_and_extensions_are_the_viewers(void)
{
	struct viewer viewer = make_viewer(CODEC_OPUS);
	forward(&viewer, 1, 70000, false, 100);
	struct rtp_view view = view_of(&viewer, 0);
	const uint8_t *bytes = packet_bytes(fixture_worker->tx[0]);
	CU_ASSERT_EQUAL(view.ssrc, SSRC);
	CU_ASSERT_EQUAL(view.payload_type, 120);
	CU_ASSERT_EQUAL(view.sequence, 501);
	CU_ASSERT_EQUAL(view.timestamp, 10001);
	CU_ASSERT_TRUE(view.marker);
	CU_ASSERT_EQUAL(view.payload_bytes, 100);
	CU_ASSERT_EQUAL(bytes[view.payload_offset], (uint8_t)70000);
	CU_ASSERT_EQUAL(view.extension[RTP_EXT_MID].bytes, 6);
	CU_ASSERT_EQUAL(memcmp(bytes + view.extension[RTP_EXT_MID].offset, "video0", 6), 0);
	CU_ASSERT_EQUAL(view.extension[RTP_EXT_AUDIO_LEVEL].bytes, 1);
	CU_ASSERT_EQUAL(bytes[view.extension[RTP_EXT_AUDIO_LEVEL].offset], 0x55);
	end_viewer(&viewer);
}

static void video_begins_at_a_key_frame(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	forward(&viewer, 1, 100, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 0);
	forward(&viewer, 1, 101, true, 10);
	forward(&viewer, 1, 102, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 2);
	CU_ASSERT_EQUAL(view_of(&viewer, 0).sequence, 501);
	/* What was before it may never come. */
	forward(&viewer, 1, 99, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 2);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_STALE), 1);
	end_viewer(&viewer);
}

static void video_without_key_frames_flows_after_a_while(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	fixture_advance(10000); /* the publisher comes late: that is no reason to lose patience */
	forward(&viewer, 1, 100, false, 10);
	fixture_advance(1900);
	forward(&viewer, 1, 101, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 0);
	fixture_advance(200);
	forward(&viewer, 1, 102, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 1);
	end_viewer(&viewer);
}

static void a_new_source_waits_for_its_key_frame_and_goes_on(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	forward(&viewer, 65536, 100, true, 10);
	forward(&viewer, 131072, 7, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 1);
	/* The old publisher's rest is dropped, whatever the viewer waits for. */
	forward(&viewer, 65536, 101, true, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 1);
	forward(&viewer, 131072, 8, true, 10);
	CU_ASSERT_EQUAL_FATAL(fixture_sent(), 2);
	CU_ASSERT_EQUAL(view_of(&viewer, 0).sequence, 501);
	CU_ASSERT_EQUAL(view_of(&viewer, 1).sequence, 502);
	end_viewer(&viewer);
}

static void a_lost_packet_comes_again_once_per_round_trip(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	uint16_t sequence = 502;
	forward(&viewer, 1, 100, true, 10);
	forward(&viewer, 1, 101, false, 33);
	fixture_clear();
	subscription_on_nack(fixture_worker, viewer.subscription, &sequence, 1);
	subscription_on_nack(fixture_worker, viewer.subscription, &sequence, 1);
	CU_ASSERT_EQUAL_FATAL(fixture_sent(), 1);
	struct rtp_view view = view_of(&viewer, 0);
	const uint8_t *bytes = packet_bytes(fixture_worker->tx[0]);
	CU_ASSERT_EQUAL(view.ssrc, RTX_SSRC);
	CU_ASSERT_EQUAL(view.payload_type, 121);
	CU_ASSERT_EQUAL(view.sequence, 900);
	CU_ASSERT_EQUAL(view.timestamp, 10001 + 3000);
	CU_ASSERT_EQUAL(view.payload_bytes, 35);
	CU_ASSERT_EQUAL(wire_read16(bytes + view.payload_offset), 502);
	CU_ASSERT_EQUAL(bytes[view.payload_offset + 2], 101);
	fixture_advance(25);
	subscription_on_nack(fixture_worker, viewer.subscription, &sequence, 1);
	CU_ASSERT_EQUAL(fixture_sent(), 2);
	CU_ASSERT_EQUAL(fixture_count(COUNT_RTX_SENT), 2);
	end_viewer(&viewer);
}

static void what_was_never_sent_is_not_sent_again(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	static const uint16_t sequences[] = {0, 500, 502, 600, 65535};
	forward(&viewer, 1, 100, true, 10);
	fixture_clear();
	subscription_on_nack(fixture_worker, viewer.subscription, sequences, 5);
	CU_ASSERT_EQUAL(fixture_sent(), 0);
	end_viewer(&viewer);
}

static void retransmissions_stay_within_their_budget(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	uint16_t sequence = 501;
	uint64_t sent = 0;
	forward(&viewer, 1, 100, true, 1200);
	fixture_clear();
	for (unsigned int i = 0; i < 1000; i++) {
		fixture_advance(1);
		subscription_on_nack(fixture_worker, viewer.subscription, &sequence, 1);
		fixture_advance(20);
		sent += fixture_drop_sent();
	}
	/* A quarter of a megabyte in all, whatever is asked for. */
	CU_ASSERT_TRUE(sent > 100 && sent < 230);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTX_BUDGET), 1000 - sent);
	end_viewer(&viewer);
}

static void a_silent_feed_lets_go_of_its_packets(void)
{
	struct viewer viewer = make_viewer(CODEC_OPUS);
	forward(&viewer, 1, 100, false, 10);
	fixture_clear();
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fixture_plane.pool), 1);
	fixture_advance(1500);
	feed_expire(fixture_worker, viewer.feed);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	end_viewer(&viewer);
}

/* Runs the pacers until `ms` from now; returns how many packets they sent. */
static unsigned int serve_pacers(unsigned int ms)
{
	unsigned int sent = 0;
	for (unsigned int i = 0; i < ms; i++) {
		struct wheel_entry *entry;
		fixture_advance(1);
		while ((entry = wheel_pop(&fixture_worker->pacer_wheel, fixture_worker->now_ns)))
			transport_serve_paced(
				fixture_worker,
				(struct transport *)((char *)entry -
						     offsetof(struct transport, pacer.timer)));
		sent += fixture_drop_sent();
	}
	return sent;
}

static void a_burst_of_video_is_spread(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	for (int64_t i = 0; i < 40; i++)
		forward(&viewer, 1, 100 + i, i == 0, 1200);
	CU_ASSERT_TRUE(fixture_sent() >= 10 && fixture_sent() < 20);
	unsigned int sent = fixture_drop_sent();
	CU_ASSERT_EQUAL(fixture_count(COUNT_PACED), 40 - sent);
	sent += serve_pacers(5);
	CU_ASSERT_TRUE(sent > 13 && sent < 30);
	sent += serve_pacers(30);
	CU_ASSERT_EQUAL(sent, 40);
	/* The numbers were given as the packets left. */
	fixture_advance(100);
	forward(&viewer, 1, 140, false, 10);
	CU_ASSERT_EQUAL(view_of(&viewer, 0).sequence, 541);
	end_viewer(&viewer);
}

static void voice_is_never_spread(void)
{
	struct viewer viewer = make_viewer(CODEC_OPUS);
	for (int64_t i = 0; i < 30; i++)
		forward(&viewer, 1, 100 + i, false, 1200);
	CU_ASSERT_EQUAL(fixture_sent(), 30);
	end_viewer(&viewer);
}

/* The worker stood still: what waited is of no use now, and the viewer sees that it is missing. */
static void what_waited_too_long_is_dropped_and_leaves_a_gap(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	for (int64_t i = 0; i < 40; i++)
		forward(&viewer, 1, 100 + i, i == 0, 1200);
	unsigned int sent = fixture_drop_sent();
	fixture_advance(1000);
	CU_ASSERT_EQUAL(serve_pacers(30), 0);
	CU_ASSERT_EQUAL(fixture_count(DROP_QUEUE_LATE), 40 - sent);
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 1);
	forward(&viewer, 1, 140, false, 10);
	CU_ASSERT_EQUAL(view_of(&viewer, 0).sequence, 541);
	end_viewer(&viewer);
}

/* Another worker's round may have begun after ours: such packets are young, not very old. */
static void what_comes_from_a_later_round_is_not_late(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	struct rte_mbuf *packet = make_packet(1, 100, true, 10);
	packet_meta(packet)->rx_ns += 50000;
	subscription_send_paced(fixture_worker, viewer.subscription, &packet, 1);
	CU_ASSERT_EQUAL(fixture_count(DROP_QUEUE_LATE), 0);
	CU_ASSERT_EQUAL(fixture_sent(), 1);
	end_viewer(&viewer);
}

static struct scheduler *scheduler(void)
{
	return plane_scheduler(&fixture_plane);
}

static void fill_one(const struct viewer *viewer)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	packet_tx(packet)->traffic_class = (uint8_t)transport_class(viewer->transport, FLOW_VIDEO);
	scheduler_enqueue(scheduler(), &packet, 1, fixture_worker->now_ns);
}

/* Fills the viewer's queue, until no more is taken. */
static void shut(const struct viewer *viewer)
{
	enum traffic_class traffic_class = transport_class(viewer->transport, FLOW_VIDEO);
	while (scheduler_pipe_accepts(viewer->transport->pipe, traffic_class))
		fill_one(viewer);
}

static void reopen(void)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n;
	while ((n = scheduler_dequeue(scheduler(), packets, PORT_BURST, fixture_worker->now_ns)))
		while (n > 0)
			packet_free(packets[--n]);
}

/* A key frame to hundreds of viewers is more than their tenant's queue holds. */
static void video_waits_for_room_but_not_for_too_long(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	forward(&viewer, 1, 100, true, 10);
	fixture_drop_sent();
	while (!transport_is_backed_up(viewer.transport))
		fill_one(&viewer);
	for (int64_t i = 0; i < 5; i++)
		forward(&viewer, 1, 101 + i, false, 10);
	CU_ASSERT_EQUAL(fixture_sent(), 0);
	CU_ASSERT_EQUAL(serve_pacers(100), 0);
	reopen();
	CU_ASSERT_EQUAL(serve_pacers(2), 5);
	while (!transport_is_backed_up(viewer.transport))
		fill_one(&viewer);
	forward(&viewer, 1, 106, false, 10);
	CU_ASSERT_EQUAL(serve_pacers(400), 0);
	CU_ASSERT_EQUAL(viewer.transport->pacer.n, 0);
	CU_ASSERT_EQUAL(fixture_count(DROP_QUEUE_LATE), 1);
	reopen();
	end_viewer(&viewer);
}

static void what_is_not_sent_costs_nothing(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	const struct meter *meter = &viewer.transport->meter;
	forward(&viewer, 1, 100, true, 10);
	shut(&viewer);
	for (int64_t i = 1; i <= 10; i++) {
		fixture_advance(500);
		forward(&viewer, 1, 100 + i, false, 10);
	}
	CU_ASSERT_EQUAL(fixture_count(DROP_QUEUE_REFUSED), 10);
	CU_ASSERT_EQUAL(meter_used_ns(meter, METER_VIDEO), 0);
	reopen();
	forward(&viewer, 1, 111, false, 10);
	CU_ASSERT_EQUAL(meter_used_ns(meter, METER_VIDEO), METER_GAP_MAX_NS);
	CU_ASSERT_EQUAL(view_of(&viewer, 0).sequence, 501);
	CU_ASSERT_EQUAL(view_of(&viewer, 1).sequence, 512);
	end_viewer(&viewer);
}

/* More than half the sequence numbers: with a number each, the next one would look like an old one,
 * to our sender and to the viewer. */
static void a_long_loss_ends_when_it_ends(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	rewrite_init(&viewer.subscription->rewrite, 40000, 0);
	forward(&viewer, 1, 100, true, 10);
	view_of(&viewer, 0);
	fixture_drop_sent();
	shut(&viewer);
	for (int64_t i = 1; i <= 40000; i++) {
		fixture_advance(i % 50 == 0);
		forward(&viewer, 1, 100 + i, false, 10);
	}
	CU_ASSERT_EQUAL(fixture_count(DROP_QUEUE_REFUSED), 40000);
	reopen();
	forward(&viewer, 1, 40101, false, 10);
	CU_ASSERT_EQUAL(fixture_count(DROP_PROTECT), 0);
	uint16_t sequence = view_of(&viewer, 0).sequence;
	CU_ASSERT_TRUE(sequence > 40002 && sequence < 46000);
	end_viewer(&viewer);
}

/* A key frame that was lost itself, soon after it was asked for, is asked for again. */
static void a_loss_too_soon_after_another_is_not_forgotten(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	forward(&viewer, 1, 100, true, 10);
	subscription_on_loss(fixture_worker, viewer.subscription);
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 1);
	fixture_advance(100);
	subscription_on_loss(fixture_worker, viewer.subscription);
	forward(&viewer, 1, 101, false, 10);
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 1);
	fixture_advance(450);
	forward(&viewer, 1, 102, false, 10);
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 2);
	fixture_advance(100);
	subscription_on_loss(fixture_worker, viewer.subscription);
	forward(&viewer, 1, 103, true, 10);
	fixture_advance(1000);
	forward(&viewer, 1, 104, false, 10);
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 2);
	end_viewer(&viewer);
}

static void one_key_frame_mends_all_viewers(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	struct transport *others = fixture_transport(0, 3);
	for (unsigned int i = 0; i < 3; i++) {
		others->subscriptions[i].config = viewer.subscription->config;
		others->subscriptions[i].config.ssrc += i + 1;
		subscription_start(fixture_worker, &others->subscriptions[i]);
	}
	forward(&viewer, 1, 100, true, 10);
	subscription_on_loss(fixture_worker, viewer.subscription);
	for (unsigned int i = 0; i < 3; i++) {
		fixture_advance(100);
		subscription_on_loss(fixture_worker, &others->subscriptions[i]);
	}
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 1);
	forward(&viewer, 1, 101, true, 10);
	fixture_advance(1000);
	forward(&viewer, 1, 102, false, 10);
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 1);
	for (unsigned int i = 0; i < 3; i++) {
		feed_detach(fixture_worker, viewer.feed, &others->subscriptions[i]);
		viewers_remove(fixture_worker->viewers, others->subscriptions[i].viewer);
	}
	fixture_drop_sent();
	transport_destroy(others);
	end_viewer(&viewer);
}

static void what_waits_goes_with_its_viewer(void)
{
	struct viewer viewer = make_viewer(CODEC_VP8);
	for (int64_t i = 0; i < 40; i++)
		forward(&viewer, 1, 100 + i, i == 0, 1200);
	CU_ASSERT_TRUE(viewer.transport->pacer.n > 0);
	viewer.transport->pairs[0].heard_ns = 0; /* it is in no flow table */
	transport_close(fixture_worker, viewer.transport);
	CU_ASSERT_EQUAL(viewer.transport->pacer.n, 0);
	CU_ASSERT_EQUAL(wheel_next_ns(&fixture_worker->pacer_wheel), UINT64_MAX);
	end_viewer(&viewer);
}

static CU_TestInfo tests[] = {
	{"numbers_and_extensions_are_the_viewers", numbers_and_extensions_are_the_viewers},
	{"video_begins_at_a_key_frame", video_begins_at_a_key_frame},
	{"video_without_key_frames_flows_after_a_while",
	 video_without_key_frames_flows_after_a_while},
	{"a_new_source_waits_for_its_key_frame_and_goes_on",
	 a_new_source_waits_for_its_key_frame_and_goes_on},
	{"a_lost_packet_comes_again_once_per_round_trip",
	 a_lost_packet_comes_again_once_per_round_trip},
	{"what_was_never_sent_is_not_sent_again", what_was_never_sent_is_not_sent_again},
	{"retransmissions_stay_within_their_budget", retransmissions_stay_within_their_budget},
	{"a_silent_feed_lets_go_of_its_packets", a_silent_feed_lets_go_of_its_packets},
	{"a_burst_of_video_is_spread", a_burst_of_video_is_spread},
	{"voice_is_never_spread", voice_is_never_spread},
	{"what_waited_too_long_is_dropped_and_leaves_a_gap",
	 what_waited_too_long_is_dropped_and_leaves_a_gap},
	{"what_comes_from_a_later_round_is_not_late", what_comes_from_a_later_round_is_not_late},
	{"video_waits_for_room_but_not_for_too_long", video_waits_for_room_but_not_for_too_long},
	{"what_is_not_sent_costs_nothing", what_is_not_sent_costs_nothing},
	{"a_long_loss_ends_when_it_ends", a_long_loss_ends_when_it_ends},
	{"a_loss_too_soon_after_another_is_not_forgotten",
	 a_loss_too_soon_after_another_is_not_forgotten},
	{"one_key_frame_mends_all_viewers", one_key_frame_mends_all_viewers},
	{"what_waits_goes_with_its_viewer", what_waits_goes_with_its_viewer},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("subscription", tests, fixture_start, fixture_stop)
