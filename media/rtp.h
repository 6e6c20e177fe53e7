/* RTP packets (RFC 3550) and their header extensions (RFC 8285): parse once, write many. Pure
 * functions over bytes; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_HEADER_BYTES 12

/* The header extensions we know by meaning. A packet's and a viewer's numbers for them differ.
 * Their URIs are in rtp.c. */
enum rtp_extension {
	RTP_EXT_MID,                   /* media identification, RFC 8843 */
	RTP_EXT_RID,                   /* RTP stream id, RFC 8852 */
	RTP_EXT_REPAIRED_RID,          /* repaired RTP stream id, RFC 8852 */
	RTP_EXT_TRANSPORT_CC,          /* transport-wide sequence number */
	RTP_EXT_ABS_SEND_TIME,         /* absolute send time, 24 bit */
	RTP_EXT_AUDIO_LEVEL,           /* client-to-mixer audio level, RFC 6464 */
	RTP_EXT_VIDEO_ORIENTATION,     /* coordination of video orientation, 3GPP TS 26.114 */
	RTP_EXT_DEPENDENCY_DESCRIPTOR, /* AV1 RTP specification, appendix A */
	RTP_EXTENSIONS
};

/* The extension's URI, as SDP names it; and back (-1: not one of ours). */
const char *rtp_extension_uri(enum rtp_extension extension);
int rtp_extension_by_uri(const char *uri, size_t uri_len);

/* Extension numbers of one m-line or transport: id[e] is 1..255, 0 = not negotiated. */
struct rtp_extension_map {
	uint8_t id[RTP_EXTENSIONS];
};

/* Offsets are from the packet's first byte. */
struct rtp_view {
	uint32_t ssrc, timestamp;
	uint16_t sequence;
	uint16_t payload_offset, payload_bytes; /* padding already taken off */
	uint8_t payload_type;
	bool marker;
	struct {
		uint16_t offset;
		uint8_t bytes;       /* 0 with offset != 0: present and empty */
	} extension[RTP_EXTENSIONS]; /* offset 0: absent */
};

/* Reads a packet. Extensions whose id is not in `map` are passed over; when an id comes twice, the
 * last one counts. A malformed extension block, CSRC list or padding makes the packet bad: -EBADMSG
 * then, and *view is unspecified. `map` may be NULL (no extensions looked at, block still checked).
 * A block of an unknown profile is passed over, but Cryptex (RFC 9335, 0xC0DE and 0xC2DE) is bad:
 * we never negotiate it, and behind it all is ciphertext. */
int rtp_parse(const uint8_t *bytes, size_t size, const struct rtp_extension_map *map,
	      struct rtp_view *view);

/* One extension element to write. */
struct rtp_element {
	uint8_t id; /* 1..255 */
	uint8_t bytes;
	const uint8_t *value; /* borrowed; may be NULL with bytes > 0: room is left, zeroed */
};

struct rtp_header {
	uint32_t ssrc, timestamp;
	uint16_t sequence;
	uint8_t payload_type;
	bool marker;
};

/* The fixed header alone, RTP_HEADER_BYTES; `extended`: an extension block follows. */
void rtp_write_fixed(uint8_t *out, const struct rtp_header *header, bool extended);
/* Writes header and extension block; one-byte form when all ids are <= 14 and all lengths 1..16,
 * else two-byte form; no block when n == 0. offsets[i] (may be NULL) is where element i's value
 * begins. Returns the number of bytes (a multiple of 4), or -ENOSPC. */
int rtp_write(uint8_t *out, size_t room, const struct rtp_header *header,
	      const struct rtp_element *elements, unsigned int n, uint16_t *offsets);

/* 64-bit index of a 16-bit sequence number next to the highest one seen (RFC 3711 3.3.1's guess,
 * without its first-packet special case): the value congruent to `sequence` nearest to `reference`.
 * Negative for a packet from before the first when that one had a small sequence number. */
int64_t rtp_unwrap(int64_t reference, uint16_t sequence);
