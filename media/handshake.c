/* One thread owns every DTLS association. Workers pass it datagrams of validated addresses; what it
 * sends goes back through the home worker, which alone knows the selected pair. An association is
 * made when its first datagram comes (or, active, when an address is validated), within two caps:
 * half-open handshakes at once, and new ones per second. What is refused is dropped: the peer's own
 * retransmission asks again. */
#include "media/handshake.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "media/dtls.h"
#include "media/plane.h"
#include "media/transport.h"

#define MAILBOX_SIZE   8192
#define MESSAGES_BURST 64

const char *const handshake_counter_names[HANDSHAKE_COUNTERS] = {
	[HANDSHAKE_STARTED] = "started",
	[HANDSHAKE_COMPLETED] = "completed",
	[HANDSHAKE_FAILED] = "failed",
	[HANDSHAKE_REFUSED_HALF_OPEN] = "refused_half_open",
	[HANDSHAKE_REFUSED_RATE] = "refused_rate",
};

TAILQ_HEAD(half_open_list, transport);

struct handshake {
	struct plane *plane; /* parent */
	struct mailbox *mailbox;
	struct half_open_list half_open;
	atomic_uint n_half_open, half_open_max, per_second;
	uint64_t second_ns; /* the second that n_this_second counts in */
	unsigned int n_this_second;
	_Atomic uint64_t counters[HANDSHAKE_COUNTERS];
	bool is_stopped;
};

int handshake_create(struct plane *plane, struct handshake **out)
{
	struct handshake *handshake = calloc(1, sizeof(*handshake));
	if (!handshake)
		return -ENOMEM;
	handshake->plane = plane;
	TAILQ_INIT(&handshake->half_open);
	handshake_limit(handshake, plane->config.handshakes_half_open,
			plane->config.handshakes_per_second);
	int rc = mailbox_create("handshake", MAILBOX_SIZE, &handshake->mailbox);
	if (rc) {
		free(handshake);
		return rc;
	}
	*out = handshake;
	return 0;
}

void handshake_destroy(struct handshake *handshake)
{
	if (!handshake)
		return;
	mailbox_destroy(handshake->mailbox);
	free(handshake);
}

struct mailbox *handshake_mailbox(const struct handshake *handshake)
{
	return handshake->mailbox;
}

uint64_t handshake_counter(const struct handshake *handshake, enum handshake_counter counter)
{
	return atomic_load_explicit(&handshake->counters[counter], memory_order_relaxed);
}

unsigned int handshake_half_open(const struct handshake *handshake)
{
	return atomic_load_explicit(&handshake->n_half_open, memory_order_relaxed);
}

void handshake_limit(struct handshake *handshake, unsigned int half_open, unsigned int per_second)
{
	atomic_store_explicit(&handshake->half_open_max, half_open, memory_order_relaxed);
	atomic_store_explicit(&handshake->per_second, per_second, memory_order_relaxed);
}

static void note(struct handshake *handshake, enum handshake_counter counter)
{
	atomic_fetch_add_explicit(&handshake->counters[counter], 1, memory_order_relaxed);
}

static void send_datagram(void *context, const uint8_t *bytes, size_t size)
{
	struct transport *transport = context;
	struct plane *plane = transport->plane;
	int home = atomic_load_explicit(&transport->home, memory_order_acquire);
	if (home < 0 || size > PACKET_BYTES_MAX)
		return;
	struct rte_mbuf *packet = packet_alloc(plane->pool);
	if (!packet)
		return;
	memcpy(rte_pktmbuf_append(packet, (uint16_t)size), bytes, size);
	struct message message = {.type = MESSAGE_SEND, .transport = transport, .packet = packet};
	if (!mailbox_post_packet(plane->workers[home]->mailbox, &message))
		packet_free(packet);
}

