/* Lines are whole JSON objects whatever goes in, and a site never writes more than it may.
 * THREADED. */
#include "tests/cunit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/log.h"

#define THREADS        4
#define LINES_A_THREAD 5000

static int stderr_kept = -1;
static FILE *captured;

/* From here on standard error goes to a file. */
static void capture_start(void)
{
	fflush(stderr);
	stderr_kept = dup(STDERR_FILENO);
	captured = tmpfile();
	CU_ASSERT_FATAL(stderr_kept >= 0 && captured != NULL);
	dup2(fileno(captured), STDERR_FILENO);
}

static void capture_stop(void)
{
	dup2(stderr_kept, STDERR_FILENO);
	close(stderr_kept);
	rewind(captured);
}

/* The next captured line as a JSON object; NULL at the end. A line that is none fails the test. */
static json_t *next_line(void)
{
	static char line[8192];
	if (!fgets(line, sizeof(line), captured))
		return NULL;
	size_t n = strlen(line);
	CU_ASSERT(n > 0 && n <= 4096 && line[n - 1] == '\n');
	json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	CU_ASSERT_PTR_NOT_NULL(object);
	return object;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "(absent)";
}

static void line_has_every_member(void)
{
	capture_start();
	log_init("nn5g-test");
	log_warn(LOG_ICE, "check failed", "\"peer\":\"%s\",\"count\":%d", log_escape("a\"b"), 7);
	capture_stop();
	json_t *line = next_line();
	CU_ASSERT_STRING_EQUAL(text_of(line, "level"), "warn");
	CU_ASSERT_STRING_EQUAL(text_of(line, "module"), "ice");
	CU_ASSERT_STRING_EQUAL(text_of(line, "service"), "nn5g-test");
	CU_ASSERT_STRING_EQUAL(text_of(line, "message"), "check failed");
	const json_t *metadata = json_object_get(line, "metadata");
	CU_ASSERT_STRING_EQUAL(text_of(metadata, "peer"), "a\"b");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(metadata, "count")), 7);
	json_decref(line);
	CU_ASSERT_PTR_NULL(next_line());
	fclose(captured);
}

static void timestamp_is_rfc3339_utc(void)
{
	time_t before = time(NULL);
	capture_start();
	log_error(LOG_NODE, "now", NULL);
	capture_stop();
	json_t *line = next_line();
	const char *stamp = text_of(line, "timestamp");
	struct tm utc = {0};
	const char *rest = strptime(stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rest);
	CU_ASSERT(strlen(rest) == 5 && rest[0] == '.' && rest[4] == 'Z');
	time_t told = timegm(&utc);
	CU_ASSERT(told >= before && told <= time(NULL));
	json_decref(line);
	fclose(captured);
}

static void levels_are_per_module(void)
{
	CU_ASSERT_FALSE(log_enabled(LOG_DTLS, LOG_DEBUG));
	CU_ASSERT_TRUE(log_enabled(LOG_DTLS, LOG_INFO));
	log_set_level(LOG_DTLS, LOG_ERROR);
	CU_ASSERT_FALSE(log_enabled(LOG_DTLS, LOG_WARN));
	CU_ASSERT_TRUE(log_enabled(LOG_MEDIA, LOG_INFO));
	capture_start();
	log_warn(LOG_DTLS, "left out", NULL);
	log_warn(LOG_MEDIA, "written", NULL);
	capture_stop();
	json_t *line = next_line();
	CU_ASSERT_STRING_EQUAL(text_of(line, "message"), "written");
	json_decref(line);
	CU_ASSERT_PTR_NULL(next_line());
	fclose(captured);
	log_set_level(LOG_DTLS, LOG_INFO);
}

static void names_go_both_ways(void)
{
	for (int i = 0; i < LOG_MODULES; i++)
		CU_ASSERT_EQUAL(log_module_by_name(log_module_name((enum log_module)i)), i);
	for (int i = 0; i < LOG_LEVELS; i++)
		CU_ASSERT_EQUAL(log_level_by_name(log_level_name((enum log_level)i)), i);
	CU_ASSERT_EQUAL(log_module_by_name("kitchen"), -1);
	CU_ASSERT_EQUAL(log_level_by_name("INFO"), -1);
}

