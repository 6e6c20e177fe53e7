/* Where a key frame begins, seen from the payload descriptor alone. Each format is walked to the
 * end of its descriptor through a cursor whose error is sticky, so a truncated one is never a
 * start, and at least one byte of the frame must follow. */
#include "media/codec.h"

struct cursor {
	const uint8_t *at, *end;
	bool bad; /* sticky: something was read past the end */
};

static uint8_t read_byte(struct cursor *c)
{
	if (c->at == c->end) {
		c->bad = true;
		return 0;
	}
	return *c->at++;
}

static void skip_bytes(struct cursor *c, size_t n)
{
	if (n > (size_t)(c->end - c->at)) {
		c->bad = true;
		n = (size_t)(c->end - c->at);
	}
	c->at += n;
}

/* A picture id of 7 or 15 bits, the same in VP8 and VP9. */
static void skip_picture_id(struct cursor *c)
{
	if (read_byte(c) & 0x80)
		skip_bytes(c, 1);
}

/* RFC 7741 4.2: |X R N S R PID:3|  X: |I L T K rsv:4|, then picture id, TL0PICIDX, TID/KEYIDX. */
static bool vp8_start(struct cursor *c)
{
	uint8_t head = read_byte(c);
	if ((head & 0x10) == 0 || (head & 0x07) != 0)
		return false;
	if (head & 0x80) {
		uint8_t has = read_byte(c);
		if (has & 0x80)
			skip_picture_id(c);
		if (has & 0x40)
			skip_bytes(c, 1);
		if (has & 0x30)
			skip_bytes(c, 1);
	}
	uint8_t frame = read_byte(c);
	return !c->bad && (frame & 0x01) == 0;
}

/* RFC 9628 4.2.1: |N_S:3 Y G rsv:3|, sizes, picture group. */
static void vp9_skip_structure(struct cursor *c)
{
	uint8_t head = read_byte(c);
	if (head & 0x10)
		skip_bytes(c, (size_t)4 * ((head >> 5) + 1));
	if ((head & 0x08) == 0)
		return;
	for (unsigned int pictures = read_byte(c); pictures > 0 && !c->bad; pictures--)
		skip_bytes(c, (read_byte(c) >> 2) & 0x03);
}

/* RFC 9628 4.2: |I P L F B E V Z|, picture id, |TID:3 U SID:3 D| and without F TL0PICIDX. */
static bool vp9_start(struct cursor *c)
{
	uint8_t head = read_byte(c);
	if ((head & 0x40) != 0 || (head & 0x08) == 0)
		return false;
	if (head & 0x80)
		skip_picture_id(c);
	if (head & 0x20) {
		uint8_t layer = read_byte(c);
		if (((layer >> 1) & 0x07) != 0)
			return false;
		if ((head & 0x10) == 0)
			skip_bytes(c, 1);
	}
	if (head & 0x02)
		vp9_skip_structure(c);
	return !c->bad && c->at < c->end;
}

enum { NAL_IDR = 5, NAL_SPS = 7, NAL_STAP_A = 24, NAL_FU_A = 28 };

static bool nal_starts(uint8_t type)
{
	return type == NAL_IDR || type == NAL_SPS;
}

/* RFC 6184 5.7.1: |size:16 unit...| again and again, to the very end. */
static bool stap_a_start(struct cursor *c)
{
	bool start = false;
	while (c->at < c->end) {
		size_t size = (size_t)read_byte(c) << 8;
		size |= read_byte(c);
		if (size == 0 || c->at == c->end)
			return false;
		start |= nal_starts(*c->at & 0x1f);
		skip_bytes(c, size);
	}
	return start && !c->bad;
}

static bool h264_start(struct cursor *c)
{
	uint8_t head = read_byte(c);
	if (c->at == c->end || (head & 0x80) != 0)
		return false;
	uint8_t type = head & 0x1f;
	if (type == NAL_STAP_A)
		return stap_a_start(c);
	if (type != NAL_FU_A)
		return nal_starts(type);
	/* RFC 6184 5.8: |S E R type:5|; S and E together are forbidden. */
	uint8_t fragment = read_byte(c);
	return (fragment & 0xc0) == 0x80 && nal_starts(fragment & 0x1f) && c->at < c->end;
}

#define OBU_SEQUENCE_HEADER 1

static uint64_t read_leb128(struct cursor *c)
{
	uint64_t value = 0;
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t byte = read_byte(c);
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			return value;
	}
	c->bad = true;
	return 0;
}

/* AV1 RTP spec 4.4: |Z Y W:2 N rsv:3|, then OBU elements; only with W = 1 the first has no length.
 */
static bool av1_start(struct cursor *c)
{
	uint8_t head = read_byte(c);
	if (head & 0x80)
		return false;
	uint64_t length = (head & 0x30) == 0x10 ? (uint64_t)(c->end - c->at) : read_leb128(c);
	if (c->bad || length == 0 || length > (uint64_t)(c->end - c->at))
		return false;
	uint8_t obu = *c->at;
	if (obu & 0x80)
		return false;
	return (head & 0x08) != 0 || ((obu >> 3) & 0x0f) == OBU_SEQUENCE_HEADER;
}

bool codec_keyframe_start(enum codec codec, const uint8_t *payload, size_t size)
{
	struct cursor c = {payload, payload + size, false};
	switch (codec) {
	case CODEC_OPUS:
		return true;
	case CODEC_VP8:
		return vp8_start(&c);
	case CODEC_VP9:
		return vp9_start(&c);
	case CODEC_H264:
		return h264_start(&c);
	case CODEC_AV1:
		return av1_start(&c);
	case CODECS:
	case CODEC_NONE:
		break;
	}
	return false;
}
