/* A stall is the time from when the thread should have run until it did. Threads only append to
 * their own list, and readers take what its length says. */
#include "bench/watch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "bench/clock.h"

#define WAKE_NS 1000000ull

struct stall {
	uint64_t begin_ns, end_ns;
};

struct watcher {
	struct watch *watch;
	pthread_t thread;
	int cpu;
	_Atomic unsigned int n; /* seen; the first WATCH_STALLS_MAX are in `stalls` */
	_Atomic uint64_t stalled_ns, longest_ns;
	struct stall stalls[WATCH_STALLS_MAX];
};

struct watch {
	atomic_bool is_stopping;
	unsigned int n_watchers;
	struct watcher *watchers[CPU_SETSIZE];
};

static void note(struct watcher *watcher, uint64_t due_ns, uint64_t now_ns)
{
	unsigned int n = atomic_load_explicit(&watcher->n, memory_order_relaxed);
	if (n < WATCH_STALLS_MAX)
		watcher->stalls[n] = (struct stall){due_ns, now_ns};
	atomic_fetch_add(&watcher->stalled_ns, now_ns - due_ns);
	if (now_ns - due_ns > atomic_load(&watcher->longest_ns))
		atomic_store(&watcher->longest_ns, now_ns - due_ns);
	atomic_store_explicit(&watcher->n, n + 1, memory_order_release);
}

static void *run(void *argument)
{
	struct watcher *watcher = argument;
	struct sched_param first = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET((size_t)watcher->cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	prctl(PR_SET_TIMERSLACK, 1);
	uint64_t due_ns = clock_ns();
	while (!atomic_load(&watcher->watch->is_stopping)) {
		due_ns += WAKE_NS;
		clock_sleep_until(due_ns);
		uint64_t now_ns = clock_ns();
		if (now_ns - due_ns < WATCH_STALL_NS)
			continue;
		note(watcher, due_ns, now_ns);
		due_ns = now_ns;
	}
	return NULL;
}

static int start_watcher(struct watch *watch, int cpu)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return -ENOMEM;
	watcher->watch = watch;
	watcher->cpu = cpu;
	int rc = -pthread_create(&watcher->thread, NULL, run, watcher);
	if (rc)
		free(watcher);
	else
		watch->watchers[watch->n_watchers++] = watcher;
	return rc;
}

int watch_start(struct watch **out)
{
	cpu_set_t cpus;
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	int rc = sched_getaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
	for (int cpu = 0; rc == 0 && cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &cpus))
			rc = start_watcher(watch, cpu);
	}
	if (rc) {
		watch_stop(watch);
		return rc;
	}
	*out = watch;
	return 0;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	atomic_store(&watch->is_stopping, true);
	for (unsigned int i = 0; i < watch->n_watchers; i++) {
		pthread_join(watch->watchers[i]->thread, NULL);
		free(watch->watchers[i]);
	}
	free(watch);
}

void watch_reset(struct watch *watch)
{
	for (unsigned int i = 0; i < watch->n_watchers; i++) {
		struct watcher *watcher = watch->watchers[i];
		atomic_store(&watcher->n, 0);
		atomic_store(&watcher->stalled_ns, 0);
		atomic_store(&watcher->longest_ns, 0);
	}
}

struct watch_totals watch_totals(const struct watch *watch)
{
	struct watch_totals totals = {0};
	for (unsigned int i = 0; i < watch->n_watchers; i++) {
		const struct watcher *watcher = watch->watchers[i];
		uint64_t longest_ns = atomic_load(&watcher->longest_ns);
		totals.stalls += atomic_load(&watcher->n);
		totals.stalled_ns += atomic_load(&watcher->stalled_ns);
		if (longest_ns > totals.longest_ns)
			totals.longest_ns = longest_ns;
	}
	return totals;
}

static bool watcher_saw(const struct watcher *watcher, uint64_t begin_ns, uint64_t end_ns)
{
	unsigned int n = atomic_load_explicit(&watcher->n, memory_order_acquire);
	for (unsigned int i = 0; i < n && i < WATCH_STALLS_MAX; i++) {
		if (watcher->stalls[i].begin_ns <= end_ns && watcher->stalls[i].end_ns >= begin_ns)
			return true;
	}
	return false;
}

bool watch_is_spoilt(const struct watch *watch, uint64_t begin_ns, uint64_t end_ns)
{
	for (unsigned int i = 0; i < watch->n_watchers; i++) {
		if (watcher_saw(watch->watchers[i], begin_ns, end_ns))
			return true;
	}
	return false;
}
