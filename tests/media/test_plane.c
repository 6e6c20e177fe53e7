/* The whole media plane, THREADED: workers, handshake thread and control as the gateway runs them,
 * and peers that know nothing of its code. */
#include "tests/media/plane_fixture.h"

#include <rte_mempool.h>

#include <openssl/ssl.h>

#define GCM256 "SRTP_AEAD_AES_256_GCM"
#define GCM128 "SRTP_AEAD_AES_128_GCM"
#define CM80   "SRTP_AES128_CM_SHA1_80"

#define GCM_TRAILER_BYTES 16

static struct feed *make_feed(void)
{
	struct feed *feed = feed_create(CODEC_VP8, FIXTURE_WORKERS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(feed);
	return feed;
}

/* Packets [from, from + n) as received: complete, in order, in this viewer's own numbers. */
static void check_received(const struct client *viewer, unsigned int from, unsigned int n,
			   uint32_t first_number)
{
	CU_ASSERT_FATAL(viewer->n_received >= from + n);
	for (unsigned int i = from; i < from + n; i++) {
		const struct received *received = &viewer->received[i];
		CU_ASSERT_TRUE(received->is_whole && received->has_mid);
		CU_ASSERT_EQUAL(received->number, first_number + (i - from));
		CU_ASSERT_EQUAL(received->payload_type, VIEWER_PT);
		CU_ASSERT_EQUAL(received->ssrc, viewer->ssrc);
		if (i == 0)
			continue;
		CU_ASSERT_EQUAL(received->sequence, (uint16_t)(received[-1].sequence + 1));
		CU_ASSERT_TRUE((int32_t)(received->timestamp - received[-1].timestamp) > 0);
	}
}

static void packets_reach_viewers_on_both_workers(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewers[] = {
		viewer_open_at(feed, 0x2000, GCM256, 0),
		viewer_open_at(feed, 0x3000, GCM128, 1),
		viewer_open(feed, 0x4000, CM80, AF_INET6),
	};
	uint32_t first = next_number;

	publisher_send_frames(publisher, 50);
	for (unsigned int i = 0; i < 3; i++) {
		AWAIT(viewers[i]->n_received == 50);
		check_received(viewers[i], 0, 50, first);
		CU_ASSERT_EQUAL(viewers[i]->received[0].sequence, 32761);
	}
	AWAIT(publisher->n_transport_feedback > 0);
	for (unsigned int i = 0; i < 3; i++)
		client_close(viewers[i]);
	client_close(publisher);
	feed_destroy(feed);
}

static void viewer_waits_for_a_key_frame(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);

	AWAIT(publisher->n_keyframe_requests > 0);
	publisher_send(publisher, false, false);
	publisher_send(publisher, false, false);
	uint32_t first = next_number;
	publisher_send_frames(publisher, 5);
	AWAIT(viewer->n_received == 5);
	check_received(viewer, 0, 5, first);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

static void nacked_packet_comes_again_over_rtx(void)
{
	for (int home = 0; home < FIXTURE_WORKERS; home++) {
		struct feed *feed = make_feed();
		struct client *publisher = publisher_open(feed, 0x1000, 1);
		struct client *viewer = viewer_open_at(feed, 0x2000, GCM256, home);
		publisher_send_frames(publisher, 20);
		AWAIT(viewer->n_received == 20);
		const struct received *wanted = &viewer->received[7];
		viewer_send_feedback(viewer, true, wanted->sequence);
		AWAIT(viewer->n_received == 21);
		const struct received *again = &viewer->received[20];
		CU_ASSERT_EQUAL(again->payload_type, VIEWER_RTX_PT);
		CU_ASSERT_EQUAL(again->ssrc, viewer->ssrc + 1);
		CU_ASSERT_EQUAL(again->sequence, 9);
		CU_ASSERT_EQUAL(again->original, wanted->sequence);
		CU_ASSERT_EQUAL(again->number, wanted->number);
		CU_ASSERT_EQUAL(again->timestamp, wanted->timestamp);
		CU_ASSERT_TRUE(again->is_whole && again->has_mid);
		client_close(viewer);
		client_close(publisher);
		feed_destroy(feed);
	}
}

static void lost_packet_is_asked_for_and_passed_on(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);

