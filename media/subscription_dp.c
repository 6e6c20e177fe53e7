/* A viewer's copy of a packet: its header and extensions written anew; the payload follows when the
 * worker's batch is protected, straight from the source. */
#include "media/subscription.h"

#include <assert.h>
#include <stddef.h>

#include "media/metering.h"
#include "media/rtp.h"
#include "media/subscription_head.h"
#include "media/transport.h"
#include "media/viewers.h"
#include "media/wire.h"
#include "media/worker.h"
#include "qos/scheduler.h"

/* Video whose packets show no key frame for this long flows anyway: the decoder may know better
 * than our parser. */
#define KEYFRAME_PATIENCE_NS 2000000000ull
#define RTX_PREFIX_BYTES     2
/* A packet is not sent again within this time. */
#define RTX_REPEAT_MS 20u
/* Retransmissions may use half of what is forwarded, and this much at once. */
#define RTX_CREDIT_MAX_BYTES 262144
/* Viewers of a feed whose video was dropped here ask for a key frame this often at most, all of
 * them together: one mends them all, and where packets are dropped there is no room for many. */
#define LOSS_KEYFRAME_NS 500000000ull
/* What was lost in a row takes a number each, but no more than this: a receiver that gets nothing
 * for half a turn of the sequence numbers takes the next one for an old one. */
#define LOST_RUN_MAX 4096u

static_assert(offsetof(struct subscription, config) + offsetof(struct subscription_config, mid) <=
		      SUBSCRIPTION_HOT_BYTES,
	      "what forwarding looks at");

static enum meter_kind kind_of(const struct subscription *subscription)
{
	return subscription->is_video ? METER_VIDEO : METER_VOICE;
}

static enum flow_kind flow_of(const struct subscription *subscription)
{
	return subscription->is_video ? FLOW_VIDEO : FLOW_VOICE;
}

bool subscription_is_stopped(const struct subscription *subscription)
{
	return meter_is_stopped(&subscription->transport->meter,
				metering_kind(subscription->config.feed->codec));
}

/* With the last key frame, if it came just now; what was sent of it before is not sent again. */
static void begin_video(struct worker *worker, struct subscription *subscription)
{
	struct feed *feed = subscription->config.feed;
	const struct feed_lane *lane = &feed->lanes[worker->id];
	struct rewrite_place place = {lane->epoch, lane->keyframe.timestamp, lane->keyframe.index};
	subscription->transport->replayed_ns = worker->now_ns;
	if (!rewrite_passes(&subscription->rewrite, &place) ||
	    !feed_replay(worker, feed, subscription))
		feed_request_keyframe(worker, feed);
}

void subscription_start(struct worker *worker, struct subscription *subscription)
{
	const struct subscription_config *config = &subscription->config;
	subscription->is_video = codec_row(config->feed->codec)->kind == MEDIA_VIDEO;
	rtp_form_init(&subscription->form, &config->extensions);
	rewrite_init(&subscription->rewrite, config->first_sequence, config->first_timestamp);
	subscription->rtx_sequence = config->first_rtx_sequence;
	subscription->rtx_credit_bytes = RTX_CREDIT_MAX_BYTES;
	if (subscription->is_video)
		subscription->viewer = viewers_add(worker->viewers, subscription);
	feed_attach(worker, config->feed, subscription);
	if (subscription->is_video && !subscription_is_stopped(subscription))
		begin_video(worker, subscription);
}

void subscription_resume(struct worker *worker, struct subscription *subscription)
{
	meter_clock_reset(&subscription->clock);
	rewrite_resume(&subscription->rewrite);
	subscription->is_torn = false;
	subscription->flowing = false;
	subscription->waiting_ns = 0;
	if (subscription->is_video)
		begin_video(worker, subscription);
}

/* Video starts at a key frame, also when its source changes: what a decoder has seen of another one
 * is of no use to the new one's other frames. */
static bool begins_to_flow(struct worker *worker, struct subscription *subscription,
			   const struct rtp_packet *source)
{
	if (!subscription->is_video)
		return true;
	if (subscription->flowing && (int32_t)(source->epoch - subscription->rewrite.epoch) > 0) {
		subscription->flowing = false;
		subscription->waiting_ns = 0;
	}
	if (subscription->flowing)
		return true;
	if (subscription->waiting_ns == 0)
		subscription->waiting_ns = worker->now_ns;
	subscription->flowing = source->keyframe_start ||
				worker->now_ns - subscription->waiting_ns > KEYFRAME_PATIENCE_NS;
	return subscription->flowing;
}