static void set_half_open(struct handshake *handshake, struct transport *transport, bool half_open)
{
	if (transport->handshake.is_half_open == half_open)
		return;
	transport->handshake.is_half_open = half_open;
	if (half_open) {
		TAILQ_INSERT_TAIL(&handshake->half_open, transport, handshake.link);
		atomic_fetch_add_explicit(&handshake->n_half_open, 1, memory_order_relaxed);
	} else {
		TAILQ_REMOVE(&handshake->half_open, transport, handshake.link);
		atomic_fetch_sub_explicit(&handshake->n_half_open, 1, memory_order_relaxed);
	}
}

/* Whether one more handshake may begin now. */
static bool admit(struct handshake *handshake, uint64_t now_ns)
{
	if (handshake_half_open(handshake) >=
	    atomic_load_explicit(&handshake->half_open_max, memory_order_relaxed)) {
		note(handshake, HANDSHAKE_REFUSED_HALF_OPEN);
		return false;
	}
	if (now_ns - handshake->second_ns >= 1000000000ull) {
		handshake->second_ns = now_ns;
		handshake->n_this_second = 0;
	}
	if (handshake->n_this_second >=
	    atomic_load_explicit(&handshake->per_second, memory_order_relaxed)) {
		note(handshake, HANDSHAKE_REFUSED_RATE);
		return false;
	}
	handshake->n_this_second++;
	return true;
}

static bool begin(struct handshake *handshake, struct transport *transport, uint64_t now_ns)
{
	if (!admit(handshake, now_ns))
		return false;
	struct dtls_config config = {
		.identity = handshake->plane->identity,
		.active = transport->dtls_active,
		.peer = transport->peer_fingerprint,
		.send = send_datagram,
		.context = transport,
	};
	int rc = dtls_create(&config, now_ns, &transport->handshake.dtls);
	if (rc) {
		log_error(LOG_DTLS, "cannot begin a handshake", "\"error\":\"%s\"", strerror(-rc));
		return false;
	}
	note(handshake, HANDSHAKE_STARTED);
	set_half_open(handshake, transport, true);
	dtls_start(transport->handshake.dtls, now_ns);
	return true;
}

