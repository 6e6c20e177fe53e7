/* Packets from the workers into the scheduler, and out of it to the port; or past it, when there is
 * nothing to decide. */
#include "media/egress.h"

#include <rte_ring.h>

#include "media/plane.h"
#include "media/viewers.h"
#include "media/worker.h"

static void claim(struct egress *egress)
{
	if (egress->has_thread)
		egress_claim(egress);
}

static void release(struct egress *egress)
{
	if (egress->has_thread)
		egress_release(egress);
}

static void transmit(struct egress *egress, struct profile *profile, unsigned int queue,
		     struct rte_mbuf **packets, unsigned int n)
{
	enum profile_stage before = profile_enter(profile, PROFILE_SEND, n);
	port_tx_burst(egress->plane->port, queue, packets, (uint16_t)n);
	profile_leave(profile, before);
}

static unsigned int dequeue(struct egress *egress, struct rte_mbuf **packets, uint64_t now_ns)
{
	claim(egress);
	unsigned int n = scheduler_dequeue(egress->scheduler, packets, PORT_BURST, now_ns);
	egress->is_sending = n > 0;
	release(egress);
	return n;
}

void egress_serve(struct egress *egress, struct profile *profile, uint64_t now_ns)
{
	struct rte_mbuf *packets[PORT_BURST];
	enum profile_stage before = profile_enter(profile, PROFILE_SCHEDULE, 0);
	unsigned int n;
	while ((n = dequeue(egress, packets, now_ns)) > 0)
		transmit(egress, profile, egress->queue, packets, n);
	profile_leave(profile, before);
}

void egress_take(struct egress *egress, struct profile *profile, struct rte_mbuf **packets,
		 unsigned int n, uint64_t now_ns)
{
	claim(egress);
	bool is_passed = scheduler_pass(egress->scheduler, packets, n);
	if (!is_passed)
		scheduler_enqueue(egress->scheduler, packets, n, now_ns);
	release(egress);
	if (is_passed)
		transmit(egress, profile, egress->queue, packets, n);
}

void egress_on_look(struct egress *egress)
{
	atomic_store(&egress->is_poked, false);
}

/* The worker's own way to the port. False: the packets are to go by its ring. */
static bool pass(struct egress *egress, struct worker *worker, struct rte_mbuf **packets,
		 unsigned int n)
{
	struct egress_lane *lane = &egress->lanes[worker->id];
	if (!egress->may_pass ||
	    lane->n_put != atomic_load_explicit(&lane->n_done, memory_order_acquire))
		return false;
	egress_claim(egress);
	bool is_passed = !egress->is_sending && scheduler_pass(egress->scheduler, packets, n);
	egress_release(egress);
	if (is_passed)
		transmit(egress, &worker->profile, worker->id, packets, n);
	return is_passed;
}

static void pass_to_thread(struct egress *egress, struct worker *worker, struct rte_mbuf **packets,
			   unsigned int n)
{
	struct egress_lane *lane = &egress->lanes[worker->id];
	unsigned int taken = rte_ring_sp_enqueue_burst(lane->ring, (void *const *)packets, n, NULL);
	lane->n_put += taken;
	for (unsigned int i = taken; i < n; i++) {
		viewers_tell_loss(egress->plane, packet_tx(packets[i])->viewer);
		worker_drop(worker, packets[i], DROP_EGRESS_FULL);
	}
	mailbox_wake(egress->mailbox);
}

void egress_send(struct egress *egress, struct worker *worker, struct rte_mbuf **packets,
		 unsigned int n)
{
	struct profile *profile = &worker->profile;
	enum profile_stage before = profile_enter(profile, PROFILE_SCHEDULE, n);
	if (!egress->has_thread) {
		if (n > 0)
			egress_take(egress, profile, packets, n, worker->now_ns);
		egress_serve(egress, profile, worker->now_ns);
	} else if (n > 0 && !pass(egress, worker, packets, n)) {
		pass_to_thread(egress, worker, packets, n);
	}
	profile_leave(profile, before);
}

void egress_claim(struct egress *egress)
{
	while (atomic_exchange_explicit(&egress->is_claimed, true, memory_order_acquire))
		egress_await_claim(egress);
}

void egress_release(struct egress *egress)
{
	atomic_store_explicit(&egress->is_claimed, false, memory_order_release);
}

uint64_t egress_next_ns(const struct egress *egress, uint64_t now_ns)
{
	return egress->has_thread ? UINT64_MAX : scheduler_next_ns(egress->scheduler, now_ns);
}
