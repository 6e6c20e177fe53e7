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

TEST_MAIN_WITH("port over ethdev", tests, start, stop)
