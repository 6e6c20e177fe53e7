/* A publisher over its rate: what is dropped is neither asked for again nor reported as come, a key
 * frame is asked for when one can pass, and the publisher is told what it may send. */
#include "media/policing.h"

#include "media/report.h"
#include "media/rtcp.h"
#include "media/track.h"
#include "media/wire.h"
#include "tests/media/feedback_reader.h"
#include "tests/media/worker_fixture.h"

#define VIDEO_PT      96
#define RTX_PT        97
#define VOICE_PT      111
#define TWCC_ID       3
#define VIDEO_SSRC    100
#define RTX_SSRC      101
#define VOICE_SSRC    200
#define PAYLOAD_BYTES 1200
/* RTP header with one extension, UDP, IPv4 or IPv6, Ethernet and its framing. */
#define WIRE_BYTES(payload) ((payload) + 20 + 8 + (address_is_ipv4(&no_flow.remote) ? 20 : 40) + 38)
#define LANES               2

enum { VIDEO, VOICE };

static const struct flow no_flow;
static struct transport *publisher;
static struct feed *feeds[2];
static struct policing *tenant;
static struct nn_srtp *decrypt;
static uint16_t transport_sequence;

static struct track_config track_config(unsigned int i)
{
	struct track_config config = {.feed = feeds[i], .nack = true, .pli = true, .epoch = 1};
	config.codec = i == VIDEO ? CODEC_VP8 : CODEC_OPUS;
	config.payload_type = i == VIDEO ? VIDEO_PT : VOICE_PT;
	config.rtx_payload_type = i == VIDEO ? RTX_PT : 0;
	config.ssrc = i == VIDEO ? VIDEO_SSRC : VOICE_SSRC;
	config.rtx_ssrc = i == VIDEO ? RTX_SSRC : 0;
	config.extensions.id[RTP_EXT_TRANSPORT_CC] = TWCC_ID;
	return config;
}

static void limit_session(int64_t committed_bps)
{
	policing_on_session(fixture_worker, &(struct message){.transport = publisher,
							      .word = 100,
							      .a = (uint64_t)committed_bps});
}

static void limit_tenant(int64_t committed_bps)
{
	policing_on_share(
		fixture_worker,
		&(struct message){.policing = tenant, .word = 100, .a = (uint64_t)committed_bps});
}

static void set_up(void)
{
	struct srtp_keys keys = fixture_keys();
	publisher = fixture_transport(2, 0);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &decrypt), 0);
	CU_ASSERT_EQUAL_FATAL(transport_add_twcc(publisher), 0);
	tenant = policing_create(LANES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tenant);
	publisher->policed.tenant = tenant;
	publisher->policed.remb = true;
	policing_start(fixture_worker, publisher);
	for (unsigned int i = 0; i < 2; i++) {
		feeds[i] = feed_create(i == VIDEO ? CODEC_VP8 : CODEC_OPUS, 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(feeds[i]);
		publisher->tracks[i].config = track_config(i);
		track_start(fixture_worker, &publisher->tracks[i]);
	}
	worker_schedule(fixture_worker, publisher, fixture_worker->now_ns + REPORT_INTERVAL_NS);
	transport_sequence = 0;
	fixture_clear();
}

static void tear_down(void)
{
	policing_stop(fixture_worker, publisher);
	CU_ASSERT_EQUAL(tenant->lanes[0].n_publishers, 0);
	for (unsigned int i = 0; i < 2; i++) {
		track_stop(fixture_worker, &publisher->tracks[i]);
		feed_destroy(feeds[i]);
	}
	wheel_remove(&fixture_worker->wheel, &publisher->timer);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	transport_destroy(publisher);
	policing_destroy(tenant);
	nn_srtp_destroy(decrypt);
}

/* The colour a packet was given on its way through its track. */
static enum packet_color receive(const struct rtp_header *header, const uint8_t *payload,
				 uint16_t payload_bytes)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	uint8_t number[2];
	wire_write16(number, transport_sequence++);
	struct rtp_element element = {.id = TWCC_ID, .bytes = 2, .value = number};
	int head = rtp_write(packet_bytes(packet), 500, header, &element, 1, NULL);
	memset(packet_bytes(packet) + head, 0, payload_bytes);
	memcpy(packet_bytes(packet) + head, payload, payload_bytes < 12 ? payload_bytes : 12u);
	rte_pktmbuf_append(packet, (uint16_t)(head + payload_bytes));
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	packet_meta(packet)->flow = no_flow;
	packet_tx(packet)->color = COLOR_RED;
	rte_mbuf_refcnt_update(packet, 1);
	track_on_packets(fixture_worker, publisher, &packet, 1);
	enum packet_color color = packet_tx(packet)->color;
	packet_free(packet);
	return color;
}

