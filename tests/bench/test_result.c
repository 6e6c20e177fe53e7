/* Lines are read back with the JSON library. */
#include "bench/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/cunit.h"

static const struct result_column columns[] = {
	{"cpu_ns_per_packet", "CPU ns/p", 0},
	{"latency_ms.p99", "p99 ms", 3},
	{NULL, NULL, 0},
};

/* What a run wrote. */
struct sheet {
	char *text;
	size_t size;
	FILE *out;
	struct results *results;
};

static void begin(struct sheet *sheet, bool is_json)
{
	sheet->out = open_memstream(&sheet->text, &sheet->size);
	struct results_config config = {.bench = "fanout",
					.ratio = "cpu_ns_per_packet",
					.columns = columns,
					.arguments = "--viewers \"1\"",
					.is_json = is_json,
					.out = sheet->out};
	CU_ASSERT_EQUAL_FATAL(results_open(&config, &sheet->results), 0);
}

static void end(struct sheet *sheet)
{
	results_close(sheet->results);
	fclose(sheet->out);
	free(sheet->text);
}

/* The `index`th line of a type; NULL when there is none. */
static json_t *line_of(const struct sheet *sheet, const char *type, unsigned int index)
{
	for (const char *at = sheet->text; at && *at;) {
		size_t size = strcspn(at, "\n");
		json_t *line = json_loadb(at, size, 0, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(line);
		const char *found = json_string_value(json_object_get(line, "type"));
		if (strcmp(found, type) == 0 && index-- == 0)
			return line;
		json_decref(line);
		at += size + 1;
	}
	return NULL;
}

static double number_at(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return value ? json_number_value(value) : NAN;
}

static struct result_key key_of(const char *subject)
{
	return (struct result_key){.subject = subject,
				   .mode = "socket",
				   .profile = "gcm128",
				   .packet_bytes = 1200,
				   .viewers = 100,
				   .publishers = 1};
}

static void add(struct sheet *sheet, const char *subject, unsigned int round, double cpu_ns,
		bool is_rejected)
{
	struct result_sample sample = {.key = key_of(subject), .round = round};
	struct noise_figures noise = {.is_rejected = is_rejected};
	result_set(&sample, "cpu_ns_per_packet", 0, cpu_ns);
	result_set_noise(&sample, &noise);
	results_add(sheet->results, &sample);
}

static double median(const struct sheet *sheet, const char *subject)
{
	struct result_key key = key_of(subject);
	return results_median(sheet->results, &key, "cpu_ns_per_packet");
}

static double ratio(const struct sheet *sheet, const char *subject, const char *other)
{
	struct result_key key = key_of(subject);
	return results_ratio(sheet->results, &key, other, "cpu_ns_per_packet");
}

static void run_line_names_host_and_command(void)
{
	struct sheet sheet;
	begin(&sheet, true);
	json_t *line = line_of(&sheet, "run", 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "arguments")),
			       "--viewers \"1\"");
	const json_t *host = json_object_get(line, "host");
	CU_ASSERT(number_at(host, "cpus") >= 1 && number_at(host, "memory_mb") >= 1);
	CU_ASSERT(json_is_string(json_object_get(host, "cpu")));
	json_decref(line);
	end(&sheet);
}

static void sample_line_nests_what_has_a_dot(void)
{
	struct sheet sheet;
	struct histogram *latency_ns = calloc(1, sizeof(*latency_ns));
	begin(&sheet, true);
	histogram_add(latency_ns, 1000000);
	histogram_add(latency_ns, 3000000);
	struct result_sample sample = {.key = key_of("nn5g"), .round = 2, .latency_ns = latency_ns};
	result_set(&sample, "lost", 0, 0);
	result_set(&sample, "pps", 1, 250.04);
	result_set(&sample, "absent", 1, NAN);
	result_set_quantiles(&sample, "latency_ms", latency_ns);
	results_add(sheet.results, &sample);
	json_t *line = line_of(&sheet, "sample", 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_EQUAL(number_at(line, "round"), 2);
	CU_ASSERT_EQUAL(number_at(line, "lost"), 0);
	CU_ASSERT_DOUBLE_EQUAL(number_at(line, "pps"), 250, 1e-9);
	CU_ASSERT_PTR_NULL(json_object_get(line, "absent"));
	CU_ASSERT_DOUBLE_EQUAL(number_at(json_object_get(line, "latency_ms"), "max"), 3, 1e-9);
	const json_t *buckets = json_object_get(line, "latency_histogram");
	CU_ASSERT_EQUAL(json_array_size(buckets), 2);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(json_array_get(buckets, 0), 1)), 1);
	json_decref(line);
	free(latency_ns);
	end(&sheet);
}

