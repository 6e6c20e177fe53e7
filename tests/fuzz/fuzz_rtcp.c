/* Walks a compound with every getter; what was read is written, and must read back the same. */
#include "media/rtcp.h"

#include <string.h>

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NACKS_MAX 512

static uint8_t out[1 << 16];

static struct rtcp_item read_back(int size)
{
	struct rtcp_reader reader;
	struct rtcp_item item, more;
	EXPECT(size > 0 && size % 4 == 0);
	rtcp_reader_init(&reader, out, (size_t)size);
	EXPECT(rtcp_next(&reader, &item) && !rtcp_next(&reader, &more) && !reader.bad);
	return item;
}

static bool same_report(const struct rtcp_report *a, const struct rtcp_report *b)
{
	return a->ssrc == b->ssrc && a->fraction_lost == b->fraction_lost &&
	       a->cumulative_lost == b->cumulative_lost &&
	       a->highest_sequence == b->highest_sequence && a->jitter == b->jitter &&
	       a->last_sr == b->last_sr && a->delay_since_last_sr == b->delay_since_last_sr;
}

static void check_reports(const struct rtcp_item *item)
{
	struct rtcp_report reports[RTCP_REPORTS_MAX + 1], again;
	unsigned int n = 0;
	while (rtcp_report_get(item, n, &reports[n]))
		n++;
	EXPECT(n == item->count);
	int size = item->type == RTCP_SR
			   ? rtcp_write_sr(out, sizeof(out), item->sender_ssrc, &item->sender,
					   reports, n)
			   : rtcp_write_rr(out, sizeof(out), item->sender_ssrc, reports, n);
	struct rtcp_item back = read_back(size);
	EXPECT(back.type == item->type && back.count == n);
	EXPECT(back.sender_ssrc == item->sender_ssrc && back.sender.ntp == item->sender.ntp);
	EXPECT(back.sender.octets == item->sender.octets);
	for (unsigned int i = 0; i < n; i++)
		EXPECT(rtcp_report_get(&back, i, &again) && same_report(&again, &reports[i]));
}

static void check_nack(const struct rtcp_item *item)
{
	uint16_t asked[NACKS_MAX], again[NACKS_MAX + 17];
	unsigned int n = rtcp_nack_get(item, asked, NACKS_MAX);
	EXPECT(n <= NACKS_MAX && (n > 0) == (item->body_bytes >= 4));
	if (n == 0)
		return;
	struct rtcp_item back = read_back(
		rtcp_write_nack(out, sizeof(out), item->sender_ssrc, item->media_ssrc, asked, n));
	EXPECT(back.media_ssrc == item->media_ssrc);
	/* Packing may join entries and so drop repetitions, but the set is the same. */
	unsigned int got = rtcp_nack_get(&back, again, NACKS_MAX + 17);
	EXPECT(got <= n);
	for (unsigned int i = 0; i < n; i++) {
		bool found = false;
		for (unsigned int k = 0; k < got && !found; k++)
			found = again[k] == asked[i];
		EXPECT(found);
	}
}

static void check_fir(const struct rtcp_item *item)
{
	uint32_t ssrc, again;
	uint8_t command, command_again;
	unsigned int i = 0;
	for (; rtcp_fir_get(item, i, &ssrc, &command); i++) {
		struct rtcp_item back = read_back(
			rtcp_write_fir(out, sizeof(out), item->sender_ssrc, ssrc, command));
		EXPECT(rtcp_fir_get(&back, 0, &again, &command_again));
		EXPECT(again == ssrc && command_again == command);
	}
	EXPECT(i == item->body_bytes / 8);
}

static void check_bye(const struct rtcp_item *item)
{
	uint32_t ssrc, again;
	unsigned int i = 0;
	for (; rtcp_bye_get(item, i, &ssrc); i++) {
		struct rtcp_item back = read_back(rtcp_write_bye(out, sizeof(out), ssrc));
		EXPECT(rtcp_bye_get(&back, 0, &again) && again == ssrc);
	}
	EXPECT(i == item->count);
}

static void check_reference_time(const struct rtcp_item *item)
{
	uint64_t ntp;
	EXPECT(!rtcp_rrtr_get(item, &ntp) || item->body_bytes >= 12);
}

static void check_item(const struct rtcp_item *item)
{
	if (item->type == RTCP_SR || item->type == RTCP_RR)
		check_reports(item);
	else if (item->type == RTCP_BYE)
		check_bye(item);
	else if (item->type == RTCP_RTPFB && item->count == RTCP_FB_NACK)
		check_nack(item);
	else if (item->type == RTCP_PSFB && item->count == RTCP_FB_FIR)
		check_fir(item);
	else if (item->type == RTCP_XR)
		check_reference_time(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtcp_reader reader;
	struct rtcp_item item;
	unsigned int sum = 0;
	rtcp_reader_init(&reader, data, size);
	while (rtcp_next(&reader, &item)) {
		EXPECT(item.body >= data && item.body + item.body_bytes <= data + size);
		for (size_t i = 0; i < item.body_bytes; i++)
			sum += item.body[i];
		check_item(&item);
	}
	EXPECT(reader.bad || reader.at == reader.end);
	volatile unsigned int read = sum;
	(void)read;
	return 0;
}
