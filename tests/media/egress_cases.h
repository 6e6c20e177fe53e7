/* The way out as viewers see it, with one worker (which owns the scheduler) or several (then a
 * thread of its own does): FIXTURE_WORKERS says which. A publisher here has video and voice. */
#pragma once

#include "tests/media/plane_fixture.h"

#include <rte_mempool.h>

#define GCM256        "SRTP_AEAD_AES_256_GCM"
#define VOICE_PT      111
#define VOICE_SSRC    0x5000u
#define PATIENT_NS    200000000ull
#define CEILING_BPS   4000000
#define BURST_PACKETS 40u
#define CROWD         7u
#define CROWD_BURST   250u
#define CROWD_BPS     80000000

struct stream {
	struct feed *video, *voice;
	struct client *publisher;
	uint16_t voice_sequence;
};

static void add_voice_track(struct transport *transport, struct feed *feed)
{
	struct track_config *config = &transport->tracks[1].config;
	*config = transport->tracks[0].config;
	config->feed = feed;
	config->codec = CODEC_OPUS;
	config->payload_type = VOICE_PT;
	config->rtx_payload_type = 0;
	config->ssrc = VOICE_SSRC;
	config->rtx_ssrc = 0;
	config->nack = config->pli = false;
	strcpy(config->mid, "1");
}

static struct stream stream_open(void)
{
	struct stream stream = {.video = feed_create(CODEC_VP8, FIXTURE_WORKERS),
				.voice = feed_create(CODEC_OPUS, FIXTURE_WORKERS)};
	CU_ASSERT_FATAL(stream.video && stream.voice);
	struct transport *one = transport_make_publisher(stream.video, 0x1000, 1);
	struct transport *both = transport_make(2, 0);
	both->tracks[0].config = one->tracks[0].config;
	both->mid_extension = one->mid_extension;
	transport_destroy(one);
	add_voice_track(both, stream.voice);
	stream.publisher = client_open(both, GCM256, AF_INET);
	stream.publisher->ssrc = 0x1000;
	AWAIT(stream.publisher->is_connected &&
	      peer_state(stream.publisher->peer) == PEER_CONNECTED);
	return stream;
}

static void stream_close(struct stream *stream)
{
	client_close(stream->publisher);
	feed_destroy(stream->video);
	feed_destroy(stream->voice);
}

static void send_voice(struct stream *stream)
{
	uint8_t packet[PEER_PACKET_MAX] = {0x80, VOICE_PT};
	put16(packet + 2, ++stream->voice_sequence);
	put32(packet + 4, 960u * stream->voice_sequence);
	put32(packet + 8, VOICE_SSRC);
	size_t size = 12 + payload_write(packet + 12, next_number++, true);
	CU_ASSERT_FATAL(peer_send(stream->publisher->peer, packet, size, false));
}

/* Of both its feeds; `pipe` NULL: the node's own. */
static struct client *watch(const struct stream *stream, struct scheduler_pipe *pipe)
{
	struct transport *one = transport_make_viewer(stream->video, 0x2000);
	struct transport *both = transport_make(0, 2);
	both->subscriptions[0].config = one->subscriptions[0].config;
	both->subscriptions[1].config = one->subscriptions[0].config;
	transport_destroy(one);
	struct subscription_config *voice = &both->subscriptions[1].config;
	voice->feed = stream->voice;
	voice->ssrc = 0x2100;
	voice->rtx_ssrc = 0;
	voice->rtx_payload_type = 0;
	voice->payload_type = VOICE_PT;
	if (pipe)
		both->pipe = pipe;
	struct client *viewer = client_open(both, GCM256, AF_INET);
	viewer->ssrc = 0x2000;
	AWAIT(viewer->is_connected && peer_state(viewer->peer) == PEER_CONNECTED);
	return viewer;
}

