/* control: embedded. nn5g-control as a child of the gateway, on an SQLite file beside it: started,
 * started again (with a growing pause) when it dies, ended with us. Control thread. */
#pragma once

struct control_child;
struct node;

/* Negative errno, logged: no such program. */
int control_child_start(struct node *node, struct control_child **out);
/* SIGTERM, waits up to 5 s, SIGKILL. Takes NULL. */
void control_child_stop(struct control_child *child);
/* tenants.yaml changed: the child imports it again (SIGHUP). */
void control_child_reload(struct control_child *child);
