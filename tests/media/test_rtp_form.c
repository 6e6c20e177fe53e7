/* A header filled into a form is the one that would be written element by element. */
#include "media/rtp_form.h"

#include "media/rtp.h"
#include "media/subscription.h"
#include "tests/media/worker_fixture.h"

#define ROUNDS 3000

static uint32_t seed;

static uint32_t random_below(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* A source's packet with some extensions, each at a place of its own. */
static struct rte_mbuf *make_packet(int64_t index, uint32_t present, uint8_t level_bytes)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	struct rtp_packet *rtp = rtp_packet(packet);
	*rtp = (struct rtp_packet){.index = index,
				   .epoch = 1,
				   .timestamp = (uint32_t)index,
				   .payload_offset = 600,
				   .payload_bytes = 50,
				   .marker = index % 2};
	uint8_t *bytes = (uint8_t *)rte_pktmbuf_append(packet, 650);
	for (unsigned int i = 0; i < 650; i++)
		bytes[i] = (uint8_t)random_below(256);
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++) {
		if (!(present & (1u << e)))
			continue;
		rtp->extension[e].offset = (uint16_t)(12 + e * 64);
		rtp->extension[e].bytes = e == RTP_EXT_AUDIO_LEVEL ? level_bytes : (uint8_t)(e % 4);
	}
	packet_meta(packet)->rx_ns = fixture_worker->now_ns;
	return packet;
}

struct viewer {
	struct feed *feed;
	struct transport *transport;
	struct nn_srtp *decrypt;
};

static struct viewer make_viewer(const struct rtp_extension_map *ids, const char *mid)
{
	struct srtp_keys keys = fixture_keys();
	struct viewer viewer = {.feed = feed_create(CODEC_OPUS, 1),
				.transport = fixture_transport(0, 1)};
	struct subscription *subscription = &viewer.transport->subscriptions[0];
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &viewer.decrypt), 0);
	subscription->config = (struct subscription_config){
		.feed = viewer.feed, .ssrc = 5, .payload_type = 120, .extensions = *ids};
	strcpy(subscription->config.mid, mid);
	subscription_start(fixture_worker, subscription);
	return viewer;
}

static void end_viewer(struct viewer *viewer)
{
	feed_detach(fixture_worker, viewer->feed, &viewer->transport->subscriptions[0]);
	fixture_clear();
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
	nn_srtp_destroy(viewer->decrypt);
	transport_destroy(viewer->transport);
	feed_destroy(viewer->feed);
}

/* Forwards the packet and takes what the viewer got, in the clear. */
static struct rte_mbuf *pass(struct viewer *viewer, struct rte_mbuf *packet)
{
	int result;
	feed_forward(fixture_worker, viewer->feed, &packet, 1);
	CU_ASSERT_EQUAL_FATAL(fixture_sent(), 1);
	struct rte_mbuf *got = fixture_worker->tx[0];
	fixture_worker->n_tx = 0;
	nn_srtp_unprotect(viewer->decrypt, &got, 1, &result);
	CU_ASSERT_EQUAL_FATAL(result, 0);
	return got;
}

/* Two viewers with the same numbers; what the second is sent has no shape, so it is written out. */
static void filled_in_is_what_is_written(void)
{
	struct rtp_extension_map ids = {{0}};
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		ids.id[e] = (uint8_t)(e == RTP_EXT_RID ? 0 : e + 1);
	struct viewer filled = make_viewer(&ids, "video0"), written = make_viewer(&ids, "video0");
	unsigned int n_fitted = 0;
	seed = 7;
	for (int64_t i = 0; i < ROUNDS; i++) {
		uint32_t present =
			1u << RTP_EXT_AUDIO_LEVEL | (random_below(8) ? 0xf0 : random_below(256));
		uint8_t level_bytes = (uint8_t)(random_below(8) ? 1 : random_below(60));
		struct rte_mbuf *packet = make_packet(1000 + i, present, level_bytes);
		struct rte_mbuf *same = rte_pktmbuf_copy(packet, fixture_plane.pool, 0, UINT32_MAX);
		CU_ASSERT_PTR_NOT_NULL_FATAL(same);
		*packet_meta(same) = *packet_meta(packet);
		rtp_packet_set_shape(rtp_packet(packet));
		n_fitted += rtp_form_fits(&filled.transport->subscriptions[0].form,
					  rtp_packet(packet)->shape);
		struct rte_mbuf *a = pass(&filled, packet), *b = pass(&written, same);
		CU_ASSERT_EQUAL_FATAL(a->data_len, b->data_len);
		CU_ASSERT_EQUAL_FATAL(memcmp(packet_bytes(a), packet_bytes(b), a->data_len), 0);
		packet_free(a);
		packet_free(b);
		fixture_advance(1);
	}
	CU_ASSERT_TRUE(n_fitted > ROUNDS / 2 && n_fitted < ROUNDS);
	retransmit_clear(&written.feed->lanes[0].history);
	retransmit_clear(&filled.feed->lanes[0].history);
	end_viewer(&filled);
	end_viewer(&written);
}

static void what_the_viewer_does_not_take_makes_no_difference(void)
{
	struct rtp_extension_map ids = {{[RTP_EXT_MID] = 3, [RTP_EXT_AUDIO_LEVEL] = 4}};
	static const struct rtp_form_value none;
	struct rtp_form form;
	rtp_form_init(&form, &ids);
	uint64_t level = RTP_SHAPE_KNOWN | rtp_shape_of(RTP_EXT_AUDIO_LEVEL, 1);
	uint64_t others = rtp_shape_of(RTP_EXT_MID, 2) | rtp_shape_of(RTP_EXT_TRANSPORT_CC, 2);
	CU_ASSERT_FALSE(rtp_form_fits(&form, level));
	rtp_form_learn(&form, level, (const uint8_t[8]){0}, 8, &none, 0);
	CU_ASSERT_TRUE(rtp_form_fits(&form, level));
	CU_ASSERT_TRUE(rtp_form_fits(&form, level | others));
	CU_ASSERT_FALSE(rtp_form_fits(&form, RTP_SHAPE_KNOWN));
	CU_ASSERT_FALSE(
		rtp_form_fits(&form, RTP_SHAPE_KNOWN | rtp_shape_of(RTP_EXT_AUDIO_LEVEL, 2)));
	CU_ASSERT_FALSE(rtp_form_fits(&form, 0));
	/* One that is too long is no form, and neither is the one before. */
	rtp_form_learn(&form, level, (const uint8_t[64]){0}, RTP_FORM_BYTES_MAX + 1, &none, 0);
	CU_ASSERT_FALSE(rtp_form_fits(&form, level));
}

static CU_TestInfo tests[] = {
	{"filled_in_is_what_is_written", filled_in_is_what_is_written},
	{"what_the_viewer_does_not_take_makes_no_difference",
	 what_the_viewer_does_not_take_makes_no_difference},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("rtp_form", tests, fixture_start, fixture_stop)
