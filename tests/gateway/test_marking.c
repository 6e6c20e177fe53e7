/* Marks from gateway.yaml: its defaults are those of the traffic classes, yellow is one further. */
#include "tests/cunit.h"

#include <string.h>

#include "conf/config.h"
#include "gateway/marking.h"

static void defaults_are_the_classes_own(void)
{
	struct gateway_config config;
	struct dscp_map map, expected;
	CU_ASSERT_EQUAL_FATAL(config_load(NULL, stderr, &config), 0);
	marking_map(&config, &map);
	dscp_map_default(&expected);
	for (unsigned int i = 0; i < TRAFFIC_CLASSES; i++) {
		CU_ASSERT_EQUAL(map.of[i][COLOR_GREEN], expected.of[i][COLOR_GREEN]);
		CU_ASSERT_EQUAL(map.of[i][COLOR_YELLOW], expected.of[i][COLOR_YELLOW]);
	}
	config_free(&config);
}

/* Names and numbers of RFC 2474, 2597, 3246. */
static const struct {
	unsigned int dscp, yellow;
} marks[] = {
	{0, 0},                       /* default */
	{8, 8},                       /* CS1 */
	{10, 12}, {12, 14}, {14, 14}, /* AF11 AF12 AF13 */
	{18, 20}, {26, 28}, {34, 36}, /* AF21 AF31 AF41 */
	{38, 38},                     /* AF43 */
	{40, 40}, {46, 46}, {44, 44}, /* CS5, EF, VOICE-ADMIT */
	{35, 35}, {42, 42}, {63, 63}, /* nobody's */
};

static void yellow_has_the_next_drop_precedence(void)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct gateway_config config = {0};
		struct dscp_map map;
		config.qos.dscp.video = marks[i].dscp;
		marking_map(&config, &map);
		CU_ASSERT_EQUAL(map.of[CLASS_VIDEO][COLOR_GREEN], marks[i].dscp);
		CU_ASSERT_EQUAL(map.of[CLASS_VIDEO][COLOR_YELLOW], marks[i].yellow);
		CU_ASSERT_EQUAL(map.of[CLASS_VOICE][COLOR_GREEN], 0);
	}
}

static CU_TestInfo tests[] = {
	{"defaults_are_the_classes_own", defaults_are_the_classes_own},
	{"yellow_has_the_next_drop_precedence", yellow_has_the_next_drop_precedence},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("marking", tests)
