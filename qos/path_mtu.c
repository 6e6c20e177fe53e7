/* Learning and forgetting of path MTUs, and the look itself. An address lives in one of the eight
 * slots of its bucket. */
#include "qos/path_mtu.h"

#include "qos/path_mtu_word.h"

void path_mtu_init(struct path_mtu *paths, uint64_t seed)
{
	memset(paths, 0, sizeof(*paths));
	paths->seeds[0] = (uint32_t)seed;
	paths->seeds[1] = (uint32_t)(seed >> 32) | 1;
}

static void slot_set(struct path_mtu *paths, unsigned int slot, uint64_t word, uint64_t until_ns)
{
	uint64_t before = atomic_load_explicit(&paths->words[slot], memory_order_relaxed);
	uint32_t n = atomic_load_explicit(&paths->n, memory_order_relaxed);
	atomic_store_explicit(&paths->words[slot], word, memory_order_relaxed);
	paths->until_ns[slot] = until_ns;
	n += (word != 0) - (uint32_t)(before != 0);
	atomic_store_explicit(&paths->n, n, memory_order_relaxed);
}

void path_mtu_learn(struct path_mtu *paths, const struct address *to, uint16_t mtu, uint64_t now_ns)
{
	uint16_t least = address_is_ipv4(to) ? PATH_MTU_IPV4_MIN : PATH_MTU_IPV6_MIN;
	uint64_t fingerprint = path_mtu_fingerprint(paths, to);
	unsigned int first = path_mtu_bucket(fingerprint), slot = first;
	for (unsigned int i = first; i < first + PATH_MTU_BUCKET; i++) {
		uint64_t word = atomic_load_explicit(&paths->words[i], memory_order_relaxed);
		if ((word ^ fingerprint) >> 16 == 0) {
			slot = i;
			break;
		}
		if (paths->until_ns[i] < paths->until_ns[slot])
			slot = i;
	}
	uint64_t word = (fingerprint & ~UINT64_C(0xffff)) | (mtu < least ? least : mtu);
	slot_set(paths, slot, word, now_ns + PATH_MTU_LIFE_NS);
}

void path_mtu_expire(struct path_mtu *paths, uint64_t now_ns)
{
	if (atomic_load_explicit(&paths->n, memory_order_relaxed) == 0)
		return;
	for (unsigned int i = 0; i < PATH_MTU_SLOTS; i++)
		if (paths->until_ns[i] != 0 && paths->until_ns[i] <= now_ns)
			slot_set(paths, i, 0, 0);
}
