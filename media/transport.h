/* One session's ICE, DTLS and SRTP (BUNDLE: one transport per session) with the tracks it publishes
 * or the subscriptions it plays. Control creates and publishes it; the worker that sees its first
 * valid check becomes its home and owns the part marked so; the handshake thread owns its DTLS
 * association. It is freed by control behind a barrier, after both let go. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "media/directory.h"
#include "media/dtls.h"
#include "media/handshake.h"
#include "media/pacer.h"
#include "media/policing.h"
#include "media/srtp.h"
#include "media/srtp_burst.h"
#include "media/subscription.h"
#include "media/track.h"
#include "media/twcc.h"
#include "media/wheel.h"
#include "qos/traffic_class.h"
#include "slices/meter.h"

#define TRANSPORT_PAIRS_MAX   8  /* validated 5-tuples; the least recently checked one makes room */
#define TRANSPORT_SOURCES_MAX 32 /* SSRCs a publisher may use */
#define TRANSPORT_LINES_MAX   16 /* tracks or subscriptions */
#define TRANSPORT_CNAME_MAX   63

enum { TRANSPORT_UNHOMED = -1, TRANSPORT_ENDED = -2 }; /* `home` when it is no worker */

/* Running totals and last values, written by the home worker, read by any thread. */
enum transport_stat {
	STAT_RX_PACKETS,
	STAT_RX_BYTES,
	STAT_TX_PACKETS,
	STAT_TX_BYTES,
	STAT_LOST, /* publisher: packets never received; viewer: as its reports say */
	STAT_RECOVERED,
	STAT_RTX_SENT,
	STAT_NACKS,
	STAT_KEYFRAME_REQUESTS,
	STAT_RTT_US,
	STAT_JITTER_US,
	STAT_FRACTION_LOST_Q8,
	TRANSPORT_STATS
};

struct pair { /* a validated 5-tuple */
	struct flow flow;
	struct link_route route; /* as the last check or authentic packet came */
	uint64_t heard_ns;       /* last valid check or authentic packet; 0 = free */
};

struct source { /* an SSRC of a publisher */
	uint32_t ssrc;
	uint8_t track; /* index */
	bool is_rtx;
};

struct transport {
	/* control; constant once published */
	struct plane *plane; /* parent */
	void *session;       /* control's own, for messages that come back */
	bool dtls_active;
	struct dtls_fingerprint peer_fingerprint;
	struct rtp_extension_map
		mid_extension; /* of a publisher: MID alone, the same in all m-lines */
	char cname[TRANSPORT_CNAME_MAX + 1];
	uint32_t rtcp_ssrc; /* of reports about what we receive */
	unsigned int n_tracks, n_subscriptions;
	struct track *tracks;               /* owned */
	struct subscription *subscriptions; /* owned */

	atomic_int home; /* any thread */

	/* Each line of these is looked at for every packet that is sent, and fetched before its
	 * turn (transport_prefetch). */
	struct {
		/* control; constant once published: borrowed; what it sends leaves by it. The
		 * node's own, until control sets its tenant's before it publishes */
		struct scheduler_pipe *pipe;
		/* handshake thread until it posts MESSAGE_KEYS, then the home worker */
		struct srtp_sender *sender; /* owned */
		/* home worker: */
		int selected; /* index into pairs, -1 = none */
	} __attribute__((aligned(64)));
	struct {
		struct flow flow; /* of the selected pair */
		struct link_route route;
	} way __attribute__((aligned(64)));
	struct meter meter /* stream time and credit of all its tracks and subscriptions */
		__attribute__((aligned(64)));
	struct pacer pacer __attribute__((aligned(64))); /* of viewers */
	/* home worker writes, any thread reads */
	_Atomic uint64_t stats[TRANSPORT_STATS] __attribute__((aligned(64)));

	/* handshake thread */
	struct {
		struct dtls *dtls;
		TAILQ_ENTRY(transport) link; /* of those in line, or of the half-open ones */
		struct rte_mbuf *first[HANDSHAKE_FIRST_MAX]; /* come while in line; owned */
		uint64_t asked_ns;                           /* since when it is in line */
		uint8_t n_first;
		bool is_in_line, is_held_up, is_half_open, is_refused;
	} handshake __attribute__((aligned(64)));
	/* handshake thread until it posts MESSAGE_KEYS, then the home worker */
	struct nn_srtp *srtp_in;