static struct scheduler_pipe *make_pipe(struct scheduler_slice *slice, int64_t max_bps)
{
	struct scheduler_pipe_config config = {.name = "tenant", .max_bps = max_bps};
	struct scheduler_pipe *pipe;
	char errors[256];
	CU_ASSERT_EQUAL_FATAL(scheduler_pipe_add(plane_scheduler(plane), slice, &config, errors,
						 sizeof(errors), &pipe),
			      0);
	return pipe;
}

static void remove_pipe(void *context)
{
	struct scheduler_pipe **pipe = context;
	scheduler_pipe_remove(*pipe);
	*pipe = NULL;
}

/* As control does: behind a barrier, when no session has it any more. */
static void end_pipe(struct scheduler_pipe *pipe)
{
	CU_ASSERT_EQUAL_FATAL(plane_barrier(plane, remove_pipe, &pipe), 0);
	AWAIT(!pipe);
}

static unsigned int n_of_type(const struct client *viewer, uint8_t payload_type)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < viewer->n_received; i++)
		n += viewer->received[i].payload_type == payload_type;
	return n;
}

static uint8_t dscp_of(enum flow_kind kind)
{
	const struct dscp_map *map = &plane->config.dscp;
	const struct scheduler_pipe *pipe = scheduler_default_pipe(plane_scheduler(plane));
	return map->of[scheduler_pipe_class(pipe, kind)][COLOR_GREEN];
}

static void check_dscp(const struct client *viewer, uint8_t payload_type, enum flow_kind kind)
{
	for (unsigned int i = 0; i < viewer->n_received; i++) {
		if (viewer->received[i].payload_type == payload_type)
			CU_ASSERT_EQUAL(viewer->received[i].dscp, dscp_of(kind));
	}
}

static void each_kind_leaves_with_its_dscp(void)
{
	struct stream stream = stream_open();
	struct client *viewer = watch(&stream, NULL);

	publisher_send_frames(stream.publisher, 10);
	send_voice(&stream);
	AWAIT(viewer->n_received == 11);
	viewer_send_feedback(viewer, true, viewer->received[3].sequence);
	AWAIT(n_of_type(viewer, VIEWER_RTX_PT) == 1);
	check_dscp(viewer, VIEWER_PT, FLOW_VIDEO);
	check_dscp(viewer, VOICE_PT, FLOW_VOICE);
	check_dscp(viewer, VIEWER_RTX_PT, FLOW_RETRANSMISSION);
	CU_ASSERT_NOT_EQUAL(dscp_of(FLOW_VIDEO), dscp_of(FLOW_VOICE));
	CU_ASSERT_NOT_EQUAL(dscp_of(FLOW_VIDEO), dscp_of(FLOW_RETRANSMISSION));
	CU_ASSERT_EQUAL(viewer->control_dscps, 1ull << dscp_of(FLOW_CONTROL));
	CU_ASSERT_EQUAL(stream.publisher->control_dscps, 1ull << dscp_of(FLOW_CONTROL));
	client_close(viewer);
	stream_close(&stream);
}

/* For video that only is watched: it may wait long enough for a machine that has other work. */
static struct scheduler_slice *make_patient_slice(void)
{
	struct scheduler_slice_config config = {.name = "patient", .five_qi = 9};
	struct scheduler_slice *slice;
	char errors[256];
	CU_ASSERT_EQUAL_FATAL(scheduler_slice_add(plane_scheduler(plane), &config, errors,
						  sizeof(errors), &slice),
			      0);
	return slice;
}

/* At its ceiling the burst takes 50 ms; the voice that comes behind it does not. */
static void voice_goes_ahead_of_video_at_a_ceiling(void)
{
	struct stream stream = stream_open();
	struct scheduler_slice *slice = make_patient_slice();
	struct scheduler_pipe *pipe = make_pipe(slice, CEILING_BPS);
	struct client *viewer = watch(&stream, pipe);

	AWAIT(stream.publisher->n_keyframe_requests > 0);
	uint64_t begin_ns = clock_ns();
	publisher_send_frames(stream.publisher, BURST_PACKETS);
	send_voice(&stream);
	AWAIT(n_of_type(viewer, VOICE_PT) == 1);
	unsigned int before = n_of_type(viewer, VIEWER_PT);
	AWAIT(n_of_type(viewer, VIEWER_PT) == BURST_PACKETS);
	CU_ASSERT_TRUE(before < BURST_PACKETS * 3 / 4);
	CU_ASSERT_TRUE(clock_ns() - begin_ns > 30000000ull);
	CU_ASSERT_EQUAL(counted(DROP_QUEUE_FULL) + counted(DROP_QUEUE_LATE), 0);
	client_close(viewer);
	end_pipe(pipe);
	scheduler_slice_remove(slice);
	stream_close(&stream);
}

