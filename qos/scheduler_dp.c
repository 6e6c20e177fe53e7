/* The owner's side: packets in, and the arbiter that says whose packets go out.
 *
 * Each call looks at the slices that have packets and are below their max_bps, and gives grants in
 * two phases. First, in turns, whoever has tokens of its guarantee: even if the link has none left,
 * for guarantees never exceed the link together, and whoever borrowed pays by waiting. So a
 * guarantee is back with its owner at once, whatever was lent. Then, as long as the link has
 * tokens, everybody in equal parts (deficit round robin: what a grant took too much is missing in
 * the next turn). What was really sent is charged, not what was granted. */
#include "qos/scheduler_private.h"

#define TAKE_TRIES 8

/* ---- in ---- */

/* rte_sched's queue of the class. Its last class has four, of which one is used: their round robin
 * forgets what a queue got as soon as it is empty, so three flows that often have nothing queued
 * keep a fourth, that always has, from being served. */
static void packet_address(const struct scheduler_leaf *leaf, struct rte_mbuf *packet)
{
	const struct packet_tx *tx = packet_tx(packet);
	uint32_t class = traffic_class_rows[tx->traffic_class].sched_class;
	rte_mbuf_sched_set(packet, leaf->index << 4 | class, (uint8_t) class, tx->color);
}

/* The tree that the packet may be given to, or NULL: it was dropped. */
static struct scheduler_tree *packet_admit(struct scheduler *scheduler, struct rte_mbuf *packet,
					   uint64_t now_ns)
{
	struct packet_tx *tx = packet_tx(packet);
	if (!tx->pipe)
		tx->pipe = scheduler->default_pipe;
	struct scheduler_leaf *leaf = tx->pipe->leaf;
	if (!leaf) {
		scheduler_queue_drop(scheduler, NULL, packet, SCHEDULER_DROP_NO_PIPE);
		return NULL;
	}
	enum scheduler_drop drop = scheduler_queue_push(scheduler, leaf, packet, now_ns);
	if (drop != SCHEDULER_DROPS) {
		scheduler_queue_drop(scheduler, leaf->slice, packet, drop);
		return NULL;
	}
	packet_address(leaf, packet);
	/* It may be of a pipe that is not at its ceiling. */
	leaf->slice->blocked_ns = 0;
	return leaf->slice->tree;
}

void scheduler_enqueue(struct scheduler *scheduler, struct rte_mbuf **packets, unsigned int n,
		       uint64_t now_ns)
{
	struct rte_mbuf *run[SCHEDULER_BURST];
	struct scheduler_tree *of_run = NULL;
	unsigned int length = 0;
	if (scheduler_has_changes(scheduler))
		scheduler_changes_apply(scheduler, now_ns);
	for (unsigned int i = 0; i < n; i++) {
		struct scheduler_tree *tree = packet_admit(scheduler, packets[i], now_ns);
		if (!tree)
			continue;
		if (length > 0 && (tree != of_run || length == SCHEDULER_BURST)) {
			scheduler_tree_put(of_run, run, length);
			length = 0;
		}
		of_run = tree;
		run[length++] = packets[i];
	}
	if (length > 0)
		scheduler_tree_put(of_run, run, length);
}

/* ---- out ---- */

/* One call of scheduler_dequeue. */
struct round {
	struct scheduler *scheduler;
	struct rte_mbuf **packets;
	unsigned int n, max;
	uint64_t now_ns;
	/* Slices that may send, in the order of slots. */
	struct scheduler_slice *ready[SCHEDULER_SLICES_MAX];
	unsigned int n_ready;
};

static bool slice_may_send(const struct scheduler_slice *slice, uint64_t now_ns)
{
	return slice->queued_packets > 0 && slice->blocked_ns <= now_ns &&
	       (slice->terms.max_bps == 0 || slice->limit.tokens > 0);
}

