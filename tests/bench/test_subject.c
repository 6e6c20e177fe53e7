/* A gateway of our own as the harness starts it, in every mode: a session over HTTP and over the
 * mode's port. Wants to make namespaces. */
#include "bench/subject.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <srtp2/srtp.h>

#include "bench/attempt.h"
#include "bench/cell.h"
#include "bench/clock.h"
#include "bench/namespace.h"
#include "bench/peer.h"
#include "bench/publisher.h"
#include "tests/cunit.h"
#include "tests/qos/privilege.h"

#define PATIENCE_NS 20000000000ull

static struct peer_certificate *certificate;

/* Until the peer is connected, or for good not. */
static void run_peer(struct peer *peer)
{
	uint8_t bytes[PEER_PACKET_MAX];
	uint64_t end_ns = clock_ns() + PATIENCE_NS;
	while (peer_state(peer) < PEER_CONNECTED && clock_ns() < end_ns) {
		struct pollfd fd = {.fd = peer_fd(peer), .events = POLLIN};
		poll(&fd, 1, 5);
		ssize_t size;
		while ((size = recv(fd.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
			peer_on_datagram(peer, bytes, (size_t)size, clock_ns());
		peer_tick(peer, clock_ns());
	}
	CU_ASSERT_EQUAL(peer_state(peer), PEER_CONNECTED);
}

static void connect_a_publisher(struct subject *subject)
{
	struct answer answer;
	struct peer *peer = peer_create(certificate, "SRTP_AEAD_AES_128_GCM");
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
	struct offer offer = {.publish = true,
			      .ufrag = peer_ufrag(peer),
			      .pwd = peer_pwd(peer),
			      .fingerprint = peer_certificate_fingerprint(certificate),
			      .video_ssrc = 1,
			      .rtx_ssrc = 2};
	CU_ASSERT_EQUAL_FATAL(subject_publish(subject, "stream", &offer, &answer), 0);
	CU_ASSERT_EQUAL_FATAL(peer_connect(peer, &answer, clock_ns()), 0);
	run_peer(peer);
	subject_leave(subject, &answer);
	peer_destroy(peer);
}

/* Of our namespace: loopback, and our ends of pairs. */
static unsigned int interfaces(void)
{
	unsigned int n = 0;
	struct if_nameindex *all = if_nameindex();
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	while (all[n].if_index)
		n++;
	if_freenameindex(all);
	return n;
}

static void connects(enum bench_mode mode, unsigned int workers)
{
	struct subject *subject;
	pid_t pid;
	struct subject_config config = {.mode = mode, .sessions = 10, .workers = workers};
	CU_ASSERT_EQUAL_FATAL(subject_open("nn5g", &config, &subject), 0);
	CU_ASSERT_EQUAL(subject_pids(subject, &pid, 1), 1);
	CU_ASSERT_EQUAL(interfaces(), mode == BENCH_SOCKET ? 1 : 2);
	connect_a_publisher(subject);
	subject_close(subject);
	CU_ASSERT_EQUAL(interfaces(), 1);
}

static void session_connects_over_sockets(void)
{
	connects(BENCH_SOCKET, 1);
}

static void session_connects_over_af_packet(void)
{
	connects(BENCH_AF_PACKET, 2);
}

static void session_connects_over_af_xdp(void)
{
	connects(BENCH_AF_XDP, 1);
}

static void af_xdp_on_a_pair_is_for_one_worker(void)
{
	struct subject *subject;
	struct subject_config config = {.mode = BENCH_AF_XDP, .workers = 2};
	CU_ASSERT_EQUAL(subject_open("nn5g", &config, &subject), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(interfaces(), 1);
}

#define ATTEMPTS 5

/* Each goes on when there is something for it, until all are over. */
static void drive(const struct attempt_config *config, struct attempt attempts[ATTEMPTS],
		  int results[ATTEMPTS])
{
	unsigned int left;
	do {
		struct pollfd fds[ATTEMPTS];
		left = 0;
		for (int i = 0; i < ATTEMPTS; i++) {
			bool is_under_way = results[i] == -EAGAIN;
			fds[i] = (struct pollfd){.fd = is_under_way ? attempt_fd(&attempts[i]) : -1,
						 .events = POLLIN};
			left += is_under_way;
		}
		poll(fds, ATTEMPTS, (int)(ATTEMPT_TICK_NS / 1000000));
		for (int i = 0; i < ATTEMPTS; i++) {
			if (results[i] == -EAGAIN)
				results[i] = attempt_advance(config, &attempts[i]);
		}
	} while (left > 0);
}

static void is_connected_in_steps(const struct attempt *attempt)
{
	CU_ASSERT_TRUE(attempt->begin_ns > 0);
	CU_ASSERT_TRUE(attempt->step_ns[ATTEMPT_ANSWERED] > attempt->begin_ns);
	CU_ASSERT_TRUE(attempt->step_ns[ATTEMPT_CHECKED] > attempt->step_ns[ATTEMPT_ANSWERED]);
	CU_ASSERT_TRUE(attempt->step_ns[ATTEMPT_CONNECTED] > attempt->step_ns[ATTEMPT_CHECKED]);
	CU_ASSERT_EQUAL(attempt->step_ns[ATTEMPT_MEDIA], 0);
}

static void leave_them(const struct attempt_config *config, struct attempt attempts[ATTEMPTS])
{
	for (int i = 0; i < ATTEMPTS; i++)
		attempt_leave(config, &attempts[i]);
	for (int i = 0; i < ATTEMPTS; i++) {
		attempt_end(config, &attempts[i]);
		CU_ASSERT_PTR_NULL(attempts[i].peer);
		CU_ASSERT_TRUE(attempt_leave(config, &attempts[i]));
	}
}

static void one_thread_drives_many_attempts(void)
{
	struct subject *subject;
	struct publisher *publisher;
	struct attempt attempts[ATTEMPTS];
	int results[ATTEMPTS];
	struct subject_config open = {.sessions = 2 * ATTEMPTS};
	CU_ASSERT_EQUAL_FATAL(subject_open("nn5g", &open, &subject), 0);
	CU_ASSERT_FALSE(subject_waits(subject));
	struct publisher_config silent = {.subject = subject,
					  .certificate = certificate,
					  .profiles = "SRTP_AEAD_AES_128_GCM",
					  .stream = "silent",
					  .packet_bytes = 1200};
	CU_ASSERT_EQUAL_FATAL(publisher_open(&silent, &publisher), 0);
	struct attempt_config config = {.subject = subject,
					.certificate = certificate,
					.profiles = silent.profiles,
					.stream = silent.stream,
					.patience_ns = PATIENCE_NS};
	for (int i = 0; i < ATTEMPTS; i++)
		results[i] = attempt_begin(&config, &attempts[i]);
	drive(&config, attempts, results);
	for (int i = 0; i < ATTEMPTS; i++) {
		CU_ASSERT_EQUAL(results[i], 0);
		is_connected_in_steps(&attempts[i]);
	}
	leave_them(&config, attempts);
	publisher_close(publisher);
	/* Who gives up an answer that is on its way ends, too; and what nobody publishes
	 * cannot be played. */
	CU_ASSERT_EQUAL(attempt_begin(&config, &attempts[0]), -EAGAIN);
	attempt_end(&config, &attempts[0]);
	config.stream = "nobodys";
	CU_ASSERT_EQUAL(attempt_run(&config, &attempts[0]), 409);
	attempt_end(&config, &attempts[0]);
	subject_close(subject);
}

static int fail_with(void *context)
{
	return *(const int *)context;
}

static int see_one_end(void *context)
{
	return if_nametoindex(CELL_INTERFACE) && !if_nametoindex(context) && interfaces() == 2
		       ? 0
		       : -ENODEV;
}

static void cells_are_places_of_their_own(void)
{
	struct cell *one, *two;
	int fault = -EXDEV;
	CU_ASSERT_EQUAL_FATAL(cell_open(2, &one), 0);
	CU_ASSERT_EQUAL_FATAL(cell_open(1, &two), 0);
	char *outside = (char *)(uintptr_t)cell_outside(one);
	CU_ASSERT_NOT_EQUAL(strcmp(cell_address(one), cell_address(two)), 0);
	CU_ASSERT_EQUAL(cell_call(one, see_one_end, outside), 0);
	CU_ASSERT_EQUAL(cell_call(two, see_one_end, outside), 0);
	CU_ASSERT_EQUAL(cell_call(one, fail_with, &fault), -EXDEV);
	CU_ASSERT_NOT_EQUAL(if_nametoindex(outside), 0);
	CU_ASSERT_EQUAL(interfaces(), 3);
	cell_close(one);
	cell_close(two);
	CU_ASSERT_EQUAL(interfaces(), 1);
}

static int start(void)
{
	privilege_want("network namespaces");
	if (namespace_enter())
		return 1;
	srtp_init();
	certificate = peer_certificate_create();
	return certificate ? 0 : 1;
}

static int stop(void)
{
	peer_certificate_destroy(certificate);
	srtp_shutdown();
	return 0;
}

static CU_TestInfo tests[] = {
	{"cells_are_places_of_their_own", cells_are_places_of_their_own},
	{"session_connects_over_sockets", session_connects_over_sockets},
	{"session_connects_over_af_packet", session_connects_over_af_packet},
	{"session_connects_over_af_xdp", session_connects_over_af_xdp},
	{"af_xdp_on_a_pair_is_for_one_worker", af_xdp_on_a_pair_is_for_one_worker},
	{"one_thread_drives_many_attempts", one_thread_drives_many_attempts},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("subject", tests, start, stop)