static struct rewrite_place place_of(const struct rtp_packet *source)
{
	return (struct rewrite_place){source->epoch, source->timestamp, source->index};
}

/* Whether a packet is for this viewer now. What is stopped takes no number, moves no clock and is
 * no reason to wait for a key frame; what is not sent costs nothing. */
static bool admit(struct worker *worker, struct subscription *subscription,
		  const struct rtp_packet *source, bool is_sent)
{
	struct transport *transport = subscription->transport;
	bool is_stopped = meter_is_stopped(&transport->meter, kind_of(subscription));
	struct rewrite_place in = place_of(source);

	if (!is_stopped && !begins_to_flow(worker, subscription, source))
		return false;
	if (!is_stopped && !rewrite_passes(&subscription->rewrite, &in)) {
		count(&worker->counters, DROP_RTP_STALE);
		return false;
	}
	if (!is_stopped && !is_sent)
		return true;
	if (metering_passes(worker, transport, &subscription->clock, kind_of(subscription)))
		return true;
	count(&worker->counters, DROP_METER);
	return false;
}

static struct rtp_header take_number(struct worker *worker, struct subscription *subscription,
				     const struct rtp_packet *source)
{
	const struct subscription_config *config = &subscription->config;
	struct rewrite_place in = place_of(source), out;

	rewrite_map(&subscription->rewrite, &in, config->feed->clock_hz, worker->now_ns, &out);
	return (struct rtp_header){
		.ssrc = config->ssrc,
		.timestamp = out.timestamp,
		.sequence = (uint16_t)out.index,
		.payload_type = config->payload_type,
		.marker = source->marker,
	};
}

/* Returns how many bytes of RTP the viewer is sent; 0: none. */
static unsigned int send_one(struct worker *worker, struct subscription *subscription,
			     struct rte_mbuf *packet, enum traffic_class traffic_class)
{
	const struct rtp_packet *source = rtp_packet(packet);
	if (!admit(worker, subscription, source, true))
		return 0;
	struct rtp_header header = take_number(worker, subscription, source);
	struct rte_mbuf *copy =
		subscription_head(worker, subscription, packet, &header, source->payload_bytes);
	if (!copy)
		return 0;
	if (source->keyframe_start)
		subscription->is_torn = false;
	packet_tx(copy)->viewer = subscription->viewer;
	subscription->packets++;
	subscription->octets += source->payload_bytes;
	struct srtp_job *job = send_batch_add(worker, subscription->transport, traffic_class);
	job->packet = copy;
	job->source = packet;
	job->source_offset = source->payload_offset;
	job->payload_bytes = source->payload_bytes;
	job->header_bytes = rte_pktmbuf_data_len(copy);
	return job->header_bytes + (unsigned int)job->payload_bytes;
}

static void send_copies(struct worker *worker, struct subscription *subscription,
			struct rte_mbuf **packets, unsigned int n)
{
	enum traffic_class traffic_class =
		transport_class(subscription->transport, flow_of(subscription));
	unsigned int n_sent = 0;
	int64_t bytes = 0;

	profile_enter(&worker->profile, PROFILE_COPY, n);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int sent = send_one(worker, subscription, packets[i], traffic_class);
		n_sent += sent > 0;
		bytes += sent;
	}
	if (n_sent == 0)
		return;
	subscription->n_lost = 0;
	subscription->rtx_credit_bytes += bytes / 2;
	if (subscription->rtx_credit_bytes > RTX_CREDIT_MAX_BYTES)
		subscription->rtx_credit_bytes = RTX_CREDIT_MAX_BYTES;
	count_n(&worker->counters, COUNT_RTP_OUT, n_sent);
}

/* What is sure to be dropped on the way out takes its numbers all the same, so that the viewer sees
 * that something is missing, but it is not copied, not encrypted and not charged. */
