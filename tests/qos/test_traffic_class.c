/* The traffic classes: names, order, what falls into which, how long it may wait, its marking. */
#include <string.h>

#include "qos/traffic_class.h"
#include "tests/cunit.h"

#define MS 1000000ull

static void rows_fit_the_hierarchy(void)
{
	for (enum traffic_class i = 0; i < TRAFFIC_CLASSES; i++) {
		const struct traffic_class_row *row = &traffic_class_rows[i];
		CU_ASSERT_PTR_NOT_NULL_FATAL(row->name);
		CU_ASSERT_PTR_NOT_NULL(row->text);
		CU_ASSERT(row->queue_packets > 0 && row->queue_packets <= 32768);
		CU_ASSERT_EQUAL(row->queue_packets & (row->queue_packets - 1), 0);
		CU_ASSERT(row->sched_class <= 12);
		CU_ASSERT(i == 0 || row->sched_class > traffic_class_rows[i - 1].sched_class);
		CU_ASSERT(row->dscp < 64 && row->dscp_yellow < 64);
		CU_ASSERT(row->delay_ms > 0);
	}
	/* The last is rte_sched's best effort: its queue may not be absent. */
	CU_ASSERT_EQUAL(traffic_class_rows[CLASS_BULK].sched_class, 12);
}

static void five_qi_and_kind_give_the_class(void)
{
	static const struct {
		unsigned int five_qi;
		enum flow_kind kind;
		enum traffic_class expected;
	} rows[] = {
		{2, FLOW_VIDEO, CLASS_INTERACTIVE_VIDEO},
		{7, FLOW_VIDEO, CLASS_INTERACTIVE_VIDEO},
		{80, FLOW_VIDEO, CLASS_INTERACTIVE_VIDEO},
		{4, FLOW_VIDEO, CLASS_VIDEO},
		{9, FLOW_VIDEO, CLASS_VIDEO},
		{71, FLOW_VIDEO, CLASS_VIDEO},
		{0, FLOW_VIDEO, CLASS_VIDEO},
		{4711, FLOW_VIDEO, CLASS_VIDEO},
		{9, FLOW_VOICE, CLASS_VOICE},
		{2, FLOW_VOICE, CLASS_VOICE},
		{9, FLOW_DATA, CLASS_INTERACTIVE_DATA},
		{2, FLOW_CONTROL, CLASS_CONTROL},
		{2, FLOW_RETRANSMISSION, CLASS_RETRANSMISSION},
		{1, FLOW_BULK, CLASS_BULK},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT_EQUAL(traffic_class_of(rows[i].five_qi, rows[i].kind), rows[i].expected);
}

static void smallest_bound_counts(void)
{
	/* The class's own, the 5QI's, the slice's. */
	CU_ASSERT_EQUAL(traffic_class_delay_ns(9, 0, CLASS_VOICE), 80 * MS);
	CU_ASSERT_EQUAL(traffic_class_delay_ns(80, 0, CLASS_VOICE), 10 * MS);
	CU_ASSERT_EQUAL(traffic_class_delay_ns(9, 20, CLASS_VIDEO), 20 * MS);
	CU_ASSERT_EQUAL(traffic_class_delay_ns(9, 5000, CLASS_VIDEO), 300 * MS);
	CU_ASSERT_EQUAL(traffic_class_delay_ns(10, 0, CLASS_BULK), 500 * MS);
	CU_ASSERT_EQUAL(traffic_class_delay_ns(4711, 0, CLASS_BULK), 300 * MS);
	/* A check or a handshake is never late for a budget that is meant for media. */
	CU_ASSERT_EQUAL(traffic_class_delay_ns(85, 1, CLASS_CONTROL), 200 * MS);
}

static void default_marking_is_that_of_rfc_8837(void)
{
	struct dscp_map map;
	dscp_map_default(&map);
	CU_ASSERT_EQUAL(map.of[CLASS_VOICE][COLOR_GREEN], 46);
	CU_ASSERT_EQUAL(map.of[CLASS_VOICE][COLOR_YELLOW], 46);
	CU_ASSERT_EQUAL(map.of[CLASS_INTERACTIVE_VIDEO][COLOR_GREEN], 34);
	CU_ASSERT_EQUAL(map.of[CLASS_INTERACTIVE_VIDEO][COLOR_YELLOW], 36);
	CU_ASSERT_EQUAL(map.of[CLASS_VIDEO][COLOR_GREEN], 26);
	CU_ASSERT_EQUAL(map.of[CLASS_VIDEO][COLOR_YELLOW], 28);
	CU_ASSERT_EQUAL(map.of[CLASS_INTERACTIVE_DATA][COLOR_GREEN], 18);
	CU_ASSERT_EQUAL(map.of[CLASS_BULK][COLOR_GREEN], 10);
}

static CU_TestInfo tests[] = {
	{"rows_fit_the_hierarchy", rows_fit_the_hierarchy},
	{"five_qi_and_kind_give_the_class", five_qi_and_kind_give_the_class},
	{"smallest_bound_counts", smallest_bound_counts},
	{"default_marking_is_that_of_rfc_8837", default_marking_is_that_of_rfc_8837},
	CU_TEST_INFO_NULL,
};
TEST_MAIN("traffic_class", tests)