static enum packet_color receive_video(uint16_t sequence)
{
	static const uint8_t delta[12] = {0x10, 0x01};
	struct rtp_header header = {
		.ssrc = VIDEO_SSRC, .sequence = sequence, .payload_type = VIDEO_PT};
	return receive(&header, delta, PAYLOAD_BYTES);
}

static enum packet_color receive_key_frame(uint16_t sequence)
{
	static const uint8_t key[12] = {0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a};
	struct rtp_header header = {
		.ssrc = VIDEO_SSRC, .sequence = sequence, .payload_type = VIDEO_PT};
	return receive(&header, key, PAYLOAD_BYTES);
}

static enum packet_color receive_rtx(uint16_t sequence, uint16_t original)
{
	uint8_t payload[12] = {0, 0, 0x10, 0x01};
	struct rtp_header header = {.ssrc = RTX_SSRC, .sequence = sequence, .payload_type = RTX_PT};
	wire_write16(payload, original);
	return receive(&header, payload, PAYLOAD_BYTES);
}

static enum packet_color receive_voice(uint16_t sequence)
{
	static const uint8_t opus[12];
	struct rtp_header header = {
		.ssrc = VOICE_SSRC, .sequence = sequence, .payload_type = VOICE_PT};
	return receive(&header, opus, 100);
}

/* Video without a pause until the first red packet; returns its sequence number. */
static uint16_t receive_until_red(uint16_t sequence)
{
	while (receive_video(sequence) != COLOR_RED)
		sequence++;
	return sequence;
}

/* What the publisher was last told by REMB; 0: nothing. Takes everything out of the burst. */
static uint64_t told_bps(void)
{
	uint64_t bps = 0;
	unsigned int n = fixture_sent();
	for (unsigned int i = 0; i < n; i++) {
		struct rtcp_reader reader;
		struct rtcp_item item;
		int result;
		nn_srtcp_unprotect(decrypt, &fixture_worker->tx[i], 1, &result);
		CU_ASSERT_EQUAL_FATAL(result, 0);
		rtcp_reader_init(&reader, packet_bytes(fixture_worker->tx[i]),
				 rte_pktmbuf_data_len(fixture_worker->tx[i]));
		while (rtcp_next(&reader, &item)) {
			if (item.type != RTCP_PSFB || item.count != RTCP_FB_ALFB)
				continue;
			CU_ASSERT_EQUAL(memcmp(item.body, "REMB", 4), 0);
			uint32_t rate = wire_read24(item.body + 5);
			bps = (uint64_t)(rate & 0x3ffff) << (rate >> 18);
		}
		CU_ASSERT_FALSE(reader.bad);
		packet_free(fixture_worker->tx[i]);
	}
	fixture_worker->n_tx = 0;
	return bps;
}

static void serve(uint64_t ms)
{
	fixture_advance(ms);
	report_service(fixture_worker, publisher);
}

/* A second of steady video in packets of which `per_second` come. */
static void publish_second(uint16_t *sequence, unsigned int per_second)
{
	for (unsigned int i = 0; i < per_second; i++) {
		fixture_worker->now_ns += 1000000000ull / per_second;
		receive_video((*sequence)++);
	}
	report_service(fixture_worker, publisher);
}

static void colours_are_marked_and_red_ends(void)
{
	set_up();
	limit_session(1000000);
	enum packet_color color = COLOR_GREEN, last = COLOR_GREEN;
	uint64_t passed = 0, yellow = 0;
	for (uint16_t i = 0; color != COLOR_RED; i++) {
		color = receive_video(i);
		CU_ASSERT(color >= last);
		last = color;
		passed += color != COLOR_RED;
		yellow += color == COLOR_YELLOW;
	}
	CU_ASSERT(yellow > 0);
	CU_ASSERT_EQUAL(publisher->tracks[VIDEO].reception.received, passed);
	CU_ASSERT_EQUAL(fixture_count(COUNT_POLICED_YELLOW), yellow);
	CU_ASSERT_EQUAL(fixture_count(DROP_POLICED_SESSION), 1);
	CU_ASSERT_EQUAL(fixture_count(DROP_POLICED_TENANT), 0);
	/* The wire's bytes are counted, not the payload's. */
	CU_ASSERT_EQUAL(policer_total(&publisher->policed.policer.bytes[COLOR_RED]),
			WIRE_BYTES(PAYLOAD_BYTES));
	tear_down();
}

