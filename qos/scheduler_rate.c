/* Ceilings of pipes in rte_sched's terms.
 *
 * Its clock counts bytes of a port of SCHEDULER_PORT_RATE; it takes a whole number of 1/256 TSC
 * cycles for each, of a TSC rate that may be rounded to 10 MHz. So the TSC is measured here, to
 * know how fast that clock truly runs. And it makes a token bucket's rate a fraction of the port's:
 * the one with the smallest denominator within 1e-7, which is a lot for a small rate. So that rate
 * is given to it whose fraction comes nearest to the truth; for that its choice is made here as
 * well. */
#include "qos/scheduler_private.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include <rte_cycles.h>

#include "conf/clock.h"

#define RATE_ERROR       1e-7 /* rte_sched's, of the port's rate */
#define RATE_STEPS       20   /* of a tenth of it, to either side */
#define TIME_SHIFT       8    /* rte_sched's fixed point of cycles */
#define CEILING_DEPTH_NS 5000000ull
#define CALIBRATION_NS   10000000ull

/* Bytes of port time in a second, truly. */
static double port_bytes_per_second;

/* The TSC at a moment of CLOCK_MONOTONIC: the closest of a few looks, for the thread may be
 * interrupted between the two. */
static uint64_t tsc_at(uint64_t *at_ns)
{
	uint64_t best = UINT64_MAX, tsc = 0;
	for (int i = 0; i < 16; i++) {
		uint64_t before = clock_ns();
		uint64_t now = rte_rdtsc_precise();
		uint64_t width = clock_ns() - before;
		if (width < best) {
			best = width;
			tsc = now;
			*at_ns = before + width / 2;
		}
	}
	return tsc;
}

int scheduler_clock_calibrate(void)
{
	if (port_bytes_per_second > 0)
		return 0;
	struct timespec wait = {.tv_nsec = CALIBRATION_NS};
	uint64_t from_ns, to_ns;
	uint64_t from = tsc_at(&from_ns);
	nanosleep(&wait, NULL);
	uint64_t to = tsc_at(&to_ns);
	double hz = (double)(to - from) * 1e9 / (double)(to_ns - from_ns);
	uint64_t cycles_per_byte = (rte_get_tsc_hz() << TIME_SHIFT) / SCHEDULER_PORT_RATE;
	if (cycles_per_byte == 0)
		return -ENOTSUP;
	port_bytes_per_second = hz * (1 << TIME_SHIFT) / (double)cycles_per_byte;
	return 0;
}

struct fraction {
	uint64_t p, q;
};

/* The fraction with the smallest denominator between a and b, both excluded. */
static struct fraction simplest_between(struct fraction a, struct fraction b)
{
	uint64_t whole = a.p / a.q;
	struct fraction between = {whole + 1, 1};
	a.p -= whole * a.q;
	b.p -= whole * b.q;
	if (b.q < b.p)
		return between;
	if (a.p == 0)
		between = (struct fraction){b.q / b.p + 1, 1};
	else
		between =
			simplest_between((struct fraction){b.q, b.p}, (struct fraction){a.q, a.p});
	return (struct fraction){whole * between.p + between.q, between.p};
}

/* What rte_sched makes of a rate; 0 if it can make nothing of it. */
static double rate_approximated(double rate)
{
	double alpha = rate / (double)SCHEDULER_PORT_RATE, error = RATE_ERROR;
	uint64_t scale = 1;
	/* As it does: the rounding of these steps is part of the result. */
	for (; error < 1; scale *= 10) {
		alpha *= 10;
		error *= 10;
	}
	uint64_t number = (uint64_t)alpha, width = (uint64_t)error;
	if (number <= width || number + width >= scale)
		return 0;
	struct fraction found = simplest_between((struct fraction){number - width, scale},
						 (struct fraction){number + width, scale});
	return (double)found.p / (double)found.q;
}

/* The rate that it approximates best. */
static uint64_t rate_fit(double fraction)
{
	uint64_t best_rate = 0;
	double best = INFINITY;
	for (int i = -RATE_STEPS; i <= RATE_STEPS; i++) {
		double rate = floor((fraction + i * RATE_ERROR / 10) * (double)SCHEDULER_PORT_RATE);
		double error = fabs(rate_approximated(rate) - fraction);
		if (rate >= 1 && error < best) {
			best = error;
			best_rate = (uint64_t)rate;
		}
	}
	return best_rate;
}

struct scheduler_profile scheduler_profile_of(int64_t max_bps)
{
	double fraction = (double)max_bps / 8 / port_bytes_per_second;
	if (max_bps == 0 || fraction > 0.999)
		return (struct scheduler_profile){.max_bps = max_bps,
						  .tb_rate = SCHEDULER_PORT_RATE,
						  .tb_size = GRANT_BYTES_MIN};
	uint64_t bytes = (uint64_t)max_bps / 8 * CEILING_DEPTH_NS / 1000000000;
	uint64_t size = RTE_MAX(bytes, 2ull * GRANT_BYTES_MIN);
	return (struct scheduler_profile){
		.max_bps = max_bps,
		.tb_rate = rate_fit(fraction),
		.tb_size = size,
		.refill_ns = size * 8 * 1000000000 / (uint64_t)max_bps + 1,
	};
}
