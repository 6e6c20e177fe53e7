#include "bench/pace.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "bench/clock.h"

#define TICK_NS  5000000ull /* between two looks at a session, at most */
#define PRIORITY 10

struct pace {
	struct pace_config config;
	pthread_t thread;
	atomic_bool is_stopping, is_paused, is_silent; /* silent: the thread has seen `paused` */
	_Atomic uint64_t interval_ns, lag_ns;
	uint64_t *tick_due_ns; /* of each publisher */
};

uint64_t pace_interval_ns(uint32_t bitrate_bps, uint16_t packet_bytes)
{
	return packet_bytes * 8ull * 1000000000ull / bitrate_bps;
}

static void note_lag(struct pace *pace, uint64_t intended_ns)
{
	uint64_t lag_ns = clock_ns() - intended_ns;
	if (lag_ns > atomic_load_explicit(&pace->lag_ns, memory_order_relaxed))
		atomic_store_explicit(&pace->lag_ns, lag_ns, memory_order_relaxed);
}

static void look_after(struct pace *pace, unsigned int index, uint64_t now_ns)
{
	if (now_ns < pace->tick_due_ns[index])
		return;
	pace->tick_due_ns[index] = now_ns + TICK_NS;
	publisher_tick(pace->config.publishers[index], now_ns);
}

/* Until it is resumed. Every publisher begins anew then. */
static void rest(struct pace *pace)
{
	atomic_store(&pace->is_silent, true);
	while (atomic_load(&pace->is_paused) && !atomic_load(&pace->is_stopping)) {
		uint64_t now_ns = clock_ns();
		for (unsigned int i = 0; i < pace->config.n_publishers; i++)
			look_after(pace, i, now_ns);
		clock_sleep_until(now_ns + TICK_NS);
	}
	uint64_t now_ns = clock_ns();
	for (unsigned int i = 0; i < pace->config.n_publishers; i++)
		publisher_skip(pace->config.publishers[i], now_ns);
	atomic_store(&pace->is_silent, false);
}

static void go_first(void)
{
	struct sched_param first = {.sched_priority = PRIORITY};
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	prctl(PR_SET_TIMERSLACK, 1);
}

static void *run(void *argument)
{
	struct pace *pace = argument;
	const struct pace_config *config = &pace->config;
	uint64_t next_ns = clock_ns();
	if (config->is_realtime)
		go_first();
	for (unsigned int i = 0; !atomic_load(&pace->is_stopping);
	     i = (i + 1) % config->n_publishers) {
		if (atomic_load(&pace->is_paused)) {
			rest(pace);
			next_ns = clock_ns();
		}
		uint64_t interval_ns = atomic_load(&pace->interval_ns);
		clock_sleep_until(next_ns);
		note_lag(pace, next_ns);
		publisher_send(config->publishers[i], next_ns, interval_ns);
		look_after(pace, i, next_ns);
		next_ns += interval_ns / config->n_publishers;
	}
	return NULL;
}

int pace_start(const struct pace_config *config, struct pace **out)
{
	struct pace *pace = calloc(1, sizeof(*pace));
	if (!pace)
		return -ENOMEM;
	pace->config = *config;
	pace->interval_ns = config->interval_ns;
	pace->tick_due_ns = calloc(config->n_publishers, sizeof(*pace->tick_due_ns));
	for (unsigned int i = 0; i < config->n_publishers; i++)
		publisher_skip(config->publishers[i], clock_ns());
	int rc = pace->tick_due_ns ? -pthread_create(&pace->thread, NULL, run, pace) : -ENOMEM;
	if (rc) {
		free(pace->tick_due_ns);
		free(pace);
		return rc;
	}
	*out = pace;
	return 0;
}

void pace_stop(struct pace *pace)
{
	if (!pace)
		return;
	atomic_store(&pace->is_stopping, true);
	pthread_join(pace->thread, NULL);
	free(pace->tick_due_ns);
	free(pace);
}

void pace_pause(struct pace *pace)
{
	atomic_store(&pace->is_paused, true);
	while (!atomic_load(&pace->is_silent))
		clock_sleep_until(clock_ns() + TICK_NS / 10);
}

void pace_resume(struct pace *pace)
{
	atomic_store(&pace->is_paused, false);
	while (atomic_load(&pace->is_silent))
		clock_sleep_until(clock_ns() + TICK_NS / 10);
}

void pace_set_interval(struct pace *pace, uint64_t interval_ns)
{
	atomic_store(&pace->interval_ns, interval_ns);
}

uint64_t pace_take_lag_ns(struct pace *pace)
{
	return atomic_exchange(&pace->lag_ns, 0);
}
