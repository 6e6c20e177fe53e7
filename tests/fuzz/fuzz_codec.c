/* The first byte names the codec, the rest is a payload. A VP8 or VP9 descriptor says the same
 * whatever follows it. */
#include "media/codec.h"

#include <string.h>

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum codec codec = (enum codec)(data[0] % (CODECS + 1));
	const uint8_t *payload = data + 1;
	bool start = codec_keyframe_start(codec, payload, --size);
	EXPECT(codec != CODEC_OPUS || start);
	EXPECT(codec != CODECS || !start);
	if (codec == CODEC_OPUS)
		return 0;
	for (size_t part = 0; part < size && part < 64; part++) {
		uint8_t *copy = malloc(part ? part : 1);
		memcpy(copy, payload, part);
		bool early = codec_keyframe_start(codec, copy, part);
		free(copy);
		EXPECT(part > 1 || !early);
		if (codec == CODEC_VP8 || codec == CODEC_VP9)
			EXPECT(!early || start);
	}
	return 0;
}
