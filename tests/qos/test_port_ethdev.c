/* Ports over net_af_packet and net_af_xdp on ordinary memory. Needs root. */
#include "tests/qos/ethdev_fixture.h"

static int start(void)
{
	return fixture_start(EAL_HUGEPAGES_OFF);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

static void packet_go(void)
{
	kind = PORT_AF_PACKET;
	question_and_answer_go_every_way();
}

static void xdp_go(void)
{
	kind = PORT_AF_XDP;
	question_and_answer_go_every_way();
}

static CU_TestInfo tests[] = {
	{"packet_go", packet_go},
	{"xdp_go", xdp_go},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("port over ethdev", tests, start, stop)
