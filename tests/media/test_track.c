/* A publisher's packets find their track: by signalled SSRC, MID or payload type; retransmissions
 * are taken apart; and nothing that comes under another number disturbs it. */
#include "media/track.h"

#include "media/report.h"
#include "media/rtp.h"
#include "media/wire.h"
#include "tests/media/worker_fixture.h"

#define PT     96
#define RTX_PT 97
#define MID_ID 4

static struct transport *publisher, *viewer;
static struct feed *feed;
static struct track *track;

static void set_up(uint32_t ssrc, uint32_t rtx_ssrc)
{
	feed = feed_create(CODEC_VP8, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(feed);
	publisher = fixture_transport(1, 0);
	publisher->mid_extension.id[RTP_EXT_MID] = MID_ID;
	publisher->nack_due_ns = UINT64_MAX;
	track = &publisher->tracks[0];
	track->config = (struct track_config){.feed = feed,
					      .codec = CODEC_VP8,
					      .payload_type = PT,
					      .rtx_payload_type = RTX_PT,
					      .ssrc = ssrc,
					      .rtx_ssrc = rtx_ssrc,
					      .nack = true,
					      .pli = true,
					      .epoch = 65536,
					      .mid = "0"};
	track_start(fixture_worker, track);
	worker_schedule(fixture_worker, publisher, fixture_worker->now_ns + REPORT_INTERVAL_NS);
	viewer = fixture_transport(0, 1);
	viewer->subscriptions[0].config = (struct subscription_config){.feed = feed, .ssrc = 5};
	viewer->subscriptions[0].is_video = true;
	feed_attach(fixture_worker, feed, &viewer->subscriptions[0]);
	fixture_clear();
}

static void tear_down(void)
{
	track_stop(fixture_worker, track);
	CU_ASSERT_EQUAL(feed->home, -1);
	wheel_remove(&fixture_worker->wheel, &publisher->timer);
	feed_detach(fixture_worker, feed, &viewer->subscriptions[0]);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	transport_destroy(publisher);
	transport_destroy(viewer);
	feed_destroy(feed);
}

struct datagram {
	uint32_t ssrc;
	uint16_t sequence;
	uint8_t payload_type;
	const char *mid; /* NULL: none */
	const uint8_t *payload;
	uint16_t payload_bytes;
};

static const uint8_t delta[] = {0x10, 0x01, 0x00, 0x00, 0x00},
		     key[] = {0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x00, 0x00, 0x00};

static void receive(const struct datagram *d)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	struct rtp_header header = {.ssrc = d->ssrc,
				    .sequence = d->sequence,
				    .timestamp = 1000,
				    .payload_type = d->payload_type};
	struct rtp_element element = {
		.id = MID_ID,
		.bytes = (uint8_t)(d->mid ? strlen(d->mid) : 0),
		.value = (const uint8_t *)d->mid,
	};
	int head = rtp_write(packet_bytes(packet), 500, &header, &element, d->mid ? 1 : 0, NULL);
	memcpy(packet_bytes(packet) + head, d->payload, d->payload_bytes);
	rte_pktmbuf_append(packet, (uint16_t)(head + d->payload_bytes));
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	track_on_packets(fixture_worker, publisher, &packet, 1);
}

static void receive_media(uint32_t ssrc, uint16_t sequence, uint8_t payload_type, const char *mid)
{
	receive(&(struct datagram){ssrc, sequence, payload_type, mid, delta, sizeof(delta)});
}

static void receive_rtx(uint32_t ssrc, uint16_t sequence, uint16_t original)
{
	uint8_t payload[2 + sizeof(delta)];
	wire_write16(payload, original);
	memcpy(payload + 2, delta, sizeof(delta));
	receive(&(struct datagram){ssrc, sequence, RTX_PT, NULL, payload, sizeof(payload)});
}

static void learns_by_mid_or_payload_type(void)
{
	set_up(0, 0);
	receive_media(100, 1, PT, "0");
	CU_ASSERT_EQUAL(track->ssrc, 100);
	CU_ASSERT_EQUAL(track->reception.received, 1);
	tear_down();
	set_up(0, 0);
	receive_media(101, 1, PT, NULL);
	CU_ASSERT_EQUAL(track->ssrc, 101);
	tear_down();
	set_up(0, 0);
	receive_media(102, 1, PT, "1");
	receive_media(103, 1, 111, NULL);
	CU_ASSERT_EQUAL(track->ssrc, 0);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_UNKNOWN_SSRC), 2);
	tear_down();
}

