/* The colour of each packet. A meter's time never runs backwards: a packet of a burst that was
 * stamped before the rate changed counts as come at the change. */
#include "qos/policer.h"

static void add(uint64_t *total, uint64_t n)
{
	__atomic_store_n(total, *total + n, __ATOMIC_RELAXED);
}

/* Asks for the packet and the reserve, and gives the reserve back. */
static enum packet_color check(struct policer *policer, uint32_t wire_bytes, uint32_t reserve_bytes,
			       enum packet_color before, uint64_t now_ns)
{
	struct rte_meter_trtcm *meter = &policer->meter;
	if (now_ns < meter->time_tp)
		now_ns = meter->time_tp;
	if (now_ns < meter->time_tc)
		now_ns = meter->time_tc;
	enum packet_color color = (enum packet_color)rte_meter_trtcm_color_aware_check(
		meter, &policer->profile, now_ns, wire_bytes + reserve_bytes,
		(enum rte_color)before);
	if (color != COLOR_RED)
		meter->tp += reserve_bytes;
	if (color == COLOR_GREEN)
		meter->tc += reserve_bytes;
	return color;
}

enum packet_color policer_color_aware(struct policer *policer, uint32_t wire_bytes, bool is_voice,
				      enum packet_color color, uint64_t now_ns)
{
	if (policer->is_limited)
		color = check(policer, wire_bytes, is_voice ? 0 : policer->reserve_bytes, color,
			      now_ns);
	add(&policer->packets[color], 1);
	add(&policer->bytes[color], wire_bytes);
	return color;
}

enum packet_color policer_color(struct policer *policer, uint32_t wire_bytes, uint64_t now_ns)
{
	return policer_color_aware(policer, wire_bytes, false, COLOR_GREEN, now_ns);
}

enum packet_color signalling_policer_color(struct signalling_policer *policer, uint32_t wire_bytes,
					   uint64_t now_ns)
{
	struct rte_meter_srtcm *meter = &policer->meter;
	if (policer->profile.cir_period == 0)
		return COLOR_GREEN;
	enum packet_color color = (enum packet_color)rte_meter_srtcm_color_blind_check(
		meter, &policer->profile, now_ns < meter->time ? meter->time : now_ns, wire_bytes);
	if (color == COLOR_RED)
		add(&policer->dropped, 1);
	return color;
}