static void ratios_are_of_pairs(void)
{
	struct sheet sheet;
	begin(&sheet, true);
	/* The machine halves its speed in round 2 and 3: medians say 4/30, pairs 1/10. */
	static const double own[] = {2, 4, 4}, other[] = {20, 40, 30};
	for (unsigned int i = 0; i < 3; i++) {
		add(&sheet, "nn5g", i + 1, own[i], false);
		add(&sheet, "janus", i + 1, other[i], false);
	}
	CU_ASSERT_DOUBLE_EQUAL(median(&sheet, "nn5g"), 4, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(median(&sheet, "janus"), 30, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&sheet, "nn5g", "janus"), 0.1, 1e-9);
	CU_ASSERT(isnan(ratio(&sheet, "nn5g", "floor")));
	results_summarize(sheet.results);
	json_t *line = line_of(&sheet, "summary", 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_DOUBLE_EQUAL(number_at(json_object_get(line, "ratio"), "janus"), 0.1, 1e-9);
	CU_ASSERT_EQUAL(number_at(line, "rounds"), 3);
	CU_ASSERT_EQUAL(number_at(line, "cpu_ns_per_packet"), 4);
	json_decref(line);
	end(&sheet);
}

static void rejected_samples_count_only_among_themselves(void)
{
	struct sheet sheet;
	begin(&sheet, true);
	add(&sheet, "nn5g", 1, 100, true);
	add(&sheet, "janus", 1, 100, false);
	CU_ASSERT_EQUAL(median(&sheet, "nn5g"), 100);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&sheet, "nn5g", "janus"), 1, 1e-9);
	add(&sheet, "nn5g", 2, 7, false);
	add(&sheet, "janus", 2, 70, false);
	CU_ASSERT_EQUAL(median(&sheet, "nn5g"), 7);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&sheet, "nn5g", "janus"), 0.1, 1e-9);
	end(&sheet);
}

static void repeated_round_replaces_the_first(void)
{
	struct sheet sheet;
	begin(&sheet, true);
	add(&sheet, "nn5g", 1, 100, true);
	add(&sheet, "nn5g", 1, 10, false);
	add(&sheet, "janus", 1, 50, false);
	CU_ASSERT_DOUBLE_EQUAL(ratio(&sheet, "nn5g", "janus"), 0.2, 1e-9);
	end(&sheet);
}

static void cases_are_told_apart(void)
{
	struct sheet sheet;
	begin(&sheet, true);
	add(&sheet, "nn5g", 1, 5, false);
	struct result_sample sample = {.key = key_of("nn5g"), .round = 1};
	sample.key.profile = "cm80";
	result_set(&sample, "cpu_ns_per_packet", 0, 9);
	results_add(sheet.results, &sample);
	CU_ASSERT_EQUAL(median(&sheet, "nn5g"), 5);
	CU_ASSERT_EQUAL(results_median(sheet.results, &sample.key, "cpu_ns_per_packet"), 9);
	CU_ASSERT(isnan(results_median(sheet.results, &sample.key, "unheard_of")));
	/* Another case of the same subject is nothing to compare it with. */
	results_summarize(sheet.results);
	json_t *line = line_of(&sheet, "summary", 0);
	CU_ASSERT_PTR_NULL(json_object_get(line, "ratio"));
	json_decref(line);
	end(&sheet);
}

static void missed_bound_is_remembered(void)
{
	struct sheet sheet;
	begin(&sheet, true);
	CU_ASSERT_TRUE(results_at_most(sheet.results, 1, 1, "as much"));
	CU_ASSERT_TRUE(results_at_least(sheet.results, 1, 1, "as much"));
	CU_ASSERT_FALSE(results_has_missed(sheet.results));
	CU_ASSERT_FALSE(results_at_most(sheet.results, NAN, 1, "was not measured"));
	CU_ASSERT_TRUE(results_has_missed(sheet.results));
	json_t *line = line_of(&sheet, "verdict", 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_TRUE(json_is_false(json_object_get(line, "kept")));
	CU_ASSERT_TRUE(json_is_null(json_object_get(line, "value")));
	json_decref(line);
	end(&sheet);
}

static void table_has_medians_and_ratios(void)
{
	struct sheet sheet;
	begin(&sheet, false);
	add(&sheet, "nn5g", 1, 5, false);
	add(&sheet, "janus", 1, 50, false);
	results_summarize(sheet.results);
	CU_ASSERT_PTR_NOT_NULL(strstr(sheet.text, "/ janus"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sheet.text, "0.100"));
	CU_ASSERT_PTR_NOT_NULL(strstr(sheet.text, "CPU ns/p"));
	CU_ASSERT_PTR_NULL(strstr(sheet.text, "rejected"));
	end(&sheet);
}

static CU_TestInfo tests[] = {
	{"run_line_names_host_and_command", run_line_names_host_and_command},
	{"sample_line_nests_what_has_a_dot", sample_line_nests_what_has_a_dot},
	{"ratios_are_of_pairs", ratios_are_of_pairs},
	{"rejected_samples_count_only_among_themselves",
	 rejected_samples_count_only_among_themselves},
	{"repeated_round_replaces_the_first", repeated_round_replaces_the_first},
	{"cases_are_told_apart", cases_are_told_apart},
	{"missed_bound_is_remembered", missed_bound_is_remembered},
	{"table_has_medians_and_ratios", table_has_medians_and_ratios},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("result", tests)
