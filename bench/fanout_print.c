/* A round's result, for people and for programs: the same numbers, in the same order. */
#include "bench/fanout.h"

#include <stdio.h>

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static double per_packet(const struct fanout_round *round, uint64_t amount)
{
	return round->totals.packets ? (double)amount / (double)round->totals.packets : 0;
}

static void print_text(const struct fanout_options *options, const struct fanout_round *round)
{
	const struct viewer_totals *totals = &round->totals;
	const struct histogram *latency = &totals->latency_ns, *setup = &totals->setup_ns;
	printf("round %u     %u of %u viewers playing, %llu packets, %.0f Mbps\n", round->number,
	       round->playing, options->viewers, (unsigned long long)totals->packets,
	       (double)totals->bytes * 8e-6 / options->seconds);
	printf("  faults    %llu lost (%llu of them by this tool's sockets), %llu duplicates;\n"
	       "            of %llu decrypted %llu not authentic, %llu corrupt\n",
	       (unsigned long long)totals->lost, (unsigned long long)totals->lost_by_us,
	       (unsigned long long)totals->duplicates, (unsigned long long)totals->decrypted,
	       (unsigned long long)totals->not_authentic, (unsigned long long)totals->corrupt);
	printf("  latency   p50 %.3f  p90 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms\n",
	       ms(histogram_quantile(latency, 0.5)), ms(histogram_quantile(latency, 0.9)),
	       ms(histogram_quantile(latency, 0.99)), ms(histogram_quantile(latency, 0.999)),
	       ms(latency->max));
	printf("  publisher at most %.3f ms late\n", ms(round->lag_ns));
	printf("  setup     p50 %.1f  p99 %.1f  max %.1f ms\n", ms(histogram_quantile(setup, 0.5)),
	       ms(histogram_quantile(setup, 0.99)), ms(setup->max));
	if (options->pid)
		printf("  gateway   %.0f ns CPU and %.3f context switches per packet, %llu KiB "
		       "resident, %u threads\n",
		       per_packet(round, round->after.cpu_ns - round->before.cpu_ns),
		       per_packet(round, round->after.switches - round->before.switches),
		       (unsigned long long)(round->after.resident_bytes / 1024),
		       round->after.threads);
}

static void print_json(const struct fanout_options *options, const struct fanout_round *round)
{
	const struct viewer_totals *totals = &round->totals;
	const struct histogram *latency = &totals->latency_ns, *setup = &totals->setup_ns;
	printf("{\"round\":%u,\"viewers\":%u,\"playing\":%u,\"seconds\":%u,\"packets\":%llu,"
	       "\"bytes\":%llu,\"lost\":%llu,\"lost_by_us\":%llu,\"duplicates\":%llu,"
	       "\"decrypted\":%llu,\"not_authentic\":%llu,\"corrupt\":%llu,",
	       round->number, options->viewers, round->playing, options->seconds,
	       (unsigned long long)totals->packets, (unsigned long long)totals->bytes,
	       (unsigned long long)totals->lost, (unsigned long long)totals->lost_by_us,
	       (unsigned long long)totals->duplicates, (unsigned long long)totals->decrypted,
	       (unsigned long long)totals->not_authentic, (unsigned long long)totals->corrupt);
	printf("\"latency_ms\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
	       "\"max\":%.3f},\"publisher_late_ms\":%.3f,"
	       "\"setup_ms\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}",
	       ms(histogram_quantile(latency, 0.5)), ms(histogram_quantile(latency, 0.9)),
	       ms(histogram_quantile(latency, 0.99)), ms(histogram_quantile(latency, 0.999)),
	       ms(latency->max), ms(round->lag_ns), ms(histogram_quantile(setup, 0.5)),
	       ms(histogram_quantile(setup, 0.99)), ms(setup->max));
	if (options->pid)
		printf(",\"cpu_ns_per_packet\":%.0f,\"switches_per_packet\":%.3f,"
		       "\"rss_kib\":%llu,\"threads\":%u",
		       per_packet(round, round->after.cpu_ns - round->before.cpu_ns),
		       per_packet(round, round->after.switches - round->before.switches),
		       (unsigned long long)(round->after.resident_bytes / 1024),
		       round->after.threads);
	puts("}");
}

void fanout_print(const struct fanout_options *options, const struct fanout_round *round)
{
	if (options->is_json)
		print_json(options, round);
	else
		print_text(options, round);
	fflush(stdout);
}