static void tenant_is_policed_behind_the_session(void)
{
	set_up();
	limit_session(8000000);
	limit_tenant(500000);
	receive_until_red(0);
	CU_ASSERT_EQUAL(fixture_count(DROP_POLICED_SESSION), 0);
	CU_ASSERT_EQUAL(fixture_count(DROP_POLICED_TENANT), 1);
	CU_ASSERT_EQUAL(policer_total(&publisher->policed.tenant_dropped), 1);
	CU_ASSERT_EQUAL(policing_packets(tenant, COLOR_RED), 1);
	CU_ASSERT(policing_packets(tenant, COLOR_YELLOW) > 0);
	CU_ASSERT_EQUAL(policing_bytes(tenant, COLOR_RED), WIRE_BYTES(PAYLOAD_BYTES));
	tear_down();
	/* What the session's policer drops takes nothing of the tenant's. */
	set_up();
	limit_session(500000);
	limit_tenant(8000000);
	receive_until_red(0);
	CU_ASSERT_EQUAL(policing_packets(tenant, COLOR_RED), 0);
	CU_ASSERT_EQUAL(policer_total(&tenant->lanes[0].refused_bytes), WIRE_BYTES(PAYLOAD_BYTES));
	tear_down();
}

static void unlimited_is_counted_alone(void)
{
	set_up();
	for (uint16_t i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(receive_video(i), COLOR_GREEN);
	CU_ASSERT_EQUAL(policing_packets(tenant, COLOR_GREEN), 1000);
	serve(1000);
	CU_ASSERT_EQUAL(fixture_count(COUNT_REMB_SENT), 0);
	tear_down();
	set_up();
	publisher->policed.tenant = NULL;
	CU_ASSERT_EQUAL(receive_video(1), COLOR_GREEN);
	publisher->policed.tenant = tenant;
	tear_down();
}

static void voice_passes_where_video_is_red(void)
{
	set_up();
	limit_tenant(500000);
	receive_until_red(0);
	CU_ASSERT(receive_voice(0) != COLOR_RED);
	tear_down();
}

static void red_packets_are_never_asked_for(void)
{
	set_up();
	limit_session(500000);
	uint16_t red = receive_until_red(0);
	fixture_advance(1000); /* the buckets fill */
	receive_video((uint16_t)(red + 1));
	CU_ASSERT_EQUAL(publisher->nack_due_ns, UINT64_MAX);
	for (unsigned int i = 0; i < 20; i++)
		serve(50);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 0);
	tear_down();
}

/* A packet lost on the way is asked for once; when its repetition is red, that was it. */
static void red_retransmission_ends_the_asking(void)
{
	set_up();
	limit_session(500000);
	receive_video(0);
	receive_video(2);
	serve(10);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 1);
	uint16_t sequence = receive_until_red(3);
	CU_ASSERT_EQUAL(receive_rtx(0, 1), COLOR_RED);
	fixture_advance(1000);
	receive_video((uint16_t)(sequence + 1));
	for (unsigned int i = 0; i < 20; i++)
		serve(50);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 1);
	CU_ASSERT_EQUAL(fixture_count(DROP_POLICED_SESSION), 2);
	tear_down();
}

/* The key frame that mends the picture is asked for when it can pass, not into the flood. */
static void key_frame_is_asked_for_once_it_can_pass(void)
{
	set_up();
	limit_session(500000);
	receive_key_frame(0);
	serve(1000);
	receive_key_frame(1);
	publisher->tracks[VIDEO].keyframe_requested_ns = fixture_worker->now_ns;
	fixture_advance(500);
	fixture_clear();
	uint16_t sequence = receive_until_red(2);
	CU_ASSERT(publisher->tracks[VIDEO].keyframe_wanted);
	for (unsigned int i = 0; i < 10; i++) { /* red goes on for 100 ms */
		serve(10);
		sequence = receive_until_red((uint16_t)(sequence + 1));
	}
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 0);
	serve(REPORT_PLI_POLICED_NS / 1000000);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	/* It came through: nothing more is wanted. */
	fixture_advance(1000);
	receive_key_frame((uint16_t)(sequence + 1));
	for (unsigned int i = 0; i < 20; i++)
		serve(100);
	CU_ASSERT_EQUAL(fixture_count(COUNT_PLI_SENT), 1);
	tear_down();
}

