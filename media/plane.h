/* The media plane: workers, the handshake thread, the directory of sessions and the pool of
 * packets, started and stopped together. Control's handle on everything that happens to packets. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "media/directory.h"
#include "media/dtls.h"
#include "media/egress.h"
#include "media/handshake.h"
#include "media/mailbox.h"
#include "media/priority.h"
#include "media/worker.h"
#include "qos/port.h"
#include "qos/traffic_class.h"

#define PLANE_POOL_NAME "packets"

struct plane_config {
	struct port_config port; /* n_queues = workers; `pool` and has_send_queue are filled in */
	int64_t link_bps;        /* what leaves the port at most; 0: whatever it takes */
	struct dscp_map dscp;
	unsigned int packets; /* buffers in the pool */
	unsigned int sessions_max;
	uint64_t consent_ns, retransmit_ns;
	unsigned int handshakes_half_open, handshakes_per_second;
	int64_t signalling_bps; /* per worker; 0: WORKER_SIGNALLING_BPS */
	uint64_t batch_wait_ns; /* 0: packets are taken as they come (media/gather.h) */
	bool is_real_time;      /* workers and egress: before all else on the machine */
	bool is_profiled;       /* every round, not a sample of them (media/profile.h) */
	const char *crypto_gcm, *crypto_cm; /* media/srtp_burst.h; borrowed until it runs */
};

struct barrier_call {
	TAILQ_ENTRY(barrier_call) link;
	void (*done)(void *context);
	void *context;
};

/* Acknowledged by every worker and the handshake thread; then, on control, its calls are made. What
 * control took out of reach before it was posted is referred to by nobody after. */
struct barrier {
	atomic_uint left;
	TAILQ_HEAD(, barrier_call) calls; /* in the order they were asked for; owned */
};

struct plane {
	struct plane_config config;
	_Atomic uint64_t consent_ns; /* may change at run time */
	struct rte_mempool *pool;
	struct port *port;
	struct egress *egress;
	struct srtp_devices *devices;
	struct directory *directory;
	struct dtls_identity *identity;
	struct handshake *handshake;
	struct mailbox *control; /* messages to control */
	/* One at a time is under way, and what is asked for meanwhile goes with the next: a crowd
	 * that leaves wakes every thread a few times, not once for each. Control's; NULL: none. */
	struct barrier *barrier, *barrier_next;
	bool has_stopped; /* no thread is left to pass a barrier */
	struct worker *workers[PORT_QUEUES_MAX];
	unsigned int n_workers;
};

/* Control thread (EAL main lcore), after eal_start. Everything runs when it returns 0. */
int plane_start(const struct plane_config *config, struct plane **out);
/* All of it but its threads, for who counts what a round does (worker_round). Same thread. */
int plane_create(const struct plane_config *config, struct plane **out);
/* What plane_create made. Takes NULL. */
void plane_destroy(struct plane *plane);
/* All transports must be closed. Runs what barriers are still to run. Takes NULL. */
void plane_stop(struct plane *plane);

/* Control thread. Slices and pipes hang on it; a pipe is removed behind a barrier (plane_barrier),
 * when no transport has it any more. */
struct scheduler *plane_scheduler(const struct plane *plane);
/* Control thread, once a second: frees what slices and pipes left, looks after the link. */
void plane_tick(struct plane *plane);

/* Control thread. Makes the transport reachable under `entry`. */
void plane_publish(struct plane *plane, struct directory_entry *entry);
/* Control thread. Nothing of a session's media passes from now on. A worker that sleeps is not
 * woken for it, and hears of it before it looks at a packet. */
void plane_silence(struct plane *plane, struct transport *transport);
/* Control thread. Begins the end of a transport: MESSAGE_CLOSED comes back. */
void plane_close(struct plane *plane, struct transport *transport);
/* Control thread. The total of credit ever given to a session for a kind, in ns; and which kinds
 * are held (bits) from now on. They reach the transport's home worker behind all that control
 * posted before. False: no worker has claimed it yet, nothing was sent: say it again when
 * MESSAGE_CONNECTED has come. Before plane_publish control calls meter_set_credit and
 * meter_set_held on transport->meter itself; afterwards it must not. Not after MESSAGE_CLOSED. */
bool plane_set_credit(struct plane *plane, struct transport *transport, enum meter_kind kind,
		      uint64_t credit_ns);
bool plane_set_held(struct plane *plane, struct transport *transport, uint8_t held);
/* Control thread. Runs `done(context)` on control when every thread has passed this point. -ENOMEM.
 */
int plane_barrier(struct plane *plane, void (*done)(void *context), void *context);
/* Control thread: a descriptor that polls readable after plane_sleep when there are messages. */
int plane_fd(const struct plane *plane);
/* Control thread. Passes all messages there are to `on_message`, in order; barriers are dealt with
 * inside. */
void plane_dispatch(struct plane *plane,
		    void (*on_message)(void *context, const struct message *message),
		    void *context);
/* Control thread, about to wait for plane_fd(): false when something has come in meanwhile. */
bool plane_sleep(struct plane *plane);
/* The threads' side of a barrier. */
void barrier_pass(struct plane *plane, struct barrier *barrier);
static inline enum priority plane_priority(const struct plane *plane)
{
	return plane->config.is_real_time ? PRIORITY_REAL_TIME : PRIORITY_MEDIA;
}
/* Of the port, the one that an egress thread sends from among them. Any thread. */
static inline unsigned int plane_port_queues(const struct plane *plane)
{
	return plane->n_workers + plane->egress->has_thread;
}
/* Sum of a counter over all workers and the egress. Any thread. */
uint64_t plane_counter(const struct plane *plane, enum counter counter);
/* What all threads together spent in a stage since the start. Any thread. */
struct profile_figures plane_profile(const struct plane *plane, enum profile_stage stage);
/* Time charged to sessions, of all workers since the start. Any thread. */
uint64_t plane_metered_ns(const struct plane *plane, enum meter_kind kind);