static bool link_may_send(const struct scheduler *scheduler)
{
	return scheduler->config.link_bps == 0 || scheduler->link.tokens > 0;
}

static void ready_find(struct round *round)
{
	struct scheduler *scheduler = round->scheduler;
	for (unsigned int i = 0; i < scheduler->n_slots; i++) {
		struct scheduler_slice *slice = scheduler->slots[i];
		if (!slice || slice->queued_packets == 0)
			continue;
		bucket_fill(&slice->guarantee, round->now_ns);
		bucket_fill(&slice->limit, round->now_ns);
		if (slice_may_send(slice, round->now_ns))
			round->ready[round->n_ready++] = slice;
	}
}

/* How many packets make a grant, by the mean size of what is queued. */
static unsigned int turn_packets(const struct round *round, const struct scheduler_slice *slice,
				 unsigned int grant)
{
	uint64_t n = (GRANT_BYTES_MIN << grant) * slice->queued_packets / slice->queued_bytes;
	n = RTE_MIN(n, (uint64_t)SCHEDULER_BURST);
	return RTE_MIN(RTE_MAX((unsigned int)n, 1u), round->max - round->n);
}

/* Accounts for what rte_sched gave. Returns the bytes of what is sent. */
static uint32_t turn_account(struct round *round, struct scheduler_slice *slice,
			     struct rte_mbuf **taken, unsigned int n)
{
	struct scheduler *scheduler = round->scheduler;
	struct scheduler_tree *tree = slice->tree;
	uint32_t sum = 0;
	for (unsigned int i = 0; i < n; i++) {
		struct scheduler_leaf *leaf = tree->leaves[rte_mbuf_sched_queue_get(taken[i]) >> 4];
		uint32_t bytes = taken[i]->pkt_len;
		if (!scheduler_queue_pop(scheduler, leaf, taken[i], round->now_ns))
			continue;
		round->packets[round->n++] = taken[i];
		sum += bytes;
	}
	if (slice->terms.max_bps > 0)
		bucket_charge(&slice->limit, sum);
	if (scheduler->config.link_bps > 0)
		bucket_charge(&scheduler->link, sum);
	return sum;
}

/* One grant. Returns how many packets left their queues, late ones too; *bytes: of those sent. */
static unsigned int slice_turn(struct round *round, struct scheduler_slice *slice,
			       unsigned int grant, uint32_t *bytes)
{
	struct rte_mbuf *taken[SCHEDULER_BURST];
	unsigned int max = turn_packets(round, slice, grant);
	unsigned int n = scheduler_tree_take(slice->tree, taken, max);
	/* It may give nothing though there is something, once. */
	for (int i = 0; n == 0 && i < TAKE_TRIES; i++) {
		if (!scheduler_round_begin(slice, round->now_ns))
			break;
		n = scheduler_tree_take(slice->tree, taken, max);
	}
	*bytes = turn_account(round, slice, taken, n);
	return n;
}

/* The slice whose turn it is, or the first after it. */
static unsigned int turn_of(const struct round *round, unsigned int slot)
{
	unsigned int i = 0;
	while (i < round->n_ready && round->ready[i]->slot < slot)
		i++;
	return i < round->n_ready ? i : 0;
}

/* Phase 1. */
static void guarantees_serve(struct round *round)
{
	unsigned int i = turn_of(round, round->scheduler->guaranteed_slot);
	unsigned int idle = 0; /* slices in a row that sent nothing */
	while (idle < round->n_ready && round->n < round->max) {
		struct scheduler_slice *slice = round->ready[i];
		uint32_t bytes = 0;
		unsigned int n = 0;
		if (slice->terms.guaranteed_bps > 0 && slice->guarantee.tokens > 0 &&
		    slice_may_send(slice, round->now_ns))
			n = slice_turn(round, slice, slice->guarantee_grant, &bytes);
		bucket_charge(&slice->guarantee, bytes);
		idle = n > 0 ? 0 : idle + 1;
		i = i + 1 < round->n_ready ? i + 1 : 0;
		round->scheduler->guaranteed_slot = round->ready[i]->slot;
	}
}

