/* The traffic classes as rows.
 *
 * DSCP. RFC 8837 marks what a WebRTC endpoint sends at priorities medium and high; a class takes
 * the row it stands for. Control is marked as voice is: RFC 8445 7.1.1 asks for the checks of a
 * transport to share the marking of its media, and RFC 8837 5 for RTCP to share that of its RTP, so
 * the most urgent media of the transport decides. Video retransmissions are late already: they
 * start at the second drop precedence of streaming video. Yellow is one drop precedence further
 * (RFC 2597), for EF there is none.
 *
 * Queues are sized so that one video packet fanned out to a thousand viewers fits; how long a
 * packet may wait is bounded apart from that by its age. */
#include "qos/traffic_class.h"

#include "conf/five_qi.h"

#define DSCP_EF           46
#define DSCP_AF(class, x) ((class) * 8 + (x)*2)
#define FIVE_QI_DEFAULT   9
#define NS_PER_MS         1000000ull

const struct traffic_class_row traffic_class_rows[TRAFFIC_CLASSES] = {
	[CLASS_CONTROL] = {.name = "control",
			   .sched_class = 0,
			   .queue_packets = 128,
			   .delay_ms = 200,
			   .dscp = DSCP_EF,
			   .dscp_yellow = DSCP_EF,
			   .text = "STUN, DTLS, RTCP"},
	[CLASS_VOICE] = {.name = "voice",
			 .sched_class = 1,
			 .queue_packets = 256,
			 .delay_ms = 80,
			 .dscp = DSCP_EF,
			 .dscp_yellow = DSCP_EF,
			 .text = "audio of calls and streams"},
	[CLASS_INTERACTIVE_DATA] = {.name = "interactive_data",
				    .sched_class = 2,
				    .queue_packets = 128,
				    .delay_ms = 150,
				    .dscp = DSCP_AF(2, 1),
				    .dscp_yellow = DSCP_AF(2, 2),
				    .text = "data channels"},
	[CLASS_INTERACTIVE_VIDEO] = {.name = "interactive_video",
				     .sched_class = 3,
				     .queue_packets = 1024,
				     .delay_ms = 150,
				     .dscp = DSCP_AF(4, 1),
				     .dscp_yellow = DSCP_AF(4, 2),
				     .text = "video that somebody answers"},
	[CLASS_VIDEO] = {.name = "video",
			 .sched_class = 4,
			 .queue_packets = 1024,
			 .delay_ms = 300,
			 .dscp = DSCP_AF(3, 1),
			 .dscp_yellow = DSCP_AF(3, 2),
			 .text = "video that is only watched"},
	[CLASS_RETRANSMISSION] = {.name = "retransmission",
				  .sched_class = 5,
				  .queue_packets = 256,
				  .delay_ms = 150,
				  .dscp = DSCP_AF(3, 2),
				  .dscp_yellow = DSCP_AF(3, 3),
				  .text = "video sent again (RFC 4588)"},
	[CLASS_BULK] = {.name = "bulk",
			.sched_class = 12,
			.queue_packets = 64,
			.delay_ms = 500,
			.dscp = DSCP_AF(1, 1),
			.dscp_yellow = DSCP_AF(1, 2),
			.text = "whatever nobody waits for"},
};

static const struct five_qi *five_qi_or_default(unsigned int value)
{
	const struct five_qi *row = five_qi_find(value);
	return row ? row : five_qi_find(FIVE_QI_DEFAULT);
}

enum traffic_class traffic_class_of(unsigned int five_qi, enum flow_kind kind)
{
	static const enum traffic_class of[FLOW_KINDS] = {
		[FLOW_CONTROL] = CLASS_CONTROL,
		[FLOW_VOICE] = CLASS_VOICE,
		[FLOW_VIDEO] = CLASS_VIDEO,
		[FLOW_DATA] = CLASS_INTERACTIVE_DATA,
		[FLOW_RETRANSMISSION] = CLASS_RETRANSMISSION,
		[FLOW_BULK] = CLASS_BULK,
	};
	if (kind == FLOW_VIDEO && five_qi_or_default(five_qi)->is_interactive)
		return CLASS_INTERACTIVE_VIDEO;
	return of[kind];
}

uint64_t traffic_class_delay_ns(unsigned int five_qi, unsigned int latency_ms,
				enum traffic_class traffic_class)
{
	unsigned int bound_ms = traffic_class_rows[traffic_class].delay_ms;
	unsigned int budget_ms = five_qi_or_default(five_qi)->delay_ms;
	if (traffic_class == CLASS_CONTROL)
		return bound_ms * NS_PER_MS;
	if (budget_ms < bound_ms)
		bound_ms = budget_ms;
	if (latency_ms > 0 && latency_ms < bound_ms)
		bound_ms = latency_ms;
	return bound_ms * NS_PER_MS;
}

void dscp_map_default(struct dscp_map *map)
{
	for (int i = 0; i < TRAFFIC_CLASSES; i++) {
		map->of[i][COLOR_GREEN] = traffic_class_rows[i].dscp;
		map->of[i][COLOR_YELLOW] = traffic_class_rows[i].dscp_yellow;
	}
}
