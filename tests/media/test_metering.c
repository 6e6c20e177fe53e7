/* A publisher's and a viewer's sessions under their meters, on one worker: which packet is the last
 * to pass, what goes on meanwhile, and that nobody sees a seam where something was cut out. */
#include "media/metering.h"

#include "media/report.h"
#include "media/rtcp.h"
#include "media/rtp.h"
#include "tests/media/worker_fixture.h"

#define MS           1000000ull
#define VIDEO        METER_VIDEO
#define VOICE        METER_VOICE
#define BIT(kind)    (uint8_t)(1u << (kind))
#define RECEIVED_MAX 256
#define RTX_SSRC     99u
#define RTX_PT       121

static const enum codec codecs[] = {[VIDEO] = CODEC_VP8, [VOICE] = CODEC_OPUS};
static const uint8_t delta_frame[] = {0x10, 0x01, 0, 0, 0}, key_frame[] = {0x10, 0x00, 0, 0, 0x9d};

static struct feed *feeds[METER_KINDS];
static struct transport *publisher, *viewer;
static struct nn_srtp *decrypt;
static uint16_t next_sequence[METER_KINDS]; /* of the source */

/* What the viewer received of each kind since set_up, and retransmissions. */
static struct {
	unsigned int n, n_rtx, n_rtcp;
	struct rtp_view packets[RECEIVED_MAX];
} received[METER_KINDS];

static struct message told[64];
static unsigned int n_told;

static void make_track(enum meter_kind kind)
{
	struct track *track = &publisher->tracks[kind];
	track->config = (struct track_config){.feed = feeds[kind],
					      .codec = codecs[kind],
					      .payload_type = (uint8_t)(96 + kind),
					      .ssrc = 100 + kind,
					      .nack = true,
					      .pli = true,
					      .epoch = 65536};
	track_start(fixture_worker, track);
}

static void make_subscription(enum meter_kind kind)
{
	struct subscription *subscription = &viewer->subscriptions[kind];
	subscription->config = (struct subscription_config){
		.feed = feeds[kind],
		.ssrc = 200 + kind,
		.rtx_ssrc = RTX_SSRC,
		.payload_type = (uint8_t)(110 + kind),
		.rtx_payload_type = kind == VIDEO ? RTX_PT : 0,
		.first_sequence = 65530,
	};
	subscription_start(fixture_worker, subscription);
}

static void set_up(void)
{
	struct srtp_keys keys = fixture_keys();
	publisher = fixture_transport(METER_KINDS, 0);
	viewer = fixture_transport(0, METER_KINDS);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &decrypt), 0);
	memset(received, 0, sizeof(received));
	while (mailbox_take(fixture_plane.control, told, 64) > 0)
		continue;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		feeds[kind] = feed_create(codecs[kind], 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(feeds[kind]);
		next_sequence[kind] = 65533;
		make_track(kind);
		make_subscription(kind);
	}
	worker_schedule(fixture_worker, publisher, fixture_worker->now_ns + REPORT_INTERVAL_NS);
	worker_schedule(fixture_worker, viewer, fixture_worker->now_ns + REPORT_INTERVAL_NS);
	fixture_clear();
}

static void tear_down(void)
{
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		track_stop(fixture_worker, &publisher->tracks[kind]);
		feed_detach(fixture_worker, feeds[kind], &viewer->subscriptions[kind]);
	}
	wheel_remove(&fixture_worker->wheel, &publisher->timer);
	wheel_remove(&fixture_worker->wheel, &viewer->timer);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	transport_destroy(publisher);
	transport_destroy(viewer);
	nn_srtp_destroy(decrypt);
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++)
		feed_destroy(feeds[kind]);
}

static uint32_t source_timestamp(enum meter_kind kind)
{
	return (uint32_t)(fixture_worker->now_ns / 1000 * feeds[kind]->clock_hz / 1000000);
}

