/* Packets, requests and reports from bytes, against a model that keeps plain sorted lists and does
 * the RFC's arithmetic on signed 64 and 128 bit numbers. */
#include "media/reception.h"

#include <string.h>

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPS_MAX  300
#define CLOCK_HZ 90000
#define NS_PER_S 1000000000

struct hole {
	int64_t index, asked_ms;
	unsigned int tries;
};

struct model {
	bool started;
	int64_t first, highest;
	unsigned int received, duplicates, recovered;
	int64_t expected_prior, received_prior, jitter_q4;
	uint32_t transit;
	bool timed;
	unsigned int n, holes_n;
	int64_t seen[OPS_MAX];
	struct hole holes[RECEPTION_WINDOW + OPS_MAX]; /* ascending; given up ones stay */
};

static struct reception reception;
static struct model model;

static void drop_holes(int64_t up_to)
{
	unsigned int keep = 0;
	for (unsigned int i = 0; i < model.holes_n; i++) {
		if (model.holes[i].index > up_to)
			model.holes[keep++] = model.holes[i];
	}
	model.holes_n = keep;
}

static void add_holes(int64_t from, int64_t to)
{
	unsigned int n = (unsigned int)(to - from), at = 0;
	EXPECT(model.holes_n + n <= sizeof(model.holes) / sizeof(model.holes[0]));
	while (at < model.holes_n && model.holes[at].index < from)
		at++;
	memmove(&model.holes[at + n], &model.holes[at],
		(model.holes_n - at) * sizeof(model.holes[0]));
	for (unsigned int i = 0; i < n; i++)
		model.holes[at + i] = (struct hole){.index = from + i};
	model.holes_n += n;
}

static void fill_hole(int64_t index)
{
	for (unsigned int i = 0; i < model.holes_n; i++) {
		if (model.holes[i].index != index)
			continue;
		model.recovered += model.holes[i].tries > 0;
		model.holes_n--;
		memmove(&model.holes[i], &model.holes[i + 1],
			(model.holes_n - i) * sizeof(model.holes[0]));
		return;
	}
}

static bool was_seen(int64_t index)
{
	for (unsigned int i = 0; i < model.n; i++) {
		if (model.seen[i] == index)
			return true;
	}
	return false;
}

static void model_jitter(uint32_t timestamp, uint64_t now_ns)
{
	uint32_t transit = (uint32_t)((unsigned __int128)now_ns * CLOCK_HZ / NS_PER_S) - timestamp;
	if (model.timed) {
		int64_t distance = (int32_t)(transit - model.transit);
		model.jitter_q4 += llabs(distance) - ((model.jitter_q4 + 8) >> 4);
	}
	model.transit = transit;
	model.timed = true;
}

static enum reception_verdict model_on_packet(int64_t index, uint32_t timestamp, uint64_t now_ns,
					      bool repaired)
{
	if (!model.started) {
		model.started = true;
		model.first = model.highest = index;
	} else if (index <= model.highest - RECEPTION_WINDOW) {
		return RECEPTION_STALE;
	} else if (was_seen(index)) {
		model.duplicates++;
		return RECEPTION_DUPLICATE;
	} else if (index > model.highest + RECEPTION_WINDOW) {
		model.highest = index;
		model.holes_n = 0;
	} else if (index > model.highest) {
		drop_holes(index - RECEPTION_WINDOW);
		add_holes(model.highest + 1, index);
		model.highest = index;
	} else if (index < model.first) {
		add_holes(index + 1, model.first);
		model.first = index;
	}
	fill_hole(index);
	model.seen[model.n++] = index;
	model.received++;
	if (!repaired)
		model_jitter(timestamp, now_ns);
	return RECEPTION_NEW;
}

/* A hole that was asked for stays as one that was given up: what comes all the same is recovered.
 */
static void give_up_hole(int64_t index)
{
	for (unsigned int i = 0; i < model.holes_n; i++) {
		if (model.holes[i].index != index)
			continue;
		if (model.holes[i].tries > 0)
			model.holes[i].tries = RECEPTION_TRIES_MAX;
		else
			fill_hole(index);
		return;
	}
}

static bool model_on_policed(int64_t index)
{
	if (!model.started || index <= model.highest - RECEPTION_WINDOW || index < model.first ||
	    was_seen(index))
		return false;
	if (index > model.highest + RECEPTION_WINDOW) {
		model.highest = index;
		model.holes_n = 0;
	} else if (index > model.highest) {
		drop_holes(index - RECEPTION_WINDOW);
		add_holes(model.highest + 1, index);
		model.highest = index;
	}
	give_up_hole(index);
	return true;
}

