/* Where the packet path's time goes (media/profile.h), for the admin socket (`stats.profile`, which
 * says what is in it) and /metrics. Control thread. */
#pragma once

#include <glib.h>

struct json_t;
struct node;

/* NULL: no memory. Totals since the start. */
struct json_t *profile_report(struct node *node);
void profile_render(struct node *node, GString *out);