static void receive(enum meter_kind kind, uint16_t sequence, bool is_keyframe)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	struct rtp_header header = {.ssrc = 100 + kind,
				    .sequence = sequence,
				    .timestamp = source_timestamp(kind),
				    .payload_type = (uint8_t)(96 + kind)};
	int head = rtp_write(packet_bytes(packet), 500, &header, NULL, 0, NULL);
	memcpy(packet_bytes(packet) + head, is_keyframe ? key_frame : delta_frame,
	       sizeof(delta_frame));
	rte_pktmbuf_append(packet, (uint16_t)(head + (int)sizeof(delta_frame)));
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	track_on_packets(fixture_worker, publisher, &packet, 1);
}

static void note(struct rte_mbuf *packet)
{
	struct rtp_view view;
	int result;
	unsigned int type = packet_bytes(packet)[1];
	if (type >= 192 && type < 224) {
		received[VIDEO].n_rtcp++;
		return;
	}
	nn_srtp_unprotect(decrypt, &packet, 1, &result);
	CU_ASSERT_EQUAL_FATAL(result, 0); /* a number that was used before fails here, too */
	CU_ASSERT_EQUAL_FATAL(
		rtp_parse(packet_bytes(packet), rte_pktmbuf_data_len(packet), NULL, &view), 0);
	if (view.ssrc == RTX_SSRC) {
		received[VIDEO].n_rtx++;
		return;
	}
	CU_ASSERT_FATAL(view.ssrc - 200 < METER_KINDS);
	unsigned int n = received[view.ssrc - 200].n++;
	received[view.ssrc - 200].packets[n % RECEIVED_MAX] = view;
}

/* Reads what was sent since the last time, as its receivers would, and what control was told. */
static void take(void)
{
	unsigned int n = fixture_sent();
	for (unsigned int i = 0; i < n; i++) {
		note(fixture_worker->tx[i]);
		packet_free(fixture_worker->tx[i]);
	}
	fixture_worker->n_tx = 0;
	n_told = mailbox_take(fixture_plane.control, told, 64);
}

/* The source's next packet. Returns whether the viewer got it. */
static bool publish(enum meter_kind kind, bool is_keyframe)
{
	unsigned int before = received[kind].n;
	receive(kind, next_sequence[kind]++, is_keyframe);
	take();
	return received[kind].n > before;
}

static const struct rtp_view *last(enum meter_kind kind, unsigned int back)
{
	return &received[kind].packets[(received[kind].n - 1 - back) % RECEIVED_MAX];
}

static bool is_contiguous(enum meter_kind kind)
{
	return last(kind, 0)->sequence == (uint16_t)(last(kind, 1)->sequence + 1);
}

static uint32_t step(enum meter_kind kind)
{
	return last(kind, 0)->timestamp - last(kind, 1)->timestamp;
}

static bool was_told(enum message_type type, const struct transport *transport,
		     enum meter_kind kind, uint64_t used_ns)
{
	for (unsigned int i = 0; i < n_told; i++) {
		if (told[i].type == type && told[i].transport == transport &&
		    told[i].word == kind && told[i].a == used_ns)
			return true;
	}
	return false;
}

static void viewers_video_stops_at_the_exact_packet_and_voice_goes_on(void)
{
	set_up();
	meter_set_credit(&viewer->meter, VIDEO, 100 * MS);
	CU_ASSERT_TRUE(publish(VIDEO, true));
	CU_ASSERT_TRUE(was_told(MESSAGE_CREDIT_LOW, viewer, VIDEO, 0));
	for (unsigned int i = 0; i < 10; i++) {
		fixture_advance(20);
		/* 100 ms are used up by the fifth, to the nanosecond; the sixth is one too many. */
		CU_ASSERT_EQUAL(publish(VIDEO, i == 7), i < 5);
		CU_ASSERT_EQUAL(n_told, i == 5);
		if (i == 5)
			CU_ASSERT_TRUE(was_told(MESSAGE_CREDIT_OUT, viewer, VIDEO, 100 * MS));
		CU_ASSERT_TRUE(publish(VOICE, false));
		if (i > 0)
			CU_ASSERT_TRUE(is_contiguous(VOICE) && step(VOICE) == 960);
	}
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VIDEO), 100 * MS);
	CU_ASSERT_EQUAL(meter_stopped(&viewer->meter, VIDEO), 5);
	CU_ASSERT_EQUAL(fixture_count(DROP_METER), 5);
	/* Video's last packet was 100 ms ago: the voice still costs nothing. */
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VOICE), 0);
	CU_ASSERT_EQUAL(meter_time_ns(&viewer->meter, VOICE), 180 * MS);
	CU_ASSERT_EQUAL(meter_used_ns(&publisher->meter, VIDEO), 200 * MS);
	tear_down();
}