static void lose(struct worker *worker, struct subscription *subscription,
		 struct rte_mbuf **packets, unsigned int n, enum counter reason)
{
	struct transport *transport = subscription->transport;
	bool takes_numbers = subscription->n_lost < LOST_RUN_MAX;
	unsigned int n_lost = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (!admit(worker, subscription, rtp_packet(packets[i]), false))
			continue;
		if (takes_numbers)
			take_number(worker, subscription, rtp_packet(packets[i]));
		n_lost++;
	}
	if (n_lost == 0)
		return;
	if (takes_numbers)
		subscription->n_lost += n_lost;
	else
		rewrite_resume(&subscription->rewrite);
	count_n(&worker->counters, reason, n_lost);
	scheduler_pipe_refuse(transport->pipe, transport_class(transport, flow_of(subscription)),
			      n_lost);
	if (subscription->is_video)
		subscription_on_loss(worker, subscription);
}

static bool is_accepted(const struct subscription *subscription, enum flow_kind kind)
{
	const struct transport *transport = subscription->transport;
	return scheduler_pipe_accepts(transport->pipe, transport_class(transport, kind));
}

static void send_or_lose(struct worker *worker, struct subscription *subscription,
			 struct rte_mbuf **packets, unsigned int n)
{
	if (is_accepted(subscription, flow_of(subscription)))
		send_copies(worker, subscription, packets, n);
	else
		lose(worker, subscription, packets, n, DROP_QUEUE_REFUSED);
}

static void send_all_paced(struct worker *worker, struct transport *transport)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n, line;
	wheel_remove(&worker->pacer_wheel, &transport->pacer.timer);
	while ((n = pacer_release(&transport->pacer, packets, PORT_BURST, &line, UINT64_MAX)) > 0)
		subscription_send_paced(worker, &transport->subscriptions[line], packets, n);
}

/* How many of the first may leave now; the others are kept for later. */
static unsigned int pace(struct worker *worker, struct subscription *subscription,
			 struct rte_mbuf **packets, unsigned int n)
{
	struct transport *transport = subscription->transport;
	struct pacer *pacer = &transport->pacer;
	unsigned int line = (unsigned int)(subscription - transport->subscriptions);
	unsigned int n_now = 0;

	if (!transport_is_backed_up(transport))
		n_now = pacer_pass(pacer, packets, n, worker->now_ns);
	if (n_now == n)
		return n;
	if (!pacer_hold(pacer, line, packets + n_now, n - n_now)) {
		count(&worker->counters, COUNT_PACER_FULL);
		send_all_paced(worker, transport);
		return n;
	}
	count_n(&worker->counters, COUNT_PACED, n - n_now);
	if (!pacer->timer.queued)
		wheel_add(&worker->pacer_wheel, &pacer->timer,
			  RTE_MAX(pacer_due_ns(pacer), worker->now_ns + PACER_TICK_NS));
	return n_now;
}

/* Asks for the key frame that mends what was lost. One that begins to pass meanwhile does so too.
 */
static void mend(struct worker *worker, struct subscription *subscription)
{
	struct feed *feed = subscription->config.feed;
	struct feed_lane *lane = &feed->lanes[worker->id];
	if (!subscription->is_torn || subscription_is_stopped(subscription) ||
	    worker->now_ns - subscription->keyframe_asked_ns < LOSS_KEYFRAME_NS ||
	    worker->now_ns - lane->mended_ns < LOSS_KEYFRAME_NS)
		return;
	subscription->is_torn = false;
	subscription->keyframe_asked_ns = lane->mended_ns = worker->now_ns;
	count(&worker->counters, COUNT_LOSSES_TOLD);
	feed_request_keyframe(worker, feed);
}

void subscription_on_loss(struct worker *worker, struct subscription *subscription)
{
	if (!subscription->attached)
		return;
	subscription->is_torn = true;
	mend(worker, subscription);
}

void subscription_prefetch(const struct subscription *next)
{
	if (!next)
		return;
	transport_prefetch(next->transport);
	const char *after = (const char *)TAILQ_NEXT(next, link);
	if (!after)
		return;
	for (unsigned int line = 0; line < SUBSCRIPTION_HOT_BYTES; line += 64)
		__builtin_prefetch(after + line, 1);
}

void subscription_forward(struct worker *worker, struct subscription *subscription,
			  struct rte_mbuf **packets, unsigned int n)
{
	if (subscription->is_video)
		n = pace(worker, subscription, packets, n);
	if (n > 0)
		send_or_lose(worker, subscription, packets, n);
	mend(worker, subscription);
}

