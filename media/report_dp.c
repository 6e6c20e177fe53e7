/* RTCP both ways. To a publisher: receiver reports, NACK, transport-wide feedback, key frame
 * requests. To a viewer: sender reports that map its timestamps to the source's NTP clock, so that
 * lip sync holds. Every packet we send begins with a report, so that a peer without reduced-size
 * RTCP (RFC 5506) takes it too. */
#include "media/report.h"

#include "media/plane.h"
#include "media/rtcp.h"
#include "media/transport.h"
#include "media/worker.h"

#define NACKS_MAX 128 /* sequence numbers taken from one NACK packet */
/* Answered in one report interval: sixty of them fit one packet, and the answer to each is large.
 */
#define REFERENCE_TIMES_MAX 32

/* A packet being written. */
struct compound {
	struct rte_mbuf *packet;
	uint8_t *at;
	size_t room;
};

static bool compound_begin(struct worker *worker, struct compound *compound)
{
	compound->packet = worker_alloc(worker);
	if (!compound->packet)
		return false;
	compound->at = packet_bytes(compound->packet);
	compound->room = 1200;
	return true;
}

static void compound_add(struct compound *compound, int written)
{
	if (written <= 0)
		return;
	rte_pktmbuf_append(compound->packet, (uint16_t)written);
	compound->at += written;
	compound->room -= (size_t)written;
}

static void compound_send(struct worker *worker, struct transport *transport,
			  struct compound *compound)
{
	transport_send_rtcp(worker, transport, compound->packet);
}

static void send_receiver_report(struct worker *worker, struct transport *transport)
{
	struct rtcp_report reports[TRANSPORT_LINES_MAX];
	struct compound compound;
	unsigned int n = 0;
	uint64_t lost = 0, recovered = 0, jitter_us = 0, fraction = 0;

	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		struct track *track = &transport->tracks[i];
		if (!track->reception.started)
			continue;
		reception_report(&track->reception, worker->now_ns, &reports[n]);
		if (reports[n].cumulative_lost > 0)
			lost += (uint64_t)reports[n].cumulative_lost;
		fraction = RTE_MAX(fraction, reports[n].fraction_lost);
		recovered += track->reception.recovered;
		uint64_t us = (uint64_t)reports[n].jitter * 1000000 / track->reception.clock_hz;
		jitter_us = us > jitter_us ? us : jitter_us;
		n++;
	}
	if (transport->n_tracks) {
		stat_set(transport, STAT_LOST, lost);
		stat_set(transport, STAT_RECOVERED, recovered);
		stat_set(transport, STAT_JITTER_US, jitter_us);
		stat_set(transport, STAT_FRACTION_LOST_Q8, fraction);
	}
	if (n == 0 || !compound_begin(worker, &compound))
		return;
	compound_add(&compound,
		     rtcp_write_rr(compound.at, compound.room, transport->rtcp_ssrc, reports, n));
	compound_add(&compound, rtcp_write_sdes_cname(compound.at, compound.room,
						      transport->rtcp_ssrc, transport->cname));
	compound_send(worker, transport, &compound);
}

/* Where the source's clock is now, as its last SR says: NTP time and the source's RTP timestamp. */
static struct rtcp_sender_info sender_info(const struct feed_clock *clock, uint32_t clock_hz,
					   const struct subscription *subscription, uint64_t now_ns)
{
	/* The SR may come from a worker whose round began after ours. */
	uint64_t elapsed_ns = now_ns > clock->arrival_ns ? now_ns - clock->arrival_ns : 0;
	uint64_t seconds = elapsed_ns / 1000000000ull, rest_ns = elapsed_ns % 1000000000ull;
	return (struct rtcp_sender_info){
		.ntp = clock->ntp + (seconds << 32) + (rest_ns << 32) / 1000000000ull,
		.rtp_timestamp =
			clock->rtp_timestamp + subscription->rewrite.timestamp_offset +
			(uint32_t)(seconds * clock_hz + rest_ns * clock_hz / 1000000000ull),
		.packets = subscription->packets,
		.octets = subscription->octets,
	};
}

static void note_sent_sr(struct subscription *subscription, uint64_t ntp, uint64_t now_ns)
{
	subscription->sr_sent[subscription->sr_next].ntp_middle = rtcp_ntp_middle(ntp);
	subscription->sr_sent[subscription->sr_next].sent_ns = now_ns;
	subscription->sr_next ^= 1;
}