	publisher_send_frames(publisher, 3);
	publisher_send(publisher, false, true);
	uint16_t lost = (uint16_t)(publisher->sequence - 1);
	uint32_t number = next_number - 1;
	publisher_send(publisher, false, false);
	AWAIT(publisher->n_nacked > 0 && viewer->n_received == 4);
	CU_ASSERT_EQUAL(publisher->nacked, lost);
	publisher_send_again(publisher, lost, number);
	AWAIT(viewer->n_received == 5);
	CU_ASSERT_EQUAL(viewer->received[4].number, number);
	CU_ASSERT_EQUAL(viewer->received[4].payload_type, VIEWER_PT);
	CU_ASSERT_EQUAL(viewer->received[4].sequence, (uint16_t)(viewer->received[3].sequence - 1));
	CU_ASSERT_TRUE(viewer->received[4].is_whole);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

static void key_frame_request_reaches_the_publisher(void)
{
	for (int home = 0; home < FIXTURE_WORKERS; home++) {
		struct feed *feed = make_feed();
		struct client *publisher = publisher_open(feed, 0x1000, 1);
		struct client *viewer = viewer_open_at(feed, 0x2000, GCM256, home);
		AWAIT(publisher->n_keyframe_requests > 0);
		publisher_send_frames(publisher, 5);
		AWAIT(viewer->n_received == 5);
		unsigned int before = publisher->n_keyframe_requests;
		viewer_send_feedback(viewer, false, 0);
		AWAIT(publisher->n_keyframe_requests > before);
		publisher_send_frames(publisher, 1);
		AWAIT(viewer->n_received == 6);
		client_close(viewer);
		client_close(publisher);
		feed_destroy(feed);
	}
}

static void numbers_go_on_with_another_publisher(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewers[] = {viewer_open_at(feed, 0x2000, GCM256, 0),
				    viewer_open_at(feed, 0x3000, GCM256, 1)};
	uint32_t first = next_number;

	publisher_send_frames(publisher, 20);
	AWAIT(viewers[0]->n_received == 20 && viewers[1]->n_received == 20);
	client_close(publisher);
	publisher = publisher_open(feed, 0x5000, 1001);
	publisher_send_frames(publisher, 20);
	AWAIT(viewers[0]->n_received == 40 && viewers[1]->n_received == 40);
	for (unsigned int i = 0; i < 2; i++) {
		check_received(viewers[i], 0, 40, first);
		client_close(viewers[i]);
	}
	client_close(publisher);
	feed_destroy(feed);
}

/* Over a new socket, and known there. */
static void move(struct client *client)
{
	uint64_t selected = counted(COUNT_PAIRS_SELECTED);
	CU_ASSERT_FATAL(peer_move(client->peer, clock_ns()) == 0);
	AWAIT(counted(COUNT_PAIRS_SELECTED) > selected);
}

static void session_survives_new_addresses(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);
	uint32_t first = next_number;

	publisher_send_frames(publisher, 10);
	AWAIT(viewer->n_received == 10);
	move(viewer);
	publisher_send_frames(publisher, 10);
	AWAIT(viewer->n_received == 20);
	move(publisher);
	publisher_send_frames(publisher, 10);
	AWAIT(viewer->n_received == 30);
	check_received(viewer, 0, 30, first);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

static void flow_on_the_other_worker_is_handed_over(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);
	int home = client_home(publisher);
	uint64_t before = counted(COUNT_HANDED_OVER);
	uint32_t first = next_number;

