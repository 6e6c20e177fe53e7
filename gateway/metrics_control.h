/* What the parts of /metrics share, and the part about who pays: control plane, journal, quotas.
 * Control thread. */
#pragma once

#include <glib.h>

struct node;

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

/* "# HELP" and "# TYPE". */
void metrics_head(GString *out, const char *name, const char *help, enum metric_type type);
void metrics_render_control(struct node *node, GString *out);
