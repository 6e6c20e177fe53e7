/* A publisher's packets: SSRC to track (signalled, or learnt from MID or payload type, RFC
 * 8843 9.2), retransmissions taken apart (RFC 4588), duplicates dropped, arrival noted for
 * feedback, the rest passed to the track's feed in runs. */
#include "media/track.h"

#include "media/metering.h"
#include "media/report.h"
#include "media/transport.h"
#include "media/worker.h"

/* A retransmission runs ahead of what has come by no more than reordering explains. One further
 * ahead is of an SSRC that the publisher has left, and would pull the window away. */
#define RTX_AHEAD_MAX 64
/* A hole is looked at this long after it was seen, so that mere reordering asks for nothing. */
#define HOLE_PATIENCE_NS 5000000ull

/* After a stop, video whose packets show no key frame for this long flows anyway. */
#define KEYFRAME_PATIENCE_NS 2000000000ull

static bool is_video(const struct track *track)
{
	return codec_row(track->config.codec)->kind == MEDIA_VIDEO;
}

bool track_is_stopped(const struct track *track)
{
	return meter_is_stopped(&track->transport->meter, metering_kind(track->config.codec));
}

void track_start(struct worker *worker, struct track *track)
{
	struct feed *feed = track->config.feed;
	track->epoch = track->config.epoch;
	track->keyframe_wanted = is_video(track);
	feed->lanes[worker->id].track = track;
	atomic_store_explicit(&feed->home, (int)worker->id, memory_order_release);
	if (track->config.ssrc)
		track_learn(track->transport, track, track->config.ssrc, false);
	if (track->config.rtx_ssrc)
		track_learn(track->transport, track, track->config.rtx_ssrc, true);
}

void track_stop(struct worker *worker, struct track *track)
{
	struct feed *feed = track->config.feed;
	if (feed->lanes[worker->id].track != track)
		return;
	feed_unpublish(worker, feed);
}

void track_want_keyframe(struct worker *worker, struct track *track)
{
	track->keyframe_wanted = true;
	report_keyframes(worker, track->transport);
}

void track_resume(struct worker *worker, struct track *track)
{
	meter_clock_reset(&track->clock);
	reception_forgive(&track->reception);
	if (track->reception.started)
		splice_cut(&track->splice, track->reception.highest);
	if (!is_video(track))
		return;
	track->waits_for_keyframe = track->splice.started;
	track->waiting_ns = 0;
	track_want_keyframe(worker, track);
}

struct source *track_learn(struct transport *transport, struct track *track, uint32_t ssrc,
			   bool is_rtx)
{
	if (transport->n_sources == TRANSPORT_SOURCES_MAX)
		return NULL;
	struct source *source = &transport->sources[transport->n_sources++];
	*source = (struct source){
		.ssrc = ssrc, .track = (uint8_t)(track - transport->tracks), .is_rtx = is_rtx};
	if (is_rtx)
		return source;
	if (track->reception.started)
		track->epoch++;
	track->keyframe_wanted = is_video(track);
	track->splice = (struct splice){0};
	track->waits_for_keyframe = false;
	track->ssrc = ssrc;
	track->has_ended = false;
	reception_init(&track->reception, ssrc, codec_row(track->config.codec)->clock_hz);
	return source;
}

static struct track *track_by_mid(struct transport *transport, const uint8_t *mid, size_t len)
{
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		const char *ours = transport->tracks[i].config.mid;
		if (strlen(ours) == len && memcmp(ours, mid, len) == 0)
			return &transport->tracks[i];
	}
	return NULL;
}

static struct track *track_by_payload_type(struct transport *transport, uint8_t payload_type)
{
	for (unsigned int i = 0; i < transport->n_tracks; i++) {
		const struct track_config *config = &transport->tracks[i].config;
		if (config->payload_type == payload_type ||
		    (payload_type && config->rtx_payload_type == payload_type))
			return &transport->tracks[i];
	}
	return NULL;
}

/* The source a packet names in its fixed header, or NULL. */
static struct source *known_source(struct transport *transport, const uint8_t *bytes)
{
	uint32_t ssrc = (uint32_t)bytes[8] << 24 | (uint32_t)bytes[9] << 16 |
			(uint32_t)bytes[10] << 8 | bytes[11];
	for (unsigned int i = 0; i < transport->n_sources; i++) {
		if (transport->sources[i].ssrc == ssrc)
			return &transport->sources[i];
	}
	return NULL;
}

/* A source that was not signalled: its track by MID, else by payload type. NULL: of no track, or
 * malformed. */