static uint64_t queue_drops(void)
{
	return counted(DROP_QUEUE_FULL) + counted(DROP_QUEUE_LATE) + counted(DROP_QUEUE_EARLY) +
	       counted(DROP_QUEUE_REFUSED);
}

/* What does not arrive is missing between the numbers of what does. */
static unsigned int n_gaps(const struct client *viewer)
{
	unsigned int n = 0;
	const struct received *last = NULL;
	for (unsigned int i = 0; i < viewer->n_received; i++) {
		const struct received *received = &viewer->received[i];
		if (received->payload_type != VIEWER_PT)
			continue;
		if (last)
			n += (uint16_t)(received->sequence - last->sequence - 1u);
		last = received;
	}
	return n;
}

/* Nothing has come for so long that nothing can be queued. */
static bool is_quiet(const struct client *viewer, unsigned int *before)
{
	static uint64_t since_ns;
	if (viewer->n_received != *before || since_ns == 0)
		since_ns = clock_ns();
	*before = viewer->n_received;
	return clock_ns() - since_ns > 2 * PATIENT_NS;
}

static void a_key_frame_is_asked_for_when_video_is_dropped(void)
{
	struct stream stream = stream_open();
	struct scheduler_pipe *pipe = make_pipe(NULL, 200000);
	struct client *viewer = watch(&stream, pipe);
	uint64_t dropped = queue_drops(), told = counted(COUNT_LOSSES_TOLD);

	AWAIT(stream.publisher->n_keyframe_requests > 0);
	publisher_send_frames(stream.publisher, 5);
	unsigned int asked = stream.publisher->n_keyframe_requests;
	uint64_t patience_ns = clock_ns() + FIXTURE_PATIENCE;
	while (stream.publisher->n_keyframe_requests == asked && clock_ns() < patience_ns) {
		publisher_send(stream.publisher, false, false);
		fixture_pump();
	}
	CU_ASSERT_TRUE(stream.publisher->n_keyframe_requests > asked);
	CU_ASSERT_TRUE(queue_drops() > dropped);
	CU_ASSERT_TRUE(counted(COUNT_LOSSES_TOLD) > told);
	/* What comes when the queue has emptied shows the viewer the gap. */
	unsigned int before = viewer->n_received;
	AWAIT(is_quiet(viewer, &before));
	publisher_send(stream.publisher, true, false);
	AWAIT(viewer->n_received > before);
	CU_ASSERT_TRUE(n_gaps(viewer) > 0);
	client_close(viewer);
	end_pipe(pipe);
	stream_close(&stream);
}

/* Its packets are still on their way, in whatever ring or queue, when its pipe goes. */
static void a_tenant_that_leaves_at_once_takes_nothing_along(void)
{
	struct stream stream = stream_open();
	for (unsigned int i = 0; i < 10; i++) {
		struct scheduler_pipe *pipe = make_pipe(NULL, 1000000);
		struct client *viewer = watch(&stream, pipe);
		publisher_send_frames(stream.publisher, 30);
		AWAIT(viewer->n_received > 0);
		client_close(viewer);
		end_pipe(pipe);
		plane_tick(plane);
	}
	stream_close(&stream);
}