static void endless_flood_gets_few_key_frame_requests(void)
{
	set_up();
	limit_session(500000);
	uint16_t sequence = 0;
	for (unsigned int ms = 0; ms < 20000; ms += 10) {
		for (unsigned int i = 0; i < 4; i++) /* 4 Mbps */
			receive_video(sequence++);
		feed_request_keyframe(fixture_worker, feeds[VIDEO]); /* a viewer is not happy */
		serve(10);
		told_bps(); /* takes what was sent */
	}
	CU_ASSERT(fixture_count(COUNT_PLI_SENT) >= 9);
	CU_ASSERT(fixture_count(COUNT_PLI_SENT) <= 12);
	CU_ASSERT_EQUAL(fixture_count(COUNT_NACK_SENT), 0);
	tear_down();
}

static void red_voice_and_red_padding_want_no_key_frame(void)
{
	set_up();
	limit_session(100000);
	receive_key_frame(0);
	for (uint16_t i = 0; receive_voice(i) != COLOR_RED; i++)
		;
	struct rtp_header padding = {.ssrc = RTX_SSRC, .sequence = 1, .payload_type = RTX_PT};
	static const uint8_t nothing[12];
	CU_ASSERT_EQUAL(receive(&padding, nothing, 2), COLOR_RED);
	CU_ASSERT_FALSE(publisher->tracks[VIDEO].keyframe_wanted);
	/* Nor does the repetition of what has come. */
	CU_ASSERT_EQUAL(receive_rtx(2, 0), COLOR_RED);
	CU_ASSERT_FALSE(publisher->tracks[VIDEO].keyframe_wanted);
	CU_ASSERT_EQUAL(receive_video(1), COLOR_RED);
	CU_ASSERT(publisher->tracks[VIDEO].keyframe_wanted);
	tear_down();
}