enum share { SHARE_NOTHING, SHARE_SERVED, SHARE_CUT /* by the link or by the room for packets */ };

static enum share share_serve(struct round *round, struct scheduler_slice *slice)
{
	enum share share = SHARE_NOTHING;
	if (!slice->is_in_turn)
		slice->deficit_bytes += GRANT_BYTES_MIN << round->scheduler->link_grant;
	slice->is_in_turn = true;
	if (slice->deficit_bytes <= 0 && slice_may_send(slice, round->now_ns))
		share = SHARE_SERVED; /* pays for its last turn */
	while (slice->deficit_bytes > 0 && slice_may_send(slice, round->now_ns)) {
		uint32_t bytes;
		if (round->n == round->max || !link_may_send(round->scheduler))
			return SHARE_CUT;
		if (slice_turn(round, slice, slice->grant, &bytes) == 0)
			break;
		slice->deficit_bytes -= bytes;
		share = SHARE_SERVED;
	}
	/* Who has nothing to send saves nothing. */
	if (slice->deficit_bytes > 0)
		slice->deficit_bytes = 0;
	slice->is_in_turn = false;
	return share;
}

/* Phase 2. */
static void shares_serve(struct round *round)
{
	unsigned int i = turn_of(round, round->scheduler->shared_slot);
	unsigned int idle = 0;
	while (idle < round->n_ready) {
		enum share share = share_serve(round, round->ready[i]);
		if (share == SHARE_CUT) {
			round->scheduler->shared_slot = round->ready[i]->slot;
			return;
		}
		idle = share == SHARE_NOTHING ? idle + 1 : 0;
		i = i + 1 < round->n_ready ? i + 1 : 0;
		round->scheduler->shared_slot = round->ready[i]->slot;
	}
}

unsigned int scheduler_dequeue(struct scheduler *scheduler, struct rte_mbuf **packets,
			       unsigned int max, uint64_t now_ns)
{
	struct round round;
	round.scheduler = scheduler;
	round.packets = packets;
	round.n = round.n_ready = 0;
	round.max = max;
	round.now_ns = now_ns;
	if (scheduler_has_changes(scheduler))
		scheduler_changes_apply(scheduler, now_ns);
	if (scheduler->queued_packets > 0) {
		bucket_fill(&scheduler->link, now_ns);
		ready_find(&round);
		guarantees_serve(&round);
		shares_serve(&round);
	}
	if (scheduler->n_closing > 0)
		scheduler_slices_close(scheduler);
	return round.n;
}

/* ---- when ---- */

static uint64_t slice_next_ns(const struct scheduler *scheduler,
			      const struct scheduler_slice *slice)
{
	if (slice->queued_packets == 0)
		return UINT64_MAX;
	uint64_t ready_ns = scheduler->config.link_bps > 0 ? bucket_ready_ns(&scheduler->link) : 0;
	if (slice->terms.guaranteed_bps > 0)
		ready_ns = RTE_MIN(ready_ns, bucket_ready_ns(&slice->guarantee));
	if (slice->terms.max_bps > 0)
		ready_ns = RTE_MAX(ready_ns, bucket_ready_ns(&slice->limit));
	return RTE_MAX(ready_ns, slice->blocked_ns);
}

uint64_t scheduler_next_ns(const struct scheduler *scheduler, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;
	if (scheduler_has_changes(scheduler))
		return now_ns;
	for (unsigned int i = 0; i < scheduler->n_slots; i++) {
		const struct scheduler_slice *slice = scheduler->slots[i];
		if (slice)
			next_ns = RTE_MIN(next_ns, slice_next_ns(scheduler, slice));
	}
	return RTE_MAX(next_ns, now_ns);
}
