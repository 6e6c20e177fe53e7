/* A datagram's first steps: what protocol, whose session, which worker. */
#include "media/worker.h"

#include <errno.h>

#include <rte_hash.h>

#include "media/demux.h"
#include "media/ice.h"
#include "media/plane.h"

#define FOREIGN_FLOW_IDLE_NS                                                                       \
	60000000000ull /* a foreign flow without checks for this long may be replaced */
#define FOREIGN_SWEEP_NS 1000000000ull
/* Datagrams of one session that reach the handshake thread: many times what a handshake with its
 * repetitions takes, and no way for one session to keep the thread from the others. */
#define DTLS_PER_SECOND_MAX 128u

void worker_drop(struct worker *worker, struct rte_mbuf *packet, enum counter reason)
{
	count(&worker->counters, reason);
	packet_free(packet);
}

struct rte_mbuf *worker_alloc(struct worker *worker)
{
	struct rte_mbuf *packet = packet_alloc(worker->plane->pool);
	if (!packet)
		count(&worker->counters, DROP_NO_BUFFER);
	return packet;
}

static void flush_tx(struct worker *worker)
{
	egress_send(worker->plane->egress, worker, worker->tx, worker->n_tx);
	worker->n_tx = 0;
}

void worker_flush(struct worker *worker)
{
	send_batch_flush(worker);
	flush_tx(worker);
}

void worker_send(struct worker *worker, struct rte_mbuf *packet)
{
	worker->tx[worker->n_tx++] = packet;
	if (worker->n_tx == PORT_BURST)
		flush_tx(worker);
}

void worker_post_packet(struct worker *worker, struct mailbox *to, const struct message *message,
			enum counter full_reason)
{
	if (!mailbox_post_packet(to, message))
		worker_drop(worker, message->packet, full_reason);
}

void worker_schedule(struct worker *worker, struct transport *transport, uint64_t due_ns)
{
	wheel_add(&worker->wheel, &transport->timer, due_ns);
}

static struct flow_entry *find_flow(struct worker *worker, const struct flow *flow)
{
	int32_t index = rte_hash_lookup(worker->flows, flow);
	return index < 0 ? NULL : &worker->flow_entries[index];
}

/* What a 5-tuple means from now on, whatever it meant before. */
static int set_flow(struct worker *worker, const struct flow_entry *entry)
{
	int32_t index = rte_hash_add_key(worker->flows, &entry->flow);
	if (index < 0)
		return -ENOSPC;
	struct flow_entry *place = &worker->flow_entries[index];
	if (place->is_foreign)
		worker->n_foreign[place->slot]--;
	*place = *entry;
	if (place->is_foreign)
		worker->n_foreign[place->slot]++;
	return 0;
}

static void forget_flow(struct worker *worker, struct flow_entry *entry)
{
	rte_hash_del_key(worker->flows, &entry->flow);
	if (entry->is_foreign)
		worker->n_foreign[entry->slot]--;
	*entry = (struct flow_entry){0};
}

int worker_flow_add(struct worker *worker, const struct flow *flow, struct transport *transport)
{
	return set_flow(worker, &(struct flow_entry){.transport = transport, .flow = *flow});
}

void worker_flow_remove(struct worker *worker, const struct flow *flow,
			const struct transport *transport)
{
	struct flow_entry *entry = find_flow(worker, flow);
	if (entry && entry->transport == transport)
		forget_flow(worker, entry);
}

static void hand_over(struct worker *worker, struct rte_mbuf *packet, int home)
{
	count(&worker->counters, COUNT_HANDED_OVER);
	worker_post_packet(worker, worker->plane->workers[home]->mailbox,
			   &(struct message){.type = MESSAGE_PACKET, .packet = packet},
			   DROP_MAILBOX_FULL);
}

/* Foreign entries whose client has stopped checking make room; a look through the whole table, so
 * not more than once a second. */
static void sweep_foreign(struct worker *worker)
{
	const void *key;
	void *data;
	uint32_t next = 0;
	int32_t index;
	if (worker->now_ns - worker->swept_ns < FOREIGN_SWEEP_NS)
		return;
	worker->swept_ns = worker->now_ns;
	while ((index = rte_hash_iterate(worker->flows, &key, &data, &next)) >= 0) {
		struct flow_entry *entry = &worker->flow_entries[index];
		if (entry->is_foreign && worker->now_ns - entry->used_ns > FOREIGN_FLOW_IDLE_NS)
			forget_flow(worker, entry);
	}
}

/* Remembers where a flow's packets belong. One session has no more of them than it may have pairs:
 * who knows its password can send checks from any number of made-up addresses. */
