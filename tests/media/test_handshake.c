/* The line of those that want to begin a handshake. The thread is this one, turn by turn, and its
 * worker's mailbox is read by the tests; peers are associations of ours in the active role. */
#include <poll.h>
#include <sys/time.h>

#include "media/dtls.h"
#include "media/handshake.h"
#include "tests/media/worker_fixture.h"

#define SECOND_NS   1000000000ull
#define PEERS       3
#define FLIGHTS_MAX 8

struct peer {
	struct transport *transport; /* the gateway's side */
	struct dtls *dtls;
	struct {
		uint8_t bytes[DTLS_MTU_MAX];
		size_t size;
	} flight[FLIGHTS_MAX];
	unsigned int n_flight;
};

static uint64_t now_ns = SECOND_NS * 1000;

static uint64_t wall_ns = SECOND_NS * 1000;

/* OpenSSL's own timers run on this. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = (time_t)(wall_ns / SECOND_NS);
	tv->tv_usec = (suseconds_t)(wall_ns % SECOND_NS / 1000);
	return 0;
}

static struct dtls_fingerprint fingerprint; /* both sides have the same certificate */
static struct peer peers[PEERS];

static int start(void)
{
	char text[DTLS_FINGERPRINT_TEXT + 16];
	struct plane *plane = &fixture_plane;
	plane->config.packets = FIXTURE_PACKETS;
	if (fixture_start() || mailbox_create(1024, &fixture_worker->mailbox) ||
	    dtls_identity_create(&plane->identity) || handshake_create(plane, &plane->handshake))
		return 1;
	int len = snprintf(text, sizeof(text), "sha-256 %s",
			   dtls_identity_fingerprint(plane->identity));
	return dtls_fingerprint_parse(&fingerprint, text, (size_t)len);
}

static int stop(void)
{
	handshake_destroy(fixture_plane.handshake);
	dtls_identity_destroy(fixture_plane.identity);
	mailbox_destroy(fixture_worker->mailbox);
	return fixture_stop();
}

static struct transport *open_transport(void)
{
	struct transport *transport = transport_create(&fixture_plane, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(transport);
	transport->peer_fingerprint = fingerprint;
	atomic_store(&transport->home, 0);
	return transport;
}

static void post(struct transport *transport, const uint8_t *bytes, size_t size)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	memcpy(rte_pktmbuf_append(packet, (uint16_t)size), bytes, size);
	struct message message = {.type = MESSAGE_DTLS, .transport = transport, .packet = packet};
	CU_ASSERT_TRUE_FATAL(
		mailbox_post_packet(handshake_mailbox(fixture_plane.handshake), &message));
}

static void post_flight(struct peer *peer)
{
	for (unsigned int i = 0; i < peer->n_flight; i++)
		post(peer->transport, peer->flight[i].bytes, peer->flight[i].size);
	peer->n_flight = 0;
}

static void on_send(void *context, const uint8_t *bytes, size_t size)
{
	struct peer *peer = context;
	CU_ASSERT_FATAL(peer->n_flight < FLIGHTS_MAX);
	memcpy(peer->flight[peer->n_flight].bytes, bytes, size);
	peer->flight[peer->n_flight++].size = size;
}

/* Turns until there is nothing to do. */
static void turn(void)
{
	while (handshake_turn(fixture_plane.handshake, now_ns))
		;
}

/* What a worker gets: `S` a datagram to send, `K` keys, with the peer's number. Datagrams reach the
 * peer. */
static const char *take_posted(void)
{
	static char text[64];
	struct message message;
	size_t used = 0;
	text[0] = '\0';
	while (mailbox_take(fixture_worker->mailbox, &message, 1) && used + 4 < sizeof(text)) {
		unsigned int i = 0;
		while (i < PEERS && peers[i].transport != message.transport)
			i++;
		if (message.type == MESSAGE_SEND && i < PEERS && peers[i].dtls)
			dtls_on_datagram(peers[i].dtls, packet_bytes(message.packet),
					 rte_pktmbuf_data_len(message.packet), now_ns);
		if (message.type == MESSAGE_SEND)
			packet_free(message.packet);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%c%u ",
					 message.type == MESSAGE_SEND   ? 'S'
					 : message.type == MESSAGE_KEYS ? 'K'
									: '?',
					 i);
	}
	return text;
}

