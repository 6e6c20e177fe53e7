/* Setting up rte_meter. Its meters know no unit of time: they add so many bytes each so many ticks
 * of the time they are given. rte_meter_trtcm_profile_config() counts in TSC cycles and rounds a
 * period of 100 of them down to whole ones, which is up to 1 % too fast, and rte_meter_trtcm_config
 * reads the TSC. So the profiles are filled in here: the tick is a nanosecond of the clock that
 * callers pass in, and the period is never short, so that rounding it costs less than 0.05 %. */
#include "qos/policer.h"

#include <errno.h>

#define NS_PER_S          1000000000ull
#define BITS_NS           (8 * NS_PER_S) /* bits and ns of one byte at 1 bit/s */
#define PERIOD_NS_MIN     1000ull
#define RESERVE_DIVISOR   8
#define RESERVE_BYTES_MAX 65536ull /* seconds of voice */

/* Bytes that flow in each so many ns. */
static void rate_to_period(int64_t bps, uint64_t *period_ns, uint64_t *bytes)
{
	uint64_t rate = (uint64_t)bps;
	*bytes = (rate * PERIOD_NS_MIN + BITS_NS - 1) / BITS_NS;
	*period_ns = (*bytes * BITS_NS + rate / 2) / rate;
}

/* Of a burst at 2.5 times the rate, what does not flow in meanwhile; and the packets that begin and
 * end it. */
static uint64_t burst_bytes(int64_t bps, unsigned int burst_ms)
{
	return (uint64_t)bps * burst_ms / 8000 * 3 / 2 + POLICER_BUCKET_BYTES_MIN;
}

static bool is_possible(int64_t bps)
{
	return bps >= POLICER_BPS_MIN && bps <= POLICER_BPS_MAX;
}

static int complete(const struct policer_config *config, struct policer_config *out)
{
	*out = *config;
	if (out->committed_bps == 0) {
		out->peak_bps = 0;
		return 0;
	}
	if (out->peak_bps == 0 && is_possible(out->committed_bps))
		out->peak_bps = out->committed_bps > POLICER_BPS_MAX / 2 ? POLICER_BPS_MAX
									 : 2 * out->committed_bps;
	if (!is_possible(out->committed_bps) || !is_possible(out->peak_bps) ||
	    out->peak_bps < out->committed_bps || out->burst_ms < POLICER_BURST_MS_MIN ||
	    out->burst_ms > POLICER_BURST_MS_MAX)
		return -EINVAL;
	return 0;
}

static void fill_profile(struct policer *policer)
{
	const struct policer_config *config = &policer->config;
	struct rte_meter_trtcm_profile *profile = &policer->profile;
	uint64_t committed = burst_bytes(config->committed_bps, config->burst_ms);
	uint64_t reserve = committed / RESERVE_DIVISOR;
	if (reserve > RESERVE_BYTES_MAX)
		reserve = RESERVE_BYTES_MAX;
	policer->reserve_bytes = (uint32_t)reserve;
	profile->cbs = committed + reserve;
	profile->pbs = burst_bytes(config->peak_bps, config->burst_ms) + reserve;
	rate_to_period(config->committed_bps, &profile->cir_period, &profile->cir_bytes_per_period);
	rate_to_period(config->peak_bps, &profile->pir_period, &profile->pir_bytes_per_period);
}

int policer_set(struct policer *policer, const struct policer_config *config, uint64_t now_ns)
{
	struct policer_config made;
	if (complete(config, &made))
		return -EINVAL;
	struct rte_meter_trtcm *meter = &policer->meter;
	bool was_limited = policer->is_limited;
	policer->is_limited = made.committed_bps > 0;
	policer->config = made;
	if (!policer->is_limited)
		return 0;
	if (was_limited && now_ns >= meter->time_tc && now_ns >= meter->time_tp)
		/* A packet of no bytes: what flowed in until now did so at the old rate. */
		rte_meter_trtcm_color_blind_check(meter, &policer->profile, now_ns, 0);
	fill_profile(policer);
	if (!was_limited || meter->tc > policer->profile.cbs)
		meter->tc = policer->profile.cbs;
	if (!was_limited || meter->tp > policer->profile.pbs)
		meter->tp = policer->profile.pbs;
	if (!was_limited)
		meter->time_tc = meter->time_tp = now_ns;
	return 0;
}

int signalling_policer_set(struct signalling_policer *policer, int64_t committed_bps,
			   unsigned int burst_bytes, uint64_t now_ns)
{
	if (!is_possible(committed_bps))
		return -EINVAL;
	if (burst_bytes < POLICER_BUCKET_BYTES_MIN)
		burst_bytes = POLICER_BUCKET_BYTES_MIN;
	policer->profile.cbs = policer->profile.ebs = burst_bytes;
	rate_to_period(committed_bps, &policer->profile.cir_period,
		       &policer->profile.cir_bytes_per_period);
	policer->meter = (struct rte_meter_srtcm){
		.time = now_ns, .tc = policer->profile.cbs, .te = policer->profile.ebs};
	return 0;
}
