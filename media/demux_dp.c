/* Sorting what arrives on the one UDP port. A protocol is named only when its smallest packet is
 * there whole, so whoever is called next may read that much without asking. */
#include "media/demux.h"

#include "media/wire.h"

#define STUN_HEADER_BYTES 20
#define STUN_MAGIC_COOKIE 0x2112A442 /* RFC 8489 5 */
#define DTLS_RECORD_BYTES 13         /* RFC 6347 4.1 */
#define RTP_BYTES_MIN     12
#define RTCP_BYTES_MIN    8

static enum demux_kind classify_rtp(const uint8_t *bytes, size_t size)
{
	if (size < RTCP_BYTES_MIN)
		return DEMUX_UNKNOWN;
	uint8_t type = bytes[1] & 0x7f;
	if (type >= 64 && type <= 95)
		return DEMUX_RTCP;
	return size >= RTP_BYTES_MIN ? DEMUX_RTP : DEMUX_UNKNOWN;
}

enum demux_kind demux_classify(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return DEMUX_UNKNOWN;
	if (bytes[0] >= 128 && bytes[0] <= 191)
		return classify_rtp(bytes, size);
	if (bytes[0] <= 3 && size >= STUN_HEADER_BYTES &&
	    wire_read32(bytes + 4) == STUN_MAGIC_COOKIE)
		return DEMUX_STUN;
	if (bytes[0] >= 20 && bytes[0] <= 63 && size >= DTLS_RECORD_BYTES)
		return DEMUX_DTLS;
	return DEMUX_UNKNOWN;
}