	for (unsigned int tries = 0; tries < 40 && counted(COUNT_HANDED_OVER) == before; tries++)
		move(publisher);
	before = counted(COUNT_HANDED_OVER);
	publisher_send_frames(publisher, 30);
	AWAIT(viewer->n_received == 30);
	check_received(viewer, 0, 30, first);
	CU_ASSERT_TRUE(counted(COUNT_HANDED_OVER) >= before + 30);
	CU_ASSERT_EQUAL(client_home(publisher), home);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

static int open_stranger(void)
{
	struct address address;
	struct sockaddr_storage to;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	address_parse_ip(&address, "127.0.0.1", port_udp_port(plane->port));
	socklen_t size = address_to_sockaddr(&address, &to);
	CU_ASSERT_FATAL(fd >= 0 && connect(fd, (struct sockaddr *)&to, size) == 0);
	return fd;
}

static void hello_of_a_stranger_is_dropped_and_counted(void)
{
	uint64_t dropped = counted(DROP_DTLS_UNVALIDATED);
	uint64_t started = handshake_counter(plane->handshake, HANDSHAKE_STARTED);
	SSL_CTX *context = SSL_CTX_new(DTLS_client_method());
	SSL *ssl = SSL_new(context);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	uint8_t hello[2048];
	int fd = open_stranger();

	SSL_set_bio(ssl, in, out);
	SSL_connect(ssl);
	int size = BIO_read(out, hello, sizeof(hello));
	CU_ASSERT_FATAL(size > 13 && hello[0] == 22 && hello[13] == 1);
	for (unsigned int i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(send(fd, hello, (size_t)size, 0), size);
	AWAIT(counted(DROP_DTLS_UNVALIDATED) == dropped + 10);
	CU_ASSERT_EQUAL(handshake_counter(plane->handshake, HANDSHAKE_STARTED), started);
	CU_ASSERT_EQUAL(recv(fd, hello, sizeof(hello), 0), -1);
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
}

static void garbage_is_dropped_and_counted(void)
{
	static const struct {
		uint8_t first, second;
		enum counter of_session, of_stranger;
	} rows[] = {
		{0x80, SOURCE_PT, DROP_SRTP_AUTH, DROP_UNKNOWN_FLOW},
		{0x80, 200, DROP_SRTP_AUTH, DROP_UNKNOWN_FLOW},
		{0xff, 0, DROP_UNKNOWN_PROTOCOL, DROP_UNKNOWN_PROTOCOL},
		{0x00, 1, DROP_UNKNOWN_PROTOCOL, DROP_UNKNOWN_PROTOCOL},
	};
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);
	int fd = open_stranger();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t garbage[200] = {rows[i].first, rows[i].second, 3, 4, 5};
		uint64_t of_session = counted(rows[i].of_session);
		send(peer_fd(publisher->peer), garbage, sizeof(garbage), 0);
		AWAIT(counted(rows[i].of_session) == of_session + 1);
		uint64_t of_stranger = counted(rows[i].of_stranger);
		send(fd, garbage, sizeof(garbage), 0);
		AWAIT(counted(rows[i].of_stranger) == of_stranger + 1);
	}
	uint32_t first = next_number;
	publisher_send_frames(publisher, 5);
	AWAIT(viewer->n_received == 5);
	check_received(viewer, 0, 5, first);
	close(fd);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

static void replayed_packet_is_dropped_and_counted(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	uint64_t replays = counted(DROP_SRTP_REPLAY);
	uint8_t packet[PEER_PACKET_MAX] = {0x80, SOURCE_PT, 0, 1, 0, 0, 0, 1};

	put32(packet + 8, publisher->ssrc);
	CU_ASSERT_FATAL(peer_send(publisher->peer, packet, 100, false));
	send(peer_fd(publisher->peer), packet, 100 + GCM_TRAILER_BYTES, 0);
	AWAIT(counted(DROP_SRTP_REPLAY) == replays + 1);
	client_close(publisher);
	feed_destroy(feed);
}

static void gateway_opens_the_handshake_when_it_is_active(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct transport *transport = transport_make_viewer(feed, 0x2000);
	transport->dtls_active = true;
	struct client *viewer = client_open(transport, GCM256, AF_INET);
	viewer->ssrc = 0x2000;
	AWAIT(viewer->is_connected && peer_state(viewer->peer) == PEER_CONNECTED);
	uint32_t first = next_number;

	publisher_send_frames(publisher, 5);
	AWAIT(viewer->n_received == 5);
	check_received(viewer, 0, 5, first);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

/* A peer's hello waits while a cap is reached, and needs no repetition after. */
static void handshakes_over_a_cap_wait_in_line(void)
{
	static const struct {
		unsigned int half_open, per_second;
	} rows[] = {
		{0, 500},
		{8, 0},
	};
	struct feed *feed = make_feed();
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t before = handshake_counter(plane->handshake, HANDSHAKE_HELD_UP);
		handshake_limit(plane->handshake, rows[i].half_open, rows[i].per_second);
		struct client *viewer =
			client_open(transport_make_viewer(feed, 0x2000), GCM256, AF_INET);
		AWAIT(handshake_counter(plane->handshake, HANDSHAKE_HELD_UP) > before);
		CU_ASSERT_FALSE(viewer->is_connected);
		CU_ASSERT_EQUAL(handshake_half_open(plane->handshake), 0);
		CU_ASSERT_EQUAL(handshake_in_line(plane->handshake), 1);
		handshake_limit(plane->handshake, 8, 500);
		AWAIT(viewer->is_connected && peer_state(viewer->peer) == PEER_CONNECTED);
		CU_ASSERT_EQUAL(handshake_in_line(plane->handshake), 0);
		client_close(viewer);
	}
	feed_destroy(feed);
}

#define CALLS 100

struct calls {
	unsigned int order[CALLS + 1], n;
	struct call {
		struct calls *all;
		unsigned int number;
	} calls[CALLS + 1];
};

static void on_call(void *context)
{
	struct call *call = context;
	struct calls *all = call->all;
	all->order[all->n++] = call->number;
	/* One of them asks for another. */
	if (call->number == CALLS / 2)
		CU_ASSERT_EQUAL(plane_barrier(plane, on_call, &all->calls[CALLS]), 0);
}

static void barriers_asked_for_at_a_time_are_passed_in_order(void)
{
	static struct calls all;
	for (unsigned int i = 0; i <= CALLS; i++)
		all.calls[i] = (struct call){&all, i};
	for (unsigned int i = 0; i < CALLS; i++)
		CU_ASSERT_EQUAL(plane_barrier(plane, on_call, &all.calls[i]), 0);
	CU_ASSERT_EQUAL(all.n, 0);
	AWAIT(all.n == CALLS + 1);
	for (unsigned int i = 0; i <= CALLS; i++)
		CU_ASSERT_EQUAL(all.order[i], i);
}

static void wrong_certificate_is_refused(void)
{
	struct feed *feed = make_feed();
	struct transport *transport = transport_make_viewer(feed, 0x2000);
	transport->peer_fingerprint.bytes[0] ^= 1;
	struct client *viewer = client_open(transport, GCM256, AF_INET);

	AWAIT(viewer->failure != NULL);
	CU_ASSERT_STRING_EQUAL(viewer->failure, "fingerprint");
	CU_ASSERT_FALSE(viewer->is_connected);
	client_close(viewer);
	feed_destroy(feed);
}

static void peers_that_leave_are_told(void)
{
	uint8_t bye[PEER_PACKET_MAX] = {0x80, 201, 0, 1, 0, 0, 0x10, 0, 0x81, 203, 0, 1};
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);

