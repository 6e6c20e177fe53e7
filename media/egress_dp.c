/* Packets from the workers into the scheduler, and out of it to the port; or past it, when there is
 * nothing to decide. */
#include "media/egress.h"

#include <rte_ring.h>

#include "media/plane.h"
#include "media/viewers.h"
#include "media/worker.h"

void egress_serve(struct egress *egress, struct profile *profile, uint64_t now_ns)
{
	struct rte_mbuf *packets[PORT_BURST];
	enum profile_stage before = profile_enter(profile, PROFILE_SCHEDULE, 0);
	unsigned int n;
	while ((n = scheduler_dequeue(egress->scheduler, packets, PORT_BURST, now_ns)) > 0) {
		profile_enter(profile, PROFILE_SEND, n);
		port_tx_burst(egress->plane->port, egress->queue, packets, (uint16_t)n);
		profile_enter(profile, PROFILE_SCHEDULE, 0);
	}
	profile_leave(profile, before);
}

void egress_take(struct egress *egress, struct profile *profile, struct rte_mbuf **packets,
		 unsigned int n, uint64_t now_ns)
{
	if (!scheduler_pass(egress->scheduler, packets, n)) {
		scheduler_enqueue(egress->scheduler, packets, n, now_ns);
		return;
	}
	enum profile_stage before = profile_enter(profile, PROFILE_SEND, n);
	port_tx_burst(egress->plane->port, egress->queue, packets, (uint16_t)n);
	profile_leave(profile, before);
}

void egress_on_look(struct egress *egress)
{
	atomic_store(&egress->is_poked, false);
}

static void pass_to_thread(struct egress *egress, struct worker *worker, struct rte_mbuf **packets,
			   unsigned int n)
{
	unsigned int taken = rte_ring_sp_enqueue_burst(egress->rings[worker->id],
						       (void *const *)packets, n, NULL);
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
	} else if (n > 0) {
		pass_to_thread(egress, worker, packets, n);
	}
	profile_leave(profile, before);
}

uint64_t egress_next_ns(const struct egress *egress, uint64_t now_ns)
{
	return egress->has_thread ? UINT64_MAX : scheduler_next_ns(egress->scheduler, now_ns);
}
