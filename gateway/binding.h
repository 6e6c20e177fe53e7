/* Binds what SDP agreed to what the media plane runs: fills a transport's tracks or subscriptions.
 * Control thread. */
#pragma once

#include "gateway/sdp.h"
#include "gateway/stream.h"
#include "media/plane.h"

/* A transport that publishes `agreement`'s lines into the stream's feeds. -ENOMEM. */
int binding_publish(struct plane *plane, const struct sdp_session *offer,
		    const struct sdp_agreement *agreement, const struct stream *stream,
		    struct transport **out);
/* A transport that plays the stream's feeds as `agreement` says. `peer` is the offer, or the answer
 * to our own offer. -ENOMEM. */
int binding_play(struct plane *plane, const struct sdp_session *peer,
		 const struct sdp_agreement *agreement, const struct stream *stream,
		 struct transport **out);
