/* RTP on the packet path. An arriving header is read in one pass, by offsets, and never copied; a
 * leaving one is written once per viewer, so that side measures first and then stores without
 * looking back. The block of header extensions (RFC 8285):
 *
 *    0xBEDE | words      one-byte form: id:4 length-1:4 value...
 *    0x100x | words      two-byte form: id:8 length:8   value...
 */
#include "media/rtp.h"

#include <assert.h>
#include <errno.h>

#include "media/wire.h"

#define PROFILE_ONE_BYTE     0xBEDE
#define PROFILE_TWO_BYTE     0x1000 /* the low four bits belong to the application */
#define PROFILE_CRYPTEX_ONE  0xC0DE
#define PROFILE_CRYPTEX_TWO  0xC2DE
#define EXTENSION_HEAD_BYTES 4
#define ONE_BYTE_ID_STOP     15
#define ONE_BYTE_ID_MAX      14
#define ONE_BYTE_LENGTH_MAX  16

static void note_extension(struct rtp_view *view, const struct rtp_extension_map *map, uint8_t id,
			   size_t offset, size_t length)
{
	for (unsigned int e = 0; map && e < RTP_EXTENSIONS; e++) {
		if (map->id[e] == id) {
			view->extension[e].offset = (uint16_t)offset;
			view->extension[e].bytes = (uint8_t)length;
			return;
		}
	}
}

static int parse_one_byte(const uint8_t *bytes, size_t at, size_t end,
			  const struct rtp_extension_map *map, struct rtp_view *view)
{
	while (at < end) {
		if (bytes[at] == 0) {
			at++;
			continue;
		}
		uint8_t id = bytes[at] >> 4;
		size_t length = (bytes[at] & 0x0fu) + 1;
		/* RFC 8285 4.2: nothing behind id 15, nor behind padding that claims a length. */
		if (id == 0 || id == ONE_BYTE_ID_STOP)
			return 0;
		at++;
		if (length > end - at)
			return -EBADMSG;
		note_extension(view, map, id, at, length);
		at += length;
	}
	return 0;
}

static int parse_two_byte(const uint8_t *bytes, size_t at, size_t end,
			  const struct rtp_extension_map *map, struct rtp_view *view)
{
	while (at < end) {
		uint8_t id = bytes[at++];
		if (id == 0)
			continue;
		if (at == end)
			return -EBADMSG;
		size_t length = bytes[at++];
		if (length > end - at)
			return -EBADMSG;
		note_extension(view, map, id, at, length);
		at += length;
	}
	return 0;
}

/* Reads the block at *at and moves *at behind it. */
static int parse_block(const uint8_t *bytes, size_t size, size_t *at,
		       const struct rtp_extension_map *map, struct rtp_view *view)
{
	if (size - *at < EXTENSION_HEAD_BYTES)
		return -EBADMSG;
	uint16_t profile = wire_read16(bytes + *at);
	size_t length = (size_t)4 * wire_read16(bytes + *at + 2);
	size_t begin = *at + EXTENSION_HEAD_BYTES;
	if (length > size - begin)
		return -EBADMSG;
	*at = begin + length;
	if (profile == PROFILE_ONE_BYTE)
		return parse_one_byte(bytes, begin, *at, map, view);
	if ((profile & 0xfff0) == PROFILE_TWO_BYTE)
		return parse_two_byte(bytes, begin, *at, map, view);
	if (profile == PROFILE_CRYPTEX_ONE || profile == PROFILE_CRYPTEX_TWO)
		return -EBADMSG;
	return 0;
}

int rtp_parse(const uint8_t *bytes, size_t size, const struct rtp_extension_map *map,
	      struct rtp_view *view)
{
	if (size < RTP_HEADER_BYTES || size > UINT16_MAX || bytes[0] >> 6 != 2)
		return -EBADMSG;
	size_t at = RTP_HEADER_BYTES + (size_t)4 * (bytes[0] & 0x0f);
	if (at > size)
		return -EBADMSG;
	memset(view->extension, 0, sizeof(view->extension));
	if ((bytes[0] & 0x10) != 0 && parse_block(bytes, size, &at, map, view) < 0)
		return -EBADMSG;
	size_t padding = 0;
	if ((bytes[0] & 0x20) != 0) {
		padding = bytes[size - 1];
		if (padding == 0 || padding > size - at)
			return -EBADMSG;
	}
	view->marker = bytes[1] >> 7;
	view->payload_type = bytes[1] & 0x7f;
	view->sequence = wire_read16(bytes + 2);
	view->timestamp = wire_read32(bytes + 4);
	view->ssrc = wire_read32(bytes + 8);
	view->payload_offset = (uint16_t)at;
	view->payload_bytes = (uint16_t)(size - at - padding);
	return 0;
}

void rtp_write_fixed(uint8_t *out, const struct rtp_header *header, bool extended)
{
	out[0] = (uint8_t)(0x80 | (extended ? 0x10 : 0));
	out[1] = (uint8_t)((header->marker ? 0x80 : 0) | (header->payload_type & 0x7f));
	wire_write16(out + 2, header->sequence);
	wire_write32(out + 4, header->timestamp);
	wire_write32(out + 8, header->ssrc);
}

int rtp_write(uint8_t *out, size_t room, const struct rtp_header *header,
	      const struct rtp_element *elements, unsigned int n, uint16_t *offsets)
{
	if (n == 0) {
		if (room < RTP_HEADER_BYTES)
			return -ENOSPC;
		rtp_write_fixed(out, header, false);
		return RTP_HEADER_BYTES;
	}
	bool one_byte = true;
	size_t end = RTP_HEADER_BYTES + EXTENSION_HEAD_BYTES;
	for (unsigned int i = 0; i < n; i++) {
		assert(elements[i].id != 0);
		one_byte &= elements[i].id <= ONE_BYTE_ID_MAX &&
			    elements[i].bytes - 1u < ONE_BYTE_LENGTH_MAX;
		end += elements[i].bytes;
	}
	end += (size_t)n * (one_byte ? 1 : 2);
	end = (end + 3) & ~(size_t)3;
	if (end > room || end > UINT16_MAX)
		return -ENOSPC;
	rtp_write_fixed(out, header, true);
	size_t at = RTP_HEADER_BYTES;
	wire_write16(out + at, one_byte ? PROFILE_ONE_BYTE : PROFILE_TWO_BYTE);
	wire_write16(out + at + 2, (uint16_t)((end - at) / 4 - 1));
	wire_write32(out + end - 4, 0); /* the padding, before the values go over it */
	at += EXTENSION_HEAD_BYTES;
	for (unsigned int i = 0; i < n; i++) {
		const struct rtp_element *e = &elements[i];
		if (one_byte) {
			out[at++] = (uint8_t)(e->id << 4 | (e->bytes - 1));
		} else {
			out[at++] = e->id;
			out[at++] = e->bytes;
		}
		if (offsets)
			offsets[i] = (uint16_t)at;
		if (e->value)
			memcpy(out + at, e->value, e->bytes);
		else
			memset(out + at, 0, e->bytes);
		at += e->bytes;
	}
	return (int)end;
}

int64_t rtp_unwrap(int64_t reference, uint16_t sequence)
{
	return reference + (int16_t)(uint16_t)(sequence - (uint16_t)reference);
}