static void check_nacks(uint64_t now_ns, unsigned int retry_ms)
{
	uint16_t asked[RECEPTION_NACKS_MAX];
	unsigned int n = reception_nacks(&reception, now_ns, retry_ms * UINT64_C(1000000), asked);
	unsigned int expected = 0;
	int64_t now_ms = (int64_t)(now_ns / 1000000);
	if (retry_ms > 30000)
		retry_ms = 30000;
	for (unsigned int i = 0; i < model.holes_n && expected < RECEPTION_NACKS_MAX; i++) {
		struct hole *hole = &model.holes[i];
		if (hole->tries == RECEPTION_TRIES_MAX ||
		    (hole->tries > 0 && (now_ms - hole->asked_ms) % 65536 < retry_ms))
			continue;
		hole->tries++;
		hole->asked_ms = now_ms;
		EXPECT(expected < n && asked[expected] == (uint16_t)hole->index);
		expected++;
	}
	EXPECT(n == expected);
}

static void check_report(uint64_t now_ns)
{
	struct rtcp_report report;
	reception_report(&reception, now_ns, &report);
	int64_t expected = model.started ? model.highest - model.first + 1 : 0;
	int64_t interval = expected - model.expected_prior;
	int64_t lost = interval - (model.received - model.received_prior);
	int64_t fraction = interval > 0 && lost > 0 ? lost * 256 / interval : 0;
	int64_t cumulative = expected - model.received;
	EXPECT(report.fraction_lost == (fraction > 255 ? 255 : fraction));
	EXPECT(report.cumulative_lost == (cumulative > 0x7fffff ? 0x7fffff : cumulative));
	EXPECT(report.highest_sequence == (model.started ? (uint32_t)model.highest : 0));
	EXPECT(report.jitter == (uint32_t)(model.jitter_q4 >> 4));
	model.expected_prior = expected;
	model.received_prior = model.received;
}

static void check_state(void)
{
	bool open = false;
	for (unsigned int i = 0; i < model.holes_n; i++)
		open |= model.holes[i].tries < RECEPTION_TRIES_MAX;
	EXPECT(reception_has_holes(&reception) == open);
	EXPECT(reception.received == model.received && reception.duplicates == model.duplicates);
	EXPECT(reception.recovered == model.recovered);
}

/* Where the next packet stands: mostly one ahead, sometimes a little off, sometimes anywhere. */
static int64_t next_index(struct input *in, uint8_t what)
{
	int64_t off = 1;
	if ((what & 0x30) == 0x10)
		off = (int8_t)input_u8(in) / 8;
	if ((what & 0x30) == 0x20)
		off = (int16_t)input_u16(in) / 24;
	if ((what & 0x30) == 0x30)
		off = (int16_t)input_u16(in);
	return model.highest + off;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	memset(&model, 0, sizeof(model));
	reception_init(&reception, 7, CLOCK_HZ);
	model.highest = input_u16(&in);
	uint64_t now_ns = (uint64_t)input_u16(&in) << 40;
	uint32_t timestamp = input_u32(&in);
	for (unsigned int op = 0; op < OPS_MAX && in.left > 0; op++) {
		uint8_t what = input_u8(&in);
		now_ns += (what & 0x07) * UINT64_C(1666667) + (what & 0x40 ? input_u32(&in) : 0);
		if ((what & 0x07) == 6) {
			check_nacks(now_ns, input_u8(&in) * (what & 0x08 ? 200u : 1u));
		} else if ((what & 0x07) == 7) {
			check_report(now_ns);
		} else if ((what & 0x07) == 5) {
			int64_t index = next_index(&in, what);
			bool is_lost = reception_on_policed(&reception, (uint16_t)index);
			EXPECT(is_lost == model_on_policed(index));
		} else {
			int64_t index = model.started ? next_index(&in, what) : model.highest, got;
			timestamp += what & 0x80 ? (uint32_t)input_u16(&in) << 8 : 150;
			enum reception_verdict verdict = reception_on_packet(
				&reception, (uint16_t)index, timestamp, now_ns, what & 0x08, &got);
			EXPECT(got == index);
			EXPECT(verdict == model_on_packet(index, timestamp, now_ns, what & 0x08));
		}
		check_state();
	}
	check_nacks(now_ns, 0);
	check_report(now_ns);
	return 0;
}
