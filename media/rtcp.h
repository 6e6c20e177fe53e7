/* RTCP (RFC 3550, 4585, 5104): an iterator over a compound packet that never reads past its end,
 * and writers. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205,
	RTCP_PSFB = 206,
	RTCP_XR = 207,
};
enum rtcp_rtpfb { RTCP_FB_NACK = 1, RTCP_FB_TRANSPORT_CC = 15 };
enum rtcp_psfb { RTCP_FB_PLI = 1, RTCP_FB_FIR = 4, RTCP_FB_ALFB = 15 };

#define RTCP_REPORTS_MAX    31 /* the count has five bits */
#define RTCP_REMB_SSRCS_MAX 255
#define RTCP_SDES_CNAME_MAX 63 /* ours; RFC 3550 6.5 would allow 255 */

struct rtcp_report { /* report block, RFC 3550 6.4.1 */
	uint32_t ssrc;
	uint8_t fraction_lost;        /* of 256 */
	int32_t cumulative_lost;      /* 24 bit; written clamped to that */
	uint32_t highest_sequence;    /* cycles << 16 | sequence */
	uint32_t jitter;              /* clock units */
	uint32_t last_sr;             /* middle 32 bits of the SR's NTP time; 0 = none */
	uint32_t delay_since_last_sr; /* 1/65536 s */
};

struct rtcp_sender_info {
	uint64_t ntp; /* 32.32 */
	uint32_t rtp_timestamp, packets, octets;
};

/* One packet of a compound. `body` points behind the common header and whatever of the next fields
 * the type has: the sender's SSRC (all but SDES and BYE), media SSRC, sender info. So it begins
 * with the report blocks of SR and RR, the FCI of feedback, the name of APP. Padding is taken off.
 */
struct rtcp_item {
	uint8_t type, count; /* count: report count, feedback format, source count */
	uint32_t sender_ssrc;
	uint32_t media_ssrc;            /* RTPFB and PSFB, else 0 */
	struct rtcp_sender_info sender; /* SR only */
	const uint8_t *body;            /* borrowed from the compound */
	size_t body_bytes;
};

struct rtcp_reader {
	const uint8_t *at, *end;
	bool bad; /* sticky: the compound is malformed from here on */
};

/* A compound or reduced-size (RFC 5506) packet. */
void rtcp_reader_init(struct rtcp_reader *reader, const uint8_t *bytes, size_t size);
/* The next packet; false at the end or once bad. A packet whose count, SDES item or BYE reason does
 * not fit its length, or that is padded without being the last, is bad. Types that enum rtcp_type
 * does not name are passed over; XR is returned with its blocks unread. */
bool rtcp_next(struct rtcp_reader *reader, struct rtcp_item *item);

/* Report block i of an SR or RR; false past the last complete one. */
bool rtcp_report_get(const struct rtcp_item *item, unsigned int i, struct rtcp_report *out);
/* Sequence numbers asked for by a generic NACK, at most `max` of them; returns how many. */
unsigned int rtcp_nack_get(const struct rtcp_item *item, uint16_t *sequences, unsigned int max);
/* SSRC of FIR entry i (RFC 5104 4.3.1), with its command number; false past the last. */
bool rtcp_fir_get(const struct rtcp_item *item, unsigned int i, uint32_t *ssrc, uint8_t *command);
/* The NTP time in an XR's receiver reference time block (RFC 3611 4.4); false when it has none. */
bool rtcp_rrtr_get(const struct rtcp_item *item, uint64_t *ntp);
/* Source i of a BYE; false past the last. */
bool rtcp_bye_get(const struct rtcp_item *item, unsigned int i, uint32_t *ssrc);

/* Writers: append one packet at `out`; bytes written, or -ENOSPC. */

/* At most RTCP_REPORTS_MAX reports, else -EINVAL. */
int rtcp_write_sr(uint8_t *out, size_t room, uint32_t ssrc, const struct rtcp_sender_info *sender,
		  const struct rtcp_report *reports, unsigned int n);
int rtcp_write_rr(uint8_t *out, size_t room, uint32_t ssrc, const struct rtcp_report *reports,
		  unsigned int n);
/* -EINVAL when the name is longer than RTCP_SDES_CNAME_MAX. */
int rtcp_write_sdes_cname(uint8_t *out, size_t room, uint32_t ssrc, const char *cname);
int rtcp_write_bye(uint8_t *out, size_t room, uint32_t ssrc);
int rtcp_write_pli(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t media_ssrc);
int rtcp_write_fir(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t media_ssrc,
		   uint8_t command);
/* `sequences` ascending modulo 2^16; runs are packed into bitmasks. Nothing (0) when n == 0. */
int rtcp_write_nack(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t media_ssrc,
		    const uint16_t *sequences, unsigned int n);

/* REMB (draft-alvestrand-rmcat-remb-03 2.2): what the sender of `ssrcs` may send in all, rounded
 * down to 18 bits. At most RTCP_REMB_SSRCS_MAX, else -EINVAL. */
int rtcp_write_remb(uint8_t *out, size_t room, uint32_t sender_ssrc, uint64_t bps,
		    const uint32_t *ssrcs, unsigned int n);

/* XR with one DLRR block (RFC 3611 4.5), the answer to `receiver`'s reference time report: it
 * learns the round trip although it sends no media. `delay`: 1/65536 s since that report came. */
int rtcp_write_dlrr(uint8_t *out, size_t room, uint32_t sender_ssrc, uint32_t receiver_ssrc,
		    uint32_t last_rr, uint32_t delay);

/* CLOCK_REALTIME nanoseconds as an NTP timestamp (32.32; wraps into era 1 in 2036, as everybody's),
 * and the middle 32 bits of one. */
uint64_t rtcp_ntp_from_unix_ns(uint64_t unix_ns);
static inline uint32_t rtcp_ntp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}
