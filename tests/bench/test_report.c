/* A report's reader and page: what is taken of a file, what is told and left out, and that nothing
 * in it becomes markup. */
#include "bench/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record.h"
#include "bench/report_case.h"
#include "tests/cunit.h"

#define RUN                                                                                        \
	"{\"type\":\"run\",\"bench\":\"fanout\",\"host\":{\"cpu\":\"a CPU\",\"cpus\":2,"           \
	"\"kernel\":\"6\",\"memory_mb\":1}}\n"
#define LINE(type, subject, rest)                                                                  \
	"{\"type\":\"" type "\",\"bench\":\"fanout\",\"subject\":\"" subject                       \
	"\",\"viewers\":100," rest "}\n"
#define FIGURES                                                                                    \
	"\"cpu_ns_per_packet\":4250,\"ratio\":{\"janus\":0.125},"                                  \
	"\"latency_histogram\":[[0.5,99],[2,1]]"
#define GOAL                                                                                       \
	"{\"type\":\"verdict\",\"bench\":\"fanout\",\"text\":\"goal\",\"value\":1.5,"              \
	"\"bound\":1,\"kept\":false}\n"

/* Reads `text`; what is complained of comes in *complaints. */
static struct records *read_text(const char *text, int n_bad, char **complaints)
{
	struct records *records = NULL;
	size_t size;
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	FILE *told = open_memstream(complaints, &size);
	CU_ASSERT_FATAL(file && told && records_create(&records) == 0);
	CU_ASSERT_EQUAL(records_read(records, file, "file", told), n_bad);
	fclose(file);
	fclose(told);
	return records;
}

static char *write_as(const struct report_options *options, const char *text, int n_bad)
{
	char *page = NULL, *complaints = NULL;
	size_t size;
	struct records *records = read_text(text, n_bad, &complaints);
	FILE *out = open_memstream(&page, &size);
	CU_ASSERT_EQUAL(report_write(out, options, records), 0);
	fclose(out);
	free(complaints);
	records_destroy(records);
	return page;
}

static char *page_of(const char *text, int n_bad)
{
	struct report_options options = {.title = "title", .n_bad = (unsigned int)n_bad};
	return write_as(&options, text, n_bad);
}

static void values_are_found_by_their_names(void)
{
	char *complaints;
	struct records *records = read_text(LINE("sample", "nn5g",
						 "\"latency_ms\":{\"p99\":1.5},\"n\":true,"
						 "\"latency_histogram\":[[0.5,2],[1,3]]"),
					    0, &complaints);
	struct record_bucket bucket;
	CU_ASSERT_EQUAL_FATAL(records_count(records), 1);
	const struct record *record = records_at(records, 0);
	CU_ASSERT_EQUAL(record_type(record), RECORD_SAMPLE);
	CU_ASSERT_STRING_EQUAL(record_text(record, "subject"), "nn5g");
	CU_ASSERT_PTR_NULL(record_text(record, "viewers"));
	CU_ASSERT_EQUAL(record_number(record, "viewers"), 100);
	CU_ASSERT_EQUAL(record_number(record, "latency_ms.p99"), 1.5);
	CU_ASSERT_EQUAL(record_number(record, "n"), 1);
	CU_ASSERT(isnan(record_number(record, "latency_ms.p50")));
	CU_ASSERT(isnan(record_number(record, "subject.p50")));
	CU_ASSERT(record_bucket(record, 1, &bucket));
	CU_ASSERT(bucket.upper_ms == 1 && bucket.count == 3);
	CU_ASSERT_FALSE(record_bucket(record, 2, &bucket));
	free(complaints);
	records_destroy(records);
}

static void bad_lines_are_told_and_left_out(void)
{
	static const struct {
		const char *line, *complaint;
	} rows[] = {
		{"{", "no JSON: "},
		{"[]", "no JSON object"},
		{"7", "no JSON: "},
		{"{\"bench\":\"a\"}", "\"type\" is none of run, sample, summary, verdict"},
		{"{\"type\":\"page\",\"bench\":\"a\"}", "\"type\" is none of "},
		{"{\"type\":\"run\"}", "\"bench\" is missing"},
		{"{\"type\":\"run\",\"bench\":7}", "\"bench\" is missing"},
		{"{\"type\":\"run\",\"bench\":\"a\",\"bench\":\"b\"}", "no JSON: duplicate"},
		{"{\"type\":\"verdict\",\"bench\":\"a\"}", "a verdict without \"text\""},
		{"{\"type\":\"sample\",\"bench\":\"a\",\"latency_histogram\":7}", "is no array"},
		{"{\"type\":\"sample\",\"bench\":\"a\",\"latency_histogram\":[[1,2],[1,2]]}",
		 "pairs that rise"},
		{"{\"type\":\"sample\",\"bench\":\"a\",\"latency_histogram\":[[1,0]]}",
		 "pairs that rise"},
		{"{\"type\":\"sample\",\"bench\":\"a\",\"latency_histogram\":[[-1,1]]}",
		 "pairs that rise"},
		{"{\"type\":\"sample\",\"bench\":\"a\",\"latency_histogram\":[[1]]}",
		 "pairs that rise"},
	};
	char text[512], *complaints;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s\n%s\n%s", RUN, rows[i].line, RUN);
		struct records *records = read_text(text, 1, &complaints);
		CU_ASSERT_EQUAL(records_count(records), 2);
		CU_ASSERT_EQUAL(strncmp(complaints, "file:3: ", 8), 0); /* line 2 is empty */
		CU_ASSERT_PTR_NOT_NULL(strstr(complaints, rows[i].complaint));
		free(complaints);
		records_destroy(records);
	}
}

