/* The host candidates we offer: where browsers may reach our one UDP port. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "gateway/sdp.h"

/* Fills `out` (room SDP_CANDIDATES_MAX), best first, from the configured listen addresses
 * (wildcards become the interfaces' addresses) and the public ones. Loopback addresses are offered
 * when `include_loopback` (the browser signalled over loopback), or when they are listened on by
 * name. Returns how many. */
unsigned int candidates_gather(const struct gateway_config *config, uint16_t udp_port,
			       bool include_loopback, struct sdp_candidate *out);

struct candidates_kept {
	struct sdp_candidate list[SDP_CANDIDATES_MAX];
	unsigned int n;
	uint64_t until_ns;
};

/* What was gathered last. Zeroed at first. */
struct candidates {
	struct candidates_kept kept[2]; /* without and with loopback */
};

/* Interfaces are looked through at most so often: it takes the kernel longer than the rest of an
 * answer. */
#define CANDIDATES_KEPT_NS 1000000000ull

/* candidates_gather, of CANDIDATES_KEPT_NS ago at most. *out is borrowed, until the next call. */
unsigned int candidates_get(struct candidates *candidates, const struct gateway_config *config,
			    uint16_t udp_port, bool include_loopback, uint64_t now_ns,
			    const struct sdp_candidate **out);
/* The configuration has changed. */
void candidates_forget(struct candidates *candidates);