static void send_sender_reports(struct worker *worker, struct transport *transport)
{
	struct compound compound = {0};

	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		struct subscription *subscription = &transport->subscriptions[i];
		struct feed *feed = subscription->config.feed;
		const struct feed_lane *lane = &feed->lanes[worker->id];
		/* Before the first packet of a source its numbers are not mapped yet; and what is
		 * stopped is no sender (RFC 3550 6.4). */
		if (!lane->clock.known || subscription->packets == 0 ||
		    subscription->rewrite.epoch != lane->clock.epoch ||
		    subscription_is_stopped(subscription))
			continue;
		if (!compound.packet && !compound_begin(worker, &compound))
			return;
		struct rtcp_sender_info info =
			sender_info(&lane->clock, feed->clock_hz, subscription, worker->now_ns);
		compound_add(&compound, rtcp_write_sr(compound.at, compound.room,
						      subscription->config.ssrc, &info, NULL, 0));
		compound_add(&compound,
			     rtcp_write_sdes_cname(compound.at, compound.room,
						   subscription->config.ssrc, transport->cname));
		note_sent_sr(subscription, info.ntp, worker->now_ns);
	}
	if (compound.packet)
		compound_send(worker, transport, &compound);
}

static bool feedback_begin(struct worker *worker, struct transport *transport,
			   struct compound *compound)
{
	if (!compound_begin(worker, compound))
		return false;
	compound_add(compound,
		     rtcp_write_rr(compound->at, compound->room, transport->rtcp_ssrc, NULL, 0));
	return true;
}

static void send_transport_cc(struct worker *worker, struct transport *transport)
{
	while (twcc_pending(transport->twcc)) {
		struct compound compound;
		if (!feedback_begin(worker, transport, &compound))
			return;
		int written = twcc_write(transport->twcc, compound.at, compound.room,
					 transport->rtcp_ssrc, transport->twcc_media_ssrc);
		if (written <= 0) {
			packet_free(compound.packet);
			return;
		}
		compound_add(&compound, written);
		count(&worker->counters, COUNT_TRANSPORT_CC_SENT);
		compound_send(worker, transport, &compound);
	}
}

static void send_nacks(struct worker *worker, struct transport *transport)
{
	bool holes = false;
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		struct track *track = &transport->tracks[i];
		uint16_t sequences[RECEPTION_NACKS_MAX];
		struct compound compound;
		if (!track->config.nack || !track->reception.started || track_is_stopped(track))
			continue;
		unsigned int n = reception_nacks(&track->reception, worker->now_ns,
						 REPORT_NACK_RETRY_NS, sequences);
		holes |= reception_has_holes(&track->reception);
		if (n == 0 || !feedback_begin(worker, transport, &compound))
			continue;
		compound_add(&compound,
			     rtcp_write_nack(compound.at, compound.room, transport->rtcp_ssrc,
					     track->ssrc, sequences, n));
		count_n(&worker->counters, COUNT_NACK_SENT, n);
		stat_add(transport, STAT_NACKS, n);
		compound_send(worker, transport, &compound);
	}
	transport->nack_due_ns = holes ? worker->now_ns + REPORT_NACK_NS : UINT64_MAX;
}

/* What the publisher may send, repeated because RTCP may be lost. The list of SSRCs says whose
 * rates are added up: all of this transport's. */
static void send_remb(struct worker *worker, struct transport *transport)
{
	uint32_t ssrcs[TRANSPORT_LINES_MAX];
	struct compound compound;
	unsigned int n = 0;
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		if (transport->tracks[i].ssrc)
			ssrcs[n++] = transport->tracks[i].ssrc;
	}
	uint64_t bps = policing_remb_bps(worker, transport);
	if (bps == 0 || n == 0 || !feedback_begin(worker, transport, &compound))
		return;
	compound_add(&compound, rtcp_write_remb(compound.at, compound.room, transport->rtcp_ssrc,
						bps, ssrcs, n));
	count(&worker->counters, COUNT_REMB_SENT);
	compound_send(worker, transport, &compound);
}

