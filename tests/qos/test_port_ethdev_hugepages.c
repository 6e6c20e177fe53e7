/* Ports over net_af_packet and net_af_xdp with the packets in hugepages. Needs root. */
#include "tests/qos/ethdev_fixture.h"
#include "tests/qos/hugepages.h"

#define LENT_MB 160

static int start(void)
{
	return hugepages_lend(LENT_MB) == 0 ? fixture_start(EAL_HUGEPAGES_ON) : -1;
}

static int stop(void)
{
	eal_stop();
	hugepages_return(LENT_MB);
	return 0;
}

TEST_MAIN_WITH("port over ethdev on hugepages", tests, start, stop)