static void close_transport(struct transport *transport)
{
	struct message message = {.type = MESSAGE_CLOSE, .transport = transport};
	mailbox_post(handshake_mailbox(fixture_plane.handshake), &message);
	turn();
	take_posted();
	transport_destroy(transport);
}

/* Every peer has written its hello. */
static void set_up(unsigned int half_open, unsigned int per_second)
{
	now_ns += 10 * SECOND_NS;
	handshake_limit(fixture_plane.handshake, half_open, per_second);
	for (unsigned int i = 0; i < PEERS; i++) {
		struct dtls_config config = {.identity = fixture_plane.identity,
					     .active = true,
					     .peer = fingerprint,
					     .send = on_send,
					     .context = &peers[i]};
		peers[i] = (struct peer){.transport = open_transport()};
		CU_ASSERT_EQUAL_FATAL(dtls_create(&config, now_ns, &peers[i].dtls), 0);
		dtls_start(peers[i].dtls, now_ns);
	}
}

static void tear_down(void)
{
	for (unsigned int i = 0; i < PEERS; i++) {
		close_transport(peers[i].transport);
		peers[i].transport = NULL;
		dtls_destroy(peers[i].dtls);
		peers[i].dtls = NULL;
	}
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), 0);
	CU_ASSERT_EQUAL(handshake_half_open(fixture_plane.handshake), 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fixture_plane.pool), 0);
}

static uint64_t counted(enum handshake_counter counter)
{
	return handshake_counter(fixture_plane.handshake, counter);
}

static void handshake_takes_two_flights(void)
{
	uint64_t completed = counted(HANDSHAKE_COMPLETED);
	set_up(8, 100);
	post_flight(&peers[0]);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S0 ");
	post_flight(&peers[0]);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S0 K0 ");
	CU_ASSERT_EQUAL(dtls_state(peers[0].dtls), DTLS_CONNECTED);
	CU_ASSERT_EQUAL(counted(HANDSHAKE_COMPLETED), completed + 1);
	tear_down();
}

/* Its second flight overtakes the hellos that came before. */
static void what_has_begun_goes_on_first(void)
{
	set_up(8, 100);
	post_flight(&peers[0]);
	turn();
	take_posted();
	post_flight(&peers[2]);
	post_flight(&peers[1]);
	post_flight(&peers[0]);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S0 K0 S2 S1 ");
	tear_down();
}

static void line_waits_for_a_place(void)
{
	uint64_t held_up = counted(HANDSHAKE_HELD_UP);
	set_up(1, 100);
	for (unsigned int i = 0; i < PEERS; i++)
		post_flight(&peers[i]);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S0 ");
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), 2);
	CU_ASSERT_EQUAL(counted(HANDSHAKE_HELD_UP), held_up + 1);
	/* The next comes as soon as one has ended, well or not. */
	post_flight(&peers[0]);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S0 K0 S1 ");
	struct message message = {.type = MESSAGE_CLOSE, .transport = peers[1].transport};
	mailbox_post(handshake_mailbox(fixture_plane.handshake), &message);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "?1 S2 ");
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), 0);
	tear_down();
}

static void line_waits_for_the_next_second(void)
{
	set_up(8, 2);
	for (unsigned int i = 0; i < PEERS; i++)
		post_flight(&peers[i]);
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S0 S1 ");
	now_ns += SECOND_NS - 1;
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "");
	now_ns++;
	turn();
	CU_ASSERT_STRING_EQUAL(take_posted(), "S2 ");
	tear_down();
}

/* While it waits, a hello is kept once in a while, and all of it is read when its turn comes. */
static void repeated_hello_takes_one_place(void)
{
	set_up(0, 100);
	struct peer hello = peers[0];
	for (unsigned int i = 0; i < 3 * HANDSHAKE_FIRST_MAX; i++) {
		peers[0].n_flight = hello.n_flight;
		post_flight(&peers[0]);
	}
	turn();
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), 1);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fixture_plane.pool), HANDSHAKE_FIRST_MAX);
	uint64_t started = counted(HANDSHAKE_STARTED);
	handshake_limit(fixture_plane.handshake, 8, 100);
	turn();
	CU_ASSERT_EQUAL(counted(HANDSHAKE_STARTED), started + 1);
	CU_ASSERT_EQUAL(strncmp(take_posted(), "S0 ", 3), 0);
	post_flight(&peers[0]);
	turn();
	take_posted();
	CU_ASSERT_EQUAL(dtls_state(peers[0].dtls), DTLS_CONNECTED);
	tear_down();
}

