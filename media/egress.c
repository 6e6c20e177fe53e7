/* Who owns the scheduler, and how others reach it. Control's changes wait in the scheduler's own
 * ring, so the owner is woken by one message that says no more than "look". A barrier that all
 * threads have passed goes through the egress thread as well: what a worker sent before it passed
 * may still lie in its ring, and refers to pipes that control is about to remove. */
#include "media/egress.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_pause.h>
#include <rte_ring.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "media/plane.h"
#include "media/viewers.h"
#include "media/worker.h"

#define MAILBOX_SIZE   1024
#define MESSAGES_BURST 32
#define CLAIM_SPINS    200

static const enum counter drop_counters[SCHEDULER_DROPS] = {
	[SCHEDULER_DROP_FULL] = DROP_QUEUE_FULL,
	[SCHEDULER_DROP_LATE] = DROP_QUEUE_LATE,
	[SCHEDULER_DROP_EARLY] = DROP_QUEUE_EARLY,
	[SCHEDULER_DROP_NO_PIPE] = DROP_QUEUE_GONE,
};

/* The owner, amid enqueue or dequeue: the viewer is looked for by its own worker, later. */
static void on_drop(void *context, struct rte_mbuf *packet, enum scheduler_drop reason)
{
	struct egress *egress = context;
	count(&egress->counters, drop_counters[reason]);
	viewers_tell_loss(egress->plane, packet_tx(packet)->viewer);
}

/* Control. Before there are threads the owner will look by itself. */
static void wake(void *context)
{
	struct egress *egress = context;
	struct mailbox *owner = egress->mailbox;
	if (!egress->has_thread && egress->plane->workers[0])
		owner = egress->plane->workers[0]->mailbox;
	if (owner && !atomic_exchange(&egress->is_poked, true))
		mailbox_post_wait(owner, &(struct message){.type = MESSAGE_LOOK});
}

static int create_thread_parts(struct egress *egress)
{
	struct plane *plane = egress->plane;
	char name[RTE_RING_NAMESIZE];
	int rc = mailbox_create(MAILBOX_SIZE, &egress->mailbox);
	for (unsigned int i = 0; rc == 0 && i < plane->n_workers; i++) {
		snprintf(name, sizeof(name), "egress-%u", i);
		struct egress_lane *lane = &egress->lanes[i];
		lane->ring = rte_ring_create(name, EGRESS_RING_PACKETS, SOCKET_ID_ANY,
					     RING_F_SP_ENQ | RING_F_SC_DEQ);
		rc = lane->ring ? 0 : -ENOMEM;
	}
	return rc;
}

int egress_create(struct plane *plane, struct egress **out)
{
	struct egress *egress = aligned_alloc(64, sizeof(*egress));
	if (!egress)
		return -ENOMEM;
	memset(egress, 0, sizeof(*egress));
	egress->plane = plane;
	egress->has_thread = plane->n_workers > 1;
	egress->may_pass = plane->config.port.kind == PORT_SOCKET;
	egress->queue = egress->has_thread ? plane->n_workers : 0;
	struct scheduler_config config = {
		.link_bps = plane->config.link_bps,
		.dscp = plane->config.dscp,
		.packets_max = plane->config.packets / 2,
		.on_drop = on_drop,
		.wake = wake,
		.context = egress,
	};
	int rc = scheduler_create(&config, &egress->scheduler);
	if (rc == 0 && egress->has_thread)
		rc = create_thread_parts(egress);
	if (rc) {
		egress_destroy(egress);
		return rc;
	}
	*out = egress;
	return 0;
}

static void free_ring(struct rte_ring *ring)
{
	struct rte_mbuf *packet;
	while (ring && rte_ring_sc_dequeue(ring, (void **)&packet) == 0)
		packet_free(packet);
	rte_ring_free(ring);
}

void egress_destroy(struct egress *egress)
{
	if (!egress)
		return;
	for (unsigned int i = 0; i < PORT_QUEUES_MAX; i++)
		free_ring(egress->lanes[i].ring);
	if (egress->scheduler)
		scheduler_destroy(egress->scheduler);
	mailbox_destroy(egress->mailbox);
	free(egress);
}

/* A worker that has a processor waits for one that lost its own, amid a claim: let that run. */
void egress_await_claim(const struct egress *egress)
{
	for (unsigned int i = 0; i < CLAIM_SPINS; i++) {
		if (!atomic_load_explicit(&egress->is_claimed, memory_order_relaxed))
			return;
		rte_pause();
	}
	sched_yield();
}

