/* The host candidates we offer: where browsers may reach our one UDP port. Control thread. */
#pragma once

#include <stdbool.h>

#include "conf/config.h"
#include "gateway/sdp.h"

/* Fills `out` (room SDP_CANDIDATES_MAX), best first, from the configured listen addresses
 * (wildcards become the interfaces' addresses) and the public ones. Loopback addresses are offered
 * when `include_loopback` (the browser signalled over loopback), or when they are listened on by
 * name. Returns how many. */
unsigned int candidates_gather(const struct gateway_config *config, uint16_t udp_port,
			       bool include_loopback, struct sdp_candidate *out);
