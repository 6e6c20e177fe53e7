/* What a change of the tenants does to those who are in: sessions of a paused tenant pause, those
 * of an active one go on (standing, rate and budget permitting), those of one that is gone end;
 * they move along when it moves to another slice. The change comes from the control plane, or from
 * tenants.yaml. Control thread. */
#pragma once

#include "gateway/session.h"

struct node;

/* Its standing, policy or credit changed, or it is gone. */
void feed_tenant_changed(struct node *node, struct tenant *tenant);
/* All of them may have. */
void feed_tenants_changed(struct node *node);
/* Ends all of a tenant's sessions; returns how many. */
unsigned int feed_terminate(struct node *node, const struct tenant *tenant,
			    enum session_reason reason);
