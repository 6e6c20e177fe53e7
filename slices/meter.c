/* What control changes about a meter, now and then. Always: credit >= used, so what is left never
 * wraps. */
#include "slices/meter.h"

void meter_init(struct meter *meter)
{
	*meter = (struct meter){.credit_ns = {METER_UNLIMITED, METER_UNLIMITED}};
}

void meter_expect_video(struct meter *meter, uint64_t now_ns)
{
	if (meter_is_stopped(meter, METER_VIDEO) || meter->credit_ns[METER_VIDEO] == 0)
		return;
	meter->video_until_ns = now_ns + METER_VIDEO_WAIT_NS;
}

bool meter_set_credit(struct meter *meter, enum meter_kind kind, uint64_t credit_ns)
{
	uint8_t bit = (uint8_t)(1u << kind);
	uint64_t used_ns = meter_used_ns(meter, kind);
	if (credit_ns < used_ns)
		credit_ns = used_ns;
	if (credit_ns == meter->credit_ns[kind])
		return false;
	meter->credit_ns[kind] = credit_ns;
	meter->low_told &= (uint8_t)~bit;
	if (!(meter->out & bit))
		return false;
	/* What is out is used up, so another credit is a larger one. */
	meter->out &= (uint8_t)~bit;
	return !meter_is_stopped(meter, kind);
}

uint8_t meter_set_held(struct meter *meter, uint8_t held)
{
	uint8_t flows_again = (uint8_t)(meter->held & ~held & ~meter->out);
	meter->held = held;
	return flows_again;
}