static unsigned int take_burst(struct egress *egress, struct egress_lane *lane, uint64_t now_ns)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst(lane->ring, (void **)packets, PORT_BURST, NULL);
	if (n == 0)
		return 0;
	egress_take(egress, &egress->profile, packets, n, now_ns);
	uint64_t done = atomic_load_explicit(&lane->n_done, memory_order_relaxed);
	atomic_store_explicit(&lane->n_done, done + n, memory_order_release);
	return n;
}

/* At most what a full ring holds: a worker that keeps sending does not keep us from the others. */
static void take_ring(struct egress *egress, struct egress_lane *lane, uint64_t now_ns)
{
	unsigned int n, total = 0;
	do {
		n = take_burst(egress, lane, now_ns);
		total += n;
	} while (n > 0 && total < EGRESS_RING_PACKETS);
}

/* A burst of each worker in turn. */
static unsigned int take_bursts(struct egress *egress, uint64_t now_ns)
{
	unsigned int total = 0;
	for (unsigned int i = 0; i < egress->plane->n_workers; i++)
		total += take_burst(egress, &egress->lanes[i], now_ns);
	return total;
}

static void on_message(struct egress *egress, const struct message *message, uint64_t now_ns)
{
	switch ((enum message_type)message->type) {
	case MESSAGE_LOOK:
		egress_on_look(egress);
		break;
	case MESSAGE_BARRIER:
		for (unsigned int i = 0; i < egress->plane->n_workers; i++)
			take_ring(egress, &egress->lanes[i], now_ns);
		mailbox_post_wait(egress->plane->control,
				  &(struct message){.type = MESSAGE_BARRIER_DONE,
						    .barrier = message->barrier});
		break;
	case MESSAGE_STOP:
		for (unsigned int i = 0; i < egress->plane->n_workers; i++)
			take_ring(egress, &egress->lanes[i], now_ns);
		egress->is_stopped = true;
		break;
	default:
		log_error(LOG_WORKER, "message of no known type", "\"type\":%u", message->type);
	}
}

static unsigned int take_messages(struct egress *egress, uint64_t now_ns)
{
	struct message messages[MESSAGES_BURST];
	unsigned int n = mailbox_take(egress->mailbox, messages, MESSAGES_BURST);
	for (unsigned int i = 0; i < n; i++)
		on_message(egress, &messages[i], now_ns);
	return n;
}

static bool rings_are_empty(const struct egress *egress)
{
	for (unsigned int i = 0; i < egress->plane->n_workers; i++) {
		if (!rte_ring_empty(egress->lanes[i].ring))
			return false;
	}
	return true;
}

static void sleep_until_due(struct egress *egress)
{
	egress_claim(egress);
	uint64_t due_ns = scheduler_next_ns(egress->scheduler, clock_ns());
	egress_release(egress);
	if (!mailbox_sleep(egress->mailbox))
		return;
	profile_sleep(&egress->profile);
	if (rings_are_empty(egress))
		mailbox_wait(egress->mailbox, -1, due_ns);
	profile_wake(&egress->profile);
	mailbox_awake(egress->mailbox);
}

int egress_run(void *argument)
{
	struct egress *egress = argument;
	uint64_t round_ns = clock_ns();

	priority_take(plane_priority(egress->plane));
	profile_start(&egress->profile, egress->plane->config.is_profiled);
	while (!egress->is_stopped) {
		uint64_t now_ns = clock_ns();
		profile_round(&egress->profile);
		profile_enter(&egress->profile, PROFILE_SCHEDULE, 0);
		unsigned int n = take_bursts(egress, now_ns);
		profile_count(&egress->profile, PROFILE_SCHEDULE, n);
		n += take_messages(egress, now_ns);
		egress_serve(egress, &egress->profile, now_ns);
		uint64_t end_ns = clock_ns();
		atomic_store_explicit(&egress->busy_ns,
				      atomic_load_explicit(&egress->busy_ns, memory_order_relaxed) +
					      end_ns - round_ns,
				      memory_order_relaxed);
		if (n == 0) {
			sleep_until_due(egress);
			end_ns = clock_ns();
		}
		round_ns = end_ns;
	}
	profile_stop(&egress->profile);
	return 0;
}

void egress_pass(struct egress *egress, struct barrier *barrier)
{
	struct message message = {.type = MESSAGE_BARRIER, .barrier = barrier};
	if (!egress->has_thread)
		message.type = MESSAGE_BARRIER_DONE;
	mailbox_post_wait(egress->has_thread ? egress->mailbox : egress->plane->control, &message);
}
