/* What a port mode needs, held against what is there. Private to port_check.c, which gathers the
 * facts and prints. */
#pragma once

#include <jansson.h>

#include "conf/config.h"
#include "gateway/machine.h"
#include "gateway/nic.h"

struct port_facts {
	const struct gateway_config *config;
	struct machine machine;
	bool has_nic; /* port.interface is there */
	struct nic nic;
	/* Of port.pci, "" when there is none: */
	char pci_driver[64], pci_iommu_group[32];
	bool is_pci_there, can_open_group;
	bool is_tap_there;     /* an interface of the tap's name, made beforehand */
	uint64_t packet_bytes; /* memory of all packet buffers */
};

/* A capability by its bit and its name. */
struct capability_row {
	unsigned int bit;
	const char *name;
	unsigned int modes; /* that need it, bits 1 << enum port_mode */
};
#define PORT_CAPABILITIES 6
extern const struct capability_row port_capabilities[PORT_CAPABILITIES];

/* Whether `mode` lacks a capability. CAP_SYS_ADMIN stands in for CAP_BPF. */
bool port_lacks_capability(const struct port_facts *facts, const struct capability_row *row,
			   enum port_mode mode);

/* The needs of the configured mode: [{"what","met","found","remedy"}...]. Returns whether all are
 * met. */
bool port_needs_check(const struct port_facts *facts, json_t *needs);
/* What would help: [{"command","why"}...]. */
void port_advise(const struct port_facts *facts, json_t *advice);
