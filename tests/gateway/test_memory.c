/* THREADED. Owners add up to what is resident, and grow and shrink with sessions. */
#include "gateway/memory.h"
#include "tests/gateway/admission_fixture.h"

#define SESSIONS 5

static char *paths[SESSIONS];

static void open_sessions(void)
{
	for (unsigned int i = 0; i < SESSIONS; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/whip/demo/memory-%u", i);
		struct ask asked = publish_as("demo", path);
		paths[i] = expect_created(&asked);
	}
}

static void owners_add_up_to_what_is_resident(void)
{
	struct memory_report report;
	uint64_t sum = 0;
	CU_ASSERT_EQUAL_FATAL(memory_measure(node, &report), 0);
	for (unsigned int i = 0; i < MEMORY_OWNERS; i++)
		sum += report.bytes[i];
	CU_ASSERT_EQUAL(sum, report.resident);
	CU_ASSERT_TRUE(report.bytes[MEMORY_PACKETS] > 0 && report.bytes[MEMORY_FILES] > 0);
	CU_ASSERT_TRUE(report.at_start > 0);
}

static void owners_grow_with_sessions_and_shrink_again(void)
{
	struct memory_report before, with, after;
	CU_ASSERT_EQUAL_FATAL(memory_measure(node, &before), 0);
	open_sessions();
	CU_ASSERT_EQUAL_FATAL(memory_measure(node, &with), 0);
	CU_ASSERT_EQUAL(with.sessions, before.sessions + SESSIONS);
	static const enum memory_owner owners[] = {MEMORY_TRANSPORTS, MEMORY_SESSIONS,
						   MEMORY_FEEDS};
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t grown = with.bytes[owners[i]] - before.bytes[owners[i]];
		CU_ASSERT_TRUE(grown >= SESSIONS * 500 && grown <= SESSIONS * 40000);
	}
	/* They never connected. */
	CU_ASSERT_EQUAL(with.bytes[MEMORY_DTLS], before.bytes[MEMORY_DTLS]);
	for (unsigned int i = 0; i < SESSIONS; i++)
		end(paths[i]);
	settle(before.sessions);
	CU_ASSERT_EQUAL_FATAL(memory_measure(node, &after), 0);
	CU_ASSERT_EQUAL(after.sessions, before.sessions);
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(after.bytes[owners[i]], before.bytes[owners[i]]);
}

static void a_session_is_the_growth_by_sessions(void)
{
	struct memory_report report = {.resident = 1000, .at_start = 400, .sessions = 3};
	CU_ASSERT_EQUAL(memory_session_bytes(&report), 200);
	report.sessions = 0;
	CU_ASSERT_EQUAL(memory_session_bytes(&report), 0);
	report = (struct memory_report){.resident = 300, .at_start = 400, .sessions = 3};
	CU_ASSERT_EQUAL(memory_session_bytes(&report), 0);
}

static void json_and_metrics_name_every_owner(void)
{
	json_t *document = memory_describe(node);
	GString *metrics = g_string_new(NULL);
	metrics_render_memory(node, metrics);
	CU_ASSERT_PTR_NOT_NULL_FATAL(document);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(document, "owners")), MEMORY_OWNERS);
	for (unsigned int i = 0; i < MEMORY_OWNERS; i++) {
		const json_t *owner = json_array_get(json_object_get(document, "owners"), i);
		const char *name = json_string_value(json_object_get(owner, "owner"));
		char series[64];
		CU_ASSERT_STRING_EQUAL(name, memory_owner_names[i]);
		CU_ASSERT_TRUE(json_string_length(json_object_get(owner, "text")) > 0);
		snprintf(series, sizeof(series), "nn5g_memory_bytes{owner=\"%s\"} ", name);
		CU_ASSERT_PTR_NOT_NULL(strstr(metrics->str, series));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(metrics->str, "nn5g_memory_session_bytes "));
	g_string_free(metrics, TRUE);
	json_decref(document);
}

static int start(void)
{
	return start_with("tenants:\n" TENANT("demo", "") TENANT_OTHER);
}

static CU_TestInfo tests[] = {
	{"owners_add_up_to_what_is_resident", owners_add_up_to_what_is_resident},
	{"owners_grow_with_sessions_and_shrink_again", owners_grow_with_sessions_and_shrink_again},
	{"a_session_is_the_growth_by_sessions", a_session_is_the_growth_by_sessions},
	{"json_and_metrics_name_every_owner", json_and_metrics_name_every_owner},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("gateway memory", tests, start, stop)