static void voice_is_not_held_up_by_a_paced_burst(void)
{
	struct stream stream = stream_open();
	struct client *viewer = watch(&stream, NULL);
	uint64_t paced = counted(COUNT_PACED);

	AWAIT(stream.publisher->n_keyframe_requests > 0);
	publisher_send_frames(stream.publisher, 200);
	send_voice(&stream);
	AWAIT(n_of_type(viewer, VIEWER_PT) == 200 && n_of_type(viewer, VOICE_PT) == 1);
	CU_ASSERT_EQUAL(n_gaps(viewer), 0);
	CU_ASSERT_TRUE(counted(COUNT_PACED) > paced);
	CU_ASSERT_NOT_EQUAL(viewer->received[viewer->n_received - 1].payload_type, VOICE_PT);
	client_close(viewer);
	stream_close(&stream);
}

/* More than a pacer holds, faster than it lets go: it gives up spreading, and loses nothing. */
static void a_burst_beyond_the_pacer_arrives_whole(void)
{
	struct stream stream = stream_open();
	struct client *viewer = watch(&stream, NULL);

	AWAIT(stream.publisher->n_keyframe_requests > 0);
	publisher_send_frames(stream.publisher, 450);
	AWAIT(viewer->n_received == 450);
	CU_ASSERT_EQUAL(n_gaps(viewer), 0);
	client_close(viewer);
	stream_close(&stream);
}

/* Far more at once than the queue of a tenant holds, and well within what its pipe takes. */
static void a_burst_to_a_crowd_arrives_whole(void)
{
	struct stream stream = stream_open();
	struct scheduler_pipe *pipe = make_pipe(NULL, CROWD_BPS);
	struct client *viewers[CROWD];

	for (unsigned int i = 0; i < CROWD; i++)
		viewers[i] = watch(&stream, pipe);
	publisher_send_frames(stream.publisher, CROWD_BURST);
	for (unsigned int i = 0; i < CROWD; i++)
		AWAIT(viewers[i]->n_received >= CROWD_BURST);
	for (unsigned int i = 0; i < CROWD; i++)
		client_close(viewers[i]);
	end_pipe(pipe);
	stream_close(&stream);
}

static uint64_t n_sent_by(unsigned int queue)
{
	return port_counter(&port_counters(plane->port, queue)->tx_packets);
}

static uint64_t n_sent_by_workers(void)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < FIXTURE_WORKERS; i++)
		sum += n_sent_by(i);
	return sum;
}

static uint64_t n_sent_of(const struct scheduler_pipe *pipe, enum traffic_class class)
{
	return scheduler_stat(&scheduler_pipe_stats(pipe, class)->sent_packets);
}

/* Workers send what no rate binds, each by its own queue, and none of it goes uncounted; what a
 * rate binds leaves by the queue of whoever owns the scheduler. */
static void what_no_rate_binds_is_sent_by_its_worker(void)
{
	struct stream stream = stream_open();
	struct scheduler_pipe *open = make_pipe(NULL, 0), *bound = make_pipe(NULL, CROWD_BPS);
	enum traffic_class video = scheduler_pipe_class(open, FLOW_VIDEO);
	struct client *viewers[CROWD], **last = &viewers[CROWD - 1];

	for (unsigned int i = 0; i < CROWD - 1; i++)
		viewers[i] = watch(&stream, open);
	AWAIT(stream.publisher->n_keyframe_requests > 0);
	uint64_t before = n_sent_by_workers();
	publisher_send_frames(stream.publisher, 30);
	for (unsigned int i = 0; i < CROWD - 1; i++)
		AWAIT(viewers[i]->n_received == 30);
	AWAIT(n_sent_by_workers() - before >= 30 * (CROWD - 1));
	CU_ASSERT_EQUAL(n_sent_of(open, video), 30 * (CROWD - 1));

	*last = watch(&stream, bound);
	unsigned int queue = plane->egress->queue;
	before = n_sent_by(queue);
	uint64_t of_bound = n_sent_of(bound, video);
	publisher_send_frames(stream.publisher, 30);
	AWAIT(n_sent_of(bound, video) - of_bound >= 30 && n_sent_by(queue) - before >= 30);
	for (unsigned int i = 0; i < CROWD; i++)
		client_close(viewers[i]);
	end_pipe(open);
	end_pipe(bound);
	stream_close(&stream);
}

