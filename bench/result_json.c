/* One object a line, written at once, so that a run that is cut off leaves whole lines. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "bench/result_private.h"

#define PRECISION 9 /* digits of a number that is no count */

static void write_line(const struct results *results, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(PRECISION));
	if (text) {
		fputs(text, results->config.out);
		fputc('\n', results->config.out);
		fflush(results->config.out);
	}
	free(text);
	json_decref(line);
}

static json_t *begin(const struct results *results, const char *type)
{
	return json_pack("{s:s, s:s}", "type", type, "bench", results->config.bench);
}

/* Rounded to its decimals, so that a line says no more than was measured. */
static json_t *number(double value, int decimals)
{
	if (decimals == 0)
		return json_integer((json_int_t)llround(value));
	double scale = pow(10, decimals);
	return json_real(round(value * scale) / scale);
}

static void put(json_t *object, const char *name, double value, int decimals)
{
	char outer[RESULT_TEXT_MAX + 1];
	const char *dot = strchr(name, '.');
	if (isnan(value))
		return;
	if (!dot) {
		json_object_set_new(object, name, number(value, decimals));
		return;
	}
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
	json_t *inner = json_object_get(object, outer);
	if (!inner) {
		inner = json_object();
		json_object_set_new(object, outer, inner);
	}
	json_object_set_new(inner, dot + 1, number(value, decimals));
}

static void put_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

static void put_count(json_t *object, const char *name, unsigned int count)
{
	if (count)
		json_object_set_new(object, name, json_integer(count));
}

static void put_key(json_t *object, const struct result_key *key)
{
	put_text(object, "subject", key->subject);
	put_text(object, "mode", key->mode);
	put_text(object, "profile", key->profile);
	put_count(object, "packet_bytes", key->packet_bytes);
	put_count(object, "viewers", key->viewers);
	put_count(object, "publishers", key->publishers);
}

/* [[highest of a bucket in ms, how many are in it], ...] of those that have any. */
static void put_histogram(json_t *object, const char *name, const struct histogram *histogram)
{
	json_t *buckets = json_array();
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i])
			json_array_append_new(
				buckets, json_pack("[f, I]", (double)histogram_highest_in(i) / 1e6,
						   (json_int_t)histogram->buckets[i]));
	}
	json_object_set_new(object, name, buckets);
}

/* "model name	: ..." of /proc/cpuinfo. */
static void read_cpu(char *out, size_t room)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");
	snprintf(out, room, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *at = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
		if (!at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, room, "%s", at + 2);
		break;
	}
	if (file)
		fclose(file);
}

static json_t *describe_host(void)
{
	char cpu[128];
	struct utsname name;
	read_cpu(cpu, sizeof(cpu));
	if (uname(&name))
		return NULL;
	json_int_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return json_pack("{s:s, s:I, s:s, s:I}", "cpu", cpu, "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "kernel", name.release,
			 "memory_mb", pages * size / (1 << 20));
}

void result_write_run(const struct results *results)
{
	char text[32];
	struct tm utc;
	time_t now = time(NULL);
	strftime(text, sizeof(text), "%FT%TZ", gmtime_r(&now, &utc));
	json_t *line = begin(results, "run");
	put_text(line, "version", NN5G_VERSION);
	put_text(line, "time", text);
	json_object_set_new(line, "host", describe_host());
	put_text(line, "arguments", results->config.arguments);
	write_line(results, line);
}

void result_write_sample(const struct results *results, const struct result_sample *sample)
{
	json_t *line = begin(results, "sample");
	put_key(line, &sample->key);
	put_count(line, "round", sample->round);
	for (unsigned int i = 0; i < sample->n_values; i++)
		put(line, sample->values[i].name, sample->values[i].value,
		    sample->values[i].decimals);
	json_t *noise = json_object_get(line, "noise");
	if (noise)
		json_object_set_new(noise, "rejected", json_boolean(sample->is_rejected));
	if (sample->latency_ns)
		put_histogram(line, "latency_histogram", sample->latency_ns);
	write_line(results, line);
}

/* A median of counts may lie between two. */
static void put_medians(const struct results *results, const struct result_case *entry,
			json_t *line)
{
	const struct kept_sample *last = &entry->samples[entry->n_samples - 1];
	for (unsigned int i = 0; i < last->n_values; i++) {
		double median = results_median(results, &entry->key, last->values[i].name);
		int decimals = last->values[i].decimals;
		put(line, last->values[i].name, median,
		    decimals == 0 && !isnan(median) && median != floor(median) ? 1 : decimals);
	}
}

static void put_ratios(const struct results *results, const struct result_case *entry, json_t *line)
{
	char name[RESULT_TEXT_MAX + 8];
	for (unsigned int i = 0; results->config.ratio && i < results->n_cases; i++) {
		const struct result_case *other = results->cases[i];
		if (!other->key.subject ||
		    strcmp(other->key.subject, entry->key.subject ? entry->key.subject : "") == 0)
			continue;
		double ratio = results_ratio(results, &entry->key, other->key.subject,
					     results->config.ratio);
		snprintf(name, sizeof(name), "ratio.%s", other->key.subject);
		put(line, name, ratio, 4);
	}
}

void result_write_summary(const struct results *results, const struct result_case *entry)
{
	unsigned int n_rejected = 0;
	json_t *line = begin(results, "summary");
	put_key(line, &entry->key);
	for (unsigned int i = 0; i < entry->n_samples; i++)
		n_rejected += entry->samples[i].is_rejected;
	put_count(line, "rounds", entry->n_samples);
	put_count(line, "rejected", n_rejected);
	put_medians(results, entry, line);
	put_ratios(results, entry, line);
	if (entry->latency_ns)
		put_histogram(line, "latency_histogram", entry->latency_ns);
	write_line(results, line);
}

void result_write_verdict(const struct results *results, const char *text, double value,
			  double bound, bool is_kept)
{
	json_t *line = begin(results, "verdict");
	put_text(line, "text", text);
	json_object_set_new(line, "value", isnan(value) ? json_null() : json_real(value));
	json_object_set_new(line, "bound", json_real(bound));
	json_object_set_new(line, "kept", json_boolean(is_kept));
	write_line(results, line);
}