static void patience_ends(void)
{
	uint64_t refused = counted(HANDSHAKE_REFUSED_HALF_OPEN);
	set_up(0, 100);
	post_flight(&peers[0]);
	turn();
	now_ns += HANDSHAKE_LINE_NS - 1;
	turn();
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), 1);
	now_ns++;
	turn();
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), 0);
	CU_ASSERT_EQUAL(counted(HANDSHAKE_REFUSED_HALF_OPEN), refused + 1);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fixture_plane.pool), 0);
	tear_down();
}

static void line_is_finite(void)
{
	static struct transport *crowd[HANDSHAKE_LINE_MAX];
	static const uint8_t hello[13] = {22, 0xfe, 0xfd};
	set_up(8, 0);
	uint64_t refused = counted(HANDSHAKE_REFUSED_RATE);
	for (unsigned int i = 0; i < HANDSHAKE_LINE_MAX; i++) {
		crowd[i] = open_transport();
		post(crowd[i], hello, sizeof(hello));
		turn();
	}
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), HANDSHAKE_LINE_MAX);
	CU_ASSERT_EQUAL(counted(HANDSHAKE_REFUSED_RATE), refused);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fixture_plane.pool), FIXTURE_PACKETS / 8);
	post_flight(&peers[0]);
	turn();
	CU_ASSERT_EQUAL(handshake_in_line(fixture_plane.handshake), HANDSHAKE_LINE_MAX);
	CU_ASSERT_EQUAL(counted(HANDSHAKE_REFUSED_RATE), refused + 1);
	for (unsigned int i = 0; i < HANDSHAKE_LINE_MAX; i++)
		close_transport(crowd[i]);
	tear_down();
}

static bool is_woken(struct mailbox *mailbox)
{
	struct pollfd fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
	return poll(&fd, 1, 0) == 1;
}

/* Flights that are due at the same time for sessions of two workers. */
static void every_worker_is_woken_for_what_is_repeated(void)
{
	struct worker *other = aligned_alloc(64, sizeof(*other));
	struct mailbox *mailboxes[2] = {fixture_worker->mailbox, NULL};
	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	CU_ASSERT_EQUAL_FATAL(mailbox_create(64, &mailboxes[1]), 0);
	memset(other, 0, sizeof(*other));
	other->mailbox = mailboxes[1];
	fixture_plane.workers[1] = other;
	set_up(8, 100);
	atomic_store(&peers[1].transport->home, 1);
	for (unsigned int i = 0; i < 2; i++)
		post_flight(&peers[i]);
	turn();
	for (unsigned int i = 0; i < 2; i++) {
		struct message message;
		while (mailbox_take(mailboxes[i], &message, 1))
			packet_free(message.packet);
		CU_ASSERT_TRUE(mailbox_sleep(mailboxes[i]));
	}
	now_ns += SECOND_NS;
	wall_ns += SECOND_NS;
	turn();
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(is_woken(mailboxes[i]));
		mailbox_awake(mailboxes[i]);
	}
	atomic_store(&peers[1].transport->home, 0);
	struct message message;
	while (mailbox_take(mailboxes[1], &message, 1))
		packet_free(message.packet);
	take_posted();
	tear_down();
	fixture_plane.workers[1] = NULL;
	mailbox_destroy(mailboxes[1]);
	free(other);
}

static CU_TestInfo tests[] = {
	{"handshake_takes_two_flights", handshake_takes_two_flights},
	{"what_has_begun_goes_on_first", what_has_begun_goes_on_first},
	{"line_waits_for_a_place", line_waits_for_a_place},
	{"line_waits_for_the_next_second", line_waits_for_the_next_second},
	{"repeated_hello_takes_one_place", repeated_hello_takes_one_place},
	{"patience_ends", patience_ends},
	{"line_is_finite", line_is_finite},
	{"every_worker_is_woken_for_what_is_repeated", every_worker_is_woken_for_what_is_repeated},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("handshake", tests, start, stop)
