/* The part of /metrics about slices and their tenants. Control thread. */
#pragma once

#include <glib.h>

struct node;

/* Series per slice and class, of at most SLICES_MAX slices, and per tenant in all, of the busiest
 * METRICS_TENANTS_MAX tenants: their number is bounded. */
#define METRICS_TENANTS_MAX 100

void metrics_render_slices(struct node *node, GString *out);
