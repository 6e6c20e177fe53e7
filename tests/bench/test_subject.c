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

#include "bench/cell.h"
#include "bench/clock.h"
#include "bench/namespace.h"
#include "bench/peer.h"
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

static void connects(enum bench_mode mode)
{
	struct subject *subject;
	pid_t pid;
	struct subject_config config = {.mode = mode, .sessions = 10};
	CU_ASSERT_EQUAL_FATAL(subject_open("nn5g", &config, &subject), 0);
	CU_ASSERT_EQUAL(subject_pids(subject, &pid, 1), 1);
	CU_ASSERT_EQUAL(if_nametoindex(CELL_OUTSIDE) != 0, mode != BENCH_SOCKET);
	connect_a_publisher(subject);
	subject_close(subject);
	CU_ASSERT_EQUAL(if_nametoindex(CELL_OUTSIDE), 0);
}

static void session_connects_over_sockets(void)
{
	connects(BENCH_SOCKET);
}

static void session_connects_over_af_packet(void)
{
	connects(BENCH_AF_PACKET);
}

static void session_connects_over_af_xdp(void)
{
	connects(BENCH_AF_XDP);
}

static int fail_with(void *context)
{
	return *(const int *)context;
}

static int see_loopback_alone(void *context)
{
	(void)context;
	return if_nametoindex("lo") && if_nametoindex(CELL_INTERFACE) &&
			       !if_nametoindex(CELL_OUTSIDE)
		       ? 0
		       : -ENODEV;
}

static void cell_is_a_place_of_its_own(void)
{
	struct cell *cell;
	int fault = -EXDEV;
	CU_ASSERT_EQUAL_FATAL(cell_open(2, &cell), 0);
	CU_ASSERT_EQUAL(cell_call(cell, see_loopback_alone, NULL), 0);
	CU_ASSERT_EQUAL(cell_call(cell, fail_with, &fault), -EXDEV);
	CU_ASSERT_NOT_EQUAL(if_nametoindex(CELL_OUTSIDE), 0);
	CU_ASSERT_EQUAL(if_nametoindex(CELL_INTERFACE), 0);
	cell_close(cell);
	CU_ASSERT_EQUAL(if_nametoindex(CELL_OUTSIDE), 0);
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
	{"cell_is_a_place_of_its_own", cell_is_a_place_of_its_own},
	{"session_connects_over_sockets", session_connects_over_sockets},
	{"session_connects_over_af_packet", session_connects_over_af_packet},
	{"session_connects_over_af_xdp", session_connects_over_af_xdp},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("subject", tests, start, stop)