static void viewers_video_comes_back_at_a_key_frame(void)
{
	set_up();
	struct track *track = &publisher->tracks[VIDEO];
	meter_set_credit(&viewer->meter, VIDEO, 50 * MS);
	publish(VIDEO, true);
	fixture_advance(50);
	CU_ASSERT_TRUE(publish(VIDEO, false));
	fixture_advance(10);
	CU_ASSERT_FALSE(publish(VIDEO, false));
	fixture_advance(2700);
	CU_ASSERT_FALSE(publish(VIDEO, true)); /* too long ago when the credit comes */
	fixture_advance(300);
	CU_ASSERT_FALSE(track->keyframe_wanted);
	fixture_clear();
	metering_on_credit(fixture_worker, viewer, VIDEO, 5000 * MS);
	CU_ASSERT_TRUE(track->keyframe_wanted);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	fixture_advance(40);
	CU_ASSERT_FALSE(publish(VIDEO, false));
	CU_ASSERT_TRUE(publish(VIDEO, true));
	/* No loss to be seen, and the source's time: 3,050 ms of 90 kHz. */
	CU_ASSERT_TRUE(is_contiguous(VIDEO));
	CU_ASSERT_EQUAL(step(VIDEO), 3050 * 90);
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VIDEO), 50 * MS);
	fixture_advance(30);
	CU_ASSERT_TRUE(publish(VIDEO, false));
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VIDEO), 80 * MS);
	tear_down();
}

static void nothing_is_sent_again_or_asked_for_while_stopped(void)
{
	set_up();
	struct subscription *subscription = &viewer->subscriptions[VIDEO];
	publish(VIDEO, true);
	publish(VIDEO, false);
	uint16_t lost = last(VIDEO, 0)->sequence;
	subscription_on_nack(fixture_worker, subscription, &lost, 1);
	take();
	CU_ASSERT_EQUAL(received[VIDEO].n_rtx, 1);
	metering_on_hold(fixture_worker, viewer, BIT(VIDEO));
	fixture_advance(50);
	subscription_on_nack(fixture_worker, subscription, &lost, 1);
	take();
	CU_ASSERT_EQUAL(received[VIDEO].n_rtx, 1);
	/* It flows again: what was sent before the stop still may be, until the first packet. */
	metering_on_hold(fixture_worker, viewer, 0);
	publish(VIDEO, true);
	fixture_advance(50);
	subscription_on_nack(fixture_worker, subscription, &lost, 1);
	take();
	CU_ASSERT_EQUAL(received[VIDEO].n_rtx, 1);
	tear_down();
}

static void what_is_held_goes_on_without_a_seam(void)
{
	set_up();
	publish(VIDEO, true);
	publish(VOICE, false);
	metering_on_hold(fixture_worker, viewer, BIT(VIDEO) | BIT(VOICE));
	for (unsigned int i = 0; i < 500; i++) {
		fixture_advance(20);
		CU_ASSERT_FALSE(publish(VIDEO, i % 100 == 0));
		CU_ASSERT_FALSE(publish(VOICE, false));
	}
	metering_on_hold(fixture_worker, viewer, 0);
	fixture_advance(20);
	CU_ASSERT_TRUE(publish(VOICE, false));
	CU_ASSERT_TRUE(is_contiguous(VOICE));
	CU_ASSERT_EQUAL(step(VOICE), 501 * 960);
	CU_ASSERT_TRUE(publish(VIDEO, true));
	CU_ASSERT_TRUE(is_contiguous(VIDEO));
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VIDEO), 0);
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VOICE), 0);
	CU_ASSERT_EQUAL(meter_time_ns(&viewer->meter, VOICE), 0);
	/* The publisher's own meter saw it all. */
	CU_ASSERT_EQUAL(meter_used_ns(&publisher->meter, VIDEO), 501 * 20 * MS);
	tear_down();
}