	publisher_send_frames(publisher, 5);
	AWAIT(viewer->n_received == 5);
	peer_leave(viewer->peer);
	AWAIT(viewer->has_left);
	put32(bye + 12, publisher->ssrc);
	CU_ASSERT_FATAL(peer_send(publisher->peer, bye, 16, true));
	AWAIT(publisher->has_left);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

static void viewer_hears_the_end(void)
{
	struct feed *feed = make_feed();
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);

	client_end(viewer);
	AWAIT(viewer->n_byes == 1);
	client_close(viewer);
	feed_destroy(feed);
}

static void silent_peer_loses_consent(void)
{
	struct feed *feed = make_feed();
	struct client *viewer = viewer_open(feed, 0x2000, GCM256, AF_INET);

	viewer->is_silent = true;
	atomic_store(&plane->consent_ns, 100000000);
	AWAIT(viewer->is_lost);
	atomic_store(&plane->consent_ns, 30000000000);
	client_close(viewer);
	feed_destroy(feed);
}

/* Sends a packet a millisecond until it is so. */
#define SEND_UNTIL(publisher, is_keyframe, condition)                                              \
	do {                                                                                       \
		uint64_t until_ns = clock_ns() + FIXTURE_PATIENCE;                                 \
		while (!(condition) && clock_ns() < until_ns) {                                    \
			uint64_t next_ns = clock_ns() + 1000000;                                   \
			publisher_send(publisher, is_keyframe, false);                             \
			while (!(condition) && clock_ns() < next_ns)                               \
				fixture_pump();                                                    \
		}                                                                                  \
		CU_ASSERT_FATAL(condition);                                                        \
	} while (0)