static void note_foreign(struct worker *worker, const struct flow *flow, uint32_t slot, int home)
{
	struct flow_entry entry = {.is_foreign = true,
				   .home = home,
				   .slot = slot,
				   .used_ns = worker->now_ns,
				   .flow = *flow};
	const struct flow_entry *known = find_flow(worker, flow);
	bool is_own = known && known->is_foreign && known->slot == slot;
	if (!is_own && worker->n_foreign[slot] >= TRANSPORT_PAIRS_MAX)
		sweep_foreign(worker);
	if (!is_own && worker->n_foreign[slot] >= TRANSPORT_PAIRS_MAX) {
		count(&worker->counters, DROP_FLOW_TABLE_FULL);
		return;
	}
	if (set_flow(worker, &entry) == 0)
		return;
	sweep_foreign(worker);
	if (set_flow(worker, &entry))
		count(&worker->counters, DROP_FLOW_TABLE_FULL);
}

/* Back the way the check came. `transport` NULL: no session's. */
static void send_reply(struct worker *worker, struct rte_mbuf *request,
		       const struct ice_check *check, const struct transport *transport)
{
	struct rte_mbuf *reply = worker_alloc(worker);
	if (!reply)
		return;
	char *bytes = rte_pktmbuf_append(reply, (uint16_t)check->reply_bytes);
	memcpy(bytes, check->reply, check->reply_bytes);
	packet_meta(reply)->flow = packet_meta(request)->flow;
	packet_meta(reply)->route = packet_meta(request)->route;
	packet_tx(reply)->traffic_class = CLASS_CONTROL;
	if (transport)
		packet_tx(reply)->pipe = transport->pipe;
	worker_send(worker, reply);
}

/* The session's home, claiming it when it has none yet. */
static int claim_home(struct worker *worker, struct transport *transport)
{
	int home = TRANSPORT_UNHOMED;
	if (atomic_compare_exchange_strong(&transport->home, &home, (int)worker->id))
		return (int)worker->id;
	return home;
}

static void on_valid_check(struct worker *worker, struct rte_mbuf *packet,
			   const struct directory_entry *entry, const struct ice_check *check)
{
	struct transport *transport = entry->transport;
	const struct flow *flow = &packet_meta(packet)->flow;
	int home = claim_home(worker, transport);
	if (home == TRANSPORT_ENDED) {
		worker_drop(worker, packet, DROP_STUN_UNKNOWN_UFRAG);
	} else if (home != (int)worker->id) {
		note_foreign(worker, flow, entry->slot, home);
		hand_over(worker, packet, home);
	} else if (transport_on_check(worker, transport, packet_meta(packet),
				      check->use_candidate)) {
		worker_drop(worker, packet, DROP_FLOW_TABLE_FULL);
	} else {
		count(&worker->counters, COUNT_STUN_CHECKS);
		send_reply(worker, packet, check, transport);
		packet_free(packet);
	}
}

/* A flood of strangers must not take the worker's time from the media, nor the bucket from those
 * who are in: their consent checks come on flows that are known. What costs next to nothing, as to
 * drop a check for no session of ours, comes before this, so that no such flood keeps newcomers
 * out. */
static bool passes_signalling(struct worker *worker, struct rte_mbuf *packet)
{
	const struct flow *flow = &packet_meta(packet)->flow;
	const struct flow_entry *entry = find_flow(worker, flow);
	if (entry && (entry->is_foreign || entry->transport->is_connected))
		return true;
	uint32_t wire_bytes = packet_wire_bytes(flow, rte_pktmbuf_data_len(packet));
	if (signalling_policer_color(&worker->signalling, wire_bytes, worker->now_ns) != COLOR_RED)
		return true;
	worker_drop(worker, packet, DROP_SIGNALLING_RATE);
	return false;
}

static void on_stun(struct worker *worker, struct rte_mbuf *packet)
{
	const struct flow *flow = &packet_meta(packet)->flow;
	const uint8_t *bytes = packet_bytes(packet);
	size_t size = rte_pktmbuf_data_len(packet);
	const char *ufrag;
	if (ice_is_keepalive(bytes, size)) {
		count(&worker->counters, COUNT_STUN_KEEPALIVES);
		packet_free(packet);
		return;
	}
	int len = ice_peek_ufrag(bytes, size, &ufrag);
	if (len < 0) {
		worker_drop(worker, packet, DROP_STUN_MALFORMED);
		return;
	}
	const struct directory_entry *entry =
		directory_find(worker->plane->directory, ufrag, (size_t)len);
	if (!entry) {
		worker_drop(worker, packet, DROP_STUN_UNKNOWN_UFRAG);
		return;
	}
	if (!passes_signalling(worker, packet))
		return;
	struct ice_check check;
	struct ice_expected expected = {&entry->local,
					entry->remote_ufrag[0] ? entry->remote_ufrag : NULL};
	switch (ice_on_check(worker->ice, bytes, size, &expected, &flow->remote, &check)) {
	case ICE_CHECK_VALID:
		on_valid_check(worker, packet, entry, &check);
		break;
	case ICE_CHECK_REJECTED:
		count(&worker->counters, COUNT_STUN_ERRORS_SENT);
		if (check.error == 487)
			count(&worker->counters, COUNT_ROLE_CONFLICTS);
		send_reply(worker, packet, &check, NULL);
		packet_free(packet);
		break;
	case ICE_CHECK_DROPPED:
		worker_drop(worker, packet, DROP_STUN_REFUSED);
		break;
	}
}

