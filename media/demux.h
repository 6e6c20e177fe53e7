/* Which protocol a datagram is, by its first bytes (RFC 7983, RFC 5761). Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum demux_kind { DEMUX_UNKNOWN, DEMUX_STUN, DEMUX_DTLS, DEMUX_RTP, DEMUX_RTCP, DEMUX_KINDS };

/* STUN: first byte 0-3 and at least 20 bytes with the magic cookie. DTLS: 20-63, at least a 13-byte
 * record header. RTP/RTCP: 128-191, at least 12 and 8 bytes; payload type 64-95 without the marker
 * bit is RTCP. All else UNKNOWN. */
enum demux_kind demux_classify(const uint8_t *bytes, size_t size);
