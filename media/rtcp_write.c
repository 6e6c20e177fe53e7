/* Writing RTCP: each function appends one packet, whole or not at all. */
#include "media/rtcp.h"

#include <errno.h>
#include <string.h>

#include "media/wire.h"

#define NTP_UNIX_SECONDS  2208988800u /* 1900-01-01 to 1970-01-01 */
#define NS_PER_S          1000000000u
#define XR_DLRR           5
#define REMB_MANTISSA_MAX 0x3ffffu
#define PACKET_BYTES_MAX  (4u << 16) /* the length field's */

/* Common header and first SSRC of a packet of `size` bytes, if there is room for it. */
static int write_head(uint8_t *out, size_t room, size_t size, uint8_t type, unsigned int count,
		      uint32_t ssrc)
{
	if (size > room)
		return -ENOSPC;
	out[0] = (uint8_t)(0x80 | count);
	out[1] = type;
	wire_write16(out + 2, (uint16_t)(size / 4 - 1));
	wire_write32(out + 4, ssrc);
	return (int)size;
}

static void write_reports(uint8_t *at, const struct rtcp_report *reports, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++, at += 24) {
		const struct rtcp_report *r = &reports[i];
		int32_t lost = r->cumulative_lost;
		if (lost > 0x7fffff)
			lost = 0x7fffff;
		if (lost < -0x800000)
			lost = -0x800000;
		wire_write32(at, r->ssrc);
		at[4] = r->fraction_lost;
		wire_write24(at + 5, (uint32_t)lost);
		wire_write32(at + 8, r->highest_sequence);
		wire_write32(at + 12, r->jitter);
		wire_write32(at + 16, r->last_sr);
		wire_write32(at + 20, r->delay_since_last_sr);
	}
}

int rtcp_write_sr(uint8_t *out, size_t room, uint32_t ssrc, const struct rtcp_sender_info *sender,
		  const struct rtcp_report *reports, unsigned int n)
{
	if (n > RTCP_REPORTS_MAX)
		return -EINVAL;
	int size = write_head(out, room, 28 + 24u * n, RTCP_SR, n, ssrc);
	if (size < 0)
		return size;
	wire_write64(out + 8, sender->ntp);
	wire_write32(out + 16, sender->rtp_timestamp);
	wire_write32(out + 20, sender->packets);
	wire_write32(out + 24, sender->octets);
	write_reports(out + 28, reports, n);
	return size;
}

int rtcp_write_rr(uint8_t *out, size_t room, uint32_t ssrc, const struct rtcp_report *reports,
		  unsigned int n)
{
	if (n > RTCP_REPORTS_MAX)
		return -EINVAL;
	int size = write_head(out, room, 8 + 24u * n, RTCP_RR, n, ssrc);
	if (size > 0)
		write_reports(out + 8, reports, n);
	return size;
}

int rtcp_write_sdes_cname(uint8_t *out, size_t room, uint32_t ssrc, const char *cname)
{
	size_t length = strnlen(cname, RTCP_SDES_CNAME_MAX + 1);
	if (length > RTCP_SDES_CNAME_MAX)
		return -EINVAL;
	/* type, length, text, at least one zero, up to a word */
	size_t chunk = (2 + length + 4) & ~(size_t)3;
	int size = write_head(out, room, 8 + chunk, RTCP_SDES, 1, ssrc);
	if (size < 0)
		return size;
	memset(out + 8, 0, chunk);
	out[8] = 1; /* CNAME */
	out[9] = (uint8_t)length;
	memcpy(out + 10, cname, length);
	return size;
}

int rtcp_write_bye(uint8_t *out, size_t room, uint32_t ssrc)
{
	return write_head(out, room, 8, RTCP_BYE, 1, ssrc);
}

int rtcp_write_pli(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t media_ssrc)
{
	int size = write_head(out, room, 12, RTCP_PSFB, RTCP_FB_PLI, sender_ssrc);
	if (size > 0)
		wire_write32(out + 8, media_ssrc);
	return size;
}

int rtcp_write_fir(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t media_ssrc,
		   uint8_t command)
{
	int size = write_head(out, room, 20, RTCP_PSFB, RTCP_FB_FIR, sender_ssrc);
	if (size < 0)
		return size;
	/* RFC 5104 4.3.1.2: the media SSRC of the header is unused and zero, the entry names it. */
	wire_write32(out + 8, 0);
	wire_write32(out + 12, media_ssrc);
	wire_write32(out + 16, (uint32_t)command << 24);
	return size;
}

int rtcp_write_nack(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t media_ssrc,
		    const uint16_t *sequences, unsigned int n)
{
	if (n == 0)
		return 0;
	size_t at = 12;
	for (unsigned int i = 0; i < n; at += 4) {
		if (room < at + 4 || at >= PACKET_BYTES_MAX)
			return -ENOSPC;
		uint16_t first = sequences[i++];
		unsigned int mask = 0;
		for (; i < n; i++) {
			uint16_t ahead = (uint16_t)(sequences[i] - first);
			if (ahead > 16)
				break;
			mask |= ahead > 0 ? 1u << (ahead - 1) : 0;
		}
		wire_write16(out + at, first);
		wire_write16(out + at + 2, (uint16_t)mask);
	}
	write_head(out, room, at, RTCP_RTPFB, RTCP_FB_NACK, sender_ssrc);
	wire_write32(out + 8, media_ssrc);
	return (int)at;
}

/*    | 'R' 'E' 'M' 'B' | SSRCs:8 | exponent:6 | mantissa:18 | SSRC ... | */
int rtcp_write_remb(uint8_t *out, size_t room, uint32_t sender_ssrc, uint64_t bps,
		    const uint32_t *ssrcs, unsigned int n)
{
	if (n > RTCP_REMB_SSRCS_MAX)
		return -EINVAL;
	int size = write_head(out, room, 20 + 4u * n, RTCP_PSFB, RTCP_FB_ALFB, sender_ssrc);
	if (size < 0)
		return size;
	uint32_t exponent = 0;
	for (; bps >> exponent > REMB_MANTISSA_MAX; exponent++)
		;
	wire_write32(out + 8, 0); /* no media source of its own */
	memcpy(out + 12, "REMB", 4);
	wire_write32(out + 16, n << 24 | exponent << 18 | (uint32_t)(bps >> exponent));
	for (unsigned int i = 0; i < n; i++)
		wire_write32(out + 20 + 4u * i, ssrcs[i]);
	return size;
}

int rtcp_write_dlrr(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t receiver_ssrc,
		    uint32_t last_rr, uint32_t delay)
{
	int size = write_head(out, room, 24, RTCP_XR, 0, sender_ssrc);
	if (size < 0)
		return size;
	wire_write32(out + 8, (uint32_t)XR_DLRR << 24 | 3); /* three words per receiver */
	wire_write32(out + 12, receiver_ssrc);
	wire_write32(out + 16, last_rr);
	wire_write32(out + 20, delay);
	return size;
}

uint64_t rtcp_ntp_from_unix_ns(uint64_t unix_ns)
{
	uint64_t seconds = unix_ns / NS_PER_S + NTP_UNIX_SECONDS;
	uint64_t fraction = ((unix_ns % NS_PER_S) << 32) / NS_PER_S;
	return seconds << 32 | fraction;
}