static void asks_for_a_key_frame_once_the_source_is_known(void)
{
	set_up(0, 0);
	receive_media(100, 1, PT, "0");
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	tear_down();
	/* Not when that is what comes. */
	set_up(0, 0);
	receive(&(struct datagram){100, 1, PT, "0", key, sizeof(key)});
	CU_ASSERT_EQUAL(fixture_count(COUNT_KEYFRAMES), 1);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 0);
	tear_down();
}

static void viewers_that_join_together_cost_few_requests(void)
{
	set_up(100, 0);
	for (unsigned int i = 0; i < 50; i++) {
		feed_request_keyframe(fixture_worker, feed);
		fixture_advance(1);
	}
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	receive(&(struct datagram){100, 1, PT, NULL, key, sizeof(key)});
	feed_request_keyframe(fixture_worker, feed);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	/* Who comes after the key frame gets one of its own, as soon as is allowed. */
	CU_ASSERT_TRUE(publisher->timer.due_ns <= fixture_worker->now_ns + REPORT_PLI_MIN_NS);
	fixture_advance(150);
	report_service(fixture_worker, publisher);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 2);
	tear_down();
}

static void an_empty_pool_does_not_make_the_timer_spin(void)
{
	set_up(100, 0);
	struct rte_mbuf *all[FIXTURE_PACKETS];
	unsigned int n = 0;
	while (n < FIXTURE_PACKETS && (all[n] = packet_alloc(fixture_plane.pool)))
		n++;
	uint64_t due_ns = report_service(fixture_worker, publisher);
	CU_ASSERT_TRUE(due_ns > fixture_worker->now_ns);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 0);
	while (n > 0)
		packet_free(all[--n]);
	tear_down();
}

static void a_retransmission_is_what_it_repeats(void)
{
	set_up(100, 200);
	receive_media(100, 10, PT, NULL);
	receive_media(100, 12, PT, NULL);
	receive_rtx(200, 1, 11);
	CU_ASSERT_EQUAL(fixture_count(COUNT_RTP_RECOVERED), 1);
	const struct rte_mbuf *packet = retransmit_get(&feed->lanes[0].history, 65536, 11);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	struct rtp_packet *rtp = rtp_packet((struct rte_mbuf *)(uintptr_t)packet);
	CU_ASSERT_EQUAL(rtp->payload_bytes, sizeof(delta));
	CU_ASSERT_EQUAL(
		memcmp(rte_pktmbuf_mtod_offset(packet, const uint8_t *, rtp->payload_offset), delta,
		       sizeof(delta)),
		0);
	/* What has come is a duplicate, by whichever way it comes again. */
	receive_rtx(200, 2, 11);
	receive_media(100, 11, PT, NULL);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_DUPLICATE), 2);
	CU_ASSERT_EQUAL(track->epoch, 65536);
	tear_down();
}

static void padding_probes_repeat_nothing(void)
{
	static const uint8_t nothing[2];
	set_up(100, 200);
	receive_rtx(200, 1, 9); /* before any media: nothing to be put in order with */
	receive_media(100, 10, PT, NULL);
	receive(&(struct datagram){200, 2, RTX_PT, NULL, nothing, 0});
	receive(&(struct datagram){200, 3, RTX_PT, NULL, nothing, 2});
	CU_ASSERT_EQUAL(track->reception.received, 1);
	CU_ASSERT_EQUAL(fixture_count(COUNT_RTP_RECOVERED), 0);
	tear_down();
}

static void a_retransmission_never_pulls_the_window_away(void)
{
	set_up(100, 200);
	receive_media(100, 10, PT, NULL);
	receive_rtx(200, 1, 20010);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_STALE), 1);
	receive_media(100, 11, PT, NULL);
	CU_ASSERT_EQUAL(track->reception.received, 2);
	tear_down();
}

static void a_new_ssrc_is_a_new_epoch(void)
{
	set_up(100, 0);
	receive_media(100, 10, PT, NULL);
	receive_media(300, 5000, PT, "0");
	CU_ASSERT_EQUAL(track->ssrc, 300);
	CU_ASSERT_EQUAL(track->epoch, 65537);
	CU_ASSERT_EQUAL(feed->lanes[0].epoch, 65537);
	/* What the old one still had under way is nobody's. */
	receive_media(100, 11, PT, NULL);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_UNKNOWN_SSRC), 1);
	CU_ASSERT_EQUAL(track->reception.received, 1);
	tear_down();
}