void subscription_send_paced(struct worker *worker, struct subscription *subscription,
			     struct rte_mbuf **packets, unsigned int n)
{
	if (!transport_is_late(worker, subscription->transport, packets[0]))
		send_or_lose(worker, subscription, packets, n);
	else
		lose(worker, subscription, packets, n, DROP_QUEUE_LATE);
	for (unsigned int i = 0; i < n; i++)
		send_batch_keep(worker, packets[i]);
}

/* Whether the packet was not sent again just now; if so, remembers that it is. */
static bool note_rtx(struct subscription *subscription, int64_t index, uint64_t now_ns)
{
	unsigned int i = (unsigned int)((uint64_t)index % SUBSCRIPTION_RTX_RECENT);
	uint32_t now_ms = (uint32_t)(now_ns / 1000000);
	if (subscription->rtx_recent[i].index == (uint32_t)index &&
	    now_ms - subscription->rtx_recent[i].sent_ms < RTX_REPEAT_MS)
		return false;
	subscription->rtx_recent[i].index = (uint32_t)index;
	subscription->rtx_recent[i].sent_ms = now_ms;
	return true;
}

static void retransmit_one(struct worker *worker, struct subscription *subscription,
			   struct rte_mbuf *packet, uint16_t original_sequence)
{
	const struct subscription_config *config = &subscription->config;
	const struct rtp_packet *source = rtp_packet(packet);
	struct rtp_header header = {
		.ssrc = config->rtx_ssrc,
		.timestamp = source->timestamp + subscription->rewrite.timestamp_offset,
		.sequence = subscription->rtx_sequence,
		.payload_type = config->rtx_payload_type,
		.marker = source->marker,
	};
	struct transport *transport = subscription->transport;
	if (!is_accepted(subscription, FLOW_RETRANSMISSION)) {
		count(&worker->counters, DROP_QUEUE_REFUSED);
		scheduler_pipe_refuse(transport->pipe,
				      transport_class(transport, FLOW_RETRANSMISSION), 1);
		return;
	}
	uint16_t payload = (uint16_t)(RTX_PREFIX_BYTES + source->payload_bytes);
	struct rte_mbuf *copy = subscription_head(worker, subscription, packet, &header, payload);
	if (!copy)
		return;
	uint16_t header_bytes = rte_pktmbuf_data_len(copy);
	uint8_t *out = (uint8_t *)rte_pktmbuf_append(copy, payload);
	/* RFC 4588 section 4: the original sequence number goes before the payload. */
	wire_write16(out, original_sequence);
	memcpy(out + RTX_PREFIX_BYTES, packet_bytes(packet) + source->payload_offset,
	       source->payload_bytes);
	pacer_charge(&transport->pacer, rte_pktmbuf_data_len(copy), worker->now_ns);
	subscription->rtx_sequence++;
	subscription->rtx_credit_bytes -= rte_pktmbuf_data_len(copy);
	count(&worker->counters, COUNT_RTX_SENT);
	stat_add(transport, STAT_RTX_SENT, 1);
	struct srtp_job *job =
		send_batch_add(worker, transport, transport_class(transport, FLOW_RETRANSMISSION));
	job->packet = copy;
	job->header_bytes = header_bytes;
}

void subscription_on_nack(struct worker *worker, struct subscription *subscription,
			  const uint16_t *sequences, unsigned int n)
{
	const struct subscription_config *config = &subscription->config;
	struct feed_lane *lane = &config->feed->lanes[worker->id];

	if (!config->rtx_payload_type || subscription_is_stopped(subscription))
		return;
	for (unsigned int i = 0; i < n; i++) {
		int64_t index;
		if (!rewrite_source(&subscription->rewrite, sequences[i], &index))
			continue;
		struct rte_mbuf *packet =
			retransmit_get(&lane->history, subscription->rewrite.epoch, index);
		if (!packet)
			count(&worker->counters, COUNT_RTX_MISSED);
		else if (subscription->rtx_credit_bytes <= 0)
			count(&worker->counters, DROP_RTX_BUDGET);
		else if (note_rtx(subscription, index, worker->now_ns))
			retransmit_one(worker, subscription, packet, sequences[i]);
	}
}
