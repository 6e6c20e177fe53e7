/* Reading RTCP. A compound is a chain of packets that each state their own length, and most state
 * more lengths inside; all of them are checked once, in rtcp_next, so that the getters only have to
 * know how many bytes the body has. The first lie ends the walk: what came before it stands,
 * nothing behind it is believed. Writing is in rtcp_write.c.
 *
 *    |V=2:2 P:1 count:5| type:8 | length in words - 1:16 | sender SSRC:32 | ...
 */
#include "media/rtcp.h"

#include "media/wire.h"

#define COMMON_BYTES      4
#define SSRC_BYTES        4
#define SENDER_INFO_BYTES 20
#define REPORT_BYTES      24
#define NACK_BYTES        4
#define FIR_BYTES         8
#define APP_NAME_BYTES    4
#define XR_BLOCK_BYTES    4 /* |type|reserved|length in words:16| */
#define XR_RRTR           4
#define XR_RRTR_BYTES     8

void rtcp_reader_init(struct rtcp_reader *reader, const uint8_t *bytes, size_t size)
{
	*reader = (struct rtcp_reader){.at = bytes, .end = bytes + size};
}

/* RFC 3550 6.5: count chunks of |SSRC| type length text ... 0 |, each ending on a word. */
static bool sdes_is_sound(const uint8_t *body, size_t size, unsigned int chunks)
{
	size_t at = 0;
	for (; chunks > 0; chunks--) {
		if (size - at < SSRC_BYTES)
			return false;
		at += SSRC_BYTES;
		while (at < size && body[at] != 0) {
			if (size - at < 2 || body[at + 1] > size - at - 2)
				return false;
			at += 2u + body[at + 1];
		}
		/* At least one zero byte ends the list: without it this goes past the end. */
		at = (at + 4) & ~(size_t)3;
		if (at > size)
			return false;
	}
	return true;
}

/* RFC 3550 6.6: count sources, then perhaps |length text|. */
static bool bye_is_sound(const uint8_t *body, size_t size, unsigned int sources)
{
	size_t at = (size_t)SSRC_BYTES * sources;
	if (at > size)
		return false;
	return at == size || body[at] <= size - at - 1;
}

/* The fixed part of each type behind the common header, and what its count promises. */
static bool take_fixed(struct rtcp_item *item)
{
	static const uint8_t fixed[RTCP_XR + 1] = {
		[RTCP_SR] = SSRC_BYTES + SENDER_INFO_BYTES,
		[RTCP_RR] = SSRC_BYTES,
		[RTCP_SDES] = 0,
		[RTCP_BYE] = 0,
		[RTCP_APP] = SSRC_BYTES,
		[RTCP_RTPFB] = 2 * SSRC_BYTES,
		[RTCP_PSFB] = 2 * SSRC_BYTES,
		[RTCP_XR] = SSRC_BYTES,
	};
	const uint8_t *at = item->body;
	size_t taken = fixed[item->type];
	if (taken > item->body_bytes)
		return false;
	if (taken > 0)
		item->sender_ssrc = wire_read32(at);
	if (item->type == RTCP_RTPFB || item->type == RTCP_PSFB)
		item->media_ssrc = wire_read32(at + SSRC_BYTES);
	if (item->type == RTCP_SR) {
		item->sender.ntp = wire_read64(at + 4);
		item->sender.rtp_timestamp = wire_read32(at + 12);
		item->sender.packets = wire_read32(at + 16);
		item->sender.octets = wire_read32(at + 20);
	}
	item->body += taken;
	item->body_bytes -= taken;
	return true;
}

static bool item_is_sound(struct rtcp_item *item)
{
	if (!take_fixed(item))
		return false;
	switch (item->type) {
	case RTCP_SR:
	case RTCP_RR:
		return item->body_bytes / REPORT_BYTES >= item->count;
	case RTCP_SDES:
		return sdes_is_sound(item->body, item->body_bytes, item->count);
	case RTCP_BYE:
		return bye_is_sound(item->body, item->body_bytes, item->count);
	case RTCP_APP:
		return item->body_bytes >= APP_NAME_BYTES;
	default:
		return true;
	}
}