static void voice_ahead_of_the_first_key_frame_is_free(void)
{
	set_up();
	metering_start(fixture_worker, viewer);
	for (unsigned int i = 0; i < 10; i++) {
		fixture_advance(20);
		CU_ASSERT_FALSE(publish(VIDEO, false));
		CU_ASSERT_TRUE(publish(VOICE, false));
	}
	CU_ASSERT_TRUE(publish(VIDEO, true));
	fixture_advance(20);
	publish(VOICE, false);
	CU_ASSERT_EQUAL(meter_used_ns(&viewer->meter, VOICE), 0);
	CU_ASSERT_EQUAL(meter_time_ns(&viewer->meter, VOICE), 200 * MS);
	tear_down();
}

static void publishers_video_stops_at_the_exact_packet(void)
{
	set_up();
	uint64_t before_ns = plane_metered_ns(&fixture_plane, VIDEO);
	meter_set_credit(&publisher->meter, VIDEO, 50 * MS);
	CU_ASSERT_TRUE(publish(VIDEO, true));
	for (unsigned int i = 0; i < 6; i++) {
		fixture_advance(20);
		CU_ASSERT_EQUAL(publish(VIDEO, false), i < 2);
		if (i == 2)
			CU_ASSERT_TRUE(was_told(MESSAGE_CREDIT_OUT, publisher, VIDEO, 50 * MS));
		CU_ASSERT_TRUE(publish(VOICE, false));
	}
	CU_ASSERT_EQUAL(meter_used_ns(&publisher->meter, VIDEO), 50 * MS);
	CU_ASSERT_EQUAL(fixture_count(DROP_METER), 4);
	/* It was received all the same, as the reports will say. */
	CU_ASSERT_EQUAL(publisher->tracks[VIDEO].reception.received, 7);
	metering_on_credit(fixture_worker, publisher, VIDEO, 5000 * MS);
	fixture_advance(500);
	CU_ASSERT_TRUE(publish(VIDEO, true));
	CU_ASSERT_EQUAL(meter_used_ns(&publisher->meter, VIDEO), 50 * MS);
	fixture_advance(7);
	CU_ASSERT_TRUE(publish(VIDEO, false));
	CU_ASSERT_EQUAL(meter_used_ns(&publisher->meter, VIDEO), 57 * MS);
	CU_ASSERT_EQUAL(plane_metered_ns(&fixture_plane, VIDEO),
			before_ns + 57 * MS + meter_used_ns(&viewer->meter, VIDEO));
	tear_down();
}

static void a_stopped_publisher_is_asked_for_nothing(void)
{
	set_up();
	struct track *track = &publisher->tracks[VIDEO];
	publish(VIDEO, true);
	next_sequence[VIDEO]++; /* lost */
	publish(VIDEO, false);
	CU_ASSERT_TRUE(publisher->nack_due_ns < UINT64_MAX);
	metering_on_hold(fixture_worker, publisher, BIT(VIDEO));
	next_sequence[VIDEO] += 3;
	publish(VIDEO, false);
	subscription_resume(fixture_worker, &viewer->subscriptions[VIDEO]); /* wants a key frame */
	fixture_clear();
	for (unsigned int i = 0; i < 20; i++) {
		fixture_advance(100);
		publish(VIDEO, false);
		report_service(fixture_worker, publisher);
	}
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 0);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 0);
	CU_ASSERT_TRUE(fixture_count(COUNT_RTCP_OUT) > 0); /* receiver reports */
	metering_on_hold(fixture_worker, publisher, 0);
	CU_ASSERT_TRUE(track->keyframe_wanted);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	fixture_advance(100);
	report_service(fixture_worker, publisher);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 0);
	/* What gets lost from now on is asked for again. */
	next_sequence[VIDEO]++;
	publish(VIDEO, true);
	fixture_advance(10);
	report_service(fixture_worker, publisher);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 1);
	tear_down();
}