static uint64_t keyframe_due_ns(const struct track *track)
{
	if (!track->keyframe_wanted || !track->ssrc || (!track->config.pli && !track->config.fir) ||
	    track_is_stopped(track))
		return UINT64_MAX;
	if (track->keyframe_requested_ns == 0)
		return 0;
	uint64_t due_ns = track->keyframe_requested_ns +
			  (track->keyframe_since_request ? REPORT_PLI_MIN_NS : REPORT_PLI_NS);
	if (track->policed_ns == 0)
		return due_ns;
	uint64_t quiet_ns = track->policed_ns + REPORT_PLI_POLICED_NS;
	uint64_t last_ns = track->keyframe_requested_ns + REPORT_PLI_POLICED_MAX_NS;
	return RTE_MAX(due_ns, RTE_MIN(quiet_ns, last_ns));
}

static void send_keyframe_request(struct worker *worker, struct transport *transport,
				  struct track *track)
{
	struct compound compound;
	/* Also when there is no buffer for it: the interval is what keeps the timer from spinning.
	 */
	track->keyframe_requested_ns = worker->now_ns;
	track->keyframe_since_request = false;
	if (!feedback_begin(worker, transport, &compound))
		return;
	if (track->config.pli)
		compound_add(&compound, rtcp_write_pli(compound.at, compound.room,
						       transport->rtcp_ssrc, track->ssrc));
	else
		compound_add(&compound,
			     rtcp_write_fir(compound.at, compound.room, transport->rtcp_ssrc,
					    track->ssrc, track->fir_command++));
	count(&worker->counters, COUNT_PLI_SENT);
	stat_add(transport, STAT_KEYFRAME_REQUESTS, 1);
	compound_send(worker, transport, &compound);
}

/* Sends the requests that are due; returns when the next one is. */
static uint64_t serve_keyframes(struct worker *worker, struct transport *transport)
{
	uint64_t next_ns = UINT64_MAX;
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		struct track *track = &transport->tracks[i];
		if (keyframe_due_ns(track) <= worker->now_ns)
			send_keyframe_request(worker, transport, track);
		uint64_t due_ns = keyframe_due_ns(track);
		next_ns = due_ns < next_ns ? due_ns : next_ns;
	}
	return next_ns;
}

void report_keyframes(struct worker *worker, struct transport *transport)
{
	if (!transport->is_connected)
		return;
	uint64_t due_ns = serve_keyframes(worker, transport);
	if (due_ns < transport->timer.due_ns)
		worker_schedule(worker, transport, due_ns);
}

static void check_consent(struct worker *worker, struct transport *transport)
{
	uint64_t newest_ns = 0;
	for (int i = 0; i < TRANSPORT_PAIRS_MAX; i++) {
		if (transport->pairs[i].heard_ns > newest_ns)
			newest_ns = transport->pairs[i].heard_ns;
	}
	uint64_t consent_ns =
		atomic_load_explicit(&worker->plane->consent_ns, memory_order_relaxed);
	if (transport->consent_told || worker->now_ns - newest_ns < consent_ns)
		return;
	/* Told once; when the mailbox is full, at the next service. */
	transport->consent_told = mailbox_post_packet(
		worker->plane->control,
		&(struct message){.type = MESSAGE_CONSENT_EXPIRED, .transport = transport});
	if (transport->consent_told)
		count(&worker->counters, COUNT_CONSENT_EXPIRED);
}

uint64_t report_service(struct worker *worker, struct transport *transport)
{
	uint64_t now_ns = worker->now_ns;
	if (now_ns >= transport->report_due_ns) {
		check_consent(worker, transport);
		if (transport->is_connected) {
			send_receiver_report(worker, transport);
			send_sender_reports(worker, transport);
		}
		for (unsigned int i = 0; i < transport->n_subscriptions; i++)
			feed_expire(worker, transport->subscriptions[i].config.feed);
		for (unsigned int i = 0; i < transport->n_tracks; i++)
			feed_expire(worker, transport->tracks[i].config.feed);
		transport->n_reference_times = 0;
		transport->report_due_ns = now_ns + REPORT_INTERVAL_NS;
	}
	if (transport->n_tracks == 0 || !transport->is_connected)
		return transport->report_due_ns;
	uint64_t next_ns = serve_keyframes(worker, transport);
	if (now_ns >= transport->nack_due_ns)
		send_nacks(worker, transport);
	if (transport->policed.remb && now_ns >= transport->policed.remb_due_ns)
		send_remb(worker, transport);
	if (transport->twcc && now_ns >= transport->twcc_due_ns) {
		send_transport_cc(worker, transport);
		transport->twcc_due_ns = now_ns + REPORT_TWCC_NS;
	}
	next_ns = RTE_MIN(next_ns, transport->report_due_ns);
	next_ns = RTE_MIN(next_ns, transport->nack_due_ns);
	if (transport->policed.remb)
		next_ns = RTE_MIN(next_ns, transport->policed.remb_due_ns);
	if (transport->twcc)
		next_ns = RTE_MIN(next_ns, transport->twcc_due_ns);
	return next_ns;
}

