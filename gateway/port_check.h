/* `nn5g-gateway --port-check`: what this machine and this process can do for each port mode,
 * whether the configured mode can run, and the commands that would make it run or run better.
 * Changes nothing. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "conf/config.h"

/* Writes the report, as text or (`json`) as one JSON object. Returns 0 when the configured mode can
 * run, else 1; -ENOMEM. */
int port_check(const struct gateway_config *config, bool json, FILE *out);