static void viewers_see_no_seam_where_a_publisher_was_stopped(void)
{
	set_up();
	publish(VIDEO, true);
	publish(VOICE, false);
	metering_on_hold(fixture_worker, publisher, BIT(VIDEO) | BIT(VOICE));
	for (unsigned int i = 0; i < 300; i++) {
		fixture_advance(20);
		CU_ASSERT_FALSE(publish(VIDEO, i % 50 == 0));
		CU_ASSERT_FALSE(publish(VOICE, false));
	}
	uint16_t late = next_sequence[VIDEO]++;
	publish(VIDEO, false);
	metering_on_hold(fixture_worker, publisher, 0);
	fixture_advance(20);
	CU_ASSERT_TRUE(publish(VOICE, false));
	CU_ASSERT_TRUE(is_contiguous(VOICE));
	CU_ASSERT_EQUAL(step(VOICE), 301 * 960);
	CU_ASSERT_FALSE(publish(VIDEO, false)); /* of frames that nobody got */
	unsigned int before = received[VIDEO].n;
	receive(VIDEO, late, true); /* a key frame, but of the time before */
	take();
	CU_ASSERT_EQUAL(received[VIDEO].n, before);
	CU_ASSERT_TRUE(publish(VIDEO, true));
	CU_ASSERT_TRUE(is_contiguous(VIDEO));
	CU_ASSERT_EQUAL(step(VIDEO), 301 * 20 * 90);
	tear_down();
}

static void a_stopped_publishers_video_needs_no_key_frame_for_ever(void)
{
	set_up();
	publish(VIDEO, true);
	metering_on_hold(fixture_worker, publisher, BIT(VIDEO));
	metering_on_hold(fixture_worker, publisher, 0);
	CU_ASSERT_FALSE(publish(VIDEO, false));
	fixture_advance(2000);
	CU_ASSERT_FALSE(publish(VIDEO, false));
	fixture_advance(1);
	CU_ASSERT_TRUE(publish(VIDEO, false));
	tear_down();
}

/* A PLI, as the viewer sends it. */
static void ask_for_key_frame(void)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	int written = rtcp_write_pli(packet_bytes(packet), 100, 1, 200 + VIDEO);
	rte_pktmbuf_append(packet, (uint16_t)written);
	report_on_rtcp(fixture_worker, viewer, packet);
	packet_free(packet);
}

static void a_stopped_viewers_key_frame_request_goes_no_further(void)
{
	set_up();
	struct track *track = &publisher->tracks[VIDEO];
	publish(VIDEO, true);
	metering_on_hold(fixture_worker, viewer, BIT(VIDEO));
	ask_for_key_frame();
	CU_ASSERT_FALSE(track->keyframe_wanted);
	metering_on_hold(fixture_worker, viewer, 0);
	publish(VIDEO, true);
	CU_ASSERT_FALSE(track->keyframe_wanted);
	ask_for_key_frame();
	CU_ASSERT_TRUE(track->keyframe_wanted);
	tear_down();
}

static unsigned int reports_sent(void)
{
	unsigned int before = received[VIDEO].n_rtcp;
	viewer->report_due_ns = 0;
	report_service(fixture_worker, viewer);
	take();
	return received[VIDEO].n_rtcp - before;
}

static void what_is_stopped_is_no_sender(void)
{
	set_up();
	struct feed_clock clock = {.known = true,
				   .epoch = 65536,
				   .rtp_timestamp = source_timestamp(VIDEO),
				   .ntp = 1ull << 32,
				   .arrival_ns = fixture_worker->now_ns};
	publish(VIDEO, true);
	feed_publish_clock(fixture_worker, feeds[VIDEO], &clock);
	CU_ASSERT_EQUAL(reports_sent(), 1);
	metering_on_hold(fixture_worker, viewer, BIT(VIDEO));
	CU_ASSERT_EQUAL(reports_sent(), 0);
	metering_on_hold(fixture_worker, viewer, 0);
	CU_ASSERT_EQUAL(reports_sent(), 1);
	tear_down();
}

