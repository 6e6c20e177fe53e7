/* control.mode: embedded. nn5g-control as a child of the gateway: started, started again (with a
 * growing pause) when it dies, ended with us. Its log lines go to our standard error. Control
 * thread. */
#pragma once

#include <stdint.h>

struct control_child;
struct node;

/* Negative errno, logged: -ENOENT, no such program. */
int control_child_start(struct node *node, struct control_child **out);
/* SIGTERM, waits up to 5 s, SIGKILL. Takes NULL. */
void control_child_stop(struct control_child *child);
/* tenants.yaml changed: the child imports it again (SIGHUP). */
void control_child_reload(struct control_child *child);
/* How often it ended by itself. */
uint64_t control_child_ends(const struct control_child *child);
