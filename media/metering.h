/* A session's meter (slices/meter.h) at work on its tracks and subscriptions: which packets pass,
 * what control is told, and how a kind that was stopped begins again. Home worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/codec.h"
#include "slices/meter.h"

struct transport;
struct worker;

static inline enum meter_kind metering_kind(enum codec codec)
{
	return codec_row(codec)->kind == MEDIA_VIDEO ? METER_VIDEO : METER_VOICE;
}

/* Whether a packet of `kind` that would be sent (or published) now may be. Those that may not are
 * counted; control is told when credit becomes little and when it has run out. */
bool metering_passes(struct worker *worker, struct transport *transport, struct meter_clock *clock,
		     enum meter_kind kind);
/* Media may flow from now on: voice that is ahead of the first key frame is not charged. */
void metering_start(struct worker *worker, struct transport *transport);
/* Control's word: MESSAGE_CREDIT and MESSAGE_HOLD. What flows again does so in the same session:
 * video at a key frame, which is asked for, voice with its next packet. */
void metering_on_credit(struct worker *worker, struct transport *transport, enum meter_kind kind,
			uint64_t credit_ns);
void metering_on_hold(struct worker *worker, struct transport *transport, uint8_t held);