/* Control that does not keep up is told of little credit later; nothing waits. */
static void little_credit_is_told_when_there_is_room(void)
{
	set_up();
	meter_set_credit(&viewer->meter, VOICE, 1000 * MS);
	while (mailbox_post_packet(fixture_plane.control, &(struct message){0}))
		continue;
	receive(VOICE, next_sequence[VOICE]++, false);
	while (mailbox_take(fixture_plane.control, told, 64) > 0)
		continue;
	fixture_advance(20);
	publish(VOICE, false);
	CU_ASSERT_TRUE(was_told(MESSAGE_CREDIT_LOW, viewer, VOICE, 20 * MS));
	fixture_advance(20);
	publish(VOICE, false);
	CU_ASSERT_EQUAL(n_told, 0);
	tear_down();
}

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* The next of a source that loses packets and sends some late. */
static void publish_badly(enum meter_kind kind)
{
	static uint16_t late[METER_KINDS];
	static bool has_late[METER_KINDS];
	if (draw(20) == 0) {
		late[kind] = next_sequence[kind];
		has_late[kind] = true;
	} else {
		receive(kind, next_sequence[kind], draw(30) == 0);
	}
	next_sequence[kind]++;
	if (has_late[kind] && draw(4) == 0) {
		receive(kind, late[kind], draw(30) == 0);
		has_late[kind] = false;
	}
}

/* Stops at both ends in any order, loss, reordering: libsrtp knows each number that was used (its
 * replay window is in note()), and what the viewer misses is what the source did not send. */
static void no_number_is_used_twice(void)
{
	set_up();
	random_state = 0x2545f4914f6cdd1dull;
	for (unsigned int i = 0; i < 30000; i++) {
		fixture_advance(draw(20));
		publish_badly(draw(2) ? VIDEO : VOICE);
		take();
		if (draw(40) == 0)
			metering_on_hold(fixture_worker, draw(2) ? publisher : viewer,
					 (uint8_t)(draw(4) & draw(4)));
	}
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		int64_t sent = viewer->subscriptions[kind].rewrite.highest_out - 0x10000 - 65530;
		CU_ASSERT_TRUE(received[kind].n > 4000);
		/* One in twenty is late or lost; no stop left a hole. */
		CU_ASSERT_TRUE(sent - received[kind].n < received[kind].n / 10);
	}
	tear_down();
}

static CU_TestInfo tests[] = {
	{"viewers_video_stops_at_the_exact_packet_and_voice_goes_on",
	 viewers_video_stops_at_the_exact_packet_and_voice_goes_on},
	{"viewers_video_comes_back_at_a_key_frame", viewers_video_comes_back_at_a_key_frame},
	{"nothing_is_sent_again_or_asked_for_while_stopped",
	 nothing_is_sent_again_or_asked_for_while_stopped},
	{"what_is_held_goes_on_without_a_seam", what_is_held_goes_on_without_a_seam},
	{"voice_ahead_of_the_first_key_frame_is_free", voice_ahead_of_the_first_key_frame_is_free},
	{"publishers_video_stops_at_the_exact_packet", publishers_video_stops_at_the_exact_packet},
	{"a_stopped_publisher_is_asked_for_nothing", a_stopped_publisher_is_asked_for_nothing},
	{"a_stopped_viewers_key_frame_request_goes_no_further",
	 a_stopped_viewers_key_frame_request_goes_no_further},
	{"viewers_see_no_seam_where_a_publisher_was_stopped",
	 viewers_see_no_seam_where_a_publisher_was_stopped},
	{"a_stopped_publishers_video_needs_no_key_frame_for_ever",
	 a_stopped_publishers_video_needs_no_key_frame_for_ever},
	{"what_is_stopped_is_no_sender", what_is_stopped_is_no_sender},
	{"little_credit_is_told_when_there_is_room", little_credit_is_told_when_there_is_room},
	{"no_number_is_used_twice", no_number_is_used_twice},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("metering", tests, fixture_start, fixture_stop)