static int make_srtp(struct transport *transport)
{
	struct srtp_keys keys;
	int rc = dtls_export_keys(transport->handshake.dtls, &keys);
	if (rc == 0)
		rc = transport_set_keys(transport, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return rc;
}

static void fail(struct handshake *handshake, struct transport *transport, const char *reason)
{
	note(handshake, HANDSHAKE_FAILED);
	set_half_open(handshake, transport, false);
	dtls_destroy(transport->handshake.dtls);
	transport->handshake.dtls = NULL;
	transport->handshake.is_refused = true;
	mailbox_post(handshake->plane->control, &(struct message){.type = MESSAGE_HANDSHAKE_FAILED,
								  .transport = transport,
								  .reason = reason});
}

static void complete(struct handshake *handshake, struct transport *transport)
{
	set_half_open(handshake, transport, false);
	int rc = make_srtp(transport);
	if (rc) {
		fail(handshake, transport, "keys");
		return;
	}
	note(handshake, HANDSHAKE_COMPLETED);
	int home = atomic_load_explicit(&transport->home, memory_order_acquire);
	mailbox_post_wait(handshake->plane->workers[home]->mailbox,
			  &(struct message){.type = MESSAGE_KEYS, .transport = transport});
}

static void take_state(struct handshake *handshake, struct transport *transport,
		       enum dtls_state state)
{
	bool was_half_open = transport->handshake.is_half_open;
	if (state == DTLS_CONNECTED && was_half_open) {
		complete(handshake, transport);
	} else if (state == DTLS_FAILED) {
		fail(handshake, transport, dtls_failure(transport->handshake.dtls));
	} else if (state == DTLS_CLOSED) {
		set_half_open(handshake, transport, false);
		dtls_destroy(transport->handshake.dtls);
		transport->handshake.dtls = NULL;
		transport->handshake.is_refused = true;
		mailbox_post(
			handshake->plane->control,
			&(struct message){.type = MESSAGE_PEER_CLOSED, .transport = transport});
	}
}

static void on_datagram(struct handshake *handshake, struct transport *transport,
			struct rte_mbuf *packet, uint64_t now_ns)
{
	bool usable = !transport->handshake.is_refused &&
		      (transport->handshake.dtls || begin(handshake, transport, now_ns));
	if (usable) {
		enum dtls_state state =
			dtls_on_datagram(transport->handshake.dtls, packet_bytes(packet),
					 rte_pktmbuf_data_len(packet), now_ns);
		take_state(handshake, transport, state);
	}
	packet_free(packet);
}

/* The end of a transport passes here first, so that close_notify is ahead of it in the worker's
 * mailbox. */
static void on_close(struct handshake *handshake, struct transport *transport)
{
	set_half_open(handshake, transport, false);
	dtls_destroy(transport->handshake.dtls);
	transport->handshake.dtls = NULL;
	transport->handshake.is_refused = true;
	int home = TRANSPORT_UNHOMED;
	struct message message = {.type = MESSAGE_CLOSED, .transport = transport};
	if (atomic_compare_exchange_strong(&transport->home, &home, TRANSPORT_ENDED)) {
		mailbox_post_wait(handshake->plane->control, &message);
		return;
	}
	message.type = MESSAGE_CLOSE;
	mailbox_post_wait(handshake->plane->workers[home]->mailbox, &message);
}

static void on_message(struct handshake *handshake, const struct message *message, uint64_t now_ns)
{
	struct transport *transport = message->transport;

	switch ((enum message_type)message->type) {
	case MESSAGE_DTLS:
		on_datagram(handshake, transport, message->packet, now_ns);
		break;
	case MESSAGE_DTLS_START:
		if (transport->dtls_active && !transport->handshake.dtls &&
		    !transport->handshake.is_refused)
			begin(handshake, transport, now_ns);
		break;
	case MESSAGE_CLOSE:
		on_close(handshake, transport);
		break;
	case MESSAGE_BARRIER:
		barrier_pass(handshake->plane, message->barrier);
		break;
	case MESSAGE_STOP:
		handshake->is_stopped = true;
		break;
	default:
		log_error(LOG_DTLS, "message of no known type", "\"type\":%u", message->type);
	}
}

/* Retransmissions; returns when the next is due. The list is as short as the half-open cap. */
static uint64_t serve_timers(struct handshake *handshake, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;
	struct transport *transport = TAILQ_FIRST(&handshake->half_open);
	while (transport) {
		struct transport *following = TAILQ_NEXT(transport, handshake.link);
		if (dtls_timer_ns(transport->handshake.dtls) <= now_ns)
			take_state(handshake, transport,
				   dtls_on_timer(transport->handshake.dtls, now_ns));
		if (transport->handshake.is_half_open) {
			uint64_t due_ns = dtls_timer_ns(transport->handshake.dtls);
			next_ns = due_ns < next_ns ? due_ns : next_ns;
		}
		transport = following;
	}
	return next_ns;
}

static void sleep_until(struct handshake *handshake, uint64_t next_ns, uint64_t now_ns)
{
	int timeout_ms = -1;
	if (next_ns != UINT64_MAX)
		timeout_ms = next_ns <= now_ns ? 0 : (int)((next_ns - now_ns + 999999) / 1000000);
	if (!mailbox_sleep(handshake->mailbox))
		return;
	struct pollfd pollfd = {.fd = mailbox_fd(handshake->mailbox), .events = POLLIN};
	poll(&pollfd, 1, timeout_ms);
	mailbox_awake(handshake->mailbox);
}

int handshake_run(void *argument)
{
	struct handshake *handshake = argument;

	while (!handshake->is_stopped) {
		struct message messages[MESSAGES_BURST];
		unsigned int n = mailbox_take(handshake->mailbox, messages, MESSAGES_BURST);
		uint64_t now_ns = clock_ns();
		for (unsigned int i = 0; i < n; i++)
			on_message(handshake, &messages[i], now_ns);
		uint64_t next_ns = serve_timers(handshake, now_ns);
		if (n == 0)
			sleep_until(handshake, next_ns, now_ns);
	}
	return 0;
}
