/* What may be asked of the scheduler, and what is said when it is too much. */
#include "qos/scheduler_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf/five_qi.h"

/* Slower than a voice packet a second, and faster than any port. */
#define RATE_MIN_BPS 8000ll
#define RATE_MAX_BPS 400000000000ll

int scheduler_fault(const struct scheduler_fault *fault, int rc, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (fault->errors_bytes > 0)
		vsnprintf(fault->errors, fault->errors_bytes, format, arguments);
	va_end(arguments);
	return rc;
}

bool scheduler_is_rate(int64_t bps)
{
	return bps >= RATE_MIN_BPS && bps <= RATE_MAX_BPS;
}

static int rate_check(const struct scheduler_fault *fault, const char *kind, const char *name,
		      const char *key, int64_t bps)
{
	if (bps == 0 || scheduler_is_rate(bps))
		return 0;
	return scheduler_fault(fault, -EINVAL,
			       "%s %s: %s: found %" PRId64 ", expected 0 or %lld to %lld", kind,
			       name, key, bps, RATE_MIN_BPS, RATE_MAX_BPS);
}

/* What of the link's rate the others leave. */
static int64_t left_bps(const struct scheduler *scheduler, const struct scheduler_slice *but)
{
	int64_t left = scheduler->config.link_bps;
	for (unsigned int i = 0; i < SCHEDULER_SLICES_MAX; i++) {
		const struct scheduler_slice *slice = scheduler->slices[i];
		if (slice && slice != but && !slice->is_removed)
			left -= slice->config.guaranteed_bps;
	}
	return left;
}

int scheduler_slice_check(const struct scheduler *scheduler, const struct scheduler_slice *slice,
			  const struct scheduler_slice_config *config,
			  const struct scheduler_fault *fault)
{
	int64_t guaranteed_bps = config->guaranteed_bps, max_bps = config->max_bps;
	int64_t link_bps = scheduler->config.link_bps;
	int64_t left = left_bps(scheduler, slice);
	int rc = rate_check(fault, "slice", config->name, "guaranteed_bps", guaranteed_bps);
	if (rc == 0)
		rc = rate_check(fault, "slice", config->name, "max_bps", max_bps);
	if (rc < 0)
		return rc;
	if (max_bps > 0 && guaranteed_bps > max_bps)
		return scheduler_fault(fault, -EINVAL,
				       "slice %s: guaranteed_bps: found %" PRId64
				       ", expected at most max_bps, which is %" PRId64,
				       config->name, guaranteed_bps, max_bps);
	if (!five_qi_find(config->five_qi))
		return scheduler_fault(fault, -EINVAL,
				       "slice %s: five_qi: found %u, expected a standardized value "
				       "(TS 23.501 table 5.7.4-1)",
				       config->name, config->five_qi);
	if (link_bps > 0 && guaranteed_bps > left)
		return scheduler_fault(fault, -ENOSPC,
				       "slice %s: guaranteed_bps: found %" PRId64
				       ", but only %" PRId64 " of the link's %" PRId64 " are left",
				       config->name, guaranteed_bps, left, link_bps);
	return 0;
}

int scheduler_pipe_check(const struct scheduler_pipe_config *config,
			 const struct scheduler_fault *fault)
{
	return rate_check(fault, "tenant", config->name, "max_bps", config->max_bps);
}
