/* The worker's life: a round takes a burst from the mailbox, a burst from the port, what the wheel
 * says is due, and sends. The mailbox comes first: what control holds back is held back whether the
 * worker was woken for it or not. The clock is read once a round. With nothing to do it sleeps on
 * the port's and the mailbox's descriptors until a timer, a pacer or the scheduler is due; an idle
 * node without sessions sleeps for good. While packets come fast it lets them gather for a moment
 * before it looks at the port again (media/gather.h). */
#include "media/worker.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <rte_hash.h>
#include <rte_jhash.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "media/ice.h"
#include "media/metering.h"
#include "media/plane.h"
#include "media/report.h"
#include "media/viewers.h"

#define MAILBOX_SIZE   8192
#define MESSAGES_BURST 64
/* After a round that took less there is nothing yet at the port, most likely: it is waited for at
 * once, without a look. */
#define LOOK_AGAIN_NS 100000ull
#define POLL_BUSY_NS  1000000ull
#define POLL_IDLE_NS  50000ull

static int create_flow_table(struct worker *worker, unsigned int sessions_max)
{
	char name[RTE_HASH_NAMESIZE];
	snprintf(name, sizeof(name), "flows-%u", worker->id);
	struct rte_hash_parameters parameters = {
		.name = name,
		.entries = sessions_max * WORKER_FLOWS_PER_SESSION + 64,
		.key_len = sizeof(struct flow),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
	};
	worker->flows = rte_hash_create(&parameters);
	if (!worker->flows)
		return -ENOMEM;
	worker->flow_entries = calloc((size_t)rte_hash_max_key_id(worker->flows) + 1,
				      sizeof(*worker->flow_entries));
	worker->n_foreign = calloc(directory_capacity(worker->plane->directory), 1);
	return worker->flow_entries && worker->n_foreign ? 0 : -ENOMEM;
}