/* Cuts one packet off the compound, without its padding. */
static bool cut_packet(struct rtcp_reader *reader, struct rtcp_item *item)
{
	size_t left = (size_t)(reader->end - reader->at);
	if (left < COMMON_BYTES || reader->at[0] >> 6 != 2)
		return false;
	size_t size = (size_t)4 * (wire_read16(reader->at + 2) + 1u);
	if (size > left)
		return false;
	*item = (struct rtcp_item){
		.type = reader->at[1],
		.count = reader->at[0] & 0x1f,
		.body = reader->at + COMMON_BYTES,
		.body_bytes = size - COMMON_BYTES,
	};
	if (reader->at[0] & 0x20) {
		/* RFC 3550 6.4.1: only the last one, in whole words, counting itself. */
		uint8_t padding = item->body_bytes > 0 ? reader->at[size - 1] : 0;
		if (size != left || padding == 0 || padding % 4 != 0 || padding > item->body_bytes)
			return false;
		item->body_bytes -= padding;
	}
	reader->at += size;
	return true;
}

bool rtcp_next(struct rtcp_reader *reader, struct rtcp_item *item)
{
	while (!reader->bad && reader->at < reader->end) {
		if (!cut_packet(reader, item)) {
			reader->bad = true;
			return false;
		}
		if (item->type < RTCP_SR || item->type > RTCP_XR)
			continue;
		reader->bad = !item_is_sound(item);
		return !reader->bad;
	}
	return false;
}

bool rtcp_report_get(const struct rtcp_item *item, unsigned int i, struct rtcp_report *out)
{
	if ((item->type != RTCP_SR && item->type != RTCP_RR) || i >= item->count ||
	    i >= item->body_bytes / REPORT_BYTES)
		return false;
	const uint8_t *at = item->body + (size_t)REPORT_BYTES * i;
	uint32_t lost = wire_read24(at + 5);
	*out = (struct rtcp_report){
		.ssrc = wire_read32(at),
		.fraction_lost = at[4],
		.cumulative_lost = (int32_t)lost - (int32_t)((lost & 0x800000) << 1),
		.highest_sequence = wire_read32(at + 8),
		.jitter = wire_read32(at + 12),
		.last_sr = wire_read32(at + 16),
		.delay_since_last_sr = wire_read32(at + 20),
	};
	return true;
}

unsigned int rtcp_nack_get(const struct rtcp_item *item, uint16_t *sequences, unsigned int max)
{
	if (item->type != RTCP_RTPFB || item->count != RTCP_FB_NACK)
		return 0;
	unsigned int n = 0;
	size_t entries = item->body_bytes / NACK_BYTES;
	for (size_t e = 0; e < entries && n < max; e++) {
		uint16_t first = wire_read16(item->body + e * NACK_BYTES);
		/* Bit i of the mask is first + 1 + i; with first itself put in front, first + i. */
		uint32_t mask = (uint32_t)wire_read16(item->body + e * NACK_BYTES + 2) << 1 | 1;
		for (unsigned int i = 0; mask >> i != 0 && n < max; i++) {
			if (mask >> i & 1)
				sequences[n++] = (uint16_t)(first + i);
		}
	}
	return n;
}

bool rtcp_fir_get(const struct rtcp_item *item, unsigned int i, uint32_t *ssrc, uint8_t *command)
{
	if (item->type != RTCP_PSFB || item->count != RTCP_FB_FIR ||
	    i >= item->body_bytes / FIR_BYTES)
		return false;
	const uint8_t *at = item->body + (size_t)FIR_BYTES * i;
	*ssrc = wire_read32(at);
	*command = at[4];
	return true;
}

bool rtcp_bye_get(const struct rtcp_item *item, unsigned int i, uint32_t *ssrc)
{
	if (item->type != RTCP_BYE || i >= item->count || i >= item->body_bytes / SSRC_BYTES)
		return false;
	*ssrc = wire_read32(item->body + (size_t)SSRC_BYTES * i);
	return true;
}

bool rtcp_rrtr_get(const struct rtcp_item *item, uint64_t *ntp)
{
	if (item->type != RTCP_XR)
		return false;
	const uint8_t *at = item->body;
	size_t left = item->body_bytes;
	while (left >= XR_BLOCK_BYTES) {
		size_t size = (size_t)wire_read16(at + 2) * 4;
		left -= XR_BLOCK_BYTES;
		if (size > left)
			return false;
		if (at[0] == XR_RRTR && size == XR_RRTR_BYTES) {
			*ntp = wire_read64(at + XR_BLOCK_BYTES);
			return true;
		}
		at += XR_BLOCK_BYTES + size;
		left -= size;
	}
	return false;
}
