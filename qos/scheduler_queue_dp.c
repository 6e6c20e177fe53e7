/* What stands before rte_sched's queues: which packets come in, and which are still worth sending
 * when they come out. rte_sched itself never drops.
 *
 * Age. A packet that waited longer than its class may is useless to its receiver. It is not sent,
 * and better: not even taken. Each packet remembers when it came and how much of its class had been
 * sent by then, so each that leaves tells how fast its queue really drains, whatever the reason
 * (the tenant's ceiling, classes above, other tenants). A packet that would be late by that measure
 * is dropped on arrival, before it costs its tenant anything. An empty queue forgets the measure.
 *
 * Early drops (RED, with rte_red's average of the queue's length). What a policer marked yellow is
 * beyond its tenant's committed rate: of each class it goes first, when a queue is between a
 * quarter and half full. Green packets are dropped early in the bulk class alone, where senders
 * take loss as the sign to slow down and none of them should fill the queue for the others.
 * Real-time media is not thinned like that: a lost packet costs a video frame, which costs a key
 * frame; its queues are kept short by age. PIE does the same as RED by estimated delay; that the
 * rule above does already, and exactly. */
#include "qos/scheduler_private.h"

static const uint64_t delay_bins_ns[SCHEDULER_DELAY_BINS] = {
	50000,   100000,   200000,   500000,   1000000,   2000000,   3000000,   5000000,
	7000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000, UINT64_MAX,
};

uint64_t scheduler_delay_bin_ns(unsigned int bin)
{
	return delay_bins_ns[bin];
}

static unsigned int delay_bin(uint64_t waited_ns)
{
	unsigned int bin = 0;
	while (waited_ns > delay_bins_ns[bin])
		bin++;
	return bin;
}

/* What was refused for it meanwhile would have been late: it counts so. */
static void shut_set(struct scheduler_leaf *leaf, unsigned int class, bool is_shut)
{
	struct scheduler_pipe *pipe = leaf->pipe;
	uint32_t refused = atomic_exchange_explicit(&pipe->refused[class], 0, memory_order_relaxed);
	stat_add(&pipe->stats[class].dropped[SCHEDULER_DROP_LATE], refused);
	stat_add(&leaf->slice->stats[class].dropped[SCHEDULER_DROP_LATE], refused);
	atomic_store_explicit(&pipe->is_shut[class], is_shut, memory_order_relaxed);
}

/* How long `bytes` more would wait behind what is there, if the queue drains on as it did. */
static uint64_t wait_ns(const struct scheduler_queue *queue, uint32_t bytes)
{
	return queue->drain_ns * (queue->bytes + bytes) / RTE_MAX(queue->drain_bytes, 1u);
}

/* How long a packet may have to wait by that measure to be taken. Less than how old it may become:
 * a queue under overload fills up to here, and half of what comes out would be late otherwise. */
static uint64_t delay_taken_ns(const struct scheduler_slice *slice, unsigned int class)
{
	return slice->terms.delay_ns[class] / 8 * 7;
}

static uint64_t queue_limit(const struct scheduler *scheduler, unsigned int class)
{
	uint64_t left = scheduler->packets_max - scheduler->queued_packets;
	return RTE_MIN(left, (uint64_t)traffic_class_rows[class].queue_packets);
}

/* Of every packet, for the average is taken over all of them. It begins anew with an empty queue,
 * which rte_red_enqueue_empty() would have decay instead, by a shift that C does not define. */
static bool red_drops(const struct scheduler *scheduler, struct scheduler_queue *queue,
		      const struct packet_tx *tx)
{
	const struct rte_red_config *red = &scheduler->red[tx->traffic_class][tx->color];
	if (queue->packets == 0)
		queue->red = (struct rte_red){0};
	return queue->packets > 0 &&
	       rte_red_enqueue_nonempty(red, &queue->red, queue->packets) != 0;
}

enum scheduler_drop scheduler_queue_push(struct scheduler *scheduler, struct scheduler_leaf *leaf,
					 struct rte_mbuf *packet, uint64_t now_ns)
{
	struct packet_tx *tx = packet_tx(packet);
	unsigned int class = tx->traffic_class;
	struct scheduler_queue *queue = &leaf->queues[class];
	struct scheduler_slice *slice = leaf->slice;
	struct scheduler_stats *of_pipe = &leaf->pipe->stats[class];
	struct scheduler_stats *of_slice = &slice->stats[class];
	uint32_t bytes = packet_wire_bytes(&packet_meta(packet)->flow, packet->data_len);

	if (queue->packets >= queue_limit(scheduler, class)) {
		/* Opened again by a packet that leaves: where none is, others are in the way. */
		if (queue->packets > 0)
			shut_set(leaf, class, true);
		return SCHEDULER_DROP_FULL;
	}
	if (wait_ns(queue, bytes) > delay_taken_ns(slice, class)) {
		shut_set(leaf, class, true);
		return SCHEDULER_DROP_LATE;
	}
	if (red_drops(scheduler, queue, tx))
		return SCHEDULER_DROP_EARLY;