static struct source *learn_source(struct transport *transport, const uint8_t *bytes, size_t size)
{
	struct rtp_view view;
	if (rtp_parse(bytes, size, &transport->mid_extension, &view))
		return NULL;
	struct track *track;
	if (view.extension[RTP_EXT_MID].offset)
		track = track_by_mid(transport, bytes + view.extension[RTP_EXT_MID].offset,
				     view.extension[RTP_EXT_MID].bytes);
	else
		track = track_by_payload_type(transport, view.payload_type);
	if (!track)
		return NULL;
	bool is_rtx = track->config.rtx_payload_type &&
		      view.payload_type == track->config.rtx_payload_type;
	/* FEC and comfort noise come under SSRCs of their own with the same MID: they are no reason
	 * to leave the track's. */
	if (!is_rtx && view.payload_type != track->config.payload_type)
		return NULL;
	return track_learn(transport, track, view.ssrc, is_rtx);
}

/* Turns a retransmission into the packet it repeats. False: it repeats nothing (a padding probe).
 */
static bool take_apart_rtx(struct rte_mbuf *packet, struct rtp_view *view)
{
	if (view->payload_bytes <= 2)
		return false;
	const uint8_t *osn = packet_bytes(packet) + view->payload_offset;
	view->sequence = (uint16_t)(osn[0] << 8 | osn[1]);
	view->payload_offset = (uint16_t)(view->payload_offset + 2);
	view->payload_bytes = (uint16_t)(view->payload_bytes - 2);
	return true;
}

static bool is_far_ahead(const struct track *track, uint16_t sequence)
{
	int64_t highest = track->reception.highest;
	return rtp_unwrap(highest, sequence) - highest > RTX_AHEAD_MAX;
}

static void note_arrival(struct transport *transport, struct rte_mbuf *packet,
			 const struct rtp_view *view)
{
	if (!transport->twcc || view->extension[RTP_EXT_TRANSPORT_CC].bytes < 2)
		return;
	const uint8_t *value = packet_bytes(packet) + view->extension[RTP_EXT_TRANSPORT_CC].offset;
	transport->twcc_media_ssrc = view->ssrc;
	twcc_on_packet(transport->twcc, (uint16_t)(value[0] << 8 | value[1]),
		       packet_meta(packet)->rx_ns);
}

/* What is dropped for its publisher's rate is lost for good: nothing asks the source to repair it,
 * so of video a key frame is wanted, when one can pass (report_dp.c). A probe of padding is no
 * loss.
 */
static void drop_policed(struct worker *worker, struct track *track, struct rte_mbuf *packet,
			 struct rtp_view *view, bool is_rtx)
{
	bool is_media = !is_rtx || (track->reception.started && take_apart_rtx(packet, view) &&
				    !is_far_ahead(track, view->sequence));
	if (is_media && reception_on_policed(&track->reception, view->sequence) &&
	    is_video(track)) {
		track->policed_ns = worker->now_ns;
		if (!track->keyframe_wanted)
			track_want_keyframe(worker, track);
	}
	packet_free(packet);
}

static void fill(struct rte_mbuf *packet, struct track *track, const struct rtp_view *view,
		 int64_t index)
{
	struct rtp_packet *out = rtp_packet(packet);
	out->index = index;
	out->epoch = track->epoch;
	out->timestamp = view->timestamp;
	out->payload_offset = view->payload_offset;
	out->payload_bytes = view->payload_bytes;
	out->marker = view->marker;
	out->keyframe_start = codec_keyframe_start(track->config.codec,
						   packet_bytes(packet) + view->payload_offset,
						   view->payload_bytes);
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++) {
		out->extension[e].offset = view->extension[e].offset;
		out->extension[e].bytes = view->extension[e].bytes;
	}
	rtp_packet_set_shape(out);
}

static void note_keyframe(struct worker *worker, struct track *track, struct rte_mbuf *packet)
{
	if (!is_video(track) || !rtp_packet(packet)->keyframe_start)
		return;
	track->keyframe_wanted = false;
	track->keyframe_since_request = true;
	count(&worker->counters, COUNT_KEYFRAMES);
}

/* The first packet of video after a stop begins a key frame: viewers' decoders have no use for what
 * goes on from frames they never got. */
static bool still_waits(struct worker *worker, struct track *track, const struct rtp_packet *packet)
{
	if (!track->waits_for_keyframe)
		return false;
	if (track->waiting_ns == 0)
		track->waiting_ns = worker->now_ns;
	track->waits_for_keyframe = !packet->keyframe_start &&
				    worker->now_ns - track->waiting_ns <= KEYFRAME_PATIENCE_NS;
	return track->waits_for_keyframe;
}

/* Whether a packet goes to the feed. What is stopped was received all the same: reports and
 * feedback to the publisher stay true, but nothing is asked for again. */
