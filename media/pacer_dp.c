#include "media/pacer.h"

#include <assert.h>

#define SECOND_NS 1000000000ull

static_assert((PACER_PACKETS & (PACER_PACKETS - 1)) == 0, "indices wrap by mask");

static uint64_t rate_of(const struct pacer *pacer)
{
	return RTE_MAX(pacer->rate[0], pacer->rate[1]);
}

static uint64_t pace_of(const struct pacer *pacer)
{
	uint64_t pace = RTE_MAX(rate_of(pacer) * 5 / 2, PACER_RATE_MIN_BPS / 8ull);
	return RTE_MAX(pace, pacer->drain);
}

static int64_t burst_of(const struct pacer *pacer)
{
	uint64_t burst = rate_of(pacer) * PACER_BURST_NS / SECOND_NS;
	return (int64_t)RTE_MAX(burst, (uint64_t)PACER_BURST_BYTES);
}

static void measure(struct pacer *pacer, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - pacer->window_ns;
	if (elapsed_ns < PACER_WINDOW_NS)
		return;
	pacer->rate[1] = pacer->rate[0];
	pacer->rate[0] = pacer->window_bytes * 1000 / (elapsed_ns / (SECOND_NS / 1000));
	pacer->window_ns = now_ns;
	pacer->window_bytes = 0;
}

static void refill(struct pacer *pacer, uint64_t now_ns)
{
	uint64_t elapsed_ns = RTE_MIN(now_ns - pacer->credit_ns, PACER_BURST_NS);
	uint64_t pace = pace_of(pacer), earned = pace * elapsed_ns / SECOND_NS;
	/* The part of a byte that is over stays to be earned. */
	pacer->credit_ns = now_ns - (elapsed_ns - earned * SECOND_NS / pace);
	pacer->credit_bytes = RTE_MIN(pacer->credit_bytes + (int64_t)earned, burst_of(pacer));
}

static void look_at_clock(struct pacer *pacer, uint64_t now_ns)
{
	measure(pacer, now_ns);
	refill(pacer, now_ns);
}

static void charge(struct pacer *pacer, uint32_t bytes)
{
	pacer->credit_bytes -= bytes;
	pacer->window_bytes += bytes;
}

unsigned int pacer_pass(struct pacer *pacer, struct rte_mbuf *const *packets, unsigned int n,
			uint64_t now_ns)
{
	unsigned int i = 0;
	if (pacer->n > 0)
		return 0;
	look_at_clock(pacer, now_ns);
	for (; i < n && pacer->credit_bytes > 0; i++)
		charge(pacer, rte_pktmbuf_data_len(packets[i]));
	return i;
}

bool pacer_hold(struct pacer *pacer, unsigned int line, struct rte_mbuf *const *packets,
		unsigned int n)
{
	if (pacer->n + n > PACER_PACKETS)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = (pacer->first + pacer->n) & (PACER_PACKETS - 1);
		rte_mbuf_refcnt_update(packets[i], 1);
		pacer->queue->packet[at] = packets[i];
		pacer->queue->line[at] = (uint8_t)line;
		pacer->queued_bytes += rte_pktmbuf_data_len(packets[i]);
		pacer->n++;
	}
	pacer->drain = RTE_MAX(pacer->drain, pacer->queued_bytes * SECOND_NS / PACER_DRAIN_NS);
	return true;
}

unsigned int pacer_release(struct pacer *pacer, struct rte_mbuf **packets, unsigned int max,
			   unsigned int *line, uint64_t now_ns)
{
	bool is_free = now_ns == UINT64_MAX;
	unsigned int i = 0;
	if (pacer->n == 0)
		return 0;
	if (!is_free)
		look_at_clock(pacer, now_ns);
	*line = pacer->queue->line[pacer->first];
	while (i < max && pacer->n > 0 && pacer->queue->line[pacer->first] == *line &&
	       (is_free || pacer->credit_bytes > 0)) {
		struct rte_mbuf *packet = pacer->queue->packet[pacer->first];
		packets[i++] = packet;
		pacer->first = (pacer->first + 1) & (PACER_PACKETS - 1);
		pacer->n--;
		pacer->queued_bytes -= rte_pktmbuf_data_len(packet);
		pacer->window_bytes += rte_pktmbuf_data_len(packet);
		if (!is_free)
			pacer->credit_bytes -= rte_pktmbuf_data_len(packet);
	}
	if (pacer->n == 0)
		pacer->drain = 0;
	return i;
}

struct rte_mbuf *pacer_next(const struct pacer *pacer)
{
	return pacer->n > 0 ? pacer->queue->packet[pacer->first] : NULL;
}

void pacer_charge(struct pacer *pacer, uint32_t bytes, uint64_t now_ns)
{
	look_at_clock(pacer, now_ns);
	charge(pacer, bytes);
	/* A storm of them must not hold up the next frame for longer than it is worth. */
	pacer->credit_bytes = RTE_MAX(pacer->credit_bytes, -burst_of(pacer));
}

uint64_t pacer_due_ns(const struct pacer *pacer)
{
	if (pacer->n == 0)
		return UINT64_MAX;
	if (pacer->credit_bytes > 0)
		return pacer->credit_ns;
	uint64_t missing = (uint64_t)(1 - pacer->credit_bytes);
	return pacer->credit_ns + missing * SECOND_NS / pace_of(pacer) + 1;
}
