/* What is named RTP, RTCP, STUN or DTLS may be read as far as its smallest packet goes. */
#include "media/demux.h"

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t least[DEMUX_KINDS] = {
		[DEMUX_STUN] = 20, [DEMUX_DTLS] = 13, [DEMUX_RTP] = 12, [DEMUX_RTCP] = 8};
	enum demux_kind kind = demux_classify(data, size);
	EXPECT(kind < DEMUX_KINDS && size >= least[kind]);
	EXPECT((kind == DEMUX_RTP || kind == DEMUX_RTCP) ==
	       (kind != DEMUX_UNKNOWN && data[0] >= 128));
	/* More bytes behind never change what a packet is. */
	if (kind != DEMUX_UNKNOWN)
		EXPECT(demux_classify(data, least[kind]) == kind);
	return 0;
}
