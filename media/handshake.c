/* One thread owns every DTLS association. Workers pass it datagrams of validated addresses; what it
 * sends goes back through the home worker, which alone knows the selected pair.
 *
 * An association begins when its first datagram has come (or, active, when an address is
 * validated), but not at once: it stands in line, first come, first served, and the line moves when
 * no handshake that has begun waits for the thread, and within two caps: half-open handshakes at
 * once, and new ones per second. So a storm makes newcomers wait, and what has begun ends. The line
 * is finite, in length and in time; what is refused is dropped, and the peer's own retransmission
 * asks again.
 *
 * Whom it posts to is woken when it has nothing else to do, or has not been woken for a while: a
 * worker that is woken takes the processor, and while handshakes come one after the other it would
 * do so several times for each. */
#include "media/handshake.h"

#include <errno.h>
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
#define SECOND_NS      1000000000ull
#define FIRST_SHARE    8      /* of the node's buffers, the part that those in line may keep */
#define WAKE_NS        400000 /* a flight that is ready waits for this, and a step, at most */

const char *const handshake_counter_names[HANDSHAKE_COUNTERS] = {
	[HANDSHAKE_STARTED] = "started",
	[HANDSHAKE_COMPLETED] = "completed",
	[HANDSHAKE_FAILED] = "failed",
	[HANDSHAKE_HELD_UP] = "held_up",
	[HANDSHAKE_REFUSED_HALF_OPEN] = "refused_half_open",
	[HANDSHAKE_REFUSED_RATE] = "refused_rate",
};

TAILQ_HEAD(handshake_list, transport);

struct handshake {
	struct plane *plane; /* parent */
	struct mailbox *mailbox;
	struct handshake_list half_open, line;
	atomic_uint n_half_open, n_line;       /* in these lists */
	atomic_uint half_open_max, per_second; /* the caps */
	unsigned int n_first, first_max;       /* datagrams kept of those in line; at most */
	uint64_t second_ns;                    /* the second that n_this_second counts in */
	unsigned int n_this_second;
	uint64_t timers_ns;                           /* no retransmission is due before */
	struct mailbox *unwoken[PORT_QUEUES_MAX + 1]; /* that were posted to; borrowed */
	unsigned int n_unwoken;
	uint64_t unwoken_ns; /* since when */
	_Atomic uint64_t counters[HANDSHAKE_COUNTERS];
	bool is_stopped;
};

static void set_limits(struct handshake *handshake, unsigned int half_open, unsigned int per_second)
{
	atomic_store_explicit(&handshake->half_open_max, half_open, memory_order_relaxed);
	atomic_store_explicit(&handshake->per_second, per_second, memory_order_relaxed);
}