	tx->queued_ns = now_ns;
	tx->served_bytes = queue->served_bytes;
	packet->pkt_len = bytes;
	if (leaf->queued_packets++ == 0)
		scheduler_leaf_wake(leaf, now_ns);
	else if (queue->packets == 0)
		slice->tree->is_stale = slice->tree->is_begun;
	queue->packets++;
	queue->bytes += bytes;
	slice->queued_packets++;
	slice->queued_bytes += bytes;
	scheduler->queued_packets++;
	stat_add(&of_pipe->queued_packets, 1);
	stat_add(&of_pipe->queued_bytes, bytes);
	stat_add(&of_slice->queued_packets, 1);
	stat_add(&of_slice->queued_bytes, bytes);
	return SCHEDULER_DROPS;
}

void scheduler_queue_drop(struct scheduler *scheduler, struct scheduler_slice *slice,
			  struct rte_mbuf *packet, enum scheduler_drop reason)
{
	const struct packet_tx *tx = packet_tx(packet);
	stat_add(&tx->pipe->stats[tx->traffic_class].dropped[reason], 1);
	if (slice)
		stat_add(&slice->stats[tx->traffic_class].dropped[reason], 1);
	if (scheduler->config.on_drop)
		scheduler->config.on_drop(scheduler->config.context, packet, reason);
	packet_free(packet);
}

static void stats_unqueue(struct scheduler_stats *stats, uint32_t bytes)
{
	stat_subtract(&stats->queued_packets, 1);
	stat_subtract(&stats->queued_bytes, bytes);
}

static void stats_send(struct scheduler_stats *stats, uint32_t bytes, bool is_yellow,
		       uint64_t waited_ns)
{
	stat_add(&stats->sent_packets, 1);
	stat_add(&stats->sent_bytes, bytes);
	stat_add(&stats->delay_bins[delay_bin(waited_ns)], 1);
	stat_add(&stats->delay_ns, waited_ns);
	if (is_yellow)
		stat_add(&stats->yellow_packets, 1);
}

static void queue_take(struct scheduler *scheduler, struct scheduler_leaf *leaf, unsigned int class,
		       uint32_t bytes)
{
	struct scheduler_queue *queue = &leaf->queues[class];
	struct scheduler_slice *slice = leaf->slice;
	queue->packets--;
	queue->bytes -= bytes;
	leaf->queued_packets--;
	slice->queued_packets--;
	slice->queued_bytes -= bytes;
	scheduler->queued_packets--;
	stats_unqueue(&leaf->pipe->stats[class], bytes);
	stats_unqueue(&slice->stats[class], bytes);
}

/* What this packet tells of its queue. */
static void queue_measure(const struct scheduler *scheduler, struct scheduler_leaf *leaf,
			  const struct packet_tx *tx, uint64_t waited_ns)
{
	unsigned int class = tx->traffic_class;
	struct scheduler_queue *queue = &leaf->queues[class];
	queue->drain_bytes = queue->served_bytes - tx->served_bytes;
	queue->drain_ns = queue->packets > 0 ? waited_ns : 0;
	if (atomic_load_explicit(&leaf->pipe->is_shut[class], memory_order_relaxed) &&
	    queue->packets < queue_limit(scheduler, class) &&
	    wait_ns(queue, GRANT_BYTES_MIN) <= delay_taken_ns(leaf->slice, class))
		shut_set(leaf, class, false);
}

bool scheduler_queue_pop(struct scheduler *scheduler, struct scheduler_leaf *leaf,
			 struct rte_mbuf *packet, uint64_t now_ns)
{
	struct packet_tx *tx = packet_tx(packet);
	struct scheduler_slice *slice = leaf->slice;
	unsigned int class = tx->traffic_class;
	uint32_t bytes = packet->pkt_len;
	uint64_t waited_ns = now_ns > tx->queued_ns ? now_ns - tx->queued_ns : 0;
	bool is_late = waited_ns > slice->terms.delay_ns[class];

	packet->pkt_len = packet->data_len;
	queue_take(scheduler, leaf, class, bytes);
	if (!is_late)
		leaf->queues[class].served_bytes += bytes;
	queue_measure(scheduler, leaf, tx, waited_ns);
	if (is_late) {
		scheduler_queue_drop(scheduler, slice, packet, SCHEDULER_DROP_LATE);
	} else {
		bool is_yellow = tx->color == COLOR_YELLOW;
		tx->dscp = scheduler->config.dscp.of[class][is_yellow];
		stats_send(&leaf->pipe->stats[class], bytes, is_yellow, waited_ns);
		stats_send(&slice->stats[class], bytes, is_yellow, waited_ns);
	}
	scheduler_leaf_charge(leaf, bytes, !is_late, now_ns);
	if (leaf->queued_packets == 0) {
		scheduler_leaf_sleep(leaf);
		if (leaf->closing)
			scheduler_leaf_close(scheduler, leaf->closing);
	}
	return !is_late;
}
