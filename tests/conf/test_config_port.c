/* gateway.yaml's port and marking: what goes with what, and what is no interface, no NIC, no DSCP.
 */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

static int parse(const char *text, char **told, struct gateway_config *config)
{
	size_t n;
	FILE *errors = open_memstream(told, &n);
	int rc = config_parse("g.yaml", text, strlen(text), errors, config);
	fclose(errors);
	return rc;
}

/* Text of a file, and a part of what must be told of it. */
static const struct {
	const char *text, *told;
} faults[] = {
	{"port:\n  mode: xdp\n",
	 "g.yaml:2: port.mode: found \"xdp\", expected one of socket af_xdp af_packet pci"},
	{"port:\n  hugepages: auto\n  mode: af_xdp\n",
	 "g.yaml:3: port.interface: found nothing, expected the interface of a NIC, as port.mode "
	 "is "
	 "af_xdp"},
	{"port:\n  mode: af_packet\n", "g.yaml:2: port.interface: found nothing, expected the int"},
	{"port:\n  mode: pci\n  pci: '0000:03:00.0'\n",
	 "g.yaml:2: port.interface: found nothing, expected a name for the tap"},
	{"port:\n  mode: pci\n  interface: nn5g0\n",
	 "g.yaml:2: port.pci: found nothing, expected the address of a NIC"},
	{"port:\n  interface: a-name-of-16-byt\n",
	 "port.interface: found \"a-name-of-16-byt\", expected the name of a network interface"},
	{"port:\n  interface: eth0,start=1\n", "port.interface: found \"eth0,start=1\", expected"},
	{"port:\n  interface: ..\n", "port.interface: found \"..\", expected the name"},
	{"port:\n  pci: '03:00.0'\n",
	 "port.pci: found \"03:00.0\", expected the PCI address of a NIC, like 0000:03:00.0"},
	{"port:\n  pci: '0000:03:00,0'\n", "port.pci: found \"0000:03:00,0\", expected"},
	{"port:\n  hugepages: yes\n", "port.hugepages: found \"yes\", expected one of auto on off"},
	{"qos:\n  dscp:\n    voice: 64\n",
	 "g.yaml:3: qos.dscp.voice: found \"64\", expected a number from 0 to 63"},
	{"qos:\n  dscp:\n    audio: 46\n",
	 "g.yaml:3: qos.dscp: found unknown key \"audio\", expected one of control voice"},
	{"qos:\n  voice: 46\n", "g.yaml:2: qos: found unknown key \"voice\", expected one of dscp"},
};

static void faults_are_told_with_their_line(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *told;
		struct gateway_config config;
		CU_ASSERT_EQUAL(parse(faults[i].text, &told, &config), -EINVAL);
		if (!strstr(told, faults[i].told)) {
			printf("\n%s-> %s", faults[i].text, told);
			CU_FAIL("not told");
		}
		free(told);
	}
}

static const struct {
	const char *text;
	enum port_mode mode;
	enum hugepages hugepages;
} ports[] = {
	{"port: {}\n", PORT_MODE_SOCKET, HUGEPAGES_AUTO},
	{"port: {mode: socket, interface: eth0}\n", PORT_MODE_SOCKET, HUGEPAGES_AUTO},
	{"port: {mode: af_xdp, interface: eth0.12, hugepages: 'off'}\n", PORT_MODE_AF_XDP,
	 HUGEPAGES_OFF},
	{"port: {mode: af_packet, interface: a-15-byte-name-}\n", PORT_MODE_AF_PACKET,
	 HUGEPAGES_AUTO},
	{"port: {mode: pci, interface: tap0, pci: '000A:bF:1f.7', hugepages: 'on'}\n",
	 PORT_MODE_PCI, HUGEPAGES_ON},
};

static void every_mode_is_taken_with_what_it_needs(void)
{
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		char *told;
		struct gateway_config config;
		CU_ASSERT_EQUAL_FATAL(parse(ports[i].text, &told, &config), 0);
		CU_ASSERT_STRING_EQUAL(told, "");
		CU_ASSERT_EQUAL(config_port_mode(&config), ports[i].mode);
		CU_ASSERT_EQUAL(config_hugepages(&config), ports[i].hugepages);
		config_free(&config);
		free(told);
	}
}

/* Sections within sections: each head once, each key below its own. */
static void marking_is_dumped_below_its_heads(void)
{
	char *told, *dump;
	size_t n;
	struct gateway_config config, again;
	CU_ASSERT_EQUAL_FATAL(parse("qos: {dscp: {voice: 0}}\n", &told, &config), 0);
	free(told);
	FILE *file = open_memstream(&dump, &n);
	config_dump(&config, file);
	fclose(file);
	const char *head = strstr(dump, "\nqos:\n  dscp:\n    # 0 to 63 DSCP\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(head);
	CU_ASSERT_PTR_NULL(strstr(head + 1, "\nqos:"));
	CU_ASSERT_PTR_NULL(strstr(head + strlen("\nqos:\n  dscp:"), "  dscp:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(head, "\n    voice: 0\n"));
	CU_ASSERT_EQUAL_FATAL(parse(dump, &told, &again), 0);
	CU_ASSERT(again.qos.dscp.voice == 0 && again.qos.dscp.video == 26);
	free(told);
	free(dump);
	config_free(&config);
	config_free(&again);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(faults_are_told_with_their_line),
	ROW(every_mode_is_taken_with_what_it_needs),
	ROW(marking_is_dumped_below_its_heads),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("config_port", tests)