int handshake_create(struct plane *plane, struct handshake **out)
{
	struct handshake *handshake = calloc(1, sizeof(*handshake));
	if (!handshake)
		return -ENOMEM;
	handshake->plane = plane;
	TAILQ_INIT(&handshake->half_open);
	TAILQ_INIT(&handshake->line);
	handshake->timers_ns = UINT64_MAX;
	handshake->first_max = plane->config.packets / FIRST_SHARE;
	set_limits(handshake, plane->config.handshakes_half_open,
		   plane->config.handshakes_per_second);
	int rc = mailbox_create(MAILBOX_SIZE, &handshake->mailbox);
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

unsigned int handshake_in_line(const struct handshake *handshake)
{
	return atomic_load_explicit(&handshake->n_line, memory_order_relaxed);
}

void handshake_limit(struct handshake *handshake, unsigned int half_open, unsigned int per_second)
{
	set_limits(handshake, half_open, per_second);
	mailbox_wake(handshake->mailbox);
}

static void note(struct handshake *handshake, enum handshake_counter counter)
{
	atomic_fetch_add_explicit(&handshake->counters[counter], 1, memory_order_relaxed);
}

static void wake_others(struct handshake *handshake)
{
	for (unsigned int i = 0; i < handshake->n_unwoken; i++)
		mailbox_wake(handshake->unwoken[i]);
	handshake->n_unwoken = 0;
}

static void wake_later(struct handshake *handshake, struct mailbox *mailbox)
{
	unsigned int i = 0;
	while (i < handshake->n_unwoken && handshake->unwoken[i] != mailbox)
		i++;
	if (i < handshake->n_unwoken)
		return;
	if (i == 0)
		handshake->unwoken_ns = clock_ns();
	handshake->unwoken[handshake->n_unwoken++] = mailbox;
}

static void post(struct handshake *handshake, struct mailbox *mailbox,
		 const struct message *message)
{
	mailbox_put_wait(mailbox, message);
	wake_later(handshake, mailbox);
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
	struct mailbox *worker = plane->workers[home]->mailbox;
	if (!mailbox_put_packet(worker, &message)) {
		packet_free(packet);
		return;
	}
	wake_later(plane->handshake, worker);
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

/* Why no more handshakes may begin now; HANDSHAKE_COUNTERS: one may. */
static enum handshake_counter what_holds_up(struct handshake *handshake, uint64_t now_ns)
{
	if (now_ns - handshake->second_ns >= SECOND_NS) {
		handshake->second_ns = now_ns;
		handshake->n_this_second = 0;
	}
	if (handshake_half_open(handshake) >=
	    atomic_load_explicit(&handshake->half_open_max, memory_order_relaxed))
		return HANDSHAKE_REFUSED_HALF_OPEN;
	if (handshake->n_this_second >=
	    atomic_load_explicit(&handshake->per_second, memory_order_relaxed))
		return HANDSHAKE_REFUSED_RATE;
	return HANDSHAKE_COUNTERS;
}

static void note_timer(struct handshake *handshake, const struct transport *transport)
{
	if (transport->handshake.is_half_open)
		handshake->timers_ns =
			RTE_MIN(handshake->timers_ns, dtls_timer_ns(transport->handshake.dtls));
}

static bool begin(struct handshake *handshake, struct transport *transport, uint64_t now_ns)
{
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
	handshake->n_this_second++;
	set_half_open(handshake, transport, true);
	dtls_start(transport->handshake.dtls, now_ns);
	note_timer(handshake, transport);
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
	post(handshake, handshake->plane->control,
	     &(struct message){
		     .type = MESSAGE_HANDSHAKE_FAILED, .transport = transport, .reason = reason});
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
	post(handshake, handshake->plane->workers[home]->mailbox,
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
		post(handshake, handshake->plane->control,
		     &(struct message){.type = MESSAGE_PEER_CLOSED, .transport = transport});
	}
}

/* Takes ownership. */
static void feed(struct handshake *handshake, struct transport *transport, struct rte_mbuf *packet,
		 uint64_t now_ns)
{
	if (transport->handshake.dtls) {
		take_state(handshake, transport,
			   dtls_on_datagram(transport->handshake.dtls, packet_bytes(packet),
					    rte_pktmbuf_data_len(packet), now_ns));
		note_timer(handshake, transport);
	}
	packet_free(packet);
}

static bool keep_first(struct handshake *handshake, struct transport *transport,
		       struct rte_mbuf *packet)
{
	if (transport->handshake.n_first == HANDSHAKE_FIRST_MAX ||
	    handshake->n_first >= handshake->first_max)
		return false;
	transport->handshake.first[transport->handshake.n_first++] = packet;
	handshake->n_first++;
	return true;
}

static void drop_first(struct handshake *handshake, struct transport *transport)
{
	for (unsigned int i = 0; i < transport->handshake.n_first; i++)
		packet_free(transport->handshake.first[i]);
	handshake->n_first -= transport->handshake.n_first;
	transport->handshake.n_first = 0;
}

static void leave_line(struct handshake *handshake, struct transport *transport)
{
	if (!transport->handshake.is_in_line)
		return;
	transport->handshake.is_in_line = false;
	TAILQ_REMOVE(&handshake->line, transport, handshake.link);
	atomic_fetch_sub_explicit(&handshake->n_line, 1, memory_order_relaxed);
}

static bool join_line(struct handshake *handshake, struct transport *transport, uint64_t now_ns)
{
	if (transport->handshake.is_in_line)
		return true;
	if (handshake_in_line(handshake) >= HANDSHAKE_LINE_MAX) {
		enum handshake_counter why = what_holds_up(handshake, now_ns);
		note(handshake, why < HANDSHAKE_COUNTERS ? why : HANDSHAKE_REFUSED_HALF_OPEN);
		return false;
	}
	transport->handshake.is_in_line = true;
	transport->handshake.is_held_up = false;
	transport->handshake.asked_ns = now_ns;
	TAILQ_INSERT_TAIL(&handshake->line, transport, handshake.link);
	atomic_fetch_add_explicit(&handshake->n_line, 1, memory_order_relaxed);
	return true;
}

static void on_datagram(struct handshake *handshake, struct transport *transport,
			struct rte_mbuf *packet, uint64_t now_ns)
{
	if (transport->handshake.dtls) {
		feed(handshake, transport, packet, now_ns);
	} else if (transport->handshake.is_refused || !join_line(handshake, transport, now_ns) ||
		   !keep_first(handshake, transport, packet)) {
		packet_free(packet);
	}
}

static void hold_up(struct handshake *handshake, struct transport *transport,
		    enum handshake_counter why, uint64_t now_ns)
{
	if (!transport->handshake.is_held_up)
		note(handshake, HANDSHAKE_HELD_UP);
	transport->handshake.is_held_up = true;
	if (now_ns - transport->handshake.asked_ns < HANDSHAKE_LINE_NS)
		return;
	note(handshake, why);
	leave_line(handshake, transport);
	drop_first(handshake, transport);
}

/* The first in line begins, if it may. Returns whether something was done. */
static bool serve_line(struct handshake *handshake, uint64_t now_ns)
{
	struct transport *transport = TAILQ_FIRST(&handshake->line);
	if (!transport)
		return false;
	enum handshake_counter why = what_holds_up(handshake, now_ns);
	if (why < HANDSHAKE_COUNTERS) {
		hold_up(handshake, transport, why, now_ns);
		return !transport->handshake.is_in_line;
	}
	leave_line(handshake, transport);
	if (!begin(handshake, transport, now_ns)) {
		drop_first(handshake, transport);
		return true;
	}
	unsigned int n = transport->handshake.n_first;
	handshake->n_first -= n;
	transport->handshake.n_first = 0;
	for (unsigned int i = 0; i < n; i++)
		feed(handshake, transport, transport->handshake.first[i], now_ns);
	return true;
}

/* The end of a transport passes here first, so that close_notify is ahead of it in the worker's
 * mailbox. */
static void on_close(struct handshake *handshake, struct transport *transport)
{
	leave_line(handshake, transport);
	drop_first(handshake, transport);
	set_half_open(handshake, transport, false);
	dtls_destroy(transport->handshake.dtls);
	transport->handshake.dtls = NULL;
	transport->handshake.is_refused = true;
	int home = TRANSPORT_UNHOMED;
	struct message message = {.type = MESSAGE_CLOSED, .transport = transport};
	if (atomic_compare_exchange_strong(&transport->home, &home, TRANSPORT_ENDED)) {
		post(handshake, handshake->plane->control, &message);
		return;
	}
	message.type = MESSAGE_CLOSE;
	post(handshake, handshake->plane->workers[home]->mailbox, &message);
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
			join_line(handshake, transport, now_ns);
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

/* Retransmissions. All half-open ones are looked through, which is not worth it before the first is
 * due. */
static void serve_timers(struct handshake *handshake, uint64_t now_ns)
{
	if (now_ns < handshake->timers_ns)
		return;
	handshake->timers_ns = UINT64_MAX;
	struct transport *transport = TAILQ_FIRST(&handshake->half_open);
	while (transport) {
		struct transport *following = TAILQ_NEXT(transport, handshake.link);
		if (dtls_timer_ns(transport->handshake.dtls) <= now_ns)
			take_state(handshake, transport,
				   dtls_on_timer(transport->handshake.dtls, now_ns));
		note_timer(handshake, transport);
		transport = following;
	}
}

bool handshake_turn(struct handshake *handshake, uint64_t now_ns)
{
	struct message messages[MESSAGES_BURST];
	unsigned int n = mailbox_take(handshake->mailbox, messages, MESSAGES_BURST);
	for (unsigned int i = 0; i < n; i++) {
		on_message(handshake, &messages[i], now_ns);
		if (handshake->n_unwoken > 0 && clock_ns() - handshake->unwoken_ns >= WAKE_NS)
			wake_others(handshake);
	}
	bool has_served = n < MESSAGES_BURST && serve_line(handshake, now_ns);
	serve_timers(handshake, now_ns);
	if ((n == 0 && !has_served) || handshake->is_stopped)
		wake_others(handshake);
	return n > 0 || has_served;
}

/* When there is something to do even if no message comes: a timer, a second over in which no more
 * might begin, or patience with the first in line. */
static uint64_t due_ns(const struct handshake *handshake)
{
	const struct transport *first = TAILQ_FIRST(&handshake->line);
	uint64_t at_ns = handshake->timers_ns;
	if (first) {
		at_ns = RTE_MIN(at_ns, first->handshake.asked_ns + HANDSHAKE_LINE_NS);
		at_ns = RTE_MIN(at_ns, handshake->second_ns + SECOND_NS);
	}
	return at_ns;
}

int handshake_run(void *argument)
{
	struct handshake *handshake = argument;

	priority_take(PRIORITY_HANDSHAKE);
	while (!handshake->is_stopped) {
		if (handshake_turn(handshake, clock_ns()) || !mailbox_sleep(handshake->mailbox))
			continue;
		mailbox_wait(handshake->mailbox, -1, due_ns(handshake));
		mailbox_awake(handshake->mailbox);
	}
	return 0;
}
