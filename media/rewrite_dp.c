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

/* The next number out is this packet's, and no older one's. */
static void splice(struct rewrite *rewrite, const struct rewrite_place *in)
{
	rewrite->index_offset = rewrite->highest_out + 1 - in->index;
	rewrite->first_in = in->index;
	rewrite->resumes = false;
}

static void begin_epoch(struct rewrite *rewrite, const struct rewrite_place *in, uint32_t clock_hz,
			uint64_t now_ns)
{
	uint64_t elapsed = 1;
	if (rewrite->started && now_ns > rewrite->last_ns)
		elapsed = (now_ns - rewrite->last_ns) / 1000 * clock_hz / 1000000;
	if (elapsed == 0)
		elapsed = 1;
	rewrite->timestamp_offset = rewrite->last_timestamp_out + (uint32_t)elapsed - in->timestamp;
	splice(rewrite, in);
	rewrite->epoch = in->epoch;
	rewrite->started = true;
}

void rewrite_resume(struct rewrite *rewrite)
{
	rewrite->resumes = rewrite->started;
}

static bool begins(const struct rewrite *rewrite, const struct rewrite_place *in)
{
	return !rewrite->started || (int32_t)(in->epoch - rewrite->epoch) > 0;
}

bool rewrite_passes(const struct rewrite *rewrite, const struct rewrite_place *in)
{
	if (begins(rewrite, in))
		return true;
	int64_t highest_in = rewrite->highest_out - rewrite->index_offset;
	int64_t lowest = rewrite->resumes ? highest_in + 1 : rewrite->first_in;
	return in->epoch == rewrite->epoch && in->index >= lowest;
}

bool rewrite_map(struct rewrite *rewrite, const struct rewrite_place *in, uint32_t clock_hz,
		 uint64_t now_ns, struct rewrite_place *out)
{
	if (!rewrite_passes(rewrite, in))
		return false;
	if (begins(rewrite, in))
		begin_epoch(rewrite, in, clock_hz, now_ns);
	else if (rewrite->resumes)
		splice(rewrite, in);
	out->epoch = in->epoch;
	out->index = in->index + rewrite->index_offset;
	out->timestamp = in->timestamp + rewrite->timestamp_offset;
	if (out->index > rewrite->highest_out) {
		rewrite->highest_out = out->index;
		rewrite->last_timestamp_out = out->timestamp;
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
