/* How gateway.yaml wants packets to be marked (qos.dscp). Control thread. */
#pragma once

#include "qos/traffic_class.h"

struct gateway_config;

/* Packets over the committed rate of their source get the next drop precedence where their class
 * has one (AF, RFC 2597), else the same mark. */
void marking_map(const struct gateway_config *config, struct dscp_map *map);
