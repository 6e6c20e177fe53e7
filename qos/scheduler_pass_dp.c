/* The way past the queues, for a burst that none of them could hold.
 *
 * Without a link rate, what is enqueued while nothing is queued is dequeued again by the same call,
 * unless its slice's max_bps or its tenant's ceiling is in the way. It waited for nothing, so it is
 * neither late nor refused, and a queue that is empty before and after remembers nothing: RED's
 * average and the measure of how fast it drains begin anew with its next packet, and nobody is shut
 * out (a class is shut only while it has packets). Shares and credits decide who is next among
 * those that wait; nobody does. So counting and marking is all there is to do, once for packets in
 * a row that count alike. Slices with a guarantee go the ordinary way: it says who comes first.
 *
 * Bursts are short enough that no queue would have dropped any of it, if all were of one class. */
#include "qos/scheduler_private.h"

/* Packets in a row of one tenant and class. */
struct row {
	struct scheduler_leaf *leaf;
	unsigned int class;
	uint32_t packets, bytes, yellow;
};

static struct scheduler_pipe *pipe_of(const struct scheduler *scheduler, const struct packet_tx *tx)
{
	return tx->pipe ? tx->pipe : scheduler->default_pipe;
}

static bool pipe_is_free(const struct scheduler_pipe *pipe)
{
	const struct scheduler_leaf *leaf = pipe->leaf;
	return leaf && leaf->ceiling.rate_bps == 0 && leaf->slice->terms.max_bps == 0 &&
	       leaf->slice->terms.guaranteed_bps == 0;
}

/* The pool's bound counts as if all were queued: the last finds n - 1 of its class, of n - 1. */
static bool scheduler_is_free(const struct scheduler *scheduler, unsigned int n)
{
	return n <= SCHEDULER_PASS_MAX && scheduler->config.link_bps == 0 &&
	       scheduler->queued_packets == 0 && 2 * (uint64_t)n <= scheduler->packets_max &&
	       scheduler->n_closing == 0 && !scheduler_has_changes(scheduler);
}

/* *is_ordered: the more urgent come first. */
static bool packets_are_free(const struct scheduler *scheduler, struct rte_mbuf **packets,
			     unsigned int n, bool *is_ordered)
{
	const struct scheduler_pipe *last = NULL;
	unsigned int class = 0;
	*is_ordered = true;
	for (unsigned int i = 0; i < n; i++) {
		const struct packet_tx *tx = packet_tx(packets[i]);
		const struct scheduler_pipe *pipe = pipe_of(scheduler, tx);
		if (pipe != last && !pipe_is_free(pipe))
			return false;
		last = pipe;
		*is_ordered &= tx->traffic_class >= class;
		class = tx->traffic_class;
	}
	return true;
}

/* By class, and within each as they came. */
static void packets_order(struct rte_mbuf **packets, unsigned int n)
{
	struct rte_mbuf *came[SCHEDULER_PASS_MAX];
	unsigned int place[TRAFFIC_CLASSES + 1] = {0};
	for (unsigned int i = 0; i < n; i++) {
		came[i] = packets[i];
		place[packet_tx(packets[i])->traffic_class + 1]++;
	}
	for (unsigned int i = 1; i < TRAFFIC_CLASSES; i++)
		place[i] += place[i - 1];
	for (unsigned int i = 0; i < n; i++)
		packets[place[packet_tx(came[i])->traffic_class]++] = came[i];
}

static void stats_pass(struct scheduler_stats *stats, const struct row *row)
{
	stat_add(&stats->sent_packets, row->packets);
	stat_add(&stats->sent_bytes, row->bytes);
	stat_add(&stats->delay_bins[0], row->packets);
	if (row->yellow > 0)
		stat_add(&stats->yellow_packets, row->yellow);
}

static void row_count(const struct row *row)
{
	struct scheduler_leaf *leaf = row->leaf;
	leaf->queues[row->class].served_bytes += row->bytes;
	stats_pass(&leaf->pipe->stats[row->class], row);
	stats_pass(&leaf->slice->stats[row->class], row);
}

static void packets_count(const struct scheduler *scheduler, struct rte_mbuf **packets,
			  unsigned int n)
{
	struct row row = {0};
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *packet = packets[i];
		struct packet_tx *tx = packet_tx(packet);
		struct scheduler_pipe *pipe = tx->pipe = pipe_of(scheduler, tx);
		bool is_yellow = tx->color == COLOR_YELLOW;
		if (pipe->leaf != row.leaf || tx->traffic_class != row.class) {
			if (row.leaf)
				row_count(&row);
			row = (struct row){.leaf = pipe->leaf, .class = tx->traffic_class};
		}
		row.packets++;
		row.yellow += is_yellow;
		row.bytes += packet_wire_bytes(&packet_meta(packet)->flow, packet->data_len);
		packet->pkt_len = packet->data_len;
		tx->dscp = scheduler->config.dscp.of[row.class][is_yellow];
	}
	if (row.leaf)
		row_count(&row);
}

bool scheduler_pass(struct scheduler *scheduler, struct rte_mbuf **packets, unsigned int n)
{
	bool is_ordered;
	if (!scheduler_is_free(scheduler, n) ||
	    !packets_are_free(scheduler, packets, n, &is_ordered))
		return false;
	if (!is_ordered)
		packets_order(packets, n);
	packets_count(scheduler, packets, n);
	return true;
}