static void feedback_says_red_was_not_received(void)
{
	static struct feedback feedback;
	uint8_t out[1500];
	bool is_red[64] = {false};
	set_up();
	limit_session(500000);
	uint16_t n = receive_until_red(0);
	is_red[n++] = true;
	is_red[n] = receive_video(n) == COLOR_RED;
	n++;
	fixture_advance(1000);
	CU_ASSERT_EQUAL(receive_video(n++), COLOR_GREEN);
	CU_ASSERT_FATAL(n <= 64);
	int size = twcc_write(publisher->twcc, out, sizeof(out), 1, 2);
	CU_ASSERT_FATAL(size > 0);
	CU_ASSERT_FATAL(feedback_read(out, (size_t)size, &feedback));
	CU_ASSERT_EQUAL_FATAL(feedback.n, n);
	for (uint16_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL(feedback.status[i].received, !is_red[i]);
	tear_down();
}

static void publisher_is_told_its_limit(void)
{
	uint16_t sequence = 0;
	set_up();
	limit_session(1000000);
	serve(1000);
	CU_ASSERT_DOUBLE_EQUAL(told_bps(), 1000000, 10);
	/* Its packets are known now: a browser does not count Ethernet's part of them. */
	publish_second(&sequence, 50);
	double part = 1 - 38.0 / WIRE_BYTES(PAYLOAD_BYTES);
	CU_ASSERT_DOUBLE_EQUAL(told_bps(), 1000000 * part, 1000);
	limit_tenant(300000);
	publish_second(&sequence, 50);
	CU_ASSERT_DOUBLE_EQUAL(told_bps(), 300000 * part, 1000);
	/* What is lifted is told too, for browsers keep to what they heard last; then it is quiet.
	 */
	limit_tenant(0);
	limit_session(0);
	for (unsigned int i = 0; i < POLICING_REMB_LIFTED; i++) {
		serve(1000);
		CU_ASSERT_DOUBLE_EQUAL(told_bps(), POLICING_REMB_LIFTED_BPS, 100000);
	}
	serve(1000);
	CU_ASSERT_EQUAL(told_bps(), 0);
	/* Whose offer had no goog-remb is not told. */
	limit_session(1000000);
	publisher->policed.remb = false;
	serve(1000);
	CU_ASSERT_EQUAL(told_bps(), 0);
	tear_down();
}

/* Its first REMB came before its handshake had ended, say. */
static void who_is_over_is_told_again_soon(void)
{
	set_up();
	limit_session(500000);
	receive_video(0);
	serve(1);
	CU_ASSERT_EQUAL(fixture_count(COUNT_REMB_SENT), 1);
	uint16_t sequence = receive_until_red(1);
	serve(50);
	CU_ASSERT_EQUAL(fixture_count(COUNT_REMB_SENT), 1);
	fixture_advance(POLICING_REMB_MIN_NS / 1000000);
	receive_until_red((uint16_t)(sequence + 1));
	CU_ASSERT_EQUAL(publisher->timer.due_ns, fixture_worker->now_ns);
	serve(0);
	CU_ASSERT_EQUAL(fixture_count(COUNT_REMB_SENT), 2);
	/* Who keeps to it hears it once a second. */
	for (unsigned int i = 0; i < 30; i++) {
		serve(100);
		told_bps();
	}
	CU_ASSERT_EQUAL(fixture_count(COUNT_REMB_SENT), 5);
	tear_down();
}

/* Two publishers of a tenant on one worker: each may send half of it, and who needs less leaves
 * the rest to the other. */
static void publishers_of_a_tenant_share(void)
{
	uint16_t sequence = 0;
	set_up();
	struct transport *other = fixture_transport(1, 0);
	other->policed.tenant = tenant;
	policing_start(fixture_worker, other);
	limit_tenant(2000000);
	serve(1000);
	/* Nothing came yet, so there is no other to leave anything to. */
	CU_ASSERT_DOUBLE_EQUAL(told_bps(), 2000000, 100);
	/* The other sends 1.5 Mbps, ours nothing. */
	for (unsigned int second = 0; second < 2; second++) {
		for (unsigned int i = 0; i < 150; i++) {
			fixture_worker->now_ns += 1000000000ull / 150;
			policer_color(&tenant->lanes[0].policer, 1250, fixture_worker->now_ns);
		}
		report_service(fixture_worker, publisher);
	}
	CU_ASSERT_DOUBLE_EQUAL(told_bps(), 1000000, 10000);
	CU_ASSERT_DOUBLE_EQUAL(policing_remb_bps(fixture_worker, other), 1000000, 10000);
	for (unsigned int second = 0; second < 2; second++)
		publish_second(&sequence, 50); /* 0.5 Mbps, and the other is quiet */
	told_bps();
	CU_ASSERT_DOUBLE_EQUAL(policing_remb_bps(fixture_worker, other), 1470000, 40000);
	policing_stop(fixture_worker, other);
	transport_destroy(other);
	tear_down();
}

static CU_TestInfo tests[] = {
	{"colours_are_marked_and_red_ends", colours_are_marked_and_red_ends},
	{"tenant_is_policed_behind_the_session", tenant_is_policed_behind_the_session},
	{"unlimited_is_counted_alone", unlimited_is_counted_alone},
	{"voice_passes_where_video_is_red", voice_passes_where_video_is_red},
	{"red_packets_are_never_asked_for", red_packets_are_never_asked_for},
	{"red_retransmission_ends_the_asking", red_retransmission_ends_the_asking},
	{"key_frame_is_asked_for_once_it_can_pass", key_frame_is_asked_for_once_it_can_pass},
	{"endless_flood_gets_few_key_frame_requests", endless_flood_gets_few_key_frame_requests},
	{"red_voice_and_red_padding_want_no_key_frame",
	 red_voice_and_red_padding_want_no_key_frame},
	{"feedback_says_red_was_not_received", feedback_says_red_was_not_received},
	{"publisher_is_told_its_limit", publisher_is_told_its_limit},
	{"who_is_over_is_told_again_soon", who_is_over_is_told_again_soon},
	{"publishers_of_a_tenant_share", publishers_of_a_tenant_share},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("policing", tests, fixture_start, fixture_stop)
