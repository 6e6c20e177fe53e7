#include "bench/slices_load.h"

#include <assert.h>

static struct source *add(struct load *load, const struct source *like)
{
	assert(load->n < LOAD_SOURCES_MAX);
	struct source *source = &load->sources[load->n++];
	*source = *like;
	return source;
}

void load_add_flows(struct load *load, const struct source *like, int64_t wire_bps, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct source *source = add(load, like);
		source->burst = 1;
		source->peer = like->peer + i;
		source->interval_ns = source_interval_ns(wire_bps / n, like->bytes, 1);
		source->phase_ns = like->phase_ns + source->interval_ns * i / n;
	}
}

void load_add_session(struct load *load, const struct source *like, unsigned int i, unsigned int n,
		      bool has_video)
{
	struct source *voice = add(load, like);
	voice->kind = FLOW_VOICE;
	voice->bytes = LOAD_VOICE_BYTES;
	voice->burst = 1;
	voice->interval_ns = LOAD_VOICE_NS;
	voice->phase_ns = LOAD_VOICE_NS * i / n;
	if (!has_video)
		return;
	struct source *video = add(load, like);
	video->kind = FLOW_VIDEO;
	video->bytes = LOAD_VIDEO_BYTES;
	video->burst = LOAD_VIDEO_PACKETS;
	video->interval_ns = LOAD_VIDEO_NS;
	video->phase_ns = LOAD_VIDEO_NS * i / n;
}
