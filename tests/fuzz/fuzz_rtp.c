/* The first byte of each input turns the extension map, the rest is a packet. What is read is
 * written again, with the map's own ids, and must read back the same. */
#include "media/rtp.h"

#include <errno.h>
#include <string.h>

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small ids, ids past the one-byte form, and one that is not negotiated. */
static struct rtp_extension_map map_from(uint8_t turn)
{
	struct rtp_extension_map map = {{0}};
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
		map.id[e] = (uint8_t)(turn & 0x80 ? 10 + e * (turn & 0x1f) : 1 + e);
	map.id[turn >> 4 & 7] = 0;
	return map;
}

static unsigned int elements_from(const uint8_t *bytes, const struct rtp_view *view,
				  const struct rtp_extension_map *map, struct rtp_element *elements)
{
	unsigned int n = 0;
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++) {
		if (view->extension[e].offset == 0)
			continue;
		EXPECT(map->id[e] != 0);
		elements[n++] = (struct rtp_element){
			.id = map->id[e],
			.bytes = view->extension[e].bytes,
			.value = bytes + view->extension[e].offset,
		};
	}
	return n;
}

static void compare(const uint8_t *a, const struct rtp_view *x, const uint8_t *b,
		    const struct rtp_view *y)
{
	EXPECT(x->ssrc == y->ssrc && x->timestamp == y->timestamp && x->sequence == y->sequence);
	EXPECT(x->payload_type == y->payload_type && x->marker == y->marker);
	EXPECT(x->payload_bytes == y->payload_bytes);
	EXPECT(memcmp(a + x->payload_offset, b + y->payload_offset, x->payload_bytes) == 0);
	for (unsigned int e = 0; e < RTP_EXTENSIONS; e++) {
		EXPECT((x->extension[e].offset == 0) == (y->extension[e].offset == 0));
		EXPECT(x->extension[e].bytes == y->extension[e].bytes);
		EXPECT(memcmp(a + x->extension[e].offset, b + y->extension[e].offset,
			      x->extension[e].bytes) == 0);
	}
}

static void write_again(const uint8_t *bytes, const struct rtp_view *view,
			const struct rtp_extension_map *map)
{
	struct rtp_element elements[RTP_EXTENSIONS];
	uint16_t offsets[RTP_EXTENSIONS];
	unsigned int n = elements_from(bytes, view, map, elements);
	struct rtp_header header = {view->ssrc, view->timestamp, view->sequence, view->payload_type,
				    view->marker};
	size_t room = RTP_HEADER_BYTES + 8 + n * (2 + 255);
	uint8_t *big = malloc(room);
	int head = rtp_write(big, room, &header, elements, n, offsets);
	free(big);
	EXPECT(head >= RTP_HEADER_BYTES && head % 4 == 0);
	size_t size = (size_t)head + view->payload_bytes;
	uint8_t *out = malloc(size);
	EXPECT(rtp_write(out, (size_t)head - 1, &header, elements, n, offsets) == -ENOSPC);
	EXPECT(rtp_write(out, (size_t)head, &header, elements, n, offsets) == head);
	memcpy(out + head, bytes + view->payload_offset, view->payload_bytes);
	struct rtp_view again;
	if (size <= UINT16_MAX) {
		EXPECT(rtp_parse(out, size, map, &again) == 0);
		EXPECT(again.payload_offset == head);
		compare(bytes, view, out, &again);
		for (unsigned int e = 0, i = 0; e < RTP_EXTENSIONS; e++) {
			if (again.extension[e].offset != 0)
				EXPECT(offsets[i++] == again.extension[e].offset);
		}
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct rtp_extension_map map = map_from(data[0]);
	const uint8_t *bytes = data + 1;
	struct rtp_view view, blind;
	int result = rtp_parse(bytes, size - 1, &map, &view);
	EXPECT(rtp_parse(bytes, size - 1, NULL, &blind) == result);
	if (result < 0)
		return 0;
	EXPECT((size_t)view.payload_offset + view.payload_bytes <= size - 1);
	write_again(bytes, &view, &map);
	return 0;
}
