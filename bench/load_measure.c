/* A measurement is as long as asked for; what was sent in it must have arrived half a second after
 * it, or it is lost. */
#include <errno.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/load_private.h"

#define DRAIN_NS 500000000ull /* after the last packet was sent */

const char *load_profiles(const char *profile)
{
	static const struct {
		const char *name, *profiles;
	} known[] = {
		{"gcm256", "SRTP_AEAD_AES_256_GCM"},
		{"gcm128", "SRTP_AEAD_AES_128_GCM"},
		{"cm80", "SRTP_AES128_CM_SHA1_80"},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, profile) == 0)
			return known[i].profiles;
	}
	return NULL;
}

unsigned int load_playing(const struct load *load)
{
	return load->n_started - load->n_connecting;
}

static void mark_stream(struct load_stream *stream)
{
	stream->begin = publisher_sent(stream->publisher);
	stream->begin_lost = publisher_reported_lost(stream->publisher);
}

/* What came before does not count, but for setups. */
static void begin(struct load *load)
{
	load_read_all(load, clock_ns());
	struct viewer_totals *totals = &load->totals;
	struct histogram setup_ns = totals->setup_ns;
	*totals = (struct viewer_totals){.setup_ns = setup_ns};
	pace_take_lag_ns(load->pace);
	for (unsigned int i = 0; i < load->config.publishers; i++)
		mark_stream(&load->streams[i]);
	for (unsigned int i = 0; i < load->n_started; i++)
		viewer_begin(&load->viewers[i]);
}

static void count_losses(struct load *load, struct load_figures *figures)
{
	figures->sent = 0;
	for (unsigned int i = 0; i < load->n_started; i++) {
		struct load_stream *stream = load_stream_of(load, i);
		struct publisher_sent sent = publisher_sent(stream->publisher);
		viewer_count_losses(&load->viewers[i], &stream->begin, &sent, &load->totals);
	}
	for (unsigned int i = 0; i < load->config.publishers; i++) {
		struct publisher_sent sent = publisher_sent(load->streams[i].publisher);
		for (unsigned int j = 0; j < PUBLISHER_TRACKS; j++)
			figures->sent += sent.packets[j] - load->streams[i].begin.packets[j];
	}
}

/* Where nobody watches, packets are those that were sent, and lost what was reported. */
static void count_ingest(const struct load *load, struct load_figures *figures)
{
	figures->totals.packets = figures->sent;
	figures->totals.bytes = figures->sent * load->config.packet_bytes;
	for (unsigned int i = 0; i < load->config.publishers; i++)
		figures->totals.lost += publisher_reported_lost(load->streams[i].publisher) -
					load->streams[i].begin_lost;
}

static void note_noise(struct load *load, const struct noise_clock *before,
		       struct load_figures *figures)
{
	struct noise_clock after;
	struct noise_figures *noise = &figures->noise;
	*noise = (struct noise_figures){0};
	if (noise_clock_read(&after) == 0) {
		noise_compare(before, &after, figures->after.cpu_ns - figures->before.cpu_ns,
			      noise);
		figures->tool_cpu_ns = after.own_ns - before->own_ns;
	}
	if (load->config.watch) {
		struct watch_totals stalls = watch_totals(load->config.watch);
		noise->stalls = stalls.stalls;
		noise->longest_ms = (double)stalls.longest_ns / 1e6;
	}
}

/* A server whose processes are not known uses CPU time like any other program. */
static void judge_noise(const struct load *load, struct load_figures *figures)
{
	if (!load->config.reject)
		return;
	struct noise_limits limits = *load->config.reject;
	if (!figures->has_usage)
		limits.other_cpu_percent = 0;
	noise_judge(&limits, load->totals.packets, &figures->noise);
}

int load_measure(struct load *load, unsigned int seconds, struct load_figures *figures)
{
	const struct load_config *config = &load->config;
	struct noise_clock clock = {0};
	if (config->watch)
		watch_reset(config->watch);
	*figures = (struct load_figures){0};
	begin(load);
	figures->has_usage = subject_usage(config->subject, &figures->before) == 0;
	noise_clock_read(&clock);
	uint64_t begin_ns = clock_ns();
	load_run_for(load, seconds * 1000000000ull);
	pace_pause(load->pace);
	figures->seconds = (double)(clock_ns() - begin_ns) / 1e9;
	int rc = figures->has_usage ? subject_usage(config->subject, &figures->after) : 0;
	note_noise(load, &clock, figures);
	load_run_for(load, DRAIN_NS);
	count_losses(load, figures);
	figures->playing = load_playing(load);
	figures->totals = load->totals;
	if (load->n_viewers == 0)
		count_ingest(load, figures);
	figures->noise.lag_ms = (double)pace_take_lag_ns(load->pace) / 1e6;
	figures->noise.spoilt_packets = load->totals.spoilt;
	judge_noise(load, figures);
	pace_resume(load->pace);
	return interrupt_is_pending() ? -EINTR : rc;
}

void load_fill(const struct load_figures *figures, struct result_sample *sample)
{
	const struct viewer_totals *totals = &figures->totals;
	double packets = (double)totals->packets;
	result_set(sample, "seconds", 3, figures->seconds);
	result_set(sample, "playing", 0, figures->playing);
	result_set(sample, "packets", 0, packets);
	result_set(sample, "lost", 0, (double)totals->lost);
	result_set(sample, "lost_by_tool", 0, (double)totals->lost_by_tool);
	result_set(sample, "duplicates", 0, (double)totals->duplicates);
	result_set(sample, "decrypted", 0, (double)totals->decrypted);
	result_set(sample, "not_authentic", 0, (double)totals->not_authentic);
	result_set(sample, "corrupt", 0, (double)totals->corrupt);
	result_set(sample, "pps", 0, packets / figures->seconds);
	result_set(sample, "mbps", 1, (double)totals->bytes * 8e-6 / figures->seconds);
	if (totals->packets)
		result_set(sample, "tool_cpu_ns_per_packet", 0,
			   (double)figures->tool_cpu_ns / packets);
	if (figures->has_usage && totals->packets) {
		uint64_t cpu_ns = figures->after.cpu_ns - figures->before.cpu_ns;
		uint64_t before = figures->before.switches, after = figures->after.switches;
		result_set(sample, "cpu_ns_per_packet", 0, (double)cpu_ns / packets);
		result_set(sample, "cpu_percent", 1, (double)cpu_ns / figures->seconds / 1e7);
		/* Fewer than before: threads have ended, and took theirs along. */
		if (after >= before)
			result_set(sample, "switches_per_packet", 3,
				   (double)(after - before) / packets);
	}
	if (figures->has_usage) {
		result_set(sample, "resident_bytes", 0, (double)figures->after.resident_bytes);
		result_set(sample, "threads", 0, figures->after.threads);
	}
	result_set_quantiles(sample, "latency_ms", &totals->latency_ns);
	result_set_quantiles(sample, "unspoilt_ms", &totals->unspoilt_ns);
	result_set_quantiles(sample, "setup_ms", &totals->setup_ns);
	result_set_noise(sample, &figures->noise);
	sample->latency_ns = &totals->latency_ns;
}
