/* The node's way out: everything that leaves goes through one scheduler, whose owner is one thread.
 * With one worker that is the worker itself. With several it is a thread of its own, to which each
 * worker passes its packets over a ring, and which sends from a queue of the port that is its own.
 *
 * What the scheduler cannot hold back (scheduler_pass) a worker sends itself, so that the threads
 * share the work of sending until a rate binds: it claims the scheduler for as long as counting and
 * marking a burst takes. Nothing overtakes what its session sent before: as long as any of the
 * worker's packets is in its ring, or any packet in the scheduler or on its way from there to the
 * port, the worker goes by the ring, too. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "media/counter.h"
#include "media/mailbox.h"
#include "media/profile.h"
#include "qos/port.h"
#include "qos/scheduler.h"

#define EGRESS_RING_PACKETS                                                                        \
	16384 /* of each worker: a key frame's packets to hundreds of viewers                      \
	       */

struct plane;
struct worker;
struct rte_ring;

/* From one worker to the thread. */
struct egress_lane {
	struct rte_ring *ring; /* owned */
	/* the worker */
	uint64_t n_put __attribute__((aligned(64))); /* packets into the ring, in all */
	/* the egress thread; the worker reads it */
	_Atomic uint64_t n_done __attribute__((aligned(64))); /* of them, scheduled or sent */
};

struct egress {
	/* control; constant while threads run */
	struct plane *plane;         /* parent */
	struct scheduler *scheduler; /* owned */
	bool has_thread;
	bool may_pass;           /* workers may send by their own queues of the port */
	unsigned int queue;      /* of the port: the owner's */
	struct mailbox *mailbox; /* owned; NULL without a thread */
	struct egress_lane lanes[PORT_QUEUES_MAX]; /* of each worker, if there is a thread */

	/* control sets it, the owner clears it: a change waits in the scheduler */
	atomic_bool is_poked __attribute__((aligned(64)));

	/* whoever set it: may use the scheduler */
	atomic_bool is_claimed __attribute__((aligned(64)));
	bool is_sending; /* what was dequeued is not with the port yet; whoever has the claim */

	/* the scheduler's owner */
	bool is_stopped __attribute__((aligned(64)));
	struct profile profile;   /* of its thread, if it has one */
	struct counters counters; /* of what the scheduler dropped */
	_Atomic uint64_t busy_ns; /* time not spent waiting; 0 without a thread */
};

/* Control thread, when the plane has its port and before it has workers. Negative errno. */
int egress_create(struct plane *plane, struct egress **out);
/* The owner has ended. Frees what is queued. Takes NULL. */
void egress_destroy(struct egress *egress);
/* Its thread's function, if it has one: until MESSAGE_STOP, which control posts when the workers
 * have ended; then what may still leave has left. */
int egress_run(void *egress);
/* Any worker or the handshake thread: all of them have passed the barrier. What they sent before is
 * with the scheduler when control is told. */
void egress_pass(struct egress *egress, struct barrier *barrier);

/* With a thread only, any worker or that thread: until egress_release nobody else uses the
 * scheduler. Held for less than a microsecond, never across a system call. */
void egress_claim(struct egress *egress);
void egress_release(struct egress *egress);
/* A moment of waiting for it, or until it is free. */
void egress_await_claim(const struct egress *egress);

/* All below: a worker's thread. */

/* Sends up to PORT_BURST packets, or passes them on; and sends what may leave if the worker owns
 * the scheduler.
 * Takes ownership; what finds no room is dropped and counted. */
void egress_send(struct egress *egress, struct worker *worker, struct rte_mbuf **packets,
		 unsigned int n);
/* The scheduler's owner, whose profile it is: up to PORT_BURST packets into the scheduler, of which
 * it takes ownership. Those that it cannot hold back are sent at once. egress_serve follows. */
void egress_take(struct egress *egress, struct profile *profile, struct rte_mbuf **packets,
		 unsigned int n, uint64_t now_ns);
/* The same: sends what may leave now. */
void egress_serve(struct egress *egress, struct profile *profile, uint64_t now_ns);
/* The scheduler's owner: control's message (MESSAGE_LOOK) has come. egress_serve follows. */
void egress_on_look(struct egress *egress);
/* When the worker is to call egress_serve at the latest: UINT64_MAX when nothing waits, or when it
 * is not the owner. */
uint64_t egress_next_ns(const struct egress *egress, uint64_t now_ns);
