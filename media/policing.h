/* Ingress policing: what publishers may send. Each packet passes its session's policer and then its
 * tenant's (qos/policer.h); red ones end there, yellow ones are marked and the first to be dropped
 * on their way out. A tenant's policing is one object per tenant with a lane per worker: a worker
 * polices in its own lane alone, and control divides the tenant's rate among the lanes.
 *
 * Who is limited is told (REMB, draft-alvestrand-rmcat-remb-03): its browser then sends less,
 * instead of losing what it sends. Transport-wide feedback, written from what passed, says the
 * same. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "qos/policer.h"
#include "qos/port.h"

struct message;
struct plane;
struct transport;
struct worker;
struct rte_mbuf;

#define POLICING_REMB_NS     1000000000ull /* between two of them */
#define POLICING_REMB_MIN_NS 200000000ull  /* when a packet was over its rate */
/* After a limit is gone: browsers keep to the last REMB they got. */
#define POLICING_REMB_LIFTED_BPS 10000000000ll
#define POLICING_REMB_LIFTED     3 /* times it is said: RTCP may be lost */

/* How much came over a second or so: the bytes that policers counted, as a rate. */
struct policing_window {
	uint64_t began_ns, bytes, packets; /* counted before it began */
	uint64_t bps;                      /* of the window before */
	uint32_t packet_bytes;             /* mean of the window before; 0: nothing came */
};

/* One worker's part of a tenant's policing. */
struct policing_lane {
	struct policer policer;
	struct policing_window window;
	uint64_t refused_bytes; /* red at their session's policer; policer_total */
	uint32_t n_publishers;  /* of this tenant homed here, connected; relaxed atomic */
} __attribute__((aligned(64)));

struct policing {
	/* control */
	struct policer_config config; /* the tenant's, undivided */
	uint64_t measured_ns, measured_bytes[PORT_QUEUES_MAX];
	uint64_t offered_bps[PORT_QUEUES_MAX]; /* of the last whole second */
	int64_t shares_bps[PORT_QUEUES_MAX];   /* as posted */
	unsigned int n_lanes;
	struct policing_lane lanes[]; /* each its worker's */
};

/* A session's part, embedded in its transport. */
struct policed {
	/* control; constant once published */
	struct policing *tenant; /* borrowed; NULL: none */
	bool remb;               /* agreed in SDP */
	/* home worker */
	struct policer policer;
	struct policing_window window;
	uint64_t tenant_dropped; /* packets red at the tenant's policer; policer_total */
	uint64_t remb_sent_ns, remb_due_ns;
	unsigned int n_lifted;  /* times still to be said that there is no limit any more */
	uint32_t trailer_bytes; /* of SRTP, on each packet before it was decrypted */
	bool is_counted;        /* in its lane's n_publishers */
};

/* ---- control ---- */

/* Without limit. NULL: no memory. */
struct policing *policing_create(unsigned int n_workers);
/* Behind a barrier after the last transport that refers to it is gone. Takes NULL. */
void policing_destroy(struct policing *policing);
/* The tenant's limits from now on: they are divided, and the workers told. -EINVAL (policer_set);
 * then nothing changes. */
int policing_set(struct plane *plane, struct policing *policing,
		 const struct policer_config *config, uint64_t now_ns);
/* Divides anew by what came to the lanes in the second before, and tells the workers whose share
 * has changed. When publishers come and go, and once a second. */
void policing_divide(struct plane *plane, struct policing *policing, uint64_t now_ns);
/* A session's own limit. Before plane_publish control calls policer_set on transport->policed
 * itself; afterwards it must not. False: no worker has claimed it yet, nothing was sent: say it
 * again when MESSAGE_CONNECTED has come. Not after MESSAGE_CLOSED. */
bool policing_set_session(struct plane *plane, struct transport *transport,
			  const struct policer_config *config);

/* What a lane is divided by. */
struct policing_demand {
	unsigned int n_publishers;
	uint64_t offered_bps;
};
/* Divides `total_bps`: each lane with publishers gets what it was offered, as far as there is
 * enough (else the small ones first, max-min fair by publisher), and an equal part of what is left
 * for each publisher. Pure. */
void policing_shares(int64_t total_bps, const struct policing_demand *demands, unsigned int n,
		     int64_t *shares_bps);

/* What all workers made of a tenant's packets: packets and wire bytes of a colour. Any thread. */
uint64_t policing_packets(const struct policing *policing, enum packet_color color);
uint64_t policing_bytes(const struct policing *policing, enum packet_color color);

/* ---- home worker ---- */

/* The transport is connected; it closes. */
void policing_start(struct worker *worker, struct transport *transport);
void policing_stop(struct worker *worker, struct transport *transport);
/* Colours a publisher's packet, and counts the red ones (DROP_POLICED_*), which the caller drops.
 */
enum packet_color policing_color(struct worker *worker, struct transport *transport,
				 struct rte_mbuf *packet, bool is_voice);
/* MESSAGE_POLICING and MESSAGE_POLICING_SESSION. */
void policing_on_share(struct worker *worker, const struct message *message);
void policing_on_session(struct worker *worker, const struct message *message);
/* The rate to be told to the publisher now, as its own count of bytes goes (from IP up); 0: none.
 * Sets when to call it again. */
uint64_t policing_remb_bps(struct worker *worker, struct transport *transport);