static void escape_yields_json(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"plain", "plain"},
		{"q\"b\\", "q\\\"b\\\\"},
		{"a\nb\tc\x01\x7f", "a\\u000ab\\u0009c\\u0001\\u007f"},
		{"gr\xc3\xb6\xc3\x9f"
		 "e",
		 "gr\xc3\xb6\xc3\x9f"
		 "e"},
		{"\xff\xc3(", "\\ufffd\\ufffd("},
		{"\xc0\xae", "\\ufffd\\ufffd"},
		{"\xe2\x82", "\\ufffd\\ufffd"},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT_STRING_EQUAL(log_escape(rows[i].in), rows[i].out);
	CU_ASSERT_STRING_EQUAL(log_escape(NULL), "");
}

static void escape_cuts_between_characters(void)
{
	char text[1200];
	for (size_t shift = 0; shift < 6; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 1 < sizeof(text) - 1; i += 2) {
			text[i] = (char)0xc3;
			text[i + 1] = (char)0xa4;
		}
		text[shift + 1000] = '\0';
		const char *cut = log_escape(text);
		CU_ASSERT(strlen(cut) < 512 && strlen(cut) > 500);
		CU_ASSERT((strlen(cut) - shift) % 2 == 0);
	}
}

static void escape_buffers_do_not_collide(void)
{
	const char *texts[8];
	char name[2] = "a";
	for (int i = 0; i < 8; i++, name[0]++)
		texts[i] = log_escape(name);
	for (int i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(texts[i][0], 'a' + i);
}

static void long_lines_stay_json(void)
{
	static char text[20000];
	memset(text, '"', sizeof(text) - 1);
	capture_start();
	log_info(LOG_SESSION, text, NULL);
	log_info(LOG_SESSION, "long", "\"text\":\"%.15000s\"", text);
	capture_stop();
	json_t *line = next_line();
	CU_ASSERT(strlen(text_of(line, "message")) > 100);
	json_decref(line);
	line = next_line();
	CU_ASSERT_TRUE(
		json_is_true(json_object_get(json_object_get(line, "metadata"), "truncated")));
	json_decref(line);
	fclose(captured);
}

static struct log_site shared_site;

static void *writes_much(void *unused)
{
	(void)unused;
	for (int i = 0; i < LINES_A_THREAD; i++)
		log_write(&shared_site, LOG_WORKER, LOG_INFO, "burst", "\"i\":%d", i);
	return NULL;
}

static void site_is_limited_and_tells_what_it_left_out(void)
{
	capture_start();
	time_t start = time(NULL);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, writes_much, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	time_t seconds = time(NULL) - start + 1;
	capture_stop();

	long lines = 0, told = 0;
	for (json_t *line = next_line(); line; line = next_line()) {
		lines++;
		const json_t *metadata = json_object_get(line, "metadata");
		told += (long)json_integer_value(json_object_get(metadata, "suppressed"));
		json_decref(line);
	}
	fclose(captured);
	CU_ASSERT(lines >= LOG_BURST && lines <= LOG_BURST * seconds);
	CU_ASSERT_EQUAL(lines + told + (long)shared_site.suppressed, THREADS * LINES_A_THREAD);
}

static void levels_change_while_others_write(void)
{
	capture_start();
	pthread_t writer;
	CU_ASSERT_FATAL(pthread_create(&writer, NULL, writes_much, NULL) == 0);
	for (int i = 0; i < 1000; i++) {
		log_set_level(LOG_WORKER, i % 2 ? LOG_DEBUG : LOG_ERROR);
		log_info(LOG_WORKER, "maybe", NULL);
	}
	pthread_join(writer, NULL);
	log_set_level(LOG_WORKER, LOG_INFO);
	capture_stop();
	long lines = 0;
	for (json_t *line = next_line(); line; line = next_line(), lines++)
		json_decref(line);
	CU_ASSERT(lines > 0);
	fclose(captured);
}

static CU_TestInfo tests[] = {
	{"line_has_every_member", line_has_every_member},
	{"timestamp_is_rfc3339_utc", timestamp_is_rfc3339_utc},
	{"levels_are_per_module", levels_are_per_module},
	{"names_go_both_ways", names_go_both_ways},
	{"escape_yields_json", escape_yields_json},
	{"escape_cuts_between_characters", escape_cuts_between_characters},
	{"escape_buffers_do_not_collide", escape_buffers_do_not_collide},
	{"long_lines_stay_json", long_lines_stay_json},
	{"site_is_limited_and_tells_what_it_left_out", site_is_limited_and_tells_what_it_left_out},
	{"levels_change_while_others_write", levels_change_while_others_write},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("log", tests)
