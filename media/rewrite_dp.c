#include "media/rewrite.h"

#include "media/rtp.h"

void rewrite_init(struct rewrite *rewrite, uint16_t sequence, uint32_t timestamp)
{
	*rewrite = (struct rewrite){
		/* One cycle up, so that indices never get negative. */
		.highest_out = 0x10000 + sequence,
		.last_timestamp_out = timestamp,
	};
}

static void begin_epoch(struct rewrite *rewrite, uint32_t epoch, int64_t index_in,
			uint32_t timestamp_in, uint32_t clock_hz, uint64_t now_ns)
{
	uint64_t elapsed = 1;
	if (rewrite->started && now_ns > rewrite->last_ns)
		elapsed = (now_ns - rewrite->last_ns) / 1000 * clock_hz / 1000000;
	if (elapsed == 0)
		elapsed = 1;
	rewrite->timestamp_offset = rewrite->last_timestamp_out + (uint32_t)elapsed - timestamp_in;
	rewrite->index_offset = rewrite->highest_out + 1 - index_in;
	rewrite->first_in = index_in;
	rewrite->epoch = epoch;
	rewrite->started = true;
}

bool rewrite_map(struct rewrite *rewrite, uint32_t epoch, int64_t index_in, uint32_t timestamp_in,
		 uint32_t clock_hz, uint64_t now_ns, int64_t *index_out, uint32_t *timestamp_out)
{
	if (!rewrite->started || (int32_t)(epoch - rewrite->epoch) > 0)
		begin_epoch(rewrite, epoch, index_in, timestamp_in, clock_hz, now_ns);
	else if (epoch != rewrite->epoch || index_in < rewrite->first_in)
		return false;
	*index_out = index_in + rewrite->index_offset;
	*timestamp_out = timestamp_in + rewrite->timestamp_offset;
	if (*index_out > rewrite->highest_out) {
		rewrite->highest_out = *index_out;
		rewrite->last_timestamp_out = *timestamp_out;
		rewrite->last_ns = now_ns;
	}
	return true;
}

bool rewrite_source(const struct rewrite *rewrite, uint16_t sequence_out, int64_t *index_in)
{
	int64_t index_out = rtp_unwrap(rewrite->highest_out, sequence_out);
	int64_t source = index_out - rewrite->index_offset;
	if (!rewrite->started || index_out > rewrite->highest_out || source < rewrite->first_in)
		return false;
	*index_in = source;
	return true;
}
