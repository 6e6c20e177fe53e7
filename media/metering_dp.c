#include "media/metering.h"

#include "media/plane.h"
#include "media/transport.h"
#include "media/worker.h"

static void tell_out(struct worker *worker, struct transport *transport, enum meter_kind kind)
{
	mailbox_post_wait(worker->plane->control,
			  &(struct message){.type = MESSAGE_CREDIT_OUT,
					    .transport = transport,
					    .word = kind,
					    .a = meter_used_ns(&transport->meter, kind)});
}

/* A mailbox that is nearly full leaves it untold: the next packet tells it, or that it is too late.
 */
static void tell_low(struct worker *worker, struct transport *transport, enum meter_kind kind)
{
	struct meter *meter = &transport->meter;
	if (!mailbox_post_packet(worker->plane->control,
				 &(struct message){.type = MESSAGE_CREDIT_LOW,
						   .transport = transport,
						   .word = kind,
						   .a = meter_used_ns(meter, kind)}))
		meter->low_told &= (uint8_t) ~(1u << kind);
}

bool metering_passes(struct worker *worker, struct transport *transport, struct meter_clock *clock,
		     enum meter_kind kind)
{
	struct meter *meter = &transport->meter;
	uint64_t before_ns = meter_used_ns(meter, kind);
	enum meter_verdict verdict = meter_packet(meter, clock, kind, worker->now_ns);
	_Atomic uint64_t *total = &worker->metered_ns[kind];
	atomic_store_explicit(total,
			      atomic_load_explicit(total, memory_order_relaxed) +
				      meter_used_ns(meter, kind) - before_ns,
			      memory_order_relaxed);
	switch (verdict) {
	case METER_PASS:
		return true;
	case METER_PASS_LOW:
		tell_low(worker, transport, kind);
		return true;
	case METER_OUT:
		tell_out(worker, transport, kind);
		break;
	case METER_STOPPED:
		break;
	}
	return false;
}

static enum meter_kind track_kind(const struct track *track)
{
	return metering_kind(track->config.codec);
}

static enum meter_kind subscription_kind(const struct subscription *subscription)
{
	return metering_kind(subscription->config.feed->codec);
}

static bool has_video(const struct transport *transport)
{
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		if (track_kind(&transport->tracks[i]) == METER_VIDEO)
			return true;
	}
	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		if (subscription_kind(&transport->subscriptions[i]) == METER_VIDEO)
			return true;
	}
	return false;
}

void metering_start(struct worker *worker, struct transport *transport)
{
	if (has_video(transport))
		meter_expect_video(&transport->meter, worker->now_ns);
}

/* Before the keys are in force nothing has flowed; the start will see how things stand then. */
static void resume(struct worker *worker, struct transport *transport, uint8_t kinds)
{
	if (kinds == 0 || !transport->is_connected)
		return;
	if (kinds & (1u << METER_VIDEO))
		metering_start(worker, transport);
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		if (kinds & (1u << track_kind(&transport->tracks[i])))
			track_resume(worker, &transport->tracks[i]);
	}
	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		if (kinds & (1u << subscription_kind(&transport->subscriptions[i])))
			subscription_resume(worker, &transport->subscriptions[i]);
	}
}

void metering_on_credit(struct worker *worker, struct transport *transport, enum meter_kind kind,
			uint64_t credit_ns)
{
	if (transport->is_closing)
		return;
	bool flows_again = meter_set_credit(&transport->meter, kind, credit_ns);
	resume(worker, transport, (uint8_t)(flows_again ? 1u << kind : 0));
}

void metering_on_hold(struct worker *worker, struct transport *transport, uint8_t held)
{
	if (transport->is_closing)
		return;
	resume(worker, transport, meter_set_held(&transport->meter, held));
}