/* Its numbers have no gap from first to last. */
static void check_contiguous(const struct client *viewer)
{
	for (unsigned int i = 1; i < viewer->n_received; i++)
		CU_ASSERT_EQUAL(viewer->received[i].sequence,
				(uint16_t)(viewer->received[i - 1].sequence + 1));
}

/* What the viewer gets after it flows again begins with a key frame; `number` of it. */
static uint32_t await_key_frame(struct client *publisher, struct client *viewer)
{
	unsigned int before = viewer->n_received;
	for (unsigned int i = 0; i < 5; i++) {
		publisher_send(publisher, false, false);
		fixture_pump();
	}
	CU_ASSERT_EQUAL(viewer->n_received, before);
	uint32_t number = next_number;
	publisher_send_frames(publisher, 3);
	AWAIT(viewer->n_received == before + 3);
	CU_ASSERT_EQUAL(viewer->received[before].number, number);
	return number;
}

static void credit_runs_out_and_comes_again(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	for (int home = 0; home < FIXTURE_WORKERS; home++) {
		struct client *viewer = viewer_open_at(feed, 0x2000, GCM256, home);
		const struct meter *meter = &viewer->transport->meter;
		CU_ASSERT_TRUE(plane_set_credit(plane, viewer->transport, METER_VIDEO, 50000000));
		SEND_UNTIL(publisher, true, viewer->n_received > 0);
		SEND_UNTIL(publisher, false, viewer->n_out[METER_VIDEO] > 0);
		CU_ASSERT_EQUAL(viewer->out_used_ns, 50000000);
		CU_ASSERT_EQUAL(meter_used_ns(meter, METER_VIDEO), 50000000);
		CU_ASSERT_EQUAL(viewer->n_low[METER_VIDEO], 1);
		SEND_UNTIL(publisher, false, meter_stopped(meter, METER_VIDEO) > 5);
		CU_ASSERT_EQUAL(viewer->n_out[METER_VIDEO], 1);
		/* It is refused to a viewer that asks again. */
		uint64_t again = counted(COUNT_RTX_SENT), nacks = counted(COUNT_NACK_RECEIVED);
		viewer_send_feedback(viewer, true, viewer->received[0].sequence);
		AWAIT(counted(COUNT_NACK_RECEIVED) > nacks);

		unsigned int asked = publisher->n_keyframe_requests;
		CU_ASSERT_TRUE(
			plane_set_credit(plane, viewer->transport, METER_VIDEO, METER_UNLIMITED));
		AWAIT(publisher->n_keyframe_requests > asked);
		await_key_frame(publisher, viewer);
		check_contiguous(viewer);
		CU_ASSERT_EQUAL(counted(COUNT_RTX_SENT), again);
		client_close(viewer);
	}
	client_close(publisher);
	feed_destroy(feed);
}

static void a_publisher_that_is_held_is_let_go_on(void)
{
	struct feed *feed = make_feed();
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewers[] = {viewer_open_at(feed, 0x2000, GCM256, 0),
				    viewer_open_at(feed, 0x3000, GCM256, 1)};
	uint64_t dropped = counted(DROP_METER);

	publisher_send_frames(publisher, 10);
	AWAIT(viewers[0]->n_received == 10 && viewers[1]->n_received == 10);
	CU_ASSERT_TRUE(plane_set_held(plane, publisher->transport, 1u << METER_VIDEO));
	SEND_UNTIL(publisher, false, counted(DROP_METER) > dropped + 50);
	unsigned int asked = publisher->n_keyframe_requests;
	CU_ASSERT_TRUE(plane_set_held(plane, publisher->transport, 0));
	AWAIT(publisher->n_keyframe_requests > asked);
	await_key_frame(publisher, viewers[0]);
	AWAIT(viewers[1]->n_received == viewers[0]->n_received);
	for (unsigned int i = 0; i < 2; i++) {
		check_contiguous(viewers[i]);
		client_close(viewers[i]);
	}
	CU_ASSERT_EQUAL(publisher->n_nacked, 0);
	client_close(publisher);
	feed_destroy(feed);
}