int worker_create(struct plane *plane, unsigned int id, struct worker **out)
{
	struct worker *worker = aligned_alloc(64, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	memset(worker, 0, sizeof(*worker));
	worker->id = id;
	worker->plane = plane;
	worker->gather.wait_ns = plane->config.batch_wait_ns;
	worker->port = plane->port;
	uint64_t now_ns = clock_ns();
	wheel_init(&worker->wheel, WHEEL_TICK_NS, now_ns);
	wheel_init(&worker->pacer_wheel, PACER_TICK_NS, now_ns);
	int64_t signalling_bps = plane->config.signalling_bps;
	signalling_policer_set(&worker->signalling,
			       signalling_bps ? signalling_bps : WORKER_SIGNALLING_BPS,
			       WORKER_SIGNALLING_BURST_BYTES, now_ns);
	int rc = mailbox_create(MAILBOX_SIZE, &worker->mailbox);
	if (rc == 0)
		rc = ice_create(&worker->ice);
	if (rc == 0)
		rc = create_flow_table(worker, plane->config.sessions_max);
	if (rc == 0)
		rc = srtp_queue_create(plane->devices, id, &worker->batch.queue);
	worker->viewers = viewers_create(id, plane->config.sessions_max);
	if (rc == 0 && !worker->viewers)
		rc = -ENOMEM;
	if (rc) {
		worker_destroy(worker);
		return rc;
	}
	*out = worker;
	return 0;
}

void worker_destroy(struct worker *worker)
{
	if (!worker)
		return;
	mailbox_destroy(worker->mailbox);
	ice_destroy(worker->ice);
	rte_hash_free(worker->flows);
	viewers_destroy(worker->viewers);
	srtp_queue_destroy(worker->batch.queue);
	free(worker->flow_entries);
	free(worker->n_foreign);
	free(worker);
}

static void on_message(struct worker *worker, const struct message *message)
{
	struct rte_mbuf *packet = message->packet;

	switch ((enum message_type)message->type) {
	case MESSAGE_PACKET:
		worker_on_packets(worker, &packet, 1);
		break;
	case MESSAGE_FEED_CLOCK:
		feed_take_clock(worker, message->feed,
				&(struct feed_clock){.known = true,
						     .epoch = message->epoch,
						     .rtp_timestamp = message->word,
						     .ntp = message->a,
						     .arrival_ns = message->b});
		break;
	case MESSAGE_KEYFRAME:
		feed_request_keyframe(worker, message->feed);
		break;
	case MESSAGE_SEND:
		transport_send(worker, message->transport, packet, FLOW_CONTROL);
		break;
	case MESSAGE_KEYS:
		transport_on_keys(worker, message->transport);
		break;
	case MESSAGE_CREDIT:
		metering_on_credit(worker, message->transport, (enum meter_kind)message->word,
				   message->a);
		break;
	case MESSAGE_HOLD:
		metering_on_hold(worker, message->transport, (uint8_t)message->word);
		break;
	case MESSAGE_POLICING:
		policing_on_share(worker, message);
		break;
	case MESSAGE_POLICING_SESSION:
		policing_on_session(worker, message);
		break;
	case MESSAGE_CLOSE:
		transport_close(worker, message->transport);
		break;
	case MESSAGE_LOSS:
		viewers_on_loss(worker, message->a);
		break;
	case MESSAGE_LOOK:
		egress_on_look(worker->plane->egress);
		break;
	case MESSAGE_BARRIER:
		/* What waits here may go by a pipe that control is about to remove. */
		worker_flush(worker);
		barrier_pass(worker->plane, message->barrier);
		break;
	case MESSAGE_STOP:
		worker->is_stopped = true;
		break;
	default:
		log_error(LOG_WORKER, "message of no known type", "\"type\":%u", message->type);
	}
}

static unsigned int take_messages(struct worker *worker)
{
	struct message messages[MESSAGES_BURST];
	profile_enter(&worker->profile, PROFILE_MESSAGES, 0);
	unsigned int n = mailbox_take(worker->mailbox, messages, MESSAGES_BURST);
	for (unsigned int i = 0; i < n;) {
		unsigned int n_feeds = feed_take_messages(worker, &messages[i], n - i);
		if (n_feeds == 0)
			on_message(worker, &messages[i]);
		i += n_feeds ? n_feeds : 1;
	}
	return n;
}

static void serve_timers(struct worker *worker)
{
	struct wheel_entry *entry;
	profile_enter(&worker->profile, PROFILE_TIMERS, 0);
	while ((entry = wheel_pop(&worker->wheel, worker->now_ns))) {
		struct transport *transport =
			(struct transport *)((char *)entry - offsetof(struct transport, timer));
		uint64_t due_ns = report_service(worker, transport);
		/* Due now would be popped again in this very loop. */
		wheel_add(&worker->wheel, entry, RTE_MAX(due_ns, worker->now_ns + WHEEL_TICK_NS));
	}
	while ((entry = wheel_pop(&worker->pacer_wheel, worker->now_ns))) {
		struct transport *transport =
			(struct transport *)((char *)entry -
					     offsetof(struct transport, pacer.timer));
		transport_serve_paced(worker, transport);
	}
}

/* A port without a descriptor is asked again and again: at once while packets come, else after a
 * short sleep, as an idle node shall not burn a core. */
static uint64_t poll_due_ns(const struct worker *worker, uint64_t due_ns)
{
	if (worker->now_ns - worker->received_ns < POLL_BUSY_NS)
		return 0;
	return RTE_MIN(due_ns, worker->now_ns + POLL_IDLE_NS);
}

static void sleep_until_due(struct worker *worker)
{
	uint64_t gather_ns = gather_until_ns(&worker->gather);
	int fd = port_fd(worker->port, worker->id);
	uint64_t due_ns = wheel_next_ns(&worker->wheel);
	due_ns = RTE_MIN(due_ns, wheel_next_ns(&worker->pacer_wheel));
	due_ns = RTE_MIN(due_ns, egress_next_ns(worker->plane->egress, worker->now_ns));
	if (fd < 0) {
		due_ns = poll_due_ns(worker, due_ns);
	} else if (gather_ns > worker->now_ns) {
		due_ns = RTE_MIN(due_ns, gather_ns);
		fd = -1;
	}
	if (due_ns <= worker->now_ns || !mailbox_sleep(worker->mailbox))
		return;
	profile_sleep(&worker->profile);
	if (fd < 0 || port_fd_arm(worker->port, worker->id))
		mailbox_wait(worker->mailbox, fd, due_ns);
	profile_wake(&worker->profile);
	mailbox_awake(worker->mailbox);
}

unsigned int worker_round(struct worker *worker, uint64_t now_ns)
{
	worker->now_ns = now_ns;
	unsigned int n_messages = take_messages(worker);
	unsigned int n = worker_receive(worker);
	gather_take(&worker->gather, n, now_ns);
	if (n > 0)
		worker->received_ns = now_ns;
	serve_timers(worker);
	worker_flush(worker);
	return n + n_messages;
}

int worker_run(void *argument)
{
	struct worker *worker = argument;
	uint64_t round_ns = clock_ns();

	priority_take(plane_priority(worker->plane));
	profile_start(&worker->profile, worker->plane->config.is_profiled);
	while (!worker->is_stopped) {
		profile_round(&worker->profile);
		unsigned int n = worker_round(worker, clock_ns());
		uint64_t end_ns = clock_ns();
		atomic_store_explicit(&worker->busy_ns,
				      atomic_load_explicit(&worker->busy_ns, memory_order_relaxed) +
					      end_ns - round_ns,
				      memory_order_relaxed);
		bool is_quick = n < PORT_BURST && end_ns - worker->now_ns < LOOK_AGAIN_NS;
		if ((n == 0 || is_quick) && !worker->is_stopped) {
			sleep_until_due(worker);
			end_ns = clock_ns();
		}
		round_ns = end_ns;
	}
	profile_stop(&worker->profile);
	return 0;
}
