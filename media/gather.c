#include "media/gather.h"

static uint64_t window_ns(const struct gather *gather)
{
	uint64_t waits_ns = GATHER_WINDOW_WAITS * gather->wait_ns;
	return waits_ns > GATHER_WINDOW_NS ? waits_ns : GATHER_WINDOW_NS;
}

void gather_take(struct gather *gather, unsigned int n, uint64_t now_ns)
{
	if (now_ns - gather->since_ns >= window_ns(gather)) {
		gather->expected = gather->n * gather->wait_ns / (now_ns - gather->since_ns);
		gather->since_ns = now_ns;
		gather->n = 0;
	}
	gather->n += n;
	if (n > 0)
		gather->taken_ns = now_ns;
}

uint64_t gather_until_ns(const struct gather *gather)
{
	return gather->expected >= GATHER_PACKETS ? gather->taken_ns + gather->wait_ns : 0;
}