static void credit_of_a_session_with_no_worker_is_not_sent(void)
{
	struct feed *feed = make_feed();
	struct transport *transport = transport_make_viewer(feed, 0x2000);
	CU_ASSERT_FALSE(plane_set_credit(plane, transport, METER_VIDEO, 5));
	CU_ASSERT_FALSE(plane_set_held(plane, transport, 1));
	/* What it was given before it was published is in force from its first packet. */
	meter_set_held(&transport->meter, 1u << METER_VIDEO);
	struct client *publisher = publisher_open(feed, 0x1000, 1);
	struct client *viewer = client_open(transport, GCM256, AF_INET);
	viewer->ssrc = 0x2000;
	AWAIT(viewer->is_connected && peer_state(viewer->peer) == PEER_CONNECTED);
	SEND_UNTIL(publisher, true, meter_stopped(&transport->meter, METER_VIDEO) > 5);
	CU_ASSERT_EQUAL(viewer->n_received, 0);
	client_close(viewer);
	client_close(publisher);
	feed_destroy(feed);
}

/* Each worker's port holds a burst of buffers to receive into, and that is all. It takes those for
 * what came last when its worker looks again, which a barrier makes it do. */
static void no_packet_is_missing(void)
{
	fixture_barrier();
	AWAIT(rte_mempool_in_use_count(plane->pool) == FIXTURE_WORKERS * PORT_BURST);
	CU_ASSERT_EQUAL(counted(DROP_NO_BUFFER), 0);
	CU_ASSERT_EQUAL(counted(DROP_MAILBOX_FULL), 0);
	CU_ASSERT_EQUAL(counted(DROP_PROTECT), 0);
}

static CU_TestInfo tests[] = {
	{"packets_reach_viewers_on_both_workers", packets_reach_viewers_on_both_workers},
	{"viewer_waits_for_a_key_frame", viewer_waits_for_a_key_frame},
	{"nacked_packet_comes_again_over_rtx", nacked_packet_comes_again_over_rtx},
	{"lost_packet_is_asked_for_and_passed_on", lost_packet_is_asked_for_and_passed_on},
	{"key_frame_request_reaches_the_publisher", key_frame_request_reaches_the_publisher},
	{"numbers_go_on_with_another_publisher", numbers_go_on_with_another_publisher},
	{"session_survives_new_addresses", session_survives_new_addresses},
	{"flow_on_the_other_worker_is_handed_over", flow_on_the_other_worker_is_handed_over},
	{"hello_of_a_stranger_is_dropped_and_counted", hello_of_a_stranger_is_dropped_and_counted},
	{"garbage_is_dropped_and_counted", garbage_is_dropped_and_counted},
	{"replayed_packet_is_dropped_and_counted", replayed_packet_is_dropped_and_counted},
	{"gateway_opens_the_handshake_when_it_is_active",
	 gateway_opens_the_handshake_when_it_is_active},
	{"barriers_asked_for_at_a_time_are_passed_in_order",
	 barriers_asked_for_at_a_time_are_passed_in_order},
	{"handshakes_over_a_cap_wait_in_line", handshakes_over_a_cap_wait_in_line},
	{"wrong_certificate_is_refused", wrong_certificate_is_refused},
	{"peers_that_leave_are_told", peers_that_leave_are_told},
	{"viewer_hears_the_end", viewer_hears_the_end},
	{"silent_peer_loses_consent", silent_peer_loses_consent},
	{"credit_runs_out_and_comes_again", credit_runs_out_and_comes_again},
	{"a_publisher_that_is_held_is_let_go_on", a_publisher_that_is_held_is_let_go_on},
	{"credit_of_a_session_with_no_worker_is_not_sent",
	 credit_of_a_session_with_no_worker_is_not_sent},
	{"no_packet_is_missing", no_packet_is_missing},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("plane", tests, fixture_start, fixture_stop)