static void on_dtls(struct worker *worker, struct rte_mbuf *packet, struct transport *transport)
{
	if (!passes_signalling(worker, packet))
		return;
	if (worker->now_ns - transport->dtls_second_ns >= 1000000000ull) {
		transport->dtls_second_ns = worker->now_ns;
		transport->n_dtls = 0;
	}
	if (++transport->n_dtls > DTLS_PER_SECOND_MAX) {
		worker_drop(worker, packet, DROP_DTLS_RATE);
		return;
	}
	worker_post_packet(
		worker, handshake_mailbox(worker->plane->handshake),
		&(struct message){.type = MESSAGE_DTLS, .transport = transport, .packet = packet},
		DROP_DTLS_QUEUE_FULL);
}

static void on_session_packet(struct worker *worker, enum demux_kind kind, struct rte_mbuf *packet)
{
	struct flow_entry *entry = find_flow(worker, &packet_meta(packet)->flow);
	if (!entry) {
		worker_drop(worker, packet,
			    kind == DEMUX_DTLS ? DROP_DTLS_UNVALIDATED : DROP_UNKNOWN_FLOW);
		return;
	}
	if (entry->is_foreign) {
		/* A peer that sends media may send no checks any more. */
		entry->used_ns = worker->now_ns;
		hand_over(worker, packet, entry->home);
		return;
	}
	if (kind == DEMUX_DTLS) {
		on_dtls(worker, packet, entry->transport);
		return;
	}
	intake_add(&worker->intake, entry->transport, kind == DEMUX_RTCP, packet);
}

static void take_in(struct worker *worker, struct rte_mbuf **packets, unsigned int n)
{
	profile_enter(&worker->profile, PROFILE_DEMUX, n);
	for (unsigned int i = 0; i < n; i++) {
		enum demux_kind kind =
			demux_classify(packet_bytes(packets[i]), rte_pktmbuf_data_len(packets[i]));
		switch (kind) {
		case DEMUX_STUN:
			on_stun(worker, packets[i]);
			break;
		case DEMUX_DTLS:
		case DEMUX_RTP:
		case DEMUX_RTCP:
			on_session_packet(worker, kind, packets[i]);
			break;
		default:
			worker_drop(worker, packets[i], DROP_UNKNOWN_PROTOCOL);
		}
	}
}

static void serve_run(struct worker *worker, struct intake_run *run)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n;
	while ((n = intake_take(&worker->intake, run, packets)) > 0) {
		enum profile_stage before = profile_enter(&worker->profile, PROFILE_UNPROTECT, n);
		if (run->is_rtcp)
			transport_on_rtcp(worker, run->transport, packets, n);
		else
			transport_on_rtp(worker, run->transport, packets, n);
		profile_leave(&worker->profile, before);
	}
}

static void serve_intake(struct worker *worker)
{
	struct intake *intake = &worker->intake;
	for (unsigned int i = 0; i < intake->n_runs; i++)
		serve_run(worker, &intake->runs[i]);
	intake->n_packets = intake->n_runs = 0;
}

void worker_on_packets(struct worker *worker, struct rte_mbuf **packets, unsigned int n)
{
	take_in(worker, packets, n);
	serve_intake(worker);
}

unsigned int worker_receive(struct worker *worker)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int total = 0, n;
	do {
		profile_enter(&worker->profile, PROFILE_RECEIVE, 0);
		n = port_rx_burst(worker->port, worker->id, packets, PORT_BURST, worker->now_ns);
		profile_count(&worker->profile, PROFILE_RECEIVE, n);
		take_in(worker, packets, n);
		total += n;
	} while (n == PORT_BURST && total + PORT_BURST <= INTAKE_PACKETS &&
		 intake_is_ragged(&worker->intake));
	serve_intake(worker);
	return total;
}