static bool passes_meter(struct worker *worker, struct track *track, struct rte_mbuf *packet)
{
	struct rtp_packet *rtp = rtp_packet(packet);
	if (!track_is_stopped(track) &&
	    (!splice_passes(&track->splice, rtp->index) || still_waits(worker, track, rtp)))
		return false;
	if (!metering_passes(worker, track->transport, &track->clock,
			     metering_kind(track->config.codec)))
		return false;
	rtp->index = splice_map(&track->splice, rtp->index);
	return true;
}

/* The source of a packet that is its track's, read into *view; or NULL, and the packet is dropped.
 */
static const struct source *identify(struct worker *worker, struct transport *transport,
				     struct rte_mbuf *packet, struct rtp_view *view)
{
	const uint8_t *bytes = packet_bytes(packet);
	size_t size = rte_pktmbuf_data_len(packet);
	const struct source *source =
		size < RTP_HEADER_BYTES ? NULL : known_source(transport, bytes);
	if (!source)
		source = learn_source(transport, bytes, size);
	const struct track *track = source ? &transport->tracks[source->track] : NULL;
	if (track && rtp_parse(bytes, size, &track->config.extensions, view)) {
		worker_drop(worker, packet, DROP_RTP_MALFORMED);
		return NULL;
	}
	if (!track ||
	    view->payload_type != (source->is_rtx ? track->config.rtx_payload_type
						  : track->config.payload_type) ||
	    (!source->is_rtx && source->ssrc != track->ssrc)) {
		worker_drop(worker, packet, DROP_RTP_UNKNOWN_SSRC);
		return NULL;
	}
	return source;
}

/* The packet's track, with rtp_packet filled in; or NULL, and the packet is dropped. */
static struct track *admit(struct worker *worker, struct transport *transport,
			   struct rte_mbuf *packet)
{
	struct rtp_view view;
	int64_t index;
	unsigned int n_sources = transport->n_sources;
	const struct source *source = identify(worker, transport, packet, &view);
	if (!source)
		return NULL;
	struct track *track = &transport->tracks[source->track];
	enum packet_color color = policing_color(worker, transport, packet, !is_video(track));
	if (color == COLOR_RED) {
		drop_policed(worker, track, packet, &view, source->is_rtx);
		return NULL;
	}
	packet_tx(packet)->color = (uint8_t)color;
	note_arrival(transport, packet, &view);
	if (source->is_rtx && (!track->reception.started || !take_apart_rtx(packet, &view))) {
		packet_free(packet);
		return NULL;
	}
	if (source->is_rtx && is_far_ahead(track, view.sequence)) {
		worker_drop(worker, packet, DROP_RTP_STALE);
		return NULL;
	}
	switch (reception_on_packet(&track->reception, view.sequence, view.timestamp,
				    packet_meta(packet)->rx_ns, source->is_rtx, &index)) {
	case RECEPTION_DUPLICATE:
		worker_drop(worker, packet, DROP_RTP_DUPLICATE);
		return NULL;
	case RECEPTION_STALE:
		worker_drop(worker, packet, DROP_RTP_STALE);
		return NULL;
	case RECEPTION_NEW:
		break;
	}
	if (source->is_rtx)
		count(&worker->counters, COUNT_RTP_RECOVERED);
	track->has_ended = false;
	fill(packet, track, &view, index);
	if (!passes_meter(worker, track, packet)) {
		worker_drop(worker, packet, DROP_METER);
		return NULL;
	}
	note_keyframe(worker, track, packet);
	if (transport->n_sources > n_sources && track->keyframe_wanted)
		report_keyframes(worker, transport);
	return track;
}

static void look_for_holes(struct worker *worker, struct transport *transport, struct track *track)
{
	if (!track->config.nack || transport->nack_due_ns != UINT64_MAX ||
	    !reception_has_holes(&track->reception))
		return;
	transport->nack_due_ns = worker->now_ns + HOLE_PATIENCE_NS;
	if (transport->timer.due_ns > transport->nack_due_ns)
		worker_schedule(worker, transport, transport->nack_due_ns);
}

void track_on_packets(struct worker *worker, struct transport *transport, struct rte_mbuf **packets,
		      unsigned int n)
{
	struct rte_mbuf *run[PORT_BURST];
	struct track *run_track = NULL;
	unsigned int n_run = 0;

	count_n(&worker->counters, COUNT_RTP_IN, n);
	for (unsigned int i = 0; i < n; i++) {
		struct track *track = admit(worker, transport, packets[i]);
		if (!track)
			continue;
		if (n_run && track != run_track) {
			feed_publish(worker, run_track->config.feed, run, n_run);
			n_run = 0;
		}
		run_track = track;
		run[n_run++] = packets[i];
		look_for_holes(worker, transport, track);
	}
	if (n_run)
		feed_publish(worker, run_track->config.feed, run, n_run);
}
