/* Nothing here waits but for the socket: the request blocks, and then whatever the peer's socket
 * brings is looked at as it comes. */
#include "bench/attempt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"

#define TICK_MS 10

const char *const attempt_step_names[ATTEMPT_STEPS] = {
	[ATTEMPT_ANSWERED] = "answered",
	[ATTEMPT_CHECKED] = "checked",
	[ATTEMPT_CONNECTED] = "connected",
	[ATTEMPT_MEDIA] = "media",
};

static void reach(struct attempt *attempt, enum attempt_step step)
{
	if (attempt->step_ns[step] == 0)
		attempt->step_ns[step] = clock_ns();
}

/* RFC 5761 4: types 64 to 95 are RTCP. */
static void on_media(struct attempt *attempt, uint8_t *bytes, size_t size)
{
	if (size < 12 || ((bytes[1] & 0x7f) >= 64 && (bytes[1] & 0x7f) < 96) ||
	    attempt->step_ns[ATTEMPT_MEDIA])
		return;
	if (peer_unprotect(attempt->peer, bytes, &size, false))
		reach(attempt, ATTEMPT_MEDIA);
	else
		attempt->not_authentic++;
}

static void on_readable(struct attempt *attempt)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t size;
	while ((size = recv(peer_fd(attempt->peer), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (peer_on_datagram(attempt->peer, bytes, (size_t)size, clock_ns()))
			on_media(attempt, bytes, (size_t)size);
		if (peer_state(attempt->peer) >= PEER_HANDSHAKING)
			reach(attempt, ATTEMPT_CHECKED);
		if (peer_state(attempt->peer) == PEER_CONNECTED)
			reach(attempt, ATTEMPT_CONNECTED);
	}
}

static int await_steps(const struct attempt_config *config, struct attempt *attempt)
{
	enum attempt_step last = config->wants_media ? ATTEMPT_MEDIA : ATTEMPT_CONNECTED;
	struct pollfd pollfd = {.fd = peer_fd(attempt->peer), .events = POLLIN};
	uint64_t now_ns = clock_ns(), until_ns = now_ns + config->patience_ns;
	while (attempt->step_ns[last] == 0) {
		if (peer_state(attempt->peer) == PEER_FAILED)
			return -EPROTO;
		if (now_ns > until_ns)
			return -ETIMEDOUT;
		if (poll(&pollfd, 1, TICK_MS) > 0)
			on_readable(attempt);
		now_ns = clock_ns();
		peer_tick(attempt->peer, now_ns);
	}
	return 0;
}

int attempt_run(const struct attempt_config *config, struct attempt *attempt)
{
	*attempt = (struct attempt){.begin_ns = clock_ns()};
	attempt->peer = peer_create(config->certificate, config->profiles);
	if (!attempt->peer)
		return -ENOMEM;
	struct offer offer = {
		.ufrag = peer_ufrag(attempt->peer),
		.pwd = peer_pwd(attempt->peer),
		.fingerprint = peer_certificate_fingerprint(config->certificate),
	};
	int rc = subject_play(config->subject, config->stream, &offer, &attempt->answer);
	if (rc)
		return rc;
	reach(attempt, ATTEMPT_ANSWERED);
	rc = peer_connect(attempt->peer, &attempt->answer, clock_ns());
	return rc ? rc : await_steps(config, attempt);
}

void attempt_end(const struct attempt_config *config, struct attempt *attempt)
{
	if (!attempt->peer)
		return;
	peer_leave(attempt->peer);
	if (attempt->answer.location[0])
		subject_leave(config->subject, &attempt->answer);
	peer_destroy(attempt->peer);
	attempt->peer = NULL;
}
