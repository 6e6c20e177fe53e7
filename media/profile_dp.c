/* The borders between stages. The one file of the packet path that reads a clock: the processor's
 * own counters, in rounds that are measured. */
#include "media/profile.h"

#include <linux/perf_event.h>
#include <stddef.h>

#include <rte_cycles.h>

#if defined(__x86_64__)
static uint64_t counter_read(uint32_t index)
{
	return __builtin_ia32_rdpmc((int)index);
}
#else
static uint64_t counter_read(uint32_t index)
{
	(void)index;
	return 0;
}
#endif

/* As linux/perf_event.h says for cap_user_rdpmc: the kernel changes the page while its lock is odd,
 * and the counter is what it had before, plus the hardware's, which has pmc_width bits. */
static uint64_t instructions_of(const struct profile *profile)
{
	const struct perf_event_mmap_page *page = profile->page;
	uint32_t lock;
	uint64_t count;
	if (!page)
		return 0;
	do {
		lock = __atomic_load_n(&page->lock, __ATOMIC_ACQUIRE);
		uint32_t index = page->index;
		count = (uint64_t)page->offset;
		if (index > 0) {
			unsigned int unused = 64u - page->pmc_width;
			uint64_t raw = counter_read(index - 1) << unused;
			count += (uint64_t)((int64_t)raw >> unused);
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&page->lock, __ATOMIC_RELAXED) != lock);
	return count;
}

static void add(uint64_t *field, uint64_t n)
{
	__atomic_store_n(field, *field + n, __ATOMIC_RELAXED);
}

/* What passed since the last border, `weight` times, to the stage there is. */
static void settle(struct profile *profile, unsigned int weight)
{
	struct profile_sum *sum = &profile->sums[profile->stage];
	uint64_t ticks = rte_rdtsc(), instructions = instructions_of(profile);
	add(&sum->ticks, (ticks - profile->ticks) * weight);
	add(&sum->instructions, (instructions - profile->instructions) * weight);
	profile->ticks = ticks;
	profile->instructions = instructions;
}

static void begin(struct profile *profile, enum profile_stage stage)
{
	profile->stage = stage;
	profile->ticks = rte_rdtsc();
	profile->instructions = instructions_of(profile);
}

/* 0 .. 2 * every - 2, so `every` rounds from one to the next on average. */
static unsigned int draw(struct profile *profile)
{
	uint32_t x = profile->random;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	profile->random = x;
	return x % (2 * profile->every - 1);
}

void profile_switch(struct profile *profile, enum profile_stage stage)
{
	settle(profile, profile->every);
	profile->stage = stage;
}

void profile_round(struct profile *profile)
{
	bool was_on = profile->is_on;
	if (was_on)
		profile_switch(profile, PROFILE_RECEIVE);
	profile->is_on = profile->rounds_left == 0;
	if (!profile->is_on) {
		profile->rounds_left--;
		return;
	}
	profile->rounds_left = draw(profile);
	if (!was_on)
		begin(profile, PROFILE_RECEIVE);
}

void profile_sleep(struct profile *profile)
{
	if (profile->is_on)
		profile_switch(profile, PROFILE_SLEEP);
	else
		begin(profile, PROFILE_SLEEP);
}

void profile_wake(struct profile *profile)
{
	settle(profile, 1);
}
