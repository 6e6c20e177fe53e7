/* The table as 3GPP prints it, ordered by value. The standard leaves room between the groups: 11 to
 * 64, 68, 77, 78 and 81 mean nothing. 75 is kept with the values it was given for V2X over MBMS
 * (TS 23.203 table 6.1.7); later releases hold the number and print no characteristics. */
#include "conf/five_qi.h"

#include <stddef.h>
#include <stdlib.h>

#define GBR      RESOURCE_GBR
#define NON_GBR  RESOURCE_NON_GBR
#define CRITICAL RESOURCE_DELAY_CRITICAL_GBR

/* clang-format off */
static const struct five_qi rows[] = {
	/* value, resource, priority, delay_ms, loss, interactive */
	{ 1, GBR,      20,  100, 2, true,  "conversational voice"},
	{ 2, GBR,      40,  150, 3, true,  "conversational video (live streaming)"},
	{ 3, GBR,      30,   50, 3, true,  "real time gaming, V2X messages, process monitoring"},
	{ 4, GBR,      50,  300, 6, false, "non-conversational video (buffered streaming)"},
	{ 5, NON_GBR,  10,  100, 6, true,  "IMS signalling"},
	{ 6, NON_GBR,  60,  300, 6, false, "buffered video, TCP-based services"},
	{ 7, NON_GBR,  70,  100, 3, true,  "voice, live streaming video, interactive gaming"},
	{ 8, NON_GBR,  80,  300, 6, false, "buffered video, TCP-based services"},
	{ 9, NON_GBR,  90,  300, 6, false, "buffered video, TCP-based services"},
	{10, NON_GBR,  90, 1100, 6, false, "buffered video and others over satellite access"},
	{65, GBR,       7,   75, 2, true,  "mission critical push to talk voice"},
	{66, GBR,      20,  100, 2, true,  "non-mission-critical push to talk voice"},
	{67, GBR,      15,  100, 3, true,  "mission critical video"},
	{69, NON_GBR,   5,   60, 6, true,  "mission critical delay sensitive signalling"},
	{70, NON_GBR,  55,  200, 6, false, "mission critical data"},
	{71, GBR,      56,  150, 6, false, "live uplink streaming"},
	{72, GBR,      56,  300, 4, false, "live uplink streaming"},
	{73, GBR,      56,  300, 8, false, "live uplink streaming"},
	{74, GBR,      56,  500, 8, false, "live uplink streaming"},
	{75, GBR,      25,   50, 2, true,  "V2X messages"},
	{76, GBR,      56,  500, 4, false, "live uplink streaming"},
	{79, NON_GBR,  65,   50, 2, true,  "V2X messages"},
	{80, NON_GBR,  68,   10, 6, true,  "low latency eMBB, augmented reality"},
	{82, CRITICAL, 19,   10, 4, true,  "discrete automation"},
	{83, CRITICAL, 22,   10, 4, true,  "discrete automation, V2X platooning"},
	{84, CRITICAL, 24,   30, 5, true,  "intelligent transport systems"},
	{85, CRITICAL, 21,    5, 5, true,  "high voltage distribution, remote driving"},
	{86, CRITICAL, 18,    5, 4, true,  "V2X collision avoidance"},
	{87, CRITICAL, 25,    5, 3, true,  "interactive service, motion tracking"},
	{88, CRITICAL, 25,   10, 3, true,  "interactive service, motion tracking"},
	{89, CRITICAL, 25,   15, 4, true,  "visual content for split rendering"},
	{90, CRITICAL, 25,   20, 4, true,  "visual content for split rendering"},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int row_compare(const void *value, const void *row)
{
	unsigned int a = *(const unsigned int *)value, b = ((const struct five_qi *)row)->value;
	return (a > b) - (a < b);
}

const struct five_qi *five_qi_find(unsigned int value)
{
	return bsearch(&value, rows, ROWS, sizeof(rows[0]), row_compare);
}

const struct five_qi *five_qi_rows(unsigned int *n)
{
	*n = ROWS;
	return rows;
}
