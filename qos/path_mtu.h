/* Which destinations take less than our own link does, as ICMP told (RFC 1191, RFC 8201): a fixed
 * table that control writes and every sender reads, without a lock. Word by word: one atomic word
 * holds the 48-bit fingerprint of an address and its MTU. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "qos/address.h"

#define PATH_MTU_SLOTS 1024 /* a power of two */

/* What is told may be a lie of someone who cannot see our packets. Less than this is not believed:
 * every IPv6 link takes 1280 (RFC 8200, 5), every IPv4 host 576 (RFC 791, 3.1). */
#define PATH_MTU_IPV4_MIN 576
#define PATH_MTU_IPV6_MIN 1280

/* A longer way may have become a shorter one: RFC 8201, 4 wants 10 minutes, and never less than 5.
 */
#define PATH_MTU_LIFE_NS (600ull * 1000000000ull)

struct path_mtu {
	_Atomic uint32_t n; /* entries: 0 spares the look */
	uint32_t seeds[2];  /* constant */
	_Atomic uint64_t words[PATH_MTU_SLOTS];
	uint64_t until_ns[PATH_MTU_SLOTS]; /* control's own */
};

/* All but the last: control thread. The seeds keep senders of lies from choosing whom to hit. */
void path_mtu_init(struct path_mtu *paths, uint64_t seed);
/* When the table has no room, what would be forgotten first makes it. */
void path_mtu_learn(struct path_mtu *paths, const struct address *to, uint16_t mtu,
		    uint64_t now_ns);
void path_mtu_expire(struct path_mtu *paths, uint64_t now_ns);

/* The largest IP packet that gets there, UINT16_MAX: nothing is known. Any thread. */
uint16_t path_mtu_find(const struct path_mtu *paths, const struct address *to);
