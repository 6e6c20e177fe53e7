/* A worker's side: the colour of each packet, and what its publisher may be told to send. */
#include "media/policing.h"

#include "media/mailbox.h"
#include "media/transport.h"
#include "media/worker.h"

#define SECOND_MS      1000u
#define MS_NS          1000000u
#define WINDOW_NS      900000000ull /* a timer of a second may be a little early */
#define ETHERNET_BYTES 14

static void add(uint64_t *total, uint64_t n)
{
	__atomic_store_n(total, *total + n, __ATOMIC_RELAXED);
}

static struct policing_lane *lane_of(const struct worker *worker, struct policing *policing)
{
	return &policing->lanes[worker->id];
}

/* A window that ends takes the measure of what came in it. */
static void window_advance(struct policing_window *window, const struct policer *policer,
			   uint64_t refused_bytes, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - window->began_ns, bytes = refused_bytes, packets = 0;
	if (elapsed_ns < WINDOW_NS)
		return;
	for (unsigned int color = 0; color < PACKET_COLORS; color++) {
		bytes += policer->bytes[color];
		packets += policer->packets[color];
	}
	uint64_t n_bytes = bytes - window->bytes, n_packets = packets - window->packets;
	window->bps = n_bytes * 8 * SECOND_MS / (elapsed_ns / MS_NS);
	window->packet_bytes = n_packets ? (uint32_t)(n_bytes / n_packets) : 0;
	window->began_ns = now_ns;
	window->bytes = bytes;
	window->packets = packets;
}

void policing_start(struct worker *worker, struct transport *transport)
{
	struct policed *policed = &transport->policed;
	if (transport->n_tracks == 0)
		return;
	policed->window.began_ns = worker->now_ns;
	policed->trailer_bytes = transport->srtp_in ? nn_srtp_tag_bytes(transport->srtp_in) : 0;
	policed->is_counted = policed->tenant != NULL;
	if (policed->is_counted) {
		struct policing_lane *lane = lane_of(worker, policed->tenant);
		__atomic_store_n(&lane->n_publishers, lane->n_publishers + 1, __ATOMIC_RELAXED);
	}
}

void policing_stop(struct worker *worker, struct transport *transport)
{
	struct policed *policed = &transport->policed;
	if (!policed->is_counted)
		return;
	struct policing_lane *lane = lane_of(worker, policed->tenant);
	__atomic_store_n(&lane->n_publishers, lane->n_publishers - 1, __ATOMIC_RELAXED);
	policed->is_counted = false;
}

static enum packet_color tenant_color(struct worker *worker, struct policed *policed,
				      uint32_t wire_bytes, bool is_voice, enum packet_color color)
{
	struct policing_lane *lane = lane_of(worker, policed->tenant);
	if (color == COLOR_RED) {
		add(&lane->refused_bytes, wire_bytes);
		return COLOR_RED;
	}
	color = policer_color_aware(&lane->policer, wire_bytes, is_voice, color, worker->now_ns);
	if (color == COLOR_RED) {
		add(&policed->tenant_dropped, 1);
		count(&worker->counters, DROP_POLICED_TENANT);
	}
	return color;
}

/* Who is over its rate has not heard of it, or not of this one: the first REMB may come before the
 * browser's handshake has ended, and limits change. */
static void hasten_remb(struct worker *worker, struct transport *transport)
{
	struct policed *policed = &transport->policed;
	if (!policed->remb || policed->remb_due_ns <= worker->now_ns ||
	    worker->now_ns < policed->remb_sent_ns + POLICING_REMB_MIN_NS)
		return;
	policed->remb_due_ns = worker->now_ns;
	worker_schedule(worker, transport, worker->now_ns);
}

enum packet_color policing_color(struct worker *worker, struct transport *transport,
				 struct rte_mbuf *packet, bool is_voice)
{
	struct policed *policed = &transport->policed;
	const struct flow *flow = &packet_meta(packet)->flow;
	uint32_t wire_bytes =
		packet_wire_bytes(flow, rte_pktmbuf_data_len(packet) + policed->trailer_bytes);
	enum packet_color color = policer_color_aware(&policed->policer, wire_bytes, is_voice,
						      COLOR_GREEN, worker->now_ns);
	if (color == COLOR_RED)
		count(&worker->counters, DROP_POLICED_SESSION);
	if (policed->tenant)
		color = tenant_color(worker, policed, wire_bytes, is_voice, color);
	if (color == COLOR_YELLOW)
		count(&worker->counters, COUNT_POLICED_YELLOW);
	if (color != COLOR_GREEN)
		hasten_remb(worker, transport);
	return color;
}

static struct policer_config config_of(const struct message *message)
{
	return (struct policer_config){.committed_bps = (int64_t)message->a,
				       .peak_bps = (int64_t)message->b,
				       .burst_ms = message->word};
}

void policing_on_share(struct worker *worker, const struct message *message)
{
	struct policer_config config = config_of(message);
	policer_set(&lane_of(worker, message->policing)->policer, &config, worker->now_ns);
}

void policing_on_session(struct worker *worker, const struct message *message)
{
	struct policer_config config = config_of(message);
	policer_set(&message->transport->policed.policer, &config, worker->now_ns);
}

/* Of the tenant's rate here: an equal part, or what the others leave if that is more. */
static uint64_t tenant_part_bps(const struct policing_lane *lane, uint64_t own_bps)
{
	uint64_t all_bps = (uint64_t)lane->policer.config.committed_bps;
	uint64_t n = lane->n_publishers ? lane->n_publishers : 1;
	uint64_t others_bps = lane->window.bps > own_bps ? lane->window.bps - own_bps : 0;
	uint64_t rest_bps = all_bps > others_bps ? all_bps - others_bps : 0;
	return RTE_MAX(all_bps / n, rest_bps);
}

/* Wire rates count an Ethernet header and framing with each packet, browsers do not. */
static uint64_t without_framing(uint64_t wire_bps, uint32_t packet_bytes)
{
	uint64_t framing = ETHERNET_BYTES + PACKET_FRAMING_BYTES;
	if (packet_bytes <= framing)
		return wire_bps;
	return wire_bps * (packet_bytes - framing) / packet_bytes;
}

uint64_t policing_remb_bps(struct worker *worker, struct transport *transport)
{
	struct policed *policed = &transport->policed;
	uint64_t bps = UINT64_MAX;
	policed->remb_sent_ns = worker->now_ns;
	policed->remb_due_ns = worker->now_ns + POLICING_REMB_NS;
	window_advance(&policed->window, &policed->policer, 0, worker->now_ns);
	if (policed->policer.is_limited)
		bps = (uint64_t)policed->policer.config.committed_bps;
	if (policed->tenant) {
		struct policing_lane *lane = lane_of(worker, policed->tenant);
		window_advance(&lane->window, &lane->policer, lane->refused_bytes, worker->now_ns);
		if (lane->policer.is_limited)
			bps = RTE_MIN(bps, tenant_part_bps(lane, policed->window.bps));
	}
	if (bps != UINT64_MAX) {
		policed->n_lifted = POLICING_REMB_LIFTED;
		return without_framing(bps, policed->window.packet_bytes);
	}
	if (policed->n_lifted == 0)
		return 0;
	policed->n_lifted--;
	return POLICING_REMB_LIFTED_BPS;
}
