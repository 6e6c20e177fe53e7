/* Which packet is more urgent than which, in one place: the traffic classes that every tenant has,
 * what falls into them, how long a packet may wait there, and the DSCP it leaves with. Any thread.
 */
#pragma once

#include <stdint.h>

/* By urgency. Within a tenant a class is served before those that follow it. */
enum traffic_class {
	CLASS_CONTROL, /* STUN, DTLS, RTCP */
	CLASS_VOICE,
	CLASS_INTERACTIVE_DATA, /* data channels */
	CLASS_INTERACTIVE_VIDEO,
	CLASS_VIDEO,          /* buffered or live streaming video */
	CLASS_RETRANSMISSION, /* RFC 4588 */
	CLASS_BULK,
	TRAFFIC_CLASSES
};

/* What a packet is, before its slice's 5QI says how urgent that is. */
enum flow_kind {
	FLOW_CONTROL,
	FLOW_VOICE,
	FLOW_VIDEO,
	FLOW_DATA,
	FLOW_RETRANSMISSION,
	FLOW_BULK,
	FLOW_KINDS
};

/* Colours of a policer (RFC 2697, RFC 2698); the values are those of enum rte_color. */
enum packet_color { COLOR_GREEN, COLOR_YELLOW, COLOR_RED, PACKET_COLORS };

struct traffic_class_row {
	const char *name;          /* as in configuration, metrics and JSON: "interactive_video" */
	unsigned int sched_class;  /* of rte_sched: 0 .. 12 */
	uint16_t queue_packets;    /* longest queue of one tenant; a power of two */
	unsigned int delay_ms;     /* a packet may wait this long at most, if the 5QI allows more */
	uint8_t dscp, dscp_yellow; /* defaults, RFC 8837 */
	const char *text;
};

extern const struct traffic_class_row traffic_class_rows[TRAFFIC_CLASSES];

/* The class of a flow in a slice whose default 5QI is `five_qi` (an unknown one counts as 9). */
enum traffic_class traffic_class_of(unsigned int five_qi, enum flow_kind kind);
/* How old a packet of this class may become in our queues: the smallest of the class's own bound,
 * the 5QI's packet delay budget and the slice's latency budget (0: none). Control is not bounded by
 * the latter two. */
uint64_t traffic_class_delay_ns(unsigned int five_qi, unsigned int latency_ms,
				enum traffic_class traffic_class);

/* DSCP (0..63) by class and colour. */
struct dscp_map {
	uint8_t of[TRAFFIC_CLASSES][2]; /* [COLOR_GREEN], [COLOR_YELLOW] */
};
void dscp_map_default(struct dscp_map *map);
