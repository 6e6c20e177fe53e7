/* Samples are kept by case; medians are made when asked for. */
#include "bench/result.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/result_private.h"

#define VERDICT_MAX 160

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

double result_median_of(double *values, unsigned int n)
{
	if (n == 0)
		return NAN;
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int results_open(const struct results_config *config, struct results **out)
{
	struct results *results = calloc(1, sizeof(*results));
	if (!results)
		return -ENOMEM;
	results->config = *config;
	if (!config->out)
		results->config.out = stdout;
	if (config->is_json)
		result_write_run(results);
	*out = results;
	return 0;
}

void results_close(struct results *results)
{
	if (!results)
		return;
	for (unsigned int i = 0; i < results->n_cases; i++) {
		struct result_case *entry = results->cases[i];
		for (unsigned int j = 0; j < entry->n_samples; j++)
			free(entry->samples[j].values);
		free(entry->samples);
		free(entry->latency_ns);
		free(entry);
	}
	free(results->cases);
	free(results);
}

void result_set(struct result_sample *sample, const char *name, int decimals, double value)
{
	assert(sample->n_values < RESULT_VALUES_MAX);
	sample->values[sample->n_values++] =
		(struct result_value){name, decimals, decimals == 0 ? round(value) : value};
}

#define QUANTILE_NAMES(name)                                                                       \
	{                                                                                          \
		name ".p50", name ".p90", name ".p99", name ".p999", name ".max"                   \
	}

void result_set_quantiles(struct result_sample *sample, const char *name,
			  const struct histogram *histogram)
{
	static const struct {
		const char *name, *names[5];
	} known[] = {
		{"latency_ms", QUANTILE_NAMES("latency_ms")},
		{"unspoilt_ms", QUANTILE_NAMES("unspoilt_ms")},
		{"setup_ms", QUANTILE_NAMES("setup_ms")},
	};
	static const double fractions[] = {0.5, 0.9, 0.99, 0.999};
	size_t row = 0;
	while (row < sizeof(known) / sizeof(known[0]) && strcmp(known[row].name, name) != 0)
		row++;
	assert(row < sizeof(known) / sizeof(known[0]));
	if (histogram->n == 0)
		return;
	for (size_t i = 0; i < 4; i++)
		result_set(sample, known[row].names[i], 3,
			   (double)histogram_quantile(histogram, fractions[i]) / 1e6);
	result_set(sample, known[row].names[4], 3, (double)histogram->max / 1e6);
}

void result_set_noise(struct result_sample *sample, const struct noise_figures *noise)
{
	result_set(sample, "noise.stalls", 0, noise->stalls);
	result_set(sample, "noise.longest_ms", 3, noise->longest_ms);
	result_set(sample, "noise.spoilt_packets", 0, (double)noise->spoilt_packets);
	result_set(sample, "noise.other_cpu_percent", 1, noise->other_cpu_percent);
	result_set(sample, "noise.background_cpu_percent", 1, noise->background_cpu_percent);
	result_set(sample, "noise.lag_ms", 3, noise->lag_ms);
	sample->is_rejected = noise->is_rejected;
}

static bool is_same_text(const char *left, const char *right)
{
	return strcmp(left ? left : "", right ? right : "") == 0;
}

static bool is_same_load(const struct result_key *left, const struct result_key *right)
{
	return is_same_text(left->mode, right->mode) &&
	       is_same_text(left->profile, right->profile) &&
	       left->packet_bytes == right->packet_bytes && left->viewers == right->viewers &&
	       left->publishers == right->publishers;
}

static struct result_case *find_case(const struct results *results, const struct result_key *key,
				     const char *subject)
{
	for (unsigned int i = 0; i < results->n_cases; i++) {
		struct result_case *entry = results->cases[i];
		if (is_same_text(entry->key.subject, subject) && is_same_load(&entry->key, key))
			return entry;
	}
	return NULL;
}

static void *grow(void *rows, size_t n, size_t size)
{
	void *more = reallocarray(rows, n, size);
	if (!more)
		abort(); /* half a result would be none */
	return more;
}

static const char *keep_text(char *room, const char *text)
{
	if (!text)
		return NULL;
	snprintf(room, RESULT_TEXT_MAX + 1, "%s", text);
	return room;
}

static struct result_case *add_case(struct results *results, const struct result_key *key)
{
	struct result_case *entry = grow(NULL, 1, sizeof(*entry));
	*entry = (struct result_case){.key = *key};
	entry->key.subject = keep_text(entry->subject, key->subject);
	entry->key.mode = keep_text(entry->mode, key->mode);
	entry->key.profile = keep_text(entry->profile, key->profile);
	results->cases = grow(results->cases, results->n_cases + 1, sizeof(struct result_case *));
	results->cases[results->n_cases++] = entry;
	return entry;
}

static void keep_latency(struct result_case *entry, const struct histogram *latency_ns)
{
	if (!entry->latency_ns) {
		entry->latency_ns = grow(NULL, 1, sizeof(*latency_ns));
		memset(entry->latency_ns, 0, sizeof(*latency_ns));
	}
	histogram_merge(entry->latency_ns, latency_ns);
}

void results_add(struct results *results, const struct result_sample *sample)
{
	struct result_case *entry = find_case(results, &sample->key, sample->key.subject);
	if (!entry)
		entry = add_case(results, &sample->key);
	entry->samples = grow(entry->samples, entry->n_samples + 1, sizeof(*entry->samples));
	struct kept_sample *kept = &entry->samples[entry->n_samples++];
	*kept = (struct kept_sample){sample->round, sample->n_values, sample->is_rejected, NULL};
	kept->values = grow(NULL, sample->n_values + 1, sizeof(*kept->values));
	memcpy(kept->values, sample->values, sample->n_values * sizeof(*kept->values));
	if (sample->latency_ns)
		keep_latency(entry, sample->latency_ns);
	if (results->config.is_json)
		result_write_sample(results, sample);
}

const struct result_value *result_find(const struct kept_sample *sample, const char *name)
{
	for (unsigned int i = 0; i < sample->n_values; i++) {
		if (strcmp(sample->values[i].name, name) == 0 && !isnan(sample->values[i].value))
			return &sample->values[i];
	}
	return NULL;
}

/* Values of those samples that are rejected, or of those that are not; how many there are. */
static unsigned int collect(const struct result_case *entry, const char *name, bool is_rejected,
			    double *values)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < entry->n_samples; i++) {
		const struct result_value *value = result_find(&entry->samples[i], name);
		if (value && entry->samples[i].is_rejected == is_rejected)
			values[n++] = value->value;
	}
	return n;
}

