/* A session on its home worker: which address it lives at, and the way of its SRTP in and out. */
#include "media/transport.h"

#include <errno.h>

#include "media/metering.h"
#include "media/plane.h"
#include "media/report.h"
#include "media/viewers.h"
#include "media/worker.h"

/* A selected pair that was silent for this long yields to one that has a check (a client that moved
 * without nominating: checks come at least every 6 s, RFC 7675). */
#define PAIR_STALE_NS 7000000000ull

/* For what control acts on: without it a session would never be active, or never be freed. */
static void tell_control(struct worker *worker, struct transport *transport, enum message_type type)
{
	mailbox_post_wait(worker->plane->control,
			  &(struct message){.type = type, .transport = transport});
}

static int find_pair(const struct transport *transport, const struct flow *flow)
{
	for (int i = 0; i < TRANSPORT_PAIRS_MAX; i++) {
		if (transport->pairs[i].heard_ns && flow_equal(&transport->pairs[i].flow, flow))
			return i;
	}
	return -1;
}

/* A free place, or that of the pair which was heard least recently and is not selected. */
static int make_room(struct worker *worker, struct transport *transport)
{
	int oldest = -1;
	for (int i = 0; i < TRANSPORT_PAIRS_MAX; i++) {
		const struct pair *pair = &transport->pairs[i];
		if (pair->heard_ns == 0)
			return i;
		if (i != transport->selected &&
		    (oldest < 0 || pair->heard_ns < transport->pairs[oldest].heard_ns))
			oldest = i;
	}
	worker_flow_remove(worker, &transport->pairs[oldest].flow, transport);
	transport->pairs[oldest].heard_ns = 0;
	return oldest;
}

/* What is sent goes by the pair that is selected now. */
static void take_way(struct transport *transport)
{
	const struct pair *pair = &transport->pairs[transport->selected];
	transport->way.flow = pair->flow;
	transport->way.route = pair->route;
}

/* The pair of a flow that was checked just now. The flow table is told each time: another session
 * may have had the 5-tuple meanwhile. */
static int refresh_pair(struct worker *worker, struct transport *transport,
			const struct packet_meta *from)
{
	const struct flow *flow = &from->flow;
	int i = find_pair(transport, flow);
	if (i < 0)
		i = make_room(worker, transport);
	if (worker_flow_add(worker, flow, transport))
		return -ENOSPC;
	transport->pairs[i].flow = *flow;
	transport->pairs[i].route = from->route;
	transport->pairs[i].heard_ns = worker->now_ns;
	if (i == transport->selected)
		take_way(transport);
	return i;
}

static void select_pair(struct worker *worker, struct transport *transport, int i,
			bool use_candidate)
{
	bool stale =
		transport->selected >= 0 &&
		worker->now_ns - transport->pairs[transport->selected].heard_ns > PAIR_STALE_NS;
	if (i == transport->selected || (!use_candidate && transport->selected >= 0 && !stale))
		return;
	transport->selected = i;
	take_way(transport);
	count(&worker->counters, COUNT_PAIRS_SELECTED);
}

/* An active side's first flight may be refused by a cap or a full mailbox, and nobody else asks
 * again; a passive one's peer does. The handshake thread ignores it once it has begun. */
static void ask_for_handshake(struct worker *worker, struct transport *transport)
{
	if (transport->dtls_active && !transport->is_connected)
		mailbox_post_packet(
			handshake_mailbox(worker->plane->handshake),
			&(struct message){.type = MESSAGE_DTLS_START, .transport = transport});
}

int transport_on_check(struct worker *worker, struct transport *transport,
		       const struct packet_meta *from, bool use_candidate)
{
	if (transport->is_closing)
		return 0;
	int i = refresh_pair(worker, transport, from);
	if (i < 0)
		return i;
	select_pair(worker, transport, i, use_candidate);
	transport->consent_told = false;
	ask_for_handshake(worker, transport);
	if (transport->is_validated)
		return 0;
	transport->is_validated = true;
	/* No more than a line in the log: not worth waking anybody. */
	mailbox_put_packet(worker->plane->control, &(struct message){.type = MESSAGE_ICE_CONNECTED,
								     .transport = transport});
	worker_schedule(worker, transport, worker->now_ns + REPORT_INTERVAL_NS);
	return 0;
}

