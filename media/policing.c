/* Control's side: what a tenant may send, divided among the workers it sends to. A worker's part
 * follows what came there: an even split would hold a tenant with one loud publisher to half of
 * what it has. Workers learn their shares by message, so that a share has one writer. */
#include "media/policing.h"

#include <stdlib.h>
#include <string.h>

#include "media/mailbox.h"
#include "media/plane.h"
#include "media/transport.h"
#include "media/worker.h"

#define SECOND_NS  1e9
#define MEASURE_NS 900000000ull /* a timer of a second may be a little early */
/* Of an equal part, what a lane with publishers always gets: those who just came have offered
 * nothing yet. */
#define FLOOR_DIVISOR 4
/* A share is told again when it has moved by more than this part of it. */
#define NEWS_DIVISOR 64

struct policing *policing_create(unsigned int n_workers)
{
	size_t size = sizeof(struct policing) + n_workers * sizeof(struct policing_lane);
	struct policing *policing = aligned_alloc(64, (size + 63) & ~(size_t)63);
	if (!policing)
		return NULL;
	memset(policing, 0, size);
	policing->n_lanes = n_workers;
	return policing;
}

void policing_destroy(struct policing *policing)
{
	free(policing);
}

/* What each lane asks for: enough to go on, and room to grow from. */
static void fill_wants(int64_t total_bps, const struct policing_demand *demands, unsigned int n,
		       int64_t *wants)
{
	int64_t n_publishers = 0;
	for (unsigned int i = 0; i < n; i++)
		n_publishers += demands[i].n_publishers;
	for (unsigned int i = 0; i < n; i++) {
		int64_t floor_bps = n_publishers ? total_bps / n_publishers *
							   demands[i].n_publishers / FLOOR_DIVISOR
						 : 0;
		int64_t offered_bps = demands[i].offered_bps > (uint64_t)total_bps
					      ? total_bps
					      : (int64_t)demands[i].offered_bps;
		wants[i] = demands[i].n_publishers == 0 ? 0 : RTE_MAX(offered_bps, floor_bps);
	}
}

/* Max-min fair: whoever wants less than an equal part gets what it wants, and what it leaves is for
 * the others. `left` counts publishers that have no share yet. */
static void share_out(int64_t total_bps, const struct policing_demand *demands, unsigned int n,
		      const int64_t *wants, int64_t *shares_bps)
{
	int64_t rest_bps = total_bps, everyone = 0;
	bool is_served[PORT_QUEUES_MAX] = {false};
	for (unsigned int i = 0; i < n; i++)
		everyone += demands[i].n_publishers;
	int64_t left = everyone;
	for (bool again = true; again && left > 0;) {
		int64_t part_bps = rest_bps / left;
		again = false;
		for (unsigned int i = 0; i < n; i++) {
			if (is_served[i] || wants[i] > part_bps * demands[i].n_publishers)
				continue;
			is_served[i] = true;
			shares_bps[i] = wants[i];
			rest_bps -= wants[i];
			left -= demands[i].n_publishers;
			again |= demands[i].n_publishers > 0;
		}
	}
	for (unsigned int i = 0; everyone > 0 && i < n; i++) {
		if (!is_served[i])
			shares_bps[i] = rest_bps / left * demands[i].n_publishers;
		else if (left == 0)
			shares_bps[i] += rest_bps / everyone * demands[i].n_publishers;
	}
}

void policing_shares(int64_t total_bps, const struct policing_demand *demands, unsigned int n,
		     int64_t *shares_bps)
{
	int64_t wants[PORT_QUEUES_MAX];
	fill_wants(total_bps, demands, n, wants);
	share_out(total_bps, demands, n, wants, shares_bps);
	for (unsigned int i = 0; i < n; i++) {
		/* Whoever comes to a lane that nobody was on has this much until the workers are
		 * told, which is at once. */
		if (demands[i].n_publishers == 0)
			shares_bps[i] = total_bps / (int64_t)n;
		shares_bps[i] = RTE_MAX(shares_bps[i], (int64_t)POLICER_BPS_MIN);
	}
}

static uint64_t offered_bytes(const struct policing_lane *lane)
{
	uint64_t bytes = policer_total(&lane->refused_bytes);
	for (unsigned int color = 0; color < PACKET_COLORS; color++)
		bytes += policer_total(&lane->policer.bytes[color]);
	return bytes;
}

