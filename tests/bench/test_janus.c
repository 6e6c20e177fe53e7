/* Debian's Janus as a peer: started, published to, played from with each profile, and gone
 * afterwards. THREADED: its events come on a thread. 77 without Janus, or without a namespace. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <srtp2/srtp.h>

#include "bench/attempt.h"
#include "bench/clock.h"
#include "bench/namespace.h"
#include "bench/peer.h"
#include "bench/subject.h"
#include "tests/cunit.h"
#include "tests/qos/privilege.h"

#define STREAM   "test"
#define PATIENCE 20000000000ull
#define SSRC     0x11111111u

static struct subject *subject;
static struct peer_certificate *certificate;
static pid_t pid;
static atomic_bool is_over;

static int start(void)
{
	struct subject_config config = {.sessions = 8};
	privilege_want("peers in a namespace");
	if (system("command -v janus >/dev/null") != 0) {
		puts("skipped: there is no janus; conf/deps test installs it");
		exit(PRIVILEGE_SKIPPED);
	}
	if (namespace_enter() || srtp_init() != srtp_err_status_ok)
		return 1;
	certificate = peer_certificate_create();
	return certificate && subject_open("janus", &config, &subject) == 0 &&
			       subject_pids(subject, &pid, 1) == 1
		       ? 0
		       : 1;
}

static int stop(void)
{
	subject_close(subject);
	peer_certificate_destroy(certificate);
	return kill(pid, 0) == -1 && errno == ESRCH ? 0 : 1;
}

/* Reads what there is within `timeout_ms`. */
static void receive(struct peer *peer, int timeout_ms)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t size;
	struct pollfd pollfd = {.fd = peer_fd(peer), .events = POLLIN};
	poll(&pollfd, 1, timeout_ms);
	while ((size = recv(peer_fd(peer), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		peer_on_datagram(peer, bytes, (size_t)size, clock_ns());
	peer_tick(peer, clock_ns());
}

static struct peer *publish(const char *profiles, struct answer *answer)
{
	struct peer *peer = peer_create(certificate, profiles);
	struct offer offer = {
		.publish = true,
		.ufrag = peer_ufrag(peer),
		.pwd = peer_pwd(peer),
		.fingerprint = peer_certificate_fingerprint(certificate),
		.video_ssrc = SSRC,
		.rtx_ssrc = SSRC + 1,
	};
	uint64_t until_ns = clock_ns() + PATIENCE;
	CU_ASSERT_EQUAL_FATAL(subject_publish(subject, STREAM, &offer, answer), 0);
	CU_ASSERT_EQUAL_FATAL(peer_connect(peer, answer, clock_ns()), 0);
	while (peer_state(peer) < PEER_CONNECTED && clock_ns() < until_ns)
		receive(peer, 10);
	CU_ASSERT_EQUAL_FATAL(peer_state(peer), PEER_CONNECTED);
	return peer;
}

/* An attempt blocks, so a thread publishes meanwhile: a packet whenever 5 ms brought nothing. */
static void *keep_sending(void *argument)
{
	struct peer *peer = argument;
	for (uint16_t sequence = 0; !atomic_load(&is_over); sequence++) {
		uint8_t packet[PEER_PACKET_MAX] = {0x80, SIGNALLING_VIDEO_PT};
		packet[2] = (uint8_t)(sequence >> 8);
		packet[3] = (uint8_t)sequence;
		memset(packet + 8, 0x11, 4);
		packet[12] = 0x10;
		peer_send(peer, packet, 100, false);
		receive(peer, 5);
	}
	return NULL;
}

static void play(const char *profiles)
{
	struct attempt attempt;
	struct attempt_config config = {
		.subject = subject,
		.certificate = certificate,
		.profiles = profiles,
		.stream = STREAM,
		.patience_ns = PATIENCE,
		.wants_media = true,
	};
	CU_ASSERT_EQUAL(attempt_run(&config, &attempt), 0);
	CU_ASSERT_EQUAL(attempt.not_authentic, 0);
	CU_ASSERT_EQUAL(attempt.answer.video_ssrc == 0, false);
	for (int step = 1; step < ATTEMPT_STEPS; step++)
		CU_ASSERT_TRUE(attempt.step_ns[step] >= attempt.step_ns[step - 1]);
	attempt_end(&config, &attempt);
}

static void media_flow_with_every_profile(void)
{
	static const char *const profiles[] = {"SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM",
					       "SRTP_AES128_CM_SHA1_80"};
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct answer answer;
		struct peer *publisher = publish(profiles[i], &answer);
		pthread_t thread;
		atomic_store(&is_over, false);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, keep_sending, publisher), 0);
		play(profiles[i]);
		play(profiles[i]);
		atomic_store(&is_over, true);
		pthread_join(thread, NULL);
		peer_leave(publisher);
		subject_leave(subject, &answer);
		peer_destroy(publisher);
	}
}

static void a_stream_that_is_not_there_is_refused(void)
{
	struct answer answer = {.location = "untouched"};
	struct offer offer = {.ufrag = "abcd", .pwd = "abcdefghijklmnopqrstuv"};
	offer.fingerprint = peer_certificate_fingerprint(certificate);
	CU_ASSERT_EQUAL(subject_play(subject, "nobody's", &offer, &answer), -EPROTO);
	CU_ASSERT_STRING_EQUAL(answer.location, "untouched");
}

static CU_TestInfo tests[] = {
	{"media_flow_with_every_profile", media_flow_with_every_profile},
	{"a_stream_that_is_not_there_is_refused", a_stream_that_is_not_there_is_refused},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("janus", tests, start, stop)
