/* A worker: one thread that moves bursts between a port's queue and the sessions homed on it, run
 * to completion. Everything a session's data path touches is owned by its home worker; others reach
 * it through the worker's mailbox. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "media/counter.h"
#include "media/directory.h"
#include "media/gather.h"
#include "media/intake.h"
#include "media/mailbox.h"
#include "media/profile.h"
#include "media/send_batch.h"
#include "media/transport.h"
#include "media/wheel.h"
#include "qos/port.h"

#define WORKER_FLOWS_PER_SESSION 2 /* flow table room, times the session cap */

/* STUN and DTLS that a worker takes from flows of no connected session, as wire rate: what three
 * thousand sessions a second need to begin. Beyond that, checking who they are would take too much
 * of the worker from the media. */
#define WORKER_SIGNALLING_BPS         100000000ll
#define WORKER_SIGNALLING_BURST_BYTES (1u << 20)

struct plane;
struct rte_hash;
struct viewers;

/* What a 5-tuple means to this worker: a pair of a session homed here, or the worker it belongs to.
 */
struct flow_entry {
	struct transport *transport; /* homed here */
	bool is_foreign;             /* homed on worker `home`: */
	int home;
	uint32_t slot;    /* its directory slot */
	uint64_t used_ns; /* of the last check */
	struct flow flow;
};

struct worker {
	unsigned int id;
	struct plane *plane;             /* parent */
	struct port *port;               /* borrowed */
	struct mailbox *mailbox;         /* owned */
	struct ice *ice;                 /* owned */
	struct rte_hash *flows;          /* owned: struct flow -> index into flow_entries */
	struct flow_entry *flow_entries; /* owned */
	uint8_t *n_foreign;              /* owned: foreign flows by directory slot */
	struct signalling_policer signalling;
	uint64_t swept_ns;        /* last look for foreign flows that are idle */
	struct viewers *viewers;  /* owned */
	struct wheel wheel;       /* of transports */
	struct wheel pacer_wheel; /* of their pacers */
	uint64_t now_ns;          /* of this round */
	struct intake intake;
	struct send_batch batch;
	struct rte_mbuf *tx[PORT_BURST];
	unsigned int n_tx;
	uint64_t received_ns; /* when packets came last */
	bool is_stopped;
	struct gather gather;
	struct profile profile;
	struct counters counters __attribute__((aligned(64)));
	_Atomic uint64_t busy_ns;                 /* time not spent waiting */
	_Atomic uint64_t metered_ns[METER_KINDS]; /* charged to the sessions homed here, ever */
};

/* Control thread. */
int worker_create(struct plane *plane, unsigned int id, struct worker **out);
void worker_destroy(struct worker *worker);
/* The thread's function: until MESSAGE_STOP. */
int worker_run(void *worker);

/* All below: the worker's own thread. */

/* What worker_run does again and again, but for the sleep: takes what has come from the port and
 * the mailbox, does what is due at `now_ns` and sends. Returns how much had come. */
unsigned int worker_round(struct worker *worker, uint64_t now_ns);
/* Takes in what has come from the port and deals with it: a burst, or so many of them that
 * publishers have vectors worth to be sent. Returns how many packets. */
unsigned int worker_receive(struct worker *worker);
/* The same for a burst of at most PORT_BURST that came some other way. Takes ownership. */
void worker_on_packets(struct worker *worker, struct rte_mbuf **packets, unsigned int n);
/* Queues a packet for the way out. Takes ownership. */
void worker_send(struct worker *worker, struct rte_mbuf *packet);
/* Protects, queues and passes on whatever waits for it. */
void worker_flush(struct worker *worker);
/* Drops a packet for a reason. */
void worker_drop(struct worker *worker, struct rte_mbuf *packet, enum counter reason);
/* A fresh packet, or NULL (counted). */
struct rte_mbuf *worker_alloc(struct worker *worker);
/* To another thread; a packet message that finds no room is dropped and counted. */
void worker_post_packet(struct worker *worker, struct mailbox *to, const struct message *message,
			enum counter full_reason);
/* The flow is a pair of the transport, whatever it was before. -ENOSPC. */
int worker_flow_add(struct worker *worker, const struct flow *flow, struct transport *transport);
/* Forgets the flow, unless it is another transport's by now. */
void worker_flow_remove(struct worker *worker, const struct flow *flow,
			const struct transport *transport);
/* (Re)schedules the transport's next service. */
void worker_schedule(struct worker *worker, struct transport *transport, uint64_t due_ns);