double results_median(const struct results *results, const struct result_key *key, const char *name)
{
	const struct result_case *entry = find_case(results, key, key->subject);
	if (!entry)
		return NAN;
	double *values = grow(NULL, entry->n_samples, sizeof(*values));
	unsigned int n = collect(entry, name, false, values);
	if (n == 0)
		n = collect(entry, name, true, values);
	double median = result_median_of(values, n);
	free(values);
	return median;
}

double results_worst(const struct results *results, const struct result_key *key, const char *name)
{
	const struct result_case *entry = find_case(results, key, key->subject);
	double worst = NAN;
	for (unsigned int i = 0; entry && i < entry->n_samples; i++) {
		const struct result_value *value = result_find(&entry->samples[i], name);
		if (value && (isnan(worst) || value->value > worst))
			worst = value->value;
	}
	return worst;
}

/* A round that had to be repeated is there twice; the later one of each counts. */
static const struct kept_sample *sample_of_round(const struct result_case *entry,
						 unsigned int round)
{
	const struct kept_sample *found = NULL;
	for (unsigned int i = 0; i < entry->n_samples; i++) {
		if (entry->samples[i].round == round)
			found = &entry->samples[i];
	}
	return found;
}

static unsigned int collect_ratios(const struct result_case *entry, const struct result_case *other,
				   const char *name, bool takes_rejected, double *ratios)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < entry->n_samples; i++) {
		const struct kept_sample *one = &entry->samples[i];
		const struct kept_sample *two = sample_of_round(other, one->round);
		if (!two || one != sample_of_round(entry, one->round) ||
		    (!takes_rejected && (one->is_rejected || two->is_rejected)))
			continue;
		const struct result_value *value = result_find(one, name);
		const struct result_value *base = result_find(two, name);
		if (value && base && base->value > 0)
			ratios[n++] = value->value / base->value;
	}
	return n;
}

double results_ratio(const struct results *results, const struct result_key *key, const char *other,
		     const char *name)
{
	const struct result_case *entry = find_case(results, key, key->subject);
	const struct result_case *base = find_case(results, key, other);
	if (!entry || !base)
		return NAN;
	double *ratios = grow(NULL, entry->n_samples, sizeof(*ratios));
	unsigned int n = collect_ratios(entry, base, name, false, ratios);
	if (n == 0)
		n = collect_ratios(entry, base, name, true, ratios);
	double median = result_median_of(ratios, n);
	free(ratios);
	return median;
}

void results_summarize(struct results *results)
{
	unsigned int first = results->n_summarized;
	results->n_summarized = results->n_cases;
	if (!results->config.is_json) {
		result_print_table(results, first);
		return;
	}
	for (unsigned int i = first; i < results->n_cases; i++)
		result_write_summary(results, results->cases[i]);
}

static void tell(struct results *results, const char *text, double value, double bound,
		 bool is_kept)
{
	results->has_missed |= !is_kept;
	if (results->config.is_json) {
		result_write_verdict(results, text, value, bound, is_kept);
		return;
	}
	fprintf(results->config.out, "%s  %s: %.4g (bound %.4g)\n", is_kept ? "kept  " : "MISSED",
		text, value, bound);
	fflush(results->config.out);
}

bool results_at_most(struct results *results, double value, double bound, const char *format, ...)
{
	char text[VERDICT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	bool is_kept = value <= bound;
	tell(results, text, value, bound, is_kept);
	return is_kept;
}

bool results_at_least(struct results *results, double value, double bound, const char *format, ...)
{
	char text[VERDICT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	bool is_kept = value >= bound;
	tell(results, text, value, bound, is_kept);
	return is_kept;
}

bool results_has_missed(const struct results *results)
{
	return results->has_missed;
}
