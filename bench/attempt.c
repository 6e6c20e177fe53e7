/* First the reply to the request is read, then whatever the peer's socket brings, and at the end
 * the reply to the request that ends the session: there is always one descriptor to wait for. The
 * peer's socket stays open until then, so what the subject still sends meets no closed port. */
#include "bench/attempt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"

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

static bool is_done(const struct attempt_config *config, const struct attempt *attempt)
{
	return attempt->step_ns[config->wants_media ? ATTEMPT_MEDIA : ATTEMPT_CONNECTED] != 0;
}

static void on_readable(const struct attempt_config *config, struct attempt *attempt)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t size;
	while (!is_done(config, attempt) &&
	       (size = recv(peer_fd(attempt->peer), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (peer_on_datagram(attempt->peer, bytes, (size_t)size, clock_ns()))
			on_media(attempt, bytes, (size_t)size);
		if (peer_state(attempt->peer) >= PEER_HANDSHAKING)
			reach(attempt, ATTEMPT_CHECKED);
		if (peer_state(attempt->peer) == PEER_CONNECTED)
			reach(attempt, ATTEMPT_CONNECTED);
	}
}

static int await_answer(const struct attempt_config *config, struct attempt *attempt)
{
	int rc = subject_play_advance(&attempt->call, &attempt->answer);
	if (rc == -EAGAIN)
		return clock_ns() > attempt->until_ns ? -ETIMEDOUT : -EAGAIN;
	attempt->is_asking = false;
	if (rc)
		return rc;
	reach(attempt, ATTEMPT_ANSWERED);
	attempt->until_ns = attempt->step_ns[ATTEMPT_ANSWERED] + config->patience_ns;
	rc = peer_connect(attempt->peer, &attempt->answer, clock_ns());
	if (rc == -EAGAIN)
		return -EADDRNOTAVAIL; /* what connect(2) means by it */
	return rc ? rc : -EAGAIN;
}

static int await_steps(const struct attempt_config *config, struct attempt *attempt)
{
	on_readable(config, attempt);
	if (is_done(config, attempt))
		return 0;
	if (peer_state(attempt->peer) == PEER_FAILED)
		return -EPROTO;
	uint64_t now_ns = clock_ns();
	peer_tick(attempt->peer, now_ns);
	return now_ns > attempt->until_ns ? -ETIMEDOUT : -EAGAIN;
}

int attempt_begin(const struct attempt_config *config, struct attempt *attempt)
{
	uint64_t now_ns = clock_ns();
	*attempt = (struct attempt){.begin_ns = now_ns, .until_ns = now_ns + config->patience_ns};
	attempt->peer = peer_create(config->certificate, config->profiles);
	if (!attempt->peer)
		return -ENOMEM;
	struct offer offer = {
		.ufrag = peer_ufrag(attempt->peer),
		.pwd = peer_pwd(attempt->peer),
		.fingerprint = peer_certificate_fingerprint(config->certificate),
	};
	int rc = subject_play_begin(config->subject, config->stream, &offer, &attempt->call);
	if (rc)
		return rc;
	attempt->is_asking = true;
	return subject_call_fd(&attempt->call) < 0 ? await_answer(config, attempt) : -EAGAIN;
}

int attempt_advance(const struct attempt_config *config, struct attempt *attempt)
{
	return attempt->is_asking ? await_answer(config, attempt) : await_steps(config, attempt);
}

int attempt_fd(const struct attempt *attempt)
{
	return attempt->is_asking ? subject_call_fd(&attempt->call) : peer_fd(attempt->peer);
}

/* An answer that is still awaited will not be waited for. */
static void begin_leaving(const struct attempt_config *config, struct attempt *attempt)
{
	attempt->is_leaving = true;
	if (attempt->is_asking)
		subject_call_cancel(&attempt->call);
	attempt->is_asking = false;
	peer_leave(attempt->peer);
	if (attempt->answer.location[0])
		attempt->is_asking =
			subject_leave_begin(config->subject, &attempt->answer, &attempt->call) == 0;
	attempt->until_ns = clock_ns() + config->patience_ns;
}

static bool is_left(struct attempt *attempt)
{
	if (!attempt->is_asking)
		return true;
	if (subject_leave_advance(&attempt->call) != -EAGAIN)
		return true;
	if (clock_ns() <= attempt->until_ns)
		return false;
	subject_call_cancel(&attempt->call);
	return true;
}

bool attempt_leave(const struct attempt_config *config, struct attempt *attempt)
{
	if (!attempt->peer)
		return true;
	if (!attempt->is_leaving) {
		begin_leaving(config, attempt);
		if (attempt->is_asking && subject_call_fd(&attempt->call) >= 0)
			return false;
	}
	if (!is_left(attempt))
		return false;
	peer_destroy(attempt->peer);
	attempt->peer = NULL;
	attempt->is_asking = false;
	return true;
}

static void wait_for(const struct attempt *attempt)
{
	struct pollfd pollfd = {.fd = attempt_fd(attempt), .events = POLLIN};
	poll(&pollfd, 1, (int)(ATTEMPT_TICK_NS / 1000000));
}

int attempt_run(const struct attempt_config *config, struct attempt *attempt)
{
	int rc = attempt_begin(config, attempt);
	while (rc == -EAGAIN) {
		wait_for(attempt);
		rc = attempt_advance(config, attempt);
	}
	return rc;
}

void attempt_end(const struct attempt_config *config, struct attempt *attempt)
{
	while (!attempt_leave(config, attempt))
		wait_for(attempt);
}
