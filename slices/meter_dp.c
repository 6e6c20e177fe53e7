/* What each packet costs its session, and whether the session can still pay. The totals have one
 * writer, the home worker, so a relaxed load and store is an addition. */
#include "slices/meter.h"

static uint8_t bit_of(enum meter_kind kind)
{
	return (uint8_t)(1u << kind);
}

static void add(_Atomic uint64_t *total, uint64_t n)
{
	atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static uint64_t gap_of(const struct meter_clock *clock, uint64_t now_ns)
{
	if (clock->last_ns == 0)
		return 0;
	uint64_t gap_ns = now_ns - clock->last_ns;
	return gap_ns < METER_GAP_MAX_NS ? gap_ns : METER_GAP_MAX_NS;
}

/* The kind stops here: what is left of the credit is used up. */
static enum meter_verdict run_out(struct meter *meter, enum meter_kind kind, uint64_t left_ns)
{
	add(&meter->used_ns[kind], left_ns);
	add(&meter->time_ns[kind], left_ns);
	add(&meter->stopped[kind], 1);
	meter->out |= bit_of(kind);
	return METER_OUT;
}

static bool is_low(struct meter *meter, enum meter_kind kind, uint64_t left_ns)
{
	if (left_ns >= METER_LOW_NS || (meter->low_told & bit_of(kind)))
		return false;
	meter->low_told |= bit_of(kind);
	return true;
}

enum meter_verdict meter_packet(struct meter *meter, struct meter_clock *clock,
				enum meter_kind kind, uint64_t now_ns)
{
	if (meter_is_stopped(meter, kind)) {
		add(&meter->stopped[kind], 1);
		return METER_STOPPED;
	}
	uint64_t gap_ns = gap_of(clock, now_ns);
	bool is_charged = kind == METER_VIDEO || now_ns > meter->video_until_ns;
	bool is_limited = is_charged && meter->credit_ns[kind] != METER_UNLIMITED;
	uint64_t left_ns = 0;
	if (is_limited) {
		left_ns = meter->credit_ns[kind] - meter_used_ns(meter, kind);
		if (gap_ns > left_ns || meter->credit_ns[kind] == 0)
			return run_out(meter, kind, left_ns);
	}
	clock->last_ns = now_ns;
	add(&meter->time_ns[kind], gap_ns);
	if (is_charged)
		add(&meter->used_ns[kind], gap_ns);
	if (kind == METER_VIDEO)
		meter->video_until_ns = now_ns + METER_GAP_MAX_NS;
	return is_limited && is_low(meter, kind, left_ns - gap_ns) ? METER_PASS_LOW : METER_PASS;
}
