#include "media/splice.h"

void splice_cut(struct splice *splice, int64_t highest)
{
	splice->was_cut = true;
	splice->is_due = true;
	splice->lowest = highest + 1;
}

bool splice_passes(const struct splice *splice, int64_t index)
{
	return !splice->was_cut || index >= splice->lowest;
}

int64_t splice_map(struct splice *splice, int64_t index)
{
	if (splice->is_due) {
		if (splice->started)
			splice->skipped = index - (splice->highest + 1);
		splice->lowest = index;
		splice->is_due = false;
	}
	int64_t out = index - splice->skipped;
	if (!splice->started || out > splice->highest)
		splice->highest = out;
	splice->started = true;
	return out;
}
