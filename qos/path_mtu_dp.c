/* The sender's look at a destination's path MTU. */
#include "qos/path_mtu_word.h"

uint16_t path_mtu_find(const struct path_mtu *paths, const struct address *to)
{
	if (atomic_load_explicit(&paths->n, memory_order_relaxed) == 0)
		return UINT16_MAX;
	uint64_t fingerprint = path_mtu_fingerprint(paths, to);
	unsigned int first = path_mtu_bucket(fingerprint);
	for (unsigned int i = first; i < first + PATH_MTU_BUCKET; i++) {
		uint64_t word = atomic_load_explicit(&paths->words[i], memory_order_relaxed);
		if ((word ^ fingerprint) >> 16 == 0)
			return (uint16_t)word;
	}
	return UINT16_MAX;
}
