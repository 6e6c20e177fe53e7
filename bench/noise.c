/* /proc/stat counts ticks of the whole machine, so what is left after taking away ours and the
 * subject's is an estimate; of seconds, a good one. */
#include "bench/noise.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bench/clock.h"

int noise_clock_parse(const char *stat, uint64_t tick_ns, struct noise_clock *clock)
{
	unsigned long long user, nice, system, irq, softirq, steal;
	if (sscanf(stat, "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice, &system, &irq,
		   &softirq, &steal) != 6)
		return -EBADMSG;
	clock->machine_ns = (user + system + irq + softirq + steal) * tick_ns;
	clock->background_ns = nice * tick_ns;
	return 0;
}

int noise_clock_read(struct noise_clock *clock)
{
	char text[512];
	struct timespec own;
	FILE *stat = fopen("/proc/stat", "re");
	if (!stat)
		return -EIO;
	bool is_read = fgets(text, sizeof(text), stat) != NULL;
	fclose(stat);
	if (!is_read || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own))
		return -EIO;
	clock->at_ns = clock_ns();
	clock->own_ns = (uint64_t)own.tv_sec * 1000000000ull + (uint64_t)own.tv_nsec;
	clock->cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	return noise_clock_parse(text, 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK), clock);
}

/* Of all CPUs' time; counts that are a tick off must not make it negative. */
static double percent_of(double used_ns, double all_ns)
{
	return used_ns > 0 && all_ns > 0 ? 100 * used_ns / all_ns : 0;
}

void noise_compare(const struct noise_clock *begin, const struct noise_clock *end,
		   uint64_t subject_ns, struct noise_figures *figures)
{
	double all_ns = (double)(end->at_ns - begin->at_ns) * end->cpus;
	double other_ns = (double)(end->machine_ns - begin->machine_ns) -
			  (double)(end->own_ns - begin->own_ns) - (double)subject_ns;
	figures->other_cpu_percent = percent_of(other_ns, all_ns);
	figures->background_cpu_percent =
		percent_of((double)(end->background_ns - begin->background_ns), all_ns);
}

static bool is_above(double value, double limit)
{
	return limit > 0 && value > limit;
}

void noise_judge(const struct noise_limits *limits, uint64_t packets, struct noise_figures *figures)
{
	double spoilt = packets ? 100 * (double)figures->spoilt_packets / (double)packets : 0;
	figures->is_rejected = is_above(figures->other_cpu_percent, limits->other_cpu_percent) ||
			       is_above(figures->lag_ms, limits->lag_ms) ||
			       is_above(spoilt, limits->spoilt_percent);
}