static struct track *track_by_ssrc(struct transport *transport, uint32_t ssrc)
{
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		if (transport->tracks[i].ssrc == ssrc && transport->tracks[i].reception.started)
			return &transport->tracks[i];
	}
	return NULL;
}

static struct subscription *subscription_by_ssrc(struct transport *transport, uint32_t ssrc)
{
	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		if (transport->subscriptions[i].config.ssrc == ssrc)
			return &transport->subscriptions[i];
	}
	return NULL;
}

static void on_sender_report(struct worker *worker, struct transport *transport,
			     const struct rtcp_item *item)
{
	struct track *track = track_by_ssrc(transport, item->sender_ssrc);
	if (!track)
		return;
	reception_on_sr(&track->reception, &item->sender, worker->now_ns);
	feed_publish_clock(worker, track->config.feed,
			   &(struct feed_clock){.known = true,
						.epoch = track->epoch,
						.rtp_timestamp = item->sender.rtp_timestamp,
						.ntp = item->sender.ntp,
						.arrival_ns = worker->now_ns});
}

/* RFC 3550 6.4.1: round trip = now - LSR - DLSR, on our own clock by remembering when the SR left.
 */
static void take_round_trip(struct subscription *subscription, const struct rtcp_report *report,
			    uint64_t now_ns)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (!report->last_sr || subscription->sr_sent[i].ntp_middle != report->last_sr)
			continue;
		uint64_t held_ns = (uint64_t)report->delay_since_last_sr * 1000000000ull >> 16;
		uint64_t gone_ns = now_ns - subscription->sr_sent[i].sent_ns;
		if (gone_ns >= held_ns)
			subscription->rtt_ns = gone_ns - held_ns;
	}
}

static void on_reports(struct worker *worker, struct transport *transport,
		       const struct rtcp_item *item)
{
	struct rtcp_report report;
	for (unsigned int i = 0; rtcp_report_get(item, i, &report); i++) {
		struct subscription *subscription = subscription_by_ssrc(transport, report.ssrc);
		if (!subscription)
			continue;
		subscription->fraction_lost = report.fraction_lost;
		subscription->cumulative_lost = report.cumulative_lost;
		take_round_trip(subscription, &report, worker->now_ns);
		stat_set(transport, STAT_RTT_US, subscription->rtt_ns / 1000);
		stat_set(transport, STAT_JITTER_US,
			 (uint64_t)report.jitter * 1000000 / subscription->config.feed->clock_hz);
	}
	uint64_t lost = 0, fraction = 0;
	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		const struct subscription *subscription = &transport->subscriptions[i];
		if (subscription->cumulative_lost > 0)
			lost += (uint64_t)subscription->cumulative_lost;
		fraction = RTE_MAX(fraction, subscription->fraction_lost);
	}
	if (transport->n_subscriptions) {
		stat_set(transport, STAT_LOST, lost);
		stat_set(transport, STAT_FRACTION_LOST_Q8, fraction);
	}
}

static void on_nack(struct worker *worker, struct transport *transport,
		    const struct rtcp_item *item)
{
	uint16_t sequences[NACKS_MAX];
	struct subscription *subscription = subscription_by_ssrc(transport, item->media_ssrc);
	if (!subscription || !subscription->attached)
		return;
	unsigned int n = rtcp_nack_get(item, sequences, NACKS_MAX);
	count_n(&worker->counters, COUNT_NACK_RECEIVED, n);
	stat_add(transport, STAT_NACKS, n);
	subscription_on_nack(worker, subscription, sequences, n);
}

