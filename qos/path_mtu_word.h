/* How an address becomes a fingerprint. Private to path_mtu.c and path_mtu_dp.c. */
#pragma once

#include <rte_jhash.h>

#include "qos/path_mtu.h"

#define PATH_MTU_BUCKET 8u /* slots that an address may be in */

/* 64 bits of which the upper 48 are kept; never 0 there, which means an empty slot. */
static inline uint64_t path_mtu_fingerprint(const struct path_mtu *paths, const struct address *to)
{
	uint64_t high = rte_jhash(to->ip, sizeof(to->ip), paths->seeds[0]);
	uint64_t low = rte_jhash(to->ip, sizeof(to->ip), paths->seeds[1]);
	return (high << 32 | low) | UINT64_C(1) << 63;
}

/* The bucket's first slot, by the bits that the word does not keep. */
static inline unsigned int path_mtu_bucket(uint64_t fingerprint)
{
	return (unsigned int)(fingerprint % (PATH_MTU_SLOTS / PATH_MTU_BUCKET)) * PATH_MTU_BUCKET;
}
