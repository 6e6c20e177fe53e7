/* Header and extensions of a packet as one viewer wants them: the first of its kind is written
 * element by element, those that follow are filled into its form. */
#include "media/subscription_head.h"

#include "media/subscription.h"
#include "media/worker.h"

/* 6.18 fixed point seconds, modulo 64 s. */
static void abs_send_time(uint64_t now_ns, uint8_t out[3])
{
	uint64_t wrapped_ns = now_ns % 64000000000ull;
	uint32_t value = (uint32_t)((wrapped_ns << 18) / 1000000000ull);
	out[0] = (uint8_t)(value >> 16);
	out[1] = (uint8_t)(value >> 8);
	out[2] = (uint8_t)value;
}

/* What a value that differs from packet to packet is in this one. abs-send-time says when we send,
 * the rest is passed on. */
static const uint8_t *value_of(struct rte_mbuf *packet, unsigned int extension,
			       const uint8_t send_time[3])
{
	if (extension == RTP_EXT_ABS_SEND_TIME)
		return send_time;
	return packet_bytes(packet) + rtp_packet(packet)->extension[extension].offset;
}

/* Collects the elements this viewer agreed on, MID its own. *values: all others. */
static unsigned int gather_extensions(const struct subscription *subscription,
				      struct rte_mbuf *packet, const uint8_t send_time[3],
				      struct rtp_element *elements, struct rtp_form_value *values)
{
	const struct rtp_packet *source = rtp_packet(packet);
	const uint8_t *ids = subscription->config.extensions.id;
	unsigned int n = 0;

	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++) {
		if (!ids[e] || (e != RTP_EXT_MID && !source->extension[e].offset))
			continue;
		struct rtp_element *element = &elements[n];
		element->id = ids[e];
		if (e == RTP_EXT_MID) {
			element->value = (const uint8_t *)subscription->config.mid;
			element->bytes = (uint8_t)strlen(subscription->config.mid);
		} else {
			element->value = value_of(packet, e, send_time);
			element->bytes =
				e == RTP_EXT_ABS_SEND_TIME ? 3 : source->extension[e].bytes;
		}
		values[n++] =
			(struct rtp_form_value){.extension = (uint8_t)e, .bytes = element->bytes};
	}
	return n;
}

/* Writes the header element by element, and remembers the form for packets of the same shape.
 * Returns its length, or -ENOSPC. */
static int write_out(struct subscription *subscription, struct rte_mbuf *packet,
		     const struct rtp_header *header, const uint8_t send_time[3], uint8_t *out)
{
	struct rtp_element elements[RTP_EXTENSIONS];
	struct rtp_form_value values[RTP_EXTENSIONS];
	uint16_t offsets[RTP_EXTENSIONS];
	unsigned int n = gather_extensions(subscription, packet, send_time, elements, values);
	int head = rtp_write(out, PACKET_BYTES_MAX, header, elements, n, offsets);
	if (head < 0 || head > RTP_HEADER_BYTES + RTP_FORM_BYTES_MAX)
		return head;
	unsigned int n_values = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (values[i].extension == RTP_EXT_MID)
			continue;
		values[i].offset = (uint8_t)(offsets[i] - RTP_HEADER_BYTES);
		values[n_values++] = values[i];
	}
	rtp_form_learn(&subscription->form, rtp_packet(packet)->shape, out + RTP_HEADER_BYTES,
		       (size_t)head - RTP_HEADER_BYTES, values, n_values);
	return head;
}

/* The same, from the form. */
static int fill_in(const struct rtp_form *form, struct rte_mbuf *packet,
		   const struct rtp_header *header, const uint8_t send_time[3], uint8_t *out)
{
	rtp_write_fixed(out, header, form->bytes > 0);
	out += RTP_HEADER_BYTES;
	memcpy(out, form->block, sizeof(form->block));
	for (unsigned int i = 0; i < form->n_values; i++) {
		const struct rtp_form_value *value = &form->values[i];
		memcpy(out + value->offset, value_of(packet, value->extension, send_time),
		       value->bytes);
	}
	return RTP_HEADER_BYTES + form->bytes;
}

struct rte_mbuf *subscription_head(struct worker *worker, struct subscription *subscription,
				   struct rte_mbuf *packet, const struct rtp_header *header,
				   unsigned int payload)
{
	uint8_t send_time[3];
	struct rte_mbuf *copy = worker_alloc(worker);
	if (!copy)
		return NULL;
	abs_send_time(worker->now_ns, send_time);
	uint8_t *out = packet_bytes(copy);
	int head = rtp_form_fits(&subscription->form, rtp_packet(packet)->shape)
			   ? fill_in(&subscription->form, packet, header, send_time, out)
			   : write_out(subscription, packet, header, send_time, out);
	if (head < 0 || (unsigned int)head + payload > PACKET_BYTES_MAX) {
		worker_drop(worker, copy, DROP_NO_BUFFER);
		return NULL;
	}
	copy->data_len = (uint16_t)head;
	copy->pkt_len = (uint32_t)head;
	packet_tx(copy)->color = packet_tx(packet)->color;
	return copy;
}