void transport_on_keys(struct worker *worker, struct transport *transport)
{
	if (transport->is_closing)
		return;
	transport->is_connected = true;
	metering_start(worker, transport);
	policing_start(worker, transport);
	for (unsigned int i = 0; i < transport->n_tracks; i++)
		track_start(worker, &transport->tracks[i]);
	for (unsigned int i = 0; i < transport->n_subscriptions; i++)
		subscription_start(worker, &transport->subscriptions[i]);
	tell_control(worker, transport, MESSAGE_CONNECTED);
	worker_schedule(worker, transport, worker->now_ns);
}

/* Media that authenticates is as good a sign of life as a check: libnice, so GStreamer, sends no
 * checks once it is connected. */
static void note_heard(struct worker *worker, struct transport *transport,
		       const struct packet_meta *from)
{
	int i = transport->selected;
	if (i < 0 || !flow_equal(&transport->pairs[i].flow, &from->flow))
		i = find_pair(transport, &from->flow);
	if (i < 0)
		return;
	transport->pairs[i].heard_ns = worker->now_ns;
	transport->pairs[i].route = from->route;
	if (i == transport->selected)
		take_way(transport);
}

/* Takes out of `packets` what did not authenticate; returns how many are left. */
static unsigned int keep_authentic(struct worker *worker, struct transport *transport,
				   struct rte_mbuf **packets, const int *result, unsigned int n)
{
	unsigned int kept = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (result[i] == 0)
			packets[kept++] = packets[i];
		else
			worker_drop(worker, packets[i],
				    result[i] == -EALREADY ? DROP_SRTP_REPLAY : DROP_SRTP_AUTH);
	}
	if (kept > 0)
		note_heard(worker, transport, packet_meta(packets[kept - 1]));
	return kept;
}

static bool drop_unless_connected(struct worker *worker, struct transport *transport,
				  struct rte_mbuf **packets, unsigned int n)
{
	if (transport->is_connected && !transport->is_closing)
		return false;
	for (unsigned int i = 0; i < n; i++)
		worker_drop(worker, packets[i], DROP_NO_KEYS);
	return true;
}

void transport_on_rtp(struct worker *worker, struct transport *transport, struct rte_mbuf **packets,
		      unsigned int n)
{
	int result[PORT_BURST];
	if (drop_unless_connected(worker, transport, packets, n))
		return;
	nn_srtp_unprotect(transport->srtp_in, packets, n, result);
	profile_enter(&worker->profile, PROFILE_TRACK, n);
	n = keep_authentic(worker, transport, packets, result, n);
	uint64_t bytes = 0;
	for (unsigned int i = 0; i < n; i++)
		bytes += rte_pktmbuf_data_len(packets[i]);
	stat_add(transport, STAT_RX_PACKETS, n);
	stat_add(transport, STAT_RX_BYTES, bytes);
	track_on_packets(worker, transport, packets, n);
}

void transport_on_rtcp(struct worker *worker, struct transport *transport,
		       struct rte_mbuf **packets, unsigned int n)
{
	int result[PORT_BURST];
	if (drop_unless_connected(worker, transport, packets, n))
		return;
	nn_srtcp_unprotect(transport->srtp_in, packets, n, result);
	profile_enter(&worker->profile, PROFILE_REPORT, n);
	n = keep_authentic(worker, transport, packets, result, n);
	count_n(&worker->counters, COUNT_RTCP_IN, n);
	for (unsigned int i = 0; i < n; i++) {
		report_on_rtcp(worker, transport, packets[i]);
		packet_free(packets[i]);
	}
}

enum traffic_class transport_class(const struct transport *transport, enum flow_kind kind)
{
	return scheduler_pipe_class(transport->pipe, kind);
}

