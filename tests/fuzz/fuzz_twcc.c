/* Sequence and arrival patterns from bytes, against a list of arrivals that is searched from end to
 * end; every feedback is read by the tests' own decoder and compared status by status. */
#include "media/twcc.h"

#include <errno.h>

#include "tests/fuzz/input.h"
#include "tests/media/feedback_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TICK_NS  UINT64_C(250000)
#define OPS_MAX  300
#define ROOM_MAX 1400

struct model {
	int64_t next, highest;
	unsigned int n, feedbacks;
	struct {
		int64_t index;
		uint64_t tick;
	} arrivals[OPS_MAX];
};

static struct twcc twcc;
static struct model model;
static struct feedback feedback;

static const uint64_t *find(int64_t index)
{
	for (unsigned int i = 0; i < model.n; i++) {
		if (model.arrivals[i].index == index)
			return &model.arrivals[i].tick;
	}
	return NULL;
}

static void model_on_packet(int64_t index, uint64_t tick)
{
	bool first = model.n == 0;
	if (!first && (index <= model.highest - TWCC_WINDOW || find(index)))
		return;
	if (first || index > model.highest + TWCC_WINDOW) {
		model.n = 0;
		model.next = model.highest = index;
	}
	if (index > model.highest)
		model.highest = index;
	if (index < model.next)
		model.next = index;
	if (model.next <= model.highest - TWCC_WINDOW)
		model.next = model.highest - TWCC_WINDOW + 1;
	model.arrivals[model.n].index = index;
	model.arrivals[model.n++].tick = tick;
}

static void check_feedback(const uint8_t *bytes, int size, size_t room)
{
	EXPECT((size_t)size <= room && size % 4 == 0);
	EXPECT(feedback_read(bytes, (size_t)size, &feedback));
	EXPECT(feedback.sender_ssrc == 0x01020304 && feedback.media_ssrc == 0xfffefdfc);
	EXPECT(feedback.count == (uint8_t)model.feedbacks++);
	EXPECT(feedback.n <= (uint64_t)(model.highest - model.next) + 1);
	for (unsigned int i = 0; i < feedback.n; i++, model.next++) {
		const uint64_t *tick = find(model.next);
		EXPECT(feedback.status[i].sequence == (uint16_t)model.next);
		EXPECT(feedback.status[i].received == (tick != NULL));
		/* A feedback that begins just before the wrap of its 32 bit time is ahead of it. */
		if (tick)
			EXPECT((uint32_t)feedback.status[i].ticks == (uint32_t)*tick);
	}
}

static void write_one(size_t room)
{
	uint8_t *out = malloc(room ? room : 1);
	bool pending = model.n > 0 && model.next <= model.highest;
	EXPECT(twcc_pending(&twcc) == pending);
	int size = twcc_write(&twcc, out, room, 0x01020304, 0xfffefdfc);
	if (!pending)
		EXPECT(size == 0);
	else if (room < 24)
		EXPECT(size == -ENOSPC);
	else
		check_feedback(out, size, room);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	twcc_init(&twcc);
	model.n = model.feedbacks = 0;
	int64_t index = input_u16(&in);
	uint64_t tick = (uint64_t)input_u32(&in) << 4;
	for (unsigned int op = 0; op < OPS_MAX && in.left > 0; op++) {
		uint8_t what = input_u8(&in);
		/* Mostly one ahead and soon; sometimes anywhere and any time. */
		index = what & 0x80 ? model.highest + (int16_t)input_u16(&in)
				    : index + 1 + (what >> 4 & 3) - (what >> 6 & 1) * 3;
		tick += what & 0x08 ? input_u16(&in) : what & 0x07;
		if ((what & 0x0f) == 0x0f)
			tick -= tick < 70000 ? 0 : 66000;
		if (model.n > 0 && (index - model.highest > 32767 || model.highest - index > 32768))
			index = model.highest;
		twcc_on_packet(&twcc, (uint16_t)index, tick * TICK_NS);
		model_on_packet(index, tick);
		if ((what & 0x07) == 0x06)
			write_one(input_u16(&in) % ROOM_MAX);
	}
	while (twcc_pending(&twcc))
		write_one(24u + size % ROOM_MAX);
	write_one(ROOM_MAX);
	return 0;
}