	/* home worker */
	uint16_t intake_runs[2]; /* in this round's, of RTP and RTCP; may be out of date */
	bool is_validated, is_connected, is_closing;
	bool consent_told, leaving_told; /* to control */
	struct pair pairs[TRANSPORT_PAIRS_MAX] __attribute__((aligned(64)));
	struct source sources[TRANSPORT_SOURCES_MAX];
	unsigned int n_sources;
	struct twcc *twcc; /* owned; publishers that agreed on it */
	uint32_t twcc_media_ssrc;
	struct policed policed; /* publishers */
	uint64_t report_due_ns, twcc_due_ns, nack_due_ns;
	uint64_t dtls_second_ns; /* the second that n_dtls counts datagrams in */
	unsigned int n_dtls, n_reference_times;
	struct wheel_entry timer;
	uint64_t replayed_ns; /* when its video began: what came before counts as come then */
};

/* SSRCs that it sends: each subscription's media and retransmissions, and reports about what we
 * receive. */
static inline unsigned int transport_sources_max(const struct transport *transport)
{
	return 2 * transport->n_subscriptions + 1;
}

/* Fetches what sending a packet looks at. */
static inline void transport_prefetch(const struct transport *transport)
{
	__builtin_prefetch(&transport->pipe);
	__builtin_prefetch(&transport->way, 1);
	__builtin_prefetch(&transport->meter, 1);
	__builtin_prefetch(&transport->pacer, 1);
	__builtin_prefetch(transport->stats, 1);
}

/* Control thread. NULL: no memory. The caller fills configs of tracks and subscriptions before it
 * publishes. */
struct transport *transport_create(struct plane *plane, unsigned int n_tracks,
				   unsigned int n_subscriptions);
/* Control thread, before it is published: it will send transport-wide feedback. -ENOMEM. */
int transport_add_twcc(struct transport *transport);
/* Makes SRTP of both directions, which transport_on_keys puts in force. Handshake thread, once.
 * -EINVAL unknown profile, -ENOMEM, -EIO; what was made goes with the transport. */
int transport_set_keys(struct transport *transport, const struct srtp_keys *keys);
/* Control thread, behind a barrier. Takes NULL. */
void transport_destroy(struct transport *transport);

static inline void stat_set(struct transport *transport, enum transport_stat stat, uint64_t value)
{
	atomic_store_explicit(&transport->stats[stat], value, memory_order_relaxed);
}

static inline void stat_add(struct transport *transport, enum transport_stat stat, uint64_t n)
{
	stat_set(transport, stat,
		 atomic_load_explicit(&transport->stats[stat], memory_order_relaxed) + n);
}

/* All below: home worker. */

/* A valid check arrived (`from`: by which flow and route): remembers the pair, selects it when
 * nominated. -ENOSPC when the flow table is full. */
int transport_on_check(struct worker *worker, struct transport *transport,
		       const struct packet_meta *from, bool use_candidate);
/* The keys have come: media may flow. */
void transport_on_keys(struct worker *worker, struct transport *transport);
/* SRTP and SRTCP of its validated flows. Take ownership. */
void transport_on_rtp(struct worker *worker, struct transport *transport, struct rte_mbuf **packets,
		      unsigned int n);
void transport_on_rtcp(struct worker *worker, struct transport *transport,
		       struct rte_mbuf **packets, unsigned int n);
/* The class of what it sends. */
enum traffic_class transport_class(const struct transport *transport, enum flow_kind kind);
/* Sends a datagram on the selected pair. Takes ownership. */
void transport_send(struct worker *worker, struct transport *transport, struct rte_mbuf *packet,
		    enum flow_kind kind);
/* As transport_send, its class known. */
void transport_send_as(struct worker *worker, const struct transport *transport,
		       struct rte_mbuf *packet, enum traffic_class traffic_class);
/* Protects and sends RTCP with the worker's next batch. Takes ownership. */
void transport_send_rtcp(struct worker *worker, struct transport *transport,
			 struct rte_mbuf *packet);
/* The queue of its tenant's video is half full: more of it had better wait in the pacers, where
 * each viewer has room of its own. */
bool transport_is_backed_up(const struct transport *transport);
/* Video that came with this packet is too old to be sent. */
bool transport_is_late(const struct worker *worker, const struct transport *transport,
		       struct rte_mbuf *packet);
/* Sends what its pacer and its tenant's queue let go by now. */
void transport_serve_paced(struct worker *worker, struct transport *transport);
/* Lets go of everything on this worker. */
void transport_close(struct worker *worker, struct transport *transport);