void transport_send_as(struct worker *worker, const struct transport *transport,
		       struct rte_mbuf *packet, enum traffic_class traffic_class)
{
	struct packet_meta *meta = packet_meta(packet);
	if (transport->selected < 0) {
		worker_drop(worker, packet, DROP_NOT_SENDABLE);
		return;
	}
	meta->flow = transport->way.flow;
	meta->route = transport->way.route;
	meta->tx.pipe = transport->pipe;
	meta->tx.traffic_class = (uint8_t)traffic_class;
	worker_send(worker, packet);
}

void transport_send(struct worker *worker, struct transport *transport, struct rte_mbuf *packet,
		    enum flow_kind kind)
{
	transport_send_as(worker, transport, packet, transport_class(transport, kind));
}

void transport_send_rtcp(struct worker *worker, struct transport *transport,
			 struct rte_mbuf *packet)
{
	struct srtp_job *job =
		send_batch_add(worker, transport, transport_class(transport, FLOW_CONTROL));
	job->packet = packet;
	job->is_rtcp = true;
	count(&worker->counters, COUNT_RTCP_OUT);
}

bool transport_is_backed_up(const struct transport *transport)
{
	enum traffic_class class = transport_class(transport, FLOW_VIDEO);
	const struct scheduler_stats *stats = scheduler_pipe_stats(transport->pipe, class);
	return scheduler_stat(&stats->queued_packets) >=
		       traffic_class_rows[class].queue_packets / 2u &&
	       scheduler_pipe_accepts(transport->pipe, class);
}

bool transport_is_late(const struct worker *worker, const struct transport *transport,
		       struct rte_mbuf *packet)
{
	enum traffic_class class = transport_class(transport, FLOW_VIDEO);
	uint64_t delay_ns = traffic_class_rows[class].delay_ms * 1000000ull;
	/* One that came with another worker's round may be younger than ours. */
	uint64_t came_ns = RTE_MAX(packet_meta(packet)->rx_ns, transport->replayed_ns);
	return came_ns + delay_ns < worker->now_ns;
}

static bool is_better_kept(const struct worker *worker, const struct transport *transport)
{
	struct rte_mbuf *packet = pacer_next(&transport->pacer);
	return packet && transport_is_backed_up(transport) &&
	       !transport_is_late(worker, transport, packet);
}

void transport_serve_paced(struct worker *worker, struct transport *transport)
{
	struct rte_mbuf *packets[PORT_BURST];
	struct pacer *pacer = &transport->pacer;
	unsigned int n, line;
	while (!is_better_kept(worker, transport) &&
	       (n = pacer_release(pacer, packets, PORT_BURST, &line, worker->now_ns)) > 0)
		subscription_send_paced(worker, &transport->subscriptions[line], packets, n);
	if (pacer->n > 0)
		wheel_add(&worker->pacer_wheel, &pacer->timer,
			  RTE_MAX(pacer_due_ns(pacer), worker->now_ns + PACER_TICK_NS));
}

static void drop_paced(struct worker *worker, struct transport *transport)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n, line;
	wheel_remove(&worker->pacer_wheel, &transport->pacer.timer);
	while ((n = pacer_release(&transport->pacer, packets, PORT_BURST, &line, UINT64_MAX)) > 0) {
		for (unsigned int i = 0; i < n; i++)
			packet_free(packets[i]);
	}
}

void transport_close(struct worker *worker, struct transport *transport)
{
	if (transport->is_connected)
		report_bye(worker, transport);
	send_batch_flush(worker);
	transport->is_closing = true;
	policing_stop(worker, transport);
	for (unsigned int i = 0; i < transport->n_tracks; i++)
		track_stop(worker, &transport->tracks[i]);
	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		struct subscription *subscription = &transport->subscriptions[i];
		feed_detach(worker, subscription->config.feed, subscription);
		viewers_remove(worker->viewers, subscription->viewer);
	}
	drop_paced(worker, transport);
	for (int i = 0; i < TRANSPORT_PAIRS_MAX; i++) {
		if (transport->pairs[i].heard_ns)
			worker_flow_remove(worker, &transport->pairs[i].flow, transport);
		transport->pairs[i].heard_ns = 0;
	}
	transport->selected = -1;
	wheel_remove(&worker->wheel, &transport->timer);
	tell_control(worker, transport, MESSAGE_CLOSED);
}