static void measure(struct policing *policing, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - policing->measured_ns;
	if (elapsed_ns < MEASURE_NS)
		return;
	policing->measured_ns = now_ns;
	for (unsigned int i = 0; i < policing->n_lanes; i++) {
		uint64_t bytes = offered_bytes(&policing->lanes[i]);
		double bits = (double)(bytes - policing->measured_bytes[i]) * 8;
		policing->offered_bps[i] = (uint64_t)(bits * SECOND_NS / (double)elapsed_ns);
		policing->measured_bytes[i] = bytes;
	}
}

static int64_t peak_of(const struct policing *policing, int64_t share_bps)
{
	const struct policer_config *config = &policing->config;
	if (config->peak_bps == 0)
		return 0;
	double factor = (double)config->peak_bps / (double)config->committed_bps;
	int64_t peak_bps = (int64_t)((double)share_bps * factor);
	return RTE_MIN(RTE_MAX(peak_bps, share_bps), (int64_t)POLICER_BPS_MAX);
}

static void tell_worker(struct plane *plane, struct policing *policing, unsigned int i,
			int64_t share_bps)
{
	policing->shares_bps[i] = share_bps;
	mailbox_post_wait(plane->workers[i]->mailbox,
			  &(struct message){.type = MESSAGE_POLICING,
					    .policing = policing,
					    .word = policing->config.burst_ms,
					    .a = (uint64_t)share_bps,
					    .b = (uint64_t)peak_of(policing, share_bps)});
}

static bool is_news(int64_t before_bps, int64_t share_bps)
{
	int64_t distance = share_bps > before_bps ? share_bps - before_bps : before_bps - share_bps;
	return distance > share_bps / NEWS_DIVISOR;
}

static void divide(struct plane *plane, struct policing *policing, bool has_changed)
{
	struct policing_demand demands[PORT_QUEUES_MAX];
	int64_t shares_bps[PORT_QUEUES_MAX] = {0};
	for (unsigned int i = 0; i < policing->n_lanes; i++) {
		demands[i].offered_bps = policing->offered_bps[i];
		demands[i].n_publishers =
			__atomic_load_n(&policing->lanes[i].n_publishers, __ATOMIC_RELAXED);
	}
	if (policing->config.committed_bps > 0)
		policing_shares(policing->config.committed_bps, demands, policing->n_lanes,
				shares_bps);
	for (unsigned int i = 0; i < policing->n_lanes; i++) {
		if (has_changed || is_news(policing->shares_bps[i], shares_bps[i]))
			tell_worker(plane, policing, i, shares_bps[i]);
	}
}

int policing_set(struct plane *plane, struct policing *policing,
		 const struct policer_config *config, uint64_t now_ns)
{
	struct policer trial = {0};
	int rc = policer_set(&trial, config, now_ns);
	if (rc)
		return rc;
	policing->config = trial.config;
	divide(plane, policing, true);
	return 0;
}

void policing_divide(struct plane *plane, struct policing *policing, uint64_t now_ns)
{
	if (policing->n_lanes == 1 || policing->config.committed_bps == 0)
		return;
	measure(policing, now_ns);
	divide(plane, policing, false);
}

bool policing_set_session(struct plane *plane, struct transport *transport,
			  const struct policer_config *config)
{
	int home = atomic_load_explicit(&transport->home, memory_order_acquire);
	if (home < 0)
		return false;
	mailbox_post_wait(plane->workers[home]->mailbox,
			  &(struct message){.type = MESSAGE_POLICING_SESSION,
					    .transport = transport,
					    .word = config->burst_ms,
					    .a = (uint64_t)config->committed_bps,
					    .b = (uint64_t)config->peak_bps});
	return true;
}

uint64_t policing_packets(const struct policing *policing, enum packet_color color)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < policing->n_lanes; i++)
		sum += policer_total(&policing->lanes[i].policer.packets[color]);
	return sum;
}

uint64_t policing_bytes(const struct policing *policing, enum packet_color color)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < policing->n_lanes; i++)
		sum += policer_total(&policing->lanes[i].policer.bytes[color]);
	return sum;
}
