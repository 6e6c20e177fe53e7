#include "gateway/binding.h"

#include <errno.h>
#include <string.h>

#include "conf/random.h"

/* Without zero, which means "unknown" all over. */
static uint32_t random_ssrc(void)
{
	uint32_t ssrc;
	do {
		ssrc = random_u32();
	} while (ssrc == 0);
	return ssrc;
}

static unsigned int count_accepted(const struct sdp_agreement *agreement)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < agreement->n_lines; i++)
		n += agreement->lines[i].accepted && agreement->lines[i].feed >= 0;
	return n;
}

static void fill_peer(struct transport *transport, const struct sdp_session *peer)
{
	transport->dtls_active = peer->setup == SDP_PASSIVE;
	transport->peer_fingerprint = peer->fingerprint;
	transport->rtcp_ssrc = random_ssrc();
}

static void fill_track(struct track_config *config, const struct sdp_line *line,
		       const struct stream *stream)
{
	*config = (struct track_config){
		.feed = stream->feeds[line->feed],
		.codec = line->codec,
		.payload_type = line->payload_type,
		.rtx_payload_type = line->rtx_payload_type,
		.ssrc = line->ssrc,
		.rtx_ssrc = line->rtx_payload_type ? line->rtx_ssrc : 0,
		.nack = line->nack,
		.pli = line->pli,
		.fir = line->fir,
		.transport_cc = line->transport_cc,
		.epoch = stream->epoch,
		.extensions = line->extensions,
	};
	snprintf(config->mid, sizeof(config->mid), "%s", line->mid);
}

int binding_publish(struct plane *plane, const struct sdp_session *offer,
		    const struct sdp_agreement *agreement, const struct stream *stream,
		    struct transport **out)
{
	bool transport_cc = false;
	unsigned int n = 0;
	struct transport *transport = transport_create(plane, count_accepted(agreement), 0);
	if (!transport)
		return -ENOMEM;
	fill_peer(transport, offer);
	for (unsigned int i = 0; i < agreement->n_lines; i++) {
		const struct sdp_line *line = &agreement->lines[i];
		if (!line->accepted || line->feed < 0)
			continue;
		fill_track(&transport->tracks[n++].config, line, stream);
		transport_cc |= line->transport_cc;
		transport->policed.remb |= line->remb;
		if (line->extensions.id[RTP_EXT_MID])
			transport->mid_extension.id[RTP_EXT_MID] = line->extensions.id[RTP_EXT_MID];
	}
	if (transport_cc && transport_add_twcc(transport)) {
		transport_destroy(transport);
		return -ENOMEM;
	}
	*out = transport;
	return 0;
}

static void fill_subscription(struct subscription_config *config, const struct sdp_line *line,
			      const struct stream *stream)
{
	*config = (struct subscription_config){
		.feed = stream->feeds[line->feed],
		.ssrc = line->ssrc,
		.rtx_ssrc = line->rtx_ssrc,
		.payload_type = line->payload_type,
		.rtx_payload_type = line->rtx_payload_type,
		.extensions = line->extensions,
		/* The first numbers stay away from the wrap, as libsrtp's receivers ask (RFC
		   3711 3.3.1). */
		.first_sequence = (uint16_t)(random_u32() & 0x7fff),
		.first_rtx_sequence = (uint16_t)(random_u32() & 0x7fff),
		.first_timestamp = random_u32(),
	};
	snprintf(config->mid, sizeof(config->mid), "%s", line->mid);
}

int binding_play(struct plane *plane, const struct sdp_session *peer,
		 const struct sdp_agreement *agreement, const struct stream *stream,
		 struct transport **out)
{
	unsigned int n = 0;
	struct transport *transport = transport_create(plane, 0, count_accepted(agreement));
	if (!transport)
		return -ENOMEM;
	fill_peer(transport, peer);
	for (unsigned int i = 0; i < agreement->n_lines; i++) {
		const struct sdp_line *line = &agreement->lines[i];
		if (line->accepted && line->feed >= 0)
			fill_subscription(&transport->subscriptions[n++].config, line, stream);
	}
	*out = transport;
	return 0;
}
