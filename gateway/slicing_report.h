/* The slices and their tenants as JSON, for the admin socket (`stats.slices`, which says what is in
 * it), nn5gctl and the console (GET /slices). Control thread. */
#pragma once

#include "qos/traffic_class.h"

#define SLICING_TENANTS_MAX 256 /* told by default: the busiest */

struct json_t;
struct node;

extern const char *const slicing_color_names[PACKET_COLORS];

/* NULL: no memory. Totals since the start; a tenant that never had a session here has none. */
struct json_t *slicing_report(struct node *node, unsigned int tenants_max);