static void on_keyframe_request(struct worker *worker, struct transport *transport, uint32_t ssrc)
{
	struct subscription *subscription = subscription_by_ssrc(transport, ssrc);
	if (!subscription || !subscription->attached)
		return;
	count(&worker->counters, COUNT_PLI_RECEIVED);
	stat_add(transport, STAT_KEYFRAME_REQUESTS, 1);
	/* One FIR can name a source a hundred times, and each would be a message. */
	if (worker->now_ns - subscription->keyframe_asked_ns < REPORT_PLI_FLOOD_NS ||
	    subscription_is_stopped(subscription))
		return;
	subscription->keyframe_asked_ns = worker->now_ns;
	feed_request_keyframe(worker, subscription->config.feed);
}

static void on_payload_feedback(struct worker *worker, struct transport *transport,
				const struct rtcp_item *item)
{
	uint32_t ssrc;
	uint8_t command;
	if (item->count == RTCP_FB_PLI)
		on_keyframe_request(worker, transport, item->media_ssrc);
	else if (item->count == RTCP_FB_FIR)
		for (unsigned int i = 0; rtcp_fir_get(item, i, &ssrc, &command); i++)
			on_keyframe_request(worker, transport, ssrc);
}

/* A viewer sends no media, so only we can tell it the round trip (RFC 3611 4.5). Chromium asks
 * again for a packet whose retransmission was lost after one round trip; not knowing it, after 100
 * ms, and two of those are a freeze. Answered at once, so the delay is none; from every source, as
 * a peer keeps what it learns by source. */
static void on_reference_time(struct worker *worker, struct transport *transport,
			      const struct rtcp_item *item)
{
	struct compound compound;
	uint64_t ntp;
	if (transport->n_subscriptions == 0 || !rtcp_rrtr_get(item, &ntp) ||
	    transport->n_reference_times++ >= REFERENCE_TIMES_MAX ||
	    !feedback_begin(worker, transport, &compound))
		return;
	for (unsigned int i = 0; i < transport->n_subscriptions; i++)
		compound_add(&compound,
			     rtcp_write_dlrr(compound.at, compound.room,
					     transport->subscriptions[i].config.ssrc,
					     item->sender_ssrc, rtcp_ntp_middle(ntp), 0));
	compound_send(worker, transport, &compound);
}

/* A publisher whose last source said goodbye is gone. */
static void on_bye(struct worker *worker, struct transport *transport, const struct rtcp_item *item)
{
	uint32_t ssrc;
	unsigned int n_left = 0;
	for (unsigned int i = 0; rtcp_bye_get(item, i, &ssrc); i++) {
		struct track *track = track_by_ssrc(transport, ssrc);
		if (track)
			track->has_ended = true;
	}
	for (unsigned int i = 0; i < transport->n_tracks; i++)
		n_left += !transport->tracks[i].has_ended;
	/* Told once: a peer may say it as often as it likes. */
	if (transport->n_tracks && n_left == 0 && !transport->leaving_told)
		transport->leaving_told = mailbox_post_packet(
			worker->plane->control,
			&(struct message){.type = MESSAGE_PEER_CLOSED, .transport = transport});
}

void report_on_rtcp(struct worker *worker, struct transport *transport, struct rte_mbuf *packet)
{
	struct rtcp_reader reader;
	struct rtcp_item item;

	rtcp_reader_init(&reader, packet_bytes(packet), rte_pktmbuf_data_len(packet));
	while (rtcp_next(&reader, &item)) {
		switch (item.type) {
		case RTCP_SR:
			on_sender_report(worker, transport, &item);
			on_reports(worker, transport, &item);
			break;
		case RTCP_RR:
			on_reports(worker, transport, &item);
			break;
		case RTCP_RTPFB:
			if (item.count == RTCP_FB_NACK)
				on_nack(worker, transport, &item);
			break;
		case RTCP_PSFB:
			on_payload_feedback(worker, transport, &item);
			break;
		case RTCP_BYE:
			on_bye(worker, transport, &item);
			break;
		case RTCP_XR:
			on_reference_time(worker, transport, &item);
			break;
		default:
			break;
		}
	}
	if (reader.bad)
		count(&worker->counters, DROP_RTCP_MALFORMED);
}

void report_bye(struct worker *worker, struct transport *transport)
{
	struct compound compound;
	if (transport->n_subscriptions == 0 || !feedback_begin(worker, transport, &compound))
		return;
	for (unsigned int i = 0; i < transport->n_subscriptions; i++)
		compound_add(&compound, rtcp_write_bye(compound.at, compound.room,
						       transport->subscriptions[i].config.ssrc));
	compound_send(worker, transport, &compound);
}