static void other_payload_types_do_not_take_the_track_over(void)
{
	set_up(100, 0);
	receive_media(100, 10, PT, NULL);
	receive_media(400, 1, 49, "0"); /* FlexFEC: an SSRC of its own, the same MID */
	receive_media(100, 11, 49, NULL);
	CU_ASSERT_EQUAL(track->ssrc, 100);
	CU_ASSERT_EQUAL(track->epoch, 65536);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_UNKNOWN_SSRC), 2);
	receive_media(100, 12, PT, NULL);
	CU_ASSERT_EQUAL(track->reception.received, 2);
	tear_down();
}

static void a_flood_of_ssrcs_is_capped(void)
{
	set_up(100, 0);
	for (uint32_t i = 0; i < 1000; i++)
		receive_media(1000 + i, 1, PT, NULL);
	CU_ASSERT_EQUAL(publisher->n_sources, TRANSPORT_SOURCES_MAX);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_UNKNOWN_SSRC), 1000 - TRANSPORT_SOURCES_MAX + 1);
	tear_down();
}

static void rubbish_is_dropped(void)
{
	set_up(100, 0);
	static const uint8_t none[1];
	receive(&(struct datagram){100, 1, PT, NULL, none, 0});
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	rte_pktmbuf_append(packet, 11);
	memset(packet_bytes(packet), 0x80, 11);
	track_on_packets(fixture_worker, publisher, &packet, 1);
	/* A header extension block that claims more than there is. */
	packet = packet_alloc(fixture_plane.pool);
	rte_pktmbuf_append(packet, 16);
	uint8_t *bytes = packet_bytes(packet);
	memset(bytes, 0, 16);
	bytes[0] = 0x90;
	bytes[1] = PT;
	wire_write32(bytes + 8, 100);
	wire_write16(bytes + 12, 0xbede);
	wire_write16(bytes + 14, 1);
	track_on_packets(fixture_worker, publisher, &packet, 1);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_MALFORMED), 1);
	CU_ASSERT_EQUAL(fixture_count(DROP_RTP_UNKNOWN_SSRC), 1);
	tear_down();
}

static void a_hole_is_asked_for_after_a_moment(void)
{
	set_up(100, 0);
	receive_media(100, 10, PT, NULL);
	receive_media(100, 12, PT, NULL);
	CU_ASSERT_TRUE(publisher->nack_due_ns > fixture_worker->now_ns);
	CU_ASSERT_TRUE(publisher->timer.due_ns <= publisher->nack_due_ns);
	fixture_advance(10);
	report_service(fixture_worker, publisher);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 1);
	receive_media(100, 11, PT, NULL);
	fixture_advance(60);
	report_service(fixture_worker, publisher);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 1);
	CU_ASSERT_EQUAL(publisher->nack_due_ns, UINT64_MAX);
	tear_down();
}

static CU_TestInfo tests[] = {
	{"learns_by_mid_or_payload_type", learns_by_mid_or_payload_type},
	{"asks_for_a_key_frame_once_the_source_is_known",
	 asks_for_a_key_frame_once_the_source_is_known},
	{"viewers_that_join_together_cost_few_requests",
	 viewers_that_join_together_cost_few_requests},
	{"an_empty_pool_does_not_make_the_timer_spin", an_empty_pool_does_not_make_the_timer_spin},
	{"a_retransmission_is_what_it_repeats", a_retransmission_is_what_it_repeats},
	{"padding_probes_repeat_nothing", padding_probes_repeat_nothing},
	{"a_retransmission_never_pulls_the_window_away",
	 a_retransmission_never_pulls_the_window_away},
	{"a_new_ssrc_is_a_new_epoch", a_new_ssrc_is_a_new_epoch},
	{"other_payload_types_do_not_take_the_track_over",
	 other_payload_types_do_not_take_the_track_over},
	{"a_flood_of_ssrcs_is_capped", a_flood_of_ssrcs_is_capped},
	{"rubbish_is_dropped", rubbish_is_dropped},
	{"a_hole_is_asked_for_after_a_moment", a_hole_is_asked_for_after_a_moment},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("track", tests, fixture_start, fixture_stop)