static void a_line_longer_than_any_is_bad(void)
{
	char *complaints, *text = malloc(RECORD_LINE_MAX + sizeof(RUN) + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	strcpy(text, RUN);
	size_t n = strlen(text);
	memset(text + n, 'x', RECORD_LINE_MAX + 1);
	text[n + RECORD_LINE_MAX + 1] = '\0';
	struct records *records = read_text(text, 1, &complaints);
	CU_ASSERT_EQUAL(records_count(records), 1);
	CU_ASSERT_STRING_EQUAL(complaints, "file:2: longer than a line may be\n");
	free(complaints);
	free(text);
	records_destroy(records);
}

/* Samples without their summary, as of a run that was cut off. */
static void medians_leave_out_what_was_rejected(void)
{
	char *complaints;
	struct report_runs *runs;
	struct records *records =
		read_text(RUN LINE("sample", "nn5g", "\"v\":1")
				  LINE("sample", "nn5g", "\"v\":100,\"noise\":{\"rejected\":true}")
					  LINE("sample", "nn5g", "\"v\":3")
						  LINE("sample", "janus",
						       "\"v\":9,\"noise\":{\"rejected\":true}")
							  LINE("summary", "floor", "\"v\":5") RUN,
			  0, &complaints);
	CU_ASSERT_EQUAL_FATAL(report_runs_create(records, &runs), 0);
	CU_ASSERT_EQUAL_FATAL(runs->n, 2);
	CU_ASSERT_EQUAL_FATAL(runs->of[0].n_cases, 3);
	const struct report_case *own = &runs->of[0].cases[0];
	CU_ASSERT_EQUAL(report_case_number(own, "v"), 2);
	CU_ASSERT_EQUAL(report_case_number(own + 1, "v"), 9);
	CU_ASSERT_EQUAL(report_case_number(own + 2, "v"), 5);
	CU_ASSERT(isnan(report_case_number(own, "w")));
	CU_ASSERT_EQUAL(runs->of[1].n_cases, 0);
	report_runs_destroy(runs);
	free(complaints);
	records_destroy(records);
}

static void page_shows_what_was_measured(void)
{
	char *page = page_of(RUN LINE("summary", "nn5g", FIGURES) GOAL, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<td>4.25</td>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "× janus</th>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<td>0.125</td>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<td>1.5</td><td>1</td><td>missed</td>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "Latency: 100 viewers"));
	/* The share that took as long: all of them down to a hundredth, on decades. */
	CU_ASSERT_PTR_NOT_NULL(strstr(page, ">0.01</text>"));
	CU_ASSERT_PTR_NULL(strstr(page, "nan"));
	CU_ASSERT_PTR_NULL(strstr(page, "could not be read"));
	free(page);
}

static void text_is_never_markup(void)
{
	char *page = page_of(
		"{\"type\":\"run\",\"bench\":\"<img src=x>\",\"version\":\"<b>\",\"time\":\"\\\"\","
		"\"arguments\":\"</pre><script>\",\"host\":{\"cpu\":\"&lt;\",\"kernel\":\"'\"}}\n"
		"{\"type\":\"sample\",\"bench\":\"<img "
		"src=x>\",\"subject\":\"<i>\",\"mode\":\"<u>\","
		"\"profile\":\"<s>\",\"<q>\":1,\"viewers\":2,\"latency_histogram\":[[1,1]],"
		"\"cpu_ns_per_packet\":1e300,\"sessions_per_second\":3}\n"
		"{\"type\":\"verdict\",\"bench\":\"<img src=x>\",\"text\":\"<a href=x>\"}\nbad\n",
		1);
	static const char *const tags[] = {"<img", "<b>", "</pre><script", "<i>",   "<u>",
					   "<s>",  "<q>", "<a ",           "\"\"\""};
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		CU_ASSERT_PTR_NULL(strstr(page, tags[i]));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "&lt;img src=x&gt;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "&amp;lt;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "1 lines could not be read"));
	free(page);
}

static void markdown_has_the_columns_asked_for(void)
{
	struct report_options options = {.is_markdown = true, .columns = "lost,cpu_ns_per_packet"};
	char *text = write_as(
		&options,
		RUN LINE("summary", "a|b", FIGURES ",\"lost\":0,\"rejected\":2,\"seconds\":3") GOAL,
		0);
	/* What was rejected is told whether it was asked for or not. */
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
				      "\n| load | subject | rejected rounds | lost | "
				      "CPU µs/packet | × janus |\n|---|---|--:|--:|--:|--:|\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n| 100 viewers | a\\|b | 2 | 0 | 4.25 | 0.125 |\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "- goal: 1.5, bound 1: **missed**\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "    nn5g-bench fanout \n"));
	free(text);
}

static CU_TestInfo tests[] = {
	{"values_are_found_by_their_names", values_are_found_by_their_names},
	{"bad_lines_are_told_and_left_out", bad_lines_are_told_and_left_out},
	{"a_line_longer_than_any_is_bad", a_line_longer_than_any_is_bad},
	{"medians_leave_out_what_was_rejected", medians_leave_out_what_was_rejected},
	{"page_shows_what_was_measured", page_shows_what_was_measured},
	{"text_is_never_markup", text_is_never_markup},
	{"markdown_has_the_columns_asked_for", markdown_has_the_columns_asked_for},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("report", tests)
