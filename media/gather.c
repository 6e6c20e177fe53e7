#include "media/gather.h"

void gather_take(struct gather *gather, unsigned int n, uint64_t now_ns)
{
	if (now_ns - gather->since_ns >= GATHER_WINDOW_NS) {
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