/* Packets in the ring or the queues stay ahead of those that could go past them. */
static void order_is_kept_when_a_rate_comes_and_goes(void)
{
	struct stream stream = stream_open();
	struct scheduler_pipe *pipe = make_pipe(NULL, 0);
	struct scheduler_pipe_config config = {.name = "tenant"};
	struct client *viewer = watch(&stream, pipe);
	char errors[256];

	AWAIT(stream.publisher->n_keyframe_requests > 0);
	for (unsigned int i = 0; i < RECEIVED_MAX / 8; i++) {
		config.max_bps = i % 2 ? 0 : CROWD_BPS;
		CU_ASSERT_EQUAL(scheduler_pipe_change(pipe, NULL, &config, errors, sizeof(errors)),
				0);
		publisher_send_frames(stream.publisher, 7);
		fixture_pump();
		plane_tick(plane);
	}
	AWAIT(viewer->n_received == RECEIVED_MAX / 8 * 7);
	for (unsigned int i = 1; i < viewer->n_received; i++)
		CU_ASSERT_EQUAL(viewer->received[i].sequence,
				(uint16_t)(viewer->received[i - 1].sequence + 1));
	client_close(viewer);
	end_pipe(pipe);
	stream_close(&stream);
}

static uint64_t busy_ns(void)
{
	uint64_t sum = atomic_load(&plane->egress->busy_ns);
	for (unsigned int i = 0; i < FIXTURE_WORKERS; i++)
		sum += atomic_load(&plane->workers[i]->busy_ns);
	return sum;
}

/* No session, nothing queued: no thread wakes at all. */
static void an_idle_plane_sleeps(void)
{
	uint64_t end_ns = clock_ns() + FIXTURE_PATIENCE, before, after;
	do {
		before = busy_ns();
		uint64_t until_ns = clock_ns() + PATIENT_NS;
		while (clock_ns() < until_ns)
			poll(NULL, 0, 10);
		after = busy_ns();
	} while (after != before && clock_ns() < end_ns);
	CU_ASSERT_EQUAL(after, before);
}

/* Each worker's port holds a burst of buffers to receive into, and that is all. */
static void no_packet_is_missing(void)
{
	AWAIT(rte_mempool_in_use_count(plane->pool) == FIXTURE_WORKERS * PORT_BURST);
	CU_ASSERT_EQUAL(counted(DROP_NO_BUFFER), 0);
	CU_ASSERT_EQUAL(counted(DROP_EGRESS_FULL), 0);
	CU_ASSERT_EQUAL(counted(DROP_QUEUE_GONE), 0);
}

static CU_TestInfo tests[] = {
	{"each_kind_leaves_with_its_dscp", each_kind_leaves_with_its_dscp},
	{"voice_goes_ahead_of_video_at_a_ceiling", voice_goes_ahead_of_video_at_a_ceiling},
	{"voice_is_not_held_up_by_a_paced_burst", voice_is_not_held_up_by_a_paced_burst},
	{"a_burst_beyond_the_pacer_arrives_whole", a_burst_beyond_the_pacer_arrives_whole},
	{"a_key_frame_is_asked_for_when_video_is_dropped",
	 a_key_frame_is_asked_for_when_video_is_dropped},
	{"a_tenant_that_leaves_at_once_takes_nothing_along",
	 a_tenant_that_leaves_at_once_takes_nothing_along},
	{"a_burst_to_a_crowd_arrives_whole", a_burst_to_a_crowd_arrives_whole},
	{"what_no_rate_binds_is_sent_by_its_worker", what_no_rate_binds_is_sent_by_its_worker},
	{"order_is_kept_when_a_rate_comes_and_goes", order_is_kept_when_a_rate_comes_and_goes},
	{"an_idle_plane_sleeps", an_idle_plane_sleeps},
	{"no_packet_is_missing", no_packet_is_missing},
	CU_TEST_INFO_NULL,
};
