/* What a running node reads again. Control thread. */
#pragma once

struct node;

/* control.mode: none. Tenants and slices of tenants.yaml, with nothing accounted. On a fault
 * (logged line by line) they stay as they were. */
int node_load_tenants(struct node *node);
/* SIGHUP: gateway.yaml, tenants, certificate. */
void node_reload(struct node *node);
